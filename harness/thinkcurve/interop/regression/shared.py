"""One run for all tests of a session that ask for the same study, in whichever process of pytest-xdist they are."""

from __future__ import annotations

import contextlib
import hashlib
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from thinkcurve.run import load_run, sweep
from thinkcurve.store import manifest_path, read_manifest
from thinkcurve.study import Study, run_name

if TYPE_CHECKING:
    import pytest

    from thinkcurve.run import Run


def runs_directory(factory: pytest.TempPathFactory, config: pytest.Config) -> Path:
    """The directory of the runs of this session, the same in all its processes: pytest-xdist gives each of them a
    folder of its own in that of the session."""
    base = factory.getbasetemp()
    is_shared = hasattr(config, "workerinput") and _can_lock()
    directory = (base.parent if is_shared else base) / "thinkcurve-runs"
    directory.mkdir(parents=True, exist_ok=True)
    return directory


def shared_run(
    study: Study, directory: Path, *, root: Path, backends: Mapping[str, Any], tasks: Mapping[str, Any], mark: str = ""
) -> Run:
    """The run of a study, carried out by whoever asks first, while others wait; paths are those from ``root``.

    ``mark`` tells runs apart that are made with objects of one test's own.
    """
    key = hashlib.blake2b(msgspec.json.encode([study, mark], order="sorted"), digest_size=6).hexdigest()
    run = directory / f"{run_name(study)}-{key}"
    with locked(run.with_name(f"{run.name}.lock")), contextlib.chdir(root):
        if manifest_path(run).exists() and read_manifest(run).finished and not load_run(run).failures.size:
            return load_run(run)
        ours = {name: backend for name, backend in backends.items() if name in study.models}
        theirs = {name: task for name, task in tasks.items() if name in study.tasks}
        return sweep(study, run, backends=ours, tasks=theirs, warn=_warn)


def _warn(text: str) -> None:
    print(text, file=sys.stderr)  # captured by pytest, and shown where the test fails


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold a lock that one process has at a time; where the system has none (Windows) runs are not shared."""
    if not _can_lock():
        yield
        return
    import fcntl

    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)  # let go when the file is closed, or the process dies
        yield


def _can_lock() -> bool:
    try:
        import fcntl  # noqa: F401 - whether it is there
    except ImportError:
        return False
    return True
