"""The report in a real browser: axes, filters, keys, permalinks, themes, print; hostile text does nothing but show."""

import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from browser import chromium, opened
from report.run_report.made_runs import HOSTILE, a_run, fail, words
from thinkcurve.report.run_report.gather import contents_of
from thinkcurve.report.run_report.run_page import report_page
from thinkcurve.run import load_run


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as found:
        yield found


def written(folder: Path, *paths: Path, name: str = "page.html") -> Path:
    file = folder / name
    file.write_text(report_page(contents_of([load_run(path) for path in paths])), encoding="utf-8")
    return file


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two runs of two tasks with samples, one with failures."""
    folder = tmp_path_factory.mktemp("report")
    base = a_run(
        folder / "base", tasks=("t", "u"), n=12, samples=3, budgets=(0, 8, 32, 64, None), text=lambda s: words(s, 300)
    )
    new = a_run(folder / "new", tasks=("t", "u"), n=12, samples=3, budgets=(0, 8, 32, 64, None), seed=1)
    fail(new, error="HTTP 529")
    return written(folder, base, new)


def ready(page: Page) -> Page:
    page.wait_for_selector(".list button")
    return page


def ids(page: Page) -> list[str]:
    return [str(one) for one in page.locator(".list .id").all_inner_texts()]


def cells(page: Page, column: int) -> list[str]:
    return [row.locator("th,td").nth(column).inner_text().strip() for row in page.locator(".rungs tbody tr").all()]


def test_it_opens_clean(browser: Browser, path: Path) -> None:
    with opened(browser, path) as seen:
        ready(seen.page)
        assert seen.page.locator("#curve-chart svg .dot").count() == 20
        assert seen.is_clean(), (seen.errors, seen.requests)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_everyone_can_read_it(browser: Browser, path: Path, scheme: str) -> None:
    with opened(browser, path, color_scheme=scheme, fragment="#problem=t/test/5&curve=0&sample=1&budget=1") as seen:
        ready(seen.page)
        seen.page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
        assert seen.flaws() == []


@pytest.mark.parametrize("width", [390, 1200])
def test_nothing_sticks_out(browser: Browser, path: Path, width: int) -> None:
    with opened(browser, path, viewport={"width": width, "height": 800}) as seen:
        ready(seen.page)
        assert seen.page.evaluate("document.documentElement.scrollWidth") <= width


def test_long_names_of_models_do_not_widen_a_phone(browser: Browser, tmp_path: Path) -> None:
    names = [f"llamacpp:{letter * 12}-thinking-30B-a-name-of-its-own-Q4_K_M.gguf" for letter in "ab"]
    path = written(tmp_path, a_run(tmp_path / "r", models=names, n=2))
    with opened(browser, path, viewport={"width": 390, "height": 800}) as seen:
        ready(seen.page)
        assert seen.page.evaluate("document.documentElement.scrollWidth") <= 390


def test_the_axis_is_switched(browser: Browser, path: Path) -> None:
    with opened(browser, path) as seen:
        page = ready(seen.page)

        def places() -> list[str]:
            return [str(x) for x in page.locator("#curve-chart .dot").evaluate_all("d => d.map(e => e.outerHTML)")]

        first = places()
        page.get_by_role("button", name="FLOPs", exact=True).click()
        assert "FLOPs an attempt" in page.locator("#curve-chart svg").inner_html()
        assert places() != first
        page.get_by_role("button", name="thinking tokens", exact=True).click()
        assert places() == first
        page.get_by_role("button", name="linear").click()
        assert places() != first


def test_an_axis_that_is_not_known_is_not_there(browser: Browser, path: Path) -> None:
    with opened(browser, path) as seen:
        page = ready(seen.page)
        names = page.locator("#curve-controls [aria-label=Axis] button").all_inner_texts()
        assert names == ["thinking tokens", "generated tokens", "total tokens", "FLOPs", "seconds"]


def test_panels_are_shown_one_at_a_time(browser: Browser, path: Path) -> None:
    with opened(browser, path) as seen:
        tabs = ready(seen.page).locator("#costs .tabs").first
        assert tabs.locator("> .panel:visible").count() == 1
        tabs.get_by_role("button").nth(2).click()
        assert tabs.locator("> .panel").nth(2).is_visible()
        assert not tabs.locator("> .panel").nth(0).is_visible()


def test_a_curve_is_chosen_for_every_part(browser: Browser, path: Path) -> None:
    with opened(browser, path) as seen:
        page = ready(seen.page)
        page.locator("#costs").get_by_role("button", name="u · base").click()
        for part in ("#curve", "#wrong", "#surface"):
            chosen = page.locator(f"{part} [aria-label=Curve] [aria-pressed=true]").all_inner_texts()
            assert chosen == ["u · base"]
        assert page.locator("#manifest [aria-label=Run] [aria-pressed=true]").all_inner_texts() == ["base"]


def test_the_ladder_of_a_problem(browser: Browser, path: Path) -> None:
    with opened(browser, path, fragment="#problem=t/test/3&curve=0&sample=0&budget=2") as seen:
        page = ready(seen.page)
        assert page.locator(".problem h3").inner_text() == "t/test/3"
        assert cells(page, 0) == ["0", "8", "32", "64", "none"]
        assert [verdict.split()[-1] for verdict in cells(page, 1)] == ["wrong", "wrong", "correct", "correct", "wrong"]
        assert page.locator(".rungs tr[aria-current=true] th").inner_text() == "32"
        assert page.locator(".cut").count() == 5
        faint = page.locator(".thought .past").all_inner_texts()
        assert faint
        page.get_by_role("button", name="Budget 0", exact=True).click()
        assert len("".join(page.locator(".thought .past").all_inner_texts())) > len("".join(faint))


def test_filters_count_what_they_show(browser: Browser, path: Path) -> None:
    with opened(browser, path) as seen:
        page = ready(seen.page)
        for label, expected in (("flipped", {"t/test/3", "t/test/10"}), ("no answer", {"t/test/0"})):
            button = page.locator(".chips button", has_text=label)
            button.click()
            assert set(ids(page)) == expected
            assert button.inner_text() == f"{label} {len(expected)}"
        assert page.locator(".chips button", has_text="failed").is_disabled()


def test_forced_is_asked_at_a_budget(browser: Browser, path: Path) -> None:
    with opened(browser, path) as seen:
        page = ready(seen.page)
        page.locator(".chips button", has_text="forced").click()
        assert len(ids(page)) == 12
        page.get_by_label("At budget").select_option("none")
        assert ids(page) == ["no such problem"] or page.locator(".list .id").count() == 0


def test_problems_that_came_out_worse_are_found(browser: Browser, path: Path) -> None:
    base, new = (load_run(path.parent / name).attempts for name in ("base", "new"))
    shares = [
        rows[(rows["task"] == "t") & (rows["budget"] == 8)]
        .assign(right=lambda f: f["verdict"] == "correct")
        .groupby("problem")["right"]
        .mean()
        for rows in (base, new)
    ]
    worse = shares[1] < shares[0]
    with opened(browser, path, fragment="#problem=t/test/1&curve=2&sample=0&budget=1") as seen:
        page = ready(seen.page)
        page.get_by_label("At budget").select_option("8")
        page.locator(".chips button", has_text="worse than t · base").click()
        assert set(ids(page)) == set(worse[worse].index)
        assert worse.any()


def test_the_list_is_one_stop_of_the_tab_key(browser: Browser, path: Path) -> None:
    with opened(browser, path) as seen:
        assert ready(seen.page).locator(".list button[tabindex='0']").count() == 1


def test_failures_are_found(browser: Browser, path: Path) -> None:
    with opened(browser, path) as seen:
        page = ready(seen.page)
        page.locator("#browser").get_by_label("Curve").select_option(index=2)
        page.locator(".chips button", has_text="failed").click()
        assert ids(page) == ["t/test/0"]
        page.get_by_role("button", name="sample 9").click()
        assert "at answer: HTTP 529" in page.locator(".rungs").inner_text()


def test_search_is_by_id_and_question(browser: Browser, path: Path) -> None:
    with opened(browser, path) as seen:
        page = ready(seen.page)
        page.get_by_role("searchbox").fill("test/11")
        assert ids(page) == ["t/test/11"]
        page.get_by_role("searchbox").fill("nothing has this")
        assert page.locator(".list .id").count() == 0
        assert "0 of 12" in page.locator("#browser").inner_text()


def test_keys_alone_go_through_it(browser: Browser, path: Path) -> None:
    with opened(browser, path) as seen:
        page = ready(seen.page)
        page.locator(".list button").first.focus()
        page.keyboard.press("ArrowDown")
        page.keyboard.press("ArrowDown")
        assert page.locator(".problem h3").inner_text() == "t/test/2"
        page.keyboard.press("j")
        page.keyboard.press("k")
        page.keyboard.press("k")
        assert page.locator(".problem h3").inner_text() == "t/test/1"
        page.keyboard.press("[")
        assert page.locator(".rungs tr[aria-current=true] th").inner_text() == "64"
        page.keyboard.press("]")
        assert page.locator(".rungs tr[aria-current=true] th").inner_text() == "none"
        page.get_by_role("button", name="Budget 8", exact=True).focus()
        page.keyboard.press("Enter")
        assert page.evaluate("document.activeElement.getAttribute('aria-label')") == "Budget 8"


def test_the_address_names_the_problem(browser: Browser, path: Path) -> None:
    with opened(browser, path) as seen:
        page = ready(seen.page)
        page.locator(".list button").nth(4).click()
        page.get_by_role("button", name="sample 2").click()
        link = page.evaluate("location.hash")
    with opened(browser, path, fragment=link) as seen:
        page = ready(seen.page)
        assert page.locator(".problem h3").inner_text() == "t/test/4"
        assert page.get_by_role("button", name="sample 2").get_attribute("aria-pressed") == "true"


def test_an_address_of_nothing_does_no_harm(browser: Browser, path: Path) -> None:
    for fragment in (
        "#problem=no&curve=99&sample=-4&budget=x",
        "#problem=t/test/1&curve=-1&sample=1.5",
        "#%ff",
        "#curve",
    ):
        with opened(browser, path, fragment=fragment) as seen:
            ready(seen.page)
            assert seen.is_clean(), (fragment, seen.errors)


def test_a_point_leads_to_its_problems(browser: Browser, path: Path) -> None:
    with opened(browser, path) as seen:
        page = ready(seen.page)
        page.locator("#curve-chart svg").focus()
        for key in ("ArrowRight", "ArrowDown", "ArrowRight", "Enter"):
            page.keyboard.press(key)
        assert page.locator("#browser").get_by_label("Curve").input_value() == "u · base"
        assert page.get_by_label("At budget").evaluate("e => e.selectedOptions[0].text") == "8"


def test_print_has_every_panel_and_no_controls(browser: Browser, path: Path) -> None:
    with opened(browser, path) as seen:
        page = ready(seen.page)
        page.emulate_media(media="print")
        assert page.locator("#costs .panel:visible").count() == page.locator("#costs .panel").count() > 1
        assert page.locator(".controls:visible, .list:visible, .chips:visible, header.top:visible").count() == 0
        assert page.locator(".panel-name:visible").count() > 1


def test_hostile_text_does_nothing_but_show(browser: Browser, tmp_path: Path) -> None:
    def text(seed: int) -> str:
        return HOSTILE[seed % len(HOSTILE)] + " " + words(seed, 40)

    run = a_run(tmp_path / "r", models=HOSTILE[:3], tasks=(HOSTILE[1],), n=7, text=text)
    fail(run, model=HOSTILE[0], task=HOSTILE[1], error=HOSTILE[2])
    with opened(browser, written(tmp_path, run)) as seen:
        page = ready(seen.page)
        seen_texts = ""
        for button in page.locator(".list button").all():
            button.click()
            seen_texts += page.locator("body").inner_text()
        assert page.evaluate("window.pwned") is None
        assert "\u202e" not in seen_texts
        for words_shown in ("[U+202E]", "[U+001B]", HOSTILE[0], HOSTILE[2]):
            assert words_shown in seen_texts
        assert page.locator("img, iframe, a[href^=javascript]").count() == 0
        assert seen.is_clean(), (seen.errors, seen.requests)


def test_code_points_are_counted_as_python_does(browser: Browser, tmp_path: Path) -> None:
    run = a_run(tmp_path / "r", n=2, text=lambda seed: f"{seed} " + "😀é" * 30)
    with opened(browser, written(tmp_path, run), fragment="#problem=t/test/1&curve=0&sample=0&budget=1") as seen:
        thought = ready(seen.page).locator(".thought").inner_text()
        assert thought.count("😀") == 30
        assert "�" not in thought


def test_a_line_of_a_megabyte_opens(browser: Browser, tmp_path: Path) -> None:
    run = a_run(tmp_path / "r", n=2, text=lambda seed: random.Random(seed).randbytes(500_000).hex())
    with opened(browser, written(tmp_path, run)) as seen:
        page = ready(seen.page)
        assert "characters left out" in page.locator(".thought").inner_text()
        assert page.evaluate("document.documentElement.scrollWidth") <= 1200
        assert seen.is_clean(), seen.errors


def test_a_run_of_failures_alone_opens(browser: Browser, tmp_path: Path) -> None:
    run = a_run(tmp_path / "r", n=0)
    fail(run)
    with opened(browser, written(tmp_path, run)) as seen:
        assert ready(seen.page).locator(".rungs").inner_text().count("failed") == 1
        assert "no curve can be drawn" in seen.page.locator("#curve-missing").inner_text()
        assert seen.is_clean(), seen.errors
