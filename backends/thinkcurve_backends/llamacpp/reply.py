"""What llama.cpp's ``/completion`` answers, and what has come of one request over one or more answers."""

from __future__ import annotations

import math
from collections.abc import Sequence

import msgspec

from thinkcurve.backend import Stop

FIELDS = (
    "model",
    "content",
    "tokens",
    "stop_type",
    "stopping_word",
    "truncated",
    "timings",
    "completion_probabilities",
)


class Probability(msgspec.Struct):
    """One token's natural log-probability, and those of its rivals where asked for."""

    id: int
    logprob: float
    top_logprobs: list[Probability] = []


class EngineError(msgspec.Struct):
    """Why the engine refused."""

    code: int = 500
    message: str = "no reason given"


class Timings(msgspec.Struct):
    """How many prompt tokens came from the KV cache."""

    cache_n: int | None = None


class Reply(msgspec.Struct):
    """What is read of a reply of llama.cpp's ``/completion``."""

    content: str = ""
    tokens: list[int] = []
    stop_type: str = ""
    stopping_word: str = ""
    truncated: bool = False
    timings: Timings | None = None
    completion_probabilities: list[Probability] = []
    error: EngineError | None = None


class Running:
    """What has come of one request so far; ``cached`` counts the first round's prompt only."""

    def __init__(self) -> None:
        self.ids: list[int] = []
        self.text = ""
        self.eos = -1
        self.stop = Stop.LENGTH
        self.rounds = 0
        self.cached: int | None = None
        self.probabilities: list[Probability] = []

    def take(self, reply: Reply) -> None:
        """Add one round's reply."""
        if self.rounds == 0 and reply.timings is not None:
            self.cached = reply.timings.cache_n
        self.rounds += 1
        self.ids = [*self.ids, *reply.tokens]
        self.probabilities.extend(reply.completion_probabilities)

    def probabilities_of_ids(self) -> list[Probability]:
        """One an id. llama.cpp leaves out tokens that end inside a UTF-8 character: not a number for those."""
        told, found = iter(self.probabilities), []
        following = next(told, None)
        for token in self.ids:
            if following is not None and following.id == token:
                found.append(following)
                following = next(told, None)
            else:
                found.append(Probability(token, math.nan))
        return found

    def only(self, ids: Sequence[int]) -> Running:
        """The same request with other ids, where what is known of them stays known up to the first that differs."""
        same = next((i for i, (a, b) in enumerate(zip(self.ids, ids, strict=False)) if a != b), len(ids))
        other = Running()
        other.ids, other.rounds, other.cached = list(ids), self.rounds, self.cached
        other.probabilities = [p for p in self.probabilities_of_ids()[:same] if not math.isnan(p.logprob)]
        return other

    def end(self, stop: Stop, ids: list[int], text: str) -> None:
        """Settle it."""
        self.stop, self.ids, self.text = stop, ids, text


def top_of(probabilities: list[Probability], n: int) -> tuple[dict[int, float], ...]:
    """The ``n`` likeliest ids of each position."""
    return tuple({top.id: top.logprob for top in p.top_logprobs[:n]} for p in probabilities)
