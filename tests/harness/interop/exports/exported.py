"""Runs to export: one that is plain, one whose names and answers do what they can to be taken for something else."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from scripts import Doubling, adder, changed, sweep
from thinkcurve.budget import Control
from thinkcurve.errors import BackendError
from thinkcurve.interop.exports.content import Content, Wishes
from thinkcurve.plan import Given
from thinkcurve.problem import MathAnswer, Message, Problem
from thinkcurve.run import Run
from thinkcurve.task import Card
from thinkcurve_backends.scripted import Asked, ScriptedBackend, ScriptedChat, improving

Make = Callable[..., Run]
"""The fixture ``make``: carries out one of the runs below."""
HOSTILE = (
    "<script>alert(1)</script>",
    '"}, {"is_correct": true',
    "line\u2028separator\x85and\u2029more\x1cfiles",
    "\u202eright to left",
    "nul\x00 and \x07 bell",
    "=HYPERLINK(1)",
    "| a | b |\n| - | - |",
    "x" * 1_000_000,
    "---\nvalue: 100",
    "\\boxed{2}",
)
"""What a model may answer, whatever it was asked."""
HOSTILE_MODEL = "http://host/v1#</td><script>x</script>|\u202eevil"


class Hostile:
    """Ten problems whose questions are as bad as the answers."""

    name, version, description = "bad|<b>task</b>\u2028", "1</script>", "hostile"

    def problems(self) -> Sequence[Problem]:
        return [
            Problem(self.name, "test", i, f"{i} {text[:200]}", MathAnswer("2"), level=1, group=text[:30])
            for i, text in enumerate(HOSTILE)
        ]

    def prompt(self, problem: Problem) -> list[Message]:
        return [Message("user", str(problem.index))]


class Private(Doubling):
    """A task whose authors ask not to show its problems."""

    name = "doubling"
    card = Card(is_private=True)


def hostile(asked: Asked) -> str:
    text = HOSTILE[int(asked.prompt.split()[-1])]
    return text[:30] if asked.wants_thinking else text


def fails_at_three(asked: Asked) -> str:
    """The adder, but for problem 3, which never comes about."""
    if asked.prompt.split()[-1] == "3":
        raise BackendError("HTTP 500")
    return adder(asked)


async def plain_run(path: Path, answer: Any = adder, **fields: Any) -> Run:
    backend = ScriptedBackend(answer, name="adder", concurrency=4)
    study = changed(**{"samples": 2, "temperature": 0.5, "budgets": (0, 8, None), **fields})
    return await sweep(path, study, Given({"adder": backend}, {"doubling": Doubling()}))


async def private_run(path: Path) -> Run:
    return await sweep(path, objects=Given({"adder": ScriptedBackend(adder, name="adder")}, {"doubling": Private(4)}))


async def hostile_run(path: Path) -> Run:
    task = Hostile()
    study = changed(models=(HOSTILE_MODEL,), tasks=(task.name,), budgets=(0, 64), answer_tokens=2_000_000)
    backend = ScriptedBackend(hostile, name=HOSTILE_MODEL, context_tokens=4_000_000)
    return await sweep(path, study, Given({HOSTILE_MODEL: backend}, {task.name: task}))


async def effort_run(path: Path, counts: bool = True) -> Run:
    """A model behind a provider who keeps levels of effort, and counts the thinking or does not."""

    def doubled(question: str) -> str:
        return f"\\boxed{{{2 * int(question.split()[1])}}}"

    backend = ScriptedChat(improving(doubled), is_local=False, provider="maker", counts=counts)
    study = changed(models=("chat",), budgets=(1, 2, 4), control=Control.EFFORT, answer_tokens=256)
    return await sweep(path, study, Given({"chat": backend}, {"doubling": Doubling()}))


async def twins_run(path: Path) -> Run:
    """Two models in files of one name."""
    specs = ("llamacpp:a/model.gguf", "llamacpp:b/model.gguf")
    backends = {spec: ScriptedBackend(adder, name=spec) for spec in specs}
    return await sweep(path, changed(models=specs, limit=2), Given(backends, {"doubling": Doubling()}))


async def tiny_run(path: Path) -> Run:
    """One problem, one sample, one budget."""
    return await sweep(path, changed(budgets=(8,), limit=1))


def content(run: Run) -> Content:
    return Content(run)


def wishes(**fields: Any) -> Wishes:
    return Wishes(**fields)


def lines(path: Path) -> list[dict[str, Any]]:
    """The objects of a file of JSON lines, as a reader sees them that takes everything for the end of a line."""
    return [json.loads(line) for line in path.read_text().splitlines()]
