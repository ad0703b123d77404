"""What ``--extrapolate`` takes: a cost on the axis, or so many times the largest that was measured."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING

from thinkcurve.errors import UsageError

if TYPE_CHECKING:
    from thinkcurve.analysis.fitting.beyond import Beyond


def beyond_of(text: str) -> Beyond:
    """The end that a text such as ``4096``, ``4,096`` or ``4x`` names; a `UsageError` for anything else.

    >>> beyond_of("4x").is_factor, beyond_of("4,096").amount
    (True, 4096.0)
    """
    from thinkcurve.analysis.fitting.beyond import Beyond

    number = text.strip().lower()
    is_factor = number.endswith("x")
    try:
        amount = float(number.removesuffix("x").replace(",", ""))
    except ValueError:
        amount = math.nan
    if not math.isfinite(amount) or amount <= (1 if is_factor else 0):
        raise UsageError(f"--extrapolate {text!r} is neither a cost, such as 4096, nor a factor above 1, such as 4x")
    return Beyond(amount, is_factor)


def check_beyond(beyond: Beyond, ends: Iterable[float], axis: str) -> None:
    """Refuse an end that is beyond none of the curves, measured up to ``ends`` (0 where nothing is fitted)."""
    measured = [end for end in ends if end > 0]
    if measured and all(beyond.of(end) is None for end in measured):
        raise UsageError(
            f"--extrapolate {beyond.amount:,.6g} is within what was measured, up to {max(measured):,.6g} "
            f"{axis.replace('_', ' ')}; give more, or a factor such as 4x"
        )
