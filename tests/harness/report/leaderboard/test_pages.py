"""The pages of a leaderboard in a real browser: what can be done there, by whom, and what a stranger cannot do."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import replace
from playwright.sync_api import Browser, Locator

from browser import Opened, chromium, opened
from report.leaderboard.simulated_entries import an_entry, many
from thinkcurve.analysis.frontiers.pareto import is_undominated
from thinkcurve.report.leaderboard.entry import Entry
from thinkcurve.report.leaderboard.site import Site, site_of
from thinkcurve.report.leaderboard.write import site_files

HOSTILE = [
    "<script>window.pwned=1</script>",
    '</script><img src=x onerror="window.pwned=1">',
    '"}],"x":[{"',
    "\u202egnp.exe\u2066",
    "a\x00b\x1b[2J\u2028c",
    "x" * 1_000_000,
    "../../etc/passwd",
]


def written(entries: Sequence[Entry], folder: Path) -> Site:
    site = site_of(entries, "Board of tests")
    for name, data in site_files(site):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return site


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as found:
        yield found


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("site")
    extra = [
        an_entry("Elm/Elm-1B", "task-00", skill=0.6, control="extend", run="extended", seed=5),
        an_entry("api-model", "task-00", skill=0.8, has_tokens=False, parameters=None, run="remote", notes=("slow",)),
    ]
    written([*many(8, 3), *extra], made)
    return made


def ready(seen: Opened) -> Opened:
    seen.page.wait_for_selector("html[data-ready=all]")
    return seen


def column(seen: Opened, n: int) -> list[str]:
    cells = seen.page.locator(f"table.board tbody tr > :nth-child({n + 1})")
    return [text.strip() for text in cells.all_inner_texts()]


def button(seen: Opened, name: str) -> Locator:
    return seen.page.get_by_role("button", name=name, exact=True)


def test_it_opens_without_a_word_on_the_console_or_to_a_network(browser: Browser, folder: Path) -> None:
    for path in [folder / "index.html", *sorted((folder / "tasks").iterdir()), next((folder / "models").iterdir())]:
        with opened(browser, path) as seen:
            seen.page.wait_for_selector("svg[role=application]")
            assert seen.is_clean(), (path, seen.errors, seen.requests)


def test_rows_are_sorted_by_any_column_and_back(browser: Browser, folder: Path) -> None:
    with opened(browser, folder / "index.html") as seen:
        ready(seen)
        accuracy = [float(text.split()[0]) for text in column(seen, 3) if text != "–"]
        assert accuracy == sorted(accuracy, reverse=True)
        button(seen, "model").click()
        names = column(seen, 2)
        assert names == sorted(names, key=str.lower)
        assert seen.page.locator("th[aria-sort=ascending]").inner_text().startswith("model")
        seen.page.locator("th[aria-sort=ascending] button").click()
        assert column(seen, 2) == names[::-1]


def test_what_cannot_be_ranked_stands_last(browser: Browser, folder: Path) -> None:
    with opened(browser, folder / "index.html") as seen:
        ready(seen)
        assert column(seen, 1)[-1] == "–"
        assert "api-model" in column(seen, 2)[-1]


def test_a_filter_narrows_table_and_figure(browser: Browser, folder: Path) -> None:
    with opened(browser, folder / "index.html") as seen:
        ready(seen)
        seen.page.get_by_label("Filter by model, engine or run").fill("birch")
        assert all("Birch" in name for name in column(seen, 2))
        assert seen.page.locator("svg[role=application] .line").count() == len(column(seen, 2))
        seen.page.get_by_label("Filter by model, engine or run").fill("no such model")
        assert "Nothing is left" in seen.page.locator("table.board tbody").inner_text()


def test_the_axis_changes_figure_and_ranking(browser: Browser, folder: Path) -> None:
    with opened(browser, folder / "index.html") as seen:
        ready(seen)
        assert "thinking tokens" in (seen.page.locator("svg[role=application]").text_content() or "")
        button(seen, "FLOPs").click()
        assert "FLOPs" in (seen.page.locator("svg[role=application]").text_content() or "")
        assert "FLOP" in seen.page.locator("table.board thead").inner_text()
        assert "x=flops" in seen.page.url


def undominated(entries: Sequence[Entry], task: str) -> set[str]:
    """Models with a point on the front, as the analysis has it."""
    points = [
        (e.model.name, p.thinking_tokens, p.accuracy) for e in entries if e.task.name == task for p in e.curve.points
    ]
    names, costs, accuracies = zip(*points, strict=True)
    is_on = is_undominated(np.array(costs, dtype=float), np.array(accuracies, dtype=float))
    return {name for name, on in zip(names, is_on, strict=True) if on}


def test_the_pareto_front_leaves_what_nothing_beats(browser: Browser, folder: Path) -> None:
    with opened(browser, folder / "index.html") as seen:
        ready(seen)
        before = len(column(seen, 2))
        button(seen, "Pareto front only").click()
        assert seen.page.locator("svg .front").count() == 1
        assert len(column(seen, 2)) < before
        assert sorted(column(seen, 2)) == sorted(undominated(many(8, 3), "task-00"))
        button(seen, "Pareto front only").click()
        assert len(column(seen, 2)) == before


def test_an_address_brings_back_what_was_chosen(browser: Browser, folder: Path) -> None:
    with opened(browser, folder / "index.html") as seen:
        ready(seen)
        seen.page.locator("select").first.select_option(index=1)
        button(seen, "generated tokens").click()
        button(seen, "linear").click()
        seen.page.get_by_label("Filter by model, engine or run").fill("elm")
        button(seen, "parameters").click()
        seen.page.locator("tbody .swatch").first.click()
        seen.page.get_by_text("Columns", exact=True).click()
        seen.page.get_by_label("engine", exact=True).check()
        address, names = seen.page.url, column(seen, 2)
    with opened(browser, folder / "index.html", fragment=f"#{address.partition('#')[2]}") as seen:
        ready(seen)
        assert seen.page.url == address
        assert column(seen, 2) == names
        assert button(seen, "generated tokens").get_attribute("aria-pressed") == "true"
        assert button(seen, "linear").get_attribute("aria-pressed") == "true"
        assert seen.page.locator(".swatch[aria-pressed=true]").count() == 1
        assert "engine" in seen.page.locator("table.board thead").inner_text()


def test_an_address_of_nonsense_does_no_harm(browser: Browser, folder: Path) -> None:
    fragment = "#task=nope&x=__proto__&at=-1e9&sort=constructor:up&cols=toString,%00&pin=%3Cscript%3E&q=%22%3E"
    with opened(browser, folder / "index.html", fragment=fragment) as seen:
        ready(seen)
        assert seen.is_clean(), seen.errors


def test_everything_can_be_done_by_keys(browser: Browser, folder: Path) -> None:
    with opened(browser, folder / "index.html") as seen:
        ready(seen)
        seen.page.keyboard.press("Tab")
        assert seen.page.evaluate("document.activeElement.className") == "skip"
        button(seen, "thinking tokens").focus()
        seen.page.keyboard.press("ArrowRight")
        seen.page.keyboard.press("Enter")
        assert button(seen, "generated tokens").get_attribute("aria-pressed") == "true"
        seen.page.locator("svg[role=application]").focus()
        seen.page.keyboard.press("ArrowRight")
        assert "accuracy" in seen.page.locator(".tip").inner_text()
        seen.page.keyboard.press("Enter")
        seen.page.wait_for_url("**/models/*.html")


def test_links_lead_to_pages_that_are_there(browser: Browser, folder: Path) -> None:
    for path in (folder / "index.html", next((folder / "models").iterdir()), next((folder / "tasks").iterdir())):
        with opened(browser, path) as seen:
            seen.page.wait_for_selector("svg[role=application]")
            for link in seen.page.evaluate("[...document.links].map((a) => a.href.split('#')[0])"):
                assert Path(link.removeprefix("file://")).is_file(), link


@pytest.mark.parametrize(("scheme", "width"), [("light", 1200), ("dark", 390)])
def test_everyone_can_read_it(browser: Browser, folder: Path, scheme: str, width: int) -> None:
    size = {"width": width, "height": 900}
    for path in (folder / "index.html", next((folder / "models").iterdir())):
        with opened(browser, path, color_scheme=scheme, viewport=size) as seen:
            seen.page.wait_for_selector("svg[role=application]")
            assert seen.flaws() == []
            assert seen.page.evaluate("document.documentElement.scrollWidth") <= width


def test_hostile_names_do_nothing_but_show(browser: Browser, tmp_path: Path) -> None:
    entries = [an_entry(name, f"t{name}", run=name, engine=name, seed=i) for i, name in enumerate(HOSTILE)]
    entries += [an_entry(name, "shared", notes=(name,), control="effort", seed=i) for i, name in enumerate(HOSTILE)]
    entries = [
        replace(e, curve=replace(e.curve, points=e.curve.points[:3]), settings={e.model.name[:99]: e.model.name})
        for e in entries
    ]
    site = written(entries, tmp_path)
    names = [path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()]
    assert all(len(name) < 200 and name.isascii() for name in names)
    assert len(list((tmp_path / "models").iterdir())) == len(HOSTILE)
    for path in [
        tmp_path / "index.html",
        *(tmp_path / f"models/{m.slug}.html" for m in site.models[::3]),
    ]:  # index has all
        with opened(browser, path, viewport={"width": 1200, "height": 900}) as seen:
            seen.page.wait_for_selector("svg[role=application]")
            assert seen.page.evaluate("window.pwned") is None
            assert seen.page.evaluate("document.querySelectorAll('img').length") == 0
            assert seen.page.evaluate("document.documentElement.scrollWidth") <= 1200
            assert "\u202e" not in seen.page.content()
            assert seen.is_clean(), (seen.errors, seen.requests)


def test_one_entry_without_any_compute_is_shown(browser: Browser, tmp_path: Path) -> None:
    written([an_entry(has_tokens=False, parameters=None)], tmp_path)
    with opened(browser, tmp_path / "index.html") as seen:
        ready(seen)
        assert "none is ranked" in seen.page.locator("main").inner_text()
        assert seen.is_clean(), seen.errors


def test_a_cell_with_too_little_data_says_so_and_why(browser: Browser, tmp_path: Path) -> None:
    much = [an_entry(model, task, seed=seed) for task in ("a", "b") for seed, model in enumerate(("x", "y"))]
    written([*much, an_entry("few", "a", n=6), an_entry("wide", "b", n=26, samples=1)], tmp_path)
    with opened(browser, tmp_path / "index.html") as seen:
        cells = ready(seen).page.locator(".matrix td", has_text="too little data")
        why = cells.evaluate_all("all => all.map(one => one.title.split(':')[0])")
        assert sorted(why) == [
            "Its 95 % interval is wider than 40 points",
            "Under half of the problems that others took",
        ]
        assert "?" not in seen.page.locator(".matrix").inner_text()


def test_a_finger_reads_a_point_before_it_goes_there(browser: Browser, folder: Path) -> None:
    with opened(browser, folder / "index.html", has_touch=True) as seen:
        dot = ready(seen).page.locator("svg[role=application] .dot").last
        dot.tap()
        assert "accuracy" in seen.page.locator(".tip").inner_text()
        assert "/models/" not in seen.page.url
        dot.tap()
        seen.page.wait_for_url("**/models/*.html")


@pytest.mark.slow
def test_two_hundred_models_on_twenty_tasks_open_in_two_seconds(browser: Browser, tmp_path: Path) -> None:
    written(many(200, 20), tmp_path)
    took = []
    for _ in range(5):
        with opened(browser, tmp_path / "index.html") as seen:
            ready(seen)
            took.append(seen.page.evaluate("performance.getEntriesByName('whole')[0].startTime") / 1000)
            assert len(column(seen, 2)) == 200
            assert seen.page.locator("table.matrix tbody tr").count() == 200
    assert min(took) < 2, took
