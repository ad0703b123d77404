"""What tokens cost: US dollars a million tokens, where they are known. Records and arithmetic; `prices` finds them."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping

import msgspec

from thinkcurve.errors import UsageError, did_you_mean

MILLION = 1_000_000


class Tier(msgspec.Struct, frozen=True):
    """Prices of all tokens of a request whose prompt is longer than ``above`` tokens; ``None`` is as below it."""

    above: int
    input: float | None = None
    output: float | None = None
    cached_input: float | None = None
    cache_write: float | None = None
    thinking: float | None = None


class Tariff(msgspec.Struct, frozen=True):
    """Prices in US dollars a million tokens; ``None`` is unknown, never a default.

    ``thinking``, ``cached_input`` and ``cache_write`` are those of other tokens (``output``, ``input``) where they are
    not given. ``request`` is in dollars a request. ``factor`` multiplies all of it: a batch discount. ``tiers``, by
    ascending ``above``, are for long prompts. ``source`` and ``date`` say whose price it is, and of when.
    """

    input: float | None = None
    output: float | None = None
    cached_input: float | None = None
    cache_write: float | None = None
    thinking: float | None = None
    request: float = 0.0
    factor: float = 1.0
    source: str = ""
    date: str = ""
    tiers: tuple[Tier, ...] = ()

    @property
    def is_known(self) -> bool:
        """Whether a request can be priced at all."""
        return self.input is not None and self.output is not None

    def usd(
        self,
        *,
        prompt: int | None,
        generated: int | None,
        thinking: int | None = None,
        cached: int | None = None,
        cache_write: int | None = None,
    ) -> float | None:
        """The cost of one request; ``None`` where a price or a count that it needs is unknown.

        ``prompt`` holds ``cached`` and ``cache_write`` tokens, ``generated`` those of the thinking. Both counts are
        always needed, ``thinking`` only where it has a price of its own; ``cached`` and ``cache_write`` are 0 where
        they are ``None``, as who charges otherwise for them counts them. Counts that contradict each other cost
        ``None``: a part that is larger than the whole, or below 0.
        """
        if prompt is None or generated is None:
            return None
        at = self._at(prompt)
        if at.input is None or at.output is None:
            return None
        if thinking is None and at.thinking not in (None, at.output):
            return None
        thought, read, written = thinking or 0, cached or 0, cache_write or 0
        fresh, told = prompt - read - written, generated - thought
        if min(fresh, read, written, told, thought) < 0:
            return None
        tokens = fresh * at.input + read * _or(at.cached_input, at.input) + written * _or(at.cache_write, at.input)
        tokens += told * at.output + thought * _or(at.thinking, at.output)
        return self.factor * (self.request + tokens / MILLION)

    def batched(self, factor: float) -> Tariff:
        """The same prices times ``factor``."""
        return msgspec.structs.replace(self, factor=self.factor * factor)

    def most_usd(self, *, prompt: int | None, generated: int | None) -> float | None:
        """The most that one request can cost, however its tokens are counted; ``None`` as for `usd`."""
        if prompt is None or generated is None:
            return None
        costs = [
            self.usd(prompt=prompt, generated=generated, thinking=thinking, cached=cached, cache_write=written)
            for thinking in (0, generated)
            for cached, written in ((0, 0), (prompt, 0), (0, prompt))
        ]
        known = [cost for cost in costs if cost is not None]
        return max(known) if len(known) == len(costs) else None

    def _at(self, prompt: int) -> Tariff:
        """The prices for a prompt of so many tokens."""
        if not self.tiers or prompt <= self.tiers[0].above:
            return self
        tier = next(t for t in reversed(self.tiers) if prompt > t.above)
        own = {key: value for key in TIERED if (value := getattr(tier, key)) is not None}
        return msgspec.structs.replace(self, **own)


def _or(price: float | None, other: float) -> float:
    return other if price is None else price


TIERED = ("input", "output", "cached_input", "cache_write", "thinking")
UNKNOWN = Tariff()

PRICES = (*TIERED, "request")
"""What a study may say of a model's price."""


def check_prices(prices: Mapping[str, Mapping[str, float]], where: str, models: Collection[str] | None = None) -> None:
    """Refuse prices that are no prices: unknown keys, negative numbers, one side of a request without the other.

    With ``models``, those of the study, prices of any other model are refused too.
    """
    for spec, own in prices.items():
        if models is not None and spec not in models:
            near = did_you_mean(spec, models)
            raise UsageError(f"{where}: prices names {spec!r}, which is no model of the study.{near}")
        for key, value in own.items():
            if key not in PRICES:
                near = did_you_mean(key, PRICES)
                raise UsageError(
                    f"{where}: prices of {spec!r}: unknown price {key!r}.{near} Known: {', '.join(PRICES)}"
                )
            if not (math.isfinite(value) and value >= 0):
                raise UsageError(f"{where}: prices of {spec!r}: {key} is {value}; it must be 0 or more dollars")
        for key in ("input", "output"):
            if key not in own:
                raise UsageError(
                    f"{where}: prices of {spec!r} lack {key!r}; give dollars a million tokens, 0 where it is free"
                )


SMALLEST = 1e-9
"""Dollars that are still written in full; below, a power of ten says more than a row of zeros."""


def format_usd(usd: float) -> str:
    """Dollars for people: cents, two digits of what is below ten cents, and in words what is no sum of money."""
    if math.isnan(usd):
        return "unknown"
    if usd < 0:
        return f"-{format_usd(-usd)}"
    if usd == 0:
        return "$0.00"
    if usd >= 0.0995:
        return f"${usd:,.2f}"
    if usd < SMALLEST:
        return f"${usd:.1e}"
    digits = 1 - math.floor(math.log10(usd))
    return f"${usd:.{digits}f}"
