"""Which runs of a task asked the same problems: only those are put side by side, and what stands apart is counted.

A comparison of two runs refuses where they are not (`matches`); a table of many runs sets them apart by `parted`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from thinkcurve.analysis.basis.grid import Grid
    from thinkcurve.run import Run

MOST_NAMED = 3
"""Problems that a remark names."""
LONGEST = 60
"""Characters of a name in a remark."""


@dataclass(frozen=True)
class Asked:
    """What a run asked of a task: its version, how many problems, a fingerprint of all of them in their order, and
    ``prints``, that of each problem by its id, empty where the run does not say (one of an earlier version)."""

    version: str
    n_problems: int
    fingerprint: str
    prints: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Alike:
    """Runs of one task that asked the same problems, or parts of them.

    ``members`` are their places; ``remark`` counts the other runs of that name, and says in what they differ; it is
    empty where there are none.
    """

    task: str
    members: tuple[int, ...]
    remark: str = ""

    def grids(self, runs: Sequence[Run]) -> list[Grid]:
        """What their models did on the task, of all ``runs`` that the places are of."""
        return [grid for place in self.members for grid in runs[place].grids if grid.task == self.task]


def prints_of(run: Run, task: str) -> dict[str, str]:
    """The fingerprint of each problem of a task by its id; empty where a run does not say what it asked."""
    return {question.problem: question.fingerprint for question in run.questions if question.task == task}


def changed(base: Mapping[str, str], new: Mapping[str, str]) -> list[str] | None:
    """The ids that name other problems in one run than in the other, ``None`` where one does not say what it asked."""
    if not (base and new):
        return None
    return [problem for problem, print_ in base.items() if new.get(problem, print_) != print_]


def alike(runs: Sequence[Run]) -> list[Alike]:
    """The runs of each task, in groups that asked the same problems; tasks and groups in the order of the runs."""
    by_task: dict[str, dict[int, Asked]] = {}
    for place, run in enumerate(runs):
        for record in run.manifest.tasks:
            asked = Asked(record.version, record.n_problems, record.fingerprint, prints_of(run, record.name))
            by_task.setdefault(record.name, {})[place] = asked
    return [
        Alike(task, tuple(list(asked)[i] for i in members), remark)
        for task, asked in by_task.items()
        for members, remark in parted(list(asked.values()))
    ]


def alike_of(found: Iterable[Alike], task: str, place: int) -> Alike:
    """The group that a run of a task is in, by its place among the runs."""
    alone = Alike(task, (place,))  # a run whose manifest does not name the task
    return next((one for one in found if one.task == task and place in one.members), alone)


def parted(asked: Sequence[Asked], what: tuple[str, str] = ("run", "runs")) -> list[tuple[tuple[int, ...], str]]:
    """What several runs asked of one task, parted into groups of the same problems: places, and a remark (`Alike`), in
    which ``what`` names one and many of what is counted.

    Each run goes to the first group with none of whose runs it is at odds: of another version, or with other problems
    under the same ids. Where a run does not say what each problem was, as many problems have to have one fingerprint.
    """
    groups: list[_Group] = []
    for place, one in enumerate(asked):
        home = next((group for group in groups if group.takes(one)), None)
        if home is None:
            home = _Group()
            groups.append(home)
        home.add(place, one)
    return [(tuple(group.places), _remark(group, [g for g in groups if g is not group], what)) for group in groups]


class _Group:
    """Runs that are at odds with none of each other, and what they asked together."""

    def __init__(self) -> None:
        self.places: list[int] = []
        self.members: list[Asked] = []
        self.prints: dict[str, str] = {}

    def add(self, place: int, one: Asked) -> None:
        self.places.append(place)
        self.members.append(one)
        self.prints.update(one.prints)

    @property
    def version(self) -> str:
        return self.members[0].version

    def takes(self, one: Asked) -> bool:
        if one.version != self.version or changed(one.prints, self.prints):
            return False
        return not any(
            known.n_problems == one.n_problems and known.fingerprint != one.fingerprint
            for known in self.members
            if not (known.prints and one.prints)
        )


def _remark(own: _Group, others: Sequence[_Group], what: tuple[str, str]) -> str:
    if not others:
        return ""
    n = sum(len(group.members) for group in others)
    versions = sorted({group.version for group in others} - {own.version})
    why = [f"version {_some(versions)} and not {_some([own.version])}"] if versions else []
    alike_in_version = [group for group in others if group.version == own.version]
    differ = sorted({problem for group in alike_in_version for problem in changed(group.prints, own.prints) or ()})
    if differ:
        words = "problem differs" if len(differ) == 1 else "problems differ"
        why.append(f"{len(differ):,} {words} under one id ({_some(differ)})")
    elif alike_in_version:
        why.append(f"problems {own.members[0].fingerprint[:8]} here, others there")
    who = f"{n:,} {what[n > 1]} of a task of this name stand{'s' * (n == 1)} apart"
    return f"{who}: {'; '.join(why)}"


def _some(names: Sequence[str]) -> str:
    """The first of some names, whoever gave them, cut where they are too long."""
    shown = [name if len(name) <= LONGEST else f"{name[: LONGEST - 1]}…" for name in names[:MOST_NAMED]]
    return ", ".join(shown) + (", ..." if len(names) > MOST_NAMED else "")
