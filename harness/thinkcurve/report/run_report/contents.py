"""What a report is made of: runs, and the records of the analyses whose figures it prints. It computes none itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from thinkcurve.analysis.basis.axes import Ledger
from thinkcurve.analysis.behaviour.diagnostics import Diagnostics
from thinkcurve.analysis.comparison.contrast import Contrast
from thinkcurve.analysis.curve import Curve
from thinkcurve.analysis.items.strata import Strata
from thinkcurve.analysis.parallel.surface import Surface
from thinkcurve.report.labels import plain
from thinkcurve.report.run_report.words import named, short_model

if TYPE_CHECKING:
    from thinkcurve.run import Run


@dataclass(frozen=True, eq=False)
class Compared:
    """Two curves of the report set against each other, or ``refusal``: why they cannot be."""

    base: str
    new: str
    contrast: Contrast | None = None
    refusal: str = ""


@dataclass(frozen=True, eq=False)
class RunPart:
    """One run and what the analyses say of each of its curves; ``name`` tells it from the other runs."""

    run: Run
    name: str
    curves: Sequence[Curve]
    surfaces: Sequence[Surface] = ()
    ledgers: Sequence[Ledger] = ()
    strata: Sequence[Strata] = ()
    diagnostics: Sequence[Diagnostics] = ()
    shown: tuple[str, ...] | None = None
    """The problems that are shown one by one; ``None`` is all."""


@dataclass(frozen=True, eq=False)
class Contents:
    """A whole report. ``title`` is the reader's own, if any. Of ``n_pairs`` pairs of curves some are ``compared``."""

    parts: Sequence[RunPart]
    compared: Sequence[Compared] = ()
    title: str = ""
    labels: dict[tuple[int, str, str, str], str] = field(default_factory=dict)
    n_pairs: int = 0

    def label(self, place: int, of: Curve | Surface | Ledger | Strata | Diagnostics) -> str:
        """What tells a curve from the others of the report; ``place`` is that of its run."""
        return self.labels.get((place, of.model, of.task, of.control), named(of.task))


def names_of(runs: Sequence[Run]) -> list[str]:
    """A name for each run: that of its directory, with a number where two are the same."""
    names = [named(run.path.name or "run") for run in runs]
    return [f"{name} ({names[: i + 1].count(name)})" if names.count(name) > 1 else name for i, name in enumerate(names)]


def labels_of(parts: Sequence[RunPart]) -> dict[tuple[int, str, str, str], str]:
    """A label for each curve of a report: those of task, model, control and run in which the curves differ.

    Where they differ in nothing it is the task.
    """
    keys = [(i, c.model, c.task, c.control) for i, part in enumerate(parts) for c in part.curves]
    rows = [(named(t), short_model(m), plain(c), parts[i].name) for i, m, t, c in keys]
    varies = [len(set(column)) > 1 for column in zip(*rows, strict=True)]
    if varies[3] and len({row[:3] for row in rows}) == len(rows):
        varies[3] = False
    found = [" · ".join(part for part, is_told in zip(row, varies, strict=True) if is_told) or row[0] for row in rows]
    found = [
        f"{label} ({found[: i + 1].count(label)})" if found.count(label) > 1 else label for i, label in enumerate(found)
    ]
    return dict(zip(keys, found, strict=True))
