"""A standing as plain data: what a ``progress`` event holds, what ``watch --json`` prints, what the live page shows."""

from __future__ import annotations

from typing import Any

from thinkcurve.budget import Budget, format_budget
from thinkcurve.problem import Verdict
from thinkcurve.report.watch.follow import Follower, State
from thinkcurve.report.watch.standing import Cell, Pace, Standing

SCHEMA = 1
MOST_FAILURES = 20
"""Failures that are told by their words; all are counted."""
MOST_CHARACTERS = 2000
"""Of the words of one failure."""


def as_data(standing: Standing, pace: Pace) -> dict[str, Any]:
    """How much is done, how fast, what it used, and every (model, task, budget) with its accuracy so far.

    Rates are ``None`` before there is a second to measure, ``usd_spent`` where nothing of it is known.
    """
    speed = pace.per_second()
    return {
        "done": standing.done,
        "total": standing.total,
        "failed": len(standing.failures),
        "attempts_per_s": speed and _figure(speed[0]),
        "tokens_per_s": speed and _figure(speed[1]),
        "left_s": _figure(pace.left_s(standing)),
        "generated_tokens": standing.tokens,
        "usd_spent": standing.usd_spent,
        "is_usd_whole": standing.n_unpriced == 0,
        "cells": [
            _cell(standing, model, task, budget)
            for model in standing.models
            for task in standing.tasks
            for budget in standing.study.budgets
        ],
    }


def state_of(follower: Follower) -> dict[str, Any]:
    """All that is known of a followed run. ``state`` is one of `thinkcurve.report.watch.follow.State`."""
    standing, manifest = follower.standing, follower.manifest
    control = standing.study.control
    last = [*standing.failures.values()][-MOST_FAILURES:]
    found = as_data(standing, follower.pace)
    if follower.state in (State.QUIET, State.STOPPED):
        found["left_s"] = None  # at no pace at all
    return {
        "schema": SCHEMA,
        "name": follower.run.resolve().name,
        "state": follower.state.value,
        "started": manifest.sittings[-1].started if manifest.sittings else None,
        "finished": manifest.finished,
        "quiet_s": _figure(follower.quiet_s),
        "control": control.value,
        "samples": standing.study.samples,
        "max_usd": standing.study.max_usd,
        **found,
        "is_held": follower.is_held,
        "failures": [
            {
                "model": one.model,
                "problem": one.problem,
                "sample": one.sample,
                "budget": one.budget,
                "budget_name": format_budget(one.budget, control),
                "stage": one.stage,
                "error": one.error[:MOST_CHARACTERS],
            }
            for one in reversed(last)
        ],
    }


def _cell(standing: Standing, model: str, task: str, budget: Budget) -> dict[str, Any]:
    cell = standing.cells.get((model, task, budget), Cell())
    low, high = cell.interval or (None, None)
    return {
        "model": model,
        "task": task,
        "budget": budget,
        "budget_name": format_budget(budget, standing.study.control),
        "of": standing.of[task],
        "graded": cell.graded,
        "n_problems": len(cell.problems),
        "correct": cell.verdicts[Verdict.CORRECT],
        "no_answer": cell.verdicts[Verdict.NO_ANSWER],
        "unverified": cell.verdicts[Verdict.UNVERIFIED],
        "forced": cell.forced,
        "accuracy": cell.accuracy,
        "ci_low": low,
        "ci_high": high,
        "thinking_tokens": cell.mean_thinking,
    }


def _figure(value: float | None) -> float | None:
    return None if value is None else round(value, 3)
