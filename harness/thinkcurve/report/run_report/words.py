"""Figures in words, for people: shares, intervals, costs, names. The same rounding as the terminal's tables."""

from __future__ import annotations

import msgspec

from thinkcurve.report.labels import plain
from thinkcurve.tariff import format_usd

UNKNOWN = "–"
LONGEST_NAME = 80
"""Characters of a name that a title shows; whatever a server calls itself."""


class Axis(msgspec.Struct, frozen=True):
    """A measure of compute: its name, its short one for the head of a table, and how the page's script writes it."""

    name: str
    short: str
    kind: str


AXES = {
    "thinking_tokens": Axis("thinking tokens", "thinking", "tokens"),
    "generated_tokens": Axis("generated tokens", "generated", "tokens"),
    "total_tokens": Axis("total tokens", "total", "tokens"),
    "flops": Axis("FLOPs", "FLOPs", "flops"),
    "wall_s": Axis("seconds", "seconds", "seconds"),
    "joules": Axis("joules", "joules", "joules"),
    "usd": Axis("dollars", "dollars", "usd"),
}
"""The measures of `thinkcurve.analysis.basis.axes`, in their order."""
PREFIXES = ((1e24, "Y"), (1e21, "Z"), (1e18, "E"), (1e15, "P"), (1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))


def percent(share: float | None, decimals: int = 1) -> str:
    """A share in per cent, ``–`` where it is not known."""
    return UNKNOWN if share is None else f"{100 * share:.{decimals}f} %"


def span(low: float | None, high: float | None) -> str:
    """The ends of an interval of a share, in per cent."""
    return UNKNOWN if low is None or high is None else f"{100 * low:.1f} – {100 * high:.1f}"


def signed(share: float | None) -> str:
    """A difference of shares in points, with its sign; a minus as wide as a plus."""
    return UNKNOWN if share is None else f"{100 * share:+z.1f}".replace("-", "−")


def signed_span(low: float | None, high: float | None) -> str:
    """The ends of an interval of a difference, in points."""
    return UNKNOWN if low is None or high is None else f"{signed(low)} to {signed(high)}"


def amount(value: float | None, axis: str) -> str:
    """A cost on one of `AXES`: ``1,234`` tokens, ``12.3 G`` FLOPs, ``0.12`` seconds, ``$0.01``."""
    if value is None:
        return UNKNOWN
    if axis == "usd":
        return format_usd(value)
    if axis.endswith("tokens"):
        return f"{value:,.0f}" if value >= 100 or value == int(value) else f"{value:.1f}"
    if axis == "flops" or value >= 100_000:
        return scaled(value)
    return f"{value:,.0f}" if value >= 99.95 or value == 0 else f"{value:#.3g}"


def scaled(value: float) -> str:
    """A number of three digits with its SI prefix: ``1.23 M``."""
    for size, prefix in PREFIXES:
        if value >= size * 0.9995:
            return f"{three_digits(value / size)} {prefix}"
    return three_digits(value)


def three_digits(value: float) -> str:
    """A number below 1,000 with three digits that count, and no exponent."""
    decimals = 2 if value < 9.995 else 1 if value < 99.95 else 0
    return f"{value:.{decimals}f}"


def count(n: float, one: str, many: str | None = None) -> str:
    """A number of things: ``1 problem``, ``1,319 problems``."""
    return f"{n:,.0f} {one if n == 1 else many or one + 's'}"


def named(name: str) -> str:
    """A name as one line of printable text, its middle left out where it is too long."""
    words = plain(name)
    half = LONGEST_NAME // 2
    return words if len(words) <= LONGEST_NAME else f"{words[:half]}…{words[-half + 1 :]}"


def short_model(spec: str) -> str:
    """A model spec without the folders of its file."""
    engine, colon, what = plain(spec).partition(":")
    is_path = colon and not what.startswith("//")
    return named(f"{engine}:{what.rsplit('/', 1)[-1]}" if is_path else f"{engine}{colon}{what}")
