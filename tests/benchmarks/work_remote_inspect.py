"""inspect-ai's share of the work at a server: ``work_remote_inspect.py ADDRESS SAMPLES CONCURRENCY``.

`eval` on a task in memory with its provider ``openai`` and chat completions, whole: one request a sample. (By the
Responses API, which it takes for a model that it does not know, it sends one request more, and a sample costs it the
same CPU time.) The answer is compared as a number (`match`); its default log is written as the samples end. No display.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

from inspect_ai import Task, eval
from inspect_ai.dataset import MemoryDataset, Sample
from inspect_ai.log import EvalLog
from inspect_ai.model import get_model
from inspect_ai.scorer import match
from inspect_ai.solver import generate
from measure import Clock, own_peak_mb
from samples import samples
from server_instant import MODEL


def evaluate(address: str, n: int, concurrency: int, directory: str) -> EvalLog:
    """The log of a task of ``n`` samples."""
    task = Task(
        name="eggs",
        dataset=MemoryDataset([Sample(input=s.question, target=s.gold, id=s.index) for s in samples(n)]),
        solver=generate(),
        scorer=match(numeric=True),
    )
    model = get_model(f"openai/{MODEL}", base_url=address, api_key="none", memoize=False, responses_api=False)
    (log,) = eval(task, model=model, max_connections=concurrency, display="none", log_dir=directory)
    assert log.status == "success", log.error
    return log


def main(address: str, n: int, concurrency: int) -> None:
    with tempfile.TemporaryDirectory() as directory:
        evaluate(address, 1, concurrency, f"{directory}/first")
        clock = Clock()
        log = evaluate(address, n, concurrency, f"{directory}/run")
        spent = clock.read()
        written = sum(path.stat().st_size for path in Path(directory, "run").rglob("*") if path.is_file())
    assert log.results is not None
    printed = {
        "n": log.results.completed_samples,
        "accuracy": log.results.scores[0].metrics["accuracy"].value,
        **spent,
        "peak_mb": own_peak_mb(),
        "disk_mb": written / 2**20,
    }
    print(json.dumps(printed))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
