"""A `Request` as the JSON body of a chat completion, or a `BackendError` where the endpoint has no word for it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from thinkcurve.backend import Chat, Request, Sampling
from thinkcurve.errors import BackendError
from thinkcurve_backends.chat.dialect import Dialect

SEEDS = 1 << 31
"""Seeds are sent below this: servers keep them in 32 bits with a sign."""
NEUTRAL = Sampling(temperature=1.0)
"""Sampling by the model's own probabilities."""


def chat_body(model: str, request: Request, dialect: Dialect, *, stream: bool = False) -> dict[str, Any]:
    """The body that asks ``model`` for ``request``. Raises `BackendError` (of this request alone) where it cannot."""
    chat = chat_of(request, dialect)
    body: dict[str, Any] = {"model": model, "messages": _messages(chat, dialect)}
    if chat.prefix is not None:
        merge(body, dialect.prefill_body)
    else:
        ask_to_think(body, chat, dialect)
    limit(body, request, dialect)
    draw(body, request, dialect)
    end(body, request, dialect)
    if stream:
        body["stream"] = True
        if dialect.has_stream_usage:
            body["stream_options"] = {"include_usage": True}
    merge(body, dialect.extra)
    return body


def chat_of(request: Request, dialect: Dialect) -> Chat:
    """The chat that a request is. Raises `BackendError` for what no chat endpoint can do."""
    chat = request.prompt
    if not isinstance(chat, Chat):
        raise BackendError(f"{dialect.name} takes messages; it cannot continue token ids or plain text")
    if request.stop_ids or request.thinking_budget is not None:
        raise BackendError(f"{dialect.name} takes neither stop ids nor budgets of a sampler (control server)")
    if request.top_logprobs is not None:
        raise BackendError(f"{dialect.name} is not asked for log-probabilities: a chat gives them without token ids")
    if chat.prefix is not None and dialect.prefill is None:
        raise BackendError(f"{dialect.name} cannot go on with a prefix of the assistant's turn")
    return chat


def ask_to_think(body: dict[str, Any], chat: Chat, dialect: Dialect) -> None:
    """Write budget, level or neither into ``body``. Raises `BackendError` where the endpoint has no word for it."""
    if chat.effort is not None:
        _ask_effort(body, chat.effort, dialect)
    elif chat.budget_tokens == 0:
        _turn_off(body, dialect)
    elif chat.budget_tokens is not None:
        if not dialect.budget:
            raise BackendError(f"{dialect.name} takes no token budgets (control native)")
        merge(body, dialect.on)
        put(body, dialect.budget, chat.budget_tokens)
    else:
        merge(body, dialect.on)


def limit(body: dict[str, Any], request: Request, dialect: Dialect) -> None:
    """Write how many tokens may come, thinking and answer together."""
    most = request.max_tokens
    if most <= 0 and not dialect.default_is_most:
        if dialect.max_output_tokens is None:
            raise BackendError(
                f"{dialect.name} gives few tokens where none are asked for, and the model's most is not known; "
                "set max_output_tokens in the study, or as an option",
                is_fatal=True,
            )
        most = dialect.max_output_tokens
    if most > 0:
        put(body, dialect.max_tokens, most)


def draw(body: dict[str, Any], request: Request, dialect: Dialect) -> None:
    """Write how tokens are drawn, and the seed."""
    is_greedy = not request.leaves_sampling and request.sampling.temperature <= 0
    if dialect.seed and (dialect.seeds_greedy or not is_greedy):
        put(body, dialect.seed, request.seed % SEEDS)
    if request.leaves_sampling:
        return
    wanted = request.sampling if request.sampling.temperature > 0 else Sampling()
    for name in ("temperature", "top_p", "top_k", "min_p"):
        value = getattr(wanted, name)
        is_neutral = value == getattr(NEUTRAL, name)
        if name in dialect.sampling:
            if dialect.sends_neutral or name == "temperature" or not is_neutral:
                body[name] = value
        elif not is_neutral:
            raise BackendError(
                f"{dialect.name} does not take {name} ({value:g}); leave sampling to the provider, or set it to "
                f"{getattr(NEUTRAL, name):g}"
            )


def end(body: dict[str, Any], request: Request, dialect: Dialect) -> None:
    """Write what texts end the generation."""
    if not request.stop:
        return
    if not dialect.stop:
        raise BackendError(f"{dialect.name} takes no stop texts")
    if dialect.stops_are_tokens:
        raise BackendError(f"{dialect.name} is not given stop texts: only those of one token work there")
    if dialect.most_stops is not None and len(request.stop) > dialect.most_stops:
        raise BackendError(f"{dialect.name} takes at most {dialect.most_stops} stop texts, not {len(request.stop)}")
    put(body, dialect.stop, list(request.stop))


def put(body: dict[str, Any], path: str, value: object) -> None:
    """Set the field at a dotted path, making objects on the way."""
    *way, last = path.split(".")
    for name in way:
        found = body.get(name)
        if not isinstance(found, dict):
            found = body[name] = {}
        body = found
    body[last] = value


def merge(body: dict[str, Any], more: Mapping[str, Any]) -> None:
    """Set the fields of ``more``, those of objects within objects one by one."""
    for name, value in more.items():
        if isinstance(value, Mapping):
            found = body.get(name)
            inner = dict(found) if isinstance(found, dict) else {}  # what a dialect holds is never written to
            merge(inner, value)
            body[name] = inner
        else:
            body[name] = value


def _messages(chat: Chat, dialect: Dialect) -> list[dict[str, Any]]:
    turns: list[dict[str, Any]] = [{"role": turn.role, "content": turn.content} for turn in chat.messages]
    if chat.prefix:
        turns.append({"role": "assistant", "content": chat.prefix, **(dialect.prefill or {})})
    return turns


def _ask_effort(body: dict[str, Any], level: str, dialect: Dialect) -> None:
    if level == "none" and "none" not in dialect.efforts and dialect.off is not None:
        merge(body, dialect.off)
        return
    if not dialect.effort:
        raise BackendError(f"{dialect.name} takes no levels of effort (control effort)")
    if dialect.efforts and level not in dialect.efforts:
        raise BackendError(f"{dialect.name} has no level of effort {level!r}; it takes {', '.join(dialect.efforts)}")
    if level != "none":
        merge(body, dialect.on)
    put(body, dialect.effort, dialect.efforts.get(level, level))


def _turn_off(body: dict[str, Any], dialect: Dialect) -> None:
    if dialect.off is not None:
        merge(body, dialect.off)
    elif dialect.budget and dialect.native is not None and dialect.native.has_zero:
        put(body, dialect.budget, 0)
    else:
        raise BackendError(f"{dialect.name} cannot turn thinking off (budget 0)")
