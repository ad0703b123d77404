"""A few faults of every kind in each run of the tests, 500 in the slow ones; and whether the campaign can fail.

It runs in a process of its own, which forks: that of the tests has threads.
"""

import asyncio
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from campaign import ENVIRONMENT, differences
from cases import KINDS
from scenes import tables_of
from scripts import Doubling, given, sweep
from thinkcurve.merge import compact_run
from thinkcurve.store import journal_path
from thinkcurve.tables import attempts_path, traces_path

pytestmark = pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="processes are watched by descriptor (Linux)")
CAMPAIGN = Path(__file__).with_name("campaign.py")
UNLOCKED = """
import sys
sys.path.insert(0, {folder!r})
import campaign
import thinkcurve.store
thinkcurve.store.lock = lambda fd: True
sys.exit(campaign.main())
"""


def carried_out(*words: str, limit_s: float) -> "subprocess.CompletedProcess[str]":
    env = os.environ | ENVIRONMENT
    return subprocess.run([sys.executable, *words], capture_output=True, text=True, timeout=limit_s, env=env)


def test_after_a_fault_of_any_kind_the_run_ends_as_if_nothing_had_happened() -> None:
    done = carried_out(str(CAMPAIGN), "--each", "1", "--seed", "1", limit_s=400)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{len(KINDS)} faults in" in done.stdout


@pytest.mark.slow
def test_after_500_faults_every_run_ends_as_if_nothing_had_happened() -> None:
    done = carried_out(str(CAMPAIGN), "--faults", "500", limit_s=3600)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "500 faults in" in done.stdout


def test_the_campaign_finds_that_a_lock_is_missing() -> None:
    code = UNLOCKED.format(folder=str(CAMPAIGN.parent))
    done = carried_out("-c", code, "--kinds", "two processes", "--each", "4", "--seed", "2", limit_s=400)
    assert done.returncode == 1, done.stdout + done.stderr
    assert re.search(r"^ *\d+ two processes .*WRONG: .*attempts were made twice", done.stdout, re.MULTILINE)


def change_line(change: Callable[[list[bytes]], list[bytes]]) -> Callable[[Path], None]:
    def apply(run: Path) -> None:
        lines = journal_path(run).read_bytes().splitlines(keepends=True)
        journal_path(run).write_bytes(b"".join(change(lines)))
        compact_run(run)

    return apply


def another_verdict(lines: list[bytes]) -> list[bytes]:
    place = next(i for i, line in enumerate(lines) if b'"verdict":"correct"' in line)
    line = lines[place].replace(b'"verdict":"correct"', b'"verdict":"incorrect"')
    return [*lines[:place], line[: line.index(b',"crc32"')] + b"}\n", *lines[place + 1 :]]


@pytest.mark.parametrize(
    ("spoil", "found"),
    [
        (change_line(lambda lines: lines[:-1]), r"attempts\.parquet has 14 rows, not 15"),
        (change_line(lambda lines: lines[1:]), r"traces\.parquet has 2 rows, not 3"),
        (change_line(another_verdict), r"attempts\.parquet: 1 rows are others"),
        (change_line(lambda lines: [*lines, lines[-1]]), r"1 attempts were made twice"),
        (lambda run: (run / ".curve.html.7").write_text("half"), r"drafts are left: \.curve\.html\.7"),
        (lambda run: attempts_path(run).write_bytes(b"PAR1"), r"attempts\.parquet has 1 rows"),
        (lambda run: traces_path(run).unlink(), r"traces\.parquet has 0 rows"),
    ],
    ids=["attempt lost", "trace lost", "verdict", "twice", "draft", "damaged", "no table"],
)
def test_the_comparison_sees_what_is_broken(tmp_path: Path, spoil: Callable[[Path], object], found: str) -> None:
    asyncio.run(sweep(tmp_path, objects=given(task=Doubling(3))))
    whole = tables_of(tmp_path)
    assert differences(tmp_path, whole) == []
    spoil(tmp_path)
    wrong = differences(tmp_path, whole)
    assert len(wrong) == 1
    assert re.match(found, wrong[0])
