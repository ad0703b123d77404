"""The section ``frontier`` as it is printed and as JSON, of one run and of several."""

from collections.abc import Sequence
from itertools import product
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner
from rich.console import Console

from analysis.simulated import a_family, a_run
from thinkcurve.cli.frontier_tables import share
from thinkcurve.cli.main import cli
from thinkcurve.cli.sections import section
from thinkcurve.cli.sections.frontier import Frontier, results
from thinkcurve.errors import UsageError
from thinkcurve.run import Run

REFERENCE = str(Path(__file__).parents[3] / "results" / "reference" / "embedded")


def printed(found: Sequence[Frontier]) -> str:
    console = Console(width=80, color_system=None, record=True, highlight=False)
    with console.capture() as capture:
        for result in found:
            for line in section("frontier").lines(result):
                console.print(line)
    return capture.get()


def shown(runs: Sequence[Run]) -> str:
    text = printed(results(runs))
    assert "nan" not in text
    assert "inf" not in text
    assert max(map(len, text.splitlines())) <= 80
    return text


@pytest.fixture(scope="module")
def family() -> str:
    return shown(a_family()[:3])


def test_several_models_are_all_compared_on_flops(family: str) -> None:
    for words in (
        "sums · 3 curves · 60 common problems",
        "cost: FLOPs",
        "● hf:Fam-8B",
        "accuracy, %, at",
        "cost to reach",
    ):
        assert words in family
    assert "small thinking long, large thinking short at equal FLOPs" in family
    assert "hf:Fam-1B against hf:Fam-8B" in family
    assert "reference family: fam-#" in family
    assert "…" not in family


def test_what_has_no_value_is_said_in_words(family: str) -> None:
    assert "–: out of the range of its ladder" in family
    assert "never" in family


def test_where_flops_of_one_are_unknown_tokens_are_the_axis_and_the_reader_is_warned() -> None:
    (found,) = results(a_family())
    assert found.axis == "thinking_tokens"
    assert found.axes == ("thinking_tokens", "generated_tokens", "total_tokens", "flops", "wall_s")
    text = printed([found])
    assert "equal tokens are not equal cost" in text
    assert "--axis: generated_tokens, total_tokens, flops, wall_s" in text


def test_an_axis_is_taken_as_asked_and_who_is_not_known_on_it_is_named() -> None:
    (found,) = results(a_family(), axis="flops")
    assert found.on is not None
    assert (found.axis, found.on.axis, found.on.entries_unknown) == ("flops", "flops", (3,))
    assert "FLOPs not known, left out: openai:other" in printed([found])


def test_an_axis_that_is_known_of_none_is_said_and_there_is_no_frontier() -> None:
    (found,) = results(a_family(), axis="usd")
    assert (found.axis, found.on) == (None, None)
    text = printed([found])
    assert "dollars are not known for any curve" in text
    assert "on the frontier" not in text
    assert "capability density" in text  # of accuracies alone


def test_a_reference_is_models_or_a_family_and_names_that_are_none_are_refused() -> None:
    runs = [*a_family()[:3], a_run("hf:x/Other-2B", (0.2, 0.3, 0.5, 0.6), n=60, parameters=2 * 10**9)]
    (found,) = results(runs, reference=("org/Fam-1B", "Other-2B"))
    assert {density.family for density in found.densities} == {"org/Fam-1B, x/Other-2B"}
    (family,) = results(runs, reference=("fam-#",))
    assert family.densities == results(runs)[0].densities
    (one,) = results(runs, reference=("org/Fam-1B",))
    assert one.densities == ()
    with pytest.raises(UsageError, match=r"'org/Fam-1' is no model of these runs.*'org/Fam-1B'"):
        results(runs, reference=("org/Fam-1",))
    with pytest.raises(UsageError, match="'other': its active parameters are not known"):
        results(a_family(), reference=("other",))


def test_a_reference_in_one_task_does_not_trouble_another() -> None:
    runs = [*a_family()[:3], a_run("hf:x/Lone-2B", (0.2,), budgets=(0,), task="other", parameters=2 * 10**9)]
    assert [len(found.densities) > 0 for found in results(runs, reference=("fam-#",))] == [True, False]


def test_what_a_run_is_named_does_not_reach_the_terminal_as_more_than_text() -> None:
    name = "hf:m\x1b[2J\x07-1B"
    runs = [
        a_run(name, (0.5, 0.7), budgets=(0, 64), parameters=10**9, where="runs/\x1b[31mone"),
        a_run(name, (0.5, 0.7), budgets=(0, 64), parameters=10**9, where="runs/two"),
        a_run(name.replace("1B", "3B"), (0.6, 0.8), budgets=(0, 64), parameters=3 * 10**9),
        a_run("hf:y-2B", (0.55, 0.75), budgets=(0, 64), parameters=2 * 10**9, version="1"),
    ]
    text = shown(runs)
    assert "capability density" in text
    assert "\x1b" not in text
    assert "\x07" not in text


def test_one_run_still_has_the_frontier_of_its_budgets() -> None:
    text = shown([a_run("m", (0.2, 0.4), budgets=(0, 64), parameters=10)])
    assert "one model: capability density, and small against large, need more" in text
    assert "● m" in text


def test_problems_that_are_not_common_are_left_out_loudly() -> None:
    text = shown([a_run("a", (0.5,), budgets=(0,), n=30), a_run("b", (0.5,), budgets=(0,), n=20)])
    assert "only 20 of 30 problems have an attempt at every point" in text


def test_without_a_common_problem_nothing_is_compared() -> None:
    runs = [a_run("a", (0.5,), budgets=(0,), n=3), a_run("b", (0.5,), budgets=(0,), n=6, skip=(0, 1, 2, 5))]
    text = shown(runs)
    assert "no problem of 5 has an attempt at every point: nothing can be compared" in text


def test_a_budget_at_which_all_failed_is_named() -> None:
    run = a_run("m", (0.5, 0.5), budgets=(0, 64), n=3, fail=list(product(range(3), [64])))
    assert "m" in shown([run])  # the grid has no such budget
    other = a_run("n", (0.5, 0.5), budgets=(0, 64), n=3)
    assert [len(found.on.points) for found in results([run, other]) if found.on] == [3]


def test_a_task_of_another_version_or_with_other_problems_stands_apart() -> None:
    runs = [a_run("a", (0.5,), budgets=(0,)), a_run("b", (0.5,), budgets=(0,), version="2")]
    found = results([*runs, a_run("c", (0.5,), budgets=(0,), fingerprint="other")])
    assert [[curve.label for curve in task.curves] for task in found] == [["a"], ["b"], ["c"]]
    words = " ".join(printed(found).split())
    assert words.count("2 runs of a task of this name stand apart") == 3
    assert "version 1, 2 and not" not in words
    assert "here, others there" in words


def test_curves_of_one_model_are_told_apart_by_control_and_run() -> None:
    truncate = a_run("m", (0.5,), budgets=(3,), where="runs/[red]one")
    twin = a_run("m", (0.5,), budgets=(3,), where="runs/two", seed=3)
    effort = a_run("m", (0.5,), budgets=(3,), control="effort")
    (found,) = results([truncate, twin, effort])
    assert [c.label for c in found.curves] == ["m truncate [red]one", "m truncate two", "m effort"]
    text = shown([truncate, twin, effort])
    assert "medium" in text
    assert "[red]" in text


def test_unknown_costs_leave_no_frontier_and_say_so() -> None:
    run = a_run("m", (0.5,), budgets=(0,))
    for axis in ("thinking_tokens", "generated_tokens", "total_tokens", "wall_s"):
        run.attempts[axis] = None
    assert "no measure of compute is known" in shown([run])


def test_long_names_are_shortened_to_fit() -> None:
    runs = [
        a_run(
            f"hf:owner/{'long' * 20}-{size}B[/x]", (0.1, 0.5, 1.1), budgets=(0, 64, 100_000), parameters=size * 10**14
        )
        for size in (1, 3)
    ]
    assert "100000" in shown(runs)


def test_one_problem_is_no_crash_and_is_said() -> None:
    runs = [a_run(name, (0.5, 1.1), budgets=(0, None), n=1, parameters=p) for name, p in (("a", 7), ("b", 70))]
    text = shown(runs)
    assert "one problem says nothing of others" in text
    assert "1 common problem\n" in text
    assert "(?)" not in text
    assert "of resamples" not in text.replace("% of resamples\n", "")
    assert text.count("100.0 %") == 2  # all points, as none has a chance


def test_json_names_all_axes_and_has_what_is_printed() -> None:
    found = CliRunner().invoke(cli, ["show", REFERENCE, "--tables", "frontier", "--json"])
    assert found.exit_code == 0
    tasks = msgspec.json.decode(found.stdout)["frontier"]
    assert [task["task"] for task in tasks] == ["arithmetic", "induce"]
    assert set(tasks[0]["axes"]) >= {"thinking_tokens", "flops", "wall_s"}
    text = CliRunner().invoke(cli, ["show", REFERENCE, "--tables", "frontier"]).stdout
    for point in tasks[0]["on"]["points"]:
        assert f"{100 * point['accuracy']['value']:.1f} %" in text


@pytest.mark.parametrize(
    ("probability", "text"), [(None, "–"), (0, "0 %"), (0.001, "< 1 %"), (0.5, "50 %"), (0.999, "> 99 %"), (1, "100 %")]
)
def test_a_share_is_never_rounded_to_none_or_all(probability: float | None, text: str) -> None:
    assert share(probability) == text


def test_points_of_a_low_share_are_printed_and_said_to_mean_little(family: str) -> None:
    (found,) = results(a_family()[:3])
    assert found.on is not None
    low = [point for point in found.on.points if (point.resample_share or 0) < 0.05]
    assert low
    table = family.split("resamples: share")[0]
    assert table.count(" %") // 2 >= len(found.on.points)
    assert "of 60 problems a low share says little" in " ".join(family.split())
    assert "low share" not in shown([a_run("m", (0.2, 0.5), n=250, parameters=10**9, budgets=(0, 64))])


def test_a_long_table_has_the_likeliest_points(monkeypatch: pytest.MonkeyPatch) -> None:
    from thinkcurve.cli import frontier_tables

    monkeypatch.setattr(frontier_tables, "MOST_POINTS", 5)
    assert "the 5 likeliest of 12 points; --json has all" in shown(a_family()[:3])
