"""``thinkcurve doctor --backend``: a line a check in 80 columns, JSON, exit codes, complaints before loading."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

sys.path.insert(0, str(Path(__file__).parents[1] / "testing"))
from broken_generation import OneMore, StopTextLeftIn
from toy import Toy

from thinkcurve import plugins
from thinkcurve.cli.doctor import command
from thinkcurve.errors import UsageError
from thinkcurve.testing import TOKEN_CHECKS
from thinkcurve_backends.scripted import ScriptedChat


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> type:
    """The toy as the engine that every spec opens; options are its own."""

    class Opened:
        kind: type[Toy] = Toy
        options: dict[str, object] | None = None

    def open_backend(spec: str, options: dict[str, object]) -> Toy:
        Opened.options = options
        return Opened.kind(**options)  # type: ignore[arg-type]

    monkeypatch.setattr(plugins, "open_backend", open_backend)
    return Opened


def doctor(*arguments: str) -> tuple[int, str]:
    result = CliRunner(env={"COLUMNS": "80"}).invoke(command, ["--backend", "toy:x", *arguments])
    if isinstance(result.exception, UsageError):
        raise result.exception
    return result.exit_code, result.stdout


HANGING = """
import sys
sys.path.insert(0, {folder!r})
from broken_service import HangsOnClose
from thinkcurve import plugins, testing
from thinkcurve.cli import doctor_backend
plugins.open_backend = lambda spec, options: HangsOnClose()
checks, doctor_backend.CLOSING_S = testing.run_checks, 0.5
async def quick(backend, names=None, *, listener):
    return await checks(backend, names, listener=listener, patience_s=0.5)
testing.run_checks = quick
sys.exit(doctor_backend.try_backend("toy:x", (), ("closing",), as_json=False))
"""


def test_an_engine_that_never_closes_is_told_and_left_behind() -> None:
    script = HANGING.format(folder=str(Path(__file__).parents[1] / "testing"))
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1, done.stderr
    assert "closing had not ended" in done.stdout
    assert "This backend does not keep what it promises: 1 failed" in done.stdout


def test_an_honest_engine_has_a_line_a_check_and_exit_0(engine: type) -> None:
    code, said = doctor()
    assert code == 0
    lines = said.splitlines()
    assert max(map(len, lines)) <= 80
    assert [line.split()[1] for line in lines if line.startswith("✓")] == list(TOKEN_CHECKS)
    assert lines[-1].startswith("This backend keeps every promise that was tried: 23 passed in")
    assert "toy · toy · context 700 · 4 at once · controls extend, server, truncate" in lines


def test_a_broken_engine_is_exit_1_with_what_came_and_what_was_promised(engine: type) -> None:
    engine.kind = OneMore  # type: ignore[attr-defined]
    code, said = doctor("--check", "max-tokens", "--check", "description")
    assert code == 1
    assert max(map(len, said.splitlines())) <= 80
    assert "✗ max-tokens" in said
    assert "max_tokens 1 gave 2 ids; exactly 1 are promised" in " ".join(said.split())
    assert "does not keep what it promises: 1 passed, 1 failed" in said


def test_json_holds_every_outcome_and_nothing_else_is_printed(engine: type) -> None:
    engine.kind = StopTextLeftIn  # type: ignore[attr-defined]
    code, said = doctor("--json", "--check", "stop-texts", "--check", "greedy")
    found = json.loads(said)
    assert code == 1
    assert [(check["name"], check["status"]) for check in found["checks"]] == [
        ("greedy", "passed"),
        ("stop-texts", "failed"),
    ]
    assert found["is_conforming"] is False
    assert found["model"]["name"] == "toy"


def test_options_reach_the_engine_as_values(engine: type) -> None:
    assert doctor("--backend-option", "slots=2", "--backend-option", "pause_s=0.0", "--check", "usage")[0] == 0
    assert engine.options == {"slots": 2, "pause_s": 0.0}  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--check", "closng"], "no check 'closng'. Did you mean 'closing'"),
        (["--backend-option", "slots"], "--backend-option 'slots' is not KEY=VALUE"),
    ],
)
def test_complaints_come_before_anything_is_opened(arguments: list[str], complaint: str) -> None:
    with pytest.raises(UsageError, match=complaint):
        doctor(*arguments)


def test_an_unknown_engine_and_options_without_one_are_usage_errors() -> None:
    runner = CliRunner()
    assert "no engine 'lamacpp'" in str(runner.invoke(command, ["--backend", "lamacpp:x"]).exception)
    assert "--check needs --backend" in str(runner.invoke(command, ["--check", "seeds"]).exception)
    assert "--backend-option needs --backend" in str(runner.invoke(command, ["--backend-option", "a=1"]).exception)


def test_control_characters_of_a_model_do_not_reach_the_terminal(engine: type) -> None:
    class Rude(Toy):
        def usage(self, *_: object) -> object:
            raise ValueError("\x1b[2Jgone\a")

    engine.kind = Rude  # type: ignore[attr-defined]
    code, said = doctor("--check", "usage")
    assert code == 1
    assert "\x1b" not in said
    assert "\\x1b[2Jgone\\x07" in said


def test_help_fits_a_screen() -> None:
    said = CliRunner(env={"COLUMNS": "80"}).invoke(command, ["--help"]).stdout.splitlines()
    assert len(said) <= 40
    assert max(map(len, said)) <= 80


def _opens(monkeypatch: pytest.MonkeyPatch, **options: object) -> None:
    def open_backend(spec: str, given: dict[str, object]) -> ScriptedChat:
        return ScriptedChat(lambda asked: "75", natural=900, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(plugins, "open_backend", open_backend)


def test_a_provider_is_told_of_before_and_what_was_spent_after(monkeypatch: pytest.MonkeyPatch) -> None:
    _opens(monkeypatch, is_local=False, charge=lambda usage: 0.001)
    code, said = doctor("--check", "native-budget", "--check", "chat")
    lines = said.splitlines()
    assert code == 0
    assert max(map(len, lines)) <= 80
    assert "At most 17 requests, for which its provider may charge" in said
    assert said.index("At most 17") < said.index("✓ chat ")
    joined = " ".join(said.split())
    assert "asked 64: spent 64, 64, 64; asked 1,024: spent 900, 900, 900; never over; 0: none" in joined
    assert "Spent, as far as it was counted: 9 requests, " in joined
    assert "charged, by its own word: $0.0090." in joined


def test_a_budget_without_effect_is_said_in_numbers_and_exit_1(monkeypatch: pytest.MonkeyPatch) -> None:
    _opens(monkeypatch, spends=lambda budget, rng: 900)
    code, said = doctor("--check", "native-budget")
    assert code == 1
    joined = " ".join(said.split())
    assert "budget_tokens has no effect: asked 64: spent 900, 900, 900, 900, 900, 900; asked 1,024: spent 900" in joined
    assert "request" not in joined.replace("requests at once", "")


def test_json_of_a_provider_has_what_was_spent(monkeypatch: pytest.MonkeyPatch) -> None:
    _opens(monkeypatch, is_local=False)
    _, said = doctor("--json", "--check", "chat")
    found = json.loads(said)
    assert found["spent"]["requests"] == found["checks"][0]["spent"]["requests"] == 2
