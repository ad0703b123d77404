"""What a run costs the harness as it grows: ``python tests/benchmarks/volume.py [--decades 3,4,5,6] [--keep DIR]``.

For 10^d attempts of the synthetic model (sums in a JSONL file, 5 budgets, 8 samples) the commands of a user, each in a
process of its own: ``run`` until half is done and it is killed, the same again until it is whole, ``show``,
``report``, and the report's opening in a browser where playwright is there. Prints a Markdown table: CPU seconds are
those of the process and its children, memory the most that was resident, bytes what the run takes on disk.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

BUDGETS, SAMPLES = (0, 16, 64, 256, 1024), 8


@dataclass(frozen=True)
class Step:
    """One command at one size. ``attempts`` is how many it made or read."""

    attempts: int
    command: str
    cpu_s: float
    wall_s: float
    peak_mb: float
    disk_mb: float


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--decades", default="3,4,5")
    parser.add_argument("--keep", type=Path, help="where runs are left, to be looked at")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        place = asked.keep or Path(folder)
        place.mkdir(parents=True, exist_ok=True)
        os.environ["PYTHONPATH"] = os.pathsep.join([*sys.path[1:], str(_entry_point(Path(folder)))])
        steps = [step for d in asked.decades.split(",") for step in steps_of(10 ** int(d), place)]
    print(json.dumps([asdict(step) for step in steps], indent=1) if asked.json else table(steps))


def _entry_point(folder: Path) -> Path:
    """The synthetic model's entry point, for a checkout that was installed before there was one."""
    made = folder / "entry" / "thinkcurve_volume-0.dist-info"
    made.mkdir(parents=True)
    (made / "METADATA").write_text("Metadata-Version: 2.1\nName: thinkcurve-volume\nVersion: 0\n")
    (made / "entry_points.txt").write_text(
        "[thinkcurve.backends]\nsynthetic = thinkcurve_backends.synthetic:open_backend\n"
    )
    return made.parent


def steps_of(attempts: int, place: Path) -> Iterator[Step]:
    """The commands at one size, each measured as it ends."""
    problems = max(1, attempts // (len(BUDGETS) * SAMPLES))
    task = place / f"sums-{problems}.jsonl"
    with task.open("w") as rows:
        for i in range(problems):
            a, b = 100 + i * 7 % 9973, 100 + i
            rows.write(json.dumps({"question": f"What is {a} + {b}?", "answer": str(a + b)}) + "\n")
    run = place / f"run-{attempts}"
    budgets = ",".join(map(str, BUDGETS))
    study = ["run", "-m", "synthetic:", "-t", str(task), "--budgets", budgets, "--samples", str(SAMPLES)]
    study += ["-o", str(run), "--progress", "plain"]
    yield measured("dry run", attempts, run, [*study, "--dry-run"])
    yield measured("run, killed", attempts, run, study, until=attempts // 2)
    yield measured("run, gone on", attempts, run, study)
    yield measured("run again", attempts, run, study)
    yield measured("show", attempts, run, ["show", str(run)])
    yield measured("report", attempts, run, ["report", str(run), "-o", str(place / f"report-{attempts}.html")])


def measured(name: str, attempts: int, run: Path, arguments: Sequence[str], until: int | None = None) -> Step:
    """One command in a process; with ``until`` it is killed when its journal holds so many attempts."""
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    with tempfile.TemporaryFile("w+") as said:
        command = [sys.executable, "-c", "from thinkcurve.cli.main import main; main()", *arguments]
        process = subprocess.Popen(command, stdout=said, stderr=said)
        peak = 0.0
        while process.poll() is None:
            peak = max(peak, _peak_mb(process.pid))
            if until is not None and _journal_bytes(run) >= until * BYTES_OF_ATTEMPT:
                process.send_signal(signal.SIGKILL)
            time.sleep(0.05)
        if process.returncode not in (0, -signal.SIGKILL):
            said.seek(0)
            raise SystemExit(f"{' '.join(arguments)} ended with {process.returncode}:\n{said.read()[-2000:]}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    disk = sum(path.stat().st_size for path in run.rglob("*") if path.is_file()) if run.exists() else 0
    step = Step(attempts, name, cpu_s, time.monotonic() - started, peak, disk / 1e6)
    print(row(step), file=sys.stderr, flush=True)
    return step


BYTES_OF_ATTEMPT = 1000
"""About what an attempt takes in the journal, its part of the trace counted in."""


def _journal_bytes(run: Path) -> int:
    """Bytes that were written to the journal, by its segments' full size."""
    active = run / "journal.jsonl"
    segments = len(list((run / "journal").glob("*.zst"))) if (run / "journal").exists() else 0
    return (active.stat().st_size if active.exists() else 0) + segments * (64 << 20)


def _peak_mb(pid: int) -> float:
    """The most memory that a process has had resident so far."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0.0
    lines = [line for line in status.splitlines() if line.startswith("VmHWM")]
    return int(lines[0].split()[1]) / 1e3 if lines else 0.0


def row(step: Step) -> str:
    """One line of the table."""
    each = 1e3 * step.cpu_s / step.attempts
    return (
        f"| {step.attempts:,} | {step.command} | {step.cpu_s:,.1f} | {each:.3f} | {step.wall_s:,.1f} | "
        f"{step.peak_mb:,.0f} | {step.disk_mb:,.1f} |"
    )


def table(steps: Sequence[Step]) -> str:
    """A row a command and a size."""
    head = [
        "| attempts | command | CPU s | ms an attempt | wall s | peak MB | disk MB |",
        "| ---: | --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    return "\n".join([*head, *map(row, steps)])


if __name__ == "__main__":
    main()
