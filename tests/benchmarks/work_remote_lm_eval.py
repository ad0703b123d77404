"""lm-eval's share of the work at a server: ``work_remote_lm_eval.py ADDRESS SAMPLES CONCURRENCY``.

`simple_evaluate` with its ``local-completions``, text in and out, on the task of `work_lm_eval`: one request a sample,
a regular expression, exact match. Its tracker writes after the last sample.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

from measure import Clock, own_peak_mb
from samples import samples
from server_instant import MODEL

os.environ.update(HF_HUB_OFFLINE="1", HF_DATASETS_OFFLINE="1")

from lm_eval import simple_evaluate
from lm_eval.loggers import EvaluationTracker
from lm_eval.tasks import TaskManager
from work_lm_eval import TASK


def evaluate(address: str, n: int, concurrency: int, root: Path) -> tuple[int, float]:
    """How many samples were evaluated and the accuracy; all that it writes is under ``root``."""
    root.mkdir()
    data = root / "eggs.jsonl"
    data.write_text("".join(json.dumps({"question": s.question, "gold": s.gold}) + "\n" for s in samples(n)))
    (root / "eggs.yaml").write_text(TASK.format(data=data))
    tracker = EvaluationTracker(output_path=str(root / "out"))
    model_args: dict[str, Any] = {
        "model": MODEL,
        "base_url": f"{address}/completions",
        "num_concurrent": concurrency,
        "tokenizer_backend": "none",
        "tokenized_requests": False,
    }
    results = simple_evaluate(
        "local-completions",
        model_args=model_args,
        tasks=["eggs"],
        task_manager=TaskManager(include_path=[str(root)], include_defaults=False),
        evaluation_tracker=tracker,
        log_samples=True,
    )
    assert results is not None
    logged = results.pop("samples")
    tracker.save_results_aggregated(results=results, samples=logged)
    tracker.save_results_samples(task_name="eggs", samples=logged["eggs"])
    return len(logged["eggs"]), results["results"]["eggs"]["exact_match,said"]


def main(address: str, n: int, concurrency: int) -> None:
    with tempfile.TemporaryDirectory() as directory:
        evaluate(address, 1, concurrency, Path(directory, "first"))
        clock = Clock()
        n_done, accuracy = evaluate(address, n, concurrency, Path(directory, "run"))
        spent = clock.read()
        written = sum(path.stat().st_size for path in Path(directory, "run", "out").rglob("*") if path.is_file())
    printed = {"n": n_done, "accuracy": accuracy, **spent, "peak_mb": own_peak_mb(), "disk_mb": written / 2**20}
    print(json.dumps(printed))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
