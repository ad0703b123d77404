"""A run in the hands of a user: carry a study out, or load a finished one, and look at its tables and curves."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
import weakref
from collections.abc import Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from thinkcurve.backend import Backend
from thinkcurve.columns import Columns
from thinkcurve.errors import UsageError
from thinkcurve.frames import frame_of, read_frame, read_rows
from thinkcurve.merge import compact_run
from thinkcurve.plan import Given, prepare
from thinkcurve.questions import Question, read_questions
from thinkcurve.recorder import Listener
from thinkcurve.runner import carry_out, finish
from thinkcurve.store import Attempt, Failure, Manifest, Records, Trace, Warn, has_journal, read_manifest
from thinkcurve.study import Study, run_name
from thinkcurve.tables import (
    attempts_path,
    count_rows,
    failures_path,
    has_small_journal,
    is_read_from_tables,
    read_records,
    read_tables,
    records_of,
    traces_path,
)
from thinkcurve.task import Task

if TYPE_CHECKING:
    import pandas as pd

    from thinkcurve.analysis.basis.grid import Grid
    from thinkcurve.analysis.curve import Curve
    from thinkcurve.columns import Table


MOST_AT_ONCE = 5_000
"""Attempts of a run that are read at once, so that what happens to its directory later changes nothing of it."""


MOST_WHOLE = 200_000
"""Attempts of a run up to which its analyses are made of whole tables."""


class Tables(NamedTuple):
    """What analyses compute on; `thinkcurve.columns` tells how a table is used that stays on disk."""

    attempts: Table
    traces: Table
    failures: pd.DataFrame


class Run:
    """A run: its manifest, and its attempts and traces as tables.

    Without ``records`` the tables are read from the run's Parquet files, and records only where they are asked for; of
    files that are ``borrowed`` from another directory, which goes when the run does.
    """

    def __init__(
        self,
        path: Path,
        manifest: Manifest,
        records: Records | None = None,
        *,
        borrowed: Path | None = None,
    ) -> None:
        self.path = path
        self.manifest = manifest
        self._given = records
        self._stored = borrowed or path
        if borrowed is not None:
            weakref.finalize(self, shutil.rmtree, borrowed, ignore_errors=True)

    @property
    def stored_in(self) -> Path | None:
        """Where the tables lie that it is read from; ``None`` where it is made of records."""
        return None if self._given is not None else self._stored

    @cached_property
    def records(self) -> Records:
        """Attempts, traces and failures by key, all in memory."""
        return self._given if self._given is not None else records_of(read_tables(self._stored))

    @cached_property
    def attempts(self) -> pd.DataFrame:
        """One row an attempt; the columns are the fields of `thinkcurve.store.Attempt`."""
        if self._given is None:
            return read_frame(attempts_path(self._stored), Attempt)
        return frame_of(list(self._given.attempts.values()), Attempt)

    @cached_property
    def traces(self) -> pd.DataFrame:
        """One row a trace; the columns are the fields of `thinkcurve.store.Trace`."""
        if self._given is None:
            return read_frame(traces_path(self._stored), Trace)
        return frame_of(list(self._given.traces.values()), Trace)

    @cached_property
    def failures(self) -> pd.DataFrame:
        """One row an attempt that did not come about; the columns are the fields of `thinkcurve.store.Failure`."""
        if self._given is None:
            return read_frame(failures_path(self._stored), Failure)
        return frame_of(list(self._given.failures.values()), Failure)

    @cached_property
    def questions(self) -> list[Question]:
        """What each problem asked; empty for a run of an earlier version, which did not keep it."""
        return read_questions(self.path)

    @cached_property
    def is_large(self) -> bool:
        """Whether it lies in tables, and not all of it is to be held in memory at once."""
        return self._given is None and count_rows(attempts_path(self._stored)) > MOST_WHOLE

    @cached_property
    def tables(self) -> Tables:
        """Attempts, traces and failures as analyses take them: those of a run that `is_large` stay on disk."""
        if not self.is_large:
            return Tables(self.attempts, self.traces, self.failures)
        return Tables(
            Columns(attempts_path(self._stored), Attempt),
            Columns(traces_path(self._stored), Trace),
            self.failures,
        )

    @cached_property
    def grids(self) -> list[Grid]:
        """One grid for each model, task and control, in the order of the table: what the analyses compute on."""
        from thinkcurve.analysis.basis.grid import grids_of

        return grids_of(self.tables.attempts)

    def some(self, problems: Collection[str]) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
        """Attempts, traces and failures of some problems, with all that the model wrote."""
        if self._given is not None:
            return tuple(t[t["problem"].isin(set(problems))] for t in (self.attempts, self.traces, self.failures))  # type: ignore[return-value]
        return (
            read_rows(attempts_path(self._stored), Attempt, problems),
            read_rows(traces_path(self._stored), Trace, problems),
            read_rows(failures_path(self._stored), Failure, problems),
        )

    def curves(self) -> list[Curve]:
        """One curve for each model, task and control, in the order of the study."""
        from thinkcurve.analysis.curve import curves_of

        models = [record.spec for record in self.manifest.models]
        tasks = [record.name for record in self.manifest.tasks]
        of = self.tables
        found = curves_of(of.attempts, of.failures, of.traces, grids=self.grids)
        return sorted(found, key=lambda curve: (models.index(curve.model), tasks.index(curve.task)))

    def __repr__(self) -> str:
        n_attempts = count_rows(attempts_path(self._stored)) if self._given is None else len(self._given.attempts)
        return f"Run({str(self.path)!r}, {n_attempts} attempts)"


def load_run(path: str | Path, *, warn: Warn = lambda _: None) -> Run:
    """The run in a directory. Raises `UsageError` where there is none, or none with a graded attempt.

    A large run is read from its tables, when and as far as it is looked at; where these lack some of its journal, from
    tables among temporary files.
    """
    directory = Path(path)
    run = _loaded(directory, read_manifest(directory), warn)
    if run.stored_in is None:
        is_empty = not (run.records.attempts or run.records.failures)
    elif count_rows(attempts_path(run.stored_in)) <= MOST_AT_ONCE:
        is_empty = run.attempts.empty and run.failures.empty
    else:
        is_empty = False
    if is_empty:
        raise UsageError(f"run {str(path)!r} has no graded attempt yet")
    return run


def _loaded(directory: Path, manifest: Manifest, warn: Warn) -> Run:
    """A run read from its tables, or else its journal; a large one from tables that are made of that for as long."""
    if is_read_from_tables(directory):
        return Run(directory, manifest)
    if not has_journal(directory) or has_small_journal(directory):
        return Run(directory, manifest, read_records(directory, warn))
    warn(f"{directory}: its tables lack some of its journal; a look takes long until `thinkcurve compact` writes them")
    folder = Path(tempfile.mkdtemp(prefix="thinkcurve-"))
    run = Run(directory, manifest, borrowed=folder)
    compact_run(directory, warn, into=folder)
    return run


def sweep(
    study: Study,
    path: str | Path | None = None,
    *,
    backends: Mapping[str, Backend] | None = None,
    tasks: Mapping[str, Task] | None = None,
    data_dir: str | Path | None = None,
    listener: Listener = lambda _: None,
    warn: Warn = lambda _: None,
) -> Run:
    """Carry out a study and return its run; where ``path`` holds a part of it, only the rest is generated.

    ``path`` defaults to a directory under ``results/`` that the same study always gets. ``backends`` and ``tasks``
    are objects of your own, by the name that the study calls them; ``data_dir`` holds local copies of data (without it
    ``THINKCURVE_DATA`` may name them). What infrastructure kept from coming about is
    in `Run.failures`. Works inside a running event loop (a notebook) too, in a thread of its own.
    """
    directory = Path(path) if path else Path("results") / run_name(study)
    given = Given(backends or {}, tasks or {}, Path(data_dir) if data_dir else None)
    work = sweep_async(study, directory, given, listener=listener, warn=warn)
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(work)
    with ThreadPoolExecutor(max_workers=1) as threads:
        return threads.submit(asyncio.run, work).result()


async def sweep_async(
    study: Study,
    path: Path,
    given: Given | None = None,
    *,
    listener: Listener = lambda _: None,
    warn: Warn = lambda _: None,
) -> Run:
    """The same for callers that have an event loop."""
    plan = await prepare(study, path, given=given, warn=warn)
    try:
        await carry_out(plan, listener=listener)
        finish(plan)
    finally:
        await plan.aclose()
    is_small = plan.n_attempts <= MOST_AT_ONCE
    return Run(path, plan.manifest, read_records(path) if is_small else None)
