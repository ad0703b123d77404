"""Whose price a model's tokens have: the study's own, else the list of ``genai-prices``, else unknown.

The list is the one inside the installed package: nothing is fetched, unless the environment variable
``THINKCURVE_UPDATE_PRICES`` asks for the newest.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cache
from typing import Any

import msgspec

from thinkcurve.backend import ModelInfo
from thinkcurve.errors import UsageError
from thinkcurve.study import Study
from thinkcurve.tariff import TIERED, UNKNOWN, Tariff, Tier

UPDATE = "THINKCURVE_UPDATE_PRICES"
"""The environment variable that has the newest list fetched, once a process, from where ``genai-prices`` keeps it."""
LISTED = {
    "input": "input_mtok",
    "output": "output_mtok",
    "cached_input": "cache_read_mtok",
    "cache_write": "cache_write_mtok",
    "thinking": "output_reasoning_mtok",
}
"""What the list calls our prices."""
BATCH = {"processing": "batch"}
"""What the list calls a batch."""


def tariff_of(
    spec: str, model: ModelInfo, study: Study, *, batch_factor: float = 1.0, now: datetime | None = None
) -> Tariff:
    """What the tokens of a model cost in a study: by its ``prices``, else as listed for the model's provider.

    `UNKNOWN` where neither has a price, and for a model on this machine. For a study with ``batch`` the list's own
    prices of a batch are taken where it has them, else ``batch_factor`` (`Batching.batch_factor`) multiplies the
    others. Where the price depends on the hour of the day it is the dearest of the day ``now``, so that a run's figures
    do not depend on when it began, and ``--max-usd`` holds.
    """
    factor = batch_factor if study.batch else 1.0
    own = study.prices.get(spec)
    if own is not None:
        return msgspec.convert({**own, "factor": factor, "source": "the study"}, Tariff)
    if model.provider is None or model.is_local:
        return UNKNOWN
    found = _price_list()
    listed = None if found is None else found.model(model.provider, model.name)
    if found is None or listed is None:
        return UNKNOWN
    now = now or datetime.now(tz=UTC)
    has_batch = study.batch and _has_batch(listed, now)
    source = f"{found.source}, batch" if has_batch else found.source
    context = BATCH if has_batch else None
    tariffs = [
        _tariff(listed.get_prices(when, context), source, found.date or now.date().isoformat())
        for when in _hours(listed, now)
    ]
    dearest = max(tariffs, key=lambda tariff: (tariff.output or 0.0, tariff.input or 0.0))
    if not dearest.is_known:
        return UNKNOWN
    return dearest if has_batch else dearest.batched(factor)


@dataclass(frozen=True, slots=True)
class _PriceList:
    """A list of prices, where it is from, and its date where it was fetched."""

    snapshot: Any
    source: str
    date: str

    def model(self, provider: str, name: str) -> Any | None:
        """The entry of a model, or ``None``; names are compared as the list says, never guessed."""
        for known_as in dict.fromkeys((name, name.removeprefix("models/"))):
            try:
                return self.snapshot.find_provider_model(known_as, None, provider, None)[1]
            except LookupError:
                continue
        return None


@cache
def _price_list() -> _PriceList | None:
    """The list of ``genai-prices``; ``None`` where that is not installed. Importing it takes 0.3 s, so late."""
    try:
        import genai_prices
        from genai_prices.data_snapshot import get_snapshot
    except ImportError:
        return None
    source = f"genai-prices {genai_prices.__version__}"
    if os.environ.get(UPDATE, "").lower() in ("", "0", "false", "no"):
        snapshot = get_snapshot()
        newest = _newest(snapshot, datetime.now(tz=UTC).date())
        return _PriceList(snapshot, f"{source} (newest price: {newest})", "")
    fetched = _fetch(source)
    return _PriceList(fetched, "genai-prices, fetched", fetched.timestamp.date().isoformat())


def _fetch(source: str) -> Any:
    """The newest list, from the network."""
    import httpx2
    from genai_prices import UpdatePrices

    try:
        return UpdatePrices().fetch()
    except (httpx2.HTTPError, ValueError) as error:  # its JSON reader and its schema raise ValueErrors
        raise UsageError(
            f"cannot fetch newer prices ({type(error).__name__}); without {UPDATE} the list of {source} is used"
        ) from error


def _newest(snapshot: Any, today: date) -> str:
    """The day on which the newest of the prices in force began: how much of late the list knows."""
    days = [day for day in _start_dates(snapshot) if day <= today]
    return max(days).isoformat() if days else "unknown date"


def _start_dates(snapshot: Any) -> Iterator[date]:
    for provider in snapshot.providers:
        for model in provider.models:
            for priced in model.prices if isinstance(model.prices, list) else ():
                day = getattr(priced.constraint, "start_date", None)
                if day is not None:
                    yield day


def _has_batch(listed: Any, now: datetime) -> bool:
    """Whether the list has prices of a batch for a model."""
    return any(
        variant.when == BATCH and (variant.constraint is None or variant.constraint.active(now))
        for variant in listed.price_variants or ()
    )


def _hours(listed: Any, now: datetime) -> Iterator[datetime]:
    """``now``, and the hours of its day at which the price changes."""
    yield now
    for priced in listed.prices if isinstance(listed.prices, list) else ():
        for edge in ("start_time", "end_time"):
            hour = getattr(priced.constraint, edge, None)
            if hour is not None:
                yield datetime.combine(now.date(), hour, hour.tzinfo or UTC)


def _tariff(price: Any, source: str, day: str) -> Tariff:
    """A price of the list as a tariff, its steps by length of the prompt included."""
    found = {ours: getattr(price, theirs) for ours, theirs in LISTED.items()}
    base = {ours: _dollars(getattr(value, "base", value)) for ours, value in found.items()}
    starts = sorted({tier.start for value in found.values() for tier in getattr(value, "tiers", ())})
    thousand = price.requests_kcount
    request = (_dollars(getattr(thousand, "base", thousand)) or 0.0) / 1000
    tiers = tuple(Tier(start, *(_step(found[ours], start) for ours in TIERED)) for start in starts)
    return msgspec.convert({**base, "request": request, "source": source, "date": day, "tiers": tiers}, Tariff)


def _step(value: Any, start: int) -> float | None:
    """What a price is for prompts longer than ``start``; ``None`` where it has no step up to there."""
    steps = [tier.price for tier in getattr(value, "tiers", ()) if tier.start <= start]
    return _dollars(steps[-1]) if steps else None


def _dollars(value: Any) -> float | None:
    return None if value is None else float(value)
