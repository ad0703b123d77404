"""What besides a study's settings makes two runs of one task hard to compare: its options, the judge, the template."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from thinkcurve.store import Manifest, TaskRecord

ELSEWHERE = frozenset({"data_dir"})
"""Options that say where the data lie, not what is asked."""
SHOWN = 60
"""Characters of a value that a remark shows."""


def conditions_of(base: Manifest, new: Manifest, task: str) -> Iterator[str]:
    """A line for each option of a task that differs (worked examples, ...), and one where another tool, filter or
    metric gave the scores of one run."""
    ours, theirs = _options(base, task), _options(new, task)
    for key in sorted({*ours, *theirs} - ELSEWHERE):
        if ours.get(key) != theirs.get(key):
            yield f"{task}: {key} differs: {_word(ours.get(key))} in base, {_word(theirs.get(key))} in new"
    judges = [_scored_by(manifest) for manifest in (base, new)]
    if judges[0] != judges[1]:
        yield f"scored by others: {judges[0] or 'thinkcurve'} in base, {judges[1] or 'thinkcurve'} in new"


def template_of(base: Manifest, new: Manifest, models: tuple[str, str]) -> Iterator[str]:
    """A line where one model was asked through two chat templates, as far as both runs tell."""
    ours, theirs = (_template(m, spec) for m, spec in zip((base, new), models, strict=True))
    if models[0] == models[1] and ours and theirs and ours != theirs:
        yield f"{models[0]}: the chat template differs: {_word(ours)} in base, {_word(theirs)} in new"


def _options(manifest: Manifest, name: str) -> dict[str, Any]:
    record = next((record for record in manifest.tasks if record.name == name), TaskRecord(name, "", 0, ""))
    return manifest.study.task_options.get(record.spec or record.name, {})


def _scored_by(manifest: Manifest) -> str:
    """Who gave the verdicts of an imported run; empty where thinkcurve did."""
    sittings = manifest.regrades or manifest.sittings
    return _word(sittings[-1].verifier.get("scored by", "")) if sittings else ""


def _template(manifest: Manifest, spec: str) -> str:
    found = next((record.info.get("chat_template") for record in manifest.models if record.spec == spec), None)
    return found if isinstance(found, str) else ""


def _word(value: Any) -> str:
    text = "not set" if value is None else str(value)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"
