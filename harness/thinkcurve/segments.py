"""The files that the journal of a run is made of, and the order in which they are read.

    journal.jsonl                     what the process that holds the run writes now
    journal/000001.jsonl.zst          what it wrote before: full segments, compressed, never written again
    journal/node7-000002.jsonl        a shard: what another writer, such as a node of a cluster, writes now
    journal/node7-000001.jsonl.zst    and what that one wrote before

Every segment has a number: the highest of the directory when it was begun, and one more. They are read by number, then
by name, and `journal.jsonl` last, so that where two of them speak of one attempt the later one has the last word.
Nothing here knows what a line holds.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import IO, cast

from thinkcurve.errors import UsageError

SEGMENT_BYTES = 64 << 20
"""A journal is rotated where it has passed this size: some fifty thousand short attempts, half a second to compress."""
SEGMENT = re.compile(r"(?:(?P<shard>[A-Za-z0-9][\w.-]*)-)?(?P<number>\d{6,})\.jsonl(?P<zst>\.zst)?", re.ASCII)
SHARD = re.compile(r"[A-Za-z0-9][\w.-]{0,99}", re.ASCII)
COPY_BYTES = 1 << 20
_DRAFT = re.compile(r"\..+\.(?:jsonl|json|zst|parquet|html|svg|png|pdf)\.(?P<pid>\d{1,9})", re.ASCII)


def journal_path(run: Path) -> Path:
    """Where the journal of a run lies: the part of it that is being written."""
    return run / "journal.jsonl"


def segments_path(run: Path) -> Path:
    """Where the other parts of the journal lie, if there are any."""
    return run / "journal"


def has_journal(run: Path) -> bool:
    """Whether a run has a journal, or any part of one."""
    return journal_path(run).exists() or bool(_segments(run))


def journal_parts(run: Path) -> list[Path]:
    """The files of a run's journal in the order they are read. A segment that is there twice, since its writer was
    killed between compressing it and removing what it had compressed, is named once."""
    found = _segments(run)
    parts = [path for _, path in sorted(found.items())]
    active = journal_path(run)
    if not active.exists():
        return parts
    own = own_segments(run)
    return parts if own and is_same(active, own[-1]) else [*parts, active]


def own_segments(run: Path) -> list[Path]:
    """The segments of the process that holds a run, oldest first; no shards."""
    return [path for (_, shard), path in sorted(_segments(run).items()) if not shard]


def next_segment(run: Path, shard: str = "", *, after: int = 0) -> Path:
    """The name of a new segment, without what says that it is compressed."""
    number = 1 + max((number for number, _ in _segments(run)), default=0)
    prefix = f"{shard}-" if shard else ""
    return segments_path(run) / f"{prefix}{max(number, after + 1):06}.jsonl"


def number_of(path: Path) -> int:
    """The number of a segment."""
    match = SEGMENT.fullmatch(path.name)
    assert match is not None
    return int(match["number"])


def _segments(run: Path) -> dict[tuple[int, str], Path]:
    """The segments of a run by number and shard; of one in both forms the plain one, which bears more damage."""
    found: dict[tuple[int, str], Path] = {}
    try:
        names = [path.name for path in segments_path(run).iterdir()]
    except (FileNotFoundError, NotADirectoryError):
        return found
    except OSError as error:
        raise UsageError(f"cannot read {segments_path(run)}: {error.strerror}") from error
    for name in names:
        match = SEGMENT.fullmatch(name)
        if match is not None:
            key = (int(match["number"]), match["shard"] or "")
            if key not in found or not match["zst"]:
                found[key] = segments_path(run) / name
    return found


def open_lines(path: Path) -> IO[bytes]:
    """A part of a journal, to be read line by line; ``OSError`` where it is damaged, then or later."""
    if path.suffix != ".zst":
        return path.open("rb")
    import pyarrow as pa

    return cast("IO[bytes]", io.BufferedReader(pa.input_stream(str(path), compression="zstd"), COPY_BYTES))


def compress(plain: Path) -> Path:
    """Write a file compressed beside the segments, under the name of its segment, whole or not at all.

    Raises ``OSError``; what was written of it is removed.
    """
    return compress_as(plain, plain.with_name(plain.name + ".zst"))


def compress_as(plain: Path, target: Path) -> Path:
    """The same under a name of its own."""
    import pyarrow as pa

    draft = draft_of(target)
    try:
        target.parent.mkdir(exist_ok=True)
        with plain.open("rb") as source, pa.CompressedOutputStream(str(draft), "zstd") as packed:
            shutil.copyfileobj(source, packed, COPY_BYTES)
        publish(draft, target)
        _sync(target.parent)  # what it holds is let go next
    except OSError:
        with contextlib.suppress(OSError):
            draft.unlink(missing_ok=True)
        raise
    return target


def is_same(first: Path, second: Path) -> bool:
    """Whether two parts hold the same bytes; of parts that differ little is read."""
    try:
        with open_lines(first) as one, open_lines(second) as other:
            while True:
                here, there = one.read(COPY_BYTES), other.read(COPY_BYTES)
                if here != there:
                    return False
                if not here:
                    return one.tell() > 0
    except OSError:
        return False


def drop_drafts(run: Path) -> None:
    """Remove what writers that were killed left half written; only for the process that holds the run."""
    with contextlib.suppress(OSError):
        for draft in (*run.glob(".*"), *segments_path(run).glob(".[0-9]*.jsonl.zst.*")):
            match = _DRAFT.fullmatch(draft.name)
            if match is not None and not _is_running(int(match["pid"])):
                draft.unlink(missing_ok=True)


def draft_of(path: Path) -> Path:
    """Where a file of a run is written, beside its place, before it is moved there."""
    return path.with_name(f".{path.name}.{os.getpid()}")


def _is_running(pid: int) -> bool:
    """Whether another process here has this number, so that a draft may be its."""
    if pid == os.getpid() or sys.platform == "win32":  # where ``os.kill`` with 0 ends a process
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True


def _sync(path: Path) -> None:
    """Bring a file, or the names in a directory, to the disk, where the system can."""
    flags = os.O_RDONLY if path.is_dir() else os.O_RDWR
    with contextlib.suppress(PermissionError):  # Windows opens no directory
        fd = os.open(path, flags)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)


def lock(fd: int) -> bool:
    """Take the lock of a journal without waiting; where the system has no ``flock`` (Windows) there is none."""
    try:
        import fcntl
    except ImportError:
        return True
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def publish(draft: Path, path: Path) -> None:
    """Move a file that is whole to its place: there or not yet, it is whole after a loss of power too."""
    _sync(draft)
    os.replace(draft, path)


def replace(path: Path, write: Callable[[Path], object]) -> None:
    """Write a file beside its place and move it there, so that no reader sees half of it."""
    draft = draft_of(path)
    try:
        write(draft)
        publish(draft, path)
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror or error}") from error
    finally:
        with contextlib.suppress(OSError):
            draft.unlink(missing_ok=True)
