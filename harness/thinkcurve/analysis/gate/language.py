"""The language of a gate: what of a run may get worse, by how much, and where on the curve.

    [TASK/]MEASURE[@BUDGET]:TOLERANCE      accuracy:2pp   accuracy@1024:3pp   usd:20%   tokens_to(0.6):10%   any

A condition holds at every budget that both runs have, or at the one after ``@`` (a number of tokens, ``none`` for the
natural end, a level of effort), or for their mean (``@mean``). Shares get worse by points (``pp``), costs by per cent
of what base spent (``%``). ``any`` asks whether the new run is worse anywhere on the curve, however little.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

import msgspec

from thinkcurve.analysis.basis.axes import AXES
from thinkcurve.budget import EFFORTS, LARGEST_DIGITS
from thinkcurve.errors import UsageError, did_you_mean

SHARES = ("accuracy", "no_answer", "unverified", "forced", "truncated_answers", "failures")
"""Measures that are shares of attempts; all but accuracy are better when lower."""
ALIASES = {"tokens": "thinking_tokens", "seconds": "wall_s"}
"""Short names; ``tokens`` are those of the default axis."""
ANY = "any"
ANY_MARGIN = 0.05
"""A loss that a run must be able to rule out for ``any`` to pass: the first of `contrast.WANTED`."""
MEAN = "mean"
EXAMPLES = "accuracy:2pp, accuracy@1024:3pp, tokens_to(0.6):10%, usd:20%, no_answer:1pp, any"
MOST_PERCENT = 1000.0
LONGEST = 300
"""Characters of a condition."""
_FORM = re.compile(
    r"(?:(?P<task>.+)/)?"
    r"(?P<measure>(?:pass|maj)@(?P<k>[0-9]{1,6})|[a-z_]+(?:\((?P<target>[^()]*)\))?)"
    r"(?:@(?P<budget>[A-Za-z0-9_]+))?"
    r"(?::(?P<tolerance>.*))?"
)
_TOLERANCE = re.compile(r"(?P<number>[0-9]{1,6}(?:\.[0-9]{1,6})?)\s*(?P<unit>pp|%)?")


class Condition(msgspec.Struct, frozen=True):
    """One condition. ``text`` is as it was written, ``tolerance`` a share (2pp is 0.02) or a part of the cost of base
    (10% is 0.1). ``budget`` is the word after ``@``, ``target`` the accuracy of ``AXIS_to``, ``k`` that of pass@k."""

    text: str
    measure: str
    tolerance: float
    task: str | None = None
    budget: str | None = None
    target: float | None = None
    k: int | None = None

    @property
    def is_relative(self) -> bool:
        """Whether the tolerance is a part of what base spent, and not points."""
        return self.measure in AXES

    @property
    def is_any(self) -> bool:
        """Whether it is the test of the whole curve."""
        return self.measure == ANY


def conditions_of(texts: Iterable[str]) -> list[Condition]:
    """Conditions in the order they were written, each once; several may stand in one text, set apart by commas.

    Raises `UsageError` for the first that cannot be meant.
    """
    parts = (part.strip() for text in texts for part in text.split(","))
    return [condition_of(part) for part in dict.fromkeys(parts)]


def condition_of(text: str) -> Condition:
    """The condition that a text writes, or a `UsageError` that says what is wrong and what would be right."""
    if len(text) > LONGEST:
        raise UsageError(f"a condition of {len(text):,} characters cannot be read; write one such as {EXAMPLES}")
    found = _FORM.fullmatch(text.strip())
    if found is None:
        raise UsageError(f"condition {text!r} cannot be read; write one such as {EXAMPLES}")
    measure, target, k = _measure(text, found["measure"], found["target"], found["k"])
    tolerance = _tolerance(text, measure, found["tolerance"])
    budget = None if found["budget"] is None else _budget(text, measure, target, found["budget"])
    return Condition(text.strip(), measure, tolerance, found["task"], budget, target, k)


def _measure(text: str, word: str, target: str | None, k: str | None) -> tuple[str, float | None, int | None]:
    """Measure, the accuracy that is to be reached, and k."""
    if k is not None:
        if int(k) < 1:
            raise UsageError(f"condition {text!r}: {word} needs at least one sample")
        return word, None, int(k)
    if target is None:
        name = ALIASES.get(word, word)
        if name not in (*SHARES, *AXES, ANY):
            raise UsageError(f"condition {text!r}: nothing is measured as {word!r}.{_near(word)}")
        return name, None, None
    axis, is_to, rest = word.partition("(")[0].rpartition("_to")
    name = ALIASES.get(axis, axis)
    if not is_to or rest or name not in AXES:
        raise UsageError(f"condition {text!r}: {word!r} is not a cost to reach an accuracy; write tokens_to(0.6)")
    try:
        accuracy = float(target)
    except ValueError:
        accuracy = -1.0
    if not 0 < accuracy < 1:
        raise UsageError(f"condition {text!r}: {target!r} is not an accuracy; give a share such as 0.6")
    return name, accuracy, None


def _near(word: str) -> str:
    known = (*SHARES, *AXES, *ALIASES, ANY)
    return did_you_mean(word, known) or f" There are {', '.join(known)}, pass@K, maj@K and COST_to(ACCURACY)."


def _tolerance(text: str, measure: str, written: str | None) -> float:
    """The tolerance as a share, or as a part of the cost of base."""
    if written is None:
        if measure == ANY:
            return ANY_MARGIN
        example = "10%" if measure in AXES else "2pp"
        raise UsageError(f"condition {text!r}: say how much worse is let through, such as {text.strip()}:{example}")
    found = _TOLERANCE.fullmatch(written.strip())
    if found is None or found["unit"] is None:
        raise UsageError(f"condition {text!r}: {written!r} is no tolerance; points are 2pp, parts of a cost 10%")
    is_relative, value = measure in AXES, float(found["number"])
    if is_relative != (found["unit"] == "%"):
        right = f"{found['number']}%" if is_relative else f"{found['number']}pp"
        kind = "a cost, let through by per cent of it" if is_relative else "a share of attempts, let through by points"
        raise UsageError(f"condition {text!r}: {measure} is {kind}; write {right}")
    most = MOST_PERCENT if is_relative else 100.0
    if value >= most:
        raise UsageError(f"condition {text!r}: {written} would let everything through; give less than {most:g}")
    if measure == ANY and value == 0:
        raise UsageError(
            f"condition {text!r}: no run can rule out every loss; give points that matter, such as any:3pp"
        )
    return value / 100


def _budget(text: str, measure: str, target: float | None, word: str) -> str:
    """The word after ``@``; whether the runs have such a budget is theirs to say."""
    if measure == ANY or target is not None:
        raise UsageError(f"condition {text!r} is about the whole curve; leave @{word} away")
    name = word.lower()
    is_number = name.isdigit() and len(name) <= LARGEST_DIGITS
    if not (is_number or name in (MEAN, "natural", *EFFORTS)):
        raise UsageError(
            f"condition {text!r}: {word!r} is no budget; give a number of tokens, none for the natural end, "
            f"a level of effort ({', '.join(EFFORTS)}) or mean"
        )
    return str(int(name)) if is_number else name
