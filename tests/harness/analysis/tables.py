"""Attempts as the table that analyses read."""

from collections.abc import Sequence

import pandas as pd

from thinkcurve.store import Attempt


def table_of(rows: Sequence[Attempt]) -> pd.DataFrame:
    """One row an attempt, as `thinkcurve.run.Run.attempts` has them."""
    return pd.DataFrame({name: [getattr(row, name) for row in rows] for name in Attempt.__struct_fields__})
