"""thinkcurve: accuracy against thinking, measured.

The public names below are loaded when first used, so that ``import thinkcurve`` itself costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from thinkcurve.analysis.comparison.compare import Comparison, compare
    from thinkcurve.analysis.curve import Curve, Point
    from thinkcurve.analysis.gate.gate import gate
    from thinkcurve.errors import BackendError, ThinkcurveError, UsageError
    from thinkcurve.run import Run, load_run, sweep, sweep_async
    from thinkcurve.study import Study, load_study

__version__ = "0.1.0"

__all__ = [
    "BackendError",
    "Comparison",
    "Curve",
    "Point",
    "Run",
    "Study",
    "ThinkcurveError",
    "UsageError",
    "compare",
    "gate",
    "load_run",
    "load_study",
    "sweep",
    "sweep_async",
]

_HOMES = {
    "BackendError": "thinkcurve.errors",
    "Comparison": "thinkcurve.analysis.comparison.compare",
    "Curve": "thinkcurve.analysis.curve",
    "Point": "thinkcurve.analysis.curve",
    "Run": "thinkcurve.run",
    "Study": "thinkcurve.study",
    "ThinkcurveError": "thinkcurve.errors",
    "UsageError": "thinkcurve.errors",
    "compare": "thinkcurve.analysis.comparison.compare",
    "gate": "thinkcurve.analysis.gate.gate",
    "load_run": "thinkcurve.run",
    "load_study": "thinkcurve.study",
    "sweep": "thinkcurve.run",
    "sweep_async": "thinkcurve.run",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'thinkcurve' has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value
