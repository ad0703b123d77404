"""A `Request` as the body of a message, or a `BackendError` where the API has no word for it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from thinkcurve.backend import Chat, Request, Sampling
from thinkcurve.errors import BackendError
from thinkcurve_backends.anthropic.abilities import Abilities

WITH_SAMPLING = "2023-06-01"
"""The last version of the API that takes temperature, top_p and top_k; 2026-10-21 refuses them at any value
(https://platform.claude.com/docs/en/api/versioning), and models since Claude Opus 4.7 do under either."""
NEUTRAL = Sampling(temperature=1.0)
"""How Anthropic's models draw tokens by themselves; saying so needs no parameter."""
TOP_P_THINKING = 0.95
"""With thinking the API takes no temperature and no top_k, and no top_p below this
(https://platform.claude.com/docs/en/build-with-claude/thinking)."""


class Settings(msgspec.Struct, frozen=True):
    """What of a body is the same for all requests to a model."""

    model: str
    version: str
    max_tokens: int = 0
    """Where neither request nor model says how many tokens there may be."""
    has_cache: bool = False
    extra: Mapping[str, Any] = {}


def message_body(settings: Settings, request: Request, can: Abilities) -> dict[str, Any]:
    """The body that asks for ``request``. Raises `BackendError` where that cannot be asked."""
    chat = _chat(request)
    most = _most(settings, request, can)
    body: dict[str, Any] = {"model": settings.model, "max_tokens": most, **_messages(chat)}
    thinking = _thinking(chat, most, can)
    if thinking is not None:
        body["thinking"] = thinking
    if chat.effort not in (None, "none"):
        body["output_config"] = {"effort": chat.effort}
    if request.stop:
        body["stop_sequences"] = list(request.stop)
    body.update(_sampling(settings, request, can, is_thinking=_is_on(thinking)))
    if settings.has_cache:
        body["cache_control"] = {"type": "ephemeral"}
    body.update(settings.extra)
    return body


def asks_off(request: Request) -> bool:
    """Whether a request wants no thinking at all."""
    chat = request.prompt
    return isinstance(chat, Chat) and (chat.budget_tokens == 0 or chat.effort == "none")


def _chat(request: Request) -> Chat:
    chat = request.prompt
    if not isinstance(chat, Chat):
        raise BackendError("the Messages API takes messages; it cannot continue token ids or plain text")
    if chat.prefix is not None:
        raise BackendError("the Messages API cannot go on inside a model's thinking (controls truncate and extend)")
    if request.stop_ids or request.thinking_budget is not None:
        raise BackendError("the Messages API takes neither stop ids nor budgets of a sampler (control server)")
    if request.top_logprobs is not None:
        raise BackendError("the Messages API gives no log-probabilities")
    return chat


def _messages(chat: Chat) -> dict[str, Any]:
    """Instructions to the system stand beside the messages, not among them."""
    system = "\n\n".join(turn.content for turn in chat.messages if turn.role == "system")
    turns = [{"role": turn.role, "content": turn.content} for turn in chat.messages if turn.role != "system"]
    return {"system": system, "messages": turns} if system else {"messages": turns}


def _most(settings: Settings, request: Request, can: Abilities) -> int:
    most = request.max_tokens if request.max_tokens > 0 else settings.max_tokens or can.max_tokens or can.default_tokens
    if not most:
        raise BackendError(
            "the Messages API wants to know how many tokens there may be, and this server does not say how many it "
            "gives; set option max_tokens",
            is_fatal=True,
        )
    if can.max_tokens is not None and most > can.max_tokens:
        raise BackendError(f"{most} tokens are asked for; {can.name or settings.model} gives at most {can.max_tokens}")
    return most


def _thinking(chat: Chat, most: int, can: Abilities) -> Mapping[str, Any] | None:
    if chat.budget_tokens == 0 or chat.effort == "none":
        if can.off is None:
            raise BackendError(f"the thinking of {can.name or 'this model'} cannot be turned off (budget 0)")
        return can.off
    if chat.effort is not None and not can.has_effort:
        raise BackendError(f"{can.name or 'this model'} takes no levels of effort (control effort)")
    if can.efforts and chat.effort is not None and chat.effort not in can.efforts:
        levels = ", ".join(can.efforts)
        raise BackendError(f"{can.name or 'this model'} has no level of effort {chat.effort!r}; it takes {levels}")
    if chat.budget_tokens is None and not can.needs_budget:
        return can.natural
    return _budget(chat.budget_tokens, most, can)


def _budget(wanted: int | None, most: int, can: Abilities) -> dict[str, Any]:
    """``enabled`` with a budget; ``None`` is as much as there is."""
    if not can.has_budgets:
        raise BackendError(f"{can.name or 'this model'} takes no token budgets (control native); use control effort")
    budget = most - 1 if wanted is None else wanted
    if budget < can.least:
        what = f"max_tokens {most} leave" if wanted is None else "the budget is"
        raise BackendError(f"{what} {budget} tokens for thinking; the least that is taken is {can.least}")
    if budget >= most:
        raise BackendError(
            f"a budget of {budget} tokens needs max_tokens above it, and there are {most}: ask for more answer tokens"
        )
    shown = {"display": "summarized"} if can.is_own else {}
    return {"type": "enabled", "budget_tokens": budget, **shown}


def _is_on(thinking: Mapping[str, Any] | None) -> bool:
    return thinking is not None and thinking["type"] in ("enabled", "adaptive")


def _sampling(settings: Settings, request: Request, can: Abilities, *, is_thinking: bool) -> dict[str, Any]:
    """How tokens are drawn, where that can be said. Anthropic's own API takes less of it the newer it is."""
    if request.leaves_sampling:
        return {}
    wanted = request.sampling if request.sampling.temperature > 0 else Sampling()
    if can.is_own and wanted == NEUTRAL:
        return {}
    if wanted.min_p:
        raise _unsaid("min_p", wanted.min_p, "the Messages API has no such parameter")
    said: dict[str, Any] = {"temperature": wanted.temperature}
    if wanted.top_p != 1.0:
        said["top_p"] = wanted.top_p
    if wanted.top_k:
        said["top_k"] = wanted.top_k
    if can.is_own:
        _check_own(said, settings.version, is_thinking=is_thinking)
        if said["temperature"] == NEUTRAL.temperature:
            del said["temperature"]
    return said


def _check_own(said: Mapping[str, Any], version: str, *, is_thinking: bool) -> None:
    if version > WITH_SAMPLING:
        name = next(name for name in said if name != "temperature" or said[name] != NEUTRAL.temperature)
        raise _unsaid(name, said[name], f"version {version} of the API has no such parameter")
    if is_thinking:
        for name, is_taken in (
            ("temperature", said["temperature"] == NEUTRAL.temperature),
            ("top_p", said.get("top_p", 1.0) >= TOP_P_THINKING),
            ("top_k", "top_k" not in said),
        ):
            if not is_taken:
                raise _unsaid(name, said[name], "a model that thinks does not take it")


def _unsaid(name: str, value: float, why: str) -> BackendError:
    return BackendError(
        f"Anthropic cannot be told {name} {value:g}: {why}; leave sampling to the provider, or set temperature to 1 "
        "and nothing else",
        is_fatal=True,
    )
