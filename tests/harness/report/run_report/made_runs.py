"""Runs for tests of the report: written from records, without a model, with whatever texts a test wants in them."""

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from records import a_trace, an_attempt
from thinkcurve.budget import Control, Ending
from thinkcurve.problem import Verdict
from thinkcurve.questions import Question, write_questions
from thinkcurve.store import (
    Attempt,
    Failure,
    Manifest,
    ModelRecord,
    Records,
    Sitting,
    TaskRecord,
    Trace,
    write_manifest,
)
from thinkcurve.study import Study
from thinkcurve.tables import compact

HOSTILE = (
    "<script>window.pwned=1</script>",
    "</script><script>window.pwned=1</script>",
    '"><img src=x onerror="window.pwned=1">',
    "{\"a\": [1, 'b', \\u003c}]}, null",
    "\u202etxt.exe\u2066 \u05e9\u05dc\u05d5\u05dd",
    "\x1b[2J\u2028\u200b",
    "javascript:window.pwned=1",
)
"""What a model, a provider or a submitter may write, in every place where it can."""
Words = Callable[[int], str]


def words(seed: int, n: int = 400) -> str:
    """Text that is hard to compress and has spaces, of about ``n`` characters."""
    digest = "".join(hashlib.sha256(f"{seed}/{i}".encode()).hexdigest() for i in range(n // 56 + 1))
    return " ".join(digest[i : i + 6] for i in range(0, len(digest), 6))[:n]


def is_right(index: int, sample: int, place: int) -> bool:
    """Most problems come right as the ladder goes up; every seventh falls back at its end."""
    return place * 3 > (index + sample) % 7 and not (index % 7 == 3 and place >= 4)


def a_run(
    path: Path,
    *,
    models: Sequence[str] = ("m",),
    tasks: Sequence[str] = ("t",),
    n: int = 6,
    samples: int = 1,
    budgets: Sequence[int | None] = (0, 8, 32),
    control: Control = Control.TRUNCATE,
    text: Words = lambda seed: words(seed, 60),
    has_questions: bool = True,
    is_private: bool = False,
    is_finished: bool = True,
    seed: int = 0,
) -> Path:
    """A run directory. Verdicts follow `is_right`; every text is ``text`` of a number of its own."""
    records = Records()
    for model in models:
        for task in tasks:
            for index in range(n):
                for sample in range(samples):
                    _add_unit(records, (model, task, index, sample), budgets, control, text, seed)
    study = Study(
        models=tuple(models),
        tasks=tuple(tasks),
        budgets=tuple(budgets),
        control=control,
        samples=samples,
        limit=n,
        seed=seed,
    )
    manifest = Manifest(
        1,
        study,
        tuple(ModelRecord(model, {"name": model, "fingerprint": "f"}) for model in models),
        tuple(TaskRecord(task, "1", n, "same") for task in tasks),
        (Sitting("2026-11-01T10:00:00+00:00", {"thinkcurve": "0.1.0"}, {"cores": 2}, {}, "abc123"),),
        "2026-11-01T10:10:00+00:00" if is_finished else None,
    )
    path.mkdir(parents=True, exist_ok=True)
    write_manifest(path, manifest)
    compact(path, records)
    if has_questions:
        asked = [(task, i) for task in tasks for i in range(n)]
        write_questions(path, [_question(task, i, text, is_private=is_private) for task, i in asked])
    return path


def _question(task: str, index: int, text: Words, *, is_private: bool) -> Question:
    shown = (None, None) if is_private else (text(index), text(index + 1)[:40])
    return Question(task, f"{task}/test/{index}", index, index % 3 + 1, None, *shown, "f")


def _add_unit(
    records: Records,
    unit: tuple[str, str, int, int],
    budgets: Sequence[int | None],
    control: Control,
    text: Words,
    seed: int,
) -> None:
    model, task, index, sample = unit
    of = {"model": model, "task": task, "problem": f"{task}/test/{index}", "sample": sample}
    thought = text(1000 * index + sample + seed)
    ids = tuple(range(len(thought) // 4 + 1))
    whole = {"text": thought, "token_ids": ids, "thinking_tokens": len(ids), "ending": Ending.CLOSED}
    trace: Trace = msgspec.structs.replace(a_trace(), **of, **whole)
    for budget in budgets if not control.shares_trace else [None]:
        records.add(msgspec.structs.replace(trace, budget=budget))
    for place, budget in enumerate(budgets):
        used = len(ids) if budget is None else min(budget, len(ids))
        verdict = Verdict.CORRECT if is_right(index, sample + seed, place) else Verdict.INCORRECT
        is_silent = (index, place) == (0, 0)
        made: Attempt = msgspec.structs.replace(
            an_attempt(),
            **of,
            index=index,
            level=index % 3 + 1,
            budget=budget,
            control=str(control),
            verdict=Verdict.NO_ANSWER if is_silent else verdict,
            reason="empty" if is_silent else "" if verdict is Verdict.CORRECT else "wrong",
            is_forced=used < len(ids),
            ending=Ending.BUDGET if used < len(ids) else Ending.CLOSED,
            answer=text(7 * index + place)[:200] if not is_silent else "",
            extracted=None if is_silent else text(index + place)[:30],
            thinking_tokens=used,
            generated_tokens=used + 2,
            total_tokens=used + 6,
        )
        records.add(made)


def fail(path: Path, *, model: str = "m", task: str = "t", index: int = 0, error: str = "HTTP 500") -> None:
    """Add a failure to a run, by way of a journal: tables hold none."""
    from thinkcurve.store import Journal
    from thinkcurve.tables import restore_journal

    restore_journal(path)
    journal = Journal(path)
    journal.append(Failure(model, task, f"{task}/test/{index}", 9, 8, "truncate", "answer", error), 0.0)
    journal.close()
