"""What a chat endpoint answers, whole or in chunks, as a `Generation`.

Nothing half-read is ever returned: an answer without a choice, without an end or with an error in it is a
`BackendError`. What the model wrote is taken as it is.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from thinkcurve.backend import Generation, Request, Stop, Usage, Visibility
from thinkcurve.errors import BackendError
from thinkcurve_backends.chat.dialect import Dialect, Fields

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
    n_repeated: int = 0
    """Parts that were the same as the one before them."""


def read_reply(document: object, dialect: Dialect, request: Request | None = None) -> Generation:
    """A whole reply. ``request``, where it is given, tells a full context from a reached ``max_tokens``."""
    heard = Heard()
    _take(heard, document, dialect)
    return finished(heard, dialect, request)


async def read_stream(events: AsyncIterator[Any], dialect: Dialect, request: Request | None = None) -> Generation:
    """A reply that comes in chunks, or as one whole document."""
    heard = Heard()
    before: object = None
    async for event in events:
        n_parts = heard.n_parts
        _take(heard, event, dialect)
        heard.n_repeated += heard.n_parts > n_parts and event == before
        before = event
    return finished(heard, dialect, request)


def finished(heard: Heard, dialect: Dialect, request: Request | None = None) -> Generation:
    """What came, as a generation. Raises `BackendError` where it did not come to an end."""
    usage = _usage(heard.usage, dialect)
    stop = _stop(heard, dialect, request, usage)
    n = usage.generated_tokens
    if n is not None and heard.n_parts > n >= heard.n_parts - heard.n_repeated > 0:
        raise _broken(dialect, f"sent parts of its answer twice ({heard.n_parts} parts for {n} tokens)")
    text, thinking = "".join(heard.content), "".join(heard.thinking)
    if _is_prefixed(request):
        if thinking:
            raise BackendError(f"{dialect.name} takes the thinking out of a text that it goes on with")
        return Generation(text=text, stop=stop, usage=usage, raw=heard.usage, served_by=heard.model)
    shown, text = (thinking, text) if thinking else split(text, dialect, is_cut=stop in (Stop.LENGTH, Stop.CONTEXT))
    if shown.strip() and usage.thinking_tokens == 0:  # vLLM, where the chat template opens the thinking
        usage = msgspec.structs.replace(usage, thinking_tokens=None, answer_tokens=None, source="unknown")
    visibility = _visibility(heard, shown, usage, dialect)
    return Generation(
        text=text,
        stop=stop,
        thinking=None if visibility in (Visibility.HIDDEN, Visibility.ENCRYPTED) else shown,
        usage=usage,
        raw=heard.usage,
        visibility=visibility,
        served_by=heard.model,
    )


def split(text: str, dialect: Dialect, *, is_cut: bool = False) -> tuple[str, str]:
    """(thinking, answer) of a content that holds both; markers and the white space beside them belong to neither.

    A closing marker without an opening one ends thinking that the chat template opened.
    """
    if not dialect.close:
        return "", text
    mark = dialect.open.strip()
    begins = bool(mark) and text.lstrip().startswith(mark)
    thinking, closed, answer = text.partition(dialect.close.strip())
    if not closed and not begins and not (is_cut and dialect.opens_unseen):
        return "", text  # an answer without any thinking
    if begins:
        thinking = thinking.lstrip().removeprefix(mark)
    elif mark and mark in thinking:
        return "", text  # an answer that speaks of such markers
    return thinking.strip("\n"), answer.lstrip("\n")


def count_thinking(generation: Generation, encode: Callable[[str], Sequence[int]]) -> Generation:
    """``generation`` with its thinking counted by us, where it is shown whole and nobody else counted it."""
    usage = generation.usage
    if usage.thinking_tokens is not None or generation.thinking is None or generation.visibility != Visibility.FULL:
        return generation
    n = len(encode(generation.thinking)) if generation.thinking else 0
    if usage.generated_tokens is not None:
        n = min(n, usage.generated_tokens)
    answer = None if usage.generated_tokens is None else usage.generated_tokens - n
    counted = msgspec.structs.replace(usage, thinking_tokens=n, answer_tokens=answer, source="client")
    return msgspec.structs.replace(generation, usage=counted)


def at(found: object, path: str) -> Any:
    """What stands at a dotted path, at the first of several (``a|b``) where anything does; else ``None``."""
    for way in path.split("|") if path else ():
        here = found
        for name in way.split("."):
            here = here.get(name) if isinstance(here, dict) else None
        if here is not None:
            return here
    return None


def _take(heard: Heard, event: object, dialect: Dialect) -> None:
    if not isinstance(event, dict):
        raise _broken(dialect, f"answered with {type(event).__name__} and no completion")
    if event.get("error"):
        raise error_in_band(event["error"], dialect)
    if isinstance(event.get("model"), str):
        heard.model = event["model"]
    if isinstance(event.get("usage"), dict):
        heard.usage = event["usage"]
    choices = event.get("choices")
    if not isinstance(choices, list) or not choices:
        return  # a chunk with usage alone; a reply without any end is found out in `finished`
    choice = choices[0]
    if not isinstance(choice, dict):
        raise _broken(dialect, "answered with a choice that is no object")
    if choice.get("error"):
        raise error_in_band(choice["error"], dialect)
    if "usage" in choice and heard.usage is None and isinstance(choice["usage"], dict):
        heard.usage = choice["usage"]  # Moonshot's streams
    message = choice.get("delta") if isinstance(choice.get("delta"), dict) else choice.get("message")
    if isinstance(message, dict):
        _hear(heard, message, dialect)
    elif isinstance(choice.get("text"), str):
        heard.n_parts += bool(choice["text"])
        heard.content.append(choice["text"])
    elif "delta" not in choice:
        raise _broken(dialect, "answered with a choice that holds no message")
    if isinstance(choice.get("finish_reason"), str) and choice["finish_reason"]:
        heard.finish = choice["finish_reason"]
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


def _visibility(heard: Heard, shown: str, usage: Usage, dialect: Dialect) -> Visibility:
    if shown:
        is_summary = "reasoning.summary" in heard.kinds and "reasoning.text" not in heard.kinds
        return Visibility.SUMMARY if is_summary else dialect.visibility
    if "reasoning.encrypted" in heard.kinds:
        return Visibility.ENCRYPTED
    if usage.thinking_tokens:
        return Visibility.HIDDEN
    if usage.thinking_tokens == 0:
        return Visibility.FULL
    return dialect.visibility


def _usage(found: dict[str, Any] | None, dialect: Dialect) -> Usage:
    if found is None:
        return Usage()
    names: Fields = dialect.usage
    prompt, generated = _count(found, names.prompt), _count(found, names.generated)
    thinking, total = _count(found, names.thinking), _count(found, names.total)
    if thinking and generated is not None and total == (prompt or 0) + generated + thinking:
        generated += thinking  # xAI counts the thinking beside its completion
    answer = None if generated is None or thinking is None else max(0, generated - thinking)
    usd = at(found, names.usd)
    return Usage(
        prompt_tokens=prompt,
        cached_tokens=_count(found, names.cached),
        cache_write_tokens=_count(found, names.cache_write),
        generated_tokens=generated,
        thinking_tokens=thinking,
        answer_tokens=answer,
        source="unknown" if thinking is None else dialect.thinking_source,
        usd=usd * names.usd_unit if isinstance(usd, (int, float)) and not isinstance(usd, bool) else None,
    )


def _count(found: dict[str, Any], path: str) -> int | None:
    value = at(found, path)
    return value if type(value) is int and value >= 0 else None


def error_in_band(error: object, dialect: Dialect) -> BackendError:
    """An error that stands in a reply of status 200, as proxies send it."""
    code = error.get("code") or error.get("status") if isinstance(error, dict) else None
    message = error.get("message") if isinstance(error, dict) else error
    line = " ".join(str(message or "no reason given").split())[:300]
    number = int(code) if isinstance(code, (int, str)) and str(code).isdigit() else None
    return BackendError(
        f"{dialect.name} answered with an error ({code or 'no code'}): {line}",
        is_retryable=number is None or number in (408, 425, 429) or number >= 500,
        is_fatal=number in (401, 403, 404),
    )


def _is_prefixed(request: Request | None) -> bool:
    return request is not None and getattr(request.prompt, "prefix", None) is not None


def _broken(dialect: Dialect, what: str) -> BackendError:
    return BackendError(f"{dialect.name} {what}", is_retryable=True)
