"""Truncation where only text goes in and out: think along the ladder, cut where the server stopped, answer each cut.

There are no token ids to cut at, so every budget is reached by a request of its own, which is given the tokens that are
left to it and goes on with the text so far: the server counts. Where a piece was cut, its server reads text again that
it wrote as tokens, and may split it into others; that is the price of text, and the reason why engines that take ids
are asked with ids (`pipeline`). What each request brought is kept at once: where a later one fails, the rungs that were
reached are answered, and the next run goes on from there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import msgspec

from thinkcurve.asked import chat_prompt
from thinkcurve.backend import Backend, Chat, Generation, Request, Stop
from thinkcurve.budget import Budget, Control, Cut, Ending, ThinkingFormat
from thinkcurve.compute import flops
from thinkcurve.errors import BackendError
from thinkcurve.opened import Opened, Prompt, add, graded, storable, with_words
from thinkcurve.pipeline import at_stop, early_stops
from thinkcurve.problem import Judgement, Message, Problem
from thinkcurve.store import Attempt, Trace
from thinkcurve.study import Study

BYTES_A_TOKEN = 2
"""Of text that nobody has counted yet: few, as too long a guess costs one more request, and too short a one fails."""
SPARE = 8
"""Tokens by which a count may be wrong: what is written between the parts, and pieces that are read otherwise again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TextSession(Opened):
    """A backend that goes on with the text of a reply."""

    thinking: ThinkingFormat

    def prompt(self, problem: Problem, messages: Sequence[Message]) -> Prompt:
        """The messages that ask a problem."""
        return chat_prompt(problem, with_words(messages, self.thinking.ask))

    @property
    def opening(self) -> str:
        """What stands before the thinking, where the chat template does not write it."""
        return "" if self.thinking.template_opens else self.thinking.open

    def closing(self, made: Cut) -> str:
        """What is written after a cut: as `thinkcurve.session.Session.closing`, in letters."""
        form = self.thinking
        if not made.is_forced:
            return form.close
        before = form.wrap_up if made.text else form.empty
        if (made.text or "").endswith("\n") and made.text:
            before = before.removeprefix("\n")
        return before + form.close + form.cue

    def limit(self, top: Budget, trace: Trace | None = None, prompt: Prompt | None = None) -> int:
        """The most thinking tokens under a budget, as far as a trace of this prompt has room for them."""
        most = top if top is not None else bound_of(self.backend, self.study)
        assert most is not None  # `thinkcurve.ways.open_text` refuses a natural end without a bound
        room = None if trace is None else self._room(trace, prompt)
        return most if room is None else min(most, room)

    def _room(self, trace: Trace, prompt: Prompt | None) -> int | None:
        """The most thinking tokens that leave the answer its reserve; ``None`` where the context is not known.

        Until the prompt was counted it is taken by its bytes, and at least one token is tried.
        """
        context, form = self.backend.model.context_tokens, self.thinking
        if context is None or (trace.prompt_tokens is None and prompt is None):
            return None
        closing = max(form.wrap_up, form.empty, key=len) + form.close + form.cue
        taken = about(closing) + len(trace.waits) * about(self.study.wait) + SPARE + self.study.answer_tokens
        if prompt is not None:
            taken += about(prompt.problem.answer_prefix)
        if trace.prompt_tokens is not None:
            return context - taken - trace.prompt_tokens
        assert prompt is not None  # else nothing is known
        told = sum(about(message.content) for message in prompt.messages)
        return max(context - taken - told - about(self.opening), 1)

    def may_wait(self, trace: Trace, top: Budget) -> bool:
        """Whether a trace that the model ended is to be gone on with (control ``extend``)."""
        if self.study.control is not Control.EXTEND or not trace.ending.is_natural:
            return False
        return (trace.thinking_tokens or 0) < self.limit(top, trace) and len(trace.waits) < self.study.waits

    def request(self, prompt: Prompt, prefix: str, max_tokens: int, stop: tuple[str, ...], seed: int) -> Request:
        """A request to go on after ``prefix``."""
        return Request(
            prompt=Chat(messages=prompt.messages, prefix=prefix),
            max_tokens=max_tokens,
            sampling=self.sampling,
            leaves_sampling=self.leaves_sampling,
            seed=seed,
            stop=stop,
        )


def about(text: str) -> int:
    """About how many tokens a text has."""
    return -(-len(text.encode("utf-8", "replace")) // BYTES_A_TOKEN)


def bound_of(backend: Backend, study: Study) -> int | None:
    """How far thinking may go that no budget ends."""
    return study.max_output_tokens or backend.model.max_output_tokens


def plan_traces(trace: Trace | None, ladder: Sequence[Budget]) -> tuple[list[Budget], list[Budget]]:
    """The budgets that a shared trace serves or will serve, and those within it where it was never cut.

    Each of the latter branches off at the last cut before it: as valid a draw under its budget, but one of its own.
    """
    shared: list[Budget] = []
    branched: list[Budget] = []
    for budget in ladder:
        is_inside = trace is not None and budget is not None and budget < (trace.thinking_tokens or 0)
        is_cut = trace is not None and budget in trace.marks[::2]
        (branched if is_inside and not is_cut else shared).append(budget)
    return shared, branched


def branch(trace: Trace, budget: int) -> Trace:
    """The beginning of a trace up to its last cut before ``budget``, to be gone on with by itself."""
    n, chars = max((n, chars) for n, chars in _marks(trace) if n <= budget)
    kept = [pair for pair in _marks(trace) if pair <= (n, chars)]
    waits = sum(end <= n for end in trace.waits)
    return msgspec.structs.replace(
        trace,
        budget=budget,
        text=trace.text[:chars],
        thinking_tokens=n,
        marks=tuple(number for pair in kept for number in pair),
        ending=Ending.BUDGET,
        waits=trace.waits[:waits],
        wait_endings=trace.wait_endings[:waits],
        generated_spent=0,
        usd_spent=None if trace.usd_spent is None else 0.0,
        wall_s=None if trace.wall_s is None else trace.wall_s * n / (trace.thinking_tokens or 1),
    )


def covers(session: TextSession, trace: Trace | None, budget: Budget) -> bool:
    """Whether a trace serves a budget without more thinking."""
    if trace is None or session.may_wait(trace, budget):
        return False
    if trace.ending is not Ending.BUDGET:
        return True
    return budget is not None and (trace.thinking_tokens or 0) >= budget


@dataclass(frozen=True, slots=True)
class Thought:
    """How far the thinking along a ladder came.

    ``reached`` are the budgets that the trace serves, ``missed`` those above it, which an ``error`` or a ``refusal``
    of the model kept it from.
    """

    trace: Trace
    reached: list[Budget]
    missed: list[Budget]
    error: BackendError | None = None
    refusal: Generation | None = None

    @property
    def refused(self) -> Cut:
        """What the missed budgets have of a model that refused: all that it thought, ended by itself."""
        return Cut((), Ending.EOS, self.trace.text, self.trace.thinking_tokens or 0)


async def think(
    session: TextSession,
    prompt: Prompt,
    sample: int,
    ladder: Sequence[Budget],
    *,
    separate: Budget | None = None,
    known: Trace | None = None,
    keep: Callable[[Trace], None] = lambda _: None,
) -> Thought:
    """The trace along an ascending ladder; a ``known`` shorter one is gone on with.

    ``keep`` is given the trace as it is after each piece.
    """
    trace = known or _empty(session, prompt, sample, separate)
    for place, budget in enumerate(ladder):
        reached, missed = [*ladder[:place]], [*ladder[place:]]
        while not covers(session, trace := _ended(session, prompt, trace, budget), budget):
            before = _waiting(session, trace) if trace.ending.is_natural else trace
            try:
                found = await _think_on(session, prompt, sample, budget, separate, before)
            except BackendError as error:
                return Thought(trace, reached, missed, error=error)
            if isinstance(found, Generation):
                return Thought(trace, reached, missed, refusal=found)
            ate_reserve = (found.thinking_tokens or 0) > session.limit(budget, found, prompt)
            if before.prompt_tokens is None and found.ending is Ending.CONTEXT and ate_reserve:
                trace = _undone(before, found)  # now that the prompt is counted, it can be asked for less
            else:
                trace = _ended(session, prompt, found, budget)
            keep(trace)
    return Thought(trace, [*ladder], [])


def _ended(session: TextSession, prompt: Prompt, trace: Trace, top: Budget) -> Trace:
    """A trace as it is, but ended by the context where that, or the bound of a natural end, leaves no more room."""
    n = trace.thinking_tokens or 0
    if trace.ending is not Ending.BUDGET or (top is not None and n >= top) or n < session.limit(top, trace, prompt):
        return trace
    return msgspec.structs.replace(trace, ending=Ending.CONTEXT)


def _undone(before: Trace, after: Trace) -> Trace:
    """A trace as before its last piece, but for what that has cost and told of the prompt."""
    return msgspec.structs.replace(
        before, prompt_tokens=after.prompt_tokens, generated_spent=after.generated_spent, usd_spent=after.usd_spent
    )


def _empty(session: TextSession, prompt: Prompt, sample: int, separate: Budget) -> Trace:
    return Trace(
        model=session.spec,
        task=prompt.problem.task,
        problem=prompt.problem.id,
        sample=sample,
        budget=separate,
        seed=session.seed(prompt, sample, "trace", separate),
        prompt_tokens=None,
        prompt_digest=prompt.digest,
        thinking_tokens=0,
        token_ids=(),
        text="",
        ending=Ending.BUDGET,
        cached_tokens=None,
        generated_spent=0,
        flops_spent=None,
        wall_s=0.0,
        thinking_source="provider",
        marks=(0, 0),
        usd_spent=0.0,
    )


def _waiting(session: TextSession, trace: Trace) -> Trace:
    """A trace that the model ended, with "Wait" written where it wanted to close; nobody counts those tokens."""
    text, n = trace.text + session.study.wait, trace.thinking_tokens or 0
    return msgspec.structs.replace(
        trace,
        text=text,
        marks=(*trace.marks, n, len(text)),
        waits=(*trace.waits, n),
        wait_endings=(*trace.wait_endings, trace.ending),
        ending=Ending.BUDGET,
    )


async def _think_on(
    session: TextSession, prompt: Prompt, sample: int, top: Budget, separate: Budget, known: Trace
) -> Trace | Generation:
    """One piece of thinking, up to ``top``, or the generation with which the model refused it.

    A natural end at exactly ``top`` tokens is not seen by it, and counts as forced (`cut`).
    """
    n = known.thinking_tokens or 0
    wanted = max(session.limit(top, known, prompt) - n, 1)
    position = f"trace+{n}" if n else "trace"
    request = session.request(
        prompt,
        session.opening + known.text,
        wanted,
        (session.thinking.ends_with.strip(),),
        session.seed(prompt, sample, position, separate),
    )
    generation = await session.generate(request)
    if generation.stop is Stop.REFUSAL:
        return generation
    new, ending = _counted(session, generation, wanted)
    usage = generation.usage
    text = known.text + storable(generation.text)
    is_first = not known.text  # only then is what is read the prompt alone
    return msgspec.structs.replace(
        known,
        prompt_tokens=usage.prompt_tokens if is_first else known.prompt_tokens,
        thinking_tokens=n + new,
        text=text,
        marks=(*known.marks, n + new, len(text)),
        ending=ending,
        cached_tokens=usage.cached_tokens if is_first else known.cached_tokens,
        generated_spent=(known.generated_spent or 0) + (usage.generated_tokens or 0),
        wall_s=add(generation.wall_s, known.wall_s),
        served_by=generation.served_by,
        usd_spent=add(session.cost(usage, usage.prompt_tokens, usage.generated_tokens), known.usd_spent),
    )


def _counted(session: TextSession, generation: Generation, wanted: int) -> tuple[int, Ending]:
    """How many tokens of thinking a piece holds by its server's count, and how it ended.

    Servers count the marker that ended it too: one token is taken for it. Some have one word for a full context and
    for ``max_tokens``.
    """
    counted, n_prompt = generation.usage.generated_tokens, generation.usage.prompt_tokens
    if counted is None:
        raise BackendError(
            f"{session.spec} does not count the tokens of a reply, so no budget can be kept", is_fatal=True
        )
    if counted > wanted:
        raise BackendError(f"{session.spec} generated {counted} tokens where {wanted} were allowed")
    if generation.stop is Stop.CONTEXT:
        return counted, Ending.CONTEXT
    if generation.stop is not Stop.LENGTH:
        return max(counted - 1, 0), Ending.EOS if generation.stop is Stop.EOS else Ending.CLOSED
    if counted == wanted:
        return counted, Ending.BUDGET
    context = session.backend.model.context_tokens
    if context is not None and n_prompt is not None and n_prompt + counted + SPARE >= context:
        return counted, Ending.CONTEXT
    raise BackendError(
        f"{session.spec} stopped at {counted} tokens where {wanted} were allowed: a limit of its server's own"
    )


def cuts(trace: Trace, ladder: Sequence[Budget]) -> list[tuple[Cut, list[Budget]]]:
    """The different cuts of a trace, longest first, each with the budgets it serves."""
    groups: dict[tuple[int, bool], tuple[Cut, list[Budget]]] = {}
    for budget in ladder:
        made = cut(trace, budget)
        groups.setdefault((made.length, made.is_forced), (made, []))[1].append(budget)
    return [groups[key] for key in sorted(groups, reverse=True)]


def cut(trace: Trace, budget: Budget) -> Cut:
    """What is left of a trace under ``budget``. Raises `ValueError` where it was never cut there.

    Thinking of exactly ``budget`` tokens is forced, whatever a request that went beyond it may have shown: a trace of
    that budget's own could not tell.
    """
    n = trace.thinking_tokens or 0
    if budget is None or n < budget:
        if trace.ending is Ending.BUDGET:
            raise ValueError(f"a trace cut at {n} tokens cannot serve a budget of {budget}")
        return Cut((), trace.ending, trace.text, n)
    for tokens, chars in _marks(trace):
        if tokens == budget:
            return Cut((), Ending.BUDGET, trace.text[:chars], budget)
    raise ValueError(f"a trace of {n} tokens was never cut at {budget}")


def _marks(trace: Trace) -> Iterator[tuple[int, int]]:
    return zip(trace.marks[::2], trace.marks[1::2], strict=True)


async def answer(session: TextSession, prompt: Prompt, sample: int, made: Cut, *, separate: Budget) -> Generation:
    """The answer after one cut, with the answer's own reserve of tokens."""
    prefix = session.opening + (made.text or "") + session.closing(made) + prompt.problem.answer_prefix
    seed = session.seed(prompt, sample, str(made.length), separate)
    request = session.request(prompt, prefix, session.study.answer_tokens, early_stops(prompt.problem), seed)
    return at_stop(prompt.problem, await session.generate(request))


def attempt_of(
    session: TextSession,
    prompt: Prompt,
    trace: Trace,
    made: Cut,
    budget: Budget,
    generation: Generation,
    judgement: Judgement,
) -> Attempt:
    """The record of one graded answer, in tokens by its server's count."""
    usage = generation.usage
    n_answer = usage.generated_tokens
    generated = None if n_answer is None else made.length + n_answer
    n_prompt = usage.prompt_tokens if trace.prompt_tokens is None and not made.length else trace.prompt_tokens
    total = None if n_answer is None or usage.prompt_tokens is None else usage.prompt_tokens + n_answer
    share = made.length / trace.thinking_tokens if trace.thinking_tokens else 1.0
    return msgspec.structs.replace(
        graded(session, trace, budget, judgement, prompt.problem),
        is_forced=made.is_forced,
        ending=made.ending,
        is_truncated_answer=generation.stop in (Stop.LENGTH, Stop.CONTEXT),
        answer=storable(generation.text),
        prompt_tokens=n_prompt,
        thinking_tokens=made.length,
        answer_tokens=n_answer,
        generated_tokens=generated,
        total_tokens=total,
        cached_tokens=usage.cached_tokens,
        generated_spent=n_answer,
        flops=None if total is None else flops(session.backend.model, total),
        wall_s=add(generation.wall_s, None if trace.wall_s is None else share * trace.wall_s),
        usd=session.tariff.usd(prompt=n_prompt, generated=generated, thinking=made.length),
        usd_spent=session.cost(usage, usage.prompt_tokens, n_answer),
        seed=session.seed(prompt, trace.sample, str(made.length), trace.budget),
    )
