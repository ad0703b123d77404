"""``kill -9`` at random moments, resumed each time: the final attempts are those of an undisturbed run."""

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from scripts import what_was_said
from thinkcurve.run import load_run
from thinkcurve.store import journal_path

KILLS = 20

SCRIPTED = """
import asyncio, sys
sys.path.insert(0, {here!r})
from scripts import STUDY, Doubling, adder, given
from thinkcurve.run import sweep

async def slow(asked):
    await asyncio.sleep(0.02)
    return adder(asked)

objects = given(slow, task=Doubling(120), concurrency=4)
sweep(STUDY, {run!r}, backends=objects.backends, tasks=objects.tasks)
"""

EMBEDDED = """
from thinkcurve.run import sweep
from thinkcurve.study import Study
sweep(Study(limit=60), {run!r})
"""


def start(script: str, run: Path) -> subprocess.Popen[bytes]:
    code = script.format(here=str(Path(__file__).parent), run=str(run))
    return subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.DEVNULL)


@pytest.mark.parametrize(
    ("script", "n_attempts"),
    [
        pytest.param(SCRIPTED, 600, id="scripted"),
        pytest.param(EMBEDDED, 720, id="embedded", marks=pytest.mark.slow),
    ],
)
def test_killed_at_random_moments_it_ends_the_same(tmp_path: Path, script: str, n_attempts: int) -> None:
    calm = tmp_path / "calm"
    first = start(script, calm)
    wait_for_growth(journal_path(calm), first)
    began = time.monotonic()
    assert first.wait() == 0
    work_s = time.monotonic() - began
    rng = random.Random(0)
    kills, finished = 0, []
    while kills < KILLS:
        killed = tmp_path / f"killed-{len(finished)}"
        process = start(script, killed)
        if rng.random() < 0.8:  # else it may die before its first event: while it starts, or restores what there is
            wait_for_growth(journal_path(killed), process)
        time.sleep(rng.uniform(0, 1.5 * work_s / KILLS))
        process.kill()
        kills += process.wait() == -signal.SIGKILL
        if process.returncode == 0:
            finished.append(killed)
    assert start(script, killed).wait() == 0
    one = load_run(calm, warn=pytest.fail)
    for path in {*finished, killed}:
        other = load_run(path, warn=pytest.fail)
        assert len(other.records.attempts) == n_attempts
        assert not other.records.failures
        assert [what_was_said(a) for a in in_order(other)] == [what_was_said(a) for a in in_order(one)]
        events = journal_path(path).read_text().count('"event":"attempt"')
        assert events == n_attempts, "an attempt was graded twice"


def in_order(run: object) -> list[object]:
    attempts = run.records.attempts  # type: ignore[attr-defined]
    return [attempts[key] for key in sorted(attempts, key=str)]


def wait_for_growth(journal: Path, process: subprocess.Popen[bytes]) -> None:
    """Wait until this process has written something of its own, so that a kill meets it at work."""
    before = journal.stat().st_size if journal.exists() else 0
    while process.poll() is None:
        if journal.exists() and journal.stat().st_size > before:
            return
        time.sleep(0.01)
