"""Signs of how a model thinks and answers, for each budget and over the ladder. Counts, and shares of them.

What traces show is in `thinking`; here is what attempts tell: how thinking and answer ended, in what form the answer
was found, and from which budget on it stays the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import numpy as np
from numpy.typing import NDArray

from thinkcurve.analysis.basis.grid import CORRECT, MISSING, NO_ANSWER, UNVERIFIED, Grid
from thinkcurve.analysis.behaviour.thinking import Thinking, thinking_of
from thinkcurve.analysis.parallel.votes import UNKNOWN, classes_of
from thinkcurve.budget import Control

if TYPE_CHECKING:
    import pandas as pd

FORMS = ("marked", "announced", "found", "unknown")
FORM_OF_RULE = {
    **dict.fromkeys(("boxed", "boxes", "fence", "fences", "closed"), "marked"),
    "announced": "announced",
    **dict.fromkeys(("whole", "last", "text", "lines"), "found"),
}
"""What the last word of a rung, the rule that found the answer (`thinkcurve.verify.extract`), says of its form."""


class Signs(msgspec.Struct, frozen=True):
    """One budget. All but ``budget``, ``effort`` and ``settled`` are numbers of attempts.

    ``forced`` is ``None`` where only a provider that does not tell knows. ``marked`` answers stood in a box or a code
    fence, ``announced`` ones behind words such as "the answer is"; ``found`` ones were the whole or the last
    expression of the text, ``unknown`` ones were judged by a verifier that does not say. ``settled`` is how many
    answers have become by this budget what they are at the last.
    """

    budget: int | None
    effort: str | None
    n_attempts: int
    forced: int | None
    reserve_hit: int
    no_answer: int
    unverified: int
    marked: int
    announced: int
    found: int
    unknown: int
    settled: int


class Settling(msgspec.Struct, frozen=True):
    """When answers stay: over ``n`` (problem, sample)s with an attempt at each budget and an answer at the last.

    An answer is the same while it is correct, or by the verifier's comparison the same wrong one
    (`thinkcurve.analysis.parallel.votes`): ``1/2`` and ``0.5`` are; a wrong program only where its text is. ``n_early``
    of them stay from before the last budget on, ``n_early_right`` of these correct. ``tokens_after`` is the mean over
    all ``n`` of the thinking tokens between where it settled and the last budget, ``share_after`` these as a share of
    all their tokens; ``None`` where tokens are not known. ``n_unsettled`` had no answer at the last budget,
    ``n_incomplete`` lack an attempt.
    """

    n: int
    n_early: int
    n_early_right: int
    tokens_after: float | None
    share_after: float | None
    n_unsettled: int
    n_incomplete: int


class Diagnostics(msgspec.Struct, frozen=True):
    """Signs of one (model, task, control). ``thinking`` is empty where there are no traces to read."""

    model: str
    task: str
    control: str
    points: tuple[Signs, ...]
    settling: Settling | None
    thinking: tuple[Thinking, ...]


def diagnostics_of(grid: Grid, traces: pd.DataFrame | None = None) -> Diagnostics:
    """The signs of a grid; ``traces`` may hold those of other models and tasks too.

    ``settling`` is ``None`` on a ladder of one budget.
    """
    first = first_settled(grid)
    n_settled = np.bincount(first[first >= 0], minlength=len(grid.budgets)).cumsum()
    forms = _forms(grid)
    points = tuple(_signs(grid, at, forms[:, at], int(n_settled[at])) for at in range(len(grid.budgets)))
    shown: list[Thinking] = []
    if traces is not None:
        own = traces[(traces["model"] == grid.model) & (traces["task"] == grid.task)]
        groups = {} if grid.groups is None else dict(zip(grid.problems, grid.groups.tolist(), strict=True))
        shown = thinking_of(own, groups, grid.control)
    settling = _settling(grid, first) if len(grid.budgets) > 1 else None
    return Diagnostics(*grid.name, points, settling, tuple(shown))


def first_settled(grid: Grid) -> NDArray[np.int64]:
    """From which place of the ladder on each answer stays as it is at the last, (P, S).

    -1 where there is no answer at the last budget, -2 where an attempt is missing.
    """
    classes = _classes(grid)
    n_budgets = len(grid.budgets)
    differs = classes != classes[:, -1:]
    last_other = n_budgets - 1 - differs[:, ::-1].argmax(axis=1)
    first = np.where(differs.any(axis=1), last_other + 1, 0)
    first = np.where(classes[:, -1] == _NO_CLASS, -1, first)
    return np.where((grid.verdicts == MISSING).any(axis=1), -2, first).astype(np.int64)


_NO_CLASS = -1


def _classes(grid: Grid) -> NDArray[np.int64]:
    """What each attempt says, (P, B, S): 0 is correct, -1 no answer, anything else one answer within its problem.

    Answers are those of `classes_of`, and where it does not know (code, blank text) the extracted texts.
    """
    import pandas as pd

    votes = classes_of(grid).astype(np.int64)
    texts = grid.attempts["extracted"].astype("object")
    codes = np.asarray(pd.factorize(texts.where(texts.notna(), None))[0], dtype=np.int64)
    said = codes[grid.rows]
    is_silent = (grid.verdicts == NO_ANSWER) | (grid.verdicts == MISSING) | (said < 0)
    as_text = votes.max(initial=0) + 1 + said
    wrong = np.where(votes == UNKNOWN, as_text, votes)
    return np.where(grid.verdicts == CORRECT, 0, np.where(is_silent, _NO_CLASS, wrong))


def _forms(grid: Grid) -> NDArray[np.int64]:
    """The place in `FORMS` of each attempt's answer, (P, B, S); -1 where there is no answer."""
    import pandas as pd

    codes, rungs = pd.factorize(grid.attempts["rung"])
    places = np.array([FORMS.index(form_of(str(rung))) for rung in rungs] + [-1], dtype=np.int64)
    has_answer = (grid.verdicts != MISSING) & (grid.verdicts != NO_ANSWER)
    return np.where(has_answer, places[np.asarray(codes)][grid.rows], -1)


def form_of(rung: str) -> str:
    """The form in which the answer of a rung was found.

    >>> form_of("number/boxed"), form_of("sandbox/lines/continued"), form_of("custom/mine/boxed")
    ('marked', 'found', 'unknown')
    """
    comparison, _, rest = rung.removesuffix("/continued").partition("/")
    return "unknown" if comparison == "custom" else FORM_OF_RULE.get(rest.rpartition("/")[2], "unknown")


def _signs(grid: Grid, at: int, forms: NDArray[np.int64], n_settled: int) -> Signs:
    verdicts, drawn = grid.verdicts[:, at], grid.is_drawn[:, at]
    by_form = np.bincount(forms[forms >= 0], minlength=len(FORMS))
    return Signs(
        grid.budgets[at],
        grid.efforts[at],
        int(drawn.sum()),
        int(grid.flags("is_forced")[:, at].sum()) if _knows_forced(grid, at) else None,
        int(grid.flags("is_truncated_answer")[:, at].sum()),
        int((verdicts == NO_ANSWER).sum()),
        int((verdicts == UNVERIFIED).sum()),
        int(by_form[0]),
        int(by_form[1]),
        int(by_form[2]),
        int(by_form[3]),
        n_settled,
    )


def _knows_forced(grid: Grid, at: int) -> bool:
    """Whether all that was forced is known: where a provider keeps the budget, only the count of the thinking tells."""
    if grid.control not in (Control.NATIVE, Control.EFFORT):
        return True
    return not np.isnan(grid.column("thinking_tokens")[:, at][grid.is_drawn[:, at]]).any()


def _settling(grid: Grid, first: NDArray[np.int64]) -> Settling:
    is_settled = first >= 0
    n, last = int(is_settled.sum()), len(grid.budgets) - 1
    is_early = is_settled & (first < last)
    tokens = grid.column("thinking_tokens")
    at_first = np.take_along_axis(tokens, np.clip(first, 0, None)[:, None, :], axis=1)[:, 0][is_settled]
    at_last = tokens[:, -1][is_settled]
    after = np.maximum(at_last - at_first, 0.0)
    is_known = n > 0 and not np.isnan(after).any()
    total = float(at_last.sum()) if is_known else 0.0
    return Settling(
        n=n,
        n_early=int(is_early.sum()),
        n_early_right=int((is_early & grid.is_correct[:, -1]).sum()),
        tokens_after=float(after.mean()) if is_known else None,
        share_after=float(after.sum() / total) if total > 0 else None,
        n_unsettled=int((first == -1).sum()),
        n_incomplete=int(((first == -2) & grid.is_drawn.any(axis=1)).sum()),
    )
