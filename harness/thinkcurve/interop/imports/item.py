"""What every reader gives: answers with the scores that another tool gave them, and what its file says of itself."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from thinkcurve.backend import Visibility
from thinkcurve.budget import Budget, Control, Ending
from thinkcurve.problem import Verdict
from thinkcurve.store import Attempt, Failure, ModelRecord, Sitting, TaskRecord
from thinkcurve.study import Study


class Wishes(msgspec.Struct, frozen=True, kw_only=True):
    """What a user says besides the files.

    ``filter`` and ``metric`` pick a score where there are several (lm-eval's filter; its metric, or inspect's scorer).
    From ``right_from`` on a score counts as right, where scores are not only 0 and 1. ``columns`` maps our names to
    those of a table. ``model`` and ``task`` name what the files do not, or otherwise.
    ``usage`` is the usage file of thinkcurve's model in lm-eval.
    """

    filter: str | None = None
    metric: str | None = None
    right_from: float | None = None
    columns: Mapping[str, str] = {}
    model: str | None = None
    task: str | None = None
    usage: Path | None = None


class Setting(msgspec.Struct, frozen=True):
    """How much thinking was asked for. Under control ``effort`` ``budget`` is the place of the level in
    `thinkcurve.budget.EFFORTS`."""

    control: Control
    budget: Budget


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """One answer of another tool. ``None`` is what its file does not say.

    ``where`` names its place for a complaint, ``key`` is the tool's own name of the problem, ``split`` the set it is
    in. ``verdict`` is what its score comes to; an item with an ``error`` has none, and is a failure. ``prompt`` is the
    text that asked, ``thinking`` what was shown of the thinking, ``setting`` that of this item where it is not its
    log's. ``counted_by`` says who counted the thinking, where it was.
    """

    where: str
    key: int | str
    split: str = "test"
    sample: int = 0
    setting: Setting | None = None
    verdict: Verdict | None = None
    reason: str = ""
    rung: str = ""
    extracted: str | None = None
    answer: str = ""
    thinking: str | None = None
    visibility: Visibility = Visibility.FULL
    ending: Ending = Ending.CLOSED
    is_truncated_answer: bool = False
    prompt: str | None = None
    question: str | None = None
    gold: str | None = None
    level: int | None = None
    group: str | None = None
    prompt_tokens: int | None = None
    thinking_tokens: int | None = None
    answer_tokens: int | None = None
    generated_tokens: int | None = None
    total_tokens: int | None = None
    cached_tokens: int | None = None
    flops: float | None = None
    wall_s: float | None = None
    joules: float | None = None
    usd: float | None = None
    counted_by: str = "provider"
    served_by: str | None = None
    error: str | None = None


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """An answer that thinkcurve itself exported: its whole record, and its problem where that may be shown."""

    where: str
    attempt: Attempt
    question: str | None = None
    gold: str | None = None
    fingerprint: str | None = None


class Origin(msgspec.Struct, frozen=True, kw_only=True):
    """What thinkcurve wrote beside its exported answers: the records of the run that they came from."""

    study: Study
    tasks: tuple[TaskRecord, ...] = ()
    models: tuple[ModelRecord, ...] = ()
    failures: tuple[Failure, ...] = ()
    sittings: tuple[Sitting, ...] = ()
    regrades: tuple[Sitting, ...] = ()
    finished: str | None = None


class Log(msgspec.Struct, frozen=True, kw_only=True):
    """One file of results: one model on one task at one setting (``None``: it does not say).

    ``tool`` made it (``lm-eval 0.4.13``), ``scorer`` says what judged. ``made`` is when, ISO 8601; ``is_whole`` is
    false where it says that it did not end well. ``sampling`` holds the keys of `thinkcurve.study.SAMPLING` that it
    tells, ``system`` the system message, ``max_output_tokens`` the bound on thinking and answer together. ``options``
    are the task's (``fewshot``: how many worked examples), ``prompt`` is the text that asks, with places for the
    problem. ``has_template`` says whether a chat template was used, ``template`` is its hash. ``limit`` is how many of
    the ``n_problems`` that the task has were asked, where that was a part. ``notes`` are sentences that a user should
    hear.
    """

    file: str
    tool: str
    model: str
    task: str
    version: str
    items: tuple[Item | Kept, ...]
    setting: Setting | None = None
    scorer: str = ""
    source: str = ""
    made: str | None = None
    is_whole: bool = True
    sampling: Mapping[str, Any] = {}
    system: str = ""
    max_output_tokens: int | None = None
    options: Mapping[str, Any] = {}
    prompt: str = ""
    has_template: bool | None = None
    template: str = ""
    limit: int | None = None
    n_problems: int | None = None
    notes: tuple[str, ...] = ()
    origin: Origin | None = None
