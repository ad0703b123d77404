"""The figure's spec: what it shows, what it refuses, and that names stay names."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from thinkcurve.analysis.curve import Curve, Point
from thinkcurve.errors import UsageError
from thinkcurve.report.figure import AXES, WIDTH_PX, curve_spec, known_axes
from thinkcurve.report.labels import LINE_PX, name_curves, place_labels
from thinkcurve.report.look import THEMES, look_of


def a_point(budget: int | None, accuracy: float, thinking_tokens: float | None, **figures: Any) -> Point:
    tokens = thinking_tokens or 0.0
    point = Point(
        budget=budget,
        accuracy=accuracy,
        ci_low=max(accuracy - 0.05, 0.0),
        ci_high=min(accuracy + 0.05, 1.0),
        se=0.02,
        n_problems=200,
        n_samples=1,
        n_attempts=200,
        thinking_tokens=thinking_tokens,
        answer_tokens=10.0,
        generated_tokens=tokens + 10,
        total_tokens=tokens + 110,
        flops=(tokens + 110) * 1e9,
        wall_s=tokens * 0.01 + 0.1,
        joules=None,
        usd=None,
        forced=100,
        truncated_answers=0,
        no_answer=3,
        unverified=0,
        failures=0,
    )
    return msgspec.structs.replace(point, **figures)


def a_curve(model: str = "tiny", task: str = "sums", points: tuple[Point, ...] | None = None) -> Curve:
    ladder = (a_point(0, 0.2, 0.0), a_point(16, 0.4, 15.5), a_point(64, 0.6, 50.0), a_point(256, 0.9, 140.0))
    return Curve(model, task, "truncate", "accuracy", ladder if points is None else points)


def strings(value: object) -> Iterator[str]:
    """Every string of a spec but the inline data, keys included."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, child in value.items():
            if key != "datasets":
                yield key
                yield from strings(child)
    elif isinstance(value, list | tuple):
        for child in value:
            yield from strings(child)


def texts(spec: dict[str, Any]) -> list[str]:
    return [row["text"] for row in spec["datasets"]["labels"]]


def notes(spec: dict[str, Any]) -> list[str]:
    lines: list[str] = spec["layer"][-1]["mark"]["text"]
    return lines


def test_points_carry_measured_compute_not_the_budget() -> None:
    rows = curve_spec([a_curve()])["datasets"]["points"]
    assert [row["x"] for row in rows] == [0.0, 15.5, 50.0, 140.0]
    assert [row["accuracy"] for row in rows] == [0.2, 0.4, 0.6, 0.9]


def test_accuracy_starts_at_zero() -> None:
    assert curve_spec([a_curve()])["encoding"]["y"]["scale"]["domain"] == [0, 1.0]


def test_low_curves_get_a_lower_top_that_holds_their_intervals() -> None:
    spec = curve_spec([a_curve(points=(a_point(64, 0.1, 60.0, ci_high=0.23),))])
    assert spec["encoding"]["y"]["scale"]["domain"] == [0, 0.3]


def test_zero_tokens_have_their_own_place_on_the_axis() -> None:
    x = curve_spec([a_curve()])["encoding"]["x"]
    assert x["scale"]["type"] == "symlog"
    assert x["axis"]["values"] == [0, 8, 16, 32, 64, 128]


def test_without_zero_the_axis_is_a_plain_log_scale() -> None:
    x = curve_spec([a_curve()], axis="flops")["encoding"]["x"]
    assert x["scale"]["type"] == "log"
    assert x["scale"]["domain"][0] > 0


@pytest.mark.parametrize("axis", ["thinking_tokens", "generated_tokens", "total_tokens", "flops", "wall_s"])
def test_each_known_axis_is_drawn(axis: str) -> None:
    curve = a_curve()
    rows = curve_spec([curve], axis=axis)["datasets"]["points"]
    assert [row["x"] for row in rows] == [getattr(point, axis) for point in curve.points]


def test_points_are_joined_in_the_order_of_the_ladder_with_the_natural_end_last() -> None:
    points = (a_point(None, 0.9, 300.0), a_point(64, 0.5, 60.0), a_point(0, 0.2, 0.0))
    rows = curve_spec([a_curve(points=points)])["datasets"]["points"]
    assert [(row["rung"], row["x"], row["is_natural"]) for row in rows] == [
        (0, 0.0, False),
        (1, 60.0, False),
        (2, 300.0, True),
    ]


def test_forced_share_empties_the_point() -> None:
    points = (
        a_point(0, 0.2, 0.0, forced=200),
        a_point(16, 0.4, 15.0, forced=50),
        a_point(64, 0.5, 20.0, forced=0),
    )
    rows = curve_spec([a_curve(points=points)])["datasets"]["points"]
    assert [row["unforced_share"] for row in rows] == [0.0, 0.75, 1.0]


def test_tooltip_has_every_figure() -> None:
    point = a_point(1024, 0.4, 15.5, forced=50, truncated_answers=1, unverified=2, failures=4)
    row = curve_spec([a_curve(points=(point,))])["datasets"]["points"][0]
    assert {key: value for key, value in row.items() if key.startswith("t_")} == {
        "t_model": "tiny",
        "t_task": "sums",
        "t_control": "truncate",
        "t_budget": "1,024 thinking tokens",
        "t_x": "15.5",
        "t_accuracy": "40.0 % (35.0 % to 45.0 %)",
        "t_problems": "200 × 1",
        "t_forced": "50 (25.0 %)",
        "t_truncated": "1",
        "t_no_answer": "3",
        "t_unverified": "2",
        "t_failures": "4",
    }


def test_tooltip_shows_fields_that_the_rows_have() -> None:
    spec = curve_spec([a_curve(), a_curve(task="sorting")])
    shown = [t["field"] for layer in spec["layer"] for t in layer.get("encoding", {}).get("tooltip", [])]
    assert len(shown) == 12
    assert set(shown) <= set(spec["datasets"]["points"][0])


def test_what_all_curves_share_stands_in_the_heading_and_the_rest_beside_the_lines() -> None:
    spec = curve_spec([a_curve(task="sums"), a_curve(task="sorting")])
    assert spec["title"]["subtitle"] == "tiny · truncate · 200 problems"
    assert texts(spec) == ["sums", "sorting"]


def test_one_curve_needs_no_label() -> None:
    spec = curve_spec([a_curve()])
    assert "labels" not in spec["datasets"]
    assert spec["title"]["subtitle"] == "tiny · sums · truncate · 200 problems"


def test_title_replaces_the_heading() -> None:
    assert curve_spec([a_curve()], title="My study")["title"]["text"] == "My study"


def test_two_runs_of_one_study_are_numbered() -> None:
    assert name_curves([a_curve(), a_curve(), a_curve(task="x")]).own == (
        ("sums", "run 1"),
        ("sums", "run 2"),
        ("x",),
    )


@pytest.mark.parametrize("n_curves", [1, 2, 5, 8])
def test_the_whole_figure_is_as_wide_as_a_readme(n_curves: int) -> None:
    spec = curve_spec([a_curve(model=f"some-organisation/a-rather-long-name-{i}") for i in range(n_curves)])
    assert spec["width"] + spec["padding"]["left"] + spec["padding"]["right"] == WIDTH_PX


def test_eight_curves_have_eight_colours() -> None:
    scale = curve_spec([a_curve(model=str(i)) for i in range(8)])["encoding"]["color"]["scale"]
    assert len(set(scale["range"])) == len(scale["domain"]) == 8


def test_a_curve_without_points_is_named_not_dropped_in_silence() -> None:
    spec = curve_spec([a_curve(), a_curve(task="later", points=())])
    assert notes(spec)[-1] == "No attempts yet: tiny on later (truncate)."


def test_failures_and_unverified_answers_are_told_below_the_figure() -> None:
    points = (a_point(0, 0.2, 0.0, failures=3), a_point(16, 0.4, 15.0, unverified=1200))
    assert notes(curve_spec([a_curve(points=points)]))[-1] == (
        "Counted apart: 3 failures (not scored), 1,200 unverified (counted as not correct)."
    )


def test_unknown_compute_is_refused_with_the_axes_that_are_known() -> None:
    with pytest.raises(UsageError) as caught:
        curve_spec([a_curve()], axis="joules")
    assert str(caught.value) == (
        "joules is not known for tiny on sums (truncate); known for every curve: "
        "thinking_tokens, generated_tokens, total_tokens, flops, wall_s"
    )


@pytest.mark.parametrize("unknown", [None, float("nan"), float("inf"), -1.0])
def test_one_unknown_point_is_enough_to_refuse(unknown: float | None) -> None:
    points = (a_point(0, 0.2, 0.0), a_point(16, 0.4, unknown))
    with pytest.raises(UsageError, match="thinking_tokens is not known for tiny"):
        curve_spec([a_curve(points=points)])


def test_unknown_axis_offers_the_nearest() -> None:
    with pytest.raises(UsageError, match=r"axis 'flop' is not one of .* Did you mean 'flops'\?"):
        curve_spec([a_curve()], axis="flop")


@pytest.mark.parametrize("curves", [[], [a_curve(points=())]])
def test_nothing_to_draw_is_refused(curves: list[Curve]) -> None:
    with pytest.raises(UsageError, match="nothing to draw"):
        curve_spec(curves)


HOSTILE = ("<script>alert(1)</script>", "a.b[c]'\"\\", "datum['x']", "${x}", "__proto__", "")


@pytest.mark.parametrize("name", HOSTILE)
def test_names_are_data_and_text_only(name: str) -> None:
    spec = curve_spec([a_curve(model=name, task="one"), a_curve(model=name + "2", task=name)])
    shown = {spec["description"], spec["title"]["text"], spec["title"]["subtitle"]}
    plain = set(strings(curve_spec([a_curve("p", "q"), a_curve("r", "s")])))
    assert set(strings(spec)) - shown <= plain


def test_line_breaks_and_control_characters_in_names_are_dropped() -> None:
    naming = name_curves([a_curve(model="a\nb\u202e\x00c"), a_curve(model=" \t")])
    assert naming.own == (("a b c",), ("(no name)",))


def test_the_spec_is_plain_json_without_nan() -> None:
    spec = curve_spec([a_curve(), a_curve(task="other", points=(a_point(None, 1.0, 7.0),))])
    assert json.loads(json.dumps(spec, allow_nan=False)) == spec


def test_dark_theme_changes_the_paper() -> None:
    dark = curve_spec([a_curve()], look=look_of(style="dark"))
    assert dark["background"] != curve_spec([a_curve()])["background"]
    assert dark["background"] == THEMES["dark"].paper


def test_labels_keep_apart_and_near() -> None:
    labels = place_labels([("a",), ("b",), ("c",)], [100.0, 101.0, 250.0], 300)
    middles = [label.middle_px for label in labels]
    assert middles[1] - middles[0] >= LINE_PX
    assert middles[0] + middles[1] == pytest.approx(201.0)
    assert middles[2] == 250.0


def test_labels_stay_inside_the_plot() -> None:
    labels = place_labels([("a",), ("b",)], [0.0, 300.0], 300)
    assert 0 < labels[0].middle_px < labels[1].middle_px < 300


def test_long_names_wrap_and_lose_their_middle_last() -> None:
    (label,) = place_labels([("deepseek-ai/DeepSeek-R1-Distill-Qwen-1.5B",)], [50.0], 300)
    assert "".join(label.lines) == "deepseek-ai/DeepSeek-R1-Distill-Qwen-1.5B"
    (endless,) = place_labels([("x" * 400,)], [50.0], 300)
    assert len(endless.lines) == 1
    assert "…" in endless.lines[0]


def test_axes_are_the_measures_a_point_has() -> None:
    assert set(AXES) <= set(Point.__struct_fields__)


def an_effort_curve(**more: Any) -> Curve:
    points = (a_point(4, 0.8, 500.0, effort="high"), a_point(2, 0.5, 60.0, effort="low", usd=0.00001))
    return Curve("gpt", "sums", "effort", "accuracy", points, **more)


def test_efforts_are_drawn_at_measured_tokens_in_the_order_of_their_levels() -> None:
    rows = curve_spec([an_effort_curve(), a_curve()])["datasets"]["points"]
    assert [(row["x"], row["rung"], row["t_budget"]) for row in rows[:2]] == [
        (60.0, 0, "effort low"),
        (500.0, 1, "effort high"),
    ]
    assert rows[2]["t_budget"] == "0 thinking tokens"
    assert not any(row["is_natural"] for row in rows)


def test_levels_stand_beside_their_points_where_they_have_room() -> None:
    assert "levels" not in curve_spec([a_curve()])["datasets"]
    rows = curve_spec([an_effort_curve(), a_curve()])["datasets"]["levels"]
    assert [(row["text"], row["x"], row["accuracy"]) for row in rows] == [("low", 60.0, 0.5), ("high", 500.0, 0.8)]
    near = (a_point(2, 0.5, 60.0), a_point(3, 0.5, 61.0), a_point(4, 0.9, 61.0))
    rows = curve_spec([msgspec.structs.replace(an_effort_curve(), points=near)])["datasets"]["levels"]
    assert [row["text"] for row in rows] == ["low", "high"]


def test_how_thinking_was_counted_and_shown_stands_below_the_figure() -> None:
    plain = notes(curve_spec([a_curve()]))
    assert len(plain) == 1
    told = an_effort_curve(thinking_source={"provider": 2}, visibility={"summary": 2})
    assert notes(curve_spec([told])) == [*plain, "Thinking counted by the provider, shown as a summary."]
    both = notes(curve_spec([told, a_curve()]))
    assert both[-1] == "Thinking counted by the provider, shown as a summary: gpt on sums (effort)."
    some = an_effort_curve(thinking_source={"provider": 3, "unknown": 1}, visibility={"full": 3, "hidden": 1})
    assert (
        notes(curve_spec([some]))[-1]
        == "Thinking counted by the provider in 3, counted by nobody in 1, not shown in 1."
    )


def test_small_sums_are_written_without_exponents() -> None:
    point = a_point(2, 0.5, 60.0, usd=0.00001)
    (row,) = curve_spec([a_curve(points=(point,))], axis="usd")["datasets"]["points"]
    assert row["t_x"] == "$0.000010"


def test_the_measures_that_every_point_has_are_known() -> None:
    assert known_axes([a_curve()]) == ["thinking_tokens", "generated_tokens", "total_tokens", "flops", "wall_s"]
    uncounted = a_curve(points=(a_point(0, 0.2, None),))
    assert known_axes([a_curve(), uncounted])[0] == "generated_tokens"
    failed = a_curve(points=(msgspec.structs.replace(a_point(0, 0.2, None), accuracy=None),))
    assert known_axes([failed]) == []
    assert known_axes([a_curve(), failed])[0] == "thinking_tokens"
