"""No output of a command holds a command of GitHub Actions, whatever names runs, models and tasks bear."""

import io
import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from report.run_report.made_runs import a_run, fail
from thinkcurve.cli.guard import Guard, command, guarded
from thinkcurve.cli.main import cli, complain
from thinkcurve.errors import UsageError

EVIL = "::stop-commands::tok\n::error::x ##[error]y"


def passed(*parts: bytes) -> bytes:
    inner = io.BytesIO()
    guard = Guard(inner)
    for part in parts:
        assert guard.write(part) == len(part)
    return inner.getvalue()


def commands(text: str) -> list[str]:
    """Lines that a runner takes for commands: .NET trims them as Python does."""
    lines = text.replace("\r", "\n").split("\n")
    return [
        line for line in lines if line.strip("\ufeff \t\x0b\x0c\x85\xa0\u2000\u3000").startswith("::") or "##[" in line
    ]


@pytest.mark.parametrize(
    ("given", "made"),
    [
        (b"::error::x\n", b": :error::x\n"),
        (b"a\n \t::error::x\n::b\n", b"a\n \t: :error::x\n: :b\n"),
        (b"50 %\r::error::x", b"50 %\r: :error::x"),
        ("\u3000\xa0\ufeff::x".encode(), "\u3000\xa0\ufeff: :x".encode()),
        (b"\x1b[31m::x", b"\x1b[31m: :x"),
        (b":::x", b": ::x"),
        (b"a ::error::x\n", b"a ::error::x\n"),
        (b"say ##[error]y ##[a", b"say ## [error]y ## [a"),
        (b'{"a": "##[error]::x"}\n##[b]\n', b'{"a": "##\\u005berror]::x"}\n## [b]\n'),
        (b"", b""),
        ("héllo 日本\n".encode(), "héllo 日本\n".encode()),
    ],
)
def test_commands_are_broken_and_nothing_else_is(given: bytes, made: bytes) -> None:
    assert passed(given) == made
    assert passed(*(given[i : i + 1] for i in range(len(given)))) == made or given[:1] > b"z" or b"\x1b" in given


def test_json_stays_the_same_to_its_reader() -> None:
    value = {"model": "##[error]y ::x", "##[": [1]}
    assert json.loads(passed(json.dumps(value).encode())) == value


def test_a_stream_that_is_guarded_already_is_left_alone_and_put_back(capsys: pytest.CaptureFixture[str]) -> None:
    before = sys.stdout
    with guarded():
        inside = sys.stdout
        with guarded():
            assert sys.stdout is inside
        print("::a")
        command("::warning::of ours")
    assert sys.stdout is before
    found = capsys.readouterr()
    assert (found.out, found.err) == (": :a\n", "::warning::of ours\n")


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Runs whose models, tasks and folders are commands, and one whose attempts failed with one."""
    made = []
    for i in range(2):
        folder = tmp_path_factory.mktemp("guard") / EVIL.replace("/", "")
        path = a_run(folder, models=(EVIL, f"hf:{'x' * 60} {EVIL}"), tasks=(EVIL,), n=4, budgets=(0, 8), seed=i)
        if i:
            fail(path, model=EVIL, task=EVIL, error=EVIL)
        made.append(str(path))
    return made


@pytest.mark.parametrize(
    "args",
    [
        ["show", "RUNS", "--tables", "curve,axes,diagnostics"],
        ["compare", "RUNS"],
        ["compare", "RUNS", "--exact"],
        ["compare", "RUNS", "--exact", "--json"],
        ["report", "RUNS", "-o", "OUT/r.html"],
        ["plot", "RUNS", "-o", "OUT/f.json"],
        ["leaderboard", "RUNS", "-o", "OUT/site"],
        ["leaderboard", "RUNS", "--check"],
        ["leaderboard", "RUNS", "--check", "--json"],
        ["show", "/nothing/\n::error::x"],
        ["run", "-m", "\n::error::x", "-t", "\n::error::x", "-o", "OUT/run"],
        ["export", "RUN", "--to", "csv", "-o", "OUT/csv"],
        ["tasks", "\n::error::x"],
    ],
    ids=lambda args: " ".join(arg[:12].strip() for arg in args[:1] + args[2:3]),
)
def test_no_command_is_in_what_is_printed(runs: list[str], tmp_path: Path, args: list[str]) -> None:
    given = [each for arg in args for each in (runs if arg == "RUNS" else runs[:1] if arg == "RUN" else [arg])]
    found = CliRunner().invoke(cli, [arg.replace("OUT", str(tmp_path)) for arg in given], env={"COLUMNS": "80"})
    assert found.output or found.exception
    assert commands(found.output) == []


def test_a_complaint_of_the_program_itself_is_none() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "thinkcurve.cli.main", "show", "::error::y ##[z]"], capture_output=True, check=False
    )
    text = (done.stdout + done.stderr).decode()
    assert done.returncode == 2
    assert "## [z]" in text
    assert commands(text) == []


def test_a_complaint_that_begins_a_line_anew_is_none(capsys: pytest.CaptureFixture[str]) -> None:
    with guarded():
        complain(UsageError("no task in common: base has a\n::error::x"), 2)
    assert capsys.readouterr().err == "error: no task in common: base has a\n: :error::x\n"
