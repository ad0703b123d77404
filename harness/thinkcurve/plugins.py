"""From names to backends and tasks, lazily: looking one up imports that one module and nothing else.

Backends and tasks live outside the engine, behind the entry-point groups ``thinkcurve.backends`` (a callable
``(what, **options) -> Backend``) and ``thinkcurve.tasks`` (a callable ``(**options) -> Task``, with ``what`` first for
a family such as ``gym:NAME``). A third party adds one with its own wheel.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any, cast, get_type_hints

import msgspec

from thinkcurve.backend import Backend
from thinkcurve.errors import UsageError, did_you_mean
from thinkcurve.task import Task
from thinkcurve.verify.custom_child import install_line

BACKENDS = "thinkcurve.backends"
TASKS = "thinkcurve.tasks"
FILE_SUFFIXES = (".jsonl", ".json", ".parquet", ".csv", ".py")
"""A task spec that ends so, also with a ``.gz``, is a file of the user's; ``mine.py:function`` is a function in one."""
MAKERS = {"gpt-": "openai", "claude-": "anthropic", "gemini-": "gemini"}
"""How the names of some makers' models begin, and the engine that asks for them."""


def names(group: str) -> list[str]:
    """The names registered in an entry-point group, sorted; nothing is imported."""
    return sorted({point.name for point in entry_points(group=group)})


def split_model(spec: str) -> tuple[str, str]:
    """A model spec as (engine, what): ``embedded``, ``llamacpp:model.gguf`` or ``http://host/v1#name``."""
    if spec.startswith(("http://", "https://")):
        return "http", spec
    engine, _, what = spec.partition(":")
    return engine, what


def split_task(spec: str) -> tuple[str, str]:
    """A task spec as (entry point, what): ``gsm8k``, ``gym:chain_sum``, or ``file`` with the path of a user's file."""
    family, colon, what = spec.partition(":")
    if (colon and family in names(TASKS)) or not _is_file(spec):
        return family, what
    return "file", spec


def _is_file(spec: str) -> bool:
    """Whether a spec can only be a path: by its ending, by a folder in it, or because it is there."""
    path = spec.lower().removesuffix(".gz")
    if path.endswith(FILE_SUFFIXES) or ".py:" in path or any(mark in spec for mark in "/\\"):
        return True
    return spec not in names(TASKS) and Path(spec).exists()


def find_backend(spec: str) -> EntryPoint:
    """The entry point that serves a model spec, or a `UsageError` with the nearest name; imports nothing."""
    engine, _ = split_model(spec)
    likely = _likely_model(spec)
    if likely and not entry_points(group=BACKENDS, name=engine):
        raise UsageError(f"unknown model {spec!r}; a model is written ENGINE:WHAT. Did you mean {likely}?")
    return _find(BACKENDS, engine, f"unknown model {spec!r}: no engine {engine!r}", "engines")


def _likely_model(spec: str) -> str:
    """How a model is written that was named without its engine; empty where the name does not tell."""
    if spec.lower().endswith(".gguf"):
        return f"llamacpp:{spec}"
    host, colon, rest = spec.partition(":")
    if colon and rest.split("/")[0].isdecimal():
        return f"http://{host}:{rest if '/' in rest else rest + '/v1'}"
    if not colon and (Path(spec).is_dir() or spec.count("/") == 1):
        return f"transformers:{spec}, vllm:{spec} or mlx:{spec}"
    return next((f"{maker}:{spec}" for start, maker in MAKERS.items() if spec.lower().startswith(start)), "")


def open_backend(spec: str, options: Mapping[str, Any] | None = None, **offered: Any) -> Backend:
    """The backend that a model spec names, opened and ready.

    What is ``offered`` is given to a backend that has a parameter of that name, and to no other.
    """
    _, what = split_model(spec)
    factory = _load(find_backend(spec))
    taken = {name: value for name, value in offered.items() if name in inspect.signature(factory).parameters}
    return cast(Backend, factory(what, **taken, **(options or {})))


OFFERED = ("data_dir", "chat", "system")
"""Parameters of a task that the engine fills in by itself, from a study or the command line."""


def load_task(spec: str, options: Mapping[str, Any] | None = None, **offered: Any) -> Task:
    """The task of that spec, its problems not yet loaded.

    ``options`` are the user's: one that the task does not know is refused. What is ``offered`` is given to a task that
    has a parameter of that name, and to no other.
    """
    family, what = split_task(spec)
    factory = factory_of(spec)
    known = task_options(factory)
    takes_what = "what" in inspect.signature(factory).parameters
    if bool(what) != takes_what:
        example = f"{family}:NAME" if takes_what else family
        raise UsageError(f"task {spec!r} is written {example!r}")
    own = {name: kind for name, kind in known.items() if name not in OFFERED}
    given = {name: _checked(spec, name, value, own) for name, value in (options or {}).items()}
    given |= {name: value for name, value in offered.items() if name in known and name not in given}
    return cast(Task, factory(what, **given) if takes_what else factory(**given))


def accepts(spec: str, option: str) -> bool:
    """Whether the task of a spec has an option of that name."""
    return option in task_options(factory_of(spec))


def factory_of(spec: str) -> Callable[..., Any]:
    """What makes the task of a spec: its one module is imported, nothing is made."""
    family, _ = split_task(spec)
    return cast("Callable[..., Any]", _load(_find(TASKS, family, f"unknown task {spec!r}", "tasks")))


def task_options(factory: Callable[..., Any]) -> dict[str, Any]:
    """The options of a task's factory with their types; ``what`` is none of them."""
    if inspect.isclass(factory):
        hints = get_type_hints(factory.__init__)
    else:
        hints = get_type_hints(factory if inspect.isroutine(factory) else type(factory).__call__)
    return {name: hints.get(name, Any) for name in inspect.signature(factory).parameters if name != "what"}


def _checked(spec: str, name: str, value: Any, known: Mapping[str, Any]) -> Any:
    """An option's value, of the type that the task wants."""
    if name not in known:
        listing = f"Known: {', '.join(known)}" if known else "It has none"
        raise UsageError(f"task {spec!r} has no option {name!r}.{did_you_mean(name, known)} {listing}")
    if known[name] is str and type(value) in (int, float):
        value = str(value)  # a text that reads like a number
    if isinstance(value, Path):
        return value
    try:
        return msgspec.convert(value, known[name], strict=not isinstance(value, str), str_keys=True)
    except msgspec.ValidationError as error:
        text = str(error).replace("`", "'")
        raise UsageError(f"option {name} of task {spec!r} is {value!r}: {text}") from error


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
        line = install_line(point.dist, missing)
        raise UsageError(f"{point.name!r} needs the package {missing!r}: {line}") from error
