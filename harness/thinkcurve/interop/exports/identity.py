"""What a model and a data set are called on the Hugging Face hub, as far as a run says so."""

from __future__ import annotations

import re

from thinkcurve.interop.exports.content import Content, Wishes
from thinkcurve.interop.exports.files import safe_name
from thinkcurve.problem import digest
from thinkcurve.store import ModelRecord, TaskRecord

HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[\w][\w.-]*", re.ASCII)
"""``OWNER/NAME``."""
FILES = (".jsonl", ".json", ".csv", ".tsv", ".parquet", ".arrow", ".py", ".gguf", ".yaml")
"""Ends of names of files: ``data/mine.jsonl`` is no data set of the hub."""
TASK_IDS = {"openai/gsm8k": "gsm8k", "Idavidrein/gpqa": "diamond"}
"""What the benchmarks of the hub that are ours call their task (their ``eval.yaml``); elsewhere it is ``default``."""
CLOSED = frozenset({"openai", "anthropic", "gemini"})
"""Makers whose weights nobody else has (but OpenAI's gpt-oss)."""
LOCAL = "local"
"""The owner of a model of which no owner is known."""


def model_ids(content: Content, wishes: Wishes) -> dict[str, str]:
    """The id of every model of a run by its spec, no two alike: where files of two folders share a name, the
    fingerprint of the weights, or of the spec, tells them apart."""
    found: dict[str, str] = {}
    for record in map(content.model, dict.fromkeys(curve.model for curve in content.curves)):
        name = model_id(record, wishes)
        if name in found.values():
            name = f"{name}-{safe_name(str(record.info.get('fingerprint') or digest([record.spec.encode()]))[:16])}"
        found[record.spec] = name
    return found


def model_id(record: ModelRecord, wishes: Wishes) -> str:
    """The model as ``OWNER/NAME``, made of letters that a path takes. What a spec says of folders is left out."""
    spec = record.spec
    if spec in wishes.model_ids:
        owner, _, name = wishes.model_ids[spec].partition("/")
        return f"{safe_name(owner)}/{safe_name(name)}"
    if spec == "embedded":
        return f"thinkcurve/{safe_name(str(record.info.get('name') or spec))}"
    engine, _, what = spec.partition(":")
    if spec.startswith(("http:", "https:")) or what.startswith(("http:", "https:")):
        engine, what = "", spec.partition("#")[2] or str(record.info.get("name") or "")
    elif not what:
        engine, what = "", str(record.info.get("name") or spec)
    if HUB_ID.fullmatch(what) and not what.endswith(FILES):
        owner, _, name = what.partition("/")
        return f"{safe_name(owner)}/{safe_name(name)}"
    owner = record.info.get("provider") or (engine if not record.info.get("is_local", True) else "") or LOCAL
    return f"{safe_name(str(owner))}/{safe_name(what.rsplit('/', 1)[-1])}"


def availability(record: ModelRecord) -> str:
    """Whether others can have the weights: ``open_weights``, ``closed_weights`` or ``unknown``."""
    engine, _, what = record.spec.partition(":")
    if engine in CLOSED and "gpt-oss" not in what:
        return "closed_weights"
    is_on_hub = bool(HUB_ID.fullmatch(what)) and not what.endswith(FILES) and record.info.get("is_local")
    return "open_weights" if record.spec == "embedded" or is_on_hub else "unknown"


def without_folders(name: str) -> str:
    """The name of a model or a source, without the folders where it is a file: those are nobody's business."""
    is_file = name.endswith(FILES) or name.startswith(("/", "~", ".")) or "\\" in name
    return re.split(r"[/\\]", name)[-1] if is_file and "://" not in name else name


def hub_dataset(task: TaskRecord) -> str | None:
    """The data set of the hub that a task's problems come from; ``None`` where they come from elsewhere.

    lm-eval's tasks name it with its subset behind it (``openai/gsm8k/main``).
    """
    parts = task.source.split("/")
    is_foreign = task.name.startswith("lm-eval:") or task.spec.startswith("lm-eval:")
    source = "/".join(parts[:2]) if is_foreign and len(parts) == 3 else task.source
    if is_foreign and len(parts) == 2:
        return None  # a data set without an owner, and its subset
    return source if HUB_ID.fullmatch(source) and not source.endswith(FILES) else None


def benchmark(task: TaskRecord, wishes: Wishes) -> tuple[str, str] | None:
    """The hub's benchmark of a task and the task's id in it; ``None`` where there is none."""
    wished = wishes.benchmarks.get(task.name) or wishes.benchmarks.get(task.spec)
    dataset, _, task_id = wished.partition("#") if wished else (hub_dataset(task) or "", "", "")
    return (dataset, task_id or TASK_IDS.get(dataset, "default")) if dataset else None
