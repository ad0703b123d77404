"""``thinkcurve export``: a run in the files of other tools."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from thinkcurve.errors import UsageError, did_you_mean
from thinkcurve.interop.exports import FORMATS

if TYPE_CHECKING:
    from thinkcurve.interop.exports.content import Content, Wishes, Written

JSON_SCHEMA = 1


@click.command(name="export", epilog="Example: thinkcurve export results/embedded --to lm-eval -o out")
@click.argument("run", metavar="RUN")
@click.option("--to", "format_name", type=click.Choice(list(FORMATS)), required=True, help="Whose files to write.")
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, metavar="DIR", help="Where to.")
@click.option("--model-id", "ids", multiple=True, metavar="[SPEC=]OWNER/NAME", help="A model's id on the hub.")
@click.option("--benchmark", "sets", multiple=True, metavar="TASK=OWNER/NAME[#ID]", help="The hub's set of a task.")
@click.option("--organization", default="unknown", show_default=True, help="Who ran it (every-eval-ever).")
@click.option(
    "--relationship", default="other", show_default=True, metavar="WORD", help="Theirs to the model's makers."
)
@click.option(
    "--metric-name", metavar="METRIC[,FILTER]", help="What lm-eval is to call the score.  [default: acc,none]"
)
@click.option("--json", "as_json", is_flag=True, help="Print what was written as JSON.")
def command(
    run: str,
    format_name: str,
    output: Path,
    ids: tuple[str, ...],
    sets: tuple[str, ...],
    organization: str,
    relationship: str,
    metric_name: str | None,
    as_json: bool,
) -> None:
    """Write RUN in the files of another tool.

    \b
    lm-eval          results_*.json and samples_*.jsonl, a folder a budget
    inspect          a .eval log a model, task and budget
    every-eval-ever  a record a model and task, one result a budget
    hf               .eval_results/*.yaml and a model card with a table
    csv              points.csv and attempts.csv

    WORD is first_party, third_party, collaborative or other.
    """
    from importlib import import_module

    import msgspec

    from thinkcurve.interop.exports.content import RELATIONSHIPS, Content, Wishes

    if relationship not in RELATIONSHIPS:
        near = did_you_mean(relationship, RELATIONSHIPS)
        raise UsageError(f"--relationship {relationship!r} is not one of {', '.join(RELATIONSHIPS)}.{near}")
    content = Content.load(run, warn=lambda text: click.echo(text, err=True))
    wishes = Wishes(_model_ids(ids, content), _benchmarks(sets, content), organization, relationship)
    if metric_name is not None:
        wishes = _named(wishes, metric_name, format_name)
    written: Written = import_module(f"thinkcurve.interop.exports.{FORMATS[format_name]}").write(
        content, output, wishes
    )
    for words in written.left_out:
        click.echo(words, err=True)
    if as_json:
        fields = msgspec.to_builtins(written)
        click.echo(msgspec.json.encode({"schema": JSON_SCHEMA, **fields}))
        return
    for path in written.files:
        click.echo(path)
    click.echo(f"{written.points:,} points, {written.attempts:,} attempts, {len(written.files):,} files", err=True)


def _named(wishes: Wishes, given: str, format_name: str) -> Wishes:
    """The wishes with the metric of ``--metric-name``, which is for lm-eval's files."""
    import msgspec

    from thinkcurve.interop.exports.lm_eval import metric_name

    if format_name != "lm-eval":
        raise UsageError(f"--metric-name is for --to lm-eval, not for {format_name}")
    metric, filter_ = metric_name(given)
    return msgspec.structs.replace(wishes, metric=metric, filter=filter_)


def _model_ids(given: Iterable[str], content: Content) -> dict[str, str]:
    """The ids of ``--model-id`` by spec; without a spec it is that of the run's only model."""
    from thinkcurve.interop.exports.identity import HUB_ID

    specs = [model.spec for model in content.run.manifest.models]
    found = {}
    for text in given:
        spec, sign, name = text.rpartition("=")
        if not sign and len(specs) > 1:
            raise UsageError(f"--model-id {text!r}: the run has {len(specs)} models; give SPEC=OWNER/NAME")
        spec = spec if sign else specs[0] if specs else ""
        if spec not in specs:
            raise UsageError(f"--model-id {text!r} names {spec!r}, no model of the run.{did_you_mean(spec, specs)}")
        if not HUB_ID.fullmatch(name):
            raise UsageError(f"--model-id {name!r} is not OWNER/NAME")
        found[spec] = name
    return found


def _benchmarks(given: Iterable[str], content: Content) -> dict[str, str]:
    """The data sets of ``--benchmark`` by task."""
    from thinkcurve.interop.exports.identity import HUB_ID

    names = [name for task in content.run.manifest.tasks for name in (task.name, task.spec) if name]
    found = {}
    for text in given:
        task, sign, dataset = text.rpartition("=")
        if not sign or not HUB_ID.fullmatch(dataset.partition("#")[0]):
            raise UsageError(f"--benchmark {text!r} is not TASK=OWNER/NAME or TASK=OWNER/NAME#ID")
        if task not in names:
            raise UsageError(f"--benchmark {text!r} names {task!r}, no task of the run.{did_you_mean(task, names)}")
        found[task] = dataset
    return found
