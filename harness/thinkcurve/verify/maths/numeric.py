"""Numbers to many digits: a tree evaluated with mpmath at a given precision and, for variables, at given points.

Magnitudes are bounded before each power, exponential and factorial, so that no tower of powers is climbed.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping
from typing import Any

from thinkcurve.verify.maths.tree import Node, const, has

MAX_LOG = 3_000_000  # natural logarithm of the largest value that is computed
MAX_TRIGONOMETRIC = 1e30
_E = const("e")


class CannotError(Exception):
    """Not a finite number here, or not one that we compute."""


def library() -> Any:
    """mpmath, imported by the first answer that needs it (60 ms)."""
    import mpmath  # type: ignore[import-untyped]

    return mpmath


def evaluate(node: Node, digits: int, at: Mapping[str, Any] | None = None) -> Any:
    """The value as an mpmath number with ``digits`` digits; ``CannotError`` where there is none."""
    mpmath = library()
    with mpmath.workdps(digits):
        try:
            value = _value(mpmath.mp, node, at or {})
        except (ValueError, ZeroDivisionError, OverflowError, TypeError, NotImplementedError) as error:
            raise CannotError(str(error)) from error
        except mpmath.libmp.NoConvergence as error:
            raise CannotError(str(error)) from error
        if not mpmath.isfinite(value):
            raise CannotError("not finite")
        return value


def _value(mp: Any, node: Node, at: Mapping[str, Any]) -> Any:
    head, args = node.head, node.args
    if head in ("num", "based") and node.value is not None:
        return mp.mpf(node.value.numerator) / node.value.denominator
    if head == "sym":
        if node.name not in at:
            raise CannotError(node.name)
        return at[node.name]
    if head == "const":
        return _constant(mp, node.name)
    if head == "group" and (node.name != "[]" or len(args) != 1):
        raise CannotError("a list")
    if head == "pow" and args[0] == _E:
        return _exp(mp, _value(mp, args[-1], at))
    values = [_value(mp, arg, at) for arg in args]
    if head == "pow" and not mp.im(values[0]) and mp.re(values[0]) < 0 and (odd := _odd_root(args[-1])):
        return _power(mp, -values[0], values[1]) * odd
    if head in ("group", "unit"):
        return values[0]
    if head in ("div", "pow") and has(args[head == "div"], "add", "fn") and (head == "div" or mp.re(values[1]) < 0):
        _refuse_pole(mp, values[head == "div"])
    if head == "degree":
        return values[0] * mp.pi / 180
    if head == "percent":
        return values[0] / 100
    if head == "fn":
        return _function(mp, node.name, values)
    return _arithmetic(mp, head, values)


def _refuse_pole(mp: Any, value: Any) -> None:
    """What is nought but for rounding is no divisor: ``\\sin\\pi`` is not quite 0 at any precision."""
    if abs(value) < mp.mpf(10) ** (-mp.dps * 3 // 4):
        raise CannotError("pole")


def _odd_root(exponent: Node) -> int:
    """The sign of a negative number to this power, if it is a fraction with an odd denominator; else 0.

    The real root is taken, as schoolbooks do: the cube root of -8 is -2.
    """
    if exponent.head == "div" and all(arg.head == "num" for arg in exponent.args):
        over, under = (arg.value for arg in exponent.args)
        ratio = over / under if over is not None and under else None
        if ratio is not None and ratio.denominator % 2 and ratio.denominator > 1:
            return -1 if ratio.numerator % 2 else 1
    return 0


def log_size(node: Node) -> Any:
    """The natural logarithm of a closed value's size, to 40 digits, with no power or factorial worked out."""
    mpmath = library()
    with mpmath.workdps(60):
        return _log(mpmath.mp, node)


def _log(mp: Any, node: Node) -> Any:
    head, args = node.head, node.args
    if head == "num" and node.value:
        return mp.log(abs(node.value.numerator)) - mp.log(node.value.denominator)
    if head == "neg":
        return _log(mp, args[0])
    if head == "mul":
        return mp.fsum(_log(mp, arg) for arg in args)
    if head == "div":
        return _log(mp, args[0]) - _log(mp, args[1])
    if head == "pow":
        size = _log(mp, args[1])  # of the exponent, which is worked out only where it has a few digits
        if abs(size) > 60:
            raise CannotError("too large")
        return _value(mp, args[1], {}) * _log(mp, args[0])
    if head == "fn" and node.name == "factorial" and _log(mp, args[0]) < 60:
        return mp.re(mp.loggamma(_value(mp, args[0], {}) + 1))
    raise CannotError(head)


def _constant(mp: Any, name: str) -> Any:
    if name == "pi":
        return +mp.pi
    if name == "e":
        return +mp.e
    if name == "i":
        return mp.mpc(0, 1)
    raise CannotError(name)


def _arithmetic(mp: Any, head: str, values: list[Any]) -> Any:
    if head == "add":
        return mp.fsum(values)
    if head == "mul":
        return mp.fprod(values)
    if head == "neg":
        return -values[0]
    if head == "div":
        return values[0] / values[1]
    if head == "pow":
        return _power(mp, values[0], values[1])
    raise CannotError(head)


def _log_size(mp: Any, value: Any) -> float:
    """The natural logarithm of the absolute value, near enough; 0 for 0."""
    return float(mp.mag(value)) * 0.7 if value else 0.0


def _power(mp: Any, base: Any, exponent: Any) -> Any:
    if not base:
        if mp.re(exponent) > 0:
            return mp.mpf(0)
        raise CannotError("0 to the power of 0 or less")
    if abs(exponent) > 1e12 or abs(float(mp.re(abs(exponent))) * _log_size(mp, base)) > MAX_LOG:
        raise CannotError("too large")
    return mp.power(base, exponent)


def _exp(mp: Any, value: Any) -> Any:
    if abs(value) > MAX_LOG:
        raise CannotError("too large")
    return mp.exp(value)


def _trigonometric(name: str) -> Callable[[Any, Any], Any]:
    def call(mp: Any, value: Any) -> Any:
        if abs(value) > (1e4 if name.endswith("h") or mp.im(value) else MAX_TRIGONOMETRIC):
            raise CannotError("too large")
        if name in ("tan", "sec") and abs(mp.cos(value)) < mp.eps * 1000:
            raise CannotError("pole")
        if name in ("cot", "csc") and abs(mp.sin(value)) < mp.eps * 1000:
            raise CannotError("pole")
        return getattr(mp, name)(value)

    return call


def _logarithm(mp: Any, value: Any, *base: Any) -> Any:
    return mp.log(value) / mp.log(base[0]) if base else mp.log(value)


def _factorial(mp: Any, value: Any) -> Any:
    if abs(value) > 100_000:
        raise CannotError("too large")
    return mp.factorial(value)


def _binomial(mp: Any, top: Any, bottom: Any) -> Any:
    if abs(top) > 100_000 or abs(bottom) > 100_000:
        raise CannotError("too large")
    return mp.binomial(top, bottom)


def _rounded(name: str) -> Callable[[Any, Any], Any]:
    def call(mp: Any, value: Any) -> Any:
        if mp.im(value) or abs(value) > 1e40:
            raise CannotError(name)
        nearest = mp.nint(value)
        return nearest if abs(value - nearest) < mp.mpf(10) ** (-mp.dps // 2) else getattr(mp, name)(value)

    return call


def _extreme(pick: Callable[..., Any]) -> Callable[..., Any]:
    def call(mp: Any, *values: Any) -> Any:
        if any(mp.im(value) for value in values):
            raise CannotError("complex")
        return pick(values)

    return call


_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "sqrt": lambda mp, value: mp.sqrt(value),
    "cbrt": lambda mp, value: mp.cbrt(value) if mp.im(value) or value >= 0 else -mp.cbrt(-value),
    "exp": _exp,
    "ln": _logarithm,
    "log": _logarithm,
    "log10": lambda mp, value: mp.log(value) / mp.log(10),
    "abs": lambda mp, value: abs(value),
    "Re": lambda mp, value: mp.re(value),
    "Im": lambda mp, value: mp.im(value),
    "floor": _rounded("floor"),
    "ceil": _rounded("ceil"),
    "factorial": _factorial,
    "binom": _binomial,
    "max": _extreme(max),
    "min": _extreme(min),
    "arcsin": lambda mp, value: mp.asin(value),
    "arccos": lambda mp, value: mp.acos(value),
    "arctan": lambda mp, value: mp.atan(value),
    "arccot": lambda mp, value: mp.acot(value),
    "arcsec": lambda mp, value: mp.asec(value),
    "arccsc": lambda mp, value: mp.acsc(value),
    "arcsinh": lambda mp, value: mp.asinh(value),
    "arccosh": lambda mp, value: mp.acosh(value),
    "arctanh": lambda mp, value: mp.atanh(value),
    **{
        name: _trigonometric(name)
        for name in ("sin", "cos", "tan", "cot", "sec", "csc", "sinh", "cosh", "tanh", "coth")
    },
}


def _function(mp: Any, name: str, values: list[Any]) -> Any:
    if name.startswith("call:") or name == "prime":
        return _unknown(mp, name, values)
    if name not in _FUNCTIONS:
        raise CannotError(name)
    return _FUNCTIONS[name](mp, *values)


def _unknown(mp: Any, name: str, values: list[Any]) -> Any:
    """An unknown function ``f`` stands for one fixed smooth function of its own, so that only ``f = f`` holds."""
    seed = zlib.crc32(name.encode()) % 997 + 3
    total = mp.mpf(seed) / 1009
    for place, value in enumerate(values):
        if abs(value) > 1e6:
            raise CannotError("too large")
        total += (place + 2) * mp.sqrt(seed + place) * value**2 + mp.cos(value * seed / 1000) / 3
    return total
