"""``thinkcurve doctor`` on what works here: what is missing is named, with the one command that mends it."""

from __future__ import annotations

import asyncio
import json
import sys
import types
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, requires

import pytest
from click.testing import CliRunner

from thinkcurve.cli import doctor_ways
from thinkcurve.cli.doctor import command
from thinkcurve.cli.doctor_ways import Way, all_ways
from thinkcurve.errors import UsageError
from thinkcurve.verify.worker import Equality

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the walls tried here are Linux's")
PATHS = [
    *("first curve", "your GGUF file", "your server", "openai:NAME", "anthropic:NAME", "gemini:NAME"),
    *("transformers:MODEL", "vllm:MODEL", "mlx:MODEL", "your task", "code tasks", "published tasks"),
    *("gym:NAME", "lm-eval:NAME", "gate, leaderboard", "paper figure", "many machines"),
]
VARIABLES = (
    *("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "GEMINI_API_KEY", "GOOGLE_API_KEY"),
    *("THINKCURVE_API_KEY", "THINKCURVE_DATA", "HF_HUB_OFFLINE"),
)
EQUAL = Equality(True)


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> Callable[[dict[str, str | None]], None]:
    """Pretend that packages have these versions (``None``: they are not there), and every other one a high one."""

    def pretend(versions: dict[str, str | None]) -> None:
        def version(name: str) -> str:
            found = versions.get(name, "2099.1")
            if found is None:
                raise PackageNotFoundError(name)
            return found

        monkeypatch.setattr(doctor_ways, "version", version)

    return pretend


def ways(*, maths: Equality = EQUAL, is_enough: bool = True) -> dict[str, Way]:
    return {way.name: way for way in asyncio.run(all_ways(None, maths, is_enough=is_enough))}


def test_every_path_of_the_readme_is_there_and_the_core_works() -> None:
    found = ways()
    assert list(found) == PATHS
    assert [way for way in found.values() if way.is_core and not way.works] == []
    assert "4 tokens" in found["first curve"].found


@pytest.mark.parametrize(
    ("name", "package", "extra"),
    [
        ("openai:NAME", "openai", "apis"),
        ("anthropic:NAME", "anthropic", "apis"),
        ("gemini:NAME", "google-genai", "apis"),
        ("transformers:MODEL", "peft", "transformers"),
        ("vllm:MODEL", "vllm", "vllm"),
        ("mlx:MODEL", "mlx-lm", "mlx"),
        ("gym:NAME", "reasoning-gym", "gym"),
        ("lm-eval:NAME", "lm-eval", "lm-eval"),
        ("many machines", "ray", "cluster"),
    ],
)
def test_a_package_that_is_not_there_is_named_with_the_extra_that_brings_it(
    name: str, package: str, extra: str, installed: Callable[[dict[str, str | None]], None]
) -> None:
    installed({package: None})
    way = ways()[name]
    assert (way.works, way.found, way.mend) == (
        False,
        f"not installed: {package}",
        f'pip install "thinkcurve[{extra}]"',
    )
    assert any(f"extra == '{extra}'" in row.replace('"', "'") for row in requires("thinkcurve") or ())


def test_a_package_that_is_too_old_is_not_enough(installed: Callable[[dict[str, str | None]], None]) -> None:
    installed({"ray": "2.9.0"})
    way = ways()["many machines"]
    assert (way.works, way.found) == (False, "not installed: ray 2.9.0 (not >=2.50)")


def test_a_key_is_looked_for_and_never_shown(
    monkeypatch: pytest.MonkeyPatch, installed: Callable[[dict[str, str | None]], None]
) -> None:
    installed({})
    assert ways()["openai:NAME"].mend == "export OPENAI_API_KEY=..."
    monkeypatch.setenv("GOOGLE_API_KEY", "s3cret-of-mine")
    way = ways()["gemini:NAME"]
    assert (way.works, way.mend) == (True, "")
    assert "GOOGLE_API_KEY is set" in way.found
    assert "s3cret" not in way.found


def test_an_embedded_model_that_does_not_run_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(spec: str) -> None:
        raise UsageError("llama.cpp has no build for this processor")

    monkeypatch.setattr("thinkcurve.plugins.open_backend", broken)
    way = ways()["first curve"]
    assert (way.works, way.is_core) == (False, True)
    assert "no build for this processor" in way.found
    assert way.mend.startswith('pip install --force-reinstall "xllamacpp>=')


def test_figures_that_cannot_be_drawn_are_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(spec: object) -> str:
        raise ValueError("no fonts")

    monkeypatch.setitem(sys.modules, "vl_convert", types.SimpleNamespace(vegalite_to_svg=refuse))
    way = ways()["paper figure"]
    assert (way.works, way.found) == (False, "nothing can be drawn: no fonts")
    assert "vl-convert-python" in way.mend


def test_a_maths_worker_or_a_sandbox_that_fails_is_said() -> None:
    found = ways(maths=Equality(None, "killed"), is_enough=False)
    assert (found["your task"].works, found["code tasks"].works) == (False, False)
    assert "killed" in found["your task"].found
    assert found["code tasks"].mend == "apt install bubblewrap"


def test_a_hub_that_may_not_be_asked_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert ways()["published tasks"].mend == "unset HF_HUB_OFFLINE"
    monkeypatch.setenv("THINKCURVE_DATA", "/data")
    assert ways()["published tasks"].works


def test_what_is_missing_stands_above_its_mending_command(
    installed: Callable[[dict[str, str | None]], None],
) -> None:
    installed({"vllm": None})
    result = CliRunner(env={"COLUMNS": "80"}).invoke(command, [])
    assert result.exit_code == 0  # an extra is no fault
    lines = [line.strip() for line in result.stdout.splitlines()]
    at = next(number for number, line in enumerate(lines) if line.startswith("–  vllm:MODEL"))
    assert lines[at].endswith("not installed: vllm")
    assert lines[at + 1] == 'pip install "thinkcurve[vllm]"'


def test_a_core_that_does_not_work_is_exit_1_and_in_json(
    installed: Callable[[dict[str, str | None]], None],
) -> None:
    installed({"aiohttp": None})
    result = CliRunner().invoke(command, ["--json"])
    assert result.exit_code == 1
    [server] = [way for way in json.loads(result.stdout)["ways"] if way["name"] == "your server"]
    assert (server["works"], server["is_core"]) == (False, True)
    assert server["mend"].startswith('pip install --force-reinstall "aiohttp>=')
