"""Control ``server``: the engine's own sampler ends the thinking, and one generation holds thinking and answer.

Here such a generation is taken apart again into a trace, a cut and an answer, so that everything after it is as for
any other control. Greedy, it must be what `thinkcurve.pipeline` makes of the same budget: a test of every engine.
"""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from thinkcurve.backend import Continuation, Generation, Request, Stop
from thinkcurve.budget import Budget, Cut, Ending
from thinkcurve.errors import UsageError
from thinkcurve.opened import Prompt, storable
from thinkcurve.pipeline import answer, at_stop, flops_spent, ids_of
from thinkcurve.session import Session
from thinkcurve.store import Trace


@dataclass(frozen=True, slots=True)
class Served:
    """What one generation turned out to hold."""

    trace: Trace
    made: Cut
    answer: Generation


async def serve(session: Session, prompt: Prompt, sample: int, budget: Budget) -> Served:
    """Thinking and answer under the engine's own budget, in one generation.

    The answer's reserve is never eaten by thinking; thinking that stopped early leaves room that a long answer could
    take, so what is beyond the reserve is cut off here. A natural end at exactly the budget cannot be told from a
    forced one where the format writes nothing but its marker, and counts as forced. Thinking that was never closed,
    because the model ended its turn or the context was full, is closed by us and answered in a second generation.
    """
    if prompt.prefix_ids:
        raise UsageError(
            f"problem {prompt.problem.id} begins its answers with a text of ours, for which an engine that thinks and "
            "answers in one go leaves no place; use control truncate"
        )
    limit = session.limit(prompt, budget)
    seed = session.seed(prompt, sample, "trace", budget)
    request = Request(
        prompt=Continuation(token_ids=prompt.token_ids),
        max_tokens=limit + session.markers.longest + session.study.answer_tokens,
        sampling=session.sampling,
        seed=seed,
        thinking_budget=budget,
    )
    generation = await session.generate(request)
    ids = ids_of(generation)
    made, n_before = _split(session, ids, generation.stop, limit, budget)
    if n_before is None:
        trace = _trace(session, prompt, sample, budget, seed, generation, made, len(ids))
        return Served(trace, made, await answer(session, prompt, sample, made, separate=budget))
    kept = ids[n_before:][: session.study.answer_tokens]
    return Served(
        trace=_trace(session, prompt, sample, budget, seed, generation, made, len(ids) - len(kept)),
        made=made,
        answer=_answer(session, prompt, generation, kept, n_before),
    )


def _split(session: Session, ids: tuple[int, ...], stop: Stop, limit: int, budget: Budget) -> tuple[Cut, int | None]:
    """The thinking of a generation, and how many ids come before its answer; ``None`` where it was never closed."""
    if budget is not None and len(ids) >= limit:
        forced = Cut(ids[:limit], Ending.BUDGET)
        closing = session.closing(forced)
        if ids[limit : limit + len(closing)] == closing:
            return forced, limit + len(closing)
    end = _natural_end(session, ids)
    if end is not None:
        return Cut(ids[: end[0]], Ending.CLOSED), end[1]
    if stop is Stop.EOS and len(ids) <= limit:
        return Cut(ids, Ending.EOS), None
    if budget is None or stop is Stop.CONTEXT:
        return Cut(ids[:limit], Ending.CONTEXT), None
    return Cut(ids, Ending.BUDGET), len(ids)  # the engine did not keep to its budget: that is what it thought


def _natural_end(session: Session, ids: tuple[int, ...]) -> tuple[int, int] | None:
    """Where the model's own closing marker begins and ends; one of several tokens may be spelled with other ones."""
    close = session.markers.close_ids
    for place in range(len(ids) - len(close) + 1):
        if ids[place : place + len(close)] == close:
            return place, place + len(close)
    at = session.tokenizer.decode(ids).find(session.thinking.close) if len(close) > 1 else -1
    if at < 0:
        return None
    lengths = [len(session.tokenizer.decode(ids[:n])) for n in range(len(ids) + 1)]
    before = max(n for n, length in enumerate(lengths) if length <= at)
    return before, next(n for n, length in enumerate(lengths) if length >= at + len(session.thinking.close))


def _trace(
    session: Session,
    prompt: Prompt,
    sample: int,
    budget: Budget,
    seed: int,
    generation: Generation,
    made: Cut,
    n_spent: int,
) -> Trace:
    """The thinking as a trace of its own; ``n_spent`` ids of the generation are not the answer's."""
    usage = generation.usage
    n_prompt = len(prompt.token_ids) if usage.prompt_tokens is None else usage.prompt_tokens
    return Trace(
        model=session.spec,
        task=prompt.problem.task,
        problem=prompt.problem.id,
        sample=sample,
        budget=budget,
        seed=seed,
        prompt_tokens=n_prompt,
        prompt_digest=prompt.digest,
        thinking_tokens=len(made.thinking_ids),
        token_ids=made.thinking_ids,
        text=storable(session.tokenizer.decode(made.thinking_ids)),
        ending=made.ending,
        cached_tokens=usage.cached_tokens,
        generated_spent=n_spent,
        flops_spent=flops_spent(session, n_prompt + n_spent, usage.cached_tokens),
        wall_s=_share(generation, n_spent),
        usd_spent=session.cost(usage, n_prompt, len(generation.token_ids or ())),
    )


def _answer(
    session: Session, prompt: Prompt, generation: Generation, kept: tuple[int, ...], n_before: int
) -> Generation:
    """The part after the thinking as a generation of its own, ``kept`` within the answer's reserve.

    ``cached_tokens`` is all that came before it: none of that was computed for the answer. Its trace bears the cost.
    """
    is_cut = len(generation.token_ids or ()) > n_before + len(kept)
    cached = None if generation.usage.cached_tokens is None else len(prompt.token_ids) + n_before
    own = Generation(
        text=session.tokenizer.decode(kept),
        stop=Stop.LENGTH if is_cut else generation.stop,
        token_ids=kept,
        usage=msgspec.structs.replace(generation.usage, prompt_tokens=None, cached_tokens=cached, usd=0.0),
        wall_s=_share(generation, len(kept)),
    )
    return at_stop(prompt.problem, own)


def _share(generation: Generation, n_tokens: int) -> float | None:
    """The part of a generation's time that ``n_tokens`` of it took."""
    n_all = len(generation.token_ids or ())
    if generation.wall_s is None:
        return None
    return generation.wall_s * n_tokens / n_all if n_all else generation.wall_s
