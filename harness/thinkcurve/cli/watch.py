"""``thinkcurve watch``: follow a run from outside, in a terminal, as lines, or on a live page."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from rich.console import Group

    from thinkcurve.report.watch.follow import Follower

LOOK_EVERY_S = 1.0
LINE_EVERY_S = 10.0
"""Lines for a log or a pipe come so far apart, and at once where the state changes."""
CODES = {"finished": 0, "failed": 3, "stopped": 3}
EPILOG = """\b
Ends with the run: exit code 0 if it is whole, 3 if attempts failed or it was
stopped. Another machine can watch where it sees the run's directory.
Example: thinkcurve watch results/embedded --page
"""


@click.command(name="watch", epilog=EPILOG)
@click.argument("run", type=click.Path(path_type=Path), metavar="RUN")
@click.option("--page", "is_page", is_flag=True, help="Serve a live page on this machine, until Ctrl-C.")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=0, metavar="N", help="Of the page.  [default: a free one]"
)
@click.option("--once", is_flag=True, help="Say where it stands now, and end.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line, where something changed.")
def command(run: Path, is_page: bool, port: int, once: bool, as_json: bool) -> None:
    """Follow a run that is going on, from its directory.

    Nothing of the run is touched: watch as often and from wherever you like. In a terminal it is drawn in place, in a
    pipe or a file it is a line now and then.
    """
    from thinkcurve.errors import UsageError
    from thinkcurve.report.watch.follow import Follower

    if is_page and (once or as_json):
        raise UsageError("--page shows a page; it goes with neither --once nor --json")
    if port and not is_page:
        raise UsageError("--port is of the page: add --page")
    follower = Follower(run)
    if is_page:
        _serve(follower, port)
    elif once or as_json:
        _each(follower, _Json() if as_json else _say_table, once=once)
    elif sys.stdout.isatty() and os.environ.get("TERM") != "dumb":
        _live(follower)
    else:
        _each(follower, _Lines(), once=False)
    sys.exit(0 if once or is_page else CODES[follower.state])


def _serve(follower: Follower, port: int) -> None:
    from thinkcurve.report.watch.serve import WatchServer

    with WatchServer(follower, port) as server:
        click.echo(server.url)
        click.echo("Ctrl-C ends it; the run goes on.", err=True)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            click.echo("", err=True)


def _each(follower: Follower, say: Callable[[Follower, bool], None], *, once: bool) -> None:
    """Look, and say something of what is new, until the run has ended."""
    while True:
        is_new = follower.look()
        say(follower, is_new)
        if once or follower.state in CODES:
            return
        time.sleep(LOOK_EVERY_S)


def _live(follower: Follower) -> None:
    from rich.live import Live

    with Live(_rendered(follower), refresh_per_second=2) as live:
        while True:
            follower.look()
            live.update(_rendered(follower))
            if follower.state in CODES:
                return
            time.sleep(LOOK_EVERY_S)


def _say_table(follower: Follower, is_new: bool) -> None:
    from rich.console import Console

    Console(soft_wrap=True).print(_rendered(follower))


class _Lines:
    """A line now and then, and at each change of state."""

    def __init__(self) -> None:
        self.said_s = -LINE_EVERY_S
        self.state = ""

    def __call__(self, follower: Follower, is_new: bool) -> None:
        from thinkcurve.cli.standing_words import scores, status

        now_s, state = time.monotonic(), str(follower.state)
        if state == self.state and now_s - self.said_s < LINE_EVERY_S:
            return
        self.said_s, self.state = now_s, state
        parts = (
            time.strftime("%H:%M:%S"),
            status(follower.standing, follower.pace, is_going=_is_going(follower)),
            scores(follower.standing),
            _state_words(follower),
        )
        click.echo("   ".join(part for part in parts if part))


class _Json:
    """One object where something changed."""

    def __init__(self) -> None:
        self.state = ""

    def __call__(self, follower: Follower, is_new: bool) -> None:
        from thinkcurve.report.watch.data import state_of

        if is_new or follower.state != self.state:
            self.state = str(follower.state)
            click.echo(json.dumps(state_of(follower), allow_nan=False))


def _rendered(follower: Follower) -> Group:
    from thinkcurve.cli.standing_words import rendered

    words, is_going = _state_words(follower), _is_going(follower)
    return rendered(follower.standing, follower.pace, below=words, is_going=is_going)


def _is_going(follower: Follower) -> bool:
    """Whether somebody is at work on the run, as far as is known."""
    return follower.state == "running" and follower.is_held is not False


def _state_words(follower: Follower) -> str:
    """What becomes of the run, in words, where that is not plain from the figures."""
    from thinkcurve.cli.standing_words import clock
    from thinkcurve.report.watch.follow import FRESH_S

    words = {
        "finished": "finished",
        "failed": "finished; the same command tries the failed ones again",
        "stopped": "stopped before its end; the same command goes on",
    }
    if follower.state in words:
        return words[follower.state]
    if follower.is_held is False:
        return f"no process seen here writes it; last written {clock(follower.quiet_s)} ago"
    return f"nothing written for {clock(follower.quiet_s)}" if follower.quiet_s >= FRESH_S else ""
