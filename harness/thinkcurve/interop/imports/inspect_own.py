"""A log of inspect that thinkcurve exported: its attempts as they were, with every field.

Where inspect scored it again by a scorer of its own, ``--metric SCORER`` reads it as any other log.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from thinkcurve.interop.imports.inspect_sample import attached
from thinkcurve.interop.imports.item import Kept, Log, Origin
from thinkcurve.interop.imports.kept import OWN, check_unmixed, kept_of, model_of
from thinkcurve.interop.imports.reading import child, count_of, name_of

RIGHT, WRONG = ("C", 1), ("I", "N", 0)
"""Values of a score that inspect takes for right and for wrong."""


def own_log(
    file: Path, header: Mapping[str, Any], samples: Iterable[tuple[str, Mapping[str, Any]]], origin: Origin
) -> Log:
    """The attempts of a log of ours; those that failed are in its ``origin``. Raises `UsageError` for an edited one."""
    kept: list[Kept] = []
    n_found = n_foreign = 0
    for where, sample in samples:
        n_found += 1
        if OWN in child(sample, "metadata"):
            kept.append(_kept(where, sample))
        elif sample.get("error") is None:
            n_foreign += 1
    check_unmixed(file, len(kept) + bool(origin.failures), len(kept) + n_foreign + bool(origin.failures))
    run = child(header, "eval")
    n_logged = count_of(child(header, "results").get("total_samples")) or 0
    torn = f"{file}: holds {n_found:,} of the {n_logged:,} samples that were evaluated, so it is not whole"
    spec = next((model.spec for model in origin.models), name_of(run.get("model")))
    return Log(
        file=str(file),
        tool="thinkcurve",
        model=model_of(kept, spec),
        task=name_of(run.get("task")),
        version=name_of(run.get("task_version")),
        items=tuple(kept),
        is_whole=n_found >= n_logged,
        notes=(torn,) if n_found < n_logged else (),
        origin=origin,
    )


def _kept(where: str, sample: Mapping[str, Any]) -> Kept:
    data, scores = child(sample, "metadata"), child(sample, "scores")
    given, gold = sample.get("input"), sample.get("target")
    texts = {
        "question": attached(sample, given) if isinstance(given, str) else None,
        "answer": attached(sample, gold) if isinstance(gold, str) else None,
        "fingerprint": data.get("fingerprint"),
    }
    score = child(scores, OWN).get("value")
    is_right = True if score in RIGHT else False if score in WRONG else None
    return kept_of(where, data, texts, None if score is None else (OWN, score, is_right))
