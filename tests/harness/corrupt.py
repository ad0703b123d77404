"""Verdicts of a stored run made wrong, as an earlier and worse verifier might have left them."""

import hashlib
from collections.abc import Callable
from pathlib import Path

import msgspec

from thinkcurve.problem import Verdict
from thinkcurve.store import Attempt, Journal
from thinkcurve.tables import compact, read_records, restore_journal


def flipped(attempt: Attempt) -> Attempt:
    """Correct for incorrect, and the other way round."""
    if attempt.verdict is Verdict.CORRECT:
        return msgspec.structs.replace(attempt, verdict=Verdict.INCORRECT, reason="wrong")
    return msgspec.structs.replace(attempt, verdict=Verdict.CORRECT, reason="")


def corrupt(run: Path, change: Callable[[Attempt], Attempt] = flipped, every: int = 1) -> int:
    """Change every so-many-th attempt of a run, in its journal and in its tables; how many that were."""
    restore_journal(run)
    records = read_records(run)
    chosen = [change(attempt) for attempt in list(records.attempts.values())[::every]]
    journal = Journal(run)
    for attempt in chosen:
        journal.append(attempt, 0.0)
        records.add(attempt)
    journal.close()
    compact(run, records)
    return len(chosen)


def bytes_of(run: Path) -> dict[str, str]:
    """What lies in a run's directory, by name."""
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in run.iterdir()}
