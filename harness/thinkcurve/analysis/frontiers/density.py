"""Capability density: how large a model of a reference family would have to be to do as well.

Xiao et al. 2024, "Densing law of LLMs" (arXiv 2412.04315, section 2): density = effective parameters / actual
parameters, where the effective parameters are those of a reference model of equal performance. They go through a
predicted loss; here accuracy itself is fitted, its logit linear in the logarithm of active parameters.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import msgspec
import numpy as np

from thinkcurve.analysis.basis.grid import Floats
from thinkcurve.analysis.basis.resample import FEWEST, RESAMPLES
from thinkcurve.analysis.frontiers.points import Entry, Points

LEAST_SLOPE = 1e-9
"""Below this a family does not get better with size."""
SIZE = re.compile(r"(?<![A-Za-z0-9.])\d+(?:\.\d+)?\s*(?:[bm]|billion|million)(?![A-Za-z0-9])", re.IGNORECASE)
"""A number of parameters in a model's name: the ``1.7B`` of ``Qwen3-1.7B``."""


class Density(msgspec.Struct, frozen=True):
    """Capability density of an entry at a budget: ``effective`` parameters of the reference family for its accuracy,
    and ``density``, effective / actual (arXiv 2412.04315).

    ``None`` where unknown; ``is_below`` and ``is_above`` say that the point lies off an end of the family, beyond
    which nothing is said. The ends of the interval are percentiles, ``None`` where they lie off an end; ``outside`` is
    the share of resamples off the family's ends, ``None`` where no family could be fitted.
    """

    entry: int
    budget: int | None
    family: str
    effective: float | None
    density: float | None
    ci_low: float | None
    ci_high: float | None
    is_below: bool
    is_above: bool
    outside: float | None


def family_of(name: str) -> str | None:
    """A model's name without its size (and its owner), or ``None`` where it names no size.

    >>> family_of("Qwen/Qwen3-1.7B"), family_of("SmolLM2-360M-Instruct"), family_of("gpt-5")
    ('qwen3-#', 'smollm2-#-instruct', None)
    """
    plain = name.rsplit("/", 1)[-1].lower()
    return SIZE.sub("#", plain) if SIZE.search(plain) else None


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
    x = np.log(np.asarray(sizes, dtype=float))
    if len(np.unique(x)) < 2:
        return np.full(accuracies.shape, np.nan)
    y = logit(reference, n_problems)
    slope = ((x - x.mean()) * y).sum(axis=1) / ((x - x.mean()) ** 2).sum()
    is_rising = slope > LEAST_SLOPE
    middle = y.mean(axis=1, keepdims=True)
    off = (logit(accuracies, n_problems) - middle) / np.where(is_rising, slope, 1.0)[:, None]
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
    """The density of every entry of known size at every budget that all of the reference family have.

    ``family`` are entries of at least two sizes and one control; where not given, the largest that their names tell
    (`reference_family`), and nothing is returned where there is none.
    """
    chosen = reference_family(points.entries) if family is None else tuple(family)
    if not chosen or not points.problems:
        return ()
    sizes = [size for i in chosen if (size := points.entries[i].active_parameters) is not None]
    if len(sizes) < len(chosen):
        raise ValueError("a model of the reference family has no known size")
    value = points.accuracy(points.everything)
    draws = points.resamples("thinking_tokens", n_resamples=n_resamples, seed=seed)[1]
    pairs = enumerate(zip(points.member, points.place, strict=True))
    at = {(int(m), points.entries[m].grid.budgets[b]): n for n, (m, b) in pairs}
    name = family_of(points.entries[chosen[0]].name) or ", ".join(points.entries[i].name for i in chosen)
    found = []
    for (entry, budget), n in at.items():
        columns = [at[i, budget] for i in chosen if (i, budget) in at]
        size = points.entries[entry].active_parameters
        is_alike = points.entries[entry].grid.control == points.entries[chosen[0]].grid.control
        if size is None or len(columns) < len(chosen) or not is_alike:
            continue
        own = [
            effective_parameters(sizes, pair[:, columns], pair[:, [n]], len(points.problems))[:, 0]
            for pair in (value, draws)
        ]
        found.append(_density(entry, budget, name, size, own[0][0], own[1], level))
    return tuple(found)


def _density(
    entry: int, budget: int | None, family: str, size: int, value: float, draws: Floats, level: float
) -> Density:
    known = draws[~np.isnan(draws)]
    low = high = None
    if len(known) >= FEWEST * len(draws):
        quantiles = (np.quantile(known, q, method="inverted_cdf") for q in ((1 - level) / 2, (1 + level) / 2))
        low, high = (_positive(end / size) for end in quantiles)
    return Density(
        entry,
        budget,
        family,
        _positive(value),
        _positive(value / size),
        low,
        high,
        bool(value == 0),
        bool(np.isposinf(value)),
        float(((known == 0) | np.isinf(known)).mean()) if len(known) else None,
    )


def reference_family(entries: Sequence[Entry]) -> tuple[int, ...]:
    """The entries of the family with the most sizes, smallest first; empty where none has two.

    A family is what names tell: models whose names differ in their size alone, under one control. The first entry
    of each size stands for it.
    """
    families: dict[tuple[str, str], dict[int, int]] = {}
    for i, entry in enumerate(entries):
        family = family_of(entry.name)
        if family is not None and entry.active_parameters is not None:
            families.setdefault((family, entry.grid.control), {}).setdefault(entry.active_parameters, i)
    most = max(families.values(), key=len, default={})
    return tuple(most[size] for size in sorted(most)) if len(most) > 1 else ()


def _positive(figure: float) -> float | None:
    return float(figure) if np.isfinite(figure) and figure > 0 else None
