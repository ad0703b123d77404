"""Server-sent events as the WHATWG specifies them (https://html.spec.whatwg.org/multipage/server-sent-events.html).

Bytes go in with any borders between them, whole events come out. Of an event only its name and data are kept. One
thing is more lenient than the specification, which drops an event that no blank line ends: `EventReader.finish` hands
it out, for the caller to see whether it is whole, since servers exist that leave out the last line break.
"""

from __future__ import annotations

from dataclasses import dataclass

BOM = b"\xef\xbb\xbf"
DONE = b"[DONE]"
"""The data with which OpenAI, and all who speak like it, end a stream."""


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
        field, _, value = line.partition(b":")
        if field == b"data":
            self._data.append(value.removeprefix(b" "))
        elif field == b"event":
            self._name = value.removeprefix(b" ")

    def _dispatch(self) -> list[Event]:
        data, name = self._data, self._name
        self._data, self._name = [], b""
        return [Event(name, b"\n".join(data))] if data else []
