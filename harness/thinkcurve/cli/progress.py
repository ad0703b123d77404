"""Progress of a run, on stderr, in one of three manners.

``live``   on a terminal, drawn in place: a bar a budget with the accuracy of each task so far
``plain``  whole lines and nothing else, so that a log or a pipe holds it: often at first, then once a minute, and also
           while nothing comes back, so that silence means that the process is gone
``json``   one JSON object a line (`thinkcurve.cli.voice`): ``start``, ``progress``, ``failure``, ``message``, ``end``

``auto`` is live on a terminal that can be drawn on, else plain.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Any

import click

from thinkcurve.cli.standing_words import clock, rendered, scores, status
from thinkcurve.cli.voice import emit, say
from thinkcurve.report.watch.data import as_data
from thinkcurve.report.watch.standing import Pace, Standing
from thinkcurve.store import Event, Failure

if TYPE_CHECKING:
    from thinkcurve.plan import Plan

MANNERS = ("auto", "live", "plain", "json")
FIRST_LINES_S, LAST_LINES_S = 10.0, 60.0
"""Lines come this far apart at first and later: a tenth of the time so far, within these."""
JSON_EVERY_S = 1.0
"""``progress`` events come at most so often, and every `FIRST_LINES_S` where nothing happens."""


def manner_of(asked: str) -> str:
    """What ``auto`` means here."""
    if asked != "auto":
        return asked
    return "live" if sys.stderr.isatty() and os.environ.get("TERM") != "dumb" else "plain"


class Progress:
    """Listens to the events of a run and shows where it stands; a context manager."""

    def __init__(self, plan: Plan, manner: str = "auto") -> None:
        self.standing = Standing(plan.manifest, plan.n_attempts)
        for event in plan.past():
            self.standing.add(event)
        self.directory = plan.run
        self.manner = manner_of(manner)
        self.pace = Pace()
        self.started_s = self.said_s = self.heard_s = time.monotonic()
        self.pace.look(self.started_s, self.standing)
        self._lock = threading.RLock()
        self._over = threading.Event()
        self._beat: threading.Thread | None = None
        self._live: Any = None

    def __enter__(self) -> Progress:
        if self.manner == "live":
            from rich.console import Console
            from rich.live import Live

            self._live = Live(
                console=Console(stderr=True, force_terminal=True),
                get_renderable=lambda: self._locked(lambda: rendered(self.standing, self.pace, below=self._quiet())),
                refresh_per_second=5,
                transient=True,
            )
            self._live.start()
            return self
        if self.manner == "json":
            emit("start", run=str(self.directory), **_study(self.standing), **as_data(self.standing, self.pace))
        self._beat = threading.Thread(target=self._keep_beating, name="progress", daemon=True)
        self._beat.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        if self._live is not None:
            self._live.stop()
        if self._beat is not None:
            self._beat.join()
        self._look()
        if self.manner == "json":
            emit("end", outcome=_outcome(self.standing, kind), **as_data(self.standing, self.pace))
        elif self.manner == "plain":
            self._say_line()

    def listen(self, event: Event) -> None:
        """Take one event of the run into account."""
        with self._lock:
            self.standing.add(event)
            self._look()
            self.heard_s = time.monotonic()
            if self.manner == "json":
                if isinstance(event, Failure):
                    emit("failure", **_failure(event))
                if self.heard_s - self.said_s >= JSON_EVERY_S:
                    self._say_line()
            elif self.manner == "plain" and self._is_due():
                self._say_line()

    def say(self, text: str) -> None:
        """A line of talk, above the bars where there are some."""
        if self._live is None:
            say(text)
        else:
            self._live.console.print(text, highlight=False, markup=False)

    def _look(self) -> None:
        self.pace.look(time.monotonic(), self.standing)

    def _locked(self, work: Callable[[], Any]) -> Any:
        with self._lock:
            self._look()
            return work()

    def _keep_beating(self) -> None:
        while not self._over.wait(1.0):
            with self._lock:
                if self._is_due():
                    self._look()
                    self._say_line()

    def _is_due(self) -> bool:
        now_s = time.monotonic()
        apart_s = FIRST_LINES_S
        if self.manner == "plain":
            apart_s = min(LAST_LINES_S, max(FIRST_LINES_S, (now_s - self.started_s) / 10))
        return now_s - self.said_s >= apart_s

    def _say_line(self) -> None:
        self.said_s = time.monotonic()
        if self.manner == "json":
            elapsed_s = round(self.said_s - self.started_s, 3)
            emit("progress", elapsed_s=elapsed_s, **as_data(self.standing, self.pace))
        else:
            parts = (time.strftime("%H:%M:%S"), self._status(), scores(self.standing), self._quiet())
            click.echo("   ".join(part for part in parts if part), err=True)

    def _status(self) -> str:
        return status(self.standing, self.pace)

    def _quiet(self) -> str:
        """How long nothing has come back, where that is long."""
        quiet_s = time.monotonic() - self.heard_s
        return f"nothing for {clock(quiet_s)}" if quiet_s >= LAST_LINES_S and self.standing.left else ""


def _study(standing: Standing) -> dict[str, Any]:
    """What a reader of events needs to know of the study."""
    study = standing.study
    return {
        "models": list(standing.models),
        "tasks": list(standing.tasks),
        "budgets": list(study.budgets),
        "control": str(study.control.value),
        "samples": study.samples,
        "max_usd": study.max_usd,
    }


def _failure(event: Failure) -> dict[str, Any]:
    return {key: getattr(event, key) for key in ("model", "task", "problem", "sample", "budget", "stage")} | {
        "error": event.error[:2000]
    }


def _outcome(standing: Standing, kind: type[BaseException] | None) -> str:
    """``complete``, ``incomplete`` (some failed, or there was no more money), or ``stopped``."""
    if kind is not None:
        return "stopped"
    return "incomplete" if standing.left else "complete"
