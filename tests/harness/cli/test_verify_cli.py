"""``thinkcurve verify``: lines in, verdicts out, and one sentence for what is not a line."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

KEYS = ["id", "verdict", "reason", "rung", "span", "extracted", "cpu_s"]
COMMAND = [sys.executable, "-m", "thinkcurve.cli.main", "verify"]
POSIX = pytest.mark.skipif(sys.platform == "win32", reason="signals and terminals of POSIX")


def code(body: str) -> str:
    return f"```python\n{body}\n```"


def line(answer: str = "5", name: str | int = "1", /, **reference: Any) -> dict[str, Any]:
    return {"id": name, "reference": reference or {"type": "math", "answer": "5"}, "answer": answer}


DOUBLE = {"type": "function_tests", "entry_point": "f", "cases": [{"args": "[1, 2]", "expected": "3"}]}
ADD = {"type": "stdio_tests", "cases": [{"stdin": "1 2", "stdout": "3"}]}
LINES = [
    line("The final answer is $0.5$.", "half", type="math", answer=r"\frac12"),
    line(r"\boxed{(1, 10)}", "pair", type="math", answer="(1, 100)"),
    line("It is (B).", "colour", type="choice", answer="B", choices=["red", "green"]),
    line(code("def f(x, y):\n    return x + y"), "sum", **DOUBLE),
    line(code("def f(x, y):\n    return x - y"), "difference", **DOUBLE),
    line(code("print(sum(map(int, input().split())))"), "program", **ADD),
    line(r"\boxed{5", "open", type="math", answer="5"),
]
VERDICTS = ["correct", "incorrect", "correct", "correct", "incorrect", "correct", "no_answer"]
LOOP = line(code("def f(x, y):\n    while True: pass"), "loop", **DOUBLE)


def written(path: Path, lines: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(item) + "\n" for item in lines), encoding="utf-8")
    return path


def call(*args: str | Path, given: bytes = b"", **environment: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [*COMMAND, *map(str, args)],
        env={**os.environ, "COLUMNS": "80", **environment},
        input=given,
        capture_output=True,
        check=False,
        timeout=120,
    )
    return subprocess.CompletedProcess(args, done.returncode, done.stdout.decode(), done.stderr.decode())


@pytest.fixture(scope="module")
def judged_lines(tmp_path_factory: pytest.TempPathFactory) -> subprocess.CompletedProcess[str]:
    return call(written(tmp_path_factory.mktemp("verify") / "answers.jsonl", LINES))


def test_every_line_gets_a_verdict_in_order(judged_lines: subprocess.CompletedProcess[str]) -> None:
    told = [json.loads(text) for text in judged_lines.stdout.splitlines()]
    assert judged_lines.returncode == 0, judged_lines.stderr
    assert [item["id"] for item in told] == [item["id"] for item in LINES]
    assert [item["verdict"] for item in told] == VERDICTS


def test_the_lines_have_the_documented_keys(judged_lines: subprocess.CompletedProcess[str]) -> None:
    assert all(list(json.loads(text)) == KEYS for text in judged_lines.stdout.splitlines())


def test_the_span_is_where_the_answer_stood(judged_lines: subprocess.CompletedProcess[str]) -> None:
    told = json.loads(judged_lines.stdout.splitlines()[0])
    start, end = told["span"]
    assert LINES[0]["answer"][start:end] == told["extracted"] == "0.5"


def test_the_summary_is_one_line_that_fits(judged_lines: subprocess.CompletedProcess[str]) -> None:
    (summary,) = judged_lines.stderr.splitlines()
    assert re.fullmatch(r"7 answers in \d+\.\d s: 4 correct, 2 incorrect, 1 no answer\.", summary)


def test_the_summary_counts_unverified_by_reason(tmp_path: Path) -> None:
    odd = line(r"\boxed{\int_0^1 x dx}", type="math", answer="2")
    assert "1 unverified (too_complex 1)." in call(written(tmp_path / "odd.jsonl", [odd])).stderr


def test_json_prints_the_same_lines_and_no_summary(tmp_path: Path) -> None:
    path = written(tmp_path / "answers.jsonl", LINES[:3])
    plain, quiet = call(path), call(path, "--json")
    assert (quiet.stdout, quiet.stderr) == (plain.stdout, "")


def test_a_dash_reads_standard_input() -> None:
    done = call("-", given=json.dumps(LINES[0]).encode())
    assert json.loads(done.stdout)["verdict"] == "correct"


def test_a_complaint_about_standard_input_names_it() -> None:
    done = call("-", given=b"\n{}")
    assert (done.returncode, done.stderr.startswith("error: stdin:2: the line has no 'id'")) == (2, True)


def test_nothing_is_judged_before_the_whole_file_was_read(tmp_path: Path) -> None:
    path = written(tmp_path / "answers.jsonl", [*LINES, {"id": 8}])
    done = call(path)
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (2, "", 1)
    assert f"{path}:8: the line has no 'reference'" in done.stderr


@pytest.mark.parametrize(("name", "why"), [("", "Is a directory"), ("nowhere.jsonl", "No such file")])
def test_what_cannot_be_read_is_one_line(tmp_path: Path, name: str, why: str) -> None:
    done = call(tmp_path / name)
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
    assert why in done.stderr


def test_a_gold_that_is_no_mathematics_is_a_warning(tmp_path: Path) -> None:
    odd = [line("5", "odd", type="math", answer=gold) for gold in ("\\weird{", "\\weird{", "", "east", r"\boxed{5}")]
    done = call(written(tmp_path / "odd.jsonl", odd))
    warning, _ = done.stderr.splitlines()
    assert done.returncode == 0
    assert 'odd.jsonl:1: the gold "\\\\weird{" cannot be read as mathematics' in warning
    assert "(and 1 more like it)" in warning


def test_a_choice_that_is_no_letter_is_a_warning(tmp_path: Path) -> None:
    odd = line("(A)", type="choice", answer="red", choices=["red", "green"])
    assert 'the gold "red" is not the letter of an option' in call(written(tmp_path / "odd.jsonl", [odd])).stderr


def test_a_level_that_is_none_is_refused_from_the_environment_too(tmp_path: Path) -> None:
    path = written(tmp_path / "answers.jsonl", LINES[:1])
    for done in (call(path, "--sandbox", "none"), call(path, THINKCURVE_SANDBOX="none")):
        assert (done.returncode, "'strict', 'standard', 'weak'" in done.stderr) == (2, True)


def test_one_worker_judges_as_many_do(tmp_path: Path) -> None:
    path = written(tmp_path / "answers.jsonl", LINES)
    told = [[json.loads(text)["verdict"] for text in call(path, "--workers", n).stdout.splitlines()] for n in "14"]
    assert told == [VERDICTS, VERDICTS]


# While it runs -------------------------------------------------------------------------------------------


def start(path: Path, **options: Any) -> subprocess.Popen[bytes]:
    """The command in the foreground: a shell starts background jobs with SIGINT ignored, and children inherit that."""
    return subprocess.Popen(
        [*COMMAND, str(path), "--workers", "1"],
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        **{"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options},
    )


@POSIX
def test_a_line_is_printed_as_soon_as_it_is_ready(tmp_path: Path) -> None:
    process = start(written(tmp_path / "answers.jsonl", [LINES[0], LOOP]))
    assert process.stdout is not None
    assert json.loads(process.stdout.readline())["id"] == "half"
    assert process.poll() is None
    out, _ = process.communicate(timeout=60)
    assert json.loads(out)["reason"] == "timeout"


@POSIX
def test_ctrl_c_is_130_and_no_traceback(tmp_path: Path) -> None:
    path = written(tmp_path / "answers.jsonl", [LINES[0], *[LOOP | {"id": i} for i in range(20)]])
    with start(path) as process:
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(0.2)
        process.send_signal(signal.SIGINT)
        try:
            _, stderr = process.communicate(timeout=30)
        finally:
            process.kill()
    assert process.returncode == 130
    assert b"Stopped after " in stderr
    assert b"Traceback" not in stderr


@POSIX
def test_a_reader_that_goes_away_is_no_error(tmp_path: Path) -> None:
    process = start(written(tmp_path / "answers.jsonl", [LINES[0] | {"id": i} for i in range(5000)]))
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.readline()
    process.stdout.close()
    assert process.stderr.read() == b""
    process.stderr.close()
    assert process.wait(timeout=30) == 141


@POSIX
def test_a_terminal_gets_a_table_of_80_columns_and_no_escapes_of_a_model(tmp_path: Path) -> None:
    hostile = line("\\boxed{\x1b[2J\u202e\n漢字" + "x" * 200 + "}", "long" * 20)
    shown = on_a_terminal(written(tmp_path / "answers.jsonl", [*LINES[:3], hostile]))
    rows = [re.sub(r"\x1b\[[0-9;]*m", "", row) for row in shown.splitlines()]
    assert rows[0].split() == ["id", "verdict", "reason", "rung", "read"]
    assert rows[1].split()[:2] == ["half", "correct"]
    assert "\x1b[2J" not in shown
    assert "\u202e" not in shown
    assert max(map(len, rows)) <= 80


def on_a_terminal(path: Path) -> str:
    import pty

    ours, theirs = pty.openpty()
    process = start(path, stdout=theirs)
    os.close(theirs)
    chunks = []
    while chunk := read_some(ours):
        chunks.append(chunk)
    process.communicate(timeout=30)
    os.close(ours)
    assert process.returncode == 0
    return b"".join(chunks).decode().replace("\r\n", "\n")


def read_some(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:  # Linux's word for a terminal whose last writer is gone
        return b""
