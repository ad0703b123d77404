"""Progress in each manner: lines that a log holds, events that a program reads, and silence that is noticed."""

from __future__ import annotations

import io
import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import pytest

from records import a_failure, an_attempt
from report.watch.followed import MANIFEST
from thinkcurve.cli import progress as module
from thinkcurve.cli.progress import Progress, manner_of
from thinkcurve.cli.standing_words import clock, rendered
from thinkcurve.cli.voice import say, speak_json
from thinkcurve.report.watch.standing import Pace, Standing
from thinkcurve.store import Event, Manifest, Records

HOSTILE = "\x1b]0;pwned\x07\x1b[2J\u202e\n[red]"


@dataclass
class APlan:
    """As much of a plan as progress looks at."""

    manifest: Manifest = MANIFEST
    n_attempts: int = 4
    run: Path = Path("results/x")
    records: Records = field(default_factory=Records)

    def past(self) -> Iterator[Event]:
        for rows in (self.records.traces, self.records.attempts, self.records.failures):
            yield from rows.values()


@pytest.fixture(autouse=True)
def _words_again() -> Iterator[None]:
    yield
    speak_json(False)


def progress_of(manner: str, **of: Any) -> Progress:
    return Progress(APlan(**of), manner)  # type: ignore[arg-type]  # a stand-in


def test_auto_is_plain_where_nothing_can_be_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    assert manner_of("auto") == "plain", "pytest's stderr is no terminal"
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    assert manner_of("auto") == "live"
    monkeypatch.setenv("TERM", "dumb")
    assert manner_of("auto") == "plain"
    assert manner_of("json") == "json"


def test_plain_lines_are_whole_and_hold_nothing_but_text(capsys: pytest.CaptureFixture[str]) -> None:
    with progress_of("plain") as progress:
        progress.listen(an_attempt(0))
        progress.say("a word")
    said = capsys.readouterr().err
    assert re.fullmatch(r"a word\n\d\d:\d\d:\d\d   1 of 4 attempts .*t 100% at 8\n", said)
    assert all(char.isprintable() for char in said.replace("\n", ""))


def test_names_of_models_cannot_command_a_log(capsys: pytest.CaptureFixture[str]) -> None:
    study = msgspec.structs.replace(MANIFEST.study, models=(HOSTILE, "m"))
    manifest = msgspec.structs.replace(MANIFEST, study=study)
    with progress_of("plain", manifest=manifest) as progress:
        progress.listen(msgspec.structs.replace(an_attempt(0), model=HOSTILE))
    said = capsys.readouterr().err
    assert "\x1b" not in said
    assert "\u202e" not in said
    assert said.count("\n") == 1


def test_silence_is_said(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(module, "FIRST_LINES_S", 0.0)
    monkeypatch.setattr(module, "LAST_LINES_S", 0.0)
    with progress_of("plain"):
        wait_for(lambda: "nothing for" in capsys.readouterr().err)


def wait_for(is_so: Any, limit_s: float = 10.0) -> None:
    until_s = time.monotonic() + limit_s
    while not is_so():
        assert time.monotonic() < until_s
        time.sleep(0.05)


def test_lines_come_rarer_the_longer_a_run_takes() -> None:
    progress = progress_of("plain")
    for elapsed_s, apart_s in ((0, 10), (300, 30), (36_000, 60)):
        now_s = time.monotonic()
        progress.started_s = now_s - elapsed_s
        progress.said_s = now_s - apart_s + 2
        assert not progress._is_due()
        progress.said_s = now_s - apart_s - 1
        assert progress._is_due()


def test_every_line_is_json_where_json_is_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    speak_json()
    with progress_of("json") as progress:
        progress.listen(msgspec.structs.replace(a_failure(1), error=HOSTILE))
        progress.say("a word")
        progress.listen(an_attempt(0))
    say("after")
    said = capsys.readouterr().err
    assert said.isascii()
    events = [json.loads(line) for line in said.splitlines()]
    assert [event["event"] for event in events] == ["start", "failure", "message", "end", "message"]
    assert events[1]["error"] == HOSTILE
    assert (events[3]["outcome"], events[3]["done"], events[3]["failed"]) == ("incomplete", 1, 1)
    assert (events[3]["cells"][0]["accuracy"], events[3]["cells"][0]["of"]) == (1.0, 4)


@pytest.mark.parametrize(("n", "error", "outcome"), [(4, None, "complete"), (3, None, "incomplete"), (4, 1, "stopped")])
def test_an_end_says_how_it_came(n: int, error: int | None, outcome: str, capsys: pytest.CaptureFixture[str]) -> None:
    def work() -> None:
        with progress_of("json") as progress:
            for index in range(n):
                progress.listen(an_attempt(index))
            if error:
                raise KeyboardInterrupt

    if error:
        with pytest.raises(KeyboardInterrupt):
            work()
    else:
        work()
    assert json.loads(capsys.readouterr().err.splitlines()[-1])["outcome"] == outcome


def test_what_a_run_has_already_counts_as_done_and_not_as_pace() -> None:
    records = Records()
    records.add(an_attempt(0))
    progress = progress_of("plain", records=records)
    assert "1 of 4 attempts" in progress._status()
    assert "left" not in progress._status()


def test_bars_fit_80_columns_with_many_models_and_long_names() -> None:
    from rich.console import Console

    names = ("m", "x" * 200, HOSTILE)
    study = msgspec.structs.replace(MANIFEST.study, models=names, budgets=(0, 65536, None))
    tasks = tuple(msgspec.structs.replace(MANIFEST.tasks[0], name=name) for name in ("t", "y" * 60, HOSTILE))
    standing = Standing(msgspec.structs.replace(MANIFEST, study=study, tasks=tasks))
    standing.add(an_attempt(0, budget=None))
    console = Console(width=80, record=True, file=io.StringIO(), color_system=None)
    console.print(rendered(standing, Pace()))
    lines = console.export_text().splitlines()
    assert max(map(len, lines)) <= 80
    assert not any("\x1b" in line or "\u202e" in line for line in lines)
    assert "t 100 %" in lines[3]


def test_a_clock_reads_as_people_read_it() -> None:
    assert [clock(s) for s in (5, 65, 3600, 47 * 3600, 75 * 3600)] == ["0:05", "1:05", "1:00:00", "47:00:00", "3 d 3 h"]


def test_a_run_tells_its_events_and_only_them(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "thinkcurve.cli.main", "run", "-m", "embedded", "-t", "arithmetic"]
    flags = ["--limit", "4", "--budgets", "0,64", "--progress", "json", "--json", "-o", "run"]
    done = subprocess.run([*command, *flags], cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0
    events = [json.loads(line) for line in done.stderr.splitlines()]
    kinds = [event["event"] for event in events]
    assert kinds[0] == "message"
    assert kinds.count("start") == kinds.count("end") == 1
    end = events[kinds.index("end")]
    points = json.loads(done.stdout)["curves"][0]["points"]
    assert (end["outcome"], end["done"], end["total"]) == ("complete", 8, 8)
    assert [cell["accuracy"] for cell in end["cells"]] == [point["accuracy"] for point in points]
    assert [cell["thinking_tokens"] for cell in end["cells"]] == [point["thinking_tokens"] for point in points]
    refused = subprocess.run(
        [*command, "--progress", "json", "--budgets", "5,1"], cwd=tmp_path, capture_output=True, text=True, timeout=60
    )
    assert refused.returncode == 2
    assert json.loads(refused.stderr)["event"] == "error"
    assert json.loads(refused.stderr)["exit"] == 2
