"""Two runs compared: every curve of one with its partner in the other."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from thinkcurve.analysis.basis.axes import AXES
from thinkcurve.analysis.basis.resample import RESAMPLES
from thinkcurve.analysis.comparison.contrast import Contrast, contrast
from thinkcurve.analysis.comparison.matches import matches_of
from thinkcurve.analysis.comparison.permutation import FLIPS
from thinkcurve.analysis.comparison.power import ALPHA
from thinkcurve.analysis.missing import missing_remarks
from thinkcurve.errors import UsageError, did_you_mean
from thinkcurve.store import Warn

if TYPE_CHECKING:
    from thinkcurve.run import Run


class Comparison(msgspec.Struct, frozen=True):
    """A new run against a base run: one `Contrast` for each task (and model) that both have."""

    base: str
    new: str
    axis: str
    alpha: float
    comparisons: tuple[Contrast, ...]


def compare(
    base: Run | str | Path,
    new: Run | str | Path,
    *,
    axis: str = "thinking_tokens",
    alpha: float = ALPHA,
    base_model: str | None = None,
    new_model: str | None = None,
    n_resamples: int = RESAMPLES,
    n_flips: int = FLIPS,
    seed: int = 0,
    warn: Warn = lambda _: None,
) -> Comparison:
    """Compare two runs, or the directories they lie in, problem by problem.

    Curves are matched by task. Where a run has several models they are matched by spec, or chosen by ``base_model`` and
    ``new_model``; a run may be compared with itself that way. Raises `UsageError` where the runs cannot be compared: no
    task or problem in common, another version of a task, other problems under the same ids.
    """
    if axis not in AXES:
        raise UsageError(f"axis {axis!r} is not known.{did_you_mean(axis, AXES)} Axes: {', '.join(AXES)}")
    if not 0 < alpha < 1:
        raise UsageError(f"alpha is {alpha}; it must lie between 0 and 1, such as 0.05")
    first, second = _loaded(base, warn), _loaded(new, warn)
    missing = tuple(
        f"{name}: {note}" for name, run in (("base", first), ("new", second)) for note in missing_remarks(run)
    )
    found = []
    for match in matches_of(first, second, base_model=base_model, new_model=new_model):
        if not set(match.base.problems) & set(match.new.problems):
            raise UsageError(
                f"the runs have no problem of {match.base.task!r} in common; compare runs of the same problems"
            )
        made = contrast(
            match.base,
            match.new,
            axis=axis,
            alpha=alpha,
            is_same_seed=match.is_same_seed,
            n_resamples=n_resamples,
            n_flips=n_flips,
            seed=seed,
            notes=(*match.notes, *missing),
        )
        found.append(made)
    return Comparison(str(first.path), str(second.path), axis, alpha, tuple(found))


def _loaded(run: Run | str | Path, warn: Warn) -> Run:
    from thinkcurve.run import load_run

    return load_run(run, warn=warn) if isinstance(run, str | Path) else run
