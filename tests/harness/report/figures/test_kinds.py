"""The figures besides the curve: each shows the figures of its records and keeps names names."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import pytest

from analysis.simulated import a_family, a_run
from report.figures.specs import strings
from thinkcurve.analysis.allocation.headroom import headroom_of
from thinkcurve.analysis.allocation.uses import allocation_of
from thinkcurve.analysis.fitting.gains import gains_of
from thinkcurve.analysis.frontiers.frontier import on_axis
from thinkcurve.analysis.frontiers.points import Entry, points_of
from thinkcurve.analysis.parallel.surface import surface_of
from thinkcurve.errors import UsageError
from thinkcurve.report.figures.allocation import PARTS, Allocated, allocation_spec
from thinkcurve.report.figures.frontier import TaskFrontier, frontier_spec
from thinkcurve.report.figures.gain import FEWEST_DOUBLINGS, Gains, gain_spec
from thinkcurve.report.figures.surface import Named, surface_spec
from thinkcurve.report.look import SCREEN, Look, look_of
from thinkcurve.run import Run

Spec = dict[str, Any]
RIGHT = (0.1, 0.3, 0.6, 0.9)


def a_frontier(runs: Sequence[Run], look: Look = SCREEN, axis: str = "thinking_tokens") -> Spec:
    by_task: dict[str, list[Run]] = {}
    for run in runs:
        by_task.setdefault(run.grids[0].task, []).append(run)
    found = []
    for task, own in by_task.items():
        points = points_of([Entry(run.grids[0]) for run in own])
        on = on_axis(points, axis, n_resamples=50)
        labels = tuple(run.grids[0].model for run in own)
        found.append(TaskFrontier(task, labels, tuple(r.grids[0].control for r in own), len(points.problems), on))
    return frontier_spec(found, axis=axis, look=look)


def a_surface(runs: Sequence[Run], look: Look = SCREEN, way: str | None = None) -> Spec:
    axis = "thinking_tokens"
    found = [Named(surface_of(run.grids[0], axes=(axis,), n_resamples=50, n_splits=2), run.path.name) for run in runs]
    return surface_spec(found, axis=axis, way=way, look=look)


def a_gain(runs: Sequence[Run], look: Look = SCREEN, axis: str = "thinking_tokens") -> Spec:
    found = [Gains(run.curves()[0], gains_of(run.grids[0], axis, n_resamples=50)) for run in runs]
    return gain_spec(found, axis=axis, look=look)


def an_allocation(runs: Sequence[Run], look: Look = SCREEN, axis: str = "generated_tokens") -> Spec:
    found = []
    for run in runs:
        grid = run.grids[0]
        parts = allocation_of(grid, axis=axis, n_resamples=50, n_splits=2)
        room = headroom_of(grid, axis=axis, n_resamples=50, n_splits=2)
        found.append(Allocated(grid.model, grid.task, grid.control, run.path.name, parts, room))
    return allocation_spec(found, look=look)


MAKERS: dict[str, Callable[..., Spec]] = {
    "frontier": a_frontier,
    "surface": a_surface,
    "gain": a_gain,
    "allocation": an_allocation,
}
each_kind = pytest.mark.parametrize("kind", list(MAKERS))


def two_runs(name: str = "m") -> list[Run]:
    return [a_run(name, RIGHT, n=12, samples=3), a_run(f"{name} 2", RIGHT, n=12, samples=3, seed=5, where="runs/two")]


@each_kind
@pytest.mark.parametrize("size", ["screen", "one-column", "two-column"])
def test_every_kind_is_as_wide_as_its_size(kind: str, size: str) -> None:
    look = look_of(size)
    spec = MAKERS[kind](two_runs(), look)
    (width,) = (param["value"] for param in spec["params"] if param["name"] == "width")
    assert width + spec["padding"]["left"] + spec["padding"]["right"] == pytest.approx(look.size.width_px)
    inside = spec["columns"] * spec["concat"][0]["width"] + (spec["columns"] - 1) * spec["spacing"]["column"]
    assert inside == pytest.approx(width)


@each_kind
def test_every_kind_is_plain_json_with_data_that_its_layers_name(kind: str) -> None:
    spec = MAKERS[kind](two_runs())
    assert json.loads(json.dumps(spec, allow_nan=False)) == spec
    named = [layer["data"].get("name") for child in spec["concat"] for layer in child["layer"]]
    assert {name for name in named if name} == set(spec["datasets"])


@each_kind
@pytest.mark.parametrize(
    "name", ["<script>alert(1)</script>", "a.b[c]'\"\\", "datum['x']", "${x}", "\u202ex\x1b[2J", "x" * 5000]
)
def test_names_are_data_and_text_only(kind: str, name: str) -> None:
    hostile, tame = (MAKERS[kind]([*two_runs(of), a_run(of, RIGHT, n=12, samples=2, task=of)]) for of in (name, "m"))
    assert set(strings(hostile)) - {hostile["description"]} <= set(strings(tame))
    texts = [row.get("text", "") for rows in hostile["datasets"].values() for row in rows]
    assert all(text.isprintable() and len(text) < 400 for text in texts)


@each_kind
def test_for_paper_the_words_are_a_caption(kind: str) -> None:
    screen, paper = MAKERS[kind](two_runs()), MAKERS[kind](two_runs(), look_of("two-column"))
    assert {"title", "subtitle"} <= set(screen["datasets"])
    assert not {"title", "subtitle"} & set(paper["datasets"])
    assert screen["usermeta"]["thinkcurve"]["caption"] == paper["usermeta"]["thinkcurve"]["caption"]
    assert len(paper["usermeta"]["thinkcurve"]["caption"]) > 1


# frontier


def test_the_steps_of_a_frontier_rise_through_its_points() -> None:
    spec = a_frontier(a_family(20))
    on = sorted((row["x"], row["accuracy"]) for row in spec["datasets"]["points0"] if row["is_on"])
    steps = [(row["x"], row["accuracy"]) for row in spec["datasets"]["steps0"]]
    assert steps[:-1] == on
    assert [y for _, y in steps] == sorted(y for _, y in steps)
    assert steps[-1][0] == pytest.approx(spec["concat"][0]["encoding"]["x"]["scale"]["domain"][1])


def test_a_point_is_filled_as_far_as_resamples_have_it_on_the_frontier() -> None:
    spec = a_frontier(a_family(20))
    points = points_of([Entry(run.grids[0]) for run in a_family(20)])
    truth = on_axis(points, "thinking_tokens", n_resamples=50).points
    assert sorted(row["chance"] for row in spec["datasets"]["points0"]) == sorted(
        p.resample_share or 0.0 for p in truth
    )
    assert 0 < sum(row["is_on"] for row in spec["datasets"]["points0"]) < len(truth)


def test_each_task_has_a_panel_and_a_model_one_colour_in_all() -> None:
    runs = [a_run("a", RIGHT, n=12), a_run("b", RIGHT, n=12, seed=3), a_run("b", RIGHT, n=12, task="other")]
    spec = a_frontier(runs)
    assert [spec["datasets"][f"head{i}"][0]["text"] for i in range(2)] == ["sums", "other"]
    assert {row["curve"] for row in spec["datasets"]["points1"]} == {"c1"}


def test_a_model_of_unknown_cost_is_named_below() -> None:
    runs = [a_run("known", RIGHT, n=12, parameters=10**9), a_run("free", RIGHT, n=12)]
    caption = a_frontier(runs, axis="flops")["usermeta"]["thinkcurve"]["caption"]
    assert "FLOPs not known, left out of sums: free." in caption


def test_a_frontier_without_any_cost_is_refused() -> None:
    with pytest.raises(UsageError, match="flops is not known for any curve"):
        a_frontier([a_run("free", RIGHT, n=12)], axis="flops")


# surface


def test_cells_say_what_the_record_says() -> None:
    run = a_run("m", RIGHT, n=12, samples=3)
    cells = surface_of(run.grids[0], axes=("thinking_tokens",), n_resamples=50, n_splits=2).cells
    rows = a_surface([run], way="pass@k")["datasets"]["cells0"]
    truth = {(str(cell.budget), cell.k): cell.accuracy["pass@k"].value for cell in cells}
    assert {(row["budget"], row["k"]): row["accuracy"] for row in rows} == truth


def test_the_largest_budget_is_on_top_and_the_natural_end_above_it() -> None:
    spec = a_surface([a_run("m", (0.1, 0.4, 0.8), n=10, samples=2, budgets=(0, 64, None))])
    assert spec["concat"][0]["encoding"]["y"]["scale"]["domain"] == ["none", "64", "0"]


def test_levels_of_effort_have_their_names() -> None:
    spec = a_surface([a_run("m", (0.1, 0.4, 0.8), n=10, samples=2, budgets=(1, 2, 4), control="effort")])
    assert spec["concat"][0]["encoding"]["y"]["scale"]["domain"] == ["high", "low", "minimal"]
    assert spec["concat"][0]["encoding"]["y"]["axis"]["title"] == "Effort"


def test_many_samples_are_shown_at_powers_of_two_and_all() -> None:
    run = a_run("m", (0.2, 0.6), n=6, samples=20, budgets=(0, 64))
    assert a_surface([run], look_of("one-column"))["concat"][0]["encoding"]["x"]["scale"]["domain"] == [
        1,
        2,
        4,
        8,
        16,
        20,
    ]


def test_one_sample_is_refused_and_beside_others_named() -> None:
    with pytest.raises(UsageError, match="more than one sample"):
        a_surface([a_run("m", RIGHT, n=8)])
    both = a_surface([a_run("m", RIGHT, n=8), a_run("n", RIGHT, n=8, samples=2)])
    assert "1 curve has one sample a problem: not drawn." in both["usermeta"]["thinkcurve"]["caption"]


def test_an_unknown_way_is_answered_with_those_there_are() -> None:
    with pytest.raises(UsageError, match=r"way 'maj@3' is not one of pass@k, maj@k\."):
        a_surface(two_runs(), way="maj@3")


def test_best_uses_are_outlined_only_where_costs_are_known() -> None:
    run = a_run("m", RIGHT, n=12, samples=2)
    flops = Named(surface_of(run.grids[0], axes=("flops",), n_resamples=50, n_splits=2))
    spec = surface_spec([flops], axis="flops")
    assert spec["datasets"]["best0"] == []
    assert any("not known at every budget" in line for line in spec["usermeta"]["thinkcurve"]["caption"])
    assert a_surface([run])["datasets"]["best0"]


# gain


def test_a_step_lies_between_its_measured_costs_at_its_gain() -> None:
    run = a_run("m", RIGHT, n=30)
    curve, gains = run.curves()[0], gains_of(run.grids[0], n_resamples=50)
    rows = a_gain([run])["datasets"]["gains"]
    costs = [point.thinking_tokens for point in curve.points]
    assert [(row["start"], row["end"]) for row in rows] == list(pairwise(costs[1:]))
    assert [row["accuracy"] for row in rows] == [gain.per_doubling.value for gain in gains[1:]]
    assert all(row["start"] < row["x"] < row["end"] for row in rows)


def test_steps_from_no_cost_are_counted_below() -> None:
    caption = a_gain([a_run("m", RIGHT, n=30)])["usermeta"]["thinkcurve"]["caption"]
    assert "1 step is not drawn: from no cost, between equal costs, or at an unknown one." in caption


def test_a_gain_over_little_of_a_doubling_does_not_set_the_axis() -> None:
    runs = [a_run("m", (0.1, 0.2, 0.3, 0.95), n=30, budgets=(0, 64, 256, 264))]
    spec = a_gain(runs)
    rows = spec["datasets"]["gains"]
    (steep,) = (row for row in rows if row["doublings"] < FEWEST_DOUBLINGS)
    low, high = spec["concat"][0]["encoding"]["y"]["scale"]["domain"]
    assert steep["accuracy"] > high
    assert all(low <= row["accuracy"] <= high for row in rows if row is not steep)
    (beyond,) = spec["datasets"]["beyond"]
    assert (beyond["accuracy"], beyond["shape"]) == (high, "triangle-up")
    assert beyond["text"] == f"{100 * steep['accuracy']:.0f}"


def test_a_curve_without_a_step_is_named_below_and_not_in_the_legend() -> None:
    spec = a_gain(
        [a_run("free", RIGHT, n=12), *(a_run(name, RIGHT, n=12, parameters=10**9) for name in "ab")], axis="flops"
    )
    assert [row["curve"] for row in spec["datasets"]["gains"]] == ["c0"] * 3 + ["c1"] * 3
    assert not any("free" in row.get("text", "") for rows in spec["datasets"].values() for row in rows)
    assert "No step to draw: free on sums (truncate)." in spec["usermeta"]["thinkcurve"]["caption"]


def test_a_falling_curve_has_room_below_zero() -> None:
    spec = a_gain([a_run("m", (0.9, 0.8, 0.5, 0.1), n=30)])
    assert spec["concat"][0]["encoding"]["y"]["scale"]["domain"][0] < 0


def test_one_budget_has_no_gain() -> None:
    with pytest.raises(UsageError, match="no gain per doubling"):
        a_gain([a_run("m", (0.5,), n=8, budgets=(64,))])
    with pytest.raises(UsageError, match="no gain per doubling"):
        gain_spec([], axis="thinking_tokens")


# allocation


def test_the_parts_of_a_budget_are_a_whole_and_those_of_the_record() -> None:
    run = a_run("m", RIGHT, n=12, samples=2)
    truth = allocation_of(run.grids[0], n_resamples=50, n_splits=2)
    rows = an_allocation([run])["datasets"]["uses0"]
    for use in truth.budgets:
        own = [row for row in rows if row["budget"] == str(use.budget)]
        assert [row["part"] for row in own] == list(PARTS)
        assert own[0]["start"] == 0
        assert own[-1]["end"] == pytest.approx(1)
        assert all(math.isclose(a["end"], b["start"]) for a, b in pairwise(own))
        sizes = {row["part"]: row["end"] - row["start"] for row in own}
        assert sizes["futile"] == pytest.approx(use.futile.value)
        assert sizes["overthinking"] == pytest.approx(use.overthinking.value)


def test_ways_of_allocating_are_compared_at_one_cost() -> None:
    rows = an_allocation([a_run("m", RIGHT, n=12, samples=2)])["datasets"]["equal0"]
    by_cost: dict[float, dict[str, float]] = {}
    for row in rows:
        by_cost.setdefault(row["x"], {})[row["way"]] = row["accuracy"]
    assert all({"uniform", "oracle"} <= set(ways) for ways in by_cost.values())
    assert any("planned" in ways for ways in by_cost.values())
    assert all(ways["oracle"] >= ways["uniform"] for ways in by_cost.values())


def test_one_sample_is_called_optimistic_and_planned_by_nothing() -> None:
    spec, other = an_allocation([a_run("m", RIGHT, n=12)]), an_allocation([a_run("m", RIGHT, n=12, samples=2)])
    names = [row["text"] for rows in spec["datasets"].values() for row in rows if "text" in row]
    assert "planned on other samples" not in names
    colors = [panel["concat"][1]["encoding"]["color"]["scale"] for panel in (spec, other)]
    of_hindsight = {scale["range"][scale["domain"].index("oracle")] for scale in colors}
    assert len(of_hindsight) == 1
    caption = spec["usermeta"]["thinkcurve"]["caption"]
    assert any("optimistic" in line for line in caption)


def test_without_a_known_cost_there_is_no_allocation() -> None:
    with pytest.raises(UsageError, match="no allocation to draw"):
        an_allocation([a_run("m", RIGHT, n=12)], axis="flops")
    both = an_allocation([a_run("m", RIGHT, n=12), a_run("n", RIGHT, n=12, parameters=10**9)], axis="flops")
    assert "Left out: m on sums." in both["usermeta"]["thinkcurve"]["caption"]
