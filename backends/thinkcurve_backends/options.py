"""Options of a backend: plain values from a study, checked against a frozen dataclass of defaults.

Every engine that runs the weights itself takes the options of `ThinkingOptions` beside its own.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, TypeVar

from thinkcurve.errors import UsageError, did_you_mean

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class ThinkingOptions:
    """How a model thinks, where what is found in its files is not right.

    ``thinking`` names a format of `thinkcurve.formats.FORMATS`, or is ``ask`` for a plain model that is asked to write
    ``<think>``. ``think_open`` and ``think_close`` are markers of its own. ``cue`` is written after a forced close.
    """

    thinking: str = ""
    think_open: str = ""
    think_close: str = ""
    cue: str = ""


def read_options(engine: str, options: Mapping[str, Any], defaults: T, least: Mapping[str, float] | None = None) -> T:
    """``defaults`` (a frozen dataclass) with the values of ``options``, each of the type of its default.

    ``least`` holds the smallest value of an option. Raises `UsageError` for an unknown name, a wrong type, a value
    that is too small or no finite number.
    """
    names = tuple(field.name for field in fields(defaults))  # type: ignore[arg-type]
    values = {name: getattr(defaults, name) for name in names}
    for name, value in options.items():
        if name not in names:
            raise UsageError(
                f"unknown option {name!r} of {engine}.{did_you_mean(name, names)} Known: {', '.join(names)}"
            )
        kind = type(values[name])
        if kind is str and type(value) in (int, float):
            value = str(value)  # a text that reads like a number
        if kind is float and type(value) is int:
            value = float(value)
        if type(value) is not kind:
            raise UsageError(f"option {name} of {engine} is {value!r}; it must be of type {kind.__name__}")
        if isinstance(value, float) and not math.isfinite(value):
            raise UsageError(f"option {name} of {engine} is {value}; it must be a finite number")
        if least and name in least and isinstance(value, (int, float)) and value < least[name]:
            raise UsageError(f"option {name} of {engine} is {value}; the least is {least[name]}")
        values[name] = value
    if "think_open" in values and bool(values["think_open"]) != bool(values["think_close"]):
        raise UsageError("options think_open and think_close go together: give both markers or neither")
    return type(defaults)(**values)
