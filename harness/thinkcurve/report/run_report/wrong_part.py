"""What went otherwise than it should: counts at each budget, why, and what requests failed of."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from thinkcurve.analysis.behaviour.diagnostics import Diagnostics
from thinkcurve.analysis.curve import Curve
from thinkcurve.budget import Control, format_budget
from thinkcurve.problem import Verdict
from thinkcurve.report.run_report.contents import Contents, RunPart
from thinkcurve.report.run_report.markup import Markup, h, joined, table, tabs
from thinkcurve.report.run_report.words import UNKNOWN, named, percent

if TYPE_CHECKING:
    import pandas as pd

    from thinkcurve.columns import Table

MOST_REASONS = 20
LONGEST_ERROR = 300
"""Characters of an error that are shown; a server may send a whole page."""
EXPLAINED = (
    "Forced: the budget cut the thinking. Cut off: the answer ran into its own reserve. No answer: nothing to read, "
    "refused ones among them. Unverified: the verifier gave up, counted as not correct. Failed: no attempt came about, "
    "not scored. Settled: the answer is already what it is at the last budget."
)


def wrong_part(contents: Contents) -> Markup:
    """A table of counts for each curve, the reasons that verdicts name, and the errors of requests."""
    panels = []
    for i, part in enumerate(contents.parts):
        signs = {contents.label(i, one): one for one in part.diagnostics}
        for curve in part.curves:
            label = contents.label(i, curve)
            panels.append((label, _curve(curve, signs.get(label), part)))
    return h("section", h("h2", "What went wrong"), tabs("Curve", panels), id="wrong")


def _curve(curve: Curve, signs: Diagnostics | None, part: RunPart) -> Markup:
    first = "effort" if curve.control == Control.EFFORT else "budget"
    settled = {} if signs is None or not signs.settling else {one.budget: one.settled for one in signs.points}
    n_settling = signs.settling.n if signs is not None and signs.settling else 0
    heads = [first, "attempts", "forced", "cut off", "no answer", "refused", "unverified", "failed", "settled"]
    rows = []
    for point in curve.points:
        forced = f"{point.forced:,}" if curve.knows_forced(point) else UNKNOWN
        counts = (point.truncated_answers, point.no_answer, point.refused, point.unverified, point.failures)
        share = settled[point.budget] / n_settling if n_settling and point.budget in settled else None
        shown = [_count(n, point.n_attempts + point.failures) for n in counts]
        rows.append(
            [format_budget(point.budget, curve.control), f"{point.n_attempts:,}", forced, *shown, percent(share, 0)]
        )
    return joined(
        [
            table("Counts of what went wrong", heads, rows, note=EXPLAINED),
            _reasons(part.run.tables.attempts, curve),
            _failures(part.run.failures, curve),
        ]
    )


def _count(n: int, of: int) -> Markup:
    """A count that stands out where it is not nothing, with its share."""
    if not n:
        return h("td", "0", class_="num muted")
    share = h("small", percent(n / of)) if of else None
    return h("td", h("strong", f"{n:,}"), share, class_="num")


def _reasons(attempts: Table, curve: Curve) -> Markup | None:
    """Why there was no answer, or no verdict: the words of the attempts themselves, most frequent first."""
    own = attempts[(attempts["model"] == curve.model) & (attempts["task"] == curve.task)]
    silent = own[own["verdict"].isin([Verdict.NO_ANSWER, Verdict.UNVERIFIED])]
    found = Counter(zip(silent["verdict"].astype(str), silent["reason"].astype(str), strict=True)).most_common()
    if not found:
        return None
    rows = [
        [verdict.replace("_", " "), h("td", named(reason) if reason else UNKNOWN, class_="text"), f"{n:,}"]
        for (verdict, reason), n in found[:MOST_REASONS]
    ]
    return joined(
        [h("h3", "Why"), table("Reasons", ["verdict", _words("reason"), "attempts"], rows), _more(len(found))]
    )


def _failures(failures: pd.DataFrame, curve: Curve) -> Markup | None:
    own = failures[(failures["model"] == curve.model) & (failures["task"] == curve.task)]
    found = Counter(zip(own["stage"].astype(str), own["error"].astype(str), strict=True)).most_common()
    if not found:
        return None
    rows = [[stage, h("td", _clipped(error), class_="text"), f"{n:,}"] for (stage, error), n in found[:MOST_REASONS]]
    return joined(
        [h("h3", "Failures"), table("Failures", ["at", _words("error"), "attempts"], rows), _more(len(found))]
    )


def _words(head: str) -> Markup:
    """The head of a column of words."""
    return h("th", head, scope="col")


def _more(n: int) -> Markup | None:
    left = n - MOST_REASONS
    return h("p", f"{left:,} more, each at most as often.", class_="muted note") if left > 0 else None


def _clipped(error: str) -> str:
    return error if len(error) <= LONGEST_ERROR else f"{error[:LONGEST_ERROR]}… ({len(error):,} characters)"
