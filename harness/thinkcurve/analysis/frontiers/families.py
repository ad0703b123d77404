"""Families of models: those that one line of sizes is drawn through, told by their names or asked for."""

from __future__ import annotations

import re
from collections.abc import Sequence

from thinkcurve.analysis.frontiers.points import Entry

SIZE = re.compile(r"(?<![A-Za-z0-9.])\d+(?:\.\d+)?\s*(?:[bm]|billion|million)(?![A-Za-z0-9])", re.IGNORECASE)
"""A number of parameters in a model's name: the ``1.7B`` of ``Qwen3-1.7B``."""


def family_of(name: str) -> str | None:
    """A model's name without its size (and its owner), or ``None`` where it names no size.

    >>> family_of("Qwen/Qwen3-1.7B"), family_of("SmolLM2-360M-Instruct"), family_of("gpt-5")
    ('qwen3-#', 'smollm2-#-instruct', None)
    """
    plain = name.rsplit("/", 1)[-1].lower()
    return SIZE.sub("#", plain) if SIZE.search(plain) else None


def reference_family(entries: Sequence[Entry]) -> tuple[int, ...]:
    """The entries of the family with the most sizes, smallest first; empty where none has two.

    A family is what names tell: models whose names differ in their size alone, under one control. The first entry
    of each size stands for it.
    """
    families: dict[tuple[str, str], dict[int, int]] = {}
    for i, entry in enumerate(entries):
        family = family_of(entry.name)
        if family is not None and entry.active_parameters is not None:
            families.setdefault((family, entry.grid.control), {}).setdefault(entry.active_parameters, i)
    most = max(families.values(), key=len, default={})
    return tuple(most[size] for size in sorted(most)) if len(most) > 1 else ()


def names_of(entry: Entry) -> set[str]:
    """What an entry may be asked for by: its model, with and without engine and owner, or its family."""
    names = {entry.name, entry.name.rsplit("/", 1)[-1], entry.grid.model, entry.grid.model.rpartition(":")[2]}
    family = family_of(entry.name)
    return names | {family} if family else names


def named(entries: Sequence[Entry], names: Sequence[str]) -> tuple[int, ...]:
    """The entries that names stand for (`names_of`), smallest first; empty where they are not of two sizes.

    As in `reference_family` the first entry of each size stands for it, under one control: that of the first of all.
    """
    found: dict[int, int] = {}
    for i, entry in enumerate(entries):
        size, first = entry.active_parameters, entries[next(iter(found.values()), i)]
        is_named = not names_of(entry).isdisjoint(names)
        if is_named and size is not None and entry.grid.control == first.grid.control:
            found.setdefault(size, i)
    return tuple(found[size] for size in sorted(found)) if len(found) > 1 else ()
