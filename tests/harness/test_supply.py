"""What the project is made of: what CI installs is pinned to the byte, and every licence is one that may be used so."""

from __future__ import annotations

import importlib.metadata
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
LOCK = ROOT / ".ci" / "requirements.txt"
LINE = re.compile(r"(?P<name>[\w.-]+)==(?P<version>[\w.!+-]+) --hash=sha256:[0-9a-f]{64}")
WITHOUT = {"torch": "installed by its version, as the build without CUDA", "vllm": "not run in CI"}
OWN = "thinkcurve"
REFUSED = re.compile(r"\b(A?GPL|SSPL|GNU (Affero )?General|non-?commercial|proprietary|BUSL|Business Source)", re.I)
"""Licences that a dependency may not have: they would bind what users make. (LGPL may: it is used as it comes.)"""
SAID_ELSEWHERE = {"agent-client-protocol": "Apache-2.0", "axe-playwright-python": "MIT", "zss": "BSD-3-Clause"}
"""Licences of distributions that name none in their metadata; read in their files."""


def pinned() -> dict[str, str]:
    """Versions in the lock, by name."""
    rows = [row for row in LOCK.read_text(encoding="utf-8").splitlines() if not row.startswith("#")]
    found = [LINE.fullmatch(row) for row in rows]
    assert all(found), [row for row, one in zip(rows, found, strict=True) if one is None]
    return {canonicalize_name(one["name"]): one["version"] for one in found if one is not None}


def asked() -> Iterator[Requirement]:
    """All that pyproject.toml names for the extras of CI."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = re.search(r'EXTRAS = "([\w,-]+)"', (ROOT / ".ci" / "lock.py").read_text(encoding="utf-8"))
    assert extras is not None
    waiting, done = [*extras[1].split(",")], set[str]()
    rows = list(project["dependencies"])
    while waiting:
        extra = waiting.pop()
        if extra in done:
            continue
        done.add(extra)
        for row in project["optional-dependencies"][extra]:
            one = Requirement(row)
            if one.name == OWN:
                waiting += one.extras
            else:
                rows.append(row)
    for row in rows:
        one = Requirement(row)
        if one.marker is None or one.marker.evaluate():
            yield one


def test_every_requirement_is_pinned_to_a_version_that_it_allows() -> None:
    versions = pinned()
    for one in asked():
        if one.name not in WITHOUT:
            assert one.specifier.contains(versions[canonicalize_name(one.name)], prereleases=True), one


def test_ci_installs_by_hash() -> None:
    run = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert "--require-hashes --no-deps -r .ci/requirements.txt" in run
    assert "--no-deps --no-build-isolation -e ." in run


def installed() -> Iterator[importlib.metadata.Distribution]:
    """The distributions here that the lock names."""
    for name in pinned():
        try:
            yield importlib.metadata.distribution(name)
        except importlib.metadata.PackageNotFoundError:
            continue


def licence_of(of: importlib.metadata.Distribution) -> str:
    """What a distribution says of its licence: the expression, else the classifiers, else the field of old."""
    about = of.metadata
    classifiers = [one for one in about.get_all("Classifier") or [] if one.startswith("License ::")]
    said = about.get("License-Expression") or "; ".join(classifiers) or (about.get("License") or "").split("\n")[0]
    return said or SAID_ELSEWHERE.get(canonicalize_name(about["Name"]), "")


def test_no_licence_binds_what_users_make() -> None:
    found = {one.metadata["Name"]: licence_of(one) for one in installed()}
    assert len(found) > 100  # else this environment is not the one that CI makes
    assert not [name for name, licence in found.items() if not licence]
    assert not {name: licence for name, licence in found.items() if REFUSED.search(licence)}


def test_what_is_refused_is_found() -> None:
    assert REFUSED.search("GPL-3.0-or-later")
    assert REFUSED.search("License :: OSI Approved :: GNU Affero General Public License v3")
    assert not REFUSED.search("License :: OSI Approved :: GNU Lesser General Public License v2 or later (LGPLv2+)")
