"""A gate as JUnit XML: a test case a check; a regression is a failure, and what could not be decided an error.

The form that CI servers read (https://github.com/testmoapp/junitxml); neither kind of outcome passes there.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET

from thinkcurve.analysis.gate.outcome import Check, Decision, Outcome, worst
from thinkcurve.report.gate.words import headline, named, noted, sentence, short, subjects

ELEMENTS = {Outcome.REGRESSED: "failure", Outcome.INCONCLUSIVE: "error"}


def junit(decision: Decision) -> bytes:
    """The file, in UTF-8."""
    root = ET.Element("testsuites", {"name": "thinkcurve gate", **_counts(list(decision.checks))})
    for name, checks in subjects(decision.checks).items():
        suite = ET.SubElement(root, "testsuite", {"name": name, **_counts(checks)})
        properties = ET.SubElement(suite, "properties")
        facts = {
            "outcome": worst(check.outcome for check in checks),
            "gate": decision.outcome,
            "exit_code": decision.exit_code,
            "alpha": decision.alpha,
        }
        for key, value in {**facts, "base": named(decision.base), "new": named(decision.new)}.items():
            ET.SubElement(properties, "property", name=key, value=str(value))
        for check in checks:
            _case(suite, name, check)
    if decision.notes:
        first = root.find("testsuite")
        if first is not None:
            told = [headline(decision), *map(noted, decision.notes)]
            ET.SubElement(first, "system-out").text = "\n".join(told)
    ET.indent(root)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{ET.tostring(root, encoding="unicode")}\n'.encode()


def _counts(checks: list[Check]) -> dict[str, str]:
    outcomes = [check.outcome for check in checks]
    failures, errors = (outcomes.count(outcome) for outcome in ELEMENTS)
    return {"tests": str(len(checks)), "failures": str(failures), "errors": str(errors), "skipped": "0", "time": "0"}


def _case(suite: ET.Element, name: str, check: Check) -> None:
    case = ET.SubElement(suite, "testcase", classname=name, name=short(check), time="0")
    told = sentence(check)
    element = ELEMENTS.get(check.outcome)
    if element is None:
        ET.SubElement(case, "system-out").text = told
    else:
        ET.SubElement(case, element, message=told, type=str(check.outcome)).text = told
