"""``thinkcurve schema``: JSON Schema of what users write and of what we write, for editors and other tools."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

NAMES = {
    "study": "a study file (TOML)",
    "manifest": "manifest.json of a run",
    "journal": "a line of journal.jsonl",
    "attempts": "a row of attempts.parquet",
    "traces": "a row of traces.parquet",
    "problems": "a row of problems.parquet",
    "curve": "a curve of show --json",
}


@click.command(name="schema", epilog="Example: thinkcurve schema study > study.schema.json")
@click.argument("name", default="study", type=click.Choice(list(NAMES)), metavar="[NAME]")
def command(name: str) -> None:
    """Print the JSON Schema (2020-12) of one thing: what its keys are, and what each may hold.

    NAME is study (default), manifest, journal, attempts, traces, problems or curve. Numbers that are not known are
    null.
    """
    import json

    click.echo(json.dumps(schema_of(name), indent=2))


def schema_of(name: str) -> dict[str, Any]:
    """The JSON Schema of one of `NAMES`, as a dict."""
    import msgspec

    found = msgspec.json.schema(_type_of(name))
    if name == "study":
        _as_written(found["$defs"]["Study"]["properties"])
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"thinkcurve: {NAMES[name]}",
        **found,
    }


def _type_of(name: str) -> Any:
    from thinkcurve import questions, store, study
    from thinkcurve.analysis.curve import Curve

    types: dict[str, Callable[[], Any]] = {
        "study": lambda: study.Study,
        "manifest": lambda: store.Manifest,
        "journal": lambda: store.Event,
        "attempts": lambda: store.Attempt,
        "traces": lambda: store.Trace,
        "problems": lambda: questions.Question,
        "curve": lambda: Curve,
    }
    return types[name]()


def _as_written(properties: dict[str, Any]) -> None:
    """A study file names what a study holds as numbers: no budget is ``"none"``, levels of effort have their names."""
    from thinkcurve.budget import EFFORTS

    words = [
        {"type": "integer", "minimum": 0},
        {"enum": sorted({"none", "natural", *EFFORTS})},
    ]
    properties["budgets"]["items"] = {"anyOf": words}
