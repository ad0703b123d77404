"""``thinkcurve plot``: every kind from a run on disk, what it refuses, and what goes to which stream."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from analysis.simulated import a_run
from thinkcurve.cli.main import cli
from thinkcurve.cli.plot import KINDS
from thinkcurve.errors import UsageError
from thinkcurve.run import Run

REFERENCE = str(Path(__file__).parents[3] / "results" / "reference" / "embedded")
RUNS = {
    "small": a_run("org/small", (0.1, 0.2, 0.4, 0.5), n=16, samples=2, parameters=10**9, where="runs/small"),
    "large": a_run("org/large", (0.2, 0.5, 0.7, 0.9), n=16, samples=2, parameters=10**10, seed=2, where="runs/large"),
    "other": a_run("org/small", (0.2, 0.4, 0.5, 0.6), n=16, samples=2, task="other", where="runs/other"),
    "shallow": a_run("org/small", (0.2, 0.4, 0.5, 0.6), n=16, where="runs/shallow"),
    "effort": a_run("org/api", (0.2, 0.4, 0.6), n=16, samples=2, budgets=(1, 2, 4), control="effort"),
    "failed": a_run("org/small", (0.2, 0.3), n=3, budgets=(0, 9), fail=[(i, b) for i in range(3) for b in (0, 9)]),
}


@pytest.fixture(autouse=True)
def runs(monkeypatch: pytest.MonkeyPatch) -> None:
    from thinkcurve import run

    real = run.load_run

    def load(path: str, *, warn: object = None) -> Run:
        return RUNS[path] if path in RUNS else real(path)

    monkeypatch.setattr(run, "load_run", load)


def plotted(tmp_path: Path, *args: str, suffix: str = "json") -> Result:
    return CliRunner().invoke(cli, ["plot", *args, "-o", str(tmp_path / f"figure.{suffix}")])


def spec_of(tmp_path: Path, *args: str) -> dict[str, object]:
    done = plotted(tmp_path, *args)
    assert done.exit_code == 0, done.exception or done.output
    assert done.stdout == f"{tmp_path / 'figure.json'}\n"
    found = json.loads((tmp_path / "figure.json").read_text("utf-8"))
    assert isinstance(found, dict)
    return found


def refused(tmp_path: Path, *args: str) -> str:
    done = plotted(tmp_path, *args)
    assert isinstance(done.exception, UsageError), done.output
    assert not (tmp_path / "figure.json").exists()
    assert "\n" not in str(done.exception)
    return str(done.exception)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_draws_several_runs(tmp_path: Path, kind: str) -> None:
    spec = spec_of(tmp_path, "small", "large", "other", "--kind", kind)
    said = str(spec["datasets"])
    assert "org/small" in said
    assert "org/large" in said
    assert "other" in said


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_draws_levels_of_effort(tmp_path: Path, kind: str) -> None:
    assert "low" in json.dumps(spec_of(tmp_path, "effort", "--kind", kind), ensure_ascii=False)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_says_in_one_line_that_all_attempts_failed(tmp_path: Path, kind: str) -> None:
    assert refused(tmp_path, "failed", "--kind", kind)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "surface"])
def test_every_kind_reads_a_run_from_disk(tmp_path: Path, kind: str) -> None:
    assert "arithmetic" in json.dumps(spec_of(tmp_path, REFERENCE, "--kind", kind, "--task", "arithmetic"))


def test_a_figure_for_paper_tells_its_caption(tmp_path: Path) -> None:
    done = plotted(tmp_path, "small", "--size", "one-column")
    assert done.stderr.startswith("caption: Accuracy against thinking tokens: ")
    assert "95 % interval over problems" in done.stderr
    assert plotted(tmp_path, "small").stderr == ""


def test_a_task_and_a_model_can_be_picked(tmp_path: Path) -> None:
    assert len(spec_of(tmp_path, "small", "large", "other", "--task", "sums")["datasets"]["labels"]) == 2  # type: ignore[index]
    picked = spec_of(tmp_path, "small", "large", "--model", "org/large")
    assert {row["t_model"] for row in picked["datasets"]["points"]} == {"org/large"}  # type: ignore[index]


def test_names_that_no_run_has_are_answered_with_those_there_are(tmp_path: Path) -> None:
    assert refused(tmp_path, "small", "--task", "sum") == "no run has task 'sum'; there are sums. Did you mean 'sums'?"
    assert "there are org/large, org/small" in refused(tmp_path, "small", "large", "--model", "org")


@pytest.mark.parametrize("kind", KINDS)
def test_an_unknown_axis_is_refused_before_anything_is_computed(tmp_path: Path, kind: str) -> None:
    assert "--x 'flop' is not one of" in refused(tmp_path, "small", "--kind", kind, "--x", "flop")


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "surface"])
def test_an_axis_that_is_not_known_is_refused(tmp_path: Path, kind: str) -> None:
    assert "usd" in refused(tmp_path, "small", "--kind", kind, "--x", "usd")


def test_a_frontier_is_by_flops_where_sizes_are_known(tmp_path: Path) -> None:
    assert "FLOPs" in str(spec_of(tmp_path, "small", "large", "--kind", "frontier")["description"])
    assert "thinking tokens" in str(spec_of(tmp_path, "small", "other", "--kind", "frontier")["description"])


def test_what_is_of_one_kind_is_refused_for_others(tmp_path: Path) -> None:
    assert refused(tmp_path, "small", "--way", "pass@k") == "--way is of --kind surface, not of curve"
    assert "frontier" in refused(tmp_path, "small", "large", "--kind", "frontier", "--model", "org/small")
    assert "more than one sample" in refused(tmp_path, "shallow", "--kind", "surface")


def test_help_fits_a_terminal() -> None:
    lines = CliRunner().invoke(cli, ["plot", "--help"], terminal_width=80).output.splitlines()
    assert max(map(len, lines)) <= 80
    assert lines[-1].strip().startswith("Example: thinkcurve plot")


def test_gains_are_those_that_show_prints(tmp_path: Path) -> None:
    printed = CliRunner().invoke(cli, ["show", "small", "--tables", "fits", "--json"])
    gains = json.loads(printed.stdout)["fits"][0]["gains"]
    rows = spec_of(tmp_path, "small", "--kind", "gain")["datasets"]["gains"]  # type: ignore[index]
    known = [gain["per_doubling"] for gain in gains if gain["per_doubling"]["value"] is not None]
    assert [(row["accuracy"], row["low"], row["high"]) for row in rows] == [tuple(gain.values()) for gain in known]


def test_allocations_are_those_that_show_prints(tmp_path: Path) -> None:
    printed = CliRunner().invoke(cli, ["show", "small", "--tables", "budgets", "--json"])
    points = json.loads(printed.stdout)["budgets"][0]["headroom"]["points"]
    rows = spec_of(tmp_path, "small", "--kind", "allocation")["datasets"]["equal0"]  # type: ignore[index]
    oracle = [(row["accuracy"], row["low"], row["high"]) for row in rows if row["way"] == "oracle"]
    assert oracle == [tuple(point["oracle"].values()) for point in points]


def test_points_of_the_frontier_are_those_that_show_prints(tmp_path: Path) -> None:
    printed = CliRunner().invoke(cli, ["show", "small", "large", "--tables", "frontier", "--axis", "flops", "--json"])
    points = json.loads(printed.stdout)["frontier"][0]["on"]["points"]
    rows = spec_of(tmp_path, "small", "large", "--kind", "frontier")["datasets"]["points0"]  # type: ignore[index]
    assert sorted((row["x"], row["accuracy"], row["chance"], row["is_on"]) for row in rows) == sorted(
        (p["cost"], p["accuracy"]["value"], p["resample_share"], p["is_on_frontier"]) for p in points
    )
