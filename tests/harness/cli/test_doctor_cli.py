"""``thinkcurve doctor``: what it tried is what it says, and its exit code is a gate."""

from __future__ import annotations

import json
import shutil
import sys

import pytest
from click.testing import CliRunner

from thinkcurve.cli.doctor import command
from thinkcurve.verify import isolation
from thinkcurve.verify.probes import PROBES, REQUIRED

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the walls tried here are Linux's")


@pytest.fixture(scope="module")
def found() -> dict[str, object]:
    result = CliRunner().invoke(command, ["--json"])
    assert result.exit_code == 0, result.output
    read: dict[str, object] = json.loads(result.stdout)
    return read


def test_every_wall_is_tried_with_every_probe(found: dict[str, object]) -> None:
    walls = {wall["wall"]: wall for wall in found["walls"]}  # type: ignore[attr-defined]
    assert tuple(walls) == isolation.candidates()
    for wall in walls.values():
        assert wall["problem"] if not wall["tier"] else set(wall["refused"]) == {probe.name for probe in PROBES}


def test_tier_is_given_for_what_was_refused(found: dict[str, object]) -> None:
    for wall in found["walls"]:  # type: ignore[attr-defined]
        if wall["tier"]:
            assert all(wall["refused"][name] for name in REQUIRED[wall["tier"]])


def test_rlimits_alone_are_tier_c(found: dict[str, object]) -> None:
    [rlimits] = [wall for wall in found["walls"] if wall["wall"] == "rlimits"]  # type: ignore[attr-defined]
    assert rlimits["tier"] == "C"
    assert not rlimits["refused"]["network"]


def test_table_fits_80_columns() -> None:
    result = CliRunner(env={"COLUMNS": "80"}).invoke(command, [])
    assert result.exit_code == 0
    assert max(map(len, result.stdout.splitlines())) <= 80
    assert "Level standard: met" in result.stdout


def test_level_that_is_not_met_is_exit_1(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(isolation, "candidates", lambda: ("rlimits",))
    result = CliRunner().invoke(command, ["--sandbox", "strict"])
    assert result.exit_code == 1
    assert "not met" in result.stdout
    assert CliRunner().invoke(command, ["--sandbox", "weak"]).exit_code == 0


def test_wall_that_is_not_installed_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: None)
    monkeypatch.setattr(isolation, "_packaged_bwrap", lambda: None)
    result = CliRunner().invoke(command, [])
    assert "bubblewrap: bwrap is not installed: install bubblewrap" in result.stdout.replace("\n", " ")
