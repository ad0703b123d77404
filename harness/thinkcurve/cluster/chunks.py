"""What is missing, in chunks small enough to hand out again: cut, given back, and suspected where a worker died.

Knows nothing of Ray. A chunk that a worker died with is handed out again alone, then in parts, each alone in its
worker, down to one unit: so the one that kills is found, and the others are done.
"""

from __future__ import annotations

import dataclasses
from collections import deque
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

from thinkcurve.budget import Budget
from thinkcurve.opened import Prompt
from thinkcurve.store import Event, Failure, Trace

DEATHS = 3
"""A unit whose worker died so often while it did nothing else becomes a failure."""
LARGEST = 64
"""Units of a chunk at most: what a lost worker gives back is small."""
PARTS = 8
"""Into so many parts a suspect chunk falls where a worker died of it again: 64 units, 8, 1."""
ROUNDS = 4
"""So many chunks a worker are kept for the end, so that all workers end at about the same time."""


@dataclass(frozen=True, slots=True)
class Piece:
    """One unit as it travels: its prompt, the budgets that it lacks, and what is known of it already."""

    prompt: Prompt
    sample: int
    budgets: tuple[Budget, ...]
    known: tuple[Event, ...] = ()

    @property
    def unit(self) -> tuple[str, int]:
        """(problem, sample)."""
        return (self.prompt.problem.id, self.sample)


@dataclass(frozen=True, slots=True)
class Chunk:
    """Pieces of one model that are handed out together. ``is_suspect``: a worker died with it, so it goes alone."""

    pieces: tuple[Piece, ...]
    is_suspect: bool = False
    deaths: int = 0


def blocks(prompts: Iterable[Prompt], size: int = 16) -> Iterator[list[Prompt]]:
    """Prompts by so many: all samples of a block stand together, so that a problem seldom travels twice."""
    block: list[Prompt] = []
    for prompt in prompts:
        block.append(prompt)
        if len(block) == size:
            yield block
            block = []
    if block:
        yield block


class Chunks:
    """The work on one model: what is still to be handed out, and how much is in workers' hands.

    ``pieces`` is read as it is needed, ``n_units`` says how many it holds. ``width`` is how many units a worker takes
    to be busy.
    """

    def __init__(self, pieces: Iterator[Piece], n_units: int, width: int) -> None:
        self._pieces = pieces
        self._left = n_units
        self._width = max(1, width)
        self._back: deque[Chunk] = deque()
        self.n_out = 0
        """Chunks that workers hold."""

    @property
    def is_done(self) -> bool:
        """Whether nothing is left, neither here nor in a worker's hands."""
        return self.n_out == 0 and not self._back and self._left <= 0

    @property
    def in_flight(self) -> int:
        """Chunks that one worker may hold."""
        return 3

    def size(self, n_workers: int) -> int:
        """Units of the next chunk: two of them fill a worker; smaller towards the end."""
        fair = self._left // (max(1, n_workers) * self.in_flight * ROUNDS)
        return max(1, min(LARGEST, -(-self._width // (self.in_flight - 1)), fair))

    def take(self, n_workers: int, *, is_idle: bool) -> Chunk | None:
        """The next chunk for a worker; a suspect one only for one that ``is_idle``. ``None`` where there is none."""
        chunk = self._given_back(is_idle=is_idle)
        if chunk is None and self._left > 0:
            chunk = self._fresh(self.size(n_workers))
        if chunk is not None:
            self.n_out += 1
        return chunk

    def _given_back(self, *, is_idle: bool) -> Chunk | None:
        for place, chunk in enumerate(self._back):
            if is_idle or not chunk.is_suspect:
                del self._back[place]
                return chunk
        return None

    def _fresh(self, size: int) -> Chunk | None:
        pieces = tuple(islice(self._pieces, size))
        self._left = self._left - len(pieces) if len(pieces) == size else 0
        return Chunk(pieces) if pieces else None

    def finish(self) -> None:
        """One chunk is done."""
        self.n_out -= 1

    def give_back(self, chunk: Chunk, *, is_suspect: bool) -> Chunk | None:
        """Take back what a lost worker did not do, to be handed out first; the chunk itself where it is given up.

        ``is_suspect``: the worker died by itself and not with its node, so one of the pieces may have killed it.
        """
        self.n_out -= 1
        if not is_suspect:
            if chunk.pieces:
                self._back.append(chunk)
            return None
        if not chunk.is_suspect:
            self._back.append(dataclasses.replace(chunk, is_suspect=True))
        elif len(chunk.pieces) > 1:
            size = -(-len(chunk.pieces) // PARTS)
            parts = (chunk.pieces[i : i + size] for i in range(0, len(chunk.pieces), size))
            self._back.extend(Chunk(part, is_suspect=True) for part in parts)
        elif chunk.deaths + 1 < DEATHS:
            self._back.append(dataclasses.replace(chunk, deaths=chunk.deaths + 1))
        else:
            return chunk
        return None


def without(chunk: Chunk, spec: str, events: Collection[Event]) -> Chunk:
    """What of a chunk is still to be done once ``events`` are known: those of its units travel with the rest."""
    pieces = []
    for piece in chunk.pieces:
        own = tuple(e for e in events if (e.model, e.problem, e.sample) == (spec, *piece.unit))
        known = (*piece.known, *(event for event in own if not isinstance(event, Failure)))
        done = {event.budget for event in own if not isinstance(event, Trace)}
        budgets = tuple(budget for budget in piece.budgets if budget not in done)
        if budgets:
            pieces.append(dataclasses.replace(piece, budgets=budgets, known=known))
    return dataclasses.replace(chunk, pieces=tuple(pieces))


def failures_of(chunk: Chunk, spec: str, control: str, error: str) -> list[Failure]:
    """A chunk that was given up, as failures: tried again on resume."""
    return [
        Failure(spec, p.prompt.problem.task, p.prompt.problem.id, p.sample, budget, control, "worker", error)
        for p in chunk.pieces
        for budget in p.budgets
    ]
