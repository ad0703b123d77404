"""Choosing and asking on the command line: real processes, real arguments, 80 columns."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from thinkcurve.cli.flags import study_of
from thinkcurve.errors import UsageError

FLAGS = {
    "models": (),
    "tasks": (),
    "model_options": (),
    "task_options": (),
    "settings": (),
    "prompts": (),
    "columns": (),
    "fewshot": (),
    "budgets": None,
    "prices": (),
}


def call(*args: str | Path, cwd: Path | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "thinkcurve.cli.main", *map(str, args)]
    variables = {**os.environ, "COLUMNS": "80", "NO_COLOR": "1", "HF_HUB_OFFLINE": "1", **environment}
    variables.pop("THINKCURVE_DATA", None) if "THINKCURVE_DATA" not in environment else None
    return subprocess.run(command, cwd=cwd, env=variables, capture_output=True, text=True, check=False, timeout=120)


def options(tasks: tuple[str, ...] = ("arithmetic",), **flags: object) -> dict[str, object]:
    return study_of(None, {**FLAGS, "tasks": tasks, **flags}, None).task_options


def test_settings_are_for_all_tasks_or_for_the_one_they_name() -> None:
    found = options(("arithmetic", "gym:chain_sum"), task_options=("n=5", "gym:chain_sum=config.max_terms=3"))
    assert found == {"arithmetic": {"n": "5"}, "gym:chain_sum": {"n": "5", "config": {"max_terms": 3}}}


def test_settings_of_one_table_come_together() -> None:
    found = options(("gym:chain_sum",), task_options=("config.min_terms=2", "config.max_terms=3"))
    assert found == {"gym:chain_sum": {"config": {"min_terms": 2, "max_terms": 3}}}


def test_columns_and_examples_are_short_for_settings() -> None:
    found = options(("mine.jsonl",), columns=("question=problem, answer=gold",), fewshot=("2",))
    assert found == {"mine.jsonl": {"columns": {"question": "problem", "answer": "gold"}, "fewshot": 2}}


def test_columns_and_examples_may_be_for_one_task() -> None:
    found = options(("gsm8k", "mine.jsonl"), columns=("mine.jsonl:answer=gold",), fewshot=("gsm8k=3",))
    assert found == {"gsm8k": {"fewshot": 3}, "mine.jsonl": {"columns": {"answer": "gold"}}}


def test_a_prompt_file_is_read_for_the_task_it_names(tmp_path: Path) -> None:
    (tmp_path / "p.txt").write_text("Q {{question}}\n")
    path = tmp_path / "p.txt"
    assert options(("arithmetic", "induce"), prompts=(f"induce={path}",)) == {"induce": {"prompt": "Q {{question}}"}}
    both = options(("arithmetic", "induce"), prompts=(str(path),))
    assert set(both) == {"arithmetic", "induce"}


def test_lists_come_from_commas_or_a_file(tmp_path: Path) -> None:
    (tmp_path / "ids").write_text("a/b/1\n\nkey 2\n")
    study = study_of(None, {**FLAGS, "ids": f"@{tmp_path / 'ids'}", "levels": "1, 3", "groups": "x,y"}, None)
    assert (study.ids, study.levels, study.groups) == (("a/b/1", "key 2"), (1, 3), ("x", "y"))


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        ({"levels": "one"}, "--levels: 'one' is not a whole number"),
        ({"ids": ","}, "--ids ',' names nothing"),
        ({"columns": ("question",)}, "--columns 'question' is not KEY=VALUE"),
        ({"columns": ("question=a,question=b",)}, "names 'question' twice, as 'a' and as 'b'"),
        ({"task_options": ("n",)}, "--task-option 'n' is not KEY=VALUE"),
        ({"prompts": ("none.txt",)}, "cannot read file 'none.txt'"),
        ({"system": "@none.txt"}, "cannot read file 'none.txt'"),
    ],
)
def test_a_flag_that_cannot_be_meant_is_refused(flags: dict[str, object], says: str) -> None:
    with pytest.raises(UsageError, match=says):
        study_of(None, {**FLAGS, **flags}, None)


def test_a_run_of_a_selection_is_recorded_and_gone_on_with(tmp_path: Path) -> None:
    (tmp_path / "prompt.txt").write_text("{{question}}\n")
    flags = ["-t", "arithmetic", "--budgets", "0,16", "--levels", "1,2", "--shuffle", "7", "--stratify", "level"]
    asked = ["--system", "Think.", "--prompt", "prompt.txt", "--no-chat-template", "-o", "run"]
    done = call("run", *flags, *asked, "--limit", "4", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    manifest = json.loads((tmp_path / "run" / "manifest.json").read_text())
    study = manifest["study"]
    assert (study["levels"], study["shuffle"], study["stratify"]) == ([1, 2], 7, "level")
    assert (study["system"], study["chat_template"]) == ("Think.", False)
    assert manifest["tasks"][0]["prompt"] == "{{question}}"
    more = call("run", "-o", "run", "--limit", "6", cwd=tmp_path)
    assert (more.returncode, "6 problems" in more.stdout) == (0, True), more.stderr
    other = call("run", "-o", "run", "--shuffle", "8", cwd=tmp_path)
    assert (other.returncode, "shuffle = 7" in other.stderr) == (2, True)
    assert "Traceback" not in other.stderr


def test_the_list_of_tasks_fits_a_terminal_and_loads_no_data(tmp_path: Path) -> None:
    done = call("tasks", cwd=tmp_path, THINKCURVE_DATA=str(tmp_path / "nowhere"))
    assert done.returncode == 0, done.stderr
    assert max(map(len, done.stdout.splitlines())) <= 80
    names = {line.split()[0] for line in done.stdout.splitlines() if not line.startswith(" ")}
    published = {"gsm8k", "math500", "math", "aime24", "aime25", "amc23", "minerva_math", "olympiadbench"}
    published |= {"gpqa_diamond", "humaneval", "humaneval_plus", "mbpp", "mbpp_plus", "livecodebench"}
    assert names >= published | {"arithmetic", "induce", "gym:NAME", "hf:NAME", "lm-eval:NAME", "FILE"}
    rows = json.loads(call("tasks", "--json").stdout)
    assert {row["name"]: row["n_problems"] for row in rows}["gsm8k"] == 1319


def test_a_card_without_its_data_still_says_what_it_is() -> None:
    done = call("tasks", "gsm8k")
    assert done.returncode == 2
    assert "openai/gsm8k" in done.stdout
    assert "MIT" in done.stdout
    assert "--data-dir" in done.stderr


def test_a_card_shows_the_prompt_and_one_problem() -> None:
    done = call("tasks", "arithmetic", "--task-option", "prompt=Sum: {{question}}")
    assert done.returncode == 0, done.stderr
    assert "Sum: Start with" in " ".join(done.stdout.split())
    card = json.loads(call("tasks", "arithmetic", "--json").stdout)
    assert card["n_problems"] == 200
    assert card["example"]["prompt"][0]["role"] == "user"


def test_the_flags_of_run_name_every_field_of_a_study() -> None:
    from thinkcurve.cli.run import command
    from thinkcurve.study import Study

    flags = {param.name for param in command.params}
    rest = set(msgspec.structs.asdict(Study())) - flags
    given = (
        "logprobs=5",
        "top_p=0.9",
        "top_k=20",
        "min_p=0.1",
        "traces=separate",
        "wait=Hmm",
        "waits=4",
        "budget_prompt={{budget}}!",
        "max_output_tokens=9",
    )
    assert rest == {setting.partition("=")[0] for setting in given}
    study = study_of(None, {**FLAGS, "settings": (*given, "budget_prompt={{budget}}!")}, None)
    assert [getattr(study, key) for key in sorted(rest)] == ["{{budget}}!", 5, 9, 0.1, 20, 0.9, "separate", "Hmm", 4]


@pytest.mark.parametrize(
    ("setting", "complaint"),
    [
        ("wiats=4", "unknown key 'wiats'. Did you mean 'waits'?"),
        ("waits=many", "waits"),
        ("traces=sharde", "traces 'sharde' is not known. Did you mean 'shared'? Known: shared, separate"),
        ("control=extent", "control 'extent' is not known. Did you mean 'extend'?"),
        ("budgets=1,2", "has a flag of its own"),
        ("waits", "--set 'waits' is not KEY=VALUE"),
    ],
)
def test_a_setting_that_cannot_be_meant_is_refused(setting: str, complaint: str) -> None:
    with pytest.raises(UsageError, match=re.escape(complaint)):
        study_of(None, {**FLAGS, "settings": (setting,)}, None)


def test_a_task_of_another_wheel_is_one_of_ours(tmp_path: Path) -> None:
    (tmp_path / "theirs.py").write_text(
        "from thinkcurve.problem import MathAnswer, Message, Problem\n"
        "class Sums:\n"
        "    name, version, description = 'sums', '1', 'Their sums.'\n"
        "    def __init__(self, n: int = 3):\n"
        "        self.n = n\n"
        "    def problems(self):\n"
        "        return [Problem('sums', 'test', i, f'{i}+1?', MathAnswer(str(i + 1))) for i in range(self.n)]\n"
        "    def prompt(self, problem):\n"
        "        return [Message('user', problem.question)]\n"
    )
    wheel = tmp_path / "theirs-1.dist-info"
    wheel.mkdir()
    (wheel / "METADATA").write_text("Metadata-Version: 2.1\nName: theirs\nVersion: 1\n")
    (wheel / "entry_points.txt").write_text("[thinkcurve.tasks]\nsums = theirs:Sums\nbroken = missing_package:Task\n")
    listed = call("tasks", PYTHONPATH=str(tmp_path))
    assert listed.returncode == 0, listed.stderr
    assert "Their sums." in listed.stdout
    assert max(map(len, listed.stdout.splitlines())) <= 80
    flags = ["-t", "sums", "--task-option", "n=4", "--budgets", "0", "--answer-tokens", "8"]
    done = call("run", *flags, "-o", tmp_path / "run", PYTHONPATH=str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert "sums · embedded · truncate · 4 problems" in done.stdout
