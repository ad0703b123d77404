"""The section ``budgets`` as it is printed and as JSON, of one curve and of several."""

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner
from msgspec.structs import replace
from rich.console import Console

from analysis.simulated import a_run
from thinkcurve.analysis.basis.interval import Interval
from thinkcurve.cli.budget_tables import share, signed, total
from thinkcurve.cli.main import cli
from thinkcurve.cli.price import price_of
from thinkcurve.cli.sections import section
from thinkcurve.cli.sections.budgets import Budgets, Cascades, results
from thinkcurve.errors import UsageError
from thinkcurve.run import Run
from thinkcurve.tariff import Tariff

REFERENCE = str(Path(__file__).parents[3] / "results" / "reference" / "embedded")


def shown(runs: Sequence[Run]) -> str:
    return printed(results(runs))


def printed(found: Sequence[Budgets | Cascades]) -> str:
    """What is printed at 80 columns, checked for what must never be in it."""
    console = Console(width=80, color_system=None, highlight=False)
    with console.capture() as capture:
        for result in found:
            for line in section("budgets").lines(result):
                console.print(line)
    text = capture.get()
    for word in ("nan", "inf", "None"):
        assert word not in text
    assert max(map(len, text.splitlines())) <= 80
    return text


def numbers_in(tree: Any) -> Iterator[float]:
    if isinstance(tree, float):
        yield tree
    elif isinstance(tree, dict | list | tuple):
        for branch in tree.values() if isinstance(tree, dict) else tree:
            yield from numbers_in(branch)


def one(runs: Sequence[Run]) -> Budgets:
    (found,) = results(runs)
    assert isinstance(found, Budgets)
    return found


def test_a_curve_of_one_sample_says_that_it_flatters() -> None:
    text = shown([a_run("hf:[bold]m", (0.2, 0.5, 0.7, 0.8))])
    assert "hf:[bold]m" in text
    assert "one sample a problem" in text
    assert "no router by agreement of votes: one sample a problem" in text
    assert "no router by level: the problems have no level" in text
    assert "dollars: the price is unknown" in text
    assert "held out" not in text


def test_a_curve_of_several_samples_is_tried_on_the_other_half() -> None:
    run = a_run("m", (0.2, 0.5, 0.7, 0.8), samples=4)
    run.attempts["extracted"] = [
        "4" if verdict == "correct" else str(i) for i, verdict in enumerate(run.attempts["verdict"])
    ]
    found = one([run])
    text = printed([found])
    assert "right at b*: samples that chose it" in text
    assert "held out: its gain where half of the samples choose" in text
    assert "router by agreement of votes, cross-validated (10 x 5 folds of 40 problems)" in text
    assert {step.k for step in found.routers[0].steps} == {1, 4}


def test_samples_of_separate_traces_are_not_in_line() -> None:
    run = a_run("m", (0.2, 0.8), budgets=(0, 64), samples=2)
    run.manifest = replace(run.manifest, study=replace(run.manifest.study, traces="separate"))
    found = one([run])
    assert not found.allocation.is_in_line
    assert "drawn anew at each budget" in printed([found])


def test_levels_of_effort_and_natural_ends_are_named() -> None:
    text = shown([a_run("m", (0.2, 0.5), budgets=(2, 3), control="effort")])
    assert "effort" in text
    assert "medium" in text
    assert "none" in shown([a_run("m", (0.2, 0.5), budgets=(0, None))])


def test_a_tariff_prices_what_the_run_did_not() -> None:
    run = a_run("m", (0.2, 0.5), budgets=(0, 64), n=12)
    priced = replace(run.manifest.models[0], tariff=Tariff(input=1.0, output=10.0))
    run.manifest = replace(run.manifest, models=(priced,))
    found = one([run])
    assert [demand.usd_source for demand in found.demand] == ["tariff"] * 2
    assert "$" in printed([found])


def test_two_models_of_a_task_make_a_cascade() -> None:
    small = a_run("hf:small", (0.2, 0.3), budgets=(0, 64), parameters=10**9, where="runs/s")
    large = a_run("hf:large", (0.6, 0.9), budgets=(0, 64), parameters=10**10, where="runs/l")
    found = results([small, large])
    *curves, joint = found
    assert [type(curve) for curve in curves] == [Budgets, Budgets]
    assert isinstance(joint, Cascades)
    assert joint.n_problems == 40
    assert {router.axis for router in joint.routers} == {"flops"}
    assert {step.curve for step in joint.routers[0].steps} == {0, 1}
    text = printed(found)
    assert "cascades over 2 curves" in text
    assert "B  hf:large · truncate · l" in text


def test_tokens_of_two_models_are_compared_only_aloud() -> None:
    runs = [a_run(name, (0.2, 0.6), budgets=(0, 64), parameters=None, where=f"runs/{name}") for name in ("a", "b")]
    assert "a token of one model is counted as one of another" in shown(runs)


def test_other_problems_of_the_same_task_make_no_cascade() -> None:
    runs = [a_run("a", (0.2, 0.6), budgets=(0, 64), fingerprint=f) for f in ("x", "y")]
    assert not any(isinstance(found, Cascades) for found in results(runs))


@pytest.mark.parametrize(
    "run",
    [
        a_run("m", (0.5,), budgets=(64,), n=1),
        a_run("m", (0.5,), budgets=(None,), n=3, samples=2),
        a_run("m", (0.0, 0.0), budgets=(0, 64), n=12),
        a_run("m", (1.1, 1.1), budgets=(0, 64), n=12, samples=3),
        a_run("m", (0.2, 0.6), budgets=(0, 64), n=12, fail=[(0, 0), (1, 64), (2, 0), (2, 64)]),
        a_run("m", (0.2, 0.6), budgets=(0, 64), n=12, fail=[(i, 64) for i in range(12)]),
    ],
    ids=["one problem", "one budget", "all wrong", "all right", "holes", "a budget of failures"],
)
def test_what_is_odd_is_printed_and_written(run: Run) -> None:
    found = results([run])
    printed(found)
    assert all(map(math.isfinite, numbers_in(msgspec.to_builtins(found))))


def test_unknown_tokens_are_said_to_be() -> None:
    run = a_run("m", (0.2, 0.6), budgets=(0, 64), n=12)
    run.attempts["generated_tokens"] = float("nan")
    text = shown([run])
    assert "the tokens of some attempts are unknown" in text
    assert "allocation: unknown" in text


def test_costs_are_on_the_axis_that_is_asked_for() -> None:
    run = a_run("m", (0.2, 0.6), budgets=(0, 64), n=12, samples=2, parameters=10**9)
    (found,) = results([run], axis="flops")
    assert isinstance(found, Budgets)
    assert found.allocation.axis == found.headroom.axis == "flops"
    assert {router.axis for router in found.routers} == {"flops"}
    assert found.headroom.points[0].cost_per_problem == found.allocation.budgets[0].cost
    text = printed([found])
    assert "FLOPs" in text
    assert "% of FLOPs" in text
    (unpriced,) = results([run], axis="usd")
    assert isinstance(unpriced, Budgets)
    assert unpriced.routers == ()
    text = printed([unpriced])
    assert "the dollars of some attempts are unknown" in text
    assert "no problem has an attempt and its dollars at every budget" in " ".join(text.split())


def test_a_choice_that_the_folds_do_not_share_is_shown_to_be() -> None:
    run = a_run("m", (0.3, 0.5, 0.7, 0.8), samples=2)
    found = one([run])
    shares = {point.agreement for router in found.routers for point in router.points}
    assert min(shares) < 1
    assert max(shares) <= 1
    text = printed([found])
    assert "own  same" in text
    assert "what these got is what is scored here" in text


def test_problems_that_lack_a_budget_are_left_out_aloud() -> None:
    found = one([a_run("m", (0.2, 0.6), budgets=(0, 64), n=12, fail=[(0, 0), (1, 64)])])
    assert (found.allocation.n_problems, found.allocation.n_left_out) == (10, 2)
    assert printed([found]).count("2 problems lack an attempt at some budget and are left out of this") == 2


def test_json_has_the_figures_that_are_printed() -> None:
    shown = CliRunner().invoke(cli, ["show", REFERENCE, "--tables", "budgets", "--json"])
    assert shown.exit_code == 0
    curves = msgspec.json.decode(shown.stdout)["budgets"]
    text = printed([msgspec.convert(curve, Budgets) for curve in curves])
    last = curves[0]["allocation"]["budgets"][-1]
    assert f"{100 * last['overthinking']['value']:.1f} " in text
    assert last["starved"] == {"value": 0.0, "ci_low": 0.0, "ci_high": 0.0}
    assert curves[0]["routers"][0]["signal"] == "level"
    assert curves[0]["demand"][0]["usd"]["value"] is None


def test_figures_are_short() -> None:
    assert share(Interval(0.031, 0.0, 0.123)).plain == "3.1 0–12"
    assert share(Interval(1.0, 1.0, 1.0)).plain == "100"
    assert share(Interval(None, None, None)).plain == "–"
    assert signed(Interval(-0.012, -0.05, 0.2)).plain == "−1.2 −5.0…20"
    assert signed(Interval(0.0001, None, None)).plain == "0"
    assert total(Interval(72_900_000, 66_300_000, 79_700_000)).plain == "72.9 M 66.3–79.7"
    assert total(Interval(0.5, None, None), "$").plain == "$0.50"


def demand_of(monkeypatch: pytest.MonkeyPatch, *options: str) -> tuple[str, list[dict[str, Any]]]:
    """What is printed of a demand, and its records."""
    from thinkcurve import run

    monkeypatch.setattr(run, "load_run", lambda *_, **__: a_run("m", (0.2, 0.6), n=12, budgets=(0, 64)))
    args = ["show", "runs/one", "--tables", "budgets", *options]
    printed_, found = (CliRunner().invoke(cli, [*args, *more]) for more in ((), ("--json",)))
    assert (printed_.exit_code, found.exit_code) == (0, 0), printed_.output
    return printed_.stdout, msgspec.json.decode(found.stdout)["budgets"][0]["demand"]


def test_volume_concurrency_and_price_are_asked_for_on_the_command_line(monkeypatch: pytest.MonkeyPatch) -> None:
    options = ("--volume", "20000", "--concurrency", "8", "--price", "input=0.3,output=1.2")
    text, (first, *_) = demand_of(monkeypatch, *options)
    assert "20,000 requests like these problems" in text
    assert "device h" in text
    assert max(map(len, text.splitlines())) <= 80
    assert first["volume"] == 20_000
    assert first["accelerator_s"]["value"] == pytest.approx(first["wall_s"]["value"] / 8)
    tokens = 0.3 * first["prompt_tokens"]["value"] + 1.2 * first["generated_tokens"]["value"]
    assert first["usd_source"] == "tariff"
    assert first["usd"]["value"] == pytest.approx(tokens / 1e6)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("input=1", "has no output"),
        ("input=1,output=cheap", "output=cheap is no price"),
        ("input=1,output=-1", "is no price"),
        ("input=1,output=nan", "is no price"),
        ("inputs=1,output=1", "Did you mean 'input'"),
    ],
)
def test_what_is_no_price_is_refused(text: str, why: str) -> None:
    with pytest.raises(UsageError, match=why):
        price_of(text)
