"""The report as one page: its parts one after the other, the data of chart and browser, and their scripts."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Any

from thinkcurve.report.run_report.comparison_part import comparison_part
from thinkcurve.report.run_report.contents import Contents
from thinkcurve.report.run_report.curve_part import chart_data, curve_part
from thinkcurve.report.run_report.ledger_part import ledger_part
from thinkcurve.report.run_report.manifest_part import manifest_part, reproduce_part
from thinkcurve.report.run_report.markup import Markup, h, joined
from thinkcurve.report.run_report.overview import overview, title_of
from thinkcurve.report.run_report.problems import fitted
from thinkcurve.report.run_report.shelves import shelves_of
from thinkcurve.report.run_report.strata_part import strata_part
from thinkcurve.report.run_report.surface_part import surface_part
from thinkcurve.report.run_report.wrong_part import wrong_part
from thinkcurve.report.web.page import asset, packed, page

MOST_BYTES = 1_900_000
"""What a page may weigh, less a little: it is to stay below 2 MB."""
LINKS = {
    "curve": "Curve",
    "comparison": "Comparison",
    "surface": "Longer or more",
    "strata": "Kinds of problem",
    "costs": "Costs",
    "wrong": "What went wrong",
    "problems": "Problems",
    "manifest": "Manifest",
    "reproduce": "Reproduce",
}


def report_page(contents: Contents, *, most_bytes: int | None = MOST_BYTES) -> str:
    """The whole page as HTML. ``most_bytes`` bounds it by leaving out the middles of long texts; ``None`` keeps all."""
    sections = {
        "curve": curve_part(contents),
        "comparison": comparison_part(contents),
        "surface": surface_part(contents),
        "strata": strata_part(contents),
        "costs": ledger_part(contents),
        "wrong": wrong_part(contents),
        "problems": _browser(contents),
        "manifest": manifest_part(contents),
        "reproduce": reproduce_part(contents),
    }
    body = joined([_header([name for name, made in sections.items() if made is not None]), _main(contents, sections)])
    shell = _page(contents, body, [], None)
    room = None if most_bytes is None else max(0, most_bytes - len(shell.encode()))
    data, reach = fitted(shelves_of(contents), room, lambda value: len(packed(value)))
    return _page(contents, body, data, reach)


def _page(contents: Contents, body: Markup, data: Any, reach: int | None) -> str:
    return page(
        f"{title_of(contents)} · thinkcurve",
        body,
        data={"chart": chart_data(contents), "reach": reach},
        large={"rows": data},
        styles=[own("report.css")],
        scripts=[asset("chart.js"), own("report.js"), own("problem.js"), own("browser.js")],
    )


@cache
def own(name: str) -> str:
    """The text of a file that lies beside this one."""
    return files("thinkcurve.report.run_report").joinpath(name).read_text(encoding="utf-8")


def _header(names: list[str]) -> Markup:
    links = [h("a", LINKS[name], href=f"#{name}") for name in names]
    button = h("button", id="theme", type="button", class_="push")
    return h(
        "header",
        h("div", h("span", "thinkcurve", class_="brand"), h("nav", links, aria_label="Parts"), button),
        class_="top",
    )


def _main(contents: Contents, sections: dict[str, Markup | None]) -> Markup:
    return h("main", overview(contents), list(sections.values()), id="main")


def _browser(contents: Contents) -> Markup:
    """A place for the browser of problems; a script fills it."""
    return h(
        "section",
        h("h2", "Problem by problem"),
        [h("p", words, class_="muted") for words in _left_out(contents)],
        h("div", h("p", "Reading the problems …", class_="muted"), id="browser"),
        id="problems",
    )


def _left_out(contents: Contents) -> list[str]:
    """What of large runs is not shown."""
    found = []
    for part in contents.parts:
        if part.shown is not None:
            n = sum(max(point.n_problems for point in curve.points) for curve in part.curves)
            found.append(
                f"{part.name}: {len(part.shown):,} of {n:,} problems are shown, spread evenly over its tasks. "
                "All figures are of all of them; signs that are read in the text of the thinking are left out."
            )
    return found
