"""What a chat endpoint answers, whole or in chunks, as a `Generation`.

Nothing half-read is ever returned: an answer without a choice, without an end or with an error in it is a
`BackendError`. What the model wrote is taken as it is.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from thinkcurve.backend import Generation, Request, Stop, Usage, Visibility
from thinkcurve.errors import BackendError
from thinkcurve_backends.chat.dialect import Dialect
from thinkcurve_backends.chat.thinking import Habits, asks_off, check_off, split_as_usual
from thinkcurve_backends.chat.usage import merged, read_usage

Fault = Callable[[Mapping[str, Any]], BackendError]
"""The error that stands in a document, without secrets (`thinkcurve_backends.endpoint.api.Api.fault_inside`)."""

ENDS = {
    "stop": Stop.EOS,
    "eos": Stop.EOS,
    "eos_token": Stop.EOS,
    "end_turn": Stop.EOS,
    "tool_calls": Stop.EOS,  # none were offered: what it wrote is all that there is
    "function_call": Stop.EOS,
    "stop_sequence": Stop.STOP,
    "length": Stop.LENGTH,
    "max_tokens": Stop.LENGTH,
    "model_length": Stop.CONTEXT,  # Mistral
    "refusal": Stop.REFUSAL,
}
"""Why a generation ended, by ``finish_reason``."""
FILTERED = frozenset({"content_filter", "sensitive", "guardrail_intervened", "content_filtered"})
"""The provider's own filter, not the model: no answer came about."""
BROKEN = frozenset({"error", "abort", "insufficient_system_resource", "network_error", "cancelled"})
"""The server gave up: it may do better later."""
WHICH_STOP = ("stop_reason", "matched_stop", "stopping_word")
"""Where a choice says which stop text ended it (vLLM, SGLang, llama.cpp)."""
LONGEST_REPEATED = 8
"""A chunk of more characters than these that comes twice in a row was sent twice, not said twice."""


@dataclass(slots=True)
class Heard:
    """What has come of one reply so far."""

    content: list[str] = field(default_factory=list)
    thinking: list[str] = field(default_factory=list)
    refusal: list[str] = field(default_factory=list)
    kinds: set[str] = field(default_factory=set)
    """Kinds of OpenRouter's ``reasoning_details``."""
    finish: str | None = None
    stop_text: str | None = None
    usage: dict[str, Any] | None = None
    model: str | None = None
    n_parts: int = 0
    n_letters: int = 0
    n_repeated: int = 0
    """Parts that were the same as the one before them."""


def read_reply(
    document: object, dialect: Dialect, request: Request | None = None, *, fault: Fault, habits: Habits | None = None
) -> Generation:
    """A whole reply. ``request``, where it is given, tells a full context from a reached ``max_tokens``.

    ``habits`` are what was seen in replies before, and learn from this one.
    """
    heard = Heard()
    _take(heard, document, dialect, fault)
    return finished(heard, dialect, request, habits)


async def read_stream(
    events: AsyncIterator[Any],
    dialect: Dialect,
    request: Request | None = None,
    *,
    fault: Fault,
    habits: Habits | None = None,
) -> Generation:
    """A reply that comes in chunks, or as one whole document."""
    heard = Heard()
    before: object = None
    async for event in events:
        n_parts, n_letters = heard.n_parts, heard.n_letters
        _take(heard, event, dialect, fault)
        if heard.n_parts > n_parts and event == before:
            if heard.n_letters - n_letters > LONGEST_REPEATED:
                raise _broken(dialect, "sent a part of its answer twice")
            heard.n_repeated += 1
        before = event
    return finished(heard, dialect, request, habits)


def finished(
    heard: Heard, dialect: Dialect, request: Request | None = None, habits: Habits | None = None
) -> Generation:
    """What came, as a generation. Raises `BackendError` where it did not come to an end."""
    text, thinking = "".join(heard.content), "".join(heard.thinking)
    usage = read_usage(heard.usage, dialect, has_text=bool(text or thinking))
    stop = _stop(heard, dialect, request, usage)
    n = usage.generated_tokens
    if n is not None and heard.n_parts > n >= heard.n_parts - heard.n_repeated > 0:
        raise _broken(dialect, f"sent parts of its answer twice ({heard.n_parts} parts for {n} tokens)")
    if _is_prefixed(request):
        if thinking:
            raise BackendError(f"{dialect.name} takes the thinking out of a text that it goes on with")
        return Generation(text=text, stop=stop, usage=usage, raw=heard.usage, served_by=heard.model)
    seen, is_off = habits or Habits(), asks_off(request)
    if thinking:
        shown, seen.takes_apart = thinking, True
    else:
        is_cut = stop in (Stop.LENGTH, Stop.CONTEXT)
        shown, text = split_as_usual(text, dialect, seen, is_cut=is_cut, is_off=is_off)
    seen.shows = seen.shows or bool(shown.strip())
    if shown.strip() and usage.thinking_tokens == 0:  # vLLM, where the chat template opens the thinking
        usage = msgspec.structs.replace(usage, thinking_tokens=None, answer_tokens=None, source="unknown")
    visibility = _visibility(heard, shown, usage, dialect, shows=is_off or seen.shows)
    made = Generation(
        text=text,
        stop=stop,
        thinking=None if visibility in (Visibility.HIDDEN, Visibility.ENCRYPTED) else shown,
        usage=usage,
        raw=heard.usage,
        visibility=visibility,
        served_by=heard.model,
    )
    check_off(made, request, dialect)
    return made


def _take(heard: Heard, event: object, dialect: Dialect, fault: Fault) -> None:
    if not isinstance(event, dict):
        raise _broken(dialect, f"answered with {type(event).__name__} and no completion")
    if event.get("error") or event.get("object") == "error" or event.get("type") == "error":
        raise fault(event)
    if isinstance(event.get("model"), str):
        heard.model = event["model"]
    if isinstance(event.get("usage"), dict):
        heard.usage = merged(heard.usage, event["usage"])
    choices = event.get("choices")
    if not isinstance(choices, list) or not choices:
        return  # a chunk with usage alone; a reply without any end is found out in `finished`
    if not all(isinstance(choice, dict) for choice in choices):
        raise _broken(dialect, "answered with a choice that is no object")
    choice = next((one for one in choices if one.get("index") in (0, None)), None)
    if choice is not None:  # only one was asked for: others are some gateway's
        _take_choice(heard, choice, dialect, fault)


def _take_choice(heard: Heard, choice: dict[str, Any], dialect: Dialect, fault: Fault) -> None:
    if choice.get("error"):
        raise fault({"error": choice["error"]})
    if isinstance(choice.get("usage"), dict):
        heard.usage = merged(choice["usage"], heard.usage or {})  # Moonshot's streams
    message = choice.get("delta") if isinstance(choice.get("delta"), dict) else choice.get("message")
    if isinstance(message, dict):
        _hear(heard, message, dialect)
    elif isinstance(choice.get("text"), str):
        heard.n_parts += bool(choice["text"])
        heard.n_letters += len(choice["text"])
        heard.content.append(choice["text"])
    elif "delta" not in choice:
        raise _broken(dialect, "answered with a choice that holds no message")
    finish = choice.get("finish_reason")
    if isinstance(finish, str) and finish:
        finish = finish.lower()  # gateways to Google and Cohere hand on "STOP" and "MAX_TOKENS"
        if heard.finish not in (None, finish):
            raise _broken(dialect, f"named two ends of one answer ({heard.finish[:40]!r} and {finish[:40]!r})")
        heard.finish = finish
        heard.stop_text = next((choice[n] for n in WHICH_STOP if isinstance(choice.get(n), str) and choice[n]), None)


def _hear(heard: Heard, message: dict[str, Any], dialect: Dialect) -> None:
    content = message.get("content")
    thinking = next((message[n] for n in dialect.thinking if isinstance(message.get(n), str) and message[n]), "")
    if heard.finish is not None and (content or thinking):
        raise _broken(dialect, "went on after the end of its answer")
    if isinstance(content, str):
        heard.content.append(content)
    elif isinstance(content, list):
        for part in content:
            _hear_part(heard, part)
    if thinking:
        heard.thinking.append(thinking)
    heard.n_parts += bool(content or thinking)
    heard.n_letters += len(thinking) + (len(content) if isinstance(content, str) else 0)
    if isinstance(message.get("refusal"), str):
        heard.refusal.append(message["refusal"])
    details = message.get("reasoning_details")
    if isinstance(details, list):
        heard.kinds.update(str(detail.get("type")) for detail in details if isinstance(detail, dict))


def _hear_part(heard: Heard, part: object) -> None:
    """One part of a content in parts: Mistral's thinking is one, and holds parts of its own."""
    if isinstance(part, str):
        heard.content.append(part)
    elif isinstance(part, dict) and part.get("type") == "thinking":
        inner = part.get("thinking")
        parts = inner if isinstance(inner, list) else [inner]
        texts = [one.get("text") if isinstance(one, dict) else one for one in parts]
        heard.thinking.extend(text for text in texts if isinstance(text, str))
    elif isinstance(part, dict) and isinstance(part.get("text"), str):
        heard.content.append(part["text"])


def _stop(heard: Heard, dialect: Dialect, request: Request | None, usage: Usage) -> Stop:
    if heard.finish is None:
        raise _broken(dialect, "sent no whole answer: it names no end of it")
    if heard.finish in FILTERED:
        raise BackendError(f"the filter of {dialect.name} took the answer away (finish_reason {heard.finish!r})")
    if heard.finish in BROKEN:
        raise _broken(dialect, f"gave an answer up (finish_reason {heard.finish!r})")
    stop = ENDS.get(heard.finish)
    if stop is None:
        raise BackendError(f"{dialect.name} ended an answer for a reason that is not known: {heard.finish[:40]!r}")
    if "".join(heard.refusal).strip() and stop is Stop.EOS:
        return Stop.REFUSAL
    if stop is Stop.EOS and heard.stop_text is not None:
        return Stop.STOP
    if stop is Stop.LENGTH and request is not None and usage.generated_tokens is not None:
        return Stop.CONTEXT if 0 < usage.generated_tokens < request.max_tokens else Stop.LENGTH
    return stop


def _visibility(heard: Heard, shown: str, usage: Usage, dialect: Dialect, *, shows: bool) -> Visibility:
    """``shows`` says that where no thinking is shown there was none."""
    if shown:
        is_summary = "reasoning.summary" in heard.kinds and "reasoning.text" not in heard.kinds
        usual = Visibility.FULL if dialect.visibility is Visibility.HIDDEN else dialect.visibility
        return Visibility.SUMMARY if is_summary else usual
    if "reasoning.encrypted" in heard.kinds:
        return Visibility.ENCRYPTED
    if usage.thinking_tokens:
        return Visibility.HIDDEN
    if usage.thinking_tokens == 0:
        return Visibility.FULL
    return dialect.visibility if shows else Visibility.HIDDEN


def _is_prefixed(request: Request | None) -> bool:
    return request is not None and getattr(request.prompt, "prefix", None) is not None


def _broken(dialect: Dialect, what: str) -> BackendError:
    return BackendError(f"{dialect.name} {what}", is_retryable=True)
