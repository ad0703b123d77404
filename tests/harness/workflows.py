"""The shell steps of a GitHub workflow, run here: enough of Actions to see that an example does what it says.

Steps that ``use`` an action are passed over. Expressions are those of examples: ``steps.ID.outputs.NAME``,
``github.*``, ``env.*``, strings, ``==``, ``!=``, ``&&``, ``always()``
(https://docs.github.com/actions/reference/workflow-syntax-for-github-actions).
"""

import os
import re
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml


@dataclass(frozen=True)
class Step:
    """What became of one step; ``rc`` is ``None`` where it was passed over."""

    name: str
    rc: int | None
    out: str = ""


@dataclass
class Job:
    """A job that was run: its steps, its summary, and whether it failed."""

    steps: list[Step] = field(default_factory=list)
    outputs: dict[str, dict[str, str]] = field(default_factory=dict)
    summary: str = ""

    @property
    def has_failed(self) -> bool:
        return any(step.rc not in (None, 0) for step in self.steps)

    def step(self, name: str) -> Step:
        return next(step for step in self.steps if step.name == name)


def run_job(workflow: Path, job: str, where: Path, *, env: dict[str, str], github: dict[str, str]) -> Job:
    """Run the steps of a job one after the other in a directory; ``env`` stands above what the file says."""
    text: dict[str, Any] = yaml.safe_load(workflow.read_text())
    files = {name: where / f".{name.lower()}" for name in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY")}
    common = {**os.environ, **{k: str(v) for k, v in text.get("env", {}).items()}, **env}
    done = Job()
    for step in text["jobs"][job]["steps"]:
        name = step.get("name", step.get("uses", ""))
        if "run" not in step or not _is_wanted(step.get("if"), done, github):
            done.steps.append(Step(name, None))
            continue
        for file in files.values():
            file.write_text("")
        own = {key: _filled(str(value), done, github) for key, value in step.get("env", {}).items()}
        shell = ["bash", "-e", "-c", _filled(step["run"], done, github)]
        environment = {**common, **own, **{key: str(path) for key, path in files.items()}}
        ended = subprocess.run(
            shell, cwd=where, env=environment, capture_output=True, text=True, check=False, timeout=300
        )
        done.steps.append(Step(name, ended.returncode, ended.stdout + ended.stderr))
        done.summary += files["GITHUB_STEP_SUMMARY"].read_text()
        lines = files["GITHUB_OUTPUT"].read_text().splitlines()
        done.outputs[step.get("id", name)] = dict(line.split("=", 1) for line in lines)
    return done


def _value(expression: str, job: Job, github: dict[str, str]) -> str:
    expression = expression.strip()
    if found := re.fullmatch(r"'(.*)'", expression):
        return found[1]
    if found := re.fullmatch(r"steps\.(\w+)\.outputs\.(\w+)", expression):
        return job.outputs.get(found[1], {}).get(found[2], "")
    if found := re.fullmatch(r"github\.([\w.]+)", expression):
        return github[found[1]]
    raise ValueError(f"expression {expression!r} is not known here")


def _filled(text: str, job: Job, github: dict[str, str]) -> str:
    return re.sub(r"\$\{\{(.*?)\}\}", lambda found: _value(found[1], job, github), text)


def _is_wanted(condition: str | None, job: Job, github: dict[str, str]) -> bool:
    """Whether a step is to be run; without a status function not after one that failed."""
    parts = [part.strip() for part in (condition or "").split("&&") if part.strip()]
    if "always()" not in parts and job.has_failed:
        return False
    for part in parts:
        if part == "always()":
            continue
        left, sign, right = re.split(r"\s*(==|!=)\s*", part)
        if (_value(left, job, github) == _value(right, job, github)) != (sign == "=="):
            return False
    return True
