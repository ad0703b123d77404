"""lm-eval's output folder: which samples file belongs to which results file, and what the latter says of the model.

<out>/<model>/results_<date>.json               settings, versions, aggregates
<out>/<model>/samples_<task>_<date>.jsonl       a line a document and filter (``--log_samples``)
"""

from __future__ import annotations

import glob
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from thinkcurve.budget import EFFORTS, Budget, Control, parse_budget
from thinkcurve.errors import UsageError
from thinkcurve.interop.imports.item import Origin, Setting
from thinkcurve.interop.imports.kept import origin_of
from thinkcurve.interop.imports.lm_eval_aggregates import check_has_samples
from thinkcurve.interop.imports.reading import (
    child,
    count_of,
    name_of,
    read_bytes,
    read_object,
    text_of,
)
from thinkcurve.interop.imports.settings import setting_of

SAMPLES = re.compile(r"samples_(?P<task>.+?)(?:_(?P<date>\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d(?:\.\d+)?))?\.jsonl")
MODEL_KEYS = ("pretrained", "model", "path")
"""Arguments of lm-eval's models that name the weights."""


class Results(msgspec.Struct, frozen=True):
    """What a results file says; ``raw`` is all of it, empty where there is no such file."""

    raw: Mapping[str, Any]
    origin: Origin | None = None

    @property
    def config(self) -> Mapping[str, Any]:
        """How lm-eval was called."""
        return child(self.raw, "config")

    @property
    def arguments(self) -> Mapping[str, Any]:
        """``model_args``, as a table."""
        return _arguments(self.config.get("model_args"))

    @property
    def model(self) -> str:
        """The model, as its arguments or lm-eval name it; empty where nothing does."""
        named = [self.arguments.get(key) for key in MODEL_KEYS]
        return next(filter(None, map(name_of, [*named, self.raw.get("model_name"), self.config.get("model")])), "")

    @property
    def setting(self) -> Setting | None:
        """How much thinking was asked for.

        What thinkcurve's own model was asked stands under ``config.thinkcurve``. It truncates, but lm-eval's files
        cannot tell what it cut: its control is ``native`` here, under which ``forced`` is unknown without tokens.
        """
        ours = child(self.config, "thinkcurve")
        if "budget" in ours:
            return Setting(Control.NATIVE, _budget(ours["budget"]))
        return setting_of(self.arguments, _arguments(self.config.get("gen_kwargs")))

    def version(self, task: str) -> str:
        """The task's version, empty where it has none."""
        return name_of(child(self.raw, "versions").get(task))

    def task(self, task: str) -> Mapping[str, Any]:
        """The task's configuration."""
        return child(child(self.raw, "configs"), task)

    def options(self, task: str) -> Mapping[str, Any]:
        """What `thinkcurve_tasks.lm_eval` calls the settings of a task: how many worked examples were shown."""
        told = [child(self.raw, "n-shot").get(task), self.task(task).get("num_fewshot")]
        shots = next(filter(lambda value: value is not None, map(count_of, told)), None)
        return {} if shots is None else {"fewshot": shots}

    def prompt(self, task: str) -> str:
        """The text that asks, where it is one with places for the problem; code is none."""
        text = self.task(task).get("doc_to_text")
        return (text_of(text) or "") if isinstance(text, str) and "{{" in text else ""

    @property
    def has_template(self) -> bool | None:
        """Whether a chat template was used; ``None`` where the file does not say."""
        return bool(self.raw["chat_template"]) if "chat_template" in self.raw else None

    @property
    def template(self) -> str:
        """The hash of the chat template, empty where none was used or told."""
        return name_of(self.raw.get("chat_template_sha")) if self.has_template else ""

    @property
    def system(self) -> str:
        """The system message, or its hash where the file keeps only that."""
        sha = name_of(self.raw.get("system_instruction_sha"))
        return text_of(self.raw.get("system_instruction")) or (f"sha256:{sha}" if sha else "")

    def sizes(self, task: str) -> tuple[int | None, int | None]:
        """How many problems the task has, and how many of them were evaluated; ``None`` where the file does not say."""
        said = child(child(self.raw, "n-samples"), task)
        whole, asked = count_of(said.get("original")), count_of(said.get("effective"))
        limit = count_of(self.config.get("limit"))  # a share below 1 is no count
        return whole, asked if asked is not None else limit or None


def samples_files(path: Path) -> list[Path]:
    """The samples files that a user means: a file itself, those beside a results file, all of a folder."""
    if path.is_dir():
        found = sorted(path.rglob("samples_*.jsonl"))
        if not found:
            for results in sorted(path.rglob("results_*.json")):
                check_has_samples(results)
            raise UsageError(f"{str(path)!r} holds no samples_*.jsonl; run lm-eval with --log_samples")
        return found
    if path.suffix == ".json" and path.name.startswith("results_"):
        date = path.stem.removeprefix("results_")
        found = sorted(path.parent.glob(f"samples_*_{glob.escape(date)}.jsonl"))
        if found:
            return found
    check_has_samples(path)
    return [path]


def results_of(samples: Path) -> Results:
    """What the results file of a samples file says, empty where there is none beside it."""
    named = SAMPLES.fullmatch(samples.name)
    date = named.group("date") if named else None
    path = samples.with_name(f"results_{date}.json")
    return _read(path) if date and path.exists() else Results({})


def task_of(samples: Path) -> str:
    """The task that a samples file is named after."""
    named = SAMPLES.fullmatch(samples.name)
    return named.group("task") if named else samples.stem


def _read(path: Path) -> Results:
    raw = read_object(read_bytes(path), str(path))
    return Results(raw, origin_of(raw, str(path)))


def _budget(value: object) -> Budget:
    """A budget as `thinkcurve.interop.lm_eval_model` writes it; ``None`` is the natural end."""
    if isinstance(value, str) and value not in EFFORTS:
        return parse_budget(value)
    return value if isinstance(value, int) else None


def _arguments(given: object) -> Mapping[str, Any]:
    """``pretrained=x,dtype=float`` or a table as a table."""
    if isinstance(given, dict):
        return given
    if not isinstance(given, str):
        return {}
    return dict(part.split("=", 1) for part in given.split(",") if "=" in part)
