"""A reply of Gemini as a `Generation`: whole, or in the pieces of a stream.

A content filter's word is no answer of the model's, and neither is anything that ended for a reason not known here:
both raise `BackendError`, so that nothing half-written is ever judged.
"""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec

from thinkcurve.backend import Generation, Stop, Usage, Visibility
from thinkcurve.errors import BackendError
from thinkcurve_backends.endpoint.faults import one_line
from thinkcurve_backends.endpoint.sse import is_doubled
from thinkcurve_backends.json_body import count

T = TypeVar("T")

STOPS = {"STOP": Stop.EOS, "MAX_TOKENS": Stop.LENGTH}
"""What is the model's own. A stop text and the natural end are both called STOP."""
FILTERS = frozenset(
    (
        *("SAFETY", "RECITATION", "LANGUAGE", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII", "MODEL_ARMOR", "ESCALATION"),
        *("IMAGE_SAFETY", "IMAGE_PROHIBITED_CONTENT", "IMAGE_RECITATION"),
    )
)
"""What a filter did. The same request would most likely meet it again."""
FAULTS = frozenset(
    (
        *("FINISH_REASON_UNSPECIFIED", "OTHER", "MALFORMED_RESPONSE", "MISSING_THOUGHT_SIGNATURE"),
        *("MALFORMED_FUNCTION_CALL", "UNEXPECTED_TOOL_CALL", "TOO_MANY_TOOL_CALLS", "NO_IMAGE", "IMAGE_OTHER"),
    )
)
"""What went wrong underway (no tools were offered): worth another try."""
ACCOUNT = "PUP_LIMITED_DISABLED"
CONTINUED = "CONTINUATION"
"""Google's own limit of one request; to go on would be another request, at another price, so it is not done."""


class Part(msgspec.Struct, rename="camel"):
    """A piece of text; a thought where ``thought``."""

    text: str | None = None
    thought: bool | None = None
    thought_signature: str | None = None


class Content(msgspec.Struct):
    """What was written."""

    parts: list[Part] | None = None


class Candidate(msgspec.Struct, rename="camel"):
    """One answer; one is asked for."""

    content: Content | None = None
    finish_reason: str | None = None


class Feedback(msgspec.Struct, rename="camel"):
    """What a filter says of the prompt."""

    block_reason: str | None = None


class Piece(msgspec.Struct, rename="camel"):
    """A reply, or a piece of one: as much of ``GenerateContentResponse`` as is read here."""

    candidates: list[Candidate] | None = None
    prompt_feedback: Feedback | None = None
    usage_metadata: dict[str, Any] | None = None
    model_version: str | None = None
    response_id: str | None = None


NOTHING = Piece()
COUNTS = ("prompt", "total", "thoughts", "candidates", "toolUsePrompt", "cachedContent")


class Reading:
    """A reply that is being read; `add` its pieces in order, then `generation`."""

    def __init__(self) -> None:
        self._answer: list[str] = []
        self._thinking: list[str] = []
        self._raw: dict[str, Any] = {}
        self._finish = ""
        self._block = ""
        self._version: str | None = None
        self._is_signed = False
        self._goes_on = False
        self._has_gap = False
        self._last: object = None
        self._is_doubled = False

    def add(self, document: object) -> None:
        """Read one piece, decoded JSON. Raises `BackendError` where it is none."""
        piece = _converted(document, Piece)
        self._has_gap = self._has_gap or piece == NOTHING
        self._is_doubled = self._is_doubled or is_doubled(self._last, document, _text(piece))
        self._last = document
        self._version = piece.model_version or self._version
        if piece.prompt_feedback is not None:
            self._block = piece.prompt_feedback.block_reason or self._block
        if piece.usage_metadata is not None:
            self._raw |= piece.usage_metadata  # each piece repeats the counts so far, and the last may leave some out
        for candidate in (piece.candidates or [])[:1]:
            self._add_candidate(candidate)

    def _add_candidate(self, candidate: Candidate) -> None:
        for part in (candidate.content.parts if candidate.content else None) or []:
            self._is_signed = self._is_signed or bool(part.thought_signature)
            if part.text:
                self._goes_on = self._goes_on or bool(self._finish)
                (self._thinking if part.thought else self._answer).append(part.text)
        self._finish = candidate.finish_reason or self._finish

    def generation(self, wall_s: float | None = None) -> Generation:
        """The whole reply. Raises `BackendError` where it is none of the model's."""
        stop = self._stop()
        usage = _usage(self._raw)
        thinking = "".join(self._thinking)
        return Generation(
            text="".join(self._answer),
            stop=stop,
            thinking=thinking or ("" if usage.thinking_tokens == 0 else None),
            usage=usage,
            wall_s=wall_s,
            raw=self._raw or None,
            visibility=_visibility(thinking, usage, self._is_signed),
            served_by=self._version,
        )

    def _stop(self) -> Stop:
        if self._block:
            raise BackendError(f"Google's filter blocked the prompt: {one_line(self._block, ())}")
        if self._goes_on or self._has_gap or self._is_doubled:
            what = "goes on after its end" if self._goes_on else "has an event in it that says nothing"
            what = "has an event in it twice" if self._is_doubled else what
            raise BackendError(f"Gemini's stream {what}: it is not whole", is_retryable=True)
        reason = self._finish
        if reason in STOPS:
            return STOPS[reason]
        if not reason:
            raise BackendError("Gemini's reply ended without a reason to: it is not whole", is_retryable=True)
        if reason in FILTERS:
            raise BackendError(f"Google's filter broke the answer off: {reason}")
        if reason == ACCOUNT:
            raise BackendError(f"Google answers this account no more ({reason}: its use policy)", is_fatal=True)
        if reason == CONTINUED:
            raise BackendError(f"Gemini's answer is longer than Google gives in one request ({reason})")
        if reason in FAULTS:
            raise BackendError(f"Gemini broke the answer off: {reason}", is_retryable=True)
        raise BackendError(f"Gemini ended the answer for {one_line(reason, ())!r}, which is not known here")


def _converted(document: object, kind: type[T]) -> T:
    try:
        return msgspec.convert(document, kind)
    except msgspec.ValidationError as error:
        raise BackendError(f"this is no reply of Gemini's: {one_line(str(error), ())}", is_retryable=True) from None


def _text(piece: Piece) -> str:
    contents = (candidate.content for candidate in piece.candidates or [])
    return "".join(part.text or "" for content in contents if content for part in content.parts or [])


def _usage(raw: dict[str, Any]) -> Usage:
    """Counts as Google gives them. Its JSON leaves zeros out, and its total holds prompt, thoughts and answer."""
    prompt, total, thinking, answer, tools, cached = (count(raw.get(f"{name}TokenCount")) for name in COUNTS)
    if cached is not None and prompt is not None and cached > prompt:
        cached = None
    if total is not None and prompt is not None:
        rest = total - prompt - (tools or 0) - (thinking or 0) - (answer or 0)
        if rest == 0:
            thinking, answer = thinking or 0, answer or 0
        elif rest > 0 and thinking is None and answer is not None:
            thinking = rest
        elif rest > 0 and answer is None and thinking is not None:
            answer = rest
    return Usage(
        prompt_tokens=prompt,
        cached_tokens=cached,
        thinking_tokens=thinking,
        answer_tokens=answer,
        source="unknown" if thinking is None else "provider",
        generated_tokens=None if thinking is None or answer is None else thinking + answer,
    )


def _visibility(thinking: str, usage: Usage, is_signed: bool) -> Visibility:
    """Thoughts that are shown are another model's summary of them: https://ai.google.dev/gemini-api/docs/thinking."""
    if thinking:
        return Visibility.SUMMARY
    if usage.thinking_tokens == 0:
        return Visibility.FULL
    return Visibility.ENCRYPTED if is_signed else Visibility.HIDDEN
