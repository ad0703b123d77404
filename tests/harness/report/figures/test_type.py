"""The type of a figure travels with it: in SVG and HTML as seen by a browser without it, in PDF, with its licence."""

from __future__ import annotations

import base64
import re
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser

from browser import chromium, opened
from report.figures.specs import a_curve
from thinkcurve.report.figure import curve_spec
from thinkcurve.report.look import SIZES, look_of
from thinkcurve.report.write import FACES, FONTS, PRINT_PPI, write_figure

CURVES = [a_curve(), a_curve(model="other")]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as found:
        yield found


def written(tmp_path: Path, suffix: str, size: str = "one-column", style: str | None = None, **more: Any) -> Path:
    return write_figure(curve_spec(CURVES, look=look_of(size, style), **more), tmp_path / f"figure.{suffix}")


def loaded(seen: Any) -> list[str]:
    script = "document.fonts.ready.then(() => [...document.fonts].filter(f => f.status == 'loaded').map(f => f.family))"
    return [name.strip("'\"") for name in seen.page.evaluate(script)]


@pytest.mark.parametrize(("style", "family"), [("paper", "Thinkcurve Sans"), ("serif", "Thinkcurve Serif")])
def test_a_browser_without_the_type_shows_it(browser: Browser, tmp_path: Path, style: str, family: str) -> None:
    with opened(browser, written(tmp_path, "svg", style=style)) as seen:
        assert set(loaded(seen)) == {family}
        assert seen.is_clean(), (seen.errors, seen.requests)


def test_a_page_of_a_figure_for_paper_brings_its_type_and_stays_white_on_a_dark_screen(
    browser: Browser, tmp_path: Path
) -> None:
    with opened(browser, written(tmp_path, "html", style="serif"), color_scheme="dark") as seen:
        seen.page.wait_for_selector("svg text")
        assert set(loaded(seen)) == {"Thinkcurve Serif"}
        assert seen.page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
        assert seen.is_clean(), (seen.errors, seen.requests)
    assert "prefers-color-scheme" not in written(tmp_path, "svg").read_text("utf-8")


def test_a_heading_brings_its_weight(tmp_path: Path) -> None:
    assert written(tmp_path, "svg").read_text("utf-8").count("@font-face") == 1
    assert written(tmp_path, "svg", title="Mine").read_text("utf-8").count("@font-face") == 2


def test_a_figure_for_the_screen_is_in_the_readers_own_type(browser: Browser, tmp_path: Path) -> None:
    path = written(tmp_path, "svg", size="screen")
    assert "@font-face" not in path.read_text("utf-8")
    with opened(browser, path) as seen:
        assert loaded(seen) == []


@pytest.mark.parametrize("size", [name for name in SIZES if name != "screen"])
@pytest.mark.parametrize(("style", "family"), [("paper", "ThinkcurveSans"), ("serif", "ThinkcurveSerif")])
def test_a_pdf_has_the_width_of_the_paper_and_its_type_inside(
    tmp_path: Path, size: str, style: str, family: str
) -> None:
    data = written(tmp_path, "pdf", size, style).read_bytes()
    box = re.search(rb"/MediaBox ?\[0 0 ([\d.]+) ([\d.]+)\]", data)
    assert box
    assert float(box[1]) == pytest.approx(72 * (SIZES[size].width_in or 0))
    names = set(re.findall(rb"/BaseFont /([\w+-]+)", data))
    assert names
    assert all(re.fullmatch(rb"[A-Z]{6}\+" + family.encode() + rb"-Regular", name) for name in names)
    assert b"/FontFile" in data


@pytest.mark.parametrize("size", ["one-column", "wide"])
def test_an_svg_is_as_wide_as_the_paper_and_scales(browser: Browser, tmp_path: Path, size: str) -> None:
    path = written(tmp_path, "svg", size)
    head = path.read_text("utf-8")[:300]
    assert f'width="{SIZES[size].width_in}in"' in head
    assert f'viewBox="0 0 {SIZES[size].width_px} ' in head
    with opened(browser, path) as seen:
        width = seen.page.evaluate("document.documentElement.getBoundingClientRect().width")
    assert width == pytest.approx(96 * (SIZES[size].width_in or 0), abs=0.5)


def test_a_png_for_paper_is_sharp(tmp_path: Path) -> None:
    data = written(tmp_path, "png").read_bytes()
    width, _ = struct.unpack(">II", data[16:24])
    assert width == pytest.approx(3.25 * PRINT_PPI, abs=2)


def test_what_a_figure_carries_is_the_file_of_the_package(tmp_path: Path) -> None:
    (found,) = re.findall(r"data:font/ttf;base64,([\w+/=]+)", written(tmp_path, "svg").read_text("utf-8"))
    assert zlib.crc32(base64.b64decode(found)) == zlib.crc32((FONTS / "sans-regular.ttf").read_bytes())


@pytest.mark.parametrize("kind", ["sans", "serif"])
def test_the_type_has_its_licence_beside_it(kind: str) -> None:
    assert all((FONTS / f"{kind}-{face}.ttf").read_bytes()[:4] == b"\0\1\0\0" for face in FACES.values())
    assert "SIL OPEN FONT LICENSE" in (FONTS / f"OFL-{kind}.txt").read_text("utf-8").upper()
