"""What a run used, summed from its tables a row group at a time."""

from __future__ import annotations

import importlib
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from thinkcurve.tables import attempts_path, column_groups, traces_path


@dataclass(frozen=True, slots=True)
class Sum:
    """A sum of what is known, and whether that is all."""

    known: float = 0
    is_whole: bool = True

    def __add__(self, other: Sum) -> Sum:
        return Sum(self.known + other.known, self.is_whole and other.is_whole)

    def __str__(self) -> str:
        return f"{self.known:,}" if self.is_whole else f"over {self.known:,}"


@dataclass(frozen=True, slots=True)
class Spending:
    """Tokens that were generated, those that each attempt would have taken alone, and dollars of paid models.

    ``is_split`` says that the thinking of every attempt was counted apart. ``usd`` and ``usd_alone`` are ``None`` where
    some of them are unknown.
    """

    thinking: Sum
    answers: Sum
    alone: Sum
    is_split: bool
    usd: float | None
    usd_alone: float | None


def spending_of(run: Path, paid: Collection[str]) -> Spending:
    """What a run that has its tables used; ``paid`` are specs of models that somebody is paid for."""
    thinking = answers = alone = usd = usd_alone = Sum()
    is_split = True
    for rows in column_groups(traces_path(run), ["model", "generated_spent", "usd_spent"]):
        thinking += _sum(rows["generated_spent"])
        usd += _sum(rows["usd_spent"].filter(_is_in(rows["model"], paid)))
    names = ["model", "generated_spent", "generated_tokens", "thinking_tokens", "usd", "usd_spent", "is_shared_answer"]
    for rows in column_groups(attempts_path(run), names):
        answers += _sum(rows["generated_spent"])
        alone += _sum(rows["generated_tokens"])
        is_split = is_split and not rows["thinking_tokens"].null_count
        of_paid = rows.filter(_is_in(rows["model"], paid))
        usd_alone += _sum(of_paid["usd"])
        usd += _sum(of_paid.filter(_not(of_paid["is_shared_answer"]))["usd_spent"])
    dollars = [sum_.known if sum_.is_whole else None for sum_ in (usd, usd_alone)]
    return Spending(thinking, answers, alone, is_split, *dollars)


def _sum(column: Any) -> Sum:
    known = _compute().sum(column).as_py()
    return Sum(0 if known is None else known, column.null_count == 0)


def _is_in(column: Any, names: Collection[str]) -> Any:
    import pyarrow as pa

    return _compute().is_in(column, value_set=pa.array(sorted(names), pa.string()))


def _not(column: Any) -> Any:
    return _compute().invert(column)


def _compute() -> Any:
    """The module of pyarrow whose functions are made when it is imported, so that no type checker knows them."""
    return importlib.import_module("pyarrow.compute")
