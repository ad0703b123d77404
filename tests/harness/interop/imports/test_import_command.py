"""``thinkcurve import`` as a user meets it, and what its runs are to the other commands."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from lm_eval_lines import line, write

from thinkcurve.analysis.comparison.compare import compare
from thinkcurve.budget import Control
from thinkcurve.cli.import_run import CONTROLS, KINDS, command
from thinkcurve.cli.main import cli
from thinkcurve.errors import UsageError
from thinkcurve.interop.imports.item import Wishes
from thinkcurve.interop.imports.write import READERS, import_files, write_run
from thinkcurve.store import read_manifest

LOGS = Path(__file__).parent / "inspect_logs"
SUMS = [str(LOGS / "sums-1024.eval"), str(LOGS / "sums-2048.eval")]


def invoke(*arguments: str, of: Any = command) -> Result:
    return CliRunner(env={"COLUMNS": "80"}).invoke(of, list(arguments))


def test_the_words_of_the_command_are_those_of_the_code() -> None:
    assert tuple(READERS) == KINDS
    assert tuple(Control) == CONTROLS


def test_help_fits_a_screen_and_ends_in_an_example() -> None:
    lines = invoke("--help").stdout.splitlines()
    assert max(map(len, lines)) <= 80
    assert lines[-1].strip().startswith("--columns")
    assert any("thinkcurve import" in line for line in lines)


def test_curves_go_to_stdout_and_talk_to_stderr(tmp_path: Path) -> None:
    said = invoke(*SUMS, "--from", "inspect", "-o", str(tmp_path / "run"))
    assert said.exit_code == 0
    assert "inspect:sums · mockllm/model · native" in said.stdout
    assert f"16 answers to 4 problems: {tmp_path / 'run'}" in said.stderr
    assert max(map(len, said.stdout.splitlines())) <= 80
    shown = invoke("show", str(tmp_path / "run"), "--json", of=cli)
    again = invoke(*SUMS, "--from", "inspect", "-o", str(tmp_path / "more"), "--json")
    assert json.loads(again.stdout) == json.loads(shown.stdout)


@pytest.mark.parametrize("name", ["show", "plot", "export"])
def test_other_commands_read_an_imported_run(tmp_path: Path, name: str) -> None:
    run = str(tmp_path / "run")
    assert invoke(*SUMS, "--from", "inspect", "-o", run).exit_code == 0
    rest = {
        "show": ["--tables", "all"],
        "plot": ["-o", str(tmp_path / "fig.json")],
        "export": ["--to", "lm-eval", "-o", str(tmp_path / "out")],
    }
    said = invoke(name, run, *rest[name], of=cli)
    assert (said.exit_code, said.exception) == (0, None)


def test_two_imports_are_compared_problem_by_problem(tmp_path: Path) -> None:
    for i, log in enumerate(SUMS):
        write_run(import_files([Path(log)], "inspect", budgets="none"), tmp_path / str(i))
    (found,) = compare(tmp_path / "0", tmp_path / "1").comparisons
    (difference,) = found.points
    assert (difference.base, difference.new, found.n_problems) == (0.5, 1.0, 4)
    seeds = {read_manifest(tmp_path / str(i)).study.seed for i in range(2)}
    assert len(seeds) == 2


def test_two_imports_of_other_problems_are_not_compared(tmp_path: Path) -> None:
    for name, score in (("a", 1.0), ("b", 0.0)):
        samples = write(tmp_path / name, [line(0, score, doc={"question": f"{name}?"})])
        write_run(import_files([samples], "lm-eval"), tmp_path / f"run-{name}")
    with pytest.raises(UsageError, match="differ between base and new under the same id"):
        compare(tmp_path / "run-a", tmp_path / "run-b")


def test_a_run_is_never_overwritten(tmp_path: Path) -> None:
    found = import_files([Path(SUMS[0])], "inspect")
    write_run(found, tmp_path / "run")
    with pytest.raises(UsageError, match="holds a run already; give another directory with -o"):
        write_run(found, tmp_path / "run")
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="holds a run already"):
        write_run(found, tmp_path / "file")


def test_versions_models_and_tasks_are_not_mixed(tmp_path: Path) -> None:
    one = write(tmp_path / "a", [line(0)], version=1)
    other = write(tmp_path / "b", [line(0)], version=2)
    with pytest.raises(UsageError, match=r"several versions of 'lm-eval:sums' \(1, 2\)"):
        import_files([one, other], "lm-eval", budgets="1,2")
    two = write(tmp_path / "c", [line(0)], task="products")
    with pytest.raises(UsageError, match="--task would make one task of lm-eval:sums, lm-eval:products"):
        import_files([one, two], "lm-eval", wishes=Wishes(task="t"), budgets="1,2")
    with pytest.raises(UsageError, match="--model would make one model of"):
        import_files(
            [one, _of(tmp_path / "d", "other")],
            "lm-eval",
            wishes=Wishes(model="m"),
            budgets="1,2",
        )


def _of(folder: Path, model: str) -> Path:
    return write(folder, [line(0)], version=1, pretrained=model)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--filter", "x"], "--filter is for --from lm-eval, not for inspect"),
        (["--columns", "a=b"], "--columns is for --from parquet, not for inspect"),
        (["--budgets", "1,2,3"], "gives 3 for 2 files"),
        (["--control", "effort"], "control 'effort' takes levels"),
        (["--metric", "mach"], "no scorer 'mach'. Did you mean 'match'"),
    ],
)
def test_what_cannot_be_meant_is_refused(tmp_path: Path, arguments: list[str], complaint: str) -> None:
    said = invoke(*SUMS, "--from", "inspect", "-o", str(tmp_path / "run"), *arguments)
    assert isinstance(said.exception, UsageError)
    assert complaint in str(said.exception)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("given", ["problem", "problem=", "=x", "problem=a,,"])
def test_a_map_of_columns_has_pairs(tmp_path: Path, given: str) -> None:
    said = invoke(str(LOGS / "x"), "--from", "parquet", "-o", str(tmp_path / "run"), "--columns", given)
    assert "is not OURS=THEIRS, such as problem=question_id" in str(said.exception)


def test_what_export_calls_csv_import_calls_csv_too(tmp_path: Path) -> None:
    table = tmp_path / "graded.csv"
    table.write_text("problem,correct,model,task,budget\na,1,m,t,64\nb,0,m,t,64\n")
    said = invoke(str(table), "--from", "csv", "-o", str(tmp_path / "run"), "--json")
    assert said.exit_code == 0, said.output
    assert json.loads(said.stdout)["curves"][0]["points"][0]["accuracy"] == 0.5
