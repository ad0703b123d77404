"""What is on a site: the entries by task and by model, their rankings, and the name of each page."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from thinkcurve import __version__
from thinkcurve.analysis.basis.axes import AXES
from thinkcurve.analysis.comparison.sameness import parted
from thinkcurve.analysis.ranking.standing import Ranking, rankings
from thinkcurve.report.leaderboard.entry import Entry, Model, Task, clipped_entry

Ranked = dict[str, list[Ranking]]
"""Rankings by axis."""
RANKING = 1
"""To be raised when rankings come out otherwise of the same entries: those that a site keeps are then made anew."""
SLUG = 40
"""Characters of a name that stand in the name of its page."""


def slug(name: str, *more: str) -> str:
    """A file name for anything: small letters, digits and dashes of a name, and 8 hex digits of all that it is.

    No two things share one, whatever letters a file system takes for the same.
    """
    plain = re.sub(r"[^a-z0-9]+", "-", name.lower()[: 4 * SLUG]).strip("-")[:SLUG].strip("-")
    digest = hashlib.sha256("\0".join((name, *more)).encode("utf-8", "surrogatepass")).hexdigest()[:8]
    return f"{plain}-{digest}" if plain else digest


@dataclass(frozen=True)
class Board:
    """All entries of one task: a version of it, on the same problems, or a part of them.

    ``ranked`` are rankings that were made before, by `digest`: those of 200 entries take seconds. ``remark`` counts
    what stands on other boards of a task of its name, and says why; ``twin`` numbers boards that differ in nothing
    else.
    """

    task: Task
    entries: tuple[Entry, ...]
    ranked: Mapping[str, Ranked] = field(default_factory=dict, repr=False)
    remark: str = ""
    twin: int = 0

    @property
    def is_split(self) -> bool:
        """Whether there are other boards of a task of its name."""
        return bool(self.remark)

    @cached_property
    def digest(self) -> str:
        """What its rankings rest on."""
        made = (f"{RANKING} {__version__}", *(entry.key for entry in self.entries))
        return hashlib.sha256(" ".join(made).encode()).hexdigest()[:16]

    @cached_property
    def slug(self) -> str:
        """The name of its page."""
        twin = [str(self.twin)] if self.twin else []
        return slug(self.task.name, self.task.version, self.task.fingerprint if self.is_split else "", *twin)

    @cached_property
    def title(self) -> str:
        """Its task, with what tells it from another of that name."""
        if not self.is_split:
            return self.task.name
        twin = f", {self.twin + 1}" if self.twin else ""
        return f"{self.task.name} (version {self.task.version}, {self.task.fingerprint[:6]}{twin})"

    @cached_property
    def rankings(self) -> Ranked:
        """Rankings by axis; ``entry`` of a standing is a place in ``entries``."""
        if self.digest in self.ranked:
            return self.ranked[self.digest]
        ranked = [(i, entry.counts) for i, entry in enumerate(self.entries) if entry.counts is not None]
        found = {axis: rankings([counts for _, counts in ranked], axis) for axis in AXES}
        assert [i for i, _ in ranked] == list(range(len(ranked)))  # entries without counts stand last
        return {axis: made for axis, made in found.items() if made}


@dataclass(frozen=True)
class ModelPage:
    """All entries of one model."""

    model: Model
    entries: tuple[Entry, ...]
    title: str

    @cached_property
    def slug(self) -> str:
        """The name of its page."""
        return slug(self.model.name, self.model.fingerprint)


@dataclass(frozen=True)
class Site:
    """Boards, those of most entries first, and models, by name."""

    title: str
    boards: tuple[Board, ...]
    models: tuple[ModelPage, ...]

    @property
    def entries(self) -> Iterable[Entry]:
        """All entries, by board."""
        return (entry for board in self.boards for entry in board.entries)

    @property
    def runs(self) -> set[str]:
        """Names of runs."""
        return {entry.run for entry in self.entries}


def site_of(entries: Sequence[Entry], title: str = "Leaderboard", ranked: Mapping[str, Ranked] | None = None) -> Site:
    """A site of entries, in an order that does not depend on that of the runs; ``ranked`` as in `Board`."""
    ordered = sorted({entry.key: clipped_entry(entry) for entry in entries}.values(), key=_order)
    boards = list(_boards(ordered, ranked or {}))
    boards.sort(key=lambda board: (-len({e.model.identity for e in board.entries}), board.task.name, board.slug))
    models: dict[tuple[str, str], list[Entry]] = {}
    for entry in ordered:
        models.setdefault(entry.model.identity, []).append(entry)
    for own in models.values():
        own.sort(key=lambda entry: (entry.task.name, entry.curve.control, entry.run))
    pages = [ModelPage(own[0].model, tuple(own), title_) for (own, title_) in _titled(list(models.values()))]
    return Site(title, tuple(boards), tuple(sorted(pages, key=lambda page: (page.title.casefold(), page.slug))))


def _order(entry: Entry) -> tuple[bool, str, str, str, str]:
    return (entry.counts is None, entry.model.name.casefold(), entry.model.spec, entry.curve.control, entry.key)


def _boards(entries: Sequence[Entry], ranked: Mapping[str, Ranked]) -> Iterable[Board]:
    """The boards of each task: one for all entries that asked the same problems, or parts of them."""
    by_task: dict[str, list[Entry]] = {}
    for entry in entries:
        by_task.setdefault(entry.task.name, []).append(entry)
    for own in by_task.values():
        seen: list[tuple[str, str]] = []
        for members, remark in parted([entry.asked for entry in own], ("entry", "entries")):
            group = tuple(own[i] for i in members)
            task = _largest(group)
            key = (task.version, task.fingerprint)
            yield Board(task, group, ranked, remark, seen.count(key))
            seen.append(key)


def _largest(group: Sequence[Entry]) -> Task:
    return max((entry.task for entry in group), key=lambda task: task.n_problems)


def _titled(models: Sequence[list[Entry]]) -> list[tuple[list[Entry], str]]:
    """Each model's entries with a title: its name, and what tells it from others of that name."""
    names = [own[0].model.name for own in models]
    made = []
    for own in models:
        model = own[0].model
        more = model.spec.rpartition(":")[2] if model.spec.rpartition(":")[2] != model.name else ""
        is_shared = names.count(model.name) > 1
        title = f"{model.name} ({more or model.fingerprint[:6]})" if is_shared else model.name
        made.append((own, title))
    titles = [title for _, title in made]
    return [
        (own, title if titles.count(title) < 2 else f"{title} {own[0].model.fingerprint[:6]}") for own, title in made
    ]


def labels_of(board: Board, titles: dict[tuple[str, str], str]) -> list[str]:
    """A name for each entry of a board: its model, and whatever more tells it from the others."""
    parts = [(titles[entry.model.identity], entry.curve.control, entry.run) for entry in board.entries]
    pairs = [part[:2] for part in parts]
    labels = []
    for model, control, run in parts:
        more = [control] if len({c for m, c, _ in parts if m == model}) > 1 else []
        more += [run] if pairs.count((model, control)) > 1 else []
        labels.append(" · ".join([model, *more]))
    return labels
