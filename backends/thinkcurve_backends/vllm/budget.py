"""vLLM's ``thinking_token_budget`` as control ``server``: what it is told, and what is done around it.

The engine looks for the last opening marker in the prompt, counts the tokens after it, and when there are as many as
the budget it makes one fixed sequence of tokens come next. It takes nothing but that same sequence for a natural end
(vLLM 0.32, ``v1/sample/thinking_budget_state.py``), so it is given the closing marker alone. A format that writes more
at a cut is routed round: the engine is stopped at the marker, and goes on after what the format wants was written.

A request without a budget that moves into the batch row of a finished one with a budget inherits what that one had
left (vLLM 0.32, ``sync_batch`` of the same file), so requests of both kinds are never mixed: `UNLIMITED`.

Older versions take the parameter and ignore it, so it is offered only after `probe` saw it work.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from thinkcurve.backend import Sampling, Stop, Tokenizer
from thinkcurve.budget import ThinkingFormat
from thinkcurve.errors import BackendError
from thinkcurve_backends.vllm.call import Call, Engine, Reply, Settled, settle

UNLIMITED = 1 << 30
"""A budget that ends nothing."""
PROBED = (0, 1, 3)
"""Budgets of the probe: 0 has a path of its own in vLLM, 1 and 3 show that tokens are counted."""
TAIL = 8
"""Ids that are decoded to see whether a text ends in a newline."""


@dataclass(frozen=True, slots=True)
class Written:
    """A generation under a budget: what is in it, and the replies that it was made of."""

    settled: Settled
    cached: int | None
    logprobs: tuple[float, ...]
    tops: tuple[dict[int, float], ...]


@dataclass(frozen=True, slots=True)
class Forcing:
    """How one model's thinking is ended, as token ids; ``close_ids`` and ``open_ids`` are one token each."""

    open_ids: tuple[int, ...]
    close_ids: tuple[int, ...]
    wrap_up_ids: tuple[int, ...]
    wrap_up_bare_ids: tuple[int, ...]
    empty_ids: tuple[int, ...]
    cue_ids: tuple[int, ...]
    drops_newline: bool

    def budget_of(self, prompt: Sequence[int], budget: int) -> int:
        """``budget`` as vLLM counts: from the last opening marker, so with what the template writes after it."""
        place = next((i for i in range(len(prompt) - 1, -1, -1) if prompt[i] == self.open_ids[0]), None)
        return budget if place is None else budget + len(prompt) - place - 1

    def is_plain(self, budget: int) -> bool:
        """Whether the format writes nothing but its marker at a cut, so that the engine can do it all."""
        return not self.cue_ids and not (self.wrap_up_ids if budget else self.empty_ids)


def forcing_of(thinking: ThinkingFormat, tokenizer: Tokenizer) -> Forcing | str:
    """The forcing of a format, or why vLLM cannot enforce budgets on it."""
    opening, closing = tokenizer.encode(thinking.open), tokenizer.encode(thinking.close)
    if len(opening) != 1 or len(closing) != 1 or thinking.ends_with != thinking.close:
        return (
            f"control server is not offered: vLLM knows a natural end only by one token, and {thinking.open!r} or "
            f"{thinking.close!r} are more than one"
        )

    def ids(text: str) -> tuple[int, ...]:
        return tokenizer.encode(text) if text else ()

    return Forcing(
        open_ids=opening,
        close_ids=closing,
        wrap_up_ids=ids(thinking.wrap_up),
        wrap_up_bare_ids=ids(thinking.wrap_up.removeprefix("\n")),
        empty_ids=ids(thinking.empty),
        cue_ids=ids(thinking.cue),
        drops_newline=thinking.wrap_up.startswith("\n"),
    )


async def probe(engine: Engine, forcing: Forcing, prompt: tuple[int, ...]) -> str:
    """Why the engine does not enforce budgets on this model; empty where it does.

    ``prompt`` ends where the thinking begins. Greedy thinking under a budget must be the free one up to the budget and
    then the closing marker, where the free one goes on thinking.
    """
    call = Call(prompt, max(PROBED) + 1, Sampling())
    try:
        free = (await engine.ask(call)).ids
        forced = []
        for budget in PROBED:
            asked = replace(call, max_tokens=budget + 1, budget=forcing.budget_of(prompt, budget))
            forced.append((await engine.ask(asked)).ids)
    except BackendError as error:
        if error.is_fatal or error.is_retryable:
            raise
        return f"it refuses budgets ({error})"
    if not any(len(free) > budget and free[budget] != forcing.close_ids[0] for budget in PROBED):
        return "the model ends its thinking at once when probed, so nothing can be told"
    for budget, ids in zip(PROBED, forced, strict=True):
        ends_early = forcing.close_ids[0] in free[:budget] or len(free) < budget
        if not ends_early and ids != free[:budget] + forcing.close_ids:
            return f"a budget of {budget} did not end the thinking there"
    return ""


async def generate(engine: Engine, forcing: Forcing, call: Call, budget: int) -> Written:
    """Thinking under ``budget``, what closes it, and the answer, in the ids of one generation."""
    told = replace(call, budget=forcing.budget_of(call.prompt, budget))
    if forcing.is_plain(budget):
        reply = await engine.ask(told)
        return _written(await settle(engine, call, reply), reply)
    if budget == 0:
        return await _go_on(engine, call, (), forcing.empty_ids + forcing.close_ids + forcing.cue_ids, None)
    rivals = max(1, call.logprobs or 0)
    reply = await engine.ask(replace(told, stop_ids=(*call.stop_ids, *forcing.close_ids), logprobs=rivals))
    if reply.ids[-1:] != forcing.close_ids or any(token in call.stop_ids for token in reply.ids):
        return _written(await settle(engine, call, reply), reply)
    thinking = reply.ids[:-1]
    if len(thinking) < budget or _is_own_end(call, reply):
        closing = forcing.close_ids
    else:
        closing = await _wrapped_up(engine, forcing, thinking) + forcing.close_ids + forcing.cue_ids
    return await _go_on(engine, call, thinking, closing, reply)


def _is_own_end(call: Call, reply: Reply) -> bool:
    """Whether the model itself would have closed in the very place where it was forced to: greedy, it can be told."""
    if call.sampling.temperature > 0 or not reply.tops:
        return False
    return max(reply.tops[-1].values()) <= reply.logprobs[-1]


async def _wrapped_up(engine: Engine, forcing: Forcing, thinking: tuple[int, ...]) -> tuple[int, ...]:
    if forcing.drops_newline and (await engine.decode(thinking[-TAIL:])).endswith("\n"):
        return forcing.wrap_up_bare_ids
    return forcing.wrap_up_ids


async def _go_on(
    engine: Engine, call: Call, thinking: tuple[int, ...], closing: tuple[int, ...], first: Reply | None
) -> Written:
    """The answer after thinking and closing, as part of the same generation."""
    before = (thinking + closing)[: call.max_tokens]
    known = _odds_of(first, len(thinking), len(before), call)
    left = call.max_tokens - len(before)
    if left <= 0:
        cached = first.cached if first else None
        return Written(Settled(before, await engine.decode(before), Stop.LENGTH), cached, *known)
    asked = replace(call, prompt=call.prompt + before, max_tokens=left, budget=UNLIMITED)
    reply = await engine.ask(asked)
    end = await settle(engine, asked, reply)
    ids = before + end.ids
    whole = Settled(ids, await engine.decode(before) + end.text, end.stop)
    return Written(
        whole,
        first.cached if first else _within(reply.cached, len(call.prompt)),
        known[0] + reply.logprobs,
        known[1] + reply.tops,
    )


def _odds_of(
    first: Reply | None, n_thinking: int, n_before: int, call: Call
) -> tuple[tuple[float, ...], tuple[dict[int, float], ...]]:
    """Log-probabilities of what stands before the answer: not a number for what we wrote."""
    if call.logprobs is None:
        return (), ()
    n_known = min(n_thinking, n_before)
    ours = n_before - n_known
    known = first.logprobs[:n_known] if first else ()
    tops = first.tops[:n_known] if first else ()
    return known + (math.nan,) * ours, tops + ({},) * ours


def _within(cached: int | None, n_prompt: int) -> int | None:
    """What of the prompt came from the cache, where the engine was asked with more than the prompt."""
    return None if cached is None else min(cached, n_prompt)


def _written(settled: Settled, reply: Reply) -> Written:
    return Written(settled, reply.cached, reply.logprobs, reply.tops)
