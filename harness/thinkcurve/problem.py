"""What is asked and what counts as right: problems, references and verdicts.

The lowest floor of the engine: plain frozen records that every other part speaks in.
Nothing here reads a file, talks to a model or judges an answer.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from enum import StrEnum
from functools import cached_property
from typing import Literal

import msgspec


class Message(msgspec.Struct, frozen=True, gc=False):
    """One turn of a chat prompt."""

    role: str
    content: str


class MathAnswer(msgspec.Struct, frozen=True, gc=False, tag="math", omit_defaults=True):
    """A gold answer compared as mathematics: ``r"\\frac12"`` equals ``0.5``. The other fields are the task's rules.

    ``tolerance`` is the largest absolute difference between two numbers, item by item in tuples, lists and matrices,
    that counts as none. ``is_rounded`` says that the gold was rounded: what rounds to its written decimals is right
    (``33.3`` is ``100/3``). ``percent``: a bare number beside ``50%`` may mean 0.5 or a 50 whose sign was left out
    (``either``), or 0.5 only (``exact``). ``units``: an answer may leave the gold's unit out (``optional``) or not
    (``required``). ``order``: a tuple is ordered and a set is not (``gold``), or nothing is (``any``), or everything
    (``exact``). ``angles`` is what a bare number beside one in degrees means. ``form`` reads both sides as a time of
    day (``3:30 pm`` is ``15:30``) or as a date (``5 June 2024`` is ``2024-06-05``) where it can. ``base`` is that of
    numbers written without one.
    """

    answer: str
    tolerance: float | None = None
    is_rounded: bool = False
    percent: Literal["either", "exact"] = "either"
    units: Literal["optional", "required"] = "optional"
    order: Literal["gold", "any", "exact"] = "gold"
    angles: Literal["either", "degrees", "radians"] = "either"
    form: Literal["expression", "time", "date"] = "expression"
    base: int | None = None


class Choice(msgspec.Struct, frozen=True, tag="choice", omit_defaults=True):
    """A multiple-choice gold: the right letter, and the options it chooses from."""

    answer: str
    choices: tuple[str, ...] = ()


class Case(msgspec.Struct, frozen=True):
    """One call of the entry point: Python literals for the arguments and for what must come back."""

    args: str
    expected: str


class FunctionTests(msgspec.Struct, frozen=True, tag="function_tests", omit_defaults=True):
    """Code judged by calling ``entry_point``: either ``cases``, or a ``test``.

    ``test`` defines ``check(candidate)`` (HumanEval) or holds bare assertions (MBPP). ``prompt`` is code that the
    answer goes on from: its imports and helper functions are there for the answer and for the test, and an answer
    that does not define ``entry_point`` is read as the rest of it. ``tolerance`` is the largest absolute difference
    between two numbers of a case that counts as none.
    """

    entry_point: str
    cases: tuple[Case, ...] = ()
    test: str = ""
    prompt: str = ""
    tolerance: float | None = None
    cpu_s: float = 2.0
    memory_mb: int = 256


class StdioCase(msgspec.Struct, frozen=True):
    """One run of a whole program: what it reads, and what it must print."""

    stdin: str
    stdout: str


class StdioTests(msgspec.Struct, frozen=True, tag="stdio_tests", omit_defaults=True):
    """A whole program judged by what it prints; with a ``tolerance``, numbers may differ by as much."""

    cases: tuple[StdioCase, ...]
    tolerance: float | None = None
    cpu_s: float = 2.0
    memory_mb: int = 256


class Custom(msgspec.Struct, frozen=True, tag="custom"):
    """A reference that only the task's own verifier understands; ``data`` is plain JSON.

    ``verifier`` is a name of the entry-point group ``thinkcurve.verifiers``: a callable
    ``(data, answer) -> Judgement``, which runs in a process that may be killed.
    """

    verifier: str
    data: str = ""


Reference = MathAnswer | Choice | FunctionTests | StdioTests | Custom


class Problem(msgspec.Struct, frozen=True, dict=True):
    """One question with its reference. ``task``, ``split`` and ``index`` name it for ever.

    ``level`` is its difficulty, ``group`` what it is a part of (a subject, a contest), ``key`` the name that its data
    gives it (``HumanEval/0``). ``stop`` are texts that end an answer, never the thinking; ``answer_prefix`` is what an
    answer begins with, written by us after the thinking.
    """

    task: str
    split: str
    index: int
    question: str
    reference: Reference
    level: int | None = None
    group: str | None = None
    key: str = ""
    stop: tuple[str, ...] = ()
    answer_prefix: str = ""

    @cached_property
    def id(self) -> str:
        """The stable name, ``task/split/index``."""
        return f"{self.task}/{self.split}/{self.index}"

    @cached_property
    def fingerprint(self) -> str:
        """16 hex digits over everything that can change a verdict: question and reference."""
        return digest([self.question.encode(), msgspec.json.encode(self.reference)])


class Verdict(StrEnum):
    """What the verifier says of an answer. A failure (no attempt came about) is not a verdict."""

    CORRECT = "correct"
    INCORRECT = "incorrect"
    NO_ANSWER = "no_answer"
    UNVERIFIED = "unverified"


REFUSAL = "refusal"
"""The reason of a missing answer where the model declined, as its provider says."""


class Judgement(msgspec.Struct, frozen=True, gc=False):
    """A verdict and how it was reached.

    ``reason`` says why it is not ``correct`` (``wrong``, ``timeout``, ``unclosed``, ...), ``rung`` which rule
    decided, ``extracted`` what was read as the answer and ``span`` where it stood in the answer text.
    """

    verdict: Verdict
    reason: str = ""
    rung: str = ""
    extracted: str | None = None
    span: tuple[int, int] | None = None
    cpu_s: float = 0.0


def fingerprint(problems: Iterable[Problem]) -> str:
    """16 hex digits over the ids and contents of a set of problems, in order."""
    return digest(f"{p.id}:{p.fingerprint}".encode() for p in problems)


def digest(parts: Iterable[bytes]) -> str:
    """16 hex digits over parts that cannot run into each other."""
    sha = hashlib.sha256()
    for part in parts:
        sha.update(len(part).to_bytes(8, "big"))
        sha.update(part)
    return sha.hexdigest()[:16]
