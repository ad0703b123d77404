"""The rows of a report's curves, read once: attempts, traces and failures of each problem, and where budgets cut."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from thinkcurve.questions import Question, read_questions
from thinkcurve.report.run_report.contents import Contents, RunPart
from thinkcurve.report.run_report.cuts import Text, lengths_of, places_of

if TYPE_CHECKING:
    import pandas as pd

    from thinkcurve.analysis.curve import Curve

Row = dict[str, Any]
K = TypeVar("K")
UnitKey = tuple[str, int]
"""(problem, sample)."""


@dataclass(frozen=True, eq=False)
class Unit:
    """One sample of a problem: its attempts and failures by budget, its traces, and the cut of each budget: the place
    of its trace, how many characters of it are left, and whether that is an estimate."""

    attempts: Mapping[int | None, Row]
    failures: Mapping[int | None, Row]
    traces: Sequence[Row]
    cuts: Mapping[int | None, tuple[int, int, bool]]


@dataclass(frozen=True, eq=False)
class Shelf:
    """The units of one curve by problem, problems in their order, and the questions of its run."""

    curve: Curve
    name: str
    questions: Mapping[str, Question]
    problems: Mapping[str, Mapping[int, Unit]]


def shelves_of(contents: Contents) -> list[Shelf]:
    """The rows of each curve of a report."""
    return [shelf for i, part in enumerate(contents.parts) for shelf in _of_run(part, i, contents)]


def known(value: Any) -> Any:
    """A cell of a table, ``None`` where it is not known."""
    return None if value is None or value != value else value


def whole(value: Any) -> int | None:
    """A cell that holds a whole number, or is not known."""
    return None if known(value) is None else int(value)


def _of_run(part: RunPart, place: int, contents: Contents) -> Iterable[Shelf]:
    questions = {question.problem: question for question in read_questions(part.run.path)}
    lengths: dict[str, dict[int, float]] = {}
    run = part.run
    tables = (run.attempts, run.traces, run.failures) if part.shown is None else run.some(part.shown)
    for curve in part.curves:
        if curve.model not in lengths:
            lengths[curve.model] = lengths_of(_texts(tables[1], tables[0], curve.model))
        attempts, traces, failures = (_by(_rows(table, curve), _unit_key) for table in tables)
        units: dict[str, dict[int, Unit]] = defaultdict(dict)
        keys = sorted({*attempts, *failures}, key=lambda key: _order(key, attempts, questions))
        for problem, sample in keys:
            key = (problem, sample)
            rows = (attempts.get(key, []), failures.get(key, []), traces.get(key, []))
            units[problem][sample] = _unit(*rows, lengths[curve.model])
        yield Shelf(curve, contents.label(place, curve), questions, units)


def _texts(traces: pd.DataFrame, attempts: pd.DataFrame, model: str) -> Iterable[Text]:
    """All texts of a model whose token ids are known: traces, and answers."""
    for table, ids, text in ((traces, "token_ids", "text"), (attempts, "answer_ids", "answer")):
        own = table[table["model"] == model]
        for tokens, words in zip(own[ids], own[text], strict=True):
            if tokens is not None and tokens == tokens and len(tokens):
                yield tuple(tokens), words


def _rows(table: pd.DataFrame, curve: Curve) -> list[Row]:
    own = table[(table["model"] == curve.model) & (table["task"] == curve.task)]
    names = list(own.columns)
    return [dict(zip(names, row, strict=True)) for row in own.itertuples(index=False, name=None)]


def _by(rows: Iterable[Row], key: Callable[[Row], K]) -> dict[K, list[Row]]:
    found: dict[K, list[Row]] = defaultdict(list)
    for row in rows:
        found[key(row)].append(row)
    return found


def _unit_key(row: Row) -> UnitKey:
    return (str(row["problem"]), int(row["sample"]))


def _order(
    key: UnitKey, attempts: Mapping[UnitKey, list[Row]], questions: Mapping[str, Question]
) -> tuple[int, str, int]:
    """By the place of the problem in its task, as its name ends in where nothing else tells it."""
    problem, sample = key
    rows = attempts.get(key)
    number = problem.rpartition("/")[2]
    named = int(number) if number.isdecimal() and number.isascii() and len(number) < 10 else 1 << 62
    index = int(rows[0]["index"]) if rows else questions[problem].index if problem in questions else named
    return (index, problem, sample)


def _unit(attempts: list[Row], failures: list[Row], traces: list[Row], lengths: Mapping[int, float]) -> Unit:
    by_budget = {whole(row["budget"]): row for row in attempts}
    ordered = sorted(traces, key=lambda row: whole(row["budget"]) is None)
    own = {whole(row["budget"]): i for i, row in enumerate(ordered)}
    served: dict[int, list[tuple[int | None, int]]] = defaultdict(list)
    for budget, row in by_budget.items():
        at, n = own.get(budget, own.get(None)), whole(row["thinking_tokens"])
        if at is not None and n is not None:
            served[at].append((budget, n))
    cuts: dict[int | None, tuple[int, int, bool]] = {}
    for at, budgets in served.items():
        found = _places(ordered[at], [n for _, n in budgets], lengths)
        cuts |= {budget: (at, *place) for (budget, _), place in zip(budgets, found, strict=True)}
    return Unit(by_budget, {whole(row["budget"]): row for row in failures}, ordered, cuts)


def _places(trace: Row, tokens: Sequence[int], lengths: Mapping[int, float]) -> list[tuple[int, bool]]:
    return places_of(
        tokens,
        trace["text"],
        ids=() if known(trace["token_ids"]) is None else trace["token_ids"],
        n_tokens=whole(trace["thinking_tokens"]),
        marks=trace["marks"] or (),
        lengths=lengths,
    )
