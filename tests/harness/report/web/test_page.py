"""The shell of a page and its chart in a real browser: nothing runs but ours, nothing is asked of a network."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from playwright.sync_api import Browser

from browser import chromium, opened
from thinkcurve.report.web.page import asset, packed, page, policy, script_json, text, visible

HOSTILE = [
    "<script>window.pwned=1</script>",
    "</script><script>window.pwned=1</script>",
    '"><img src=x onerror="window.pwned=1">',
    "<!-- <script>",
    "\u202etxt.exe\u2066",
    "\x1b[2J\x00\u2028",
    "\ud800",
]

SPEC: dict[str, Any] = {
    "label": "Accuracy against thinking tokens.",
    "x": {"title": "thinking tokens", "kind": "tokens", "log": True},
    "y": {"title": "accuracy, %"},
    "legend": False,
    "series": [
        {
            "name": name,
            "slot": slot,
            "line": True,
            "band": True,
            "points": [
                {
                    "x": x,
                    "y": y - slot / 10,
                    "low": y - slot / 10 - 0.05,
                    "high": y - slot / 10 + 0.05,
                    "hollow": x < 256,
                    "diamond": x == 300,
                    "tip": [["budget", f"{x} {name}"], ["accuracy", f"{y:.2f}"]],
                }
                for x, y in ((0, 0.2), (16, 0.3), (64, 0.6), (256, 0.8), (300, 0.82))
            ],
        }
        for slot, name in enumerate(["small", HOSTILE[0], HOSTILE[4]])
    ],
}
START = 'TC.theme(document.getElementById("theme")); TC.chart(document.getElementById("chart"), TC.json("spec"));'
BODY = (
    '<header class="top"><div><button id="theme" type="button"></button></div></header>'
    f'<main id="main"><h1>{text(HOSTILE[1])}</h1><div id="chart"></div></main>'
)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as found:
        yield found


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("page") / "page.html"
    large = {"rows": [HOSTILE[:-1] * 50]}
    made = page(HOSTILE[1], BODY, data={"spec": SPEC}, large=large, scripts=[asset("chart.js"), START])
    file.write_text(made, encoding="utf-8")
    return file


@given(st.recursive(st.none() | st.text() | st.integers(), lambda x: st.lists(x) | st.dictionaries(st.text(), x)))
def test_json_ends_no_script(value: object) -> None:
    made = script_json(value)
    assert not set("<>&") & set(made)
    assert made.isascii()


@pytest.mark.parametrize("name", HOSTILE)
def test_text_is_escaped_and_shows_what_is_hidden(name: str) -> None:
    made = text(name)
    assert "<script" not in made
    assert "<img" not in made
    assert "\u202e" not in made
    assert "\x1b" not in made


def test_line_ends_stay() -> None:
    assert visible("a\n\tb\u200bc") == "a\n\tb[U+200B]c"


def test_packing_is_the_same_each_time() -> None:
    assert packed({"a": [1, "é"]}) == packed({"a": [1, "é"]})


def test_the_policy_names_what_may_run() -> None:
    made = policy(["a{}"], ["one()", "two()"])
    assert "unsafe" not in made
    assert made.count("'sha256-") == 3
    assert policy([], []).count("'none'") >= 4


def test_hostile_text_does_nothing_but_show(browser: Browser, path: Path) -> None:
    with opened(browser, path) as seen:
        assert seen.page.evaluate("window.pwned") is None
        assert seen.page.locator("svg .dot").count() == 15
        assert "<script>" in seen.page.locator("h1").inner_text()
        assert seen.is_clean(), (seen.errors, seen.requests)


def test_a_script_that_is_not_ours_does_not_run(browser: Browser, tmp_path: Path) -> None:
    made = page("t", BODY, scripts=[]).replace("</body>", "<script>window.pwned = 1</script></body>")
    (tmp_path / "p.html").write_text(made, encoding="utf-8")
    with opened(browser, tmp_path / "p.html") as seen:
        assert seen.page.evaluate("window.pwned") is None
        assert any("Content Security Policy" in error for error in seen.errors)


def test_large_tables_come_back_whole(browser: Browser, path: Path) -> None:
    with opened(browser, path) as seen:
        assert seen.page.evaluate("TC.unpack('rows')") == [HOSTILE[:-1] * 50]


def test_points_are_read_by_keys_alone(browser: Browser, path: Path) -> None:
    with opened(browser, path) as seen:
        seen.page.locator("svg[role=application]").focus()
        seen.page.keyboard.press("ArrowRight")
        assert seen.page.locator(".tip").inner_text().split() == ["small", "budget", "0", "small", "accuracy", "0.20"]
        seen.page.keyboard.press("End")
        assert "300 small" in seen.page.locator(".tip").inner_text()
        seen.page.keyboard.press("ArrowDown")
        assert "<script>" in seen.page.locator(".tip").inner_text()
        seen.page.keyboard.press("Escape")
        assert not seen.page.locator(".tip").is_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_everyone_can_read_it(browser: Browser, path: Path, scheme: str) -> None:
    with opened(browser, path, color_scheme=scheme) as seen:
        assert seen.flaws() == []


def test_the_theme_can_be_switched(browser: Browser, path: Path) -> None:
    with opened(browser, path) as seen:
        paper = "getComputedStyle(document.body).backgroundColor"
        assert seen.page.evaluate(paper) == "rgb(255, 255, 255)"
        seen.page.get_by_role("button", name="Switch to the dark theme").click()
        assert seen.page.evaluate(paper) == "rgb(13, 17, 23)"


def test_a_curve_switched_off_by_keys_keeps_the_focus(browser: Browser, tmp_path: Path) -> None:
    made = page("t", BODY, data={"spec": {**SPEC, "legend": True}}, scripts=[asset("chart.js"), START])
    (tmp_path / "p.html").write_text(made, encoding="utf-8")
    with opened(browser, tmp_path / "p.html") as seen:
        switch = seen.page.locator(".legend button").nth(1)
        switch.focus()
        seen.page.keyboard.press("Enter")
        assert switch.get_attribute("aria-pressed") == "false"
        assert switch.evaluate("node => node === document.activeElement")
