"""What ``show --price`` takes: dollars a million tokens, for a demand at other prices than the run's own."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import msgspec

from thinkcurve.errors import UsageError, did_you_mean

if TYPE_CHECKING:
    from thinkcurve.tariff import Tariff

KEYS = ("input", "output", "thinking", "request")
"""Prices that a projection with nothing cached can use: dollars a million tokens, and dollars a request."""


def price_of(text: str) -> Tariff:
    """The prices of a text such as ``input=0.3,output=1.2``; a `UsageError` for anything else.

    >>> price_of("input=0.3,output=1.2").output
    1.2
    """
    from thinkcurve.tariff import Tariff

    found: dict[str, float] = {}
    for part in text.split(","):
        key, _, value = (side.strip() for side in part.partition("="))
        if key not in KEYS:
            raise UsageError(f"--price {text!r}: {key!r} is not one of {', '.join(KEYS)}.{did_you_mean(key, KEYS)}")
        try:
            usd = float(value)
        except ValueError:
            usd = math.nan
        if not 0 <= usd < math.inf:
            raise UsageError(f"--price {text!r}: {key}={value} is no price in dollars")
        found[key] = usd
    if missing := [key for key in ("input", "output") if key not in found]:
        raise UsageError(f"--price {text!r} has no {' and no '.join(missing)}; give input=0.3,output=1.2")
    return msgspec.convert({**found, "source": "given"}, Tariff)
