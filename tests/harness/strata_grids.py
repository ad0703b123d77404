"""Grids of simulated attempts for tests of strata, items and signs of thinking, without any run."""

import numpy as np
import pandas as pd

from thinkcurve.analysis.basis.grid import CODES, MISSING, Grid, grids_of

NAMES = {code: name for name, code in CODES.items()}


def table(verdicts: np.ndarray, budgets: tuple[int | None, ...], model: str = "m", **columns: object) -> pd.DataFrame:
    """Attempts of task ``t`` with these codes of verdicts (P, B, S); a column may be of shape (P,) or (P, B, S)."""
    places = np.argwhere(verdicts != MISSING)
    codes = verdicts[tuple(places.T)]
    rows: dict[str, object] = {
        "model": model,
        "task": "t",
        "problem": [f"t/test/{p}" for p in places[:, 0]],
        "sample": places[:, 2],
        "budget": pd.Series([budgets[b] for b in places[:, 1]], dtype=object),
        "control": "truncate",
        "verdict": [NAMES[code] for code in codes],
        "level": None,
        "group": None,
    }
    for name, values in columns.items():
        if isinstance(values, np.ndarray):
            values = values[places[:, 0]] if values.ndim == 1 else values[tuple(places.T)]
        rows[name] = values
    return pd.DataFrame(rows)


def a_grid(verdicts: np.ndarray, budgets: tuple[int | None, ...] | None = None, **more: object) -> Grid:
    ladder = budgets or tuple(2**b for b in range(verdicts.shape[1]))
    (grid,) = grids_of(table(verdicts, ladder, **more))  # type: ignore[arg-type]
    return grid
