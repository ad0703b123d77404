"""Small studies written as tables of right and wrong."""

from msgspec.structs import replace

from analysis.tables import table_of
from records import an_attempt
from thinkcurve.analysis.basis.grid import Grid, grids_of
from thinkcurve.problem import Verdict
from thinkcurve.store import Attempt


def small_grid(
    right: list[list[int]],
    budgets: list[int | None],
    tokens: list[list[float | None]] | None = None,
    *,
    groups: list[str] | None = None,
    control: str = "truncate",
    samples: int = 1,
) -> Grid:
    """Problems down, budgets across; -1 is an attempt that failed. Every sample of a problem is the same."""
    rows: list[Attempt] = []
    for p, cells in enumerate(right):
        group = groups[p] if groups else None
        for b, is_right in enumerate(cells):
            if is_right >= 0:
                spent = tokens[p][b] if tokens else budgets[b] if budgets[b] is not None else 1000
                verdict = Verdict.CORRECT if is_right else Verdict.INCORRECT
                made = [an_attempt(p, budgets[b], verdict, sample) for sample in range(samples)]
                more = {"thinking_tokens": spent, "group": group, "control": control}
                rows += [replace(one, **more) for one in made]
    (found,) = grids_of(table_of(rows))
    return found
