"""One problem, one sample: think once, cut at every budget, answer each cut.

Nothing here judges, writes or schedules; `runner` does. All joins are joins of token ids.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from thinkcurve.backend import Continuation, Generation, Request, Stop
from thinkcurve.budget import Budget, Cut, Ending, cut
from thinkcurve.compute import flops
from thinkcurve.errors import UsageError
from thinkcurve.opened import Prompt, add, graded, storable
from thinkcurve.problem import Judgement, Problem
from thinkcurve.session import Session
from thinkcurve.store import Attempt, Trace


async def think(
    session: Session,
    prompt: Prompt,
    sample: int,
    top: Budget,
    *,
    separate: Budget | None = None,
    known: Trace | None = None,
) -> Trace:
    """The trace up to budget ``top``; where ``known`` is a shorter one, it is gone on with, not made again.

    Under control ``extend`` a trace that the model ended is gone on with too, after "Wait" in place of its closing
    marker, as often as the study says (s1's budget forcing, arXiv 2501.19393, section 3.1).
    """
    trace = known
    if trace is None or not trace.ending.is_natural:
        trace = await _think_on(session, prompt, sample, top, separate, trace)
    while session.may_wait(prompt, trace, top):
        trace = await _think_on(session, prompt, sample, top, separate, _waiting(session, trace))
    return trace


def _waiting(session: Session, trace: Trace) -> Trace:
    """A trace that the model ended, with "Wait" written where it wanted to close."""
    ids = trace.token_ids + session.markers.wait_ids
    return msgspec.structs.replace(
        trace,
        token_ids=ids,
        thinking_tokens=len(ids),
        waits=(*trace.waits, len(trace.token_ids)),
        wait_endings=(*trace.wait_endings, trace.ending),
    )


async def _think_on(
    session: Session, prompt: Prompt, sample: int, top: Budget, separate: Budget | None, known: Trace | None
) -> Trace:
    """One generation of thinking, from the start or from what is ``known``.

    As many tokens more than ``top`` are asked for as the closing marker has: the marker in that place tells a natural
    end at exactly ``top`` tokens from a cut, and no trace ends within a marker of several tokens.
    """
    limit = session.limit(prompt, top)
    before = known.token_ids if known else ()
    position = "trace" if known is None else f"trace+{len(before)}"
    seed = session.seed(prompt, sample, position, separate)
    request = Request(
        prompt=Continuation(token_ids=prompt.token_ids + before),
        max_tokens=limit - len(before) + max(1, len(session.markers.end_ids)),
        sampling=session.sampling,
        seed=seed,
        stop_ids=session.markers.stop_ids,
        stop=() if session.markers.stop_ids else (session.thinking.ends_with,),
    )
    generation = await session.generate(request)
    new = ids_of(generation)
    ids = before + new
    usage = generation.usage
    n_prompt = len(prompt.token_ids) if usage.prompt_tokens is None else usage.prompt_tokens - len(before)
    return Trace(
        model=session.spec,
        task=prompt.problem.task,
        problem=prompt.problem.id,
        sample=sample,
        budget=separate,
        seed=seed if known is None else known.seed,
        prompt_tokens=n_prompt,
        prompt_digest=prompt.digest,
        thinking_tokens=min(len(ids), limit),
        token_ids=ids[:limit],
        text=storable(session.tokenizer.decode(ids[:limit])),
        ending=_ending(generation.stop, len(ids), limit, is_context=top is None),
        cached_tokens=usage.cached_tokens,
        generated_spent=len(new) + ((known.generated_spent or 0) if known else 0),
        flops_spent=add(
            flops_spent(session, n_prompt + len(ids), usage.cached_tokens), known.flops_spent if known else 0.0
        ),
        wall_s=add(generation.wall_s, known.wall_s if known else 0.0),
        waits=known.waits if known else (),
        wait_endings=known.wait_endings if known else (),
        wait_tokens=len(session.markers.wait_ids),
        usd_spent=add(
            session.cost(usage, len(prompt.token_ids) + len(before), len(new)), known.usd_spent if known else 0.0
        ),
    )


def flops_spent(session: Session, n_tokens: int, cached: int | None) -> float | None:
    """What a request really computed; unknown where the engine does not say what came from its cache."""
    return None if cached is None else flops(session.backend.model, n_tokens, already_computed=min(cached, n_tokens))


def _ending(stop: Stop, n_tokens: int, limit: int, *, is_context: bool) -> Ending:
    if stop is Stop.CONTEXT or (is_context and n_tokens > limit):
        return Ending.CONTEXT
    if n_tokens > limit or stop is Stop.LENGTH:
        return Ending.BUDGET
    return Ending.EOS if stop is Stop.EOS else Ending.CLOSED


def cuts(trace: Trace, ladder: Sequence[Budget]) -> list[tuple[Cut, list[Budget]]]:
    """The different cuts of a trace, longest first, each with the budgets it serves.

    Past a natural end all budgets share one cut, so one answer. Longest first lets an engine's KV cache shrink
    from prefix to prefix instead of being computed again.
    """
    groups: dict[tuple[int, bool], tuple[Cut, list[Budget]]] = {}
    for budget in ladder:
        made = _cut_before_wait(trace, budget) or cut(trace.token_ids, trace.ending, budget)
        groups.setdefault((len(made.thinking_ids), made.is_forced), (made, []))[1].append(budget)
    return [groups[key] for key in sorted(groups, reverse=True)]


def _cut_before_wait(trace: Trace, budget: Budget) -> Cut | None:
    """The cut of a budget with no room for thinking after a "Wait": the natural end before it stands, as it would have
    in a trace of that budget's own."""
    for end, ending in zip(trace.waits, trace.wait_endings, strict=True):
        if budget is not None and end <= budget <= end + trace.wait_tokens:
            return Cut(trace.token_ids[:end], ending)
    return None


async def answer(
    session: Session, prompt: Prompt, sample: int, made: Cut, *, separate: Budget | None = None
) -> Generation:
    """The answer after one cut, with the answer's own reserve of tokens."""
    joined = prompt.token_ids + made.thinking_ids + session.closing(made) + prompt.prefix_ids
    request = Request(
        prompt=Continuation(token_ids=joined),
        max_tokens=session.study.answer_tokens,
        sampling=session.sampling,
        seed=_answer_seed(session, prompt, sample, made, separate),
        stop=early_stops(prompt.problem),
        top_logprobs=session.study.logprobs,
    )
    return at_stop(prompt.problem, await session.generate(request))


def early_stops(problem: Problem) -> tuple[str, ...]:
    """The stop texts that an engine may stop at; one of white space alone could stand before the answer begins."""
    return tuple(text for text in problem.stop if problem.answer_prefix or not text.isspace())


def at_stop(problem: Problem, generation: Generation) -> Generation:
    """The answer up to its first stop text, for problems that have any; its tokens are all that were generated.

    White space after the closing marker is no part of it, as for lm-eval's own thinking models
    (``postprocess_generated_text`` of lm-eval 0.4.13), else ``"\\n\\n"`` would end most answers at once.
    """
    if not problem.stop:
        return generation
    whole = generation.text if problem.answer_prefix else generation.text.lstrip()
    text = whole
    for stop in problem.stop:
        text = text.partition(stop)[0]
    why = generation.stop if text == whole else Stop.STOP
    return msgspec.structs.replace(generation, text=text, stop=why)


def _answer_seed(session: Session, prompt: Prompt, sample: int, made: Cut, separate: Budget) -> int:
    """The seed of an answer: it depends on where the thinking was cut, not on which budget cut it there."""
    return session.seed(prompt, sample, str(len(made.thinking_ids)), separate)


def attempt_of(
    session: Session,
    prompt: Prompt,
    trace: Trace,
    made: Cut,
    budget: Budget,
    generation: Generation,
    judgement: Judgement,
) -> Attempt:
    """The record of one graded answer, with its costs."""
    ids = generation.token_ids
    n_answer = len(ids) if ids is not None else generation.usage.answer_tokens
    n_thinking = len(made.thinking_ids)
    before = n_thinking + len(session.closing(made)) + len(prompt.prefix_ids)
    n_prompt = len(prompt.token_ids) if trace.prompt_tokens is None else trace.prompt_tokens
    total = None if n_answer is None else n_prompt + before + n_answer
    cached = generation.usage.cached_tokens
    share = n_thinking / len(trace.token_ids) if trace.token_ids else 1.0
    return msgspec.structs.replace(
        graded(session, trace, budget, judgement, prompt.problem),
        is_forced=made.is_forced,
        ending=made.ending,
        is_truncated_answer=generation.stop in (Stop.LENGTH, Stop.CONTEXT),
        answer=storable(generation.text),
        answer_ids=ids,
        thinking_tokens=n_thinking,
        answer_tokens=n_answer,
        generated_tokens=None if n_answer is None else n_thinking + n_answer,
        total_tokens=total,
        cached_tokens=cached,
        generated_spent=n_answer,
        flops=None if total is None else flops(session.backend.model, total),
        flops_spent=None if total is None else flops_spent(session, total, cached),
        wall_s=add(generation.wall_s, None if trace.wall_s is None else share * trace.wall_s),
        usd=session.tariff.usd(
            prompt=n_prompt, generated=None if n_answer is None else n_thinking + n_answer, thinking=n_thinking
        ),
        usd_spent=None if n_answer is None else session.cost(generation.usage, n_prompt + before, n_answer),
        seed=_answer_seed(session, prompt, trace.sample, made, trace.budget),
    )


def shared_with(first: Attempt, budget: Budget) -> Attempt:
    """The attempt of another budget past the natural end: the same answer, spent once."""
    return msgspec.structs.replace(
        first,
        budget=budget,
        is_shared_answer=True,
        generated_spent=0,
        flops_spent=None if first.flops_spent is None else 0.0,
        usd_spent=None if first.usd_spent is None else 0.0,
        verify_cpu_s=0.0,
    )


def ids_of(generation: Generation) -> tuple[int, ...]:
    """The token ids of a generation, or a `UsageError` where its backend breaks its promise to give them."""
    if generation.token_ids is None:
        raise UsageError(
            "the backend gave no token ids for a trace; its tokenizer must be None, or it must return them"
        )
    return generation.token_ids
