"""A row of a table of coverage, and studies that are made one by one with the package's public functions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from worlds import Floats

Held = NDArray[Any]
"""Whether each study held the truth: truth values, or 1 and 0, NaN where it gave no interval."""
Study = Callable[[int, int, int], Held]
"""Problems, samples of each and studies to which of the studies held the truth."""
Ends = tuple[float | None, float | None]
Panel = Callable[[np.random.Generator, int, int], Mapping[str, Ends]]
"""One study: a generator, problems and samples of each to the ends of the intervals of several figures, by name."""


@dataclass(frozen=True)
class Interval:
    """One row: what is estimated, by which interval, in which world.

    ``least`` is the fewest samples it needs, ``most`` the most problems it is tried with. Rows of one ``panel`` share
    studies.
    """

    estimate: str
    by: str
    world: str
    study: Study
    least: int = 1
    most: int = 1000
    panel: str = ""


def held(low: Floats, high: Floats, true: float) -> Held:
    """Whether the truth lies within."""
    return (low <= true) & (true <= high)


def of_panel(panel: Panel, name: str, true: Callable[[int], float]) -> Study:
    """One figure of a panel. ``true`` is told the samples of a problem: some figures are about as many."""

    def study(n: int, n_samples: int, n_studies: int) -> Held:
        made = _made(panel, n, n_samples, n_studies)
        ends = np.array([[np.nan if end is None else end for end in one.get(name, (None, None))] for one in made])
        is_known = ~np.isnan(ends).any(axis=1)
        return np.where(is_known, held(ends[:, 0], ends[:, 1], true(n_samples)), np.nan)

    return study


@cache
def _made(panel: Panel, n: int, n_samples: int, n_studies: int) -> list[Mapping[str, Ends]]:
    return [panel(np.random.default_rng((n, n_samples, i)), n, n_samples) for i in range(n_studies)]
