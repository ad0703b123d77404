"""A gate as Markdown for a comment on a pull request.

Names are those of models and tasks, which others wrote: each stands in a ``code`` element with all its punctuation as
character references, so that it makes no table cell, no link, no element and mentions nobody
(https://github.github.com/gfm/#entity-and-numeric-character-references).
"""

from __future__ import annotations

import re
import string

from thinkcurve.analysis.gate.outcome import Check, Decision, Outcome
from thinkcurve.report.gate.words import (
    amount,
    bounds,
    headline,
    named,
    noted,
    subjects,
    told,
    where,
    worse,
)

SIGNS = {Outcome.PASS: "✅", Outcome.REGRESSED: "❌", Outcome.INCONCLUSIVE: "❔"}
SAFE = {*" .,;()%+-–…→·='", *string.ascii_letters, *string.digits}
"""Characters that mean nothing in Markdown between words."""
MOST_SENTENCES = 20
"""Checks that are told at length; the table has them all."""
MARKER = "<!-- thinkcurve gate -->"
"""The first line, by which a workflow finds its earlier comment."""


def markdown(decision: Decision) -> str:
    """The whole comment."""
    outcome = decision.outcome
    lines = [MARKER, f"### {SIGNS[outcome]} thinkcurve gate: {outcome}", "", _words(_sentence(headline(decision))), ""]
    found = told(decision)
    lines += [f"- {SIGNS[one]} {code(name)}: {_words(said)}" for one, name, said in found[:MOST_SENTENCES]]
    if len(found) > MOST_SENTENCES:
        lines.append(f"- and {len(found) - MOST_SENTENCES} more, in the table")
    for name, checks in subjects(decision.checks).items():
        lines += ["", code(name), "", *_table(checks)]
    if decision.notes:
        lines += ["", "To be known besides:", "", *(f"- <code>{_words(noted(note))}</code>" for note in decision.notes)]
    lines += ["", f"Base {code(decision.base)}, new {code(decision.new)}. {_how(decision)}", ""]
    return "\n".join(lines)


def _table(checks: list[Check]) -> list[str]:
    rows = [
        "| | condition | budget | base | new | worse by | at least – at most |",
        "| - | - | -: | -: | -: | -: | -: |",
    ]
    for check in checks:
        figures = (amount(check.base, check), amount(check.new, check), worse(check.worsening, check), bounds(check))
        rows.append(f"| {SIGNS[check.outcome]} | {code(check.condition)} | {where(check)} | {' | '.join(figures)} |")
    return rows


def _how(decision: Decision) -> str:
    n = len([check for check in decision.checks if check.p is not None])
    return (
        "Paired by problem. ❌ where the data say that it is worse than is let through "
        f"(one-sided, {100 * decision.alpha:g} % over all {n} tests by Holm), "
        "✅ where they say that it is not, ❔ where they say neither."
    )


def _sentence(clause: str) -> str:
    return f"{clause[:1].upper()}{clause[1:]}."


def code(name: str) -> str:
    """A name as a ``code`` element in which nothing but its own text can stand."""
    return f"<code>{_words(named(name))}</code>"


def _words(text: str) -> str:
    """Text with every character that Markdown or HTML could take for markup, or for a link, as a reference."""
    shown = "".join(c if c in SAFE or (ord(c) > 127 and c.isalnum()) else f"&#{ord(c)};" for c in text)
    return re.sub(r"(?<=[wW])\.", "&#46;", shown)  # www. is a link to GitHub
