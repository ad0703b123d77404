"""What thinkcurve itself exported into the files of other tools: its whole records stand under a key of ours there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from thinkcurve.errors import UsageError
from thinkcurve.interop.imports.item import Item, Kept, Origin
from thinkcurve.interop.imports.reading import shaped, text_of
from thinkcurve.problem import Verdict
from thinkcurve.store import Attempt

OWN = "thinkcurve"
"""The key of ours in other tools' records."""


def origin_of(data: Mapping[str, Any], where: str) -> Origin | None:
    """The run that a file was exported from; ``None`` where it is none of ours."""
    ours = data.get(OWN)
    return None if ours is None else shaped(ours, Origin, f"{where}: {OWN}")


def kept_of(
    where: str, data: Mapping[str, Any], texts: Mapping[str, Any], score: tuple[str, object, bool | None] | None
) -> Kept:
    """An attempt of ours with its problem: ``texts`` holds question, answer and fingerprint of the latter.

    ``score`` is what the other tool's score is called, its value, and whether that is right (``None``: neither right
    nor wrong). Raises `UsageError` where it is not what the verdict comes to: somebody edited one of them.
    """
    attempt = shaped(data[OWN], Attempt, f"{where}: {OWN}")
    if score is not None and score[2] is not (attempt.verdict is Verdict.CORRECT):
        raise UsageError(
            f"{where}: {score[0]} {score[1]!r:.20} is not what its verdict {attempt.verdict.value!r} comes to"
        )
    return Kept(
        where=where,
        attempt=attempt,
        question=text_of(texts.get("question")) or None,
        gold=text_of(texts.get("answer")) or None,
        fingerprint=text_of(texts.get("fingerprint")),
    )


def check_unmixed(file: Path, n_ours: int, n_all: int) -> None:
    """Refuse a file of which only some samples are ours."""
    if n_ours and n_ours < n_all:
        raise UsageError(f"{str(file)!r} mixes samples that thinkcurve exported with others")


def model_of(items: Sequence[Item | Kept], otherwise: str) -> str:
    """The model of exported answers, as their records spell it."""
    names = {item.attempt.model for item in items if isinstance(item, Kept)}
    if len(names) > 1:
        raise UsageError(f"its samples are of {len(names)} models: {', '.join(sorted(names))[:200]}")
    return names.pop() if names else otherwise
