"""A key stands in nothing that a run writes or says: not in its directory, its cassette, its errors or its output."""

import os
import subprocess
import sys
from itertools import product
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # helpers beside this file

from echoing_server import KEY, started


@pytest.mark.parametrize(
    ("spec", "mood"),
    [
        *product(["http", "openai", "anthropic"], ["fine"]),
        *product(["http"], ["locked", "refusing"]),
        ("deepseek", "broken"),
        *(pytest.param(spec, "locked", marks=pytest.mark.slow) for spec in ("openai", "anthropic")),
    ],
)
def test_no_key_is_written_or_said(tmp_path: Path, spec: str, mood: str) -> None:
    """The server puts the key that it was sent into every reply and refusal; the SDKs are told to log all they do."""
    if spec in ("openai", "anthropic"):
        pytest.importorskip(spec)
    (tmp_path / "tasks.jsonl").write_text('{"question": "1+1", "answer": "2"}\n{"question": "2+2", "answer": "4"}\n')
    with started(mood) as address:
        model = f"{address}/v1#m" if spec == "http" else f"{spec}:m"
        base = address if spec == "anthropic" else f"{address}/v1"
        options = ["record=cassette.jsonl"] + ([] if spec == "http" else [f"base_url={base}"])
        options += ["api=chat"] if spec in ("http", "openai") else []
        command = [sys.executable, "-m", "thinkcurve.cli.main", "run", "-m", model, "-t", "tasks.jsonl", "-o", "run"]
        command += ["--control", "prompt", "--budgets", "64", *(f"--model-option={option}" for option in options)]
        names = ("THINKCURVE_API_KEY", "OPENAI_API_KEY", "ANTHROPIC_API_KEY", "DEEPSEEK_API_KEY")
        environment = {**os.environ, **dict.fromkeys(names, KEY), "OPENAI_LOG": "debug", "ANTHROPIC_LOG": "debug"}
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, timeout=120, check=False)
    said = done.stdout + done.stderr
    assert b"Traceback" not in said, said.decode()
    assert done.returncode == {"fine": 0}.get(mood, done.returncode), said.decode()
    written = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert any(path.name == "cassette.jsonl" for path in written)
    for where, content in {**written, Path("output"): said}.items():
        assert KEY.encode() not in content, where
    if mood == "fine":
        assert any(path.name == "attempts.parquet" for path in written)
