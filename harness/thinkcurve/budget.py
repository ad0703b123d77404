"""Thinking budgets: the ladder, the controls that enforce it, and where a trace is cut.

The heart of the project is `cut`: hard truncation at ``b`` depends only on the first ``b`` thinking tokens, so
one trace at the largest budget yields every smaller one, token for token. Cuts are made on token ids; text that
a model produced is never encoded again.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from itertools import pairwise
from typing import Any

import msgspec

from thinkcurve.errors import UsageError, did_you_mean

LARGEST = 2**31 - 1
LARGEST_DIGITS = 12
"""More digits than the largest budget has: enough to know that a number is too large."""
Budget = int | None
"""The most thinking tokens allowed: ``0`` is none at all, ``None`` the model's natural end."""


class Control(StrEnum):
    """How a budget is enforced."""

    TRUNCATE = "truncate"
    EXTEND = "extend"
    SERVER = "server"
    NATIVE = "native"
    EFFORT = "effort"
    PROMPT = "prompt"

    @property
    def shares_trace(self) -> bool:
        """Whether one trace may serve all budgets: only where the model cannot see the budget.

        Under ``extend`` the trace of a smaller budget is a beginning of that of a larger one: whether "Wait" is
        written at a natural end depends on the tokens before it, and only a budget that leaves no room after it
        keeps that end (`thinkcurve.pipeline.cuts`).
        """
        return self in (Control.TRUNCATE, Control.EXTEND)


EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
"""The levels of effort that providers name, lowest first. A ladder of control ``effort`` holds places in this list."""


class Ending(StrEnum):
    """Why a trace stopped."""

    CLOSED = "closed"
    """The model wrote its closing marker."""
    EOS = "eos"
    """The model ended its turn without closing the thinking."""
    BUDGET = "budget"
    """The largest budget was reached: the trace can be continued."""
    CONTEXT = "context"
    """The context window was full, less the answer's reserve."""

    @property
    def is_natural(self) -> bool:
        """Whether the model itself decided to stop thinking."""
        return self in (Ending.CLOSED, Ending.EOS)


class ThinkingFormat(msgspec.Struct, frozen=True):
    """How a model shows that it thinks: the markers as text, and what is written when a budget cuts it short.

    ``open`` and ``close`` stand around the thinking; ``template_opens`` says that the chat template already writes
    ``open`` at the end of the prompt. ``stop`` is what the model itself writes first to end the thinking where that
    is not the whole of ``close`` (a channel's end, say). A cut is written ``wrap_up``, ``close``, ``cue``: a newline
    at the start of ``wrap_up`` is left out where the thinking ends in one, and a budget of 0 has nothing to wrap up:
    it is ``empty``, ``close``, ``cue``. s1 writes a newline, its marker and ``Final Answer:`` (arXiv 2501.19393).
    ``ask`` follows the question of a model that was not trained to think, ``template_options`` go to the chat
    template (a hybrid model's switch), and ``source`` says where all this is documented.
    """

    name: str
    open: str
    close: str
    template_opens: bool = False
    cue: str = ""
    stop: str = ""
    wrap_up: str = ""
    empty: str = ""
    ask: str = ""
    template_options: dict[str, Any] = {}
    source: str = ""

    @property
    def ends_with(self) -> str:
        """What the model writes first when it ends its thinking by itself."""
        return self.stop or self.close


THINK_TAGS = ThinkingFormat(name="think", open="<think>", close="</think>")
"""DeepSeek-R1, Qwen3 and most open models."""


def with_think_tags(answer: str, thinking: ThinkingFormat | None) -> str:
    """An answer whose thinking, where a model began to think again, stands between the tags that verifiers know."""
    if thinking is None or thinking.open.strip() == THINK_TAGS.open:
        return answer
    for ours, theirs in ((thinking.open, THINK_TAGS.open), (thinking.close, THINK_TAGS.close)):
        answer = answer.replace(ours.strip(), theirs)
    return answer


class Cut(msgspec.Struct, frozen=True):
    """The thinking that one budget allows, and how it ended there.

    Where only text goes in and out there are no ids but ``text``, of ``n_tokens`` by its server's count.
    """

    thinking_ids: tuple[int, ...]
    ending: Ending
    text: str | None = None
    n_tokens: int | None = None

    @property
    def length(self) -> int:
        """How many tokens of thinking it holds."""
        return len(self.thinking_ids) if self.n_tokens is None else self.n_tokens

    @property
    def is_forced(self) -> bool:
        """Whether something else than the model ended this thinking."""
        return not self.ending.is_natural


def cut(trace_ids: Sequence[int], ending: Ending, budget: Budget) -> Cut:
    """What is left of a trace under ``budget``.

    ``trace_ids`` are the thinking tokens without any marker. A trace that ended naturally within the budget is
    returned whole and not forced; everything else is forced. Raises `ValueError` where the trace is too short to
    tell: it stopped at a smaller budget than the one asked for.
    """
    length = len(trace_ids)
    if budget is not None and length > budget:
        return Cut(tuple(trace_ids[:budget]), Ending.BUDGET)
    if ending is Ending.BUDGET and (budget is None or length < budget):
        raise ValueError(f"a trace cut at {length} tokens cannot serve a budget of {budget}")
    return Cut(tuple(trace_ids), ending)


def covers(n_tokens: int, ending: Ending, budget: Budget) -> bool:
    """Whether a trace of ``n_tokens`` that stopped for ``ending`` can serve ``budget`` without more thinking."""
    return ending is not Ending.BUDGET or (budget is not None and n_tokens >= budget)


def parse_effort(text: str) -> int:
    """A level of effort as its place in `EFFORTS`."""
    word = text.strip().lower()
    if word not in EFFORTS:
        raise UsageError(
            f"{text.strip()!r} is no level of effort.{did_you_mean(word, EFFORTS)} Levels: {', '.join(EFFORTS)}"
        )
    return EFFORTS.index(word)


def effort_of(budget: Budget, control: Control | str) -> str | None:
    """The level that a step of a ladder stands for; ``None`` under every control but ``effort``."""
    return EFFORTS[budget] if control == Control.EFFORT and budget is not None else None


def parse_budget(text: str) -> Budget:
    """A budget from a command line or a file: a whole number of tokens, or ``none`` for the natural end."""
    word = text.strip().lower()
    if word in ("none", "natural"):
        return None
    if not (word.isascii() and word.isdigit()):
        raise UsageError(
            f"budget {text.strip()!r} is not a whole number of tokens (0 = no thinking, none = natural end)"
        )
    return int(word[:LARGEST_DIGITS])


def check_ladder(
    budgets: Sequence[Budget], where: str = "budgets", control: Control = Control.TRUNCATE
) -> tuple[Budget, ...]:
    """The ladder as a tuple, or a `UsageError` that says which step is wrong: it must ascend without repeats."""
    if not budgets:
        raise UsageError(f"{where}: the ladder is empty; give at least one budget, such as 0,64,256")
    for budget in budgets:
        if budget is not None and budget > LARGEST:
            raise UsageError(f"{where}: a budget above {LARGEST} is beyond any model; none is the natural end")
        if budget is not None and budget < 0:
            raise UsageError(f"{where}: budget {budget} is negative; the smallest is 0 (no thinking)")
    for lower, upper in pairwise(budgets):
        if lower == upper:
            raise UsageError(f"{where}: budget {format_budget(lower, control)} stands twice; list each budget once")
        if lower is None or (upper is not None and upper < lower):
            raise UsageError(
                f"{where}: {format_budget(upper, control)} follows {format_budget(lower, control)}; "
                "list budgets in ascending order"
            )
    return tuple(budgets)


def format_budget(budget: Budget, control: Control | str = Control.TRUNCATE) -> str:
    """``"64"``, ``"none"`` for the natural end, or the level that it stands for under control ``effort``."""
    is_level = control == Control.EFFORT and budget is not None and budget < len(EFFORTS)
    return EFFORTS[budget] if is_level and budget is not None else "none" if budget is None else str(budget)


def budget_key(budget: Budget) -> tuple[bool, int]:
    """A sort key that puts the natural end last."""
    return (budget is None, budget or 0)
