"""The body of one answer, decoded: as a whole, or event by event."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator
from typing import Any

from thinkcurve.errors import BackendError
from thinkcurve_backends.endpoint.faults import Faults, is_error
from thinkcurve_backends.endpoint.sse import DONE, Event, EventReader
from thinkcurve_backends.endpoint.wire import Answer
from thinkcurve_backends.json_body import decoded

EVENT_STARTS = (b"data:", b"event:", b"id:", b"retry:", b":", b"\xef\xbb\xbf")


class Body:
    """One answer to ``path``, its status seen to be good."""

    def __init__(self, answer: Answer, faults: Faults, base_url: str, path: str) -> None:
        self._answer = answer
        self._faults = faults
        self._base_url = base_url
        self._path = path
        self._chunks = answer.chunks()
        self.kind = answer.headers.get("content-type", "")
        self.is_read = False
        """Whether it is known that nothing more comes."""

    async def whole(self) -> Any:
        """The answer as one JSON document. An error that stands in it is raised."""
        return self._document(b"".join([part async for part in self._chunks]))

    async def events(self, needs_done: bool) -> AsyncGenerator[Any, None]:
        """Each event decoded, up to ``[DONE]``; a lone JSON document is one event."""
        first = b""
        while not first.strip():
            part = await anext(self._chunks, None)
            if part is None:
                break
            first += part
        if first.lstrip().startswith(EVENT_STARTS) or "event-stream" in self.kind:
            return self._sent_events(first, needs_done)
        if "ndjson" in self.kind or "jsonl" in self.kind:
            return self._lines(first)
        return self._alone(first)

    async def drain(self) -> None:
        """Read what is left, so that the connection can be used again."""
        async for _ in self._chunks:
            pass

    async def _sent_events(self, first: bytes, needs_done: bool) -> AsyncGenerator[Any, None]:
        reader, is_done = EventReader(), False
        found: Iterator[Event] = iter(reader.feed(first))
        while True:
            if reader.strange and not is_done:
                shown = self._faults.line(repr(reader.strange[:40]))
                raise self._cut(f"a stream with bytes that are no event: {shown}")
            for event in found:
                if event.data.strip() == DONE:
                    is_done = True
                elif not is_done and event.data:
                    yield self._decoded(event)
            part = await anext(self._chunks, None)
            self.is_read = part is None
            if is_done:
                return
            if part is None:
                break
            found = iter(reader.feed(part))
        for event in reader.finish():
            if event.data.strip() == DONE:
                return
            yield self._decoded(event)
        if needs_done:
            raise self._cut("a stream without its end")

    async def _lines(self, first: bytes) -> AsyncGenerator[Any, None]:
        rest = first
        while True:
            *lines, rest = rest.split(b"\n")
            for line in lines:
                if line.strip():
                    yield self._decoded(Event(b"", line))
            part = await anext(self._chunks, None)
            if part is None:
                break
            rest += part
        if rest.strip():
            yield self._decoded(Event(b"", rest))

    async def _alone(self, first: bytes) -> AsyncGenerator[Any, None]:
        yield self._document(first + b"".join([part async for part in self._chunks]))

    def _decoded(self, event: Event) -> Any:
        try:
            document = decoded(event.data)
        except ValueError as error:
            if event.name == b"error":
                raise self._faults.inside({"error": event.data.decode("utf-8", "replace")}, self._path) from None
            raise self._cut(f"an event of {len(event.data)} bytes that is no JSON ({error})") from None
        if event.name == b"error" or is_error(document):
            raise self._faults.inside(document, self._path)
        return document

    def _document(self, raw: bytes) -> Any:
        try:
            document = decoded(raw)
        except ValueError as error:
            kind = self._faults.line(self.kind or "no type")
            raise self._cut(f"{len(raw)} bytes of {kind} that are no JSON ({error})") from None
        if is_error(document):
            raise self._faults.inside(document, self._path)
        return document

    def _cut(self, what: str) -> BackendError:
        return BackendError(f"{self._base_url} answered {self._path} with {what}", is_retryable=True)
