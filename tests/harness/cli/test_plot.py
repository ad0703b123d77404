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
    "ladder": a_run("org/long", (0.2, 0.4, 0.5, 0.7, 0.8), n=24, budgets=(32, 64, 128, 256, 512), where="runs/ladder"),
    "level": a_run("org/level", (0.5, 0.5), n=24, budgets=(32, 64), where="runs/level"),
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


def marks(spec: dict[str, object], name: str) -> list[dict[str, object]]:
    """The marks of the layers that are drawn from a dataset."""
    return [layer["mark"] for layer in spec["layer"] if layer.get("data") == {"name": name}]  # type: ignore[attr-defined]


def words_of(spec: dict[str, object]) -> str:
    """All fixed text of a figure, and its caption."""
    texts = [layer["mark"]["text"] for layer in spec["layer"] if "text" in layer["mark"]]  # type: ignore[attr-defined]
    return f"{texts} {spec['usermeta']}"


def test_no_fit_is_drawn_unasked(tmp_path: Path) -> None:
    spec = spec_of(tmp_path, "ladder")
    assert not {"fits", "beyond"} & set(spec["datasets"])  # type: ignore[call-overload]
    assert "fit" not in words_of(spec)


def test_a_fit_ends_with_the_measured_range(tmp_path: Path) -> None:
    spec = spec_of(tmp_path, "ladder", "--fit", "log-linear")
    points, rows = (spec["datasets"][name] for name in ("points", "fits"))  # type: ignore[index]
    for end in (min, max):
        assert end(row["x"] for row in rows) == pytest.approx(end(row["x"] for row in points))
    assert marks(spec, "beyond") == []
    assert "log-linear fit" in words_of(spec)
    assert "extrapolated" not in words_of(spec)


def test_an_extrapolation_is_dashed_pale_named_and_as_show_has_it(tmp_path: Path) -> None:
    printed = CliRunner().invoke(cli, ["show", "ladder", "--tables", "fits", "--extrapolate", "4096", "--json"])
    (found,) = json.loads(printed.stdout)["fits"]
    told = next(form for form in found["accuracy"]["forms"] if form["form"] == "log-linear")["extrapolated"]
    spec = spec_of(tmp_path, "ladder", "--fit", "log-linear", "--extrapolate", "4096")
    last = spec["datasets"]["beyond"][-1]  # type: ignore[index]
    assert (last["x"], last["accuracy"]) == (4096, told["value"])
    assert (last["low"], last["high"]) == (told["ci_low"], told["ci_high"])
    (band, line), (pale, solid) = marks(spec, "beyond"), marks(spec, "fits")
    assert (band["type"], line["type"], pale["type"], solid["type"]) == ("area", "line", "area", "line")
    assert "strokeDash" in line
    assert "strokeDash" not in solid
    opacity = [
        layer["encoding"]["opacity"]["condition"]["value"]
        for layer in spec["layer"]  # type: ignore[attr-defined]
        if layer["mark"].get("type") == "area"
    ]
    assert opacity[0] < opacity[1]
    assert "'extrapolated'" in words_of(spec)
    assert f"extrapolated, which no point has tested ({100 * told['value']:.1f} %" in words_of(spec)
    assert spec["encoding"]["x"]["scale"]["domain"][1] > 4096  # type: ignore[index]


def test_a_fit_that_is_not_identifiable_is_said_and_not_drawn(tmp_path: Path) -> None:
    done = plotted(tmp_path, "ladder", "level", "--fit")
    spec = json.loads((tmp_path / "figure.json").read_text("utf-8"))
    assert "org/level on sums (truncate): no form is identifiable" in done.stderr
    assert {row["curve"] for row in spec["datasets"]["fits"]} == {"c0"}
    assert "No line of org/level: no form is identifiable" in " ".join(words_of(spec).split("', '"))
    assert spec["datasets"]["points"][-1]["t_model"] == "org/level"


@pytest.mark.parametrize("size", ["screen", "one-column", "wide"])
def test_names_of_lines_have_room_beside_the_axis_s(tmp_path: Path, size: str) -> None:
    spec = spec_of(tmp_path, "ladder", "--fit", "power-law-with-floor", "--extrapolate", "2x", "--size", size)
    keys = [layer for layer in spec["layer"] if layer["mark"].get("text") == "fit"]  # type: ignore[attr-defined]
    assert all(layer["encoding"]["x"]["value"] > 20 for layer in keys)


def test_what_cannot_be_fitted_or_extrapolated_is_refused(tmp_path: Path) -> None:
    assert refused(tmp_path, "ladder", "--fit", "linear").startswith("--fit 'linear' is not one of best, log-linear")
    assert "--fit is of --kind curve" in refused(tmp_path, "ladder", "--kind", "gain", "--fit", "best")
    assert "goes with --fit" in refused(tmp_path, "ladder", "--extrapolate", "4x")
    assert "within what was measured" in refused(tmp_path, "ladder", "--fit", "--extrapolate", "64")
    assert "neither a cost" in refused(tmp_path, "ladder", "--fit", "--extrapolate", "far")
