"""Cascades: steps in ascending cost, of which the first whose signal reaches a threshold answers.

All steps that were taken are paid (FrugalGPT, Chen, Zaharia and Zou 2023, arXiv 2305.05176).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations, islice

import msgspec
import numpy as np

from thinkcurve.analysis.allocation.menu import Menu
from thinkcurve.analysis.basis.grid import Floats

MOST_STEPS = 3
MOST_THRESHOLDS = 9
MOST_CASCADES = 2000
"""Of two steps, and of three. Where there are more of two, only steps spread evenly over the ranks of cost are paired,
by cost alone, as a look at who is right would flatter; where there are more of three, none are tried."""


class Cascade(msgspec.Struct, frozen=True):
    """Steps in ascending cost, by their place in the menu, and the signal from which on one is content."""

    steps: tuple[int, ...]
    threshold: float


def cascades_of(menu: Menu) -> list[Cascade]:
    """Every single step, and cascades of two or three with a threshold that the signal can tell apart.

    Only a step that shows a signal on every problem can be other than the last. At most `MOST_CASCADES` of a length.
    """
    everything = range(len(menu.steps))
    shows = [i for i in everything if not np.isnan(menu.signal[:, :, i]).any()]
    found = [Cascade((i,), 0.0) for i in everything]
    thresholds = _thresholds(menu.signal[:, :, shows]) if shows else []
    if not thresholds:
        return found
    most = MOST_CASCADES // len(thresholds)
    for n in range(2, MOST_STEPS + 1):
        chains = _chains(shows, everything, n, most + 1)
        is_too_many = len(chains) > most
        if is_too_many and n > 2:
            break
        if is_too_many:
            chains = _thinned(shows, everything, most)
        found += [Cascade(steps, threshold) for steps in chains for threshold in thresholds]
        if is_too_many:
            break
    return found


def _chains(shows: Sequence[int], lasts: Sequence[int], n: int, most: int) -> list[tuple[int, ...]]:
    """The first ``most`` chains of n ascending steps, all of ``shows`` but the last, which is one of ``lasts``."""
    every = ((*first, last) for first in combinations(shows, n - 1) for last in lasts if last > first[-1])
    return list(islice(every, most))


def _thinned(shows: Sequence[int], lasts: Sequence[int], most: int) -> list[tuple[int, ...]]:
    """At most so many pairs, of as many steps spread evenly as there can be."""
    for n in range(len(lasts), 1, -1):
        chains = _chains(_spread(shows, n), _spread(lasts, n), 2, most + 1)
        if len(chains) <= most:
            return chains
    return []


def _spread(places: Sequence[int], n: int) -> list[int]:
    """At most n of the places, evenly over their ranks, both ends among them."""
    if len(places) <= n:
        return list(places)
    return [places[int(i)] for i in np.linspace(0, len(places) - 1, n).round()]


def _thresholds(signal: Floats) -> list[float]:
    """Values at which the signal splits what there is: all of them, or quantiles where they are many."""
    values = np.unique(signal)
    if len(values) > MOST_THRESHOLDS:
        values = np.unique(np.quantile(signal, np.linspace(0, 1, MOST_THRESHOLDS + 1)[1:-1]))
    return [float(v) for v in values] if len(values) > 1 else []


def run_cascade(menu: Menu, cascade: Cascade) -> tuple[Floats, Floats]:
    """Probability of a right answer, and cost of all steps taken, of each problem: means over trials, both (P,).

    A step does not pay for thinking that an earlier step of its model has left to go on from (`Menu.thinking`).
    """
    going = np.ones(menu.value.shape[:2], dtype=bool)
    value, cost = np.zeros(going.shape), np.zeros(going.shape)
    made: dict[int, Floats] = {}
    for i in cascade.steps:
        curve, thinking = menu.steps[i].curve, menu.thinking[:, :, i]
        there = made.get(curve, np.zeros(thinking.shape))
        cost += np.where(going, menu.cost[:, :, i] - np.minimum(there, thinking).sum(axis=2), 0.0)
        made[curve] = np.maximum(there, thinking)
        stops = going & ((menu.signal[:, :, i] >= cascade.threshold) | (i == cascade.steps[-1]))
        value += np.where(stops, menu.value[:, :, i], 0.0)
        going &= ~stops
    return value.mean(axis=1), cost.mean(axis=1)
