"""Are memberships of the frontier what they say: of the points with a probability of .8, are eight of ten on it?"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from of_models import memberships

BINS = (0.0, 0.05, 0.2, 0.4, 0.6, 0.8, 0.95, 1.0)
SIZES = ((30, 1), (200, 1), (1000, 1))
"""Problems, and samples of each."""
STUDIES = 400


def calibration(n: int, n_samples: int, n_studies: int) -> list[tuple[float, float, int]]:
    """For each of `BINS`: the mean probability, the share that truly is on the frontier, and how many points."""
    found = [
        pair for i in range(n_studies) for pair in memberships(np.random.default_rng((n, n_samples, i)), n, n_samples)
    ]
    said, true = (np.array(column, dtype=float) for column in zip(*found, strict=True))
    place = np.clip(np.searchsorted(BINS, said, side="right") - 1, 0, len(BINS) - 2)
    bins = [place == i for i in range(len(BINS) - 1)]
    return [
        (float(said[own].mean()), float(true[own].mean()), int(own.sum())) if own.any() else (np.nan, np.nan, 0)
        for own in bins
    ]


def table_of_memberships(n_studies: int | None = None) -> str:
    """The table, in Markdown: of points with such a membership, how many of a hundred truly are on the frontier."""
    columns = [calibration(*size, n_studies or STUDIES) for size in SIZES]
    head = "".join(f" n = {n:,} |" for n, _ in SIZES)
    rows = [
        f"| {low:.2f} to {high:.2f} |" + "".join(_cell(*column[i]) for column in columns)
        for i, (low, high) in enumerate(pairwise(BINS))
    ]
    return "\n".join([f"| membership |{head}", "| --- |" + " ---: |" * len(SIZES), *rows, ""])


def _cell(said: float, true: float, n: int) -> str:
    return f" {100 * true:.0f} (said {100 * said:.0f}) |" if n >= 30 else " – |"
