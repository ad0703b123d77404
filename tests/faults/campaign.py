"""Faults, drawn at random over all kinds and points, and what becomes of a run: ``python tests/faults/campaign.py``.

    --faults 500 --seed 0    draw so many; the same seed draws the same cases
    --first 20               carry out only the first so many of them
    --only 17                carry out one, and print all that was said
    --each 2                 so many of each kind instead
    --kinds kill,hang        only these kinds

A case disturbs one `thinkcurve run` of a small study, once, then gives the same command again, undisturbed, as a user
would. It must then end complete, with the tables of a run that nothing disturbed (time left out), every attempt made
once, and no draft left behind. What is seen of the disturbed command must fit the fault: its exit code, one line of
complaint, no traceback. A line a case is printed, and a table by kind; docs/faults.md tells of it.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

sys.path.insert(0, str(Path(__file__).parent))

from cases import AT_REST, EXCEPTIONS, KINDS, Case, draw
from fault import Fault
from scenes import SCENES, Scene, command, copy, cut_short, flip, journal_keys, tables_of, write_studies, zero
from zygote import Command, Ended, n_threads, points_of, warm_up

ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "JE_ARROW_MALLOC_CONF": "background_thread:false",
    "HF_HUB_OFFLINE": "1",
    "COLUMNS": "120",
}
"""What the process has to be started with: one thread, since it forks, no hub, and lines that are not broken."""
GRACE_S = 10.0
"""What a scheduler leaves a process between SIGTERM and SIGKILL is more (Slurm's KillWait: 30 s)."""
BLOCKED_S = 1.0
"""So long a process is waited for that cannot hear a signal, since the disk holds it."""
MOST_DRAWS = 20
TRIES = 3
"""Commands that a run may take after its fault."""


class Result(msgspec.Struct):
    """What became of a case: the exit codes of its commands, and what was wrong; nothing where all was right."""

    case: Case
    codes: list[int]
    wrong: list[str]
    has_struck: bool
    cpu_s: float = 0.0
    said: str = ""


class Campaign:
    """Carries cases out in ``folder``."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._run = folder / "run"
        self._told = folder / "points.json"
        write_studies(folder)
        for study in ("sums", "workers"):
            warm_up(command(folder, study, folder / f"warm-{study}"), folder)
        assert n_threads() == 1, "a fork of threads is no copy"
        self.points: dict[str, Counter[str]] = {}
        self._whole: dict[str, dict[str, list[dict[str, object]]]] = {}
        self._shown = ""
        for scene in SCENES.values():
            self._prepare(scene)

    def _prepare(self, scene: Scene) -> None:
        """The state that a scene begins with, the points that it passes undisturbed, and the tables it ends with."""
        start = self._start_of(scene)
        if scene.start == "half":
            n = self.points["segments" if scene.segment_bytes else "fresh"]["write journal"]
            self._start(scene, start, Fault("kill", "write journal", n // 2)).wait()
        elif scene.start == "finished":
            self._start(scene, start).wait()
        copy(start, self._run)
        ended = self._start(scene, self._run).wait()
        assert ended.code == 0, ended.said
        self.points[scene.name] = points_of(self._told)
        self._whole.setdefault(scene.study, tables_of(self._run))
        assert tables_of(self._run) == self._whole[scene.study], f"{scene.name}: undisturbed, but not the same"
        if scene.start == "finished":
            self._shown = self._give("show", str(self._run)).wait().said

    def _start_of(self, scene: Scene) -> Path:
        return self._folder / "starts" / scene.name.replace(" ", "-")

    def _start(self, scene: Scene, run: Path, fault: Fault | None = None) -> Command:
        words = command(self._folder, scene.study, run)
        return Command(words, run, fault, segment_bytes=scene.segment_bytes, told=self._told)

    def _give(self, *words: str) -> Command:
        return Command(words, self._run, None, segment_bytes=0, told=self._told)

    def carry_out(self, case: Case) -> Result:
        """One case, from its start to the comparison of its tables."""
        scene = SCENES[case.scene]
        copy(self._start_of(scene), self._run)
        result = Result(case, [], [], has_struck=True)
        if case.fault.point == AT_REST:
            self._disturb_at_rest(case, result)
        else:
            self._disturb(scene, case, result)
        self._go_on(scene, case, result)
        self._compare(scene, case, result)
        return result

    # The fault ---------------------------------------------------------------------------------------------

    def _disturb(self, scene: Scene, case: Case, result: Result) -> None:
        """The command with its fault, and what of it does not fit the fault."""
        fault = case.fault
        started = self._start(scene, self._run, fault)
        limit_s = 60.0
        if fault.kind in ("hang", "two processes"):
            result.has_struck = started.wait_struck()
        if result.has_struck and fault.kind == "two processes":
            self._second(scene, case, result)
            started.send(signal.SIGCONT)
        elif result.has_struck and fault.kind == "hang" and fault.point != "ask":
            time.sleep(0.1)
            started.send(signal.SIGTERM if fault.how == "SIGTERM" else signal.SIGINT)
            limit_s = GRACE_S if fault.point == "generate" else BLOCKED_S
        ended = started.wait(limit_s)
        self._note(ended, result)
        result.has_struck = ended.has_struck
        if ended.has_struck:
            result.wrong += _unfit(fault, ended)
        if ended.has_struck and case.again is not None:
            again = self._start(scene, self._run, case.again).wait()
            self._note(again, result)
            result.wrong += _unfit(case.again, again) if again.has_struck else []

    def _second(self, scene: Scene, case: Case, result: Result) -> None:
        """Another process comes while the first one stands still: it is told in one line, and touches nothing. Where
        the first one does not hold the run yet, or no longer, the second may carry the run out."""
        before = _bytes_of(self._run)
        words = {"run": command(self._folder, scene.study, self._run)}.get(case.fault.how)
        ended = self._give(*(words or (case.fault.how, str(self._run)))).wait()
        self._note(ended, result)
        if "Traceback" in ended.said:
            result.wrong.append("the second process: a traceback")
        if ended.code == 0:
            return
        if ended.code != 2 or not ended.last_line.startswith("error: "):
            result.wrong.append(f"the second process: exit {ended.code}, {ended.last_line!r}")
        elif _bytes_of(self._run) != before:
            result.wrong.append("the second process was refused, and wrote something")

    def _disturb_at_rest(self, case: Case, result: Result) -> None:
        """Files are other than they were written; what is read of them must not be."""
        rng = random.Random(case.fault.seed)
        _disturb_files(self._run, case.fault, rng)
        if case.fault.kind == "corrupted parquet":
            ended = self._give("show", str(self._run)).wait()
            self._note(ended, result)
            if ended.code == 0 and _table(ended.said) != _table(self._shown):
                result.wrong.append("a corrupted table was shown as truth")
            if ended.code not in (0, 2) or "Traceback" in ended.said:
                result.wrong.append(f"show: exit {ended.code}, {ended.last_line!r}")

    # After it ----------------------------------------------------------------------------------------------

    def _go_on(self, scene: Scene, case: Case, result: Result) -> None:
        """The same command again until it is done, as a user gives it; what it asks for is done."""
        for _ in range(TRIES):
            ended = self._start(scene, self._run).wait()
            self._note(ended, result)
            if "Traceback" in ended.said or ended.is_late:
                result.wrong.append(f"going on: {'it hangs' if ended.is_late else 'a traceback'}")
            if ended.code == 0:
                break
            _remove_named(self._run, ended.last_line)
        else:
            result.wrong.append(f"it cannot be gone on with: {ended.last_line!r}")
        if _leaves_unverified(case.fault):
            self._note(self._give("regrade", str(self._run)).wait(), result)

    def _compare(self, scene: Scene, case: Case, result: Result) -> None:
        result.wrong += differences(self._run, self._whole[scene.study], is_once=not case.repeats_events)

    def _note(self, ended: Ended, result: Result) -> None:
        result.codes.append(ended.code)
        result.cpu_s += ended.cpu_s
        result.said += f"--- exit {ended.code}\n{ended.said}\n"


def differences(run: Path, whole: dict[str, list[dict[str, object]]], *, is_once: bool = True) -> list[str]:
    """What of a run that was gone on with is not as if nothing had happened; ``is_once``: each attempt is to stand in
    the journal once."""
    wrong = []
    for name, rows in tables_of(run).items():
        if len(rows) != len(whole[name]):
            wrong.append(f"{name} has {len(rows)} rows, not {len(whole[name])}")
        elif rows != whole[name]:
            different = sum(one != other for one, other in zip(rows, whole[name], strict=True))
            wrong.append(f"{name}: {different} rows are others")
    twice = sum(n - 1 for n in Counter(journal_keys(run)).values())
    if is_once and twice:
        wrong.append(f"{twice} attempts were made twice")
    drafts = sorted(path.name for path in run.rglob(".*"))
    if drafts:
        wrong.append(f"drafts are left: {', '.join(drafts)}")
    return wrong


def _unfit(fault: Fault, ended: Ended) -> list[str]:
    """What of a disturbed command does not fit its fault."""
    wrong = []
    fitting = _fitting_codes(fault)
    if ended.is_late and not (fault.kind == "hang" and fault.point != "generate"):
        wrong.append("it hangs")
    elif ended.code not in fitting and not ended.is_late:
        wrong.append(f"exit {ended.code}, not one of {', '.join(map(str, fitting))}: {ended.last_line!r}")
    if "Traceback" in ended.said and 70 not in fitting:
        wrong.append("a traceback")
    if fault.kind == "disk full" and ended.code and not ended.last_line.startswith("error: "):
        wrong.append(f"no line of complaint: {ended.last_line!r}")
    if ended.code in (130, 143) and "Stopped." not in ended.said:
        wrong.append(f"not said how to go on: {ended.last_line!r}")
    return wrong


def _fitting_codes(fault: Fault) -> tuple[int, ...]:
    match fault.kind:
        case "kill" | "torn write":
            return (-signal.SIGKILL,)
        case "out-of-memory kill" if fault.how == "main":
            return (-signal.SIGKILL,)
        case "SIGTERM":
            return (143, 0)
        case "Ctrl-C":
            return (130, 0)
        case "hang" if fault.point != "ask":
            return (143, 130, 0)
        case "disk full":
            return (0, 2, 3)
        case "two processes":
            return (0, 2)
        case "backend exception":
            return (EXCEPTIONS[fault.how],)
    return (0,)


def _leaves_unverified(fault: Fault) -> bool:
    """Whether an answer is left without a verdict, through no fault of the model: ``regrade`` judges it again."""
    return fault.point == "ask" and (fault.kind == "hang" or fault.how == "worker twice")


def _disturb_files(run: Path, fault: Fault, rng: random.Random) -> None:
    journals = [path for path in (*sorted((run / "journal").glob("*")), run / "journal.jsonl") if path.exists()]
    tables = [path for name in ("attempts", "traces") if (path := run / f"{name}.parquet").exists()]
    damage: dict[str, Callable[[Path, random.Random], None]] = {"flip": flip, "cut": cut_short, "zeros": zero}
    how, _, what = fault.how.partition(" ")
    match fault.kind:
        case "corrupted parquet":
            if what == "alone":
                for path in journals:
                    path.unlink()
            damage[how](rng.choice(tables), rng)
        case "corrupted journal":
            damage[how](rng.choice([path for path in journals if path.stat().st_size]), rng)
        case "duplicate delivery":
            lines = journals[-1].read_bytes().splitlines(keepends=True)
            journals[-1].write_bytes(b"".join([*lines, *rng.sample(lines, len(lines) // 3)]))
        case "reordering":
            lines = journals[-1].read_bytes().splitlines(keepends=True)
            rng.shuffle(lines)
            journals[-1].write_bytes(b"".join(lines))


def _remove_named(run: Path, said: str) -> None:
    """Do what a line of complaint asks for: remove the files that it names."""
    if "remove" in said:
        for path in run.iterdir():
            if str(path) in said:
                path.unlink()


def _bytes_of(run: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in sorted(run.rglob("*")) if path.is_file()}


def _table(said: str) -> str:
    """What `show` prints of curves, without what it says of files."""
    return "\n".join(line for line in said.splitlines() if "%" in line)


# The command line ------------------------------------------------------------------------------------------


def main() -> int:
    """Carry out what is asked for; 1 where anything was wrong."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--faults", type=int, default=500)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--first", type=int)
    parser.add_argument("--only", type=int)
    parser.add_argument("--each", type=int)
    parser.add_argument("--kinds", default=",".join(KINDS))
    asked = parser.parse_args()
    began_s = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="faults-") as name:
        campaign = Campaign(Path(name))
        print(f"ready after {time.monotonic() - began_s:.0f} s", flush=True)
        results = list(_results(campaign, asked))
    print(f"\n{summary(results)}\n\n{len(results)} faults in {time.monotonic() - began_s:.0f} s, seed {asked.seed}")
    return 1 if any(result.wrong for result in results) else 0


def _results(campaign: Campaign, asked: argparse.Namespace) -> Iterator[Result]:
    """Cases one after the other, each printed; each is drawn by its number, and again where its moment did not come."""
    kinds = asked.kinds.split(",")
    n_wanted = asked.each * len(kinds) if asked.each else asked.faults
    numbers = [asked.only] if asked.only else range(1, min(n_wanted, asked.first or n_wanted) + 1)
    for number in numbers:
        rng = random.Random(f"{asked.seed} {number}")
        for _ in range(MOST_DRAWS):
            result = campaign.carry_out(draw(rng, kinds[(number - 1) % len(kinds)], campaign.points))
            if result.has_struck or result.wrong:
                break
        else:
            result.wrong.append(f"no fault struck in {MOST_DRAWS} draws")
        print(line_of(number, result), flush=True)
        if result.wrong or asked.only:
            print(result.said, flush=True)
        yield result


def line_of(number: int, result: Result) -> str:
    """One case in a line."""
    case = result.case
    when = case.fault.point if case.fault.point == AT_REST else f"{case.fault.point} {case.fault.nth}/{case.n_passings}"
    codes = " ".join(map(str, result.codes))
    ended = "ok" if not result.wrong else f"WRONG: {'; '.join(result.wrong)}"
    return (
        f"{number:4} {case.fault.kind:19} {when:22} {case.fault.how:14} {case.scene:14} exits {codes:18} "
        f"{result.cpu_s:4.1f} s  {ended}"
    )


def summary(results: list[Result]) -> str:
    """A Markdown table by kind: faults, runs that ended whole all the same, runs gone on with, and what was wrong."""
    rows = ["| kind | faults | ended whole at once | gone on with | wrong |", "| --- | ---: | ---: | ---: | ---: |"]
    kinds: dict[str, list[Result]] = {}
    for result in results:
        kinds.setdefault(result.case.fault.kind, []).append(result)
    for kind, of in [*sorted(kinds.items()), ("all", results)]:
        at_once = sum(result.codes[0] == 0 for result in of)
        wrong = sum(bool(result.wrong) for result in of)
        rows.append(f"| {kind} | {len(of)} | {at_once} | {len(of) - at_once} | {wrong} |")
    return "\n".join(rows)


if __name__ == "__main__":
    if not ENVIRONMENT.items() <= os.environ.items():
        os.execve(sys.executable, [sys.executable, *sys.argv], os.environ | ENVIRONMENT)
    sys.exit(main())
