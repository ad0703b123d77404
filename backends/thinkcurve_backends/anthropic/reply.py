"""What the Messages API answers, whole or in events, as a `Generation`.

The bytes are read here and not by the SDK, whose types validate every event: see `backend`. Nothing half-read is ever
returned: a message without an end, blocks that begin twice and an error among the events are a `BackendError`. What
the model wrote is taken as it is.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from thinkcurve.backend import Generation, Stop, Usage, Visibility
from thinkcurve.errors import BackendError
from thinkcurve_backends.anthropic.abilities import Abilities
from thinkcurve_backends.endpoint.faults import one_line
from thinkcurve_backends.endpoint.sse import DONE, EventReader, is_doubled
from thinkcurve_backends.json_body import count, decoded

ENDS = {
    "end_turn": Stop.EOS,
    "stop_sequence": Stop.STOP,
    "max_tokens": Stop.LENGTH,
    "model_context_window_exceeded": Stop.CONTEXT,
    "refusal": Stop.REFUSAL,
}
"""By ``stop_reason`` (`anthropic.types.StopReason`). A refusal, the model's or that of a classifier beside it, is what
whoever asks gets, today and tomorrow: an answer that is none, and no fault. ``stop_details`` in ``raw`` say why."""
UNFINISHED = ("pause_turn", "tool_use")
"""Of turns with tools, and none were offered."""
WRITTEN = "output_tokens"
"""At the beginning of a stream these counts stand for what is not known yet."""
Fault = Callable[[dict[str, Any]], BackendError]
"""The error that a document of the API is: `thinkcurve_backends.endpoint.api.Api.fault_inside`."""


class _Block(msgspec.Struct):
    type: str
    text: str | None = None
    thinking: str | None = None
    signature: str | None = None
    data: str | None = None


class _Message(msgspec.Struct):
    type: str = ""
    content: list[_Block] = []
    model: str | None = None
    stop_reason: str | None = None
    stop_sequence: str | None = None
    stop_details: dict[str, Any] | None = None
    usage: dict[str, Any] | None = None
    error: Any = None


class _Delta(msgspec.Struct):
    type: str | None = None
    text: str | None = None
    thinking: str | None = None
    signature: str | None = None
    stop_reason: str | None = None
    stop_sequence: str | None = None
    stop_details: dict[str, Any] | None = None


class _Event(msgspec.Struct):
    type: str = ""
    index: int = 0
    message: _Message | None = None
    content_block: _Block | None = None
    delta: _Delta | None = None
    usage: dict[str, Any] | None = None
    error: Any = None


_MESSAGE = msgspec.json.Decoder(_Message)
_EVENT = msgspec.json.Decoder(_Event)


@dataclass(slots=True)
class _Part:
    """One block of content as far as it has come."""

    type: str
    pieces: list[str] = field(default_factory=list)
    is_signed: bool = False
    is_open: bool = True

    def take(self, text: str | None, signature: str | None) -> None:
        if text:
            self.pieces.append(text)
        self.is_signed = self.is_signed or bool(signature)


@dataclass(slots=True)
class _Heard:
    """What has come of one message so far."""

    can: Abilities
    fault: Fault
    parts: dict[int, _Part] = field(default_factory=dict)
    has_begun: bool = False
    model: str | None = None
    end: _Delta | None = None
    usage: dict[str, Any] = field(default_factory=dict)
    last: bytes = b""

    def begin(self, message: _Message, *, is_whole: bool = False) -> None:
        if self.has_begun:
            raise broken("began its answer twice")
        self.has_begun = True
        self.model = message.model
        usage = message.usage or {}
        self._count(usage if is_whole else {name: usage[name] for name in usage if not name.startswith(WRITTEN)})

    def add(self, index: int, block: _Block) -> None:
        if not self.has_begun or index in self.parts or self.end is not None:
            raise broken(f"began block {index} of its answer out of turn")
        part = self.parts[index] = _Part(block.type)
        part.take(block.thinking if block.type == "thinking" else block.text, block.signature or block.data)

    def go_on(self, index: int, delta: _Delta) -> None:
        part = self.parts.get(index)
        if part is None or not part.is_open:
            raise broken(f"went on with block {index} of its answer, which is not open")
        part.take(delta.thinking if part.type == "thinking" else delta.text, delta.signature)

    def close(self, index: int) -> None:
        part = self.parts.get(index)
        if part is None or not part.is_open:
            raise broken(f"ended block {index} of its answer, which is not open")
        part.is_open = False

    def finish(self, delta: _Delta | None, usage: dict[str, Any] | None) -> None:
        self._count(usage)
        if delta is not None and delta.stop_reason is not None:
            if self.end is not None:
                raise broken("ended its answer twice")
            self.end = delta

    def joined(self, kind: str, between: str = "") -> str:
        texts = ("".join(part.pieces) for part in self.parts.values() if part.type == kind)
        return between.join(text for text in texts if text)

    def _count(self, usage: dict[str, Any] | None) -> None:
        """Counts are cumulative: the last one that is given holds."""
        self.usage.update({name: value for name, value in (usage or {}).items() if value is not None})


def read_message(raw: bytes, can: Abilities, max_tokens: int, fault: Fault) -> Generation:
    """A whole message. ``max_tokens``, of the request, tells a full context from a reached limit."""
    try:
        message: _Message = decoded(raw, _MESSAGE.decode)
    except ValueError as error:
        raise broken(f"answered with {len(raw)} bytes that are no message ({error})") from error
    heard = _Heard(can, fault)
    _take_whole(heard, message, raw)
    return _generation(heard, max_tokens)


async def read_events(chunks: AsyncIterator[bytes], can: Abilities, max_tokens: int, fault: Fault) -> Generation:
    """A message that comes as server-sent events with any borders between the chunks."""
    heard, reader = _Heard(can, fault), EventReader()
    async for chunk in chunks:
        for event in reader.feed(chunk):
            _take(heard, event.data)
        if reader.strange:
            raise broken(f"sent a stream with bytes that are no event: {one_line(repr(reader.strange[:40]), ())}")
    for event in reader.finish():
        _take(heard, event.data)
    return _generation(heard, max_tokens)


def broken(what: str) -> BackendError:
    """The error of an answer that is not one; the same request may do better."""
    return BackendError(f"the endpoint {what}", is_retryable=True)


def _take(heard: _Heard, data: bytes) -> None:
    if data.strip() == DONE:
        return
    try:
        event: _Event = decoded(data, _EVENT.decode)
    except ValueError as error:
        raise broken(f"sent an event that is none ({error})") from error
    if event.type == "content_block_delta" and event.delta is not None:
        if is_doubled(heard.last, data, event.delta.text or event.delta.thinking or ""):
            raise broken("sent an event twice")
        heard.go_on(event.index, event.delta)
    elif event.type == "content_block_start" and event.content_block is not None:
        heard.add(event.index, event.content_block)
    elif event.type == "content_block_stop":
        heard.close(event.index)
    elif event.type == "message_start" and event.message is not None:
        heard.begin(event.message)
    elif event.type == "message_delta":
        heard.finish(event.delta, event.usage)
    elif event.type == "error" or event.error is not None:
        raise heard.fault({"type": "error", "error": event.error})
    heard.last = data
    # message_stop and ping say nothing new; of other events the API warns that there may be some one day


def _take_whole(heard: _Heard, message: _Message, raw: bytes) -> None:
    if message.type == "error" or message.error is not None:
        raise heard.fault({"type": "error", "error": message.error})
    if message.type != "message":
        raise broken(f"answered with {len(raw)} bytes of JSON that are no message")
    heard.begin(message, is_whole=True)
    for index, block in enumerate(message.content):
        heard.add(index, block)
    end = _Delta(
        stop_reason=message.stop_reason, stop_sequence=message.stop_sequence, stop_details=message.stop_details
    )
    heard.finish(end, None)


def _generation(heard: _Heard, max_tokens: int) -> Generation:
    usage = _usage(heard.usage)
    stop = _stop(heard, usage, max_tokens)
    visibility, thinking = _shown(heard, usage)
    raw = dict(heard.usage)
    if heard.end is not None and heard.end.stop_details:
        raw["stop_details"] = heard.end.stop_details
    return Generation(
        text=heard.joined("text"),
        stop=stop,
        thinking=thinking,
        usage=usage,
        raw=raw,
        visibility=visibility,
        served_by=heard.model,
    )


def _stop(heard: _Heard, usage: Usage, max_tokens: int) -> Stop:
    reason = heard.end.stop_reason if heard.end is not None else None
    if reason is None or heard.end is None:
        raise broken("sent no whole answer: it gives no stop_reason")
    if reason in UNFINISHED:
        raise broken(f"stopped in the middle of a turn ({reason}), though no tools were offered")
    stop = ENDS.get(reason)
    if stop is None:
        raise BackendError(f"the endpoint ended an answer for a reason that is not known: {reason[:40]!r}")
    if stop is Stop.EOS and heard.end.stop_sequence is not None:
        return Stop.STOP  # llama.cpp calls both end_turn
    if stop is Stop.LENGTH and not heard.can.is_own and 0 < (usage.generated_tokens or 0) < max_tokens:
        return Stop.CONTEXT  # other servers have one word for both
    return stop


def _shown(heard: _Heard, usage: Usage) -> tuple[Visibility, str | None]:
    """How much of the thinking came, and what."""
    thinking = heard.joined("thinking", "\n\n")
    if thinking:
        return heard.can.shows, thinking
    kinds = {part.type for part in heard.parts.values()}
    if "redacted_thinking" in kinds or any(part.is_signed for part in heard.parts.values() if part.type == "thinking"):
        return Visibility.ENCRYPTED, None
    if usage.thinking_tokens:
        return Visibility.HIDDEN, None
    return Visibility.FULL, ""


def _usage(found: dict[str, Any]) -> Usage:
    """The provider's counts; its ``input_tokens`` are without those read from and written to a cache."""
    fresh, cached, written, generated = (
        count(found.get(name))
        for name in ("input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens", "output_tokens")
    )
    details = found.get("output_tokens_details")
    thinking = count(details.get("thinking_tokens")) if isinstance(details, dict) else None
    if generated is not None and thinking is not None and thinking > generated:
        generated = None  # one of the two is wrong, and the smaller one would hide it
    answer = None if generated is None or thinking is None else generated - thinking
    return Usage(
        prompt_tokens=None if fresh is None else fresh + (cached or 0) + (written or 0),
        cached_tokens=cached,
        cache_write_tokens=written,
        generated_tokens=generated,
        thinking_tokens=thinking,
        answer_tokens=answer,
        source="unknown" if thinking is None else "provider",
    )


def count_thinking(generation: Generation, encode: Callable[[str], Sequence[int]]) -> Generation:
    """``generation`` with its thinking counted by us, where it is shown whole and its provider did not count it."""
    usage = generation.usage
    if usage.thinking_tokens is not None or generation.thinking is None or generation.visibility != Visibility.FULL:
        return generation
    n = len(encode(generation.thinking)) if generation.thinking else 0
    answer = None if usage.generated_tokens is None else max(0, usage.generated_tokens - n)
    counted = msgspec.structs.replace(usage, thinking_tokens=n, answer_tokens=answer, source="client")
    return msgspec.structs.replace(generation, usage=counted)
