"""Capability density: how large a model of a reference family would have to be to do as well.

Xiao et al. 2024, "Densing law of LLMs" (arXiv 2412.04315, section 2): density = effective parameters / actual
parameters, where the effective parameters are those of a reference model of equal performance. They go through a
predicted loss; here accuracy itself is fitted, its logit linear in the logarithm of active parameters.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec
import numpy as np

from thinkcurve.analysis.basis.grid import Floats
from thinkcurve.analysis.basis.interval import FEWEST_UNITS, Interval, intervals, known
from thinkcurve.analysis.basis.percentiles import percentiles
from thinkcurve.analysis.basis.resample import RESAMPLES
from thinkcurve.analysis.frontiers.families import family_of, reference_family
from thinkcurve.analysis.frontiers.points import Entry, Points
from thinkcurve.budget import effort_of

LEAST_SLOPE = 1e-9
"""Below this a family does not get better with size."""


class Density(msgspec.Struct, frozen=True):
    """Capability density of an entry at a budget: ``effective`` parameters of the reference family for its accuracy,
    and ``density``, effective / actual (arXiv 2412.04315).

    ``n_sizes`` sizes of the family bear the line. A member of the family is scored by the others alone, as a line
    through its own point would find it as dense as itself. ``None`` where unknown; ``is_below`` and ``is_above`` say
    that the point lies off an end of the family, beyond which nothing is said. The ends of the interval are
    percentiles, ``None`` where they lie off an end; it is of the problems drawn, and says nothing of how far sizes lie
    off a line. ``outside`` is the share of resamples off the family's ends, ``None`` where no family could be fitted.
    """

    entry: int
    budget: int | None
    effort: str | None
    family: str
    n_sizes: int
    effective: float | None
    density: Interval
    is_below: bool
    is_above: bool
    outside: float | None


def logit(accuracies: Floats, n_problems: int) -> Floats:
    """Log odds with half a problem added on either side (Haldane 1956), so that none or all right is finite."""
    return np.log((accuracies * n_problems + 0.5) / ((1 - accuracies) * n_problems + 0.5))


def effective_parameters(sizes: Sequence[int], reference: Floats, accuracies: Floats, n_problems: int) -> Floats:
    """Parameters at which the family would be as accurate, of the shape of ``accuracies``.

    ``sizes`` are the active parameters of F reference models, ``reference`` their accuracies in R resamples, of shape
    (R, F); ``accuracies``, of shape (R, N), those of N points in the same resamples. The family is a straight line,
    by least squares, of log odds over log parameters. Where a point lies off the end of the family it is 0 (below
    the smallest) or infinite (above the largest): no line is drawn beyond them. NaN where the family has fewer than
    two sizes, does not get better with size, or a figure is unknown.
    """
    return _on_line(sizes, logit(reference, n_problems), logit(accuracies, n_problems))


def _on_line(sizes: Sequence[int], y: Floats, own: Floats) -> Floats:
    """`effective_parameters` of log odds."""
    x = np.log(np.asarray(sizes, dtype=float))
    if len(np.unique(x)) < 2:
        return np.full(own.shape, np.nan)
    slope = ((x - x.mean()) * y).sum(axis=1) / ((x - x.mean()) ** 2).sum()
    is_rising = slope > LEAST_SLOPE
    middle = y.mean(axis=1, keepdims=True)
    off = (own - middle) / np.where(is_rising, slope, 1.0)[:, None]
    at = x.mean() + off
    rounding = LEAST_SLOPE * abs(x.max())
    found = np.exp(np.clip(at, x.min(), x.max()))
    found = np.where(at < x.min() - rounding, 0.0, np.where(at > x.max() + rounding, np.inf, found))
    return np.where(is_rising[:, None] & ~np.isnan(at), found, np.nan)


def densities(
    points: Points,
    family: Sequence[int] | None = None,
    *,
    level: float = 0.95,
    n_resamples: int = RESAMPLES,
    seed: int = 0,
) -> tuple[Density, ...]:
    """The density of the entries of known size at every budget that all of the reference family have.

    ``family`` are entries of at least two sizes and one control; where not given, the largest that their names tell
    (`reference_family`), and nothing is returned where there is none. A member of it is scored by the sizes that are
    not its own, if it lies between them: the others have nothing on one side to be measured by, and are not scored.
    Raises `ValueError` for a member of unknown size.
    """
    chosen = reference_family(points.entries) if family is None else tuple(family)
    if not chosen or not points.problems:
        return ()
    sizes = {i: size for i in chosen if (size := points.entries[i].active_parameters) is not None}
    if len(sizes) < len(chosen):
        raise ValueError("a model of the reference family has no known size")
    pairs = enumerate(zip(points.member, points.place, strict=True))
    at = {(int(m), points.entries[m].grid.budgets[b]): n for n, (m, b) in pairs}
    draws = points.resamples("thinking_tokens", n_resamples=n_resamples, seed=seed)[1]
    odds = [logit(accuracies, len(points.problems)) for accuracies in (points.accuracy(points.everything), draws)]
    found = []
    for (entry, budget), n in at.items():
        bearing = _bearing(points.entries, entry, sizes)
        if not bearing or any((i, budget) not in at for i in sizes):
            continue
        columns = [at[i, budget] for i in bearing]
        own = [_on_line(list(bearing.values()), of[:, columns], of[:, [n]])[:, 0] for of in odds]
        found.append(_density(points, entry, budget, (_family_name(points.entries, chosen), len(bearing)), own, level))
    return tuple(found)


def _family_name(entries: Sequence[Entry], chosen: Sequence[int]) -> str:
    alike = {family_of(entries[i].name) for i in chosen}
    name = next(iter(alike)) if len(alike) == 1 else None
    return name or ", ".join(entries[i].name for i in chosen)


def _bearing(entries: Sequence[Entry], entry: int, sizes: Mapping[int, int]) -> dict[int, int]:
    """The members of a family, and their sizes, that an entry is scored by; empty where it cannot be."""
    first = next(iter(sizes))
    size = entries[entry].active_parameters
    if size is None or entries[entry].grid.control != entries[first].grid.control:
        return {}
    is_alike = family_of(entries[entry].name) in {family_of(entries[i].name) for i in sizes} - {None}
    if entry not in sizes and not (is_alike and size in sizes.values()):
        return dict(sizes)
    others = {i: other for i, other in sizes.items() if other != size}
    return others if others and min(others.values()) < size < max(others.values()) else {}


def _density(
    points: Points, entry: int, budget: int | None, family: tuple[str, int], own: Sequence[Floats], level: float
) -> Density:
    size = points.entries[entry].active_parameters or 0
    effective, draws = float(own[0][0]), own[1]
    ordered = np.where(draws == 0, -np.inf, draws) / size  # off below: less than any size
    value = np.asarray(np.nan if effective == 0 else effective / size)
    (density,) = intervals(percentiles(value, ordered, points.n_units, level=level), points.n_units)
    fitted = draws[~np.isnan(draws)]
    is_off = (fitted == 0) | np.isinf(fitted)
    return Density(
        entry,
        budget,
        effort_of(budget, points.entries[entry].grid.control),
        *family,
        known(effective) or None,
        density,
        effective == 0,
        bool(np.isposinf(effective)),
        float(is_off.mean()) if len(fitted) and points.n_units >= FEWEST_UNITS else None,
    )
