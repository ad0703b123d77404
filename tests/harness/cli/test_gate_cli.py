"""``compare --fail-if``: exit code, words, colour, JSON and files, of every outcome; and what is refused."""

import json
import re
import xml.etree.ElementTree as ET
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner, Result

import thinkcurve
from analysis.simulated import a_run
from thinkcurve import UsageError
from thinkcurve.cli.main import cli
from thinkcurve.run import Run
from thinkcurve.tables import compact

REFERENCE = str(Path(thinkcurve.__file__).parents[2] / "results" / "reference" / "embedded")
WORDS = {"pass": (0, "32"), "regressed": (1, "31"), "inconclusive": (3, "33")}
SAME = (0.1, 0.3, 0.6, 0.9)
WORSE = (0.1, 0.3, 0.3, 0.9)


def saved(run: Run, where: Path) -> str:
    where.mkdir()
    compact(where, run.records)
    (where / "manifest.json").write_bytes(msgspec.json.encode(run.manifest))
    return str(where)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Runs by what a gate with ``accuracy:5pp`` says of them, against ``base``."""
    where = tmp_path_factory.mktemp("runs")
    return {
        "base": saved(a_run("m", SAME, n=200), where / "base"),
        "pass": saved(a_run("m", SAME, n=200), where / "pass"),
        "regressed": saved(a_run("m", WORSE, n=200, seed=1), where / "regressed"),
        "inconclusive": saved(a_run("m", SAME, n=20, seed=1), where / "inconclusive"),
    }


def call(*args: str, colour: bool = False) -> Result:
    env = {"COLUMNS": "80", **({"FORCE_COLOR": "1", "TERM": "xterm"} if colour else {})}
    return CliRunner().invoke(cli, ["compare", *args], env=env, standalone_mode=False, color=colour)


@pytest.mark.parametrize("outcome", WORDS)
def test_exit_code_words_colour_and_files_agree(runs: dict[str, str], outcome: str, tmp_path: Path) -> None:
    code, colour = WORDS[outcome]
    files = {"--markdown": tmp_path / "gate.md", "--junit": tmp_path / "gate.xml"}
    asked = [runs["base"], runs[outcome], "--fail-if", "accuracy:5pp", "--github"]
    shown = call(*asked, *(str(part) for pair in files.items() for part in pair))
    assert shown.return_value == code
    *_, last = shown.stdout.strip().split("\n\n")
    assert re.search(rf"[✓✗?] {outcome}: .*\(exit\s+code\s+{code}\)$", shown.stdout.strip(), re.DOTALL)
    assert outcome in last
    assert max(map(len, shown.stdout.splitlines())) <= 80
    assert f"thinkcurve gate: {outcome}" in files["--markdown"].read_text()
    root = ET.fromstring(files["--junit"].read_text())
    assert {element.get("value") for element in root.iter("property") if element.get("name") == "outcome"} == {outcome}
    assert shown.stderr.startswith("::")
    told = json.loads(call(*asked, "--json").stdout)["gate"]
    assert (told["outcome"], told["exit_code"]) == (outcome, code)
    assert len(told["checks"]) == 4
    lines = call(*asked, colour=True).stdout.strip().splitlines()
    assert any(f"\x1b[1;{colour}m" in line and outcome in line for line in lines[-2:]), lines[-2:]


def test_without_a_condition_it_is_no_gate(runs: dict[str, str]) -> None:
    shown = call(runs["base"], runs["regressed"])
    assert (shown.return_value, "Gate" in shown.stdout) == (0, False)
    assert "gate" not in json.loads(call(runs["base"], runs["regressed"], "--json").stdout)


def test_the_reference_run_against_itself_passes() -> None:
    shown = call(REFERENCE, REFERENCE, "--fail-if", "accuracy:3pp, any", "--fail-if", "tokens_to(0.6):10%")
    assert shown.return_value == 0
    assert "arithmetic" in shown.stdout
    assert max(map(len, shown.stdout.splitlines())) <= 80


REFUSED = [
    (["--fail-if", "acuracy:2pp"], "Did you mean 'accuracy'"),
    (["--fail-if", "accuracy@7:2pp"], "They have 0, 64, 256, 1024"),
    (["--fail-if", ""], "cannot be read"),
    (["--junit", "x.xml"], "add --fail-if"),
    (["--github"], "add --fail-if"),
    (["--exact", "--fail-if", "any"], "--exact is no gate"),
    (["--fail-if", "any", "--alpha", "0.9"], "alpha is"),
    (["--fail-if", "any", "--markdown", "/nowhere/at/all.md"], "cannot write"),
]


@pytest.mark.parametrize(("options", "says"), REFUSED)
def test_what_is_refused(runs: dict[str, str], options: list[str], says: str) -> None:
    shown = call(runs["base"], runs["pass"], *options)
    assert isinstance(shown.exception, UsageError)
    assert says in str(shown.exception)
    assert "\n" not in str(shown.exception)


def test_a_wrong_condition_is_refused_before_a_run_is_read(tmp_path: Path) -> None:
    shown = call(str(tmp_path / "none"), str(tmp_path / "none"), "--fail-if", "usd:2pp")
    assert "write 2%" in str(shown.exception)


def test_the_figures_of_the_table_are_those_of_the_json(runs: dict[str, str]) -> None:
    asked = [runs["base"], runs["regressed"], "--fail-if", "accuracy@256:5pp"]
    (check,) = json.loads(call(*asked, "--json").stdout)["gate"]["checks"]
    row = next(line for line in call(*asked).stdout.splitlines() if "accuracy@256:5pp" in line)
    assert f"{100 * check['base']:.1f} %" in row
    assert f"{100 * check['worsening']:+.1f}" in row
    assert f"{100 * check['least']:+.1f} to {100 * check['most']:+.1f}" in row


def test_no_line_is_a_command_of_github_but_our_own(tmp_path: Path) -> None:
    base = saved(a_run("m", SAME, n=8), tmp_path / "base")
    for width in range(30, 80, 4):
        evil = "x" * width + " ::stop-commands::tok ::error::x :::a ##[error]y"
        new = saved(a_run(evil, SAME, n=8), tmp_path / f"{width} ::error::x ##[add-mask]z")
        shown = call(base, new, "--fail-if", "accuracy@mean:5pp")
        lines = (shown.stdout + shown.stderr).splitlines()
        assert not [line for line in lines if line.lstrip().startswith("::") or "##[" in line]
        made = call(base, new, "--fail-if", "accuracy@mean:5pp", "--json").stdout
        assert "##[" not in made
        assert json.loads(made)["gate"]["checks"][0]["new_model"] == evil


def test_notes_stand_in_the_terminal(runs: dict[str, str]) -> None:
    shown = call(runs["base"], runs["inconclusive"], "--fail-if", "accuracy:5pp", "--github")
    assert "180 problems are only in base" in shown.stdout.split("Gate ·")[1]
    assert "::warning title=thinkcurve gate%3A to be known::" in shown.stderr


def test_no_verdict_is_printed_where_a_file_cannot_be_written(runs: dict[str, str]) -> None:
    shown = call(runs["base"], runs["pass"], "--fail-if", "any", "--junit", "/nowhere/at/all.xml")
    assert isinstance(shown.exception, UsageError)
    assert "exit code" not in shown.stdout
