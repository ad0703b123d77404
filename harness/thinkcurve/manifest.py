"""The manifest of a run: the study, and everything that says what the run was, so that it can be made again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from thinkcurve.backend import Sampling
from thinkcurve.errors import UsageError
from thinkcurve.problem import Message
from thinkcurve.segments import replace
from thinkcurve.study import Study
from thinkcurve.tariff import Tariff

SCHEMA_VERSION = 1


class ModelRecord(msgspec.Struct, frozen=True):
    """What a run knows of one model: its spec, what it turned out to be, and how its tokens are drawn and priced.

    ``sampling`` is ``None`` where the provider draws by its own defaults.
    """

    spec: str
    info: dict[str, Any]
    sampling: Sampling | None = None
    tariff: Tariff | None = None


class TaskRecord(msgspec.Struct, frozen=True):
    """What a run knows of one task: version, and a fingerprint of the problems it used, by how many there were.

    ``spec`` is what the study calls it. ``prompt`` is the text that asked the problems, where it is one text with
    places for them; ``prompt_fingerprint`` covers every message of every problem, the system message and whether a chat
    template was used, each with its level and group. ``example`` is how the first problem was asked, worked examples
    and all, unless its authors ask not to show it. ``source``, ``revision`` and ``licence`` are those of the data.
    """

    name: str
    version: str
    n_problems: int
    fingerprint: str
    spec: str = ""
    prompt: str = ""
    prompt_fingerprint: str = ""
    example: tuple[Message, ...] = ()
    source: str = ""
    revision: str = ""
    licence: str = ""


class Sitting(msgspec.Struct, frozen=True):
    """One time that a run was worked on: a run that was stopped and gone on with elsewhere has several."""

    started: str
    versions: dict[str, str]
    hardware: dict[str, Any]
    verifier: dict[str, str]
    git_commit: str | None


class Manifest(msgspec.Struct, frozen=True):
    """Everything needed to say what a run was, and to make it again.

    ``sittings`` made its answers; ``regrades`` judged them again, the last of them with these verdicts.
    """

    schema: int
    study: Study
    models: tuple[ModelRecord, ...]
    tasks: tuple[TaskRecord, ...]
    sittings: tuple[Sitting, ...]
    finished: str | None = None
    regrades: tuple[Sitting, ...] = ()


def manifest_path(run: Path) -> Path:
    """Where the manifest of a run lies."""
    return run / "manifest.json"


def read_manifest(run: Path) -> Manifest:
    """The manifest of a run, or a `UsageError` that says why the directory is not a readable run."""
    path = manifest_path(run)
    try:
        raw = path.read_bytes()
    except FileNotFoundError as error:
        raise UsageError(f"{str(run)!r} is not a run: it has no manifest.json{_runs_inside(run)}") from error
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from error
    try:
        version = msgspec.json.decode(raw, type=dict[str, Any]).get("schema")
        if version != SCHEMA_VERSION:
            raise UsageError(
                f"{path}: schema {version!r} is not {SCHEMA_VERSION}, the one read here; use a matching thinkcurve"
            )
        return msgspec.json.decode(raw, type=Manifest)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} is damaged: {error}") from error


def _runs_inside(folder: Path) -> str:
    """What a folder that is no run holds of runs, for an error; empty where it holds none."""
    runs = sorted(str(path.parent) for path in folder.glob("*/manifest.json"))
    if not runs:
        return ""
    shown = ", ".join(runs[:3]) + (", ..." if len(runs) > 3 else "")
    return f"; it holds {len(runs)} {'run' if len(runs) == 1 else 'runs'}: {shown}"


def write_manifest(run: Path, manifest: Manifest) -> None:
    """Write the manifest atomically, indented for people."""
    data = msgspec.json.format(msgspec.json.encode(manifest), indent=2) + b"\n"
    replace(manifest_path(run), lambda path: path.write_bytes(data))
