"""Where the figures come from: the manifest in words and whole, and the commands that make the run again."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from typing import Any

import msgspec

from thinkcurve.budget import format_budget
from thinkcurve.report.labels import plain
from thinkcurve.report.run_report.contents import Contents, RunPart
from thinkcurve.report.run_report.markup import Markup, h, joined, pairs, table, tabs
from thinkcurve.report.run_report.words import count, named
from thinkcurve.store import Manifest, ModelRecord, Sitting, TaskRecord
from thinkcurve.study import Study

LONGEST_VALUE = 400
"""Characters of a value that are shown in words; the manifest below has all."""


def reproduce_part(contents: Contents) -> Markup:
    """The commands that repeat, compare and judge again each run of the report."""
    panels = [(part.name, _commands(part)) for part in contents.parts]
    return h("section", h("h2", "How to reproduce"), tabs("Run", panels), id="reproduce")


def _commands(part: RunPart) -> Markup:
    manifest = part.run.manifest
    name = plain(part.run.path.name or "run")
    first, again = shlex.quote(f"results/{name}"), shlex.quote(f"results/{name}-again")
    sitting = manifest.sittings[-1] if manifest.sittings else None
    if sitting is not None and "imported from" in sitting.verifier:
        return h("p", _of_import(sitting))
    version = "" if sitting is None else sitting.versions.get("thinkcurve", "")
    lines = [
        f"thinkcurve run {shlex.quote(f'results/{name}/manifest.json')}",
        f"thinkcurve compare {first} {again} --exact",
        f"thinkcurve regrade {first} --dry-run",
    ]
    words = [
        "The first repeats the study beside the run, the second says which tokens, answers and verdicts differ and "
        "why they may, the third judges the stored answers again and needs no model."
    ]
    if sitting is not None and sitting.git_commit:
        words.append(f"It was made at commit {plain(sitting.git_commit)}.")
    if version:
        words.append(f"It was made with thinkcurve {plain(version)}.")
    if len(manifest.sittings) > 1:
        words.append(f"It was worked on {len(manifest.sittings)} times; the last of them is told here.")
    drawn = "greedy" if manifest.study.temperature == 0 else f"seed {manifest.study.seed}"
    words.append(f"Tokens are drawn by {drawn}; on an engine that repeats itself the same study gives the same tokens.")
    return joined([h("pre", h("code", "\n".join(lines))), h("p", " ".join(words))])


def _of_import(sitting: Sitting) -> str:
    """Where the attempts of an imported run come from: no command of ours makes them again."""
    source, by = (plain(sitting.verifier.get(key, "")) for key in ("imported from", "imported by"))
    return (
        f"The attempts come from {source}, read by {by}. The tool that made them can make them again; thinkcurve has "
        "neither the model nor what judged the answers."
    )


def manifest_part(contents: Contents) -> Markup:
    """Study, models, tasks and machine of each run, then its manifest as JSON."""
    panels = [(part.name, _manifest(part.run.manifest)) for part in contents.parts]
    return h("section", h("h2", "Manifest"), tabs("Run", panels), id="manifest")


def _manifest(manifest: Manifest) -> Markup:
    return joined(
        [
            h("h3", "Study"),
            pairs(_study(manifest.study)),
            [joined([h("h3", f"Model: {named(one.spec)}"), pairs(_model(one))]) for one in manifest.models],
            [joined([h("h3", f"Task: {named(one.name)}"), pairs(_task(one))]) for one in manifest.tasks],
            h("h3", "Machine and versions"),
            [_sitting(one, "When the answers were made:") for one in manifest.sittings[-1:]],
            [_sitting(one, "When they were judged again:") for one in manifest.regrades[-1:]],
            h(
                "details",
                h("summary", "The manifest, whole"),
                h("pre", h("code", msgspec.json.format(msgspec.json.encode(manifest), indent=2).decode())),
                class_="no-print",
            ),
        ]
    )


def _study(study: Study) -> Iterator[tuple[str, str]]:
    """What the study says otherwise than a study says by itself, and always what it is of."""
    default = Study()
    always = ("budgets", "control", "samples", "seed", "answer_tokens", "temperature")
    for key in Study.__struct_fields__:
        value = getattr(study, key)
        if key in ("models", "tasks") or (value == getattr(default, key) and key not in always):
            continue
        if key == "budgets":
            yield "budgets", ", ".join(format_budget(budget, study.control) for budget in study.budgets)
        else:
            yield key.replace("_", " "), "the model's own" if value is None else _value(value)


def _model(record: ModelRecord) -> Iterator[tuple[str, str]]:
    info = record.info
    for key in ("name", "engine", "revision", "fingerprint", "active_parameters", "context_tokens", "provider"):
        if info.get(key) is not None:
            yield key.replace("_", " "), _value(info[key])
    thinking = info.get("thinking")
    if isinstance(thinking, dict):
        yield "thinking", " … ".join(str(thinking.get(key, "")) for key in ("open", "close"))
    if record.sampling is not None:
        yield "sampling", _value(msgspec.to_builtins(record.sampling))
    if record.tariff is not None:
        yield "prices", _value(msgspec.to_builtins(record.tariff))


def _task(record: TaskRecord) -> Iterator[tuple[str, str]]:
    yield "version", record.version
    yield "problems", f"{record.n_problems:,}"
    for key in ("fingerprint", "prompt_fingerprint", "source", "revision", "licence", "prompt"):
        yield key.replace("_", " "), _value(getattr(record, key))


def _sitting(sitting: Sitting, what: str) -> Markup:
    rows = [("began", sitting.started), ("commit", sitting.git_commit or ""), ("machine", _value(sitting.hardware))]
    versions = sorted(sitting.versions.items())
    listed = table("Versions", ["package", "version"], versions)
    return joined(
        [
            h("p", what, class_="muted"),
            pairs([*rows, ("verifier", _value(sitting.verifier))]),
            h("details", h("summary", count(len(versions), "version")), listed, class_="no-print")
            if versions
            else None,
        ]
    )


def _value(value: Any) -> str:
    """A value in words, clipped: numbers with separators, tables as ``key value`` with commas."""
    if isinstance(value, dict):
        words = ", ".join(f"{key} {_value(of)}" for key, of in value.items() if of not in (None, "", [], {}))
    elif isinstance(value, list | tuple):
        words = ", ".join(map(_value, value))
    elif isinstance(value, int) and not isinstance(value, bool) and abs(value) >= 10_000:
        words = f"{value:,}"
    else:
        words = "not set" if value is None else str(value)
    return words if len(words) <= LONGEST_VALUE else f"{words[:LONGEST_VALUE]}…"
