"""From names to backends and tasks, lazily: looking one up imports that one module and nothing else.

Backends and tasks live outside the engine, behind the entry-point groups ``thinkcurve.backends`` (a callable
``(what, **options) -> Backend``) and ``thinkcurve.tasks`` (a callable ``() -> Task``). A third party adds one
with its own wheel.
"""

from __future__ import annotations

from importlib.metadata import EntryPoint, entry_points
from typing import Any, cast

from thinkcurve.backend import Backend
from thinkcurve.errors import UsageError, did_you_mean
from thinkcurve.task import Task

BACKENDS = "thinkcurve.backends"
TASKS = "thinkcurve.tasks"


def names(group: str) -> list[str]:
    """The names registered in an entry-point group, sorted; nothing is imported."""
    return sorted({point.name for point in entry_points(group=group)})


def split_model(spec: str) -> tuple[str, str]:
    """A model spec as (engine, what): ``embedded``, ``llamacpp:model.gguf`` or ``http://host/v1#name``."""
    if spec.startswith(("http://", "https://")):
        return "http", spec
    engine, _, what = spec.partition(":")
    return engine, what


def find_backend(spec: str) -> EntryPoint:
    """The entry point that serves a model spec, or a `UsageError` with the nearest name; imports nothing."""
    engine, _ = split_model(spec)
    return _find(BACKENDS, engine, f"unknown model {spec!r}: no engine {engine!r}", "engines")


def open_backend(spec: str, **options: Any) -> Backend:
    """The backend that a model spec names, opened and ready."""
    _, what = split_model(spec)
    factory = _load(find_backend(spec))
    return cast(Backend, factory(what, **options))


def load_task(name: str) -> Task:
    """The task of that name, its problems not yet loaded."""
    factory = _load(_find(TASKS, name, f"unknown task {name!r}", "tasks"))
    return cast(Task, factory())


def _find(group: str, name: str, problem: str, kind: str) -> EntryPoint:
    found = entry_points(group=group, name=name)
    if not found:
        known = names(group)
        listing = ", ".join(known) or "none installed"
        raise UsageError(f"{problem}.{did_you_mean(name, known)} Known {kind}: {listing}")
    return next(iter(found))


def _load(point: EntryPoint) -> Any:
    try:
        return point.load()
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        if missing == point.module.partition(".")[0]:
            raise  # the plugin's own module: a broken installation, not a missing extra
        raise UsageError(
            f"{point.name!r} needs the package {missing!r}, which is not installed; "
            f"see what {point.dist.name if point.dist else 'its wheel'} says of its extras"
        ) from error
