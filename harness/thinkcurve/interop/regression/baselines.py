"""Baselines on disk: finished runs without their journals, kept beside the tests like snapshots.

    tests/__thinkcurve__/test_model/test_sums/manifest.json, attempts.parquet, traces.parquet, problems.parquet

They are runs like any other, so ``thinkcurve show``, ``compare`` and ``report`` read them too.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

from thinkcurve.questions import questions_path
from thinkcurve.store import manifest_path, write_manifest
from thinkcurve.tables import attempts_path, compact

if TYPE_CHECKING:
    from thinkcurve.run import Run

FOLDER = "__thinkcurve__"
"""The folder of the baselines beside the tests that own them."""
LONGEST = 80
"""Characters of a name on disk, before a digest of the whole."""


def baseline_path(test: Path, name: str, folder: Path | None = None) -> Path:
    """Where the baseline of a test lies: in ``folder``, else beside the file ``test``."""
    parent = test.parent / FOLDER if folder is None else folder
    return parent / safe_name(test.stem) / safe_name(name)


def safe_name(name: str) -> str:
    """A name that every file system takes: letters, digits, ``._-``; what was changed keeps a digest of the original,
    so that no two names fall together."""
    safe = re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-.")[:LONGEST]
    if safe and safe == name:
        return name
    return f"{safe or 'test'}-{hashlib.blake2b(name.encode('utf-8', 'replace'), digest_size=4).hexdigest()}"


def exists(path: Path) -> bool:
    """Whether there is a baseline."""
    return manifest_path(path).exists() and attempts_path(path).exists()


def update(run: Run, path: Path) -> str:
    """Write a baseline where it would say something else, and say what was done; raises as `write_baseline` does."""
    from thinkcurve.errors import ThinkcurveError

    is_new = not exists(path)
    try:
        if not is_new and is_unchanged(run, path):
            return "baseline unchanged"
    except ThinkcurveError:
        pass  # one that cannot be read, or compared, is written anew
    write_baseline(run, path)
    return "baseline written" if is_new else "baseline updated"


def write_baseline(run: Run, path: Path) -> None:
    """Put a run in the place of a baseline: whole, or the old one stays.

    Raises `OSError` where the folder cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}")
    draft.mkdir()
    try:
        write_manifest(draft, run.manifest)
        compact(draft, run.records)
        if questions_path(run.path).exists():
            shutil.copyfile(questions_path(run.path), questions_path(draft))
        _put(draft, path)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _put(draft: Path, path: Path) -> None:
    """Move a folder into place; the one that was there goes only when the new one stands, else it comes back."""
    if not path.exists():
        os.replace(draft, path)
        return
    if not exists(path) and any(path.iterdir()):
        raise FileExistsError(f"{path} is there and is no baseline; move it away")
    old = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}")
    os.replace(path, old)
    try:
        os.replace(draft, path)
    except BaseException:
        os.replace(old, path)
        raise
    shutil.rmtree(old, ignore_errors=True)


def is_unchanged(run: Run, path: Path) -> bool:
    """Whether a baseline says the same as a run, so that writing it again would only change its dates."""
    from thinkcurve.analysis.comparison.exact import compare_exactly
    from thinkcurve.run import load_run

    old = load_run(path)
    if (old.manifest.study, len(old.attempts)) != (run.manifest.study, len(run.attempts)):
        return False
    found = compare_exactly(old, run)
    return all(one.is_same and not one.partings for one in found)
