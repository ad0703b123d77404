"""``thinkcurve schema`` against files that are really there: what we wrote is what the schema says, and no more."""

import json
import tomllib
from pathlib import Path
from typing import Any

import msgspec
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from jsonschema import Draft202012Validator, ValidationError

from scripts import changed, sweep
from thinkcurve.cli.main import cli, main
from thinkcurve.cli.schema import NAMES, schema_of
from thinkcurve.study import load_study


def valid(name: str, value: object) -> None:
    Draft202012Validator(schema_of(name)).validate(value)


@pytest.mark.parametrize("name", NAMES)
def test_each_is_a_schema(name: str) -> None:
    found = CliRunner().invoke(cli, ["schema", name])
    assert found.exit_code == 0
    Draft202012Validator.check_schema(json.loads(found.stdout))


async def test_the_files_of_a_run_are_as_the_schemas_say(tmp_path: Path) -> None:
    run = await sweep(tmp_path, changed(limit=3))
    valid("manifest", json.loads((tmp_path / "manifest.json").read_text()))
    for line in (tmp_path / "journal.jsonl").read_text().splitlines():
        valid("journal", json.loads(line))
    for name, file in (("attempts", "attempts"), ("traces", "traces"), ("problems", "problems")):
        rows: list[dict[str, Any]] = pq.read_table(tmp_path / f"{file}.parquet").to_pylist()
        assert rows
        for row in rows:
            tag = {} if name == "problems" else {"event": name.removesuffix("s")}
            valid(name, {**row, **tag})
    for curve in run.curves():
        valid("curve", json.loads(msgspec.json.encode(curve)))


@pytest.mark.parametrize(
    "text",
    [
        'models = ["embedded"]\nbudgets = [0, 16, "none"]\nsamples = 4\ntemperature = 0.8',
        'models = ["openai:x"]\ncontrol = "effort"\nbudgets = ["low", "high"]',
        'tasks = ["arithmetic"]\n[task_options.arithmetic]\nn = 3',
    ],
)
def test_a_study_that_loads_is_valid(tmp_path: Path, text: str) -> None:
    path = tmp_path / "study.toml"
    path.write_text(text)
    load_study(path)
    valid("study", tomllib.loads(text))


@pytest.mark.parametrize("text", ["model = ['embedded']", "budgets = [-1]", "samples = 'four'", "control = 'force'"])
def test_a_study_that_is_refused_is_not(text: str) -> None:
    with pytest.raises(ValidationError):
        valid("study", tomllib.loads(text))


def test_a_bug_is_no_verdict(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def broken(**_: object) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr(cli, "main", broken)
    with pytest.raises(SystemExit) as stopped:
        main()
    assert stopped.value.code == 70
    assert "RuntimeError: a bug" in capsys.readouterr().err
