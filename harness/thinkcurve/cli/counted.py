"""How far counted work is, on stderr, in the manners of `thinkcurve.cli.progress`: regrading, a report of many runs.

Short work says nothing: the first plain line comes after ten seconds, and none where nothing takes so long.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any

import click

from thinkcurve.cli.progress import FIRST_LINES_S, JSON_EVERY_S, LAST_LINES_S, MANNERS, manner_of
from thinkcurve.cli.standing_words import clock
from thinkcurve.cli.voice import emit

DRAWN_EVERY_S = 0.2

progress_option: Callable[[Any], Any] = click.option(
    "--progress",
    type=click.Choice(MANNERS),
    default="auto",
    metavar="HOW",
    help="On stderr: live, plain (a log) or json (events).",
)


class Counted:
    """So many of so many ``unit``, said as they come and also while none does; a context manager."""

    def __init__(self, unit: str, manner: str = "auto") -> None:
        self.unit, self.manner = unit, manner_of(manner)
        self.done, self.total, self.doing = 0, 0, ""
        self.started_s = self._said_s = time.monotonic()
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._beat = threading.Thread(target=self._keep_beating, name="counted", daemon=True)

    def __enter__(self) -> Counted:
        self._beat.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._beat.join()
        if self.manner == "live":
            click.echo("\r\x1b[K", nl=False, err=True, color=True)
        elif self.manner == "json":
            self._say()

    def step(self, done: int, total: int, doing: str = "") -> None:
        """Take in how far it is; ``doing`` is what comes now."""
        self.done, self.total, self.doing = done, total, doing
        self._say_if_due()

    def say(self, text: str) -> None:
        """A line of talk, in place of what is drawn."""
        from thinkcurve.cli.voice import say

        with self._lock:
            if self.manner == "live":
                click.echo("\r\x1b[K", nl=False, err=True, color=True)
            say(text)

    def _keep_beating(self) -> None:
        while not self._over.wait(1.0):
            self._say_if_due()

    def _say_if_due(self) -> None:
        with self._lock:
            if time.monotonic() - self._said_s >= self._apart_s():
                self._say()

    def _apart_s(self) -> float:
        if self.manner == "live":
            return DRAWN_EVERY_S
        if self.manner == "json":
            return JSON_EVERY_S
        return min(LAST_LINES_S, max(FIRST_LINES_S, (time.monotonic() - self.started_s) / 10))

    def _say(self) -> None:
        self._said_s = time.monotonic()
        elapsed_s = self._said_s - self.started_s
        if self.manner == "json":
            told = {"done": self.done, "total": self.total, "unit": self.unit, "doing": self.doing}
            emit("progress", elapsed_s=round(elapsed_s, 3), **told)
            return
        count = f"{self.done:,} of {self.total:,} {self.unit}" if self.total else ""
        words = "   ".join(part for part in (count, self.doing, clock(elapsed_s)) if part)
        if self.manner == "live":
            click.echo(f"\r\x1b[K{words}", nl=False, err=True, color=True)
        else:
            click.echo(f"{time.strftime('%H:%M:%S')}   {words}", err=True)
