"""A run to follow, written by hand: one model, one task of four problems, one budget."""

from pathlib import Path

import msgspec

from thinkcurve.store import Event, Manifest, Sitting, TaskRecord, journal_path
from thinkcurve.study import Study

SITTING = Sitting("2026-01-01T00:00:00+00:00", {}, {}, {}, None)
STUDY = Study(models=("m",), tasks=("t",), budgets=(8,))
MANIFEST = Manifest(schema=1, study=STUDY, models=(), tasks=(TaskRecord("t", "1", 4, "f"),), sittings=(SITTING,))


def line(event: Event) -> bytes:
    """An event as it stands in a journal."""
    return msgspec.json.encode(event) + b"\n"


def write(run: Path, data: bytes, mode: str = "ab") -> None:
    """Bytes at the end of a run's journal, or with ``"wb"`` instead of it."""
    with journal_path(run).open(mode) as journal:
        journal.write(data)
