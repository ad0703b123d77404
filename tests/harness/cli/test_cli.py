"""The command line, as a user calls it: one process a test, real arguments, real exit codes."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import get_args, get_type_hints

import pytest

from thinkcurve.store import Journal
from thinkcurve.study import Study
from thinkcurve.tables import attempts_path
from thinkcurve.verify.isolation import LEVELS

SMALL = ["--limit", "2", "-t", "arithmetic", "--budgets", "0,16"]


def call(*args: str | Path, cwd: Path | None = None, columns: int = 80) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "thinkcurve.cli.main", *map(str, args)]
    environment = {**os.environ, "COLUMNS": str(columns), "NO_COLOR": "1"}
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False, timeout=120)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("cli") / "run"
    done = call("run", "-o", path, *SMALL)
    assert done.returncode == 0, done.stderr
    return path


def test_run_prints_a_table_and_writes_a_run(run: Path) -> None:
    assert {"manifest.json", "journal.jsonl", "attempts.parquet", "traces.parquet", "curve.html"} <= {
        path.name for path in run.iterdir()
    }


def test_show_fits_80_columns(run: Path) -> None:
    done = call("show", run)
    assert done.returncode == 0
    assert max(map(len, done.stdout.splitlines())) <= 80
    assert "…" not in done.stdout
    assert "arithmetic" in done.stdout


def test_show_by_level_fits_80_columns(run: Path) -> None:
    done = call("show", run, "--by", "level")
    assert "accuracy by level" in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80
    assert json.loads(call("show", run, "--by", "level", "--json").stdout)["tables"][0]["levels"][0]["level"] == 1


def test_a_terminal_without_unicode_shows_something(run: Path) -> None:
    command = [sys.executable, "-m", "thinkcurve.cli.main", "show", str(run)]
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    done = subprocess.run(command, env=environment, capture_output=True, check=False)
    assert (done.returncode, b"arithmetic" in done.stdout) == (0, True)


def test_show_json_has_the_documented_keys(run: Path) -> None:
    shown = json.loads(call("show", run, "--json").stdout)
    assert shown["schema"] == 1
    (curve,) = shown["curves"]
    assert {"model", "task", "control", "metric", "points", "thinking_source", "visibility", "served_by"} == set(curve)
    assert curve["thinking_source"] == {"ids": 4}
    assert set(curve["points"][0]) == {
        *("budget", "accuracy", "ci_low", "ci_high", "se", "n_problems", "n_samples", "n_attempts"),
        *(
            "thinking_tokens",
            "answer_tokens",
            "generated_tokens",
            "total_tokens",
            "flops",
            "wall_s",
            "joules",
            "usd",
            "forced",
        ),
        *("truncated_answers", "no_answer", "unverified", "failures", "pass@k", "maj@k", "effort", "refused"),
        *("bounds", "interval", "n_groups"),
    }
    assert [point["budget"] for point in curve["points"]] == [0, 16]
    assert (curve["points"][0]["usd"], curve["points"][0]["effort"]) == (None, None)


@pytest.mark.parametrize("suffix", ["html", "svg", "png", "pdf", "json"])
def test_plot_writes_every_format(run: Path, tmp_path: Path, suffix: str) -> None:
    figure = tmp_path / f"curve.{suffix}"
    done = call("plot", run, "-o", figure, "--x", "flops")
    assert done.returncode == 0, done.stderr
    assert figure.stat().st_size > 1000


def test_run_json_prints_only_json(tmp_path: Path) -> None:
    done = call("run", "-o", tmp_path / "run", *SMALL, "--json")
    assert json.loads(done.stdout)["curves"]


def test_the_same_command_goes_on_and_budgets_are_added(run: Path) -> None:
    done = call("run", "-o", run, "--budgets", "0,8,16", "--json")
    assert done.returncode == 0, done.stderr
    points = json.loads(done.stdout)["curves"][0]["points"]
    assert [point["budget"] for point in points] == [0, 8, 16]


def test_dry_run_says_what_it_takes_and_writes_nothing(tmp_path: Path) -> None:
    done = call("run", "-o", tmp_path / "run", *SMALL, "--dry-run", "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert (found["attempts"], found["traces"], found["answers_at_most"], found["requests_at_most"]) == (4, 2, 4, 6)
    assert found["thinking_tokens_at_most"] == 32
    assert found["wall_s_expected"] > 0
    assert not (tmp_path / "run").exists()


def test_compact_writes_the_tables_again(run: Path) -> None:
    (run / "attempts.parquet").unlink()
    done = call("compact", run)
    assert done.returncode == 0
    assert (run / "attempts.parquet").exists()


def test_compact_leaves_a_run_alone_that_another_process_writes(run: Path) -> None:
    before = attempts_path(run).read_bytes()
    journal = Journal(run)
    done = call("compact", run)
    journal.close()
    assert done.returncode == 2
    assert done.stderr == f"error: run {str(run)!r} is being written by another process\n"
    assert attempts_path(run).read_bytes() == before


def test_tasks_and_models_show_cards() -> None:
    assert "arithmetic" in call("tasks").stdout
    card = call("tasks", "induce").stdout
    assert "fingerprint" in card
    assert "5: 40" in card
    assert "thinkcurve-tiny" in call("models", "embedded").stdout
    assert json.loads(call("models", "--json").stdout)


@pytest.mark.parametrize(
    ("args", "complaint"),
    [
        (["run", "-m", "embeded"], "unknown model 'embeded': no engine 'embeded'. Did you mean 'embedded'?"),
        (["run", "-m", "nonsense:x"], "Known engines: "),
        (["run", "-m", "model.gguf"], "Did you mean llamacpp:model.gguf?"),
        (["run", "-m", "Qwen/Qwen3-0.6B"], "Did you mean transformers:Qwen/Qwen3-0.6B, vllm:Qwen/Qwen3-0.6B or mlx:Qw"),
        (["run", "-m", "gpt-5.2"], "Did you mean openai:gpt-5.2?"),
        (["run", "-m", "localhost:8000"], "Did you mean http://localhost:8000/v1?"),
        (["run", "-m", "10.0.0.1:8000/v1#m"], "Did you mean http://10.0.0.1:8000/v1#m?"),
        (["run", "-t", "arithmetics"], "unknown task 'arithmetics'. Did you mean 'arithmetic'?"),
        (["run", "--budgets", "64,0"], "0 follows 64"),
        (["run", "--budgets", "64,64"], "64 stands twice"),
        (["run", "--budgets", "0,many"], "'many' is not a whole number"),
        (["run", "--budgets", "0," + "9" * 5000], "beyond any model"),
        (["run", "-o", ""], "-o is empty"),
        (["run", "--budgets", "0,100000"], "budget 100000 does not fit model 'embedded'"),
        (["run", "--samples", "3"], "3 samples at temperature 0"),
        (["run", "--control", "truncat"], "truncat"),
        (["run", "-m", "llamacpp:/nowhere/model.gguf"], "/nowhere/model.gguf"),
        (["run", "--model-option", "thread=1"], "thread"),
        (["run", "--model-option", "threads"], "is not KEY=VALUE"),
        (["run", "nowhere.toml"], "nowhere.toml"),
        (["runn"], "no command 'runn'. Did you mean 'run'?"),
        (["show", "nowhere"], "'nowhere' is not a run"),
        (["plot", "nowhere", "-o", "x.svg"], "'nowhere' is not a run"),
        (["tasks", "arithmetics"], "Did you mean 'arithmetic'?"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(args: list[str], complaint: str, tmp_path: Path) -> None:
    done = call(*args, cwd=tmp_path)
    assert done.returncode == 2, done.stderr
    assert complaint in done.stderr
    assert "Traceback" not in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


def test_a_folder_of_runs_names_the_runs_in_it() -> None:
    reference = Path(__file__).parents[3] / "results" / "reference"
    done = call("show", reference)
    assert done.returncode == 2
    assert f"has no manifest.json; it holds 6 runs: {reference / 'embedded'}, " in done.stderr


def test_the_embedded_model_is_said_not_to_know_other_tasks(tmp_path: Path) -> None:
    (tmp_path / "mine.jsonl").write_text('{"question": "1+1?", "answer": "2"}\n')
    done = call("run", "-t", tmp_path / "mine.jsonl", *SMALL, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert f"embedded: taught arithmetic and induce alone; for {tmp_path / 'mine.jsonl'} give your mo" in done.stderr
    own = call("run", *SMALL, cwd=tmp_path)
    assert "taught" not in own.stderr


def test_every_engine_says_what_it_is() -> None:
    listed = json.loads(call("models", "--json").stdout)
    assert [row["model"] for row in listed if not row["description"]] == []


def test_a_plot_of_an_unknown_cost_or_format_is_refused(run: Path, tmp_path: Path) -> None:
    for args, complaint in ((["--x", "joules"], "joules"), (["--x", "tokens"], "tokens")):
        done = call("plot", run, "-o", tmp_path / "x.svg", *args)
        assert (done.returncode, complaint in done.stderr) == (2, True), done.stderr
    done = call("plot", run, "-o", tmp_path / "x.gif")
    assert (done.returncode, "gif" in done.stderr) == (2, True)


def test_a_study_file_and_flags_that_go_before_it(tmp_path: Path) -> None:
    (tmp_path / "study.toml").write_text('tasks = ["arithmetic"]\nbudgets = [0, 16]\nlimit = 1\n')
    done = call("run", "study.toml", "--budgets", "4", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert [p["budget"] for p in json.loads(done.stdout)["curves"][0]["points"]] == [4]


def test_a_directory_in_the_way_or_not_writable_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = call("run", "-o", tmp_path / "file" / "run", *SMALL)
    assert done.returncode == 2
    assert len(done.stderr.strip().splitlines()) == 1
    done = call("run", "-o", tmp_path / "file", *SMALL)
    assert (done.returncode, "is a file" in done.stderr) == (2, True)


def test_a_damaged_run_is_one_line(run: Path, tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text((run / "manifest.json").read_text()[:100])
    done = call("show", tmp_path)
    assert (done.returncode, "is damaged" in done.stderr) == (2, True)


def test_a_run_of_another_study_is_refused(run: Path) -> None:
    done = call("run", "-o", run, "--seed", "7")
    assert (done.returncode, "seed = 0, this study has 7" in done.stderr) == (2, True)


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
@pytest.mark.parametrize(
    ("signal_number", "at_start", "code"),
    [
        pytest.param(signal.SIGINT, signal.SIG_DFL, 130, id="Ctrl-C"),
        pytest.param(signal.SIGTERM, signal.SIG_DFL, 143, id="SIGTERM"),
        pytest.param(signal.SIGTERM, signal.SIG_IGN, 143, id="SIGTERM in the background of a script"),
    ],
)
def test_a_signal_leaves_a_run_that_goes_on(
    tmp_path: Path, signal_number: signal.Signals, at_start: signal.Handlers, code: int
) -> None:
    path = tmp_path / "run"
    command = [sys.executable, "-m", "thinkcurve.cli.main", "run", "-o", str(path), "--limit", "40", "-t", "arithmetic"]
    process = subprocess.Popen(  # a shell starts background jobs with SIGINT ignored, and children inherit that
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, at_start),
    )
    journal = path / "journal.jsonl"
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and not (journal.exists() and journal.read_bytes().count(b"\n") > 5):
        time.sleep(0.02)
    process.send_signal(signal_number)
    _, stderr = process.communicate(timeout=30)
    assert process.returncode == code
    assert attempts_path(path).exists()
    assert "the same command goes on" in stderr
    assert "Traceback" not in stderr
    before = journal.read_bytes()
    done = call("run", "-o", path, "--limit", "40", "-t", "arithmetic", "--json")
    assert done.returncode == 0, done.stderr
    assert journal.read_bytes().startswith(before[: before.rfind(b"\n") + 1])
    assert [p["n_problems"] for p in json.loads(done.stdout)["curves"][0]["points"]] == [40] * 6
    assert all(p["failures"] == 0 for p in json.loads(done.stdout)["curves"][0]["points"])


def test_help_fits_a_screen_and_ends_in_an_example() -> None:
    for args in (
        [],
        ["run"],
        ["show"],
        ["plot"],
        ["tasks"],
        ["models"],
        ["verify"],
        ["regrade"],
        ["doctor"],
        ["compact"],
    ):
        done = call(*args, "--help", columns=120)
        lines = done.stdout.rstrip().splitlines()
        assert done.returncode == 0
        assert len(lines) <= 40, args
        assert max(map(len, lines)) <= 80, args
        assert "thinkcurve" in lines[-1], args


def test_help_names_the_levels_that_there_are_and_their_variable() -> None:
    *others, last = LEVELS
    for command in ("run", "verify", "regrade", "doctor"):
        words = " ".join(call(command, "--help").stdout.split())
        assert "--sandbox LEVEL " in words
        assert f": {', '.join(others)} or {last}." in words
        assert "THINKCURVE_SANDBOX" in words


def test_a_study_takes_the_levels_that_there_are() -> None:
    assert get_args(get_type_hints(Study)["sandbox"]) == tuple(LEVELS)


def test_help_does_not_wait_for_the_sandbox() -> None:
    for command in ("run", "verify", "doctor"):
        code = f"import sys, thinkcurve.cli.{command}\nassert 'thinkcurve.verify.isolation' not in sys.modules"
        subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


@pytest.mark.parametrize("command", [["run"], ["verify", "answers.jsonl"], ["regrade", "results"], ["doctor"]])
def test_a_level_that_is_none_is_refused_by_the_name_of_what_gave_it(
    command: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    word = "'strct' is not one of 'strict', 'standard', 'weak'. Did you mean 'strict'?"
    flag = call(*command, "--sandbox", "strct", cwd=tmp_path)
    assert (flag.returncode, f"Invalid value for '--sandbox': {word}" in flag.stderr) == (2, True), flag.stderr
    monkeypatch.setenv("THINKCURVE_SANDBOX", "strct")
    environment = call(*command, cwd=tmp_path)
    named = f"Invalid value for the environment variable THINKCURVE_SANDBOX: {word}" in environment.stderr
    assert (environment.returncode, named) == (2, True), environment.stderr
