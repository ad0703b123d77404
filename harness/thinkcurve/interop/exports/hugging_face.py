"""A run as what a model's page on the Hugging Face hub takes: results for leaderboards, and a card with the curve.

    DIR/<model>/.eval_results/<task>_budget-64.yaml    one result a file, as the hub wants variants of one benchmark
    DIR/<model>/README.md                              a model card: a table for people, ``model-index`` for machines

https://huggingface.co/docs/hub/eval-results says what ``.eval_results`` holds (`huggingface_hub.EvalResultEntry`). Its
data sets are benchmarks of the hub, so a task whose problems come from elsewhere gets none unless ``--benchmark`` names
one. Values are in percent, as leaderboards there have them. Names are other people's: in the card they are text only.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from thinkcurve import __version__
from thinkcurve.analysis.curve import Curve, Point
from thinkcurve.budget import format_budget
from thinkcurve.interop.exports.content import Content, Wishes, Written
from thinkcurve.interop.exports.files import put, safe_names, step_name
from thinkcurve.interop.exports.identity import benchmark, hub_dataset, model_ids

CARD = """---
{metadata}---

# {name}

## Accuracy against thinking

{about}

{tables}
"""
HEAD = (
    "| {step} | thinking tokens | all tokens | accuracy, % | 95 % interval | forced | no answer |\n"
    "| ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n"
)


def write(content: Content, output: Path, wishes: Wishes) -> Written:
    """Write results and a card for every model of the run."""
    ids = model_ids(content, wishes)
    folders = safe_names((curve.model for curve in content.curves), lambda spec: ids[spec].replace("/", "__"))
    tasks = safe_names(curve.task for curve in content.curves)
    files: list[str] = []
    left_out = [*content.missing(), *_words(content, wishes)]
    for spec, folder in folders.items():
        for curve, point in content.points:
            found = benchmark(content.task(curve.task), wishes)
            if curve.model == spec and found is not None:
                name = f"{tasks[curve.task]}_{step_name(point.budget, curve.control)}.yaml"
                text = _yaml([entry(content, curve, point, found)])
                files.append(put(output / folder / ".eval_results" / name, text))
        files.append(put(output / folder / "README.md", card(content, spec, wishes)))
    points = [*content.points]
    return Written("hf", tuple(files), len(points), sum(point.n_attempts for _, point in points), tuple(left_out))


def entry(content: Content, curve: Curve, point: Point, of: tuple[str, str]) -> dict[str, Any]:
    """A result of ``.eval_results``; ``of`` is the hub's data set and the id of its task."""
    task = content.task(curve.task)
    is_same = hub_dataset(task) == of[0]
    return {
        "dataset": {
            "id": of[0],
            "task_id": of[1],
            **({"revision": task.revision} if is_same and task.revision else {}),
        },
        "value": percent(point.accuracy),
        "date": content.finished.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "notes": "; ".join(notes(content, curve, point)),
    }


def notes(content: Content, curve: Curve, point: Point) -> Iterator[str]:
    """What a reader must know of a result beside its value, a few words each."""
    yield f"{_step(point, curve)} ({curve.control})"
    if point.thinking_tokens is not None:
        yield f"{point.thinking_tokens:,.0f} thinking tokens on average"
    samples = "1 sample" if point.n_samples == 1 else f"{point.n_samples} samples"
    yield f"{samples} of {point.n_problems:,} problems" + (", a part of the benchmark" if _is_part(content) else "")
    if point.ci_low is not None and point.ci_high is not None:
        yield f"95 % interval {100 * point.ci_low:.1f} to {100 * point.ci_high:.1f}"
    yield f"thinkcurve {__version__}"


def card(content: Content, spec: str, wishes: Wishes) -> str:
    """The model card of one model."""
    curves = [curve for curve in content.curves if curve.model == spec]
    name = model_ids(content, wishes)[spec]
    index = [{"name": name, "results": [_indexed(content, curve, wishes) for curve in curves if _scored(curve)]}]
    tables = "\n\n".join(f"### {escaped(curve.task)}\n\n{table(curve)}" for curve in curves)
    return CARD.format(
        metadata=_yaml({"model-index": index}) if index[0]["results"] else "{}\n",
        name=escaped(name),
        about=_about(content, curves),
        tables=tables,
    )


def table(curve: Curve) -> str:
    """The points of a curve as a table in Markdown."""
    rows = HEAD.format(step="effort" if curve.control == "effort" else "thinking budget")
    for point in curve.points:
        interval = "–" if point.ci_low is None or point.ci_high is None else _interval(point.ci_low, point.ci_high)
        cells = (
            format_budget(point.budget, curve.control),
            _mean(point.thinking_tokens),
            _mean(point.total_tokens),
            "–" if point.accuracy is None else f"{100 * point.accuracy:.1f}",
            interval,
            f"{point.forced:,} of {point.n_attempts:,}" if curve.knows_forced(point) else "–",
            f"{point.no_answer:,}",
        )
        rows += f"| {' | '.join(cells)} |\n"
    return rows.rstrip()


def escaped(text: str) -> str:
    """``text`` as one printable line that Markdown and HTML take for nothing but text."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split()) or "(no name)"
    line = line.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return "".join(f"\\{c}" if c in "\\`*_{}[]()#+!|~$@" else c for c in line)


def percent(share: float | None) -> float | None:
    """A share in percent, without the noise of the last bits."""
    return None if share is None else round(100 * share, 10)


def _indexed(content: Content, curve: Curve, wishes: Wishes) -> dict[str, Any]:
    """A curve in the card's ``model-index``: one data set with a metric a point."""
    task = content.task(curve.task)
    found = benchmark(task, wishes)
    return {
        "task": {"type": "text-generation", "name": curve.task},
        "dataset": {
            "name": curve.task,
            "type": found[0] if found else curve.task,
            **({"revision": task.revision} if task.revision and found and hub_dataset(task) == found[0] else {}),
            "args": {"version": task.version, "fingerprint": task.fingerprint, "control": curve.control},
        },
        "metrics": [
            {
                "type": "accuracy",
                "value": percent(point.accuracy),
                "name": f"accuracy in percent at {_step(point, curve)}",
                "args": {
                    "budget": format_budget(point.budget, curve.control),
                    "thinking_tokens": point.thinking_tokens,
                },
            }
            for point in curve.points
            if point.accuracy is not None
        ],
    }


def _scored(curve: Curve) -> bool:
    return any(point.accuracy is not None for point in curve.points)


def _about(content: Content, curves: Sequence[Curve]) -> str:
    study, sampling = content.run.manifest.study, content.model(curves[0].model).sampling
    drawn = "drawn by the provider's defaults"
    if sampling is not None:
        drawn = f"at temperature {sampling.temperature:g}" if sampling.temperature else "greedy"
    controls = ", ".join(sorted({curve.control for curve in curves}))
    samples = "one sample of each problem" if study.samples == 1 else f"{study.samples} samples of each problem"
    return (
        f"Measured with thinkcurve {__version__} on {content.finished:%Y-%m-%d}: {samples}, {drawn}, budgets kept by "
        f"control `{controls}`, seed {study.seed}. Tokens are means per attempt alone; intervals are over problems."
    )


def _words(content: Content, wishes: Wishes) -> Iterator[str]:
    """What the hub does not get or should not be given, a sentence each."""
    for name in dict.fromkeys(curve.task for curve in content.curves):
        task = content.task(name)
        if benchmark(task, wishes) is None:
            yield f"{name!r} is no data set of the hub: no .eval_results; --benchmark {name}=OWNER/NAME names one"
        elif _is_part(content):
            yield f"{name!r}: the run took a part of the problems; a leaderboard would show it beside whole ones"


def _is_part(content: Content) -> bool:
    study = content.run.manifest.study
    return bool(study.limit or study.levels or study.groups or study.ids)


def _step(point: Point, curve: Curve) -> str:
    if point.effort:
        return f"effort {point.effort}"
    return "natural end of thinking" if point.budget is None else f"a thinking budget of {point.budget:,} tokens"


def _interval(low: float, high: float) -> str:
    return f"{100 * low:.1f} – {100 * high:.1f}"


def _mean(value: float | None) -> str:
    return "–" if value is None else f"{value:,.0f}"


def _yaml(value: Any) -> str:
    """YAML in ASCII, whose strings no reader takes for anything else."""
    import yaml  # type: ignore[import-untyped]  # brought along by datasets

    return str(yaml.safe_dump(value, sort_keys=False, allow_unicode=False, width=1 << 20))
