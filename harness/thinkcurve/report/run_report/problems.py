"""The problems of a report as data for its browser: what was asked, thought, answered and judged, attempt by attempt.

Everything here is what a model or a user wrote: it goes into the page's compressed data, and on the page as text.
Tables are lists by place, to be small:

    curve    {name, task, model, budgets: [label], problems}
    problem  [id, level, group, question, gold, is_private, units]
    unit     [sample, traces, attempts]       one attempt, or null, for each budget
    trace    [n_tokens, n_characters, pieces, ending, visibility]
    attempt  [verdict, flags, trace, cut, tokens, answer, n_characters, extracted, reason, rung, answer_tokens]
    failure  ["failed", stage, error]

``cut`` is the place in its trace's text at which a budget cut it, ``answer`` pieces of text; a text that is the same as
at the budget before is 0.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from thinkcurve.budget import format_budget
from thinkcurve.report.run_report.clip import REACHES, Piece, windows
from thinkcurve.report.run_report.shelves import Row, Shelf, Unit, known, whole
from thinkcurve.report.run_report.words import short_model

FORCED, CUT_OFF, SHARED, ESTIMATED = 1, 2, 4, 8
"""Flags of an attempt."""
LONGEST_FIELD = 2_000
"""Characters of a question's gold answer, of what was extracted, of a reason and of an error that are shown."""
SHORTEST_FIELD = 80


def curve_data(shelf: Shelf, reach: int | None) -> dict[str, Any]:
    """One curve as data of the browser; ``reach`` says how much of long texts is kept (`windows`)."""
    budgets = [point.budget for point in shelf.curve.points]
    return {
        "name": shelf.name,
        "task": shelf.curve.task,
        "model": short_model(shelf.curve.model),
        "budgets": [format_budget(budget, shelf.curve.control) for budget in budgets],
        "problems": [_problem(name, units, shelf, budgets, reach) for name, units in shelf.problems.items()],
    }


def _problem(
    name: str, units: Mapping[int, Unit], shelf: Shelf, budgets: Sequence[int | None], reach: int | None
) -> list[Any]:
    question = shelf.questions.get(name)
    first: Row = next((row for unit in units.values() for row in unit.attempts.values()), {})
    is_private = question is not None and question.question is None
    asked = None if question is None or question.question is None else _pieces(question.question, reach, times=4)
    gold = None if question is None else _clipped(question.reference, reach)
    made = [[sample, *_unit(unit, budgets, reach, is_private=is_private)] for sample, unit in units.items()]
    return [name, whole(first.get("level")), known(first.get("group")), asked, gold, is_private, made]


def _unit(
    unit: Unit, budgets: Sequence[int | None], reach: int | None, *, is_private: bool
) -> tuple[list[Any], list[Any]]:
    """The traces of one sample, and what came of it at each budget. Where problems are not to be shown, no text is."""
    traces = [_trace(unit, i, reach, is_private=is_private) for i in range(len(unit.traces))]
    made: list[Any] = []
    before = None
    for budget in budgets:
        if budget in unit.attempts:
            row = unit.attempts[budget]
            kept = [] if is_private else 0 if row["answer"] == before else _pieces(row["answer"], reach)
            before = row["answer"]
            made.append(_attempt(row, unit.cuts.get(budget), kept, reach, is_private=is_private))
        elif budget in unit.failures:
            row = unit.failures[budget]
            made.append(["failed", str(row["stage"]), _clipped(row["error"], reach)])
        else:
            made.append(None)
    return traces, made


def _trace(unit: Unit, place: int, reach: int | None, *, is_private: bool) -> list[Any]:
    row = unit.traces[place]
    cuts = [at for trace, at, _ in unit.cuts.values() if trace == place]
    pieces = [] if is_private else windows(row["text"], cuts, reach)
    return [whole(row["thinking_tokens"]), len(row["text"]), pieces, str(row["ending"]), str(row["visibility"])]


def _attempt(
    row: Row, cut: tuple[int, int, bool] | None, answer: list[Piece] | int, reach: int | None, *, is_private: bool
) -> list[Any]:
    flags = FORCED * bool(row["is_forced"]) + CUT_OFF * bool(row["is_truncated_answer"])
    flags += SHARED * bool(row["is_shared_answer"]) + ESTIMATED * (cut is not None and cut[2])
    return [
        str(row["verdict"]),
        flags,
        None if cut is None else cut[0],
        None if cut is None else cut[1],
        whole(row["thinking_tokens"]),
        answer,
        len(row["answer"]),
        None if is_private else _clipped(known(row["extracted"]), reach),
        _clipped(row["reason"], reach),
        str(row["rung"]),
        whole(row["answer_tokens"]),
    ]


def _pieces(words: str, reach: int | None, *, times: int = 1) -> list[Piece]:
    """An answer, or a question (of which ``times`` as much is kept): both ends of it, never less than a line."""
    return windows(words, [], None if reach is None else max(times * reach, SHORTEST_FIELD))


def _clipped(words: str | None, reach: int | None) -> str | None:
    most = LONGEST_FIELD if reach is None else min(LONGEST_FIELD, max(reach, SHORTEST_FIELD))
    return words if words is None or len(words) <= most else f"{words[:most]}… ({len(words):,} characters)"


def fitted(shelves: Sequence[Shelf], most_bytes: int | None, size_of: Callable[[Any], int]) -> tuple[Any, int | None]:
    """The data of all curves with as much text as fits ``most_bytes`` by ``size_of``, and the reach that was taken.

    ``None`` bytes take all. Where not even the shortest texts fit, those are taken: nothing judged is left out.
    """
    made = [curve_data(shelf, None) for shelf in shelves]
    if most_bytes is None or size_of(made) <= most_bytes:
        return made, None
    best, least, most = REACHES[-1], 1, len(REACHES) - 1  # REACHES descends, so the first that fits is searched for
    made = []
    while least <= most:
        middle = (least + most) // 2
        data = [curve_data(shelf, REACHES[middle]) for shelf in shelves]
        if size_of(data) <= most_bytes:
            best, made, most = REACHES[middle], data, middle - 1
        else:
            least = middle + 1
    return made or [curve_data(shelf, best) for shelf in shelves], best
