"""What the checks of budgets think with: the model's own thinking, or a stand-in where it never ends in reach.

Every budget goes through `thinkcurve.pipeline`, as in a run. A model without thinking markers, or one that thinks too
long to wait for, is given a closing marker that it does write: a token of its own greedy continuation.
"""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from thinkcurve.backend import Backend, Generation, ModelInfo, Request, Tokenizer
from thinkcurve.budget import Budget, Control, Ending, ThinkingFormat
from thinkcurve.opened import Prompt
from thinkcurve.pipeline import think
from thinkcurve.problem import MathAnswer, Message, Problem
from thinkcurve.session import Session, open_session
from thinkcurve.store import Trace
from thinkcurve.study import Study
from thinkcurve.testing.subject import LEAST, QUESTIONS, Failure, Skipped, Subject

SPEC = "conformance"
REACH = 8
"""How many times ``size`` tokens are waited for a natural end."""

BEYOND = 16
"""Tokens by which the largest budget of a check goes beyond a natural end."""


@dataclass(frozen=True, slots=True)
class Thought:
    """A session, a prompt, and a greedy trace that ended naturally, after ``n`` tokens."""

    session: Session
    prompt: Prompt
    trace: Trace
    marker: str

    @property
    def n(self) -> int:
        """Tokens of thinking up to the natural end."""
        return len(self.trace.token_ids)

    @property
    def ladder(self) -> tuple[int, ...]:
        """No thinking, one token, the middle, one below the natural end, the end itself, beyond it."""
        return tuple(sorted({0, 1, self.n // 2, self.n - 1, self.n, self.n + 1, self.n + BEYOND}))


async def thought(subject: Subject, *, own: bool = False) -> Thought:
    """Thinking with a natural end in reach; with ``own`` only the model's own markers will do."""
    found = subject.found.get("thought")
    if found is None and subject.tokenizer:
        found = await _own(subject) or await _stand_in(subject)
        subject.found["thought"] = found
    assert isinstance(found, Thought)
    if own and found.marker != _close(subject):
        raise Skipped(f"the model did not end its thinking within {REACH * subject.size} tokens")
    return found


def _close(subject: Subject) -> str:
    thinking = subject.backend.model.thinking
    return thinking.close if thinking else ""


async def _own(subject: Subject) -> Thought | None:
    """The model's own thinking, where it closes it within reach."""
    if subject.backend.model.thinking is None or Control.TRUNCATE not in subject.backend.controls:
        return None
    session = session_of(subject, subject.backend)
    best: Thought | None = None
    for number in range(4):
        prompt = session.prompt(*_problem(number))
        top = REACH * subject.size
        room = session.room(prompt)
        if room is not None and room < top + BEYOND:
            top = room - BEYOND
        if top < LEAST:
            return None
        trace = await traced(subject, session, prompt, top)
        if trace.ending is Ending.CLOSED and len(trace.token_ids) >= (best.n + 1 if best else 3):
            best = Thought(session, prompt, trace, session.thinking.close)
        if best and number >= 1:
            break
    return best


async def _stand_in(subject: Subject) -> Thought:
    """Thinking that ends where the model writes a token of our choice, one that its text encodes back to."""
    whole = await subject.sample()
    for place in range(len(whole.ids) - 1, 1, -1):
        token = whole.ids[place]
        text = subject.tokenizer.decode((token,))
        if token not in whole.ids[:place] and text.strip() and subject.tokenizer.encode(text) == (token,):
            thinking = ThinkingFormat("stand-in", open="", close=text, template_opens=True)
            session = session_of(subject, _Marked(subject.backend, thinking))
            problem, _ = _problem(0)
            prompt = Prompt(problem, whole.prompt, "stand-in")
            trace = await traced(subject, session, prompt, len(whole.ids))
            if trace.ending is not Ending.CLOSED or trace.thinking_tokens != place:
                raise Failure(
                    f"thinking that closes with token {place + 1} of its continuation ended after "
                    f"{trace.thinking_tokens} tokens as {trace.ending.value!r}; {place} and 'closed' is promised"
                )
            return Thought(session, prompt, trace, text)
    raise Skipped("no token of the model's continuation can stand in for a closing marker")


def session_of(subject: Subject, backend: Backend, control: Control = Control.TRUNCATE) -> Session:
    """A greedy session with a small reserve for answers."""
    study = Study(
        models=(SPEC,),
        tasks=(SPEC,),
        control=control,
        temperature=0.0,
        chat_template=subject.has_template,
        answer_tokens=max(subject.size // 3, 4),
        traces="separate" if control is Control.SERVER else "shared",
    )
    return open_session(SPEC, backend, study)


async def traced(subject: Subject, session: Session, prompt: Prompt, top: Budget) -> Trace:
    """The trace up to a budget."""
    coming = think(session, prompt, 0, top)
    return await subject.expect(coming, f"thinking up to {top} tokens")


def _problem(number: int) -> tuple[Problem, list[Message]]:
    text = QUESTIONS[number % len(QUESTIONS)].format(number + 5)
    return Problem(SPEC, "check", number, text, MathAnswer("0")), [Message("user", text)]


class _Marked:
    """A backend whose model is said to think between other markers."""

    def __init__(self, backend: Backend, thinking: ThinkingFormat) -> None:
        self._backend = backend
        self.model: ModelInfo = msgspec.structs.replace(backend.model, thinking=thinking)
        self.controls = backend.controls | {Control.TRUNCATE, Control.EXTEND}
        self.concurrency = backend.concurrency
        self.tokenizer: Tokenizer | None = backend.tokenizer

    async def generate(self, request: Request) -> Generation:
        """As the backend itself."""
        return await self._backend.generate(request)

    async def aclose(self) -> None:
        """Nothing: the backend is the subject's."""
