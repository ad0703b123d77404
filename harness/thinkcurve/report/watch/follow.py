"""Following a run from outside: its journal is read as it grows, by whoever may read the directory.

Nothing of the run is touched or locked. Where the run begins again, grows, or its journal is written anew, everything
is counted again.
"""

from __future__ import annotations

import datetime
import os
import time
from enum import StrEnum
from pathlib import Path

import msgspec

from thinkcurve.errors import UsageError
from thinkcurve.report.watch.standing import Pace, Standing
from thinkcurve.segments import journal_parts, open_lines, own_segments
from thinkcurve.store import Event, Manifest, has_journal, journal_path, manifest_path, read_manifest
from thinkcurve.tables import attempts_path, read_tables

CHUNK_BYTES = 8 << 20
FRESH_S = 60.0
"""A journal that grew within so long is taken to be written still, whoever holds it."""


class State(StrEnum):
    """What becomes of a run."""

    RUNNING = "running"
    """It grew lately, or a process on this machine holds it."""
    QUIET = "quiet"
    """Nothing was written for a minute, and who writes it is not to be seen from here."""
    STOPPED = "stopped"
    """The process that held it is gone, and it is not whole."""
    FAILED = "failed"
    """It came to its end, and some attempts did not come about."""
    FINISHED = "finished"
    """It came to its end."""


class Follower:
    """A run as it goes on. `look` reads what is new; `standing`, `pace` and `state` say where it stands then."""

    def __init__(self, run: Path) -> None:
        self.run = run
        self.manifest: Manifest = read_manifest(run)
        self._stamp: tuple[int, ...] | None = None
        self.is_held: bool | None = None
        """Whether a process seen from here holds the run, at the last look; ``None`` where that cannot be told."""
        self._was_held = False
        self._gone_looks = 0
        self._begin()

    def look(self) -> bool:
        """Read what is new; whether anything was. Raises `UsageError` where the run is gone or broken."""
        stamp = _stamp(manifest_path(self.run))
        if stamp is None or stamp != self._stamp:
            self._stamp, before = stamp, self.manifest
            self.manifest = read_manifest(self.run)
            if msgspec.structs.replace(self.manifest, finished=None) != msgspec.structs.replace(before, finished=None):
                self._begin()
        found = self._read_journal() if has_journal(self.run) else self._read_tables()
        self.pace.look(self._now_s(), self.standing)
        self._see_writer()
        return found

    @property
    def state(self) -> State:
        """What becomes of the run, as far as can be seen from here."""
        if self.manifest.finished is not None:
            return State.FAILED if self.standing.failures else State.FINISHED
        if self._was_held and self._gone_looks > 1:
            return State.STOPPED
        return State.RUNNING if self._gone_looks == 0 or self.quiet_s < FRESH_S else State.QUIET

    @property
    def quiet_s(self) -> float:
        """Seconds since the run wrote something."""
        stamps = filter(None, map(_stamp, journal_parts(self.run)))
        stamp = max(stamps, default=None) or _stamp(manifest_path(self.run))
        return max(0.0, time.time() - stamp[0] / 1e9) if stamp else 0.0

    def _begin(self) -> None:
        self.standing = Standing(self.manifest)
        self.pace = Pace()
        self._read: dict[str, int] = {}
        """Bytes of each part that were read; of a compressed one, its size."""
        self._file, self._tables = (0, 0), (0, 0)
        started = _seconds(self.manifest.sittings[-1].started) if len(self.manifest.sittings) == 1 else None
        if started is not None and started <= self._now_s():
            self.pace.since(started)

    def _now_s(self) -> float:
        """The time, or for a run that has ended the time of its end."""
        ended = _seconds(self.manifest.finished) if self.manifest.finished else None
        return time.time() if ended is None else ended

    def _read_journal(self) -> bool:
        """What is new in each part of the journal; a part that was put away as a segment is read again, and an event
        that was counted takes its own place."""
        parts = {part: part.name for part in journal_parts(self.run)}
        active = journal_path(self.run)
        new = [part for part in parts if part != active and self._read.get(part.name) != _size(part)]
        is_rotated = any(part in own_segments(self.run) for part in new)
        found = False
        for part in new:
            found = self._read_part(part) or found
        return (self._read_active(is_rotated=is_rotated) if active in parts else False) or found

    def _read_active(self, *, is_rotated: bool) -> bool:
        path = journal_path(self.run)
        try:
            status = path.stat()
            if (status.st_dev, status.st_ino) != self._file or status.st_size < self._read.get(path.name, 0):
                if self._read.get(path.name) and not is_rotated:
                    self._begin()
                self._read[path.name] = 0
                self._file = (status.st_dev, status.st_ino)
        except OSError as error:
            raise UsageError(f"cannot read {path}: {error.strerror}") from error
        return self._read_part(path)

    def _read_part(self, path: Path) -> bool:
        """Whole lines from where the last look ended; a torn or damaged one is left to the run itself."""
        decoder, found = msgspec.json.Decoder(Event), False
        is_plain = path.suffix != ".zst"
        try:
            with open_lines(path) as lines:
                if is_plain:
                    lines.seek(self._read.get(path.name, 0))
                rest = b""
                while chunk := lines.read(CHUNK_BYTES):
                    *whole, rest = (rest + chunk).split(b"\n")
                    for line in whole:
                        self._read[path.name] = self._read.get(path.name, 0) + len(line) + 1
                        try:
                            self.standing.add(decoder.decode(line))
                            found = True
                        except (msgspec.DecodeError, UnicodeDecodeError):
                            continue
        except OSError as error:
            if is_plain:
                raise UsageError(f"cannot read {path}: {error.strerror}") from error
        if not is_plain:
            self._read[path.name] = _size(path)
        return found

    def _read_tables(self) -> bool:
        """All of a run that has its tables only, once."""
        stamp = _stamp(attempts_path(self.run))
        if stamp is None or stamp == self._tables:
            return False
        self._begin()
        self._tables = stamp
        for event in read_tables(self.run):
            self.standing.add(event)
        return True

    def _see_writer(self) -> None:
        self.is_held = is_locked(journal_path(self.run))
        self._was_held = self._was_held or bool(self.is_held)
        self._gone_looks = 0 if self.is_held else self._gone_looks + 1


def is_locked(path: Path) -> bool | None:
    """Whether a process holds a file's ``flock``, from the kernel's own list; ``None`` where that cannot be told.

    Only processes that this one can see are in the list (https://man7.org/linux/man-pages/man5/proc_locks.5.html).
    The lock itself is never tried for: a run that begins at that moment would be refused. Nor can it be told where a
    file of the same number on another device is locked: some file systems (btrfs) list devices that ``stat`` does not
    name, so that it may be this one.
    """
    try:
        status = path.stat()
        locks = Path("/proc/locks").read_text(encoding="ascii", errors="replace")
    except OSError:
        return None
    files = [
        field for line in locks.splitlines() if " FLOCK " in line for field in line.split() if field.count(":") == 2
    ]
    if f"{os.major(status.st_dev):02x}:{os.minor(status.st_dev):02x}:{status.st_ino}" in files:
        return True
    return None if any(file.endswith(f":{status.st_ino}") for file in files) else False


def _stamp(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size


def _seconds(time_: str) -> float | None:
    try:
        return datetime.datetime.fromisoformat(time_).timestamp()
    except ValueError:
        return None


def _size(path: Path) -> int:
    """Bytes of a file; 0 where it is gone."""
    try:
        return path.stat().st_size
    except OSError:
        return 0
