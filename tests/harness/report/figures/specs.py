"""Curves to draw, and what specs say: shared by the tests of figures."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from thinkcurve.analysis.curve import Curve, Point


def a_point(budget: int | None, accuracy: float, thinking_tokens: float | None, **figures: Any) -> Point:
    """A point of 200 problems with plain costs."""
    tokens = thinking_tokens or 0.0
    point = Point(
        budget=budget,
        accuracy=accuracy,
        ci_low=max(accuracy - 0.05, 0.0),
        ci_high=min(accuracy + 0.05, 1.0),
        se=0.02,
        thinking_tokens=thinking_tokens,
        answer_tokens=10.0,
        generated_tokens=tokens + 10,
        total_tokens=tokens + 110,
        flops=(tokens + 110) * 1e9,
        wall_s=tokens * 0.01 + 0.1,
        joules=None,
        usd=None,
        no_answer=0,
        unverified=0,
        failures=0,
        n_problems=200,
        n_samples=1,
        n_attempts=200,
        forced=100,
        truncated_answers=0,
    )
    return msgspec.structs.replace(point, **figures)


def a_curve(model: str = "tiny", task: str = "sums", points: tuple[Point, ...] | None = None) -> Curve:
    """A curve that rises over four budgets."""
    ladder = (a_point(0, 0.2, 0.0), a_point(16, 0.4, 15.5), a_point(64, 0.6, 50.0), a_point(256, 0.9, 140.0))
    return Curve(model, task, "truncate", "accuracy", ladder if points is None else points)


def strings(value: object) -> Iterator[str]:
    """Every string of a spec but the inline data, keys included."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, child in value.items():
            if key not in ("datasets", "usermeta"):
                yield key
                yield from strings(child)
    elif isinstance(value, list | tuple):
        for child in value:
            yield from strings(child)
