"""Tasks of lm-eval and models of ours for its tests, and what comes back from both."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from lm_eval import simple_evaluate
from lm_eval.api.instance import Instance
from lm_eval.tasks import TaskManager

from thinkcurve.interop.lm_eval import ThinkcurveLM
from thinkcurve_backends.scripted import Asked, ScriptedBackend
from thinkcurve_tasks.arithmetic import Arithmetic

N = 20
ANSWER_TOKENS = 24
BOXED = [
    {
        "name": "boxed",
        "filter": [{"function": "regex", "regex_pattern": r"\\boxed\{(-?\d+)\}"}, {"function": "take_first"}],
    }
]


def write_task(folder: Path, name: str, rows: Sequence[dict[str, Any]], **changes: Any) -> Path:
    """A task of lm-eval on rows of our own, as a YAML file (JSON is YAML)."""
    folder.mkdir(parents=True, exist_ok=True)
    data = folder / f"{name}.jsonl"
    data.write_text("".join(json.dumps(row) + "\n" for row in rows))
    task = {
        "task": name,
        "dataset_path": "json",
        "dataset_name": None,
        "dataset_kwargs": {"data_files": {"test": str(data)}, "cache_dir": str(folder / "cache")},
        "test_split": "test",
        "output_type": "generate_until",
        "doc_to_text": "{{question}}",
        "doc_to_target": "{{answer}}",
        "generation_kwargs": {"until": ["<|end|>"], "do_sample": False, "max_gen_toks": ANSWER_TOKENS},
        "metric_list": [{"metric": "exact_match", "aggregation": "mean", "higher_is_better": True}],
        "metadata": {"version": 1},
        **changes,
    }
    (folder / f"{name}.yaml").write_text(json.dumps(task))
    return folder


def doublings(n: int = 6) -> list[dict[str, str]]:
    return [{"question": f"double {i}", "answer": str(2 * i)} for i in range(n)]


def arithmetic() -> list[dict[str, str]]:
    task = Arithmetic()
    return [{"question": p.question, "answer": p.reference.answer} for p in task.problems()[:N]]  # type: ignore[union-attr]


def scripted(answer: Callable[[Asked], str], budget: int | None = 16, **arguments: Any) -> ThinkcurveLM:
    return ThinkcurveLM(backend=ScriptedBackend(answer), model="scripted", budget=budget, **arguments)


def doubling(asked: Asked) -> str:
    return "let me see" if asked.wants_thinking else f"\n\n{2 * int(asked.prompt.split()[-1])}\n\nNext question"


def evaluate(lm: ThinkcurveLM, folder: Path, name: str, **options: Any) -> dict[str, Any]:
    results = simple_evaluate(
        model=lm,
        model_args={"model": lm.settings.model},
        tasks=[name],
        task_manager=TaskManager(include_path=[str(folder)], include_defaults=False),
        bootstrap_iters=0,
        **options,
    )
    assert results is not None
    return dict(results)


def answers(results: dict[str, Any], name: str) -> list[str]:
    samples = sorted(results["samples"][name], key=lambda sample: sample["doc_id"])
    return [sample["resps"][0][0] for sample in samples]


def request(context: str, repeats: int = 1, **generation: Any) -> Instance:
    return Instance("generate_until", {}, (context, {"until": [], **generation}), 0, ("t", 0, repeats))


def usage_of(path: Path) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    return sorted(lines, key=lambda line: line["request"])
