"""What a volume of requests would take at each budget: tokens, dollars and seconds."""

from __future__ import annotations

import msgspec
import numpy as np
from numpy.typing import NDArray

from thinkcurve.analysis.basis.grid import Floats, Grid, groups_among
from thinkcurve.analysis.basis.interval import UNKNOWN, Interval, intervals, n_units
from thinkcurve.analysis.basis.quantiles import quantile_intervals
from thinkcurve.analysis.basis.resample import RESAMPLES, bootstrap, ratio_over
from thinkcurve.tariff import Tariff

QUANTILES = (0.5, 0.95)
OTHERS = ("prompt_tokens", "wall_s", "usd")


class Demand(msgspec.Struct, frozen=True):
    """What ``volume`` requests take at one budget, if they are like the attempts of the task.

    ``generated_tokens``, ``prompt_tokens``, ``usd`` and ``wall_s`` are expected totals, with a 95 % interval over
    problems, so that it tells what these problems leave open, and not how one day differs from another.
    ``tokens_mean``, ``tokens_p50`` and ``tokens_p95`` are generated tokens of one request, over all attempts: means are
    sums over sums, as in the curve; an end of a quantile that the attempts do not tell is ``None``. ``wall_s`` is the
    sum of seconds that requests waited, as measured while others ran beside them; ``accelerator_s`` is that over the
    number that ran at once, unknown where this is. ``usd_source`` is ``measured`` (the run's own prices), ``tariff``
    (those given) or ``unknown``.
    """

    budget: int | None
    effort: str | None
    volume: float
    n_problems: int
    tokens_mean: Interval
    tokens_p50: Interval
    tokens_p95: Interval
    prompt_tokens: Interval
    generated_tokens: Interval
    usd: Interval
    usd_source: str
    wall_s: Interval
    accelerator_s: Interval


def project(
    grid: Grid,
    *,
    volume: float,
    tariff: Tariff | None = None,
    concurrency: float | None = None,
    n_resamples: int = RESAMPLES,
    seed: int = 0,
) -> tuple[Demand, ...]:
    """What ``volume`` requests (a day's, a month's) take at each budget of a grid.

    A total is volume x mean over attempts of one request alone, with nothing cached. What is
    unknown for any attempt of a budget is unknown for the budget. ``tariff`` prices the tokens in place of the run's
    own prices. ``concurrency`` is how many requests ran at once while ``wall_s`` was measured. Raises `ValueError` for
    a volume below 0 or a concurrency that is not above 0.
    """
    if not volume >= 0:
        raise ValueError(f"a volume of {volume} requests: it must be 0 or more")
    if concurrency is not None and not concurrency > 0:
        raise ValueError(f"{concurrency} requests at once: it must be above 0")
    columns = {name: _column(grid, name) for name in ("generated_tokens", *OTHERS)}
    source = "measured"
    if tariff is not None:
        columns["usd"], source = _priced(grid, tariff), "tariff"
    return tuple(
        _demand(grid, place, columns, volume, source, concurrency, n_resamples, seed)
        for place in range(len(grid.budgets))
    )


def _column(grid: Grid, name: str) -> Floats:
    return grid.column(name) if name in grid.attempts else np.full(grid.rows.shape, np.nan)


def _priced(grid: Grid, tariff: Tariff) -> Floats:
    """Dollars of each attempt alone at a tariff, of shape (P, B, S); NaN where it cannot be told."""
    names = ("prompt_tokens", "generated_tokens", "thinking_tokens")
    prompt, generated, thinking = (_column(grid, name)[grid.is_drawn] for name in names)
    found = np.full(grid.rows.shape, np.nan)
    found[grid.is_drawn] = [
        _or_nan(tariff.usd(prompt=_count(p), generated=_count(g), thinking=_count(t)))
        for p, g, t in zip(prompt, generated, thinking, strict=True)
    ]
    return found


def _count(value: float) -> int | None:
    return None if np.isnan(value) else int(value)


def _or_nan(value: float | None) -> float:
    return np.nan if value is None else value


def _demand(
    grid: Grid,
    place: int,
    columns: dict[str, Floats],
    volume: float,
    source: str,
    concurrency: float | None,
    n_resamples: int,
    seed: int,
) -> Demand:
    kept = np.flatnonzero(grid.drawn[:, place] > 0)
    groups = groups_among(grid.groups, kept)
    is_drawn = grid.is_drawn[kept, place]
    own = {name: values[kept, place] for name, values in columns.items()}
    mean, p50, p95, prompt, wall, usd = _of_requests(own, is_drawn, groups, n_resamples, seed)
    return Demand(
        budget=grid.budgets[place],
        effort=grid.efforts[place],
        volume=volume,
        n_problems=len(kept),
        tokens_mean=mean,
        tokens_p50=p50,
        tokens_p95=p95,
        prompt_tokens=times(prompt, volume),
        generated_tokens=times(mean, volume),
        usd=times(usd, volume),
        usd_source=source if usd.value is not None else "unknown",
        wall_s=times(wall, volume),
        accelerator_s=UNKNOWN if concurrency is None else times(wall, volume / concurrency),
    )


def _of_requests(
    own: dict[str, Floats],
    is_drawn: NDArray[np.bool_],
    groups: NDArray[np.int64] | None,
    n_resamples: int,
    seed: int,
) -> list[Interval]:
    """Of one request: mean and `QUANTILES` of generated tokens, then the mean of each of `OTHERS`."""
    n = len(is_drawn)
    names = ("generated_tokens", *OTHERS)
    if not n:
        return [UNKNOWN] * (len(names) + len(QUANTILES))
    drawn = is_drawn.sum(axis=1, keepdims=True).astype(float)
    sums = np.full((n, len(names)), np.nan)
    for i, name in enumerate(names):
        if not np.isnan(own[name][is_drawn]).any():
            sums[:, i] = np.where(is_drawn, own[name], 0.0).sum(axis=1)

    def statistic(weights: Floats) -> Floats:
        return ratio_over(weights, sums, np.broadcast_to(drawn, sums.shape))

    found = bootstrap(statistic, n, groups=groups, n_resamples=n_resamples, seed=seed)
    mean, *others = intervals(found, n_units(n, groups))
    quantiles = [UNKNOWN] * len(QUANTILES)
    if not np.isnan(sums[:, 0]).any():
        quantiles = quantile_intervals(own["generated_tokens"], is_drawn, QUANTILES, groups=groups)
    return [mean, *quantiles, *others]


def times(one: Interval, factor: float) -> Interval:
    """A figure and its interval times a factor of 0 or more."""
    value, low, high = (None if end is None else factor * end for end in (one.value, one.ci_low, one.ci_high))
    return Interval(value, low, high)
