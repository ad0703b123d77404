"""A run followed from outside, while it grows, is torn, begins again, or is left by the process that wrote it."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from records import a_failure, a_trace, an_attempt
from report.watch.followed import MANIFEST, STUDY, line, write
from thinkcurve.errors import UsageError
from thinkcurve.problem import Verdict
from thinkcurve.report.watch.data import state_of
from thinkcurve.report.watch.follow import Follower, State, is_locked
from thinkcurve.store import Journal, Records, journal_path, write_manifest
from thinkcurve.tables import compact


@pytest.fixture
def run(tmp_path: Path) -> Path:
    write_manifest(tmp_path, MANIFEST)
    return tmp_path


def test_a_directory_that_is_no_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no manifest\.json"):
        Follower(tmp_path)


def test_what_is_added_is_counted_once(run: Path) -> None:
    follower = Follower(run)
    assert not follower.look()
    write(run, line(a_trace()) + line(an_attempt(0)))
    assert follower.look()
    assert not follower.look()
    write(run, line(an_attempt(1, verdict=Verdict.INCORRECT)))
    assert follower.look()
    assert follower.standing.done == 2
    assert follower.standing.cells["m", "t", 8].accuracy == 0.5


def test_a_line_that_is_not_whole_yet_is_read_when_it_is(run: Path) -> None:
    whole, follower = line(an_attempt(0)), Follower(run)
    for start in range(0, len(whole), 40):
        assert follower.standing.done == 0
        write(run, whole[start : start + 40])
        follower.look()
    assert follower.standing.done == 1


def test_a_torn_tail_that_the_run_drops_when_it_goes_on_changes_nothing(run: Path) -> None:
    follower = Follower(run)
    write(run, line(an_attempt(0)) + line(an_attempt(1))[:50])
    follower.look()
    with_journal = Journal(run)  # drops the torn tail
    with_journal.append(an_attempt(2), 0.0)
    with_journal.close()
    follower.look()
    assert follower.standing.done == 2
    follower.standing.add(an_attempt(1))
    assert follower.standing.done == 3


def test_a_damaged_line_is_passed_over(run: Path) -> None:
    write(run, b"\xff\xfe{not json\n" + b'{"event":"what"}\n' + line(an_attempt(0)) + b"\x00" * 100 + b"\n")
    follower = Follower(run)
    follower.look()
    assert follower.standing.done == 1


def test_a_journal_written_anew_is_counted_anew(run: Path) -> None:
    write(run, line(an_attempt(0)) + line(an_attempt(1)))
    follower = Follower(run)
    follower.look()
    write(run, line(an_attempt(2)), "wb")
    follower.look()
    assert follower.standing.done == 1


def test_a_run_that_grows_has_a_new_total(run: Path) -> None:
    follower = Follower(run)
    follower.look()
    assert follower.standing.total == 4
    write(run, line(an_attempt(0)))
    grown = msgspec.structs.replace(MANIFEST, study=msgspec.structs.replace(STUDY, budgets=(8, 16, None)))
    write_manifest(run, grown)
    follower.look()
    assert (follower.standing.total, follower.standing.done) == (12, 1)


def test_a_run_without_its_journal_is_read_from_its_tables(run: Path) -> None:
    records = Records()
    for event in (a_trace(), an_attempt(0)):
        records.add(event)
    compact(run, records)
    follower = Follower(run)
    assert follower.look()
    assert not follower.look()
    assert (follower.standing.done, follower.standing.tokens) == (1, 2 + len("so 2+2=4"))


def test_a_run_that_came_to_its_end_says_how(run: Path) -> None:
    write(run, line(an_attempt(0)) + line(a_failure(1)))
    write_manifest(run, msgspec.structs.replace(MANIFEST, finished="2026-01-01T00:01:00+00:00"))
    follower = Follower(run)
    follower.look()
    assert follower.state is State.FAILED
    assert follower.pace.per_second() == (1 / 60, 2 / 60)
    write(run, line(an_attempt(1)))
    follower.look()
    assert follower.state is State.FINISHED


def test_a_fresh_run_that_nobody_is_seen_to_hold_counts_as_running(run: Path) -> None:
    write(run, line(an_attempt(0)))
    follower = Follower(run)
    for _ in range(3):
        follower.look()
    assert follower.state is State.RUNNING


HOLD = """
import sys
from pathlib import Path
from thinkcurve.store import Journal
journal = Journal(Path(sys.argv[1]))
print("held", flush=True)
sys.stdin.read()
"""


@pytest.mark.skipif(not Path("/proc/locks").exists(), reason="no /proc/locks here: nobody can be seen to hold a run")
def test_a_run_whose_process_is_killed_is_stopped(run: Path) -> None:
    holder = subprocess.Popen([sys.executable, "-c", HOLD, str(run)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert holder.stdout is not None
    assert holder.stdin is not None
    try:
        assert holder.stdout.readline() == b"held\n"
        if not is_locked(journal_path(run)):
            pytest.skip("this kernel does not show locks of other processes")
        follower = Follower(run)
        for _ in range(3):
            follower.look()
            assert follower.state is State.RUNNING
    finally:
        holder.send_signal(signal.SIGKILL)
        holder.communicate()
    follower.look()
    follower.look()
    assert follower.state is State.STOPPED
    assert state_of(follower)["left_s"] is None


def test_looking_takes_no_lock(run: Path) -> None:
    write(run, line(an_attempt(0)))
    follower = Follower(run)
    follower.look()
    Journal(run).close()  # refused where another holds it
    assert is_locked(run / "nothing") is None


def test_a_lock_is_of_a_file_on_its_own_device(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = journal_path(run)
    journal.touch()
    status = journal.stat()
    ours = f"{os.major(status.st_dev):02x}:{os.minor(status.st_dev):02x}:{status.st_ino}"
    read = Path.read_text

    def locks(*lines: str) -> None:
        text = "".join(f"{i}: {line} EOF\n" for i, line in enumerate(lines))
        monkeypatch.setattr(
            Path, "read_text", lambda path, **more: text if str(path) == "/proc/locks" else read(path, **more)
        )

    other = f"7b:7c:{status.st_ino}"
    for lines, found in (
        ((f"FLOCK  ADVISORY  WRITE 71 {ours} 0",), True),
        ((f"FLOCK  ADVISORY  WRITE 71 {other} 0", f"FLOCK  ADVISORY  WRITE 71 {ours} 0"), True),
        ((f"FLOCK  ADVISORY  WRITE 71 {other} 0",), None),  # of another file, or of this one by another name
        ((f"POSIX  ADVISORY  WRITE 71 {ours} 0", "FLOCK  ADVISORY  WRITE 71 7b:7c:12 0"), False),
        ((), False),
    ):
        locks(*lines)
        assert is_locked(journal) is found
