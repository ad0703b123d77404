"""A task and scripted models for tests of the engine: small, exact, and hard or easy on demand."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

import msgspec

from thinkcurve.errors import BackendError
from thinkcurve.plan import Given
from thinkcurve.problem import MathAnswer, Message, Problem
from thinkcurve.run import Run, sweep_async
from thinkcurve.store import Attempt
from thinkcurve.study import Study
from thinkcurve_backends.scripted import Asked, ScriptedBackend

STUDY = Study(models=("adder",), tasks=("doubling",), budgets=(0, 4, 8, 16, 64), answer_tokens=32)


class Doubling:
    """``index + index = ?``"""

    name, version, description = "doubling", "1", "double a number"

    def __init__(self, n: int = 20, version: str = "1", question: str = "double {}") -> None:
        self.n, self.version, self.question = n, version, question

    def problems(self) -> Sequence[Problem]:
        return [
            Problem("doubling", "test", i, self.question.format(i), MathAnswer(str(2 * i)), level=i % 3 + 1)
            for i in range(self.n)
        ]

    def prompt(self, problem: Problem) -> list[Message]:
        return [Message("user", problem.question)]


def thinking_of(prompt: str) -> str:
    """What the adder thinks of a prompt: 0 to 39 bytes, fixed by the prompt."""
    digest = hashlib.sha256(prompt.encode()).hexdigest()
    return digest[: int(digest[:4], 16) % 40]


def adder(asked: Asked) -> str:
    """Right once its thinking is complete; before that it answers with what it has thought so far."""
    whole = thinking_of(asked.prompt)
    if asked.wants_thinking:
        return whole
    number = int(asked.prompt.split()[-1])
    return f"\\boxed{{{2 * number if asked.thinking == whole else -len(asked.thinking) - 1}}}"


def given(answer: object = adder, task: Doubling | None = None, **options: int) -> Given:
    """The adder (or another function) as the backend ``adder``, on the task ``doubling``."""
    backend = ScriptedBackend(answer, name="adder", **options)  # type: ignore[arg-type]
    return Given({"adder": backend}, {"doubling": task or Doubling()})


def what_was_said(attempt: Attempt) -> tuple[object, ...]:
    """All of an attempt that another run of the same study must repeat: everything but times."""
    return (
        attempt.key,
        attempt.verdict,
        attempt.answer,
        attempt.answer_ids,
        attempt.thinking_tokens,
        attempt.is_forced,
        attempt.ending,
        attempt.total_tokens,
        attempt.seed,
    )


def failing(times: int, **how: object) -> object:
    """The adder, whose first ``times`` requests for each prompt and part fail."""
    seen: dict[tuple[str, str, bool], int] = {}

    def answer(asked: Asked) -> str:
        key = (asked.prompt, asked.thinking, asked.wants_thinking)
        seen[key] = seen.get(key, 0) + 1
        if seen[key] <= times:
            raise BackendError("HTTP 503", **how)  # type: ignore[arg-type]
        return adder(asked)

    return answer


def changed(study: Study = STUDY, **fields: object) -> Study:
    return msgspec.structs.replace(study, **fields)


async def sweep(path: Path, study: Study = STUDY, objects: Given | None = None) -> Run:
    return await sweep_async(study, path, objects or given())


def said(run: Run) -> set[tuple[object, ...]]:
    return {what_was_said(attempt) for attempt in run.records.attempts.values()}


def requests(objects: Given) -> int:
    return objects.backends["adder"].n_requests  # type: ignore[attr-defined]
