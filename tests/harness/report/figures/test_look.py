"""Sizes and styles: what a figure for a paper says of itself, and that curves stay apart in grey."""

from __future__ import annotations

import pytest

from report.figures.specs import a_curve, strings
from thinkcurve.errors import UsageError
from thinkcurve.report.figure import curve_spec
from thinkcurve.report.look import SIZES, STYLES, THEMES, look_of


def contrast(a: str, b: str) -> float:
    """The contrast of two colours by WCAG 2.2."""

    def light(color: str) -> float:
        parts = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    high, low = sorted((light(a), light(b)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_a_size_of_a_paper_takes_the_style_of_a_paper() -> None:
    assert look_of("one-column").style == STYLES["paper"]
    assert look_of().style == look_of("screen").style == STYLES["screen"]
    assert look_of("one-column", "screen").style == STYLES["screen"]


@pytest.mark.parametrize(("size", "style", "what"), [("one", None, "size 'one'"), (None, "serious", "style 'serious'")])
def test_an_unknown_name_is_one_sentence_with_those_there_are(size: str | None, style: str | None, what: str) -> None:
    with pytest.raises(UsageError, match=what) as caught:
        look_of(size, style)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("size", [name for name in SIZES if name != "screen"])
def test_for_paper_the_words_are_a_caption_and_the_frame_has_none(size: str) -> None:
    screen, paper = curve_spec([a_curve()]), curve_spec([a_curve()], look=look_of(size))
    said = paper["usermeta"]["thinkcurve"]
    assert "title" in screen
    assert "title" not in paper
    assert said["caption"][0] == "Accuracy against thinking tokens: tiny · sums · truncate · 200 problems."
    assert said["caption"][1:] == screen["layer"][-1]["mark"]["text"]
    assert not any("95 %" in text for text in strings({"layer": paper["layer"]}) if "interval over problems" in text)
    assert said["width_in"] == SIZES[size].width_in


def test_a_title_of_the_users_own_stands_on_paper_too() -> None:
    assert curve_spec([a_curve()], look=look_of("one-column"), title="Mine")["title"]["text"] == "Mine"


@pytest.mark.parametrize("size", list(SIZES))
@pytest.mark.parametrize("n_curves", [1, 2, 6])
def test_every_size_is_as_wide_as_it_says(size: str, n_curves: int) -> None:
    spec = curve_spec([a_curve(model=f"some-organisation/model-{i}") for i in range(n_curves)], look=look_of(size))
    assert spec["width"] + spec["padding"]["left"] + spec["padding"]["right"] == SIZES[size].width_px


def test_in_a_column_names_stand_above_and_inside_the_frame() -> None:
    spec = curve_spec([a_curve(model=f"m{i}") for i in range(7)], look=look_of("one-column"))
    rows = spec["datasets"]["legend"]
    assert [row["text"] for row in rows] == [f"m{i}" for i in range(7)]
    assert "labels" not in spec["datasets"]
    above_px = max((row["at"] - 1) * spec["height"] for row in rows)
    assert 0 < above_px < spec["padding"]["top"] - 6


def test_a_name_too_long_for_a_column_loses_its_middle() -> None:
    long = "organisation/" + "x" * 200
    spec = curve_spec([a_curve(model=long), a_curve(model="b")], look=look_of("one-column"))
    text = spec["datasets"]["legend"][0]["text"]
    assert "…" in text
    assert text.startswith("organisation/")
    assert len(text) < 60


def test_in_grey_no_two_of_four_curves_look_alike() -> None:
    spec = curve_spec([a_curve(model=f"m{i}") for i in range(4)], look=look_of("two-column", "grey"))
    (line,) = (layer for layer in spec["layer"] if layer["mark"]["type"] == "line")
    dashes = line["encoding"]["strokeDash"]["scale"]["range"]
    assert len({tuple(dash) for dash in dashes}) == 4
    assert "legend" in spec["datasets"]  # a spot of grey beside a name says nothing


@pytest.mark.parametrize("style", list(STYLES))
def test_words_and_lines_are_seen_on_their_paper(style: str) -> None:
    look = look_of("two-column", style)
    assert contrast(look.theme.ink, look.theme.paper) >= 7
    assert contrast(look.theme.muted, look.theme.paper) >= 4.5
    assert all(contrast(look.color(i), look.theme.paper) >= 2 for i in range(len(look.style.colors)))


@pytest.mark.parametrize("style", list(STYLES))
def test_shades_of_a_heat_map_go_one_way(style: str) -> None:
    look = look_of("two-column", style)
    steps = [contrast(shade, look.theme.paper) for shade in look.style.heat]
    assert steps == sorted(steps)
    assert steps[-1] > 8


def test_themes_are_there_for_every_style() -> None:
    assert {style.theme for style in STYLES.values()} <= set(THEMES)
