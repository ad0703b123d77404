"""The study of a test: a file, a `Study`, or the fields of one, as a marker and a call give them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from thinkcurve.errors import UsageError
from thinkcurve.study import Study, check_study, load_study, study_from

NOT_FIELDS = ("baseline", "study")
"""Keywords of the marker that are no field of a study."""
SINGULAR = {"model": "models", "task": "tasks"}
WHERE = "thinkcurve"
"""What messages call a study that stands in a test."""


def study_of(
    given: Study | str | Path | None, fields: Mapping[str, Any], marked: Mapping[str, Any], root: Path
) -> Study:
    """The study that ``given`` names (else the marker's), with the marker's fields and then ``fields`` set.

    Files are those from ``root``. Raises `UsageError` for what is no study.
    """
    own = {key: value for key, value in marked.items() if key not in NOT_FIELDS}
    base = _base(marked.get("study") if given is None else given, root)
    if given is not None:
        own = {}  # the marker's fields belong to the marker's study
    changed = {**_plural(own), **_plural(fields)}
    if not changed:
        return check_study(base, WHERE)
    raw: dict[str, Any] = msgspec.to_builtins(base)
    raw["budgets"] = [_step(budget, base) for budget in base.budgets]
    raw.update({key: _plain(value) for key, value in changed.items()})
    for kind in ("model", "task"):  # options of what the study no longer has
        options = raw[f"{kind}_options"]
        if f"{kind}_options" not in changed:
            raw[f"{kind}_options"] = {spec: table for spec, table in options.items() if spec in raw[f"{kind}s"]}
    return check_study(study_from(raw, WHERE), WHERE)


def _base(given: object, root: Path) -> Study:
    if given is None:
        return Study()
    if isinstance(given, Study):
        return given
    if not isinstance(given, str | Path):
        raise UsageError(f"{WHERE}: study is {given!r}; give a Study, or the path of a file")
    path = root / given
    if path.name == "manifest.json":
        from thinkcurve.store import read_manifest

        return read_manifest(path.parent).study
    return load_study(path)


def _plural(fields: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in fields.items():
        name = SINGULAR.get(key, key)
        if name in found:
            raise UsageError(f"{WHERE}: give {key!r} or {name!r}, not both")
        is_one = name in SINGULAR.values() and isinstance(value, str)
        found[name] = [value] if is_one else value
    return found


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple | range) else value


def _step(budget: int | None, base: Study) -> Any:
    from thinkcurve.budget import format_budget

    return format_budget(budget, base.control)
