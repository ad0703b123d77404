"""Checks of thinking budgets, through `thinkcurve.pipeline` as in a run: where they cut, what they leave to answers."""

from __future__ import annotations

from thinkcurve.backend import Generation, Stop
from thinkcurve.budget import Control, Cut, Ending
from thinkcurve.opened import Prompt
from thinkcurve.pipeline import answer, cuts
from thinkcurve.served import serve
from thinkcurve.session import Session
from thinkcurve.testing.subject import Failure, Skipped, Subject, remarks, shown
from thinkcurve.testing.thinking import BEYOND, Thought, session_of, thought, traced


async def budgets(subject: Subject) -> str:
    """Budgets 0, 1, the middle, one below a natural end, the end itself and beyond cut exactly there and say why."""
    found = await thought(subject)
    close = found.session.markers.close_ids
    if close and found.trace.token_ids[-len(close) :] == close:
        raise Failure(f"the thinking {shown(found.trace.token_ids, found.n - 1)} holds its own closing marker {close}")
    said = []
    for budget in found.ladder:
        trace = await traced(subject, found.session, found.prompt, budget)
        ids = found.trace.token_ids[:budget]
        what = f"budget {budget} of thinking that ends at {found.n}"
        said.append(await subject.same(found.prompt.token_ids, ids, trace.token_ids, what))
        ending = Ending.CLOSED if budget >= found.n else Ending.BUDGET
        if not said[-1] and trace.ending is not ending:
            raise Failure(f"{what} ended as {trace.ending.value!r}; {ending.value!r} is promised")
    return remarks(f"{_listed(found)}; it ends after {found.n} with {found.marker!r}", *said)


def _listed(found: Thought) -> str:
    return ", ".join(map(str, found.ladder))


async def one_trace(subject: Subject) -> str:
    """Greedy, one trace cut at every budget gives the thinking and the answers that a run for each budget gives."""
    found = await thought(subject)
    session, prompt = found.session, found.prompt
    shared = {}
    for made, served in cuts(found.trace, found.ladder):
        generation = await answered(subject, session, prompt, made)
        shared.update(dict.fromkeys(served, (made, generation)))

    async def separate(budget: int) -> tuple[Cut, Generation]:
        trace = await traced(subject, session, prompt, budget)
        [(made, _)] = cuts(trace, [budget])
        return made, await answered(subject, session, prompt, made)

    alone = await subject.together((separate(budget) for budget in found.ladder), "a trace for each budget")
    said = []
    for budget, (made, generation) in zip(found.ladder, alone, strict=True):
        cut, told = shared[budget]
        what = f"a run of its own at budget {budget}"
        said.append(await subject.same(prompt.token_ids, cut.thinking_ids, made.thinking_ids, f"{what} thought and"))
        if said[-1]:
            continue
        if made.is_forced is not cut.is_forced:
            raise Failure(
                f"{what} was {'' if made.is_forced else 'not '}cut by the budget; the shared trace says otherwise"
            )
        joined = prompt.token_ids + cut.thinking_ids + session.closing(cut)
        ids = subject.ids_of(told), subject.ids_of(generation)
        said.append(await subject.same(joined, *ids, f"{what} answered and"))
    n_natural = sum(not made.is_forced for made, _ in alone)
    return remarks(f"{len(alone)} budgets, {n_natural} natural and {len(alone) - n_natural} forced", *said)


async def extend(subject: Subject) -> str:
    """Told to "Wait" at a natural end (control ``extend``), a trace of a budget's own is the largest one, cut."""
    if Control.EXTEND not in subject.backend.controls:
        raise Skipped("it does not offer control extend")
    found = await thought(subject)
    session = session_of(subject, found.session.backend, Control.EXTEND)
    wait = session.markers.wait_ids
    ladder = (found.n - 1, found.n, found.n + len(wait), found.n + len(wait) + 1, found.n + len(wait) + BEYOND)
    top = ladder[-1]
    room = session.room(found.prompt)
    if room is not None and room < top:
        raise Skipped(f"its context leaves {room} tokens for thinking; {top} are needed")
    shared = await traced(subject, session, found.prompt, top)
    if shared.token_ids[found.n : found.n + len(wait)] != wait or found.n not in shared.waits:
        raise Failure(
            f"after thinking that ends at {found.n} came {shown(shared.token_ids, found.n)}; {wait} is promised"
        )
    said = []
    for budget in ladder:
        own = await traced(subject, session, found.prompt, budget)
        [(made, _)], [(cut, _)] = cuts(own, [budget]), cuts(shared, [budget])
        what = f"an extended trace of its own at budget {budget}"
        said.append(await subject.same(found.prompt.token_ids, cut.thinking_ids, made.thinking_ids, what))
        if not said[-1] and made.is_forced is not cut.is_forced:
            raise Failure(f"{what} was {'' if made.is_forced else 'not '}cut; the shared trace says otherwise")
    return remarks(f"{', '.join(map(str, ladder))}; {len(shared.waits)} waits", *said)


async def answered(subject: Subject, session: Session, prompt: Prompt, made: Cut) -> Generation:
    """The answer to a cut."""
    return await subject.expect(answer(session, prompt, 0, made), f"an answer after {len(made.thinking_ids)} tokens")


CUTS = 8
"""Places where thinking is cut to see two answers that fill their reserve: the model may end some of them early."""


async def answer_reserve(subject: Subject) -> str:
    """An answer has its reserve to itself, however much was thought: it ends by itself or at exactly the reserve."""
    found = await thought(subject)
    session, prompt = found.session, found.prompt
    reserve = session.study.answer_tokens
    whole = 0
    for place in range(1, max(found.n, 2))[:CUTS]:
        forced = Cut(found.trace.token_ids[:place], Ending.BUDGET)
        generation = await answered(subject, session, prompt, forced)
        _check_reserve(subject, generation, reserve, f"cut at {place}")
        whole += generation.stop is Stop.LENGTH
        if whole == 2:
            break
    room = session.room(prompt)
    if room is None:
        return f"{reserve} tokens after forced ends; the context is unknown, so it was not filled"
    if not await subject.can_fill(room):
        return f"{reserve} tokens after forced ends; the context is too long to be filled, open it with a shorter one"
    ids = found.trace.token_ids
    filled = Cut((ids * (room // len(ids) + 1))[:room], Ending.CONTEXT)
    _check_reserve(
        subject,
        await answered(subject, session, prompt, filled),
        reserve,
        f"after {room} tokens of thinking, a full context",
    )
    return f"{reserve} tokens, after forced ends and after thinking that fills the context"


def _check_reserve(subject: Subject, generation: Generation, reserve: int, when: str) -> None:
    n = len(subject.ids_of(generation))
    if generation.stop in (Stop.EOS, Stop.STOP) and n <= reserve:
        return
    if n != reserve or generation.stop is not Stop.LENGTH:
        raise Failure(
            f"an answer, {when}, had {n} tokens and ended with {generation.stop.value!r}; "
            f"its reserve of exactly {reserve} and 'length' is promised"
        )


async def server(subject: Subject) -> str:
    """The engine's own budgets (control ``server``) give the thinking and the answer that our cuts give."""
    if Control.SERVER not in subject.backend.controls:
        raise Skipped("it does not offer control server")
    found = await thought(subject, own=True)
    session = session_of(subject, subject.backend, Control.SERVER)
    prompt = found.prompt.token_ids
    said = []
    for budget in found.ladder:
        [(made, _)] = cuts(found.trace, [budget])
        served = await subject.expect(serve(session, found.prompt, 0, budget), f"thinking_budget {budget}")
        what = f"thinking_budget {budget} of thinking that ends at {found.n}"
        said.append(await subject.same(prompt, made.thinking_ids, served.made.thinking_ids, f"{what} thought and"))
        if said[-1]:
            continue
        if budget == found.n:
            made = served.made  # at its very end an engine may close the thinking before the model does
        if served.made.is_forced is not made.is_forced:
            wrote = "was closed by the engine" if served.made.is_forced else "was not closed by the engine"
            raise Failure(f"{what} {wrote}; an end that is {'forced' if made.is_forced else 'natural'} is promised")
        ours = await answered(subject, found.session, found.prompt, made)
        joined = prompt + made.thinking_ids + found.session.closing(made)
        ids = subject.ids_of(ours), subject.ids_of(served.answer)
        said.append(await subject.same(joined, *ids, f"{what} answered and"))
    return remarks(f"budgets {_listed(found)}; it ends after {found.n}", *said)
