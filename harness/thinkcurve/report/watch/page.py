"""The live page of a run: the page itself, once, and the state that it asks its server for every second."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.resources import files

from thinkcurve.report.web.page import asset, page, text

_BODY = """
<header class="top"><div><span class="brand">thinkcurve</span><span class="muted">watch</span>
<span class="push"></span><button id="theme" type="button">Dark</button></div></header>
<main id="main" tabindex="-1">
<h1>{name}</h1>
<p id="state" class="state" role="status">Reading the run …</p>
<div class="whole" aria-hidden="true"><div id="bar"></div></div>
<div id="tiles" class="tiles"></div>
<section id="curve" class="hidden"><h2 id="accuracy">Accuracy so far</h2><div id="chart"></div></section>
<section><h2>Each budget</h2><div id="table" class="scroll" tabindex="0" role="region" aria-label="Each budget"></div>
<p id="caution" class="muted">What was graded so far is no sample of the whole: problems that are answered
quickly come first. The intervals are Wilson's 95 % over the problems graded; those of the finished run are in
<code>thinkcurve show</code>.</p>
</section>
<section id="failures" class="hidden"><h2>Failures</h2>
<p class="muted">Attempts that did not come about. They are not scored; the same command tries them again.</p>
<div id="failed" class="scroll" tabindex="0" role="region" aria-label="Failures"></div></section>
<noscript><p>This page needs JavaScript; <code>thinkcurve watch</code> shows the same in a terminal.</p></noscript>
</main>
"""


def watch_page(name: str, state: Mapping[str, object]) -> str:
    """The page of a run called ``name``, with the state that it has now."""
    return page(
        f"{name} · thinkcurve watch",
        _BODY.format(name=text(name)),
        data={"first": dict(state)},
        styles=[_own("watch.css")],
        scripts=[asset("chart.js"), _own("watch.js")],
        is_served=True,
    )


@cache
def _own(name: str) -> str:
    return files("thinkcurve.report.watch").joinpath(name).read_text(encoding="utf-8")
