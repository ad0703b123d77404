"""``thinkcurve export``: what it prints, what it refuses, and how models and files are named."""

import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from click.testing import CliRunner
from exported import Make, content, twins_run, wishes

from thinkcurve.cli.export import command
from thinkcurve.errors import UsageError
from thinkcurve.interop.exports import FORMATS
from thinkcurve.interop.exports.content import Wishes
from thinkcurve.interop.exports.files import safe_name, safe_names
from thinkcurve.interop.exports.identity import availability, hub_dataset, model_id, model_ids, without_folders
from thinkcurve.run import Run
from thinkcurve.store import ModelRecord, TaskRecord

REFERENCE = Path(__file__).parents[4] / "results" / "reference" / "embedded"


def call(*args: str | Path) -> subprocess.CompletedProcess[str]:
    words = [sys.executable, "-m", "thinkcurve.cli.main", "export", *map(str, args)]
    environment = {**os.environ, "COLUMNS": "80", "NO_COLOR": "1"}
    return subprocess.run(words, env=environment, capture_output=True, text=True, timeout=120, check=False)


def test_help_fits_a_screen_and_ends_in_an_example() -> None:
    lines = call("--help").stdout.splitlines()
    assert len(lines) <= 34
    assert max(map(len, lines)) <= 80
    assert lines[-1].strip().startswith("Example: thinkcurve export")


@pytest.mark.parametrize("name", FORMATS)
def test_the_reference_run_goes_into_every_format(name: str, tmp_path: Path) -> None:
    """The files are data on stdout, what is left out is talk on stderr."""
    done = CliRunner().invoke(command, [str(REFERENCE), "--to", name, "-o", str(tmp_path / "out")])
    assert done.exit_code == 0, done.stderr
    files = done.stdout.splitlines()
    assert files
    assert all(Path(file).is_file() for file in files)
    assert "12 points" in done.stderr


def text_of(file: Path) -> str:
    """All that a file says, unpacked where it is a zip."""
    if not zipfile.is_zipfile(file):
        return file.read_text()
    with zipfile.ZipFile(file) as archive:
        return "".join(archive.read(name).decode() for name in archive.namelist())


@pytest.mark.parametrize("name", FORMATS)
def test_what_may_not_be_shown_is_in_no_format(name: str, tmp_path: Path, private: Run) -> None:
    done = CliRunner().invoke(command, [str(private.path), "--to", name, "-o", str(tmp_path / "out")])
    assert done.exit_code == 0
    assert "authors ask not to show" in done.stderr
    traces = {trace.text for trace in private.records.traces.values() if len(trace.text) > 8}
    assert traces
    for file in done.stdout.splitlines():
        text = text_of(Path(file))
        assert not any(secret in text for secret in ("double 0", "double 1", "\\boxed", *traces))


def test_json_says_what_was_written(tmp_path: Path) -> None:
    args = [str(REFERENCE), "--to", "every-eval-ever", "-o", str(tmp_path / "out"), "--json"]
    done = CliRunner().invoke(command, args)
    said = json.loads(done.stdout)
    assert (said["schema"], said["format"], said["points"], said["attempts"]) == (1, "every-eval-ever", 12, 2400)
    assert len(said["files"]) == 4


def test_what_is_missing_is_said(tmp_path: Path, failed: Run) -> None:
    shutil.copytree(failed.path, tmp_path / "run")
    manifest = json.loads((tmp_path / "run" / "manifest.json").read_text())
    (tmp_path / "run" / "manifest.json").write_text(json.dumps({**manifest, "finished": None}))
    done = call(tmp_path / "run", "--to", "csv", "-o", tmp_path / "out")
    assert done.returncode == 0
    assert "6 attempts failed" in done.stderr
    assert "not finished" in done.stderr


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["nowhere", "--to", "csv", "-o", "OUT"], "'nowhere' is not a run"),
        ([REFERENCE, "--to", "csv", "-o", __file__], "cannot write"),
        ([REFERENCE, "--to", "hf", "-o", "OUT", "--model-id", "noslash"], "'noslash' is not OWNER/NAME"),
        ([REFERENCE, "--to", "hf", "-o", "OUT", "--model-id", "embeded=a/b"], "Did you mean 'embedded'?"),
        ([REFERENCE, "--to", "hf", "-o", "OUT", "--benchmark", "induce"], "is not TASK=OWNER/NAME"),
        ([REFERENCE, "--to", "hf", "-o", "OUT", "--benchmark", "induct=a/b"], "Did you mean 'induce'?"),
        ([REFERENCE, "--to", "csv", "-o", "OUT", "--metric-name", "acc"], "is for --to lm-eval, not for csv"),
        ([REFERENCE, "--to", "lm-eval", "-o", "OUT", "--metric-name", "a b"], "such as exact_match,strict-match"),
        ([REFERENCE, "--to", "csv", "-o", "OUT", "--relationship", "firstparty"], "Did you mean 'first_party'?"),
    ],
)
def test_it_complains_in_one_line(args: list[str | Path], said: str, tmp_path: Path) -> None:
    words = [str(tmp_path / "out" if arg == "OUT" else arg) for arg in args]
    error = CliRunner().invoke(command, words).exception
    assert isinstance(error, UsageError)
    assert said in str(error)
    assert "\n" not in str(error)


@pytest.mark.parametrize(
    ("spec", "info", "expected"),
    [
        ("embedded", {"name": "thinkcurve-tiny", "is_local": True}, "thinkcurve/thinkcurve-tiny"),
        ("transformers:Qwen/Qwen3-0.6B", {"is_local": True}, "Qwen/Qwen3-0.6B"),
        ("llamacpp:/home/someone/models/q4 k.gguf", {"is_local": True}, "local/q4_k.gguf"),
        ("llamacpp:models/q4.gguf", {"is_local": True}, "local/q4.gguf"),
        ("http://localhost:8000/v1#Qwen/Qwen3-4B", {}, "Qwen/Qwen3-4B"),
        ("vllm:http://localhost:8000/v1#small", {}, "local/small"),
        ("openai:gpt-5", {"is_local": False, "provider": "openai"}, "openai/gpt-5"),
        ("openrouter:deepseek/deepseek-r1", {"is_local": False}, "deepseek/deepseek-r1"),
        ("groq:qwen3", {"is_local": False}, "groq/qwen3"),
        ("mine", {"name": "adder"}, "local/adder"),
        ("mine", {}, "local/mine"),
        ("../../etc", {}, "local/etc"),
    ],
)
def test_a_model_is_called_as_on_the_hub(spec: str, info: dict[str, object], expected: str) -> None:
    assert model_id(ModelRecord(spec, info), Wishes()) == expected


def test_a_model_is_open_or_closed_only_where_that_is_known() -> None:
    assert availability(ModelRecord("openai:gpt-5", {})) == "closed_weights"
    assert availability(ModelRecord("openai:gpt-oss-120b", {})) == "unknown"
    assert availability(ModelRecord("transformers:Qwen/Qwen3-0.6B", {"is_local": True})) == "open_weights"
    assert availability(ModelRecord("llamacpp:mine.gguf", {"is_local": True})) == "unknown"


@pytest.mark.parametrize(
    ("name", "source", "expected"),
    [
        ("gsm8k", "openai/gsm8k", "openai/gsm8k"),
        ("arithmetic", "generated here", None),
        ("mine", "data/mine.jsonl", None),
        ("lm-eval:gsm8k", "openai/gsm8k/main", "openai/gsm8k"),
        ("lm-eval:gsm8k", "gsm8k/main", None),
        ("odd", "", None),
    ],
)
def test_a_data_set_is_of_the_hub_only_where_its_source_says_so(name: str, source: str, expected: str | None) -> None:
    assert hub_dataset(TaskRecord(name, "1", 1, "f", source=source)) == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("/home/someone/m.gguf", "m.gguf"),
        ("C:\\models\\m.gguf", "m.gguf"),
        ("../models/mine", "mine"),
        ("data/mine.jsonl", "mine.jsonl"),
        ("Qwen/Qwen3-0.6B", "Qwen/Qwen3-0.6B"),
        ("openai/gsm8k/main", "openai/gsm8k/main"),
        ("https://example.org/problems.jsonl", "https://example.org/problems.jsonl"),
    ],
)
def test_folders_of_files_are_not_published(name: str, expected: str) -> None:
    assert without_folders(name) == expected


def test_names_of_files_are_safe_everywhere_and_differ() -> None:
    for text in ("../x", "a/b", "CON", "nul.txt", "data", "x" * 300, "", "…", "a\0b", "-rf", ".hidden"):
        name = safe_name(text)
        assert name.isascii()
        assert 0 < len(name) <= 81
        assert not set(name) & set('/\\:*?"<>|\0 ')
        assert not name.startswith((".", "-"))
    names = safe_names(["a/b", "a:b", "A_b", "a/b"])
    assert len(names) == len({name.lower() for name in names.values()}) == 3


def test_two_models_of_one_name_stay_two(make: Make) -> None:
    ids = model_ids(content(make(twins_run)), wishes())
    assert len(set(ids.values())) == 2
    assert all(name.startswith("local/model.gguf") for name in ids.values())
