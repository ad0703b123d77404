"""Attempts that a run was to make and has no record of: neither as an attempt nor as a failure.

A run that goes on, or was stopped, has them; so has one of which somebody kept the tables of attempts alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from thinkcurve.run import Run


class Missing(msgspec.Struct, frozen=True):
    """``n`` of the ``of`` attempts of one model at one task are missing."""

    model: str
    task: str
    n: int
    of: int

    def __str__(self) -> str:
        return f"{self.n:,} of {self.of:,} attempts are missing"


def missing_of(run: Run) -> tuple[Missing, ...]:
    """What is missing of each model and task of a run, where anything is.

    A model was to make one attempt for each problem, sample and budget of the study. A run of several models or tasks
    may be an import of logs at different budgets, so of those only budgets that the model and task have count.
    """
    manifest = run.manifest
    tables = [table[["model", "task", "budget"]] for table in (run.tables.attempts, run.failures)]
    is_alone = len(manifest.models) * len(manifest.tasks) == 1
    found = []
    for model in manifest.models:
        for task in manifest.tasks:
            budgets = [t.loc[(t["model"] == model.spec) & (t["task"] == task.name), "budget"] for t in tables]
            made = {None if b != b else b for of_table in budgets for b in of_table.unique().tolist()}
            n_budgets = len(manifest.study.budgets) if is_alone else len(made)
            asked = task.n_problems * manifest.study.samples * n_budgets
            n = asked - sum(map(len, budgets))
            if n > 0:
                found.append(Missing(model.spec, task.name, n, asked))
    return tuple(found)


def missing_remarks(run: Run) -> list[str]:
    """What is missing of a run, a sentence for each task (and model, where there are several)."""
    is_one = len(run.manifest.models) == 1
    return [
        f"{one.task}{'' if is_one else f', {one.model}'}: {one}, not even recorded as failed" for one in missing_of(run)
    ]
