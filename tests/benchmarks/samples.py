"""The same samples for every harness: GSM8K-like questions of about 240 characters, and a model's reply to each.

A reply is some 40 bytes of thinking and ``Crate 17. The answer is 33.``, so that no two are the same and none is judged
from memory; every fourth is wrong, so that a harness which did not extract and compare shows itself by another accuracy
than .75. Only the standard library, and no chance.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

N_PEERS = 1319  # as many as GSM8K's test split
ACCURACY = 0.75


@dataclass(frozen=True, slots=True)
class Sample:
    """A question, its gold answer, and what the instant model thinks and says."""

    index: int
    question: str
    gold: str
    thinking: str
    answer: str

    @property
    def reply(self) -> str:
        """Thinking and answer as one text, for harnesses that know of no thinking."""
        return f"{self.thinking}\n{self.answer}"


def index_of(prompt: str) -> int:
    """The number of the sample that a prompt asks."""
    return int(prompt.split("Crate ", 1)[1].split(" ", 1)[0])


@cache
def sample(index: int) -> Sample:
    """The sample of that number."""
    boxes, each, sold = index % 17 + 3, index % 23 + 12, index % 29 + 1
    filled = boxes * each
    left = filled - sold
    question = (
        f"Crate {index} of a farm shop holds {boxes} boxes, and every box is packed with {each} eggs in the morning "
        f"before the shop opens. Over the day {sold} of the eggs are sold to people from the village and none are "
        "brought back. How many eggs are left in the crate in the evening?"
    )
    said = left if index % 4 else left + 1
    thinking = f"{boxes} x {each} = {filled}; {filled} - {sold} = {left}; so {left}."
    return Sample(index, question, str(left), thinking, f"Crate {index}. The answer is {said}.")


def samples(n: int) -> list[Sample]:
    """The first ``n`` samples."""
    return [sample(index) for index in range(n)]
