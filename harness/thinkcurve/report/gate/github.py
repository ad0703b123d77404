"""A gate as annotations of GitHub Actions: lines that a step prints, and that stand beside its job.

https://docs.github.com/actions/reference/workflow-commands-for-github-actions; ten of a kind a step are shown.
"""

from __future__ import annotations

from collections.abc import Iterator

from thinkcurve.analysis.gate.outcome import Decision, Outcome
from thinkcurve.report.gate.words import headline, noted, told

LEVELS = {Outcome.PASS: "notice", Outcome.REGRESSED: "error", Outcome.INCONCLUSIVE: "warning"}
MOST_NOTES = 8
MOST = 9
"""Of each kind, besides the line that says how many more there are."""


def annotations_of(decision: Decision) -> Iterator[str]:
    """The lines: one of the whole gate, one of its notes, and one for each thing that did not pass."""
    outcome = decision.outcome
    yield _line(LEVELS[outcome], f"thinkcurve gate: {outcome}", headline(decision))
    left = dict.fromkeys(LEVELS, MOST)
    left[outcome] -= 1
    if decision.notes:
        more = len(decision.notes) - MOST_NOTES
        said = "; ".join(map(noted, decision.notes[:MOST_NOTES])) + (f"; and {more} more" if more > 0 else "")
        left[Outcome.INCONCLUSIVE] -= 1
        yield _line("warning", "thinkcurve gate: to be known", said)
    for one, name, said in told(decision):
        left[one] -= 1
        if left[one] >= 0:
            yield _line(LEVELS[one], f"{one}: {name}", said)
    for one, n in left.items():
        if n < 0:
            yield _line(LEVELS[one], str(one), f"and {-n} more")


def _line(level: str, title: str, message: str) -> str:
    return f"::{level} title={_property(title)}::{_data(message)}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
