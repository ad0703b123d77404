"""lm-eval's results without its samples: only means, of which no run can be made. What is missing is said, and how to
get it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from thinkcurve.errors import UsageError
from thinkcurve.interop.imports.reading import child, name_of, number_of, read_bytes, read_object

WORD = re.compile(r"[A-Za-z0-9_./:=,@+-]{1,200}", re.ASCII)
"""What may stand in a command as it is: a file from elsewhere must not write one for a shell."""
NAMED = 3
"""Scores that a sentence names."""


def check_has_samples(path: Path) -> None:
    """Refuse a results file where samples are asked for. Raises `UsageError` naming its scores and the command that
    would have kept the answers; a file that is none of lm-eval's results is let pass."""
    if path.suffix != ".json":
        return
    raw = read_object(read_bytes(path), str(path))
    if "results" in raw:
        raise no_samples(path, raw)


def no_samples(path: Path, raw: Mapping[str, Any]) -> UsageError:
    """The complaint that a results file has no samples."""
    scores = [*_scores(raw)]
    some = ", ".join(scores[:NAMED]) + (", ..." if len(scores) > NAMED else "")
    told = f" ({some})" if some else ""
    return UsageError(
        f"{str(path)!r} has means only{told} and no samples_*.jsonl beside it; a run is made of "
        f"answers, problem by problem, without which nothing can be compared: evaluate again with {_command(raw)}"
    )


def _scores(raw: Mapping[str, Any]) -> Iterator[str]:
    for task, found in child(raw, "results").items():
        for key, value in found.items() if isinstance(found, dict) else ():
            metric = key.partition(",")[0]
            if number_of(value) is not None and "," in key and not metric.endswith("_stderr"):
                yield f"{name_of(task)[:40]} {name_of(key)[:40]} {value:.4g}"


def _command(raw: Mapping[str, Any]) -> str:
    """lm-eval's command for the same evaluation, as far as the file tells it in words that are safe to type."""
    config = child(raw, "config")
    given = config.get("model_args")
    arguments = ",".join(f"{key}={value}" for key, value in given.items()) if isinstance(given, dict) else given
    shots = {value for value in child(raw, "n-shot").values() if isinstance(value, int)}
    flags = {
        "--model": config.get("model"),
        "--model_args": arguments,
        "--tasks": ",".join(child(raw, "results")),
        "--num_fewshot": shots.pop() if len(shots) == 1 else None,
    }
    said = [f"{flag} {value}" for flag, value in flags.items() if WORD.fullmatch(str(value)) and value is not None]
    template = ["--apply_chat_template"] if raw.get("chat_template") else []
    return " ".join(["lm_eval", *said, *template, "--log_samples", "--output_path", "DIR"])
