"""Training sequences: a question, its thinking written out, and its answer; whole, cut short, or without thinking.

Problems come from the generators of the two embedded tasks, always from the training side of their split.
A cut trace is followed by the forced ``</think>`` and the TRUE answer, so that the model learns to guess in
the right format when it is interrupted. Nothing is learnt on the question and on a forced marker.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

import torch

from thinkcurve_tasks import arithmetic, induce
from training import tokenizer

PAD_MULTIPLE = 16
IGNORED = -100
ANSWER_CODE = """```python
def f(x):
 d=x%10
 t={{{table}}}
 x-=d
 return t[x]+t[x+1]*d+t[x+2]*d*(d-1)
```"""
CHAIN_ROLES = ("key", "op", "digit", "equals", "value", "semicolon")
PIECE_ROLES = (
    *("key", "equals", "copied", "semicolon"),
    *("key", "equals", "copied", "comma", "difference", "semicolon"),
    *("key", "equals", "copied", "comma", "first", "comma", "half", "semicolon"),
    *("key", "colon", "again", "semicolon"),
    *("key", "colon", "again", "end"),
)
"""What each token of a step of thought is for, so that copying can be measured apart from computing."""


@dataclass(frozen=True, slots=True)
class Lesson:
    """One worked problem as token ids; ``roles`` names what each thinking token is for."""

    prompt: list[int]
    thinking: list[int]
    answer: list[int]
    roles: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Mix:
    """Shares of the training data. What is left after ``cut`` and ``bare`` are whole traces."""

    code: float = 0.5
    cut: float = 0.35
    bare: float = 0.08


@dataclass(frozen=True, slots=True)
class Batch:
    """Right-padded inputs and targets, both (sequences, length); targets hold IGNORED where nothing is learnt."""

    inputs: torch.Tensor
    targets: torch.Tensor

    @property
    def tokens(self) -> int:
        """How many tokens the model reads, padding left out."""
        return int((self.inputs != 0).sum())


def think_chain(chain: arithmetic.Chain) -> str:
    """The thinking for a chain: ``6; a +4=10; b *3=30;``."""
    steps = zip(arithmetic.LETTERS, chain.steps, strict=False)
    return f"{chain.start};" + "".join(f" {key} {step.op}{step.digit}={step.value};" for key, step in steps)


def think_pieces(pieces: list[induce.Rule]) -> str:
    """The thinking for a function, for each ten ``102=17;101=9,8;100=5,4,2;101:4;102:2.``

    Values are looked up and subtracted, then the two numbers found are set down by key, as in the answer.
    """
    text = ""
    for ten, rule in enumerate(pieces):
        x, (y0, y1, y2) = induce.FIRST + 10 * ten, (rule(digit) for digit in induce.SHOWN)
        text += f"{x + 2}={y2};{x + 1}={y1},{y2 - y1};{x}={y0},{rule.m},{rule.a};{x + 1}:{rule.m};{x + 2}:{rule.a}."
    return text


def answer_code(pieces: list[induce.Rule]) -> str:
    """The function as a block of Python."""
    rows = (
        f"{induce.FIRST + 10 * ten + place}:{number}"
        for ten, rule in enumerate(pieces)
        for place, number in enumerate((rule.c, rule.m, rule.a))
    )
    return ANSWER_CODE.format(table=",".join(rows))


def chain_lesson(rng: random.Random, level: int) -> Lesson:
    """A worked chain from the training side."""
    chain = arithmetic.draw_from(rng, rng.randint(*arithmetic.STEPS[level]), held_out=False)
    roles = ("start", "semicolon", *CHAIN_ROLES * len(chain.steps))
    return _lesson(chain.question, think_chain(chain), f"\\boxed{{{chain.result}}}", roles)


def code_lesson(rng: random.Random, level: int) -> Lesson:
    """A worked function whose rules all come from the training side."""
    pieces = [rng.choice(_training_rules()) for _ in range(induce.TENS[level])]
    roles = PIECE_ROLES * len(pieces)
    return _lesson(induce.question(pieces), think_pieces(pieces), answer_code(pieces), roles)


def sequence(lesson: Lesson, kept: int | None) -> tuple[list[int], list[int]]:
    """Token ids and targets of a lesson whose thinking is cut after ``kept`` tokens (``None``: not cut)."""
    thinking = lesson.thinking if kept is None else lesson.thinking[:kept]
    marker, end = tokenizer.token_id(tokenizer.END_THINK), tokenizer.token_id(tokenizer.END)
    ids = [*lesson.prompt, *thinking, marker, *lesson.answer, end]
    learnt = [IGNORED] * len(lesson.prompt) + ids[len(lesson.prompt) :]
    if kept is not None:
        learnt[len(lesson.prompt) + kept] = IGNORED
    return ids[:-1], learnt[1:]


def batches(
    seed: int,
    pool: int,
    batch_tokens: int,
    weights: tuple[float, ...],
    mix: Mix | None = None,
    pool_size: int = 1024,
) -> Iterator[Batch]:
    """The batches of pool number ``pool``: lessons drawn, sorted by length, packed, and shuffled as batches."""
    rng = random.Random(f"thinkcurve training {seed} {pool}")
    mix = mix or Mix()
    pairs = sorted((_draw(rng, weights, mix) for _ in range(pool_size)), key=lambda pair: len(pair[0]))
    groups: list[list[tuple[list[int], list[int]]]] = [[]]
    for pair in pairs:
        if (len(groups[-1]) + 1) * _padded(len(pair[0])) > batch_tokens and groups[-1]:
            groups.append([])
        groups[-1].append(pair)
    rng.shuffle(groups)
    for group in groups:
        yield collate(group)


def collate(pairs: list[tuple[list[int], list[int]]]) -> Batch:
    """Right-pad to a common length."""
    length = _padded(max(len(ids) for ids, _ in pairs))
    inputs = torch.zeros((len(pairs), length), dtype=torch.long)
    targets = torch.full((len(pairs), length), IGNORED, dtype=torch.long)
    for row, (ids, learnt) in enumerate(pairs):
        inputs[row, : len(ids)] = torch.tensor(ids)
        targets[row, : len(learnt)] = torch.tensor(learnt)
    return Batch(inputs, targets)


def _draw(rng: random.Random, weights: tuple[float, ...], mix: Mix) -> tuple[list[int], list[int]]:
    level = rng.choices(range(1, len(weights) + 1), weights)[0]
    lesson = (code_lesson if rng.random() < mix.code else chain_lesson)(rng, level)
    share = rng.random()
    if share < mix.bare:
        return sequence(lesson, 0)
    if share < mix.bare + mix.cut:
        return sequence(lesson, rng.randrange(1, len(lesson.thinking)))
    return sequence(lesson, None)


def _lesson(question: str, thinking: str, answer: str, roles: tuple[str, ...]) -> Lesson:
    encode = tokenizer.shared().encode
    lesson = Lesson(tokenizer.chat_ids(question), encode(thinking).ids, encode(answer).ids, roles)
    if len(lesson.thinking) != len(roles):
        raise ValueError(f"the thinking '{thinking}' is {len(lesson.thinking)} tokens, expected {len(roles)}")
    return lesson


def _padded(length: int) -> int:
    return -(-length // PAD_MULTIPLE) * PAD_MULTIPLE


@cache
def _training_rules() -> tuple[induce.Rule, ...]:
    return induce.rules(held_out=False)
