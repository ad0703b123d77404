"""Journal shards: every worker appends to one of its own, under a name that no other worker ever had."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from pathlib import Path

from thinkcurve.segments import journal_parts
from thinkcurve.store import Event, Warn, read_journal


def new_shard() -> str:
    """A name for the shard of one worker. Random, so that a writer which everybody takes for dead shares no file."""
    return f"w{secrets.token_hex(6)}"


def shard_parts(run: Path, shard: str) -> list[Path]:
    """The files of one shard, in order."""
    return [part for part in journal_parts(run) if part.name.startswith(f"{shard}-")]


def shard_events(run: Path, shard: str, warn: Warn = lambda _: None) -> Iterator[Event]:
    """The events of one shard; none where it was never written."""
    for part in shard_parts(run, shard):
        yield from read_journal(part, warn)
