"""Server-sent events as the WHATWG specifies them (https://html.spec.whatwg.org/multipage/server-sent-events.html).

Bytes go in with any borders between them, whole events come out. Of an event only its name and data are kept. One
thing is more lenient than the specification, which drops an event that no blank line ends: `EventReader.finish` hands
it out, for the caller to see whether it is whole, since servers exist that leave out the last line break.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

BOM = b"\xef\xbb\xbf"
DONE = b"[DONE]"
"""The data with which OpenAI, and all who speak like it, end a stream."""
FIELD = re.compile(rb"[a-z][a-z0-9_-]*")
"""The specification wants unknown fields to be passed over."""
EMPTY = BOM + b"\x00 \t"
LEAST_DOUBLED = 8


def is_doubled(before: object, event: object, text: str) -> bool:
    """Whether an event came twice in a row: a model may write a short token again, but hardly so many letters."""
    return before == event and len(text) > LEAST_DOUBLED and sum(map(str.isalnum, text)) > LEAST_DOUBLED


@dataclass(frozen=True, slots=True)
class Event:
    """One event: ``data`` lines joined by line feeds; ``name`` is empty where the server gives none."""

    name: bytes
    data: bytes


class EventReader:
    """Reads one stream."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []  # of the line that is not whole yet
        self._data: list[bytes] = []
        self._name = b""
        self._is_first = True
        self.strange = b""
        """The first line that is no field of an event: a sign that bytes were lost or mixed up."""

    def feed(self, chunk: bytes) -> list[Event]:
        """The events that end in ``chunk``."""
        self._parts.append(chunk)
        if b"\n" not in chunk and b"\r" not in chunk and not self._parts[0].endswith(b"\r"):
            return []
        text = b"".join(self._parts)
        held = b"\r" if text.endswith(b"\r") else b""  # a line feed may follow, and would be the same line break
        return self._read(text[: len(text) - len(held)], held)

    def finish(self) -> list[Event]:
        """What the end of the stream leaves: at most one event that no blank line ended."""
        events = self._read(b"".join(self._parts) + b"\n", b"")
        return events + self._dispatch()

    def _read(self, text: bytes, held: bytes) -> list[Event]:
        if self._is_first:
            self._is_first = False
            text = text.removeprefix(BOM)
        if b"\r" in text:
            text = text.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        *lines, rest = text.split(b"\n")
        self._parts = [rest + held] if rest or held else []
        events: list[Event] = []
        for line in lines:
            if not line:
                events += self._dispatch()
            else:
                self._take(line)
        return events

    def _take(self, line: bytes) -> None:
        field, colon, value = line.partition(b":")
        if field == b"data":
            self._data.append(value.removeprefix(b" "))
        elif field == b"event":
            self._name = value.removeprefix(b" ")
        elif field not in (b"", b"id", b"retry") and not (colon and FIELD.fullmatch(field)):
            self.strange = self.strange or (line if line.strip(EMPTY) else b"")

    def _dispatch(self) -> list[Event]:
        data, name = self._data, self._name
        self._data, self._name = [], b""
        return [Event(name, b"\n".join(data))] if data else []
