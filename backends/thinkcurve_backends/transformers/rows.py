"""The sequences that a model works on at once, and what an engine does with them in one step."""

from __future__ import annotations

import random
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from thinkcurve.backend import Request, Stop

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, slots=True)
class Ended:
    """What came of a row: new ids without the stopping one, and why it ended."""

    ids: tuple[int, ...]
    stop: Stop
    cached: int
    logprobs: tuple[float, ...]
    tops: tuple[dict[int, float], ...]


@dataclass(slots=True, eq=False)
class Row:
    """One request on its way: ``ids`` are prompt and new tokens, the first ``n_done`` of them are in the cache.

    ``numbers`` gives one random number a token, seeded by the request: it goes on where it was when the row has to
    leave the batch and comes back. Python's own generator serves every device alike and costs nothing.
    """

    request: Request
    ids: list[int]
    limit: int
    numbers: random.Random
    future: Future[Ended] = field(default_factory=Future)
    n_prompt: int = 0
    n_done: int = 0
    slot: int = -1
    cached: int | None = None
    logprobs: list[float] = field(default_factory=list)
    tops: list[dict[int, float]] = field(default_factory=list)
    _number: float | None = None

    @property
    def number(self) -> float:
        """The random number of the next token, the same one until it is taken: a step may be made twice."""
        if self._number is None:
            self._number = self.numbers.random()
        return self._number

    def take_number(self) -> None:
        """The token is drawn; the next one has a number of its own."""
        self._number = None

    @property
    def n_pending(self) -> int:
        """Tokens that the model has yet to read before it can give the next one."""
        return len(self.ids) - self.n_done

    @property
    def new_ids(self) -> list[int]:
        """What was generated so far."""
        return self.ids[self.n_prompt :]

    def ended(self, ids: Sequence[int], stop: Stop) -> Ended:
        """The result with the first of the new ids, as many as ``ids``."""
        n = len(ids)
        return Ended(tuple(ids), stop, self.cached or 0, tuple(self.logprobs[:n]), tuple(self.tops[:n]))


class Engine(Protocol):
    """What holds the keys and values of rows and runs the model over them."""

    model: Any
    """The model of transformers."""
    shares: bool
    """Whether rows begin as copies of others and prompts are read in pieces; else every prompt is read whole."""
    n_forward_tokens: int
    """Tokens that went through the model so far."""

    def known(self, ids: list[int]) -> int:
        """How many first tokens of ``ids`` need not be computed again."""
        ...

    def place(self, row: Row) -> None:
        """Give a row its place, with all that is known of its beginning; sets ``slot`` and ``n_done``."""
        ...

    def step(self, work: Sequence[tuple[Row, int]]) -> tuple[list[Row], torch.Tensor | None]:
        """Read the next so many tokens of each row, one forward pass.

        Returns the rows that have read all of theirs, and the logits (rows, vocabulary) of what follows.
        """
        ...

    def release(self, row: Row, *, is_kept: bool) -> None:
        """Take a row's place back; its keys and values may be kept for prompts to come."""
        ...

    def shrink(self) -> None:
        """Let go of every row and of all that is kept, and keep less from now on: memory ran out."""
        ...

    def close(self) -> None:
        """Let go of everything."""
        ...
