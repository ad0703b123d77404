"""What is disturbed: studies so small that a run takes half a second, and the state that a case begins with."""

from __future__ import annotations

import json
import random
import shutil
from pathlib import Path

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from injector import SMALL_SEGMENT_BYTES

BUDGETS = "0,16,64,none"
MEASURED = frozenset({"wall_s", "verify_cpu_s"})
"""Columns that hold time, which no two runs share."""
TABLES = ("attempts.parquet", "traces.parquet", "failures.parquet")


class Scene(msgspec.Struct, frozen=True):
    """A study, and the state that its run is in when the fault comes."""

    name: str
    study: str
    start: str
    """``fresh``, ``half`` (killed half-way) or ``finished``."""
    segment_bytes: int = 0


SCENES = {
    scene.name: scene
    for scene in (
        Scene("fresh", "sums", "fresh"),
        Scene("half", "sums", "half"),
        Scene("segments", "sums", "fresh", SMALL_SEGMENT_BYTES),
        Scene("half segments", "sums", "half", SMALL_SEGMENT_BYTES),
        Scene("workers", "workers", "fresh"),
        Scene("finished", "sums", "finished"),
    )
}


def write_studies(folder: Path) -> None:
    """The problems of both studies. The synthetic model answers the sum; that of a determinant is no number, so a
    process of its own compares them."""
    sums = [{"question": f"What is {123 + i} + {45 * i + 7}?", "answer": str(130 + 46 * i)} for i in range(4)]
    hard = [{"question": f"What is {3 + i} + {4 + i}?", "answer": rf"\det {'AB'[i]}"} for i in range(2)]
    (folder / "sums.jsonl").write_text("".join(json.dumps(row) + "\n" for row in sums))
    (folder / "workers.jsonl").write_text("".join(json.dumps(row) + "\n" for row in (*sums[:2], *hard)))


def command(folder: Path, study: str, run: Path) -> list[str]:
    """The words of the run."""
    of = ("--budgets", BUDGETS, "--samples", "2", "--progress", "plain", "--model-option", "concurrency=3")
    return ["run", "-m", "synthetic:", "-t", str(folder / f"{study}.jsonl"), *of, "-o", str(run)]


def copy(start: Path, run: Path) -> None:
    """Put a run in the state of ``start``, where there is one."""
    shutil.rmtree(run, ignore_errors=True)
    if start.exists():
        shutil.copytree(start, run)


def tables_of(run: Path) -> dict[str, list[dict[str, object]]]:
    """The rows of a run's tables, less what is measured; none of a table that is not there."""
    return {name: _rows(run / name) for name in TABLES}


def _rows(path: Path) -> list[dict[str, object]]:
    if not path.exists():
        return []
    try:
        rows: list[dict[str, object]] = pq.ParquetFile(path).read(use_threads=False).to_pylist()
    except (OSError, pa.ArrowException) as error:
        return [{"cannot be read": str(error)}]
    return [{key: value for key, value in row.items() if key not in MEASURED} for row in rows]


def journal_keys(run: Path) -> list[tuple[object, ...]]:
    """The key of every attempt that stands in the journal, as often as it stands there."""
    from thinkcurve.records import Attempt
    from thinkcurve.store import read_events

    return [event.key for event in read_events(run) if isinstance(event, Attempt)]


def flip(path: Path, rng: random.Random, *, bits: int = 1) -> None:
    """Other bits in a file than were written."""
    data = bytearray(path.read_bytes())
    for _ in range(bits):
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    path.write_bytes(bytes(data))


def cut_short(path: Path, rng: random.Random) -> None:
    """The end of a file is gone."""
    data = path.read_bytes()
    path.write_bytes(data[: rng.randrange(len(data))])


def zero(path: Path, rng: random.Random) -> None:
    """A piece of a file reads as zeros."""
    data = bytearray(path.read_bytes())
    begin = rng.randrange(len(data))
    end = min(len(data), begin + rng.randint(1, 600))
    data[begin:end] = bytes(end - begin)
    path.write_bytes(bytes(data))
