"""What ``run`` and ``doctor`` say of a cluster before there is one."""

import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from scripts import changed
from thinkcurve.cli.cluster_flags import NAMES, wish_of
from thinkcurve.cli.run import command
from thinkcurve.cluster.driver import Wish, open_driver
from thinkcurve.cluster.fleet import INSTALL, Fleet, Share
from thinkcurve.errors import UsageError


def flags(**given: Any) -> dict[str, Any]:
    return dict.fromkeys(NAMES) | given


def test_without_a_cluster_there_is_none_and_its_flags_are_refused() -> None:
    assert wish_of(flags()) is None
    with pytest.raises(UsageError, match="--gpus-per-worker is of a cluster: add --cluster"):
        wish_of(flags(gpus_per_worker=1.0))


def test_what_a_worker_takes_is_what_the_flags_say() -> None:
    assert wish_of(flags(cluster="auto")) == Wish("auto", None, Share(1.0, 0.0))
    asked = flags(cluster="h:1", workers="3", cpus_per_worker=2.0, gpus_per_worker=0.5, shards="s3://b/r")
    assert wish_of(asked) == Wish("h:1", 3, Share(2.0, 0.5), "s3://b/r")
    for wrong in ({"workers": "0"}, {"workers": "many"}, {"gpus_per_worker": 1.5}):
        with pytest.raises(UsageError):
            wish_of(flags(cluster="auto", **wrong))


def test_a_share_fits_a_node_as_often_as_its_scarcest_resource_allows() -> None:
    assert Share(2, 1).fits({"CPU": 16.0, "GPU": 4.0}) == 4
    assert Share(2, 1).fits({"CPU": 5.0, "GPU": 4.0}) == 2
    assert Share(1, 0.1).fits({"CPU": 16.0, "GPU": 1.0}) == 10
    assert Share(1, 1).fits({"CPU": 16.0}) == 0


def test_a_dry_run_needs_no_cluster() -> None:
    done = CliRunner().invoke(command, ["--dry-run", "--cluster", "auto"])
    assert isinstance(done.exception, UsageError)
    assert "leave --cluster out" in str(done.exception)


def test_without_ray_one_line_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(UsageError, match="thinkcurve\\[cluster\\]"):
        Fleet("local")
    assert "pip install" in INSTALL
    with pytest.raises(UsageError, match="max-usd"):  # said before anything else is tried
        open_driver(Wish(), changed(models=("embedded",), tasks=("arithmetic",), max_usd=1.0), tmp_path)
