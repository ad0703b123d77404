"""The x axis of a figure: its scale, its domain and round ticks, worked out from the measured compute.

Compute is read by doublings, so the axis is logarithmic; a point that cost nothing (budget 0 has no thinking
tokens) keeps its true place through a symlog scale, which is linear next to 0. Pure numbers, no drawing.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator, Sequence

import msgspec

_PAD = 0.03  # empty room on either side of the data, as a share of the axis
_DECADE_STEPS = ((1, 2, 5), (1, 3), (1,))


class Scale(msgspec.Struct, frozen=True):
    """A log scale, or a symlog one (``log1p(x / constant)``) where something cost nothing."""

    constant: float | None
    domain: tuple[float, float]
    ticks: tuple[float, ...]

    def position(self, x: float) -> float:
        """Where ``x`` lies on the axis: 0 at its left end, 1 at its right."""
        low, high = (_forward(end, self.constant) for end in self.domain)
        return (_forward(x, self.constant) - low) / (high - low)

    def at(self, position: float) -> float:
        """The figure that lies at ``position`` of the axis, the inverse of `position`."""
        low, high = (_forward(end, self.constant) for end in self.domain)
        return _inverse(low + position * (high - low), self.constant)

    def spec(self) -> dict[str, object]:
        """The scale in Vega-Lite's words."""
        domain = list(self.domain)
        if self.constant is None:
            return {"type": "log", "base": 2, "domain": domain, "nice": False}
        return {"type": "symlog", "constant": self.constant, "domain": domain, "nice": False}


def fit_scale(xs: Sequence[float], width_px: float, *, in_tokens: bool) -> Scale:
    """The scale that holds all of ``xs`` (finite, not negative) on an axis ``width_px`` wide.

    Ticks are powers of two for tokens and 1-2-5 steps otherwise, thinned until their labels have room; a
    range too narrow for three of those gets evenly spaced ones.
    """
    positive = sorted(x for x in xs if x > 0)
    if not positive:
        high = 16.0 if in_tokens else 1.0  # nothing cost anything: any scale would do
        constant = low = high / 16
        return _with_ticks(Scale(constant, _padded(0.0, high, constant), ()), low, high, width_px, in_tokens)
    low, high = positive[0], positive[-1]
    if len(positive) == len(xs):
        if high / low < 2:  # one point, or nearly: a doubling at least, so that the axis means something
            middle = math.sqrt(low * high)
            low, high = middle / math.sqrt(2), middle * math.sqrt(2)
        return _with_ticks(Scale(None, _padded(low, high, None), ()), low, high, width_px, in_tokens)
    # Half the smallest cost leaves about 1.6 doublings between 0 and it; a tiny one must not eat up the axis.
    constant = max(low / 2, high / 4096)
    return _with_ticks(Scale(constant, _padded(0.0, high, constant), ()), low, high, width_px, in_tokens)


def _forward(x: float, constant: float | None) -> float:
    if constant is None:
        return math.log(x)
    return math.copysign(math.log1p(abs(x) / constant), x)


def _inverse(t: float, constant: float | None) -> float:
    if constant is None:
        return math.exp(t)
    return math.copysign(constant * math.expm1(abs(t)), t)


def _padded(low: float, high: float, constant: float | None) -> tuple[float, float]:
    start, end = _forward(low, constant), _forward(high, constant)
    pad = _PAD * (end - start)
    return _inverse(start - pad, constant), _inverse(end + pad, constant)


def _with_ticks(scale: Scale, low: float, high: float, width_px: float, in_tokens: bool) -> Scale:
    """``scale`` with the first family of ticks that has room for its labels and at least three of them."""
    families = _powers_of_two(low, high) if in_tokens else _decades(low, high)
    zero = [0.0] if scale.constant is not None else []
    for family in families:
        ticks = [*zero, *_inside(family, scale)]
        if scale.constant is not None:
            ticks = [t for t in ticks if t == 0 or _gap_px(scale, 0.0, t, width_px) >= 26]
        if len(ticks) >= 3 and _have_room(ticks, scale, width_px, in_tokens):
            return msgspec.structs.replace(scale, ticks=tuple(ticks))
    even = _inside(_even(max(scale.domain[0], 0.0), scale.domain[1]), scale)
    return msgspec.structs.replace(scale, ticks=tuple(sorted({*zero, *even})))


def _inside(ticks: Iterable[float], scale: Scale) -> list[float]:
    return [t for t in ticks if scale.domain[0] <= t <= scale.domain[1]]


def _gap_px(scale: Scale, a: float, b: float, width_px: float) -> float:
    return (scale.position(b) - scale.position(a)) * width_px


def _have_room(ticks: Sequence[float], scale: Scale, width_px: float, in_tokens: bool) -> bool:
    """Whether neighbouring labels stay apart: about 6.5 px a character at the axis's font size, and air."""
    for a, b in itertools.pairwise(ticks):
        characters = len(f"{b:,.0f}") if in_tokens else 5
        if _gap_px(scale, a, b, width_px) < 6.5 * characters + 8:
            return False
    return True


def _powers_of_two(low: float, high: float) -> Iterator[list[float]]:
    """Powers of two, then every second, third, ... of them, always with the largest in range; 1 at least."""
    first, last = max(math.floor(math.log2(low)), 0), math.floor(math.log2(high * 1.03))
    for step in (1, 2, 3, 4, 6, 8):
        yield [2.0**k for k in range(last, first - 1, -step)][::-1]


def _decades(low: float, high: float) -> Iterator[list[float]]:
    """1-2-5 steps, then 1-3, then whole decades, then every second and third decade."""
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    for steps in _DECADE_STEPS:
        yield [float(f"{m}e{k}") for k in range(first, last + 1) for m in steps]
    for stride in (2, 3):
        yield [float(f"1e{k}") for k in range(last, first - 1, -stride)][::-1]


def _even(low: float, high: float) -> list[float]:
    """Four to nine evenly spaced round numbers between ``low`` and ``high``."""
    raw = (high - low) / 5
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(m * power for m in (1, 2, 5, 10) if m * power >= raw)
    first, last = math.ceil(low / step), math.floor(high / step)
    return [float(f"{k * step:.12g}") for k in range(first, last + 1)]
