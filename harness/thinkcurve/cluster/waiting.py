"""Workers that live and bring nothing: how long, and when that is worth a word. Nobody is given up here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

QUIET_S = 300.0
"""After so long a first word is due, the next ones each after twice as long: a model may take an hour to open, and a
long generation too."""
NAMED = 3
"""So many workers are named in one word, with a count of the others."""


@dataclass(slots=True)
class Waiting:
    """What one worker is waited for, and since when, in seconds of any clock."""

    what: str = ""
    """Such as "opening its model"; empty while nothing is expected of it."""
    since_s: float = 0.0
    due_s: float = QUIET_S
    """The length of time after which the next word is due."""
    n_done: int = 0
    """What it had finished when it was last heard of."""

    def begin(self, what: str, now_s: float) -> None:
        """From here on it is waited for ``what``."""
        self.what, self.since_s, self.due_s = what, now_s, QUIET_S

    def end(self) -> None:
        """Nothing is expected of it."""
        self.what = ""

    def hear(self, n_done: int, now_s: float) -> None:
        """It has finished so many requests by now: it begins anew where that is another number."""
        if n_done != self.n_done:
            self.n_done = n_done
            self.begin(self.what, now_s)

    def quiet_s(self, now_s: float) -> float:
        """How long it has been waited for."""
        return now_s - self.since_s if self.what else 0.0


class Reminder:
    """Puts all workers that are quiet for long into one line, where a word is due; at most one line in `QUIET_S`."""

    def __init__(self) -> None:
        self._next_s = float("-inf")

    def words(self, waits: Sequence[tuple[str, Waiting]], now_s: float) -> str:
        """The line about workers (name, what of), the longest quiet first, or nothing."""
        quiet = [(wait.quiet_s(now_s), name, wait) for name, wait in waits if wait.quiet_s(now_s) >= QUIET_S]
        if now_s < self._next_s or not any(quiet_s >= wait.due_s for quiet_s, _, wait in quiet):
            return ""
        self._next_s = now_s + QUIET_S
        quiet.sort(key=lambda one: -one[0])
        longest_s = quiet[0][0]
        for _, _, wait in quiet:
            wait.due_s = 2 * longest_s
        named = [f"{wait.what} for {quiet_s / 60:.0f} min ({name})" for quiet_s, name, wait in quiet[:NAMED]]
        if more := len(quiet) - len(named):
            named.append(f"and {more} more")
        return ", ".join(named)
