"""What a gate found: records that words, colour and exit code all come from."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

import msgspec

from thinkcurve.budget import Budget


class Outcome(StrEnum):
    """What the runs say of a condition, or of all of them. What is shown of it hangs on this one word."""

    PASS = "pass"
    REGRESSED = "regressed"
    INCONCLUSIVE = "inconclusive"

    @property
    def exit_code(self) -> int:
        """What the command leaves with."""
        return {Outcome.PASS: 0, Outcome.REGRESSED: 1, Outcome.INCONCLUSIVE: 3}[self]

    @property
    def colour(self) -> str:
        """The colour of a terminal."""
        return {Outcome.PASS: "green", Outcome.REGRESSED: "red", Outcome.INCONCLUSIVE: "yellow"}[self]

    @property
    def mark(self) -> str:
        """A sign for those who see no colour."""
        return {Outcome.PASS: "✓", Outcome.REGRESSED: "✗", Outcome.INCONCLUSIVE: "?"}[self]


class Needed(msgspec.Struct, frozen=True):
    """What would decide four times in five, were the truth what was measured: that many problems with the samples there
    are, or that many samples with the problems there are. ``None``: no number is enough, or it is not known.

    ``towards`` is the outcome that it would then be.
    """

    problems: int | None
    samples: int | None
    towards: Outcome


class Check(msgspec.Struct, frozen=True):
    """One condition at one budget of one task and model.

    ``base`` and ``new`` are shares, or mean costs of an attempt, over the problems of both. ``worsening`` is how much
    worse new is: a difference of shares, or for costs new / base - 1; below 0 it is better. It is at least ``least``
    and, apart from that, at most ``most``: one-sided bounds, the first at ``1 - alpha`` (the step of Holm's procedure
    that decided), the second at 1 less the alpha of the gate. ``p`` is that of "worse than the tolerance", ``p_holm``
    adjusted for all checks. ``None`` is not known, or beyond all bounds; ``why`` then says so. ``budget`` is the one
    that the check is of, of which there is none for ``scope`` ``mean`` and ``curve``.
    """

    condition: str
    measure: str
    unit: str
    scope: str
    budget: Budget
    effort: str | None
    task: str
    base_model: str
    new_model: str
    tolerance: float
    base: float | None
    new: float | None
    worsening: float | None
    least: float | None
    most: float | None
    p: float | None
    p_holm: float | None
    alpha: float | None
    n_problems: int
    n_samples: int
    outcome: Outcome
    why: str = ""
    needed: Needed | None = None


class Decision(msgspec.Struct, frozen=True):
    """All checks of a gate, and what they come to: regressed if one of them is, else inconclusive if one of them is.

    ``alpha`` bounds two chances: that any condition is said to have regressed that has not, and that the gate passes
    although some condition is worse than its tolerance.
    """

    base: str
    new: str
    alpha: float
    outcome: Outcome
    exit_code: int
    checks: tuple[Check, ...]
    notes: tuple[str, ...] = ()

    def of(self, outcome: Outcome) -> tuple[Check, ...]:
        """The checks that came out so."""
        return tuple(check for check in self.checks if check.outcome is outcome)


def worst(outcomes: Iterable[Outcome]) -> Outcome:
    """What several outcomes come to."""
    found = set(outcomes)
    return next((o for o in (Outcome.REGRESSED, Outcome.INCONCLUSIVE) if o in found), Outcome.PASS)
