"""What ``thinkcurve show`` can print of runs besides the curve: one module a section, looked up by name.

A module here is named as its section and holds ``SECTION``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from rich.console import RenderableType

SECTIONS = {
    "curve": "accuracy against measured compute",
    "parallel": "pass@k, pass^k, maj@k, best-of-k",
    "surface": "accuracy over budget and k, and the best use of an allowance",
    "axes": "accuracy against each measure of compute",
    "fits": "forms of the curve, saturation, s1's metrics",
    "frontier": "which model and budget is best at a cost",
    "budgets": "which problems need how much, routing, and what a volume costs",
    "strata": "by level, subject and difficulty",
    "items": "each problem",
    "diagnostics": "how the model thinks",
}
"""Names of sections, in the order in which they are printed, and what each tells."""


class Section(msgspec.Struct, frozen=True):
    """One section: ``results`` of runs are records that go into the JSON as they are, ``lines`` are one record as
    tables and lines of text for a terminal of 80 columns (`rich`; what a model or a user wrote goes in escaped).

    ``options`` names what else ``results`` takes of the command line, as keywords, given only where a user does:
    ``axis``, one of `thinkcurve.analysis.basis.axes.AXES`, ``reference``, a tuple of names of models,
    ``extrapolate``, a `thinkcurve.analysis.fitting.beyond.Beyond`, ``volume`` and ``concurrency``, whole numbers of
    requests, and ``price``, a `thinkcurve.tariff.Tariff`.
    """

    results: Callable[..., Sequence[msgspec.Struct]]
    lines: Callable[[Any], Iterable[RenderableType]]
    options: tuple[str, ...] = ()


def section(name: str) -> Section:
    """The section of a name in `SECTIONS`."""
    found = import_module(f"{__name__}.{name}").SECTION
    if not isinstance(found, Section):
        raise TypeError(f"{name} is no section")
    return found
