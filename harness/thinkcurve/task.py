"""The port to problems: what a task must offer. Implementations live outside the engine, behind entry points."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from thinkcurve.problem import Message, Problem


class Task(Protocol):
    """A named, versioned set of problems with a prompt.

    ``problems`` may load lazily; it returns the same problems in the same order every time. The type of a
    problem's reference picks the verifier.
    """

    name: str
    version: str
    description: str

    def problems(self) -> Sequence[Problem]:
        """All problems of the task, in their fixed order."""
        ...

    def prompt(self, problem: Problem) -> list[Message]:
        """The messages that ask ``problem``; never containing its reference."""
        ...
