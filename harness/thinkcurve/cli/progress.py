"""Progress of a run: a bar a budget with the live accuracy of each task, tokens a second, dollars and the time left.

On a terminal it is drawn in place; redirected to a file it is a plain line now and then.
"""

from __future__ import annotations

import sys
import time
from collections import Counter
from types import TracebackType
from typing import TYPE_CHECKING

import click

from thinkcurve.budget import Budget, format_budget
from thinkcurve.problem import Verdict
from thinkcurve.purse import is_paid
from thinkcurve.store import Attempt, Event, Failure, Trace
from thinkcurve.tariff import format_usd

if TYPE_CHECKING:
    from rich.console import Group

    from thinkcurve.plan import Plan

LINE_EVERY_S = 10.0
BAR_WIDTH = 24


class Progress:
    """Listens to the events of a run and shows where it stands; a context manager."""

    def __init__(self, plan: Plan) -> None:
        self.budgets = plan.study.budgets
        self.control = plan.study.control
        self.max_usd = plan.study.max_usd
        self.paid = {s.spec for s in plan.sessions if is_paid(s.backend.model, s.tariff)}
        self.charged: dict[tuple[object, ...], float | None] = {}
        self.tasks = plan.study.tasks
        self.total = plan.n_attempts
        self.done: Counter[Budget] = Counter()
        self.graded: Counter[tuple[str, Budget]] = Counter()
        self.right: Counter[tuple[str, Budget]] = Counter()
        self.failed = 0
        self.tokens = 0
        self.spent = {key: trace.generated_spent or 0 for key, trace in plan.records.traces.items()}
        for trace in plan.records.traces.values():
            self._charge(trace)
        for attempt in plan.records.attempts.values():
            self._count(attempt)
            self._charge(attempt)
        self.started_done = sum(self.done.values())
        self.started_s = self.said_s = time.monotonic()
        self.live: object | None = None

    def __enter__(self) -> Progress:
        if sys.stderr.isatty():
            from rich.console import Console
            from rich.live import Live

            live = Live(
                console=Console(stderr=True),
                get_renderable=self._render,
                refresh_per_second=5,
                transient=True,
            )
            live.start()
            self.live = live
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.live is not None:
            self.live.stop()  # type: ignore[attr-defined] # rich's Live, imported only on a terminal
        elif kind is None:
            self._say_line()

    def listen(self, event: Event) -> None:
        """Take one event of the run into account."""
        if isinstance(event, Attempt):
            self._count(event)
            self._charge(event)
            self.tokens += event.generated_spent or 0
        elif isinstance(event, Trace):
            self._charge(event)
            self.tokens += (event.generated_spent or 0) - self.spent.get(event.key, 0)
            self.spent[event.key] = event.generated_spent or 0
        elif isinstance(event, Failure):
            self.failed += 1
        if self.live is None and time.monotonic() - self.said_s >= LINE_EVERY_S:
            self._say_line()

    def _count(self, attempt: Attempt) -> None:
        key = (attempt.task, attempt.budget)
        self.done[attempt.budget] += 1
        self.graded[key] += 1
        self.right[key] += attempt.verdict is Verdict.CORRECT

    def _charge(self, event: Trace | Attempt) -> None:
        """Note what was paid for a record; the last word on a key counts, as in the records themselves."""
        if event.model in self.paid and not (isinstance(event, Attempt) and event.is_shared_answer):
            self.charged[(type(event), *event.key)] = event.usd_spent

    def _dollars(self) -> str | None:
        """What was paid so far, where anything of it is known."""
        known = [usd for usd in self.charged.values() if usd is not None]
        if not known:
            return None
        so_far = ("" if len(known) == len(self.charged) else "over ") + format_usd(sum(known))
        return so_far if self.max_usd is None else f"{so_far} of {format_usd(self.max_usd)}"

    def say(self, text: str) -> None:
        """A line of talk, above the bar where there is one."""
        if self.live is None:
            click.echo(text, err=True)
        else:
            self.live.console.print(text, highlight=False, markup=False)  # type: ignore[attr-defined] # rich's Live

    @property
    def _n_done(self) -> int:
        return sum(self.done.values())

    def _status(self) -> str:
        now_s = time.monotonic() - self.started_s
        fresh = self._n_done - self.started_done
        words = [
            f"{self._n_done:,} of {self.total:,} attempts",
            f"{self.tokens / max(now_s, 1e-9):,.0f} tokens/s",
        ]
        if dollars := self._dollars():
            words.append(dollars)
        if fresh and now_s > 1:
            words.append(f"{_clock((self.total - self._n_done) * now_s / fresh)} left")
        if self.failed:
            words.append(f"{self.failed:,} failed")
        return "   ".join(words)

    def _say_line(self) -> None:
        self.said_s = time.monotonic()
        click.echo(self._status(), err=True)

    def _render(self) -> Group:
        from rich.console import Group
        from rich.progress_bar import ProgressBar
        from rich.table import Table
        from rich.text import Text

        each = self.total // len(self.budgets)
        table = Table.grid(padding=(0, 1))
        for budget in self.budgets:
            scores = [Text(f"{task} {self._score(task, budget):>6}") for task in self.tasks[:3]]
            bar = ProgressBar(total=max(each, 1), completed=self.done[budget], width=BAR_WIDTH)
            table.add_row(Text(format_budget(budget, self.control), justify="right"), bar, *scores)
        return Group(table, Text(self._status()))

    def _score(self, task: str, budget: Budget) -> str:
        graded = self.graded[(task, budget)]
        return f"{100 * self.right[(task, budget)] / graded:.0f} %" if graded else "–"


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{rest:02}" if minutes >= 60 else f"{minutes}:{rest:02}"
