"""Checks of what asking for more thinking does: budgets in tokens and levels of effort, read back from the usage.

Published evaluations have drawn curves over a parameter that did nothing. Here a few hard questions are asked at two
budgets (or levels) far apart, and the tokens that were spent, by the provider's own count, must differ as asked.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from thinkcurve.backend import Generation, NativeBudgets, Visibility
from thinkcurve.budget import EFFORTS, Control
from thinkcurve.errors import BackendError
from thinkcurve.testing.replies import EASY, listed, needs_chat, reply, room, shown_text
from thinkcurve.testing.subject import SMALL, Failure, Skipped, Subject, remarks

HARD = (
    "In how many ways can a board of 4 by 6 squares be covered with dominoes? Work it out, and check the result.",
    "Start with 7. Do 8 steps: a +4, b *3, c -5, d +9, e *2, f -8, g +6, h -3. What is the result?",
    "How many of the whole numbers from 1 to 600 are divisible by none of 4, 6 and 15, but have a digit 7? Show why.",
)
LOW, APART = 64, 16
"""The smaller budget, and how many times larger the other one is."""
ANSWER = 512
"""Tokens for the answer beside the thinking."""
AT_ONCE_CLEAR = 0.5
"""Each question spends less at the smaller budget, all on the geometric average at most so much of the other: then
once is enough. Thinking of one question differs by 30 % from draw to draw: chance does this once in hundreds."""
LEAST_EFFECT = 0.75
"""Where once was not clear and each question was asked twice, at most so much."""
CLEARLY = 1.5
"""How many times the smaller budget is thought, here or there, before a difference can be seen."""
FEWER, LEAST = 4, 2
"""A model that thinks less than the smaller budget is asked for so many times less than it thinks, but no less."""
LITTLE = 32
"""Thinking shorter than this says nothing about levels of effort."""
REACH = 4096
"""Tokens of a reply at a level of effort."""
PATIENCE = 10.0


TOKENS, CHARACTERS, GENERATED = "thinking tokens", "characters of thinking", "generated tokens"
"""What thinking is counted in, best first."""
PER_TOKEN = 6
"""More characters than the tokens of most texts have."""


@dataclass(frozen=True, slots=True)
class Measured:
    """What was thought at one budget or level, question by question; ``unit`` says in what it is counted."""

    asked: str
    counts: tuple[int, ...]
    unit: str

    @property
    def said(self) -> str:
        """``asked 64: spent 71, 80, 64``."""
        return f"{self.asked}: spent {listed(self.counts)}"


async def native_budget(subject: Subject) -> str:
    """``budget_tokens`` does something: a larger one is thought with longer, counts say how long, and 0 is none."""
    await needs_chat(subject)
    if Control.NATIVE not in subject.backend.controls:
        raise Skipped("it does not offer control native")
    native = subject.backend.model.native or NativeBudgets()
    low, high = _budgets(subject, native)
    sides = [_Side(f"asked {budget:,}", budget_tokens=budget) for budget in (low, high)]
    limit = 2 * high + ANSWER
    few, many, untold = await _compared(subject, "budget_tokens", sides, limit, least=low)
    smaller = max(native.least, max(many.counts) // FEWER)
    if untold and few.unit == TOKENS and LEAST < smaller < low:
        [came] = await _ask(subject, [_Side(f"asked {smaller:,}", budget_tokens=smaller)], limit, seed=0)
        [few] = _measured([f"asked {smaller:,}"], [came])
        low, untold = smaller, _verdict("budget_tokens", few, many, smaller)
    if native.has_zero:
        off = await reply(subject, HARD[0], limit, budget_tokens=0, patience=PATIENCE)
        _check_none(off, "budget_tokens 0")
    if untold:
        raise Skipped(untold)
    if few.unit != TOKENS:
        raise Skipped(
            f"{few.said}; {many.said} {few.unit}: it has an effect, but nobody counts the thinking, so a curve has no "
            "x; give the model's tokenizer"
        )
    over = max(max(few.counts) / low, max(many.counts) / high) - 1
    return remarks(
        f"{few.said}; {many.said}",
        f"up to {100 * over:.0f} % over" if over > 0 else "never over",
        "0: none" if native.has_zero else "0 is not taken",
    )


def _budgets(subject: Subject, native: NativeBudgets) -> tuple[int, int]:
    """Two budgets far apart that fit the model."""
    low = max(LOW, native.least)
    most = room(subject)
    bounds = [bound for bound in (native.most, None if most is None else most * 2 // 3) if bound is not None]
    high = min([low * APART, *bounds])
    low = max(native.least, min(low, high // APART))
    if high < 2 * low:
        raise Skipped(f"budgets from {low} to {high} are all that fits; they are too near to tell apart")
    return low, high


def _check_none(made: Generation, what: str) -> None:
    """Thinking that was turned off did not take place."""
    n = made.usage.thinking_tokens
    if n or (n is None and (made.thinking or "").strip()):
        words = f"{n:,} tokens" if n else shown_text(made.thinking or "")
        raise Failure(f"{what} thought {words}; no thinking is promised")


@dataclass(frozen=True, slots=True)
class _Side:
    """One of two ways to ask that are compared."""

    name: str
    budget_tokens: int | None = None
    effort: str | None = None


async def _compared(
    subject: Subject, parameter: str, sides: Sequence[_Side], limit: int, *, least: int
) -> tuple[Measured, Measured, str]:
    """What little and much asked for spent, and why nothing can be told of it; `Failure` where it has no effect."""
    came: list[list[Generation]] = [[], []]
    for seed in (0, 1):
        for before, new in zip(came, await _ask(subject, sides, limit, seed=seed), strict=True):
            before += new
        few, many = _measured([side.name for side in sides], came)
        pairs = _telling(few, many, least)
        if not pairs or _is_effective(pairs, AT_ONCE_CLEAR, 0):
            break
    return few, many, _verdict(parameter, few, many, least)


async def _ask(subject: Subject, sides: Sequence[_Side], limit: int, *, seed: int) -> list[list[Generation]]:
    """The replies to all questions, a list a side."""
    came = await subject.together(
        (
            reply(
                subject,
                question,
                limit,
                budget_tokens=side.budget_tokens,
                effort=side.effort,
                seed=seed,
                patience=PATIENCE,
            )
            for side in sides
            for question in HARD
        ),
        " and ".join(side.name for side in sides),
        patience=PATIENCE,
    )
    n = len(HARD)
    return [came[i : i + n] for i in range(0, len(came), n)]


def _verdict(parameter: str, few: Measured, many: Measured, least: int) -> str:
    """Nothing where there is an effect, else why it cannot be told; `Failure` where there is none, or a wrong one."""
    numbers = f"{few.said}; {many.said} {few.unit}"
    pairs = _telling(few, many, least)
    if not pairs:
        return f"{numbers}; it thinks too little for {parameter} to be seen"
    if _is_effective([(b, a) for a, b in pairs], AT_ONCE_CLEAR, 0):
        raise Failure(f"{parameter} works the wrong way round: {numbers}")
    if not _is_effective(pairs, LEAST_EFFECT, len(pairs) // 5):
        raise Failure(f"{parameter} has no effect: {numbers}")
    return ""


def _telling(few: Measured, many: Measured, least: int) -> list[tuple[int, int]]:
    """Questions that are thought over for longer than the smaller budget, here or there."""
    told = {TOKENS: least, CHARACTERS: PER_TOKEN * least, GENERATED: least + ANSWER}[few.unit]
    return [(a, b) for a, b in zip(few.counts, many.counts, strict=True) if max(a, b) > CLEARLY * told]


def _is_effective(pairs: Sequence[tuple[int, int]], ratio: float, n_wrong: int) -> bool:
    """Whether the first of each pair is the smaller one, but for so many, and together by this ratio."""
    logs = [math.log(max(a, 1) / max(b, 1)) for a, b in pairs]
    return sum(a >= b for a, b in pairs) <= n_wrong and sum(logs) <= len(logs) * math.log(ratio)


def _measured(asked: Sequence[str], came: Sequence[Sequence[Generation]]) -> list[Measured]:
    """Thinking in the best unit that is known of all; `Failure` where nothing at all tells how much it was."""
    every = [made for replies in came for made in replies]
    thinking = [[made.usage.thinking_tokens for made in replies] for replies in came]
    generated = [[made.usage.generated_tokens for made in replies] for replies in came]
    letters = [
        [len(made.thinking or "") if made.visibility is Visibility.FULL else None for made in replies]
        for replies in came
    ]
    for unit, counts in ((TOKENS, thinking), (CHARACTERS, letters), (GENERATED, generated)):
        known = [tuple(count for count in row if count is not None) for row in counts]
        if sum(map(len, known)) == len(every):
            return [Measured(name, row, unit) for name, row in zip(asked, known, strict=True)]
    spent = "; ".join(f"{name}: spent {listed(row)}" for name, row in zip(asked, thinking, strict=True))
    raise Failure(f"{spent} thinking tokens; a count is promised, or no control that is measured by it")


async def effort(subject: Subject) -> str:
    """The lowest and the highest level of effort that it takes differ in what is thought, in the right direction."""
    await needs_chat(subject)
    if Control.EFFORT not in subject.backend.controls:
        raise Skipped("it does not offer control effort")
    taken, refused = await _levels(subject)
    if len(taken) < 2:
        raise Skipped(f"it takes {taken[0] if taken else 'no level'}; two levels are needed to see a difference")
    lowest, highest = next((level for level in taken[:-1] if level != "none"), taken[0]), taken[-1]
    sides = [_Side(f"effort {level}", effort=level) for level in (lowest, highest)]
    few, many, untold = await _compared(subject, "effort", sides, REACH, least=LITTLE)
    if "none" in taken:
        _check_none(await reply(subject, HARD[0], REACH, effort="none", patience=PATIENCE), "effort none")
    if untold:
        raise Skipped(untold)
    unit = "" if few.unit == TOKENS else f"in {few.unit}, since nobody counts the thinking"
    refusals = f"refused: {', '.join(refused)}" if refused else ""
    return remarks(f"{few.said}; {many.said}", unit, f"taken: {', '.join(taken)}", refusals)


async def _levels(subject: Subject) -> tuple[list[str], list[str]]:
    """The levels that are taken and those that are refused, each asked for once, with as few tokens as can be."""
    said = subject.backend.model.efforts
    taken, refused = [], []
    for level in said or EFFORTS:
        try:
            await reply(subject, EASY, SMALL, effort=level)
        except Failure as failure:
            error = failure.__cause__
            if not isinstance(error, BackendError) or error.is_fatal or error.is_retryable:
                raise
            if level in said:
                what = f"effort {level} was refused ({error}), though it is one of those that it is said to take"
                raise Failure(what) from error
            refused.append(level)
        else:
            taken.append(level)
    return taken, refused
