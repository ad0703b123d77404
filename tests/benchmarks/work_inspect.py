"""inspect-ai's share of the work: ``work_inspect.py SAMPLES`` evaluates them and prints what it cost.

`eval` on a task in memory with its own mock model, which answers at once: one request a sample. The answer is found
by a regular expression and compared (`pattern`); its default log is written as the samples end. No display.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any

from measure import own_cpu_s, own_peak_mb
from samples import index_of, sample, samples

started_s = own_cpu_s()

import json  # noqa: E402

from inspect_ai import Task, eval  # noqa: E402
from inspect_ai.dataset import MemoryDataset, Sample  # noqa: E402
from inspect_ai.model import ModelOutput, ModelUsage, get_model  # noqa: E402
from inspect_ai.scorer import pattern  # noqa: E402
from inspect_ai.solver import generate  # noqa: E402

requests = 0


def instant(messages: list[Any], *_: Any) -> ModelOutput:
    """The model: what the sample says, at once; with its usage, so that nothing is counted for it."""
    global requests
    requests += 1
    reply = sample(index_of(messages[-1].text)).reply
    output = ModelOutput.from_content(model="instant", content=reply)
    output.usage = ModelUsage(input_tokens=240, output_tokens=len(reply), total_tokens=240 + len(reply))
    return output


def main(n: int) -> None:
    made = samples(n)
    imported_s = own_cpu_s()
    with tempfile.TemporaryDirectory() as directory:
        task = Task(
            name="eggs",
            dataset=MemoryDataset([Sample(input=s.question, target=s.gold, id=s.index) for s in made]),
            solver=generate(),
            scorer=pattern(r"The answer is (-?[0-9]+)"),
        )
        model = get_model("mockllm/model", custom_outputs=instant)
        (log,) = eval(task, model=model, display="none", log_dir=directory)
        work_s = own_cpu_s() - imported_s
        written = sum(path.stat().st_size for path in Path(directory).rglob("*") if path.is_file())
    assert log.status == "success", log.error
    assert log.results is not None
    printed = {
        "n": log.results.completed_samples,
        "requests": requests,
        "accuracy": log.results.scores[0].metrics["accuracy"].value,
        "import_s": imported_s - started_s,
        "work_s": work_s,
        "peak_mb": own_peak_mb(),
        "disk_mb": written / 2**20,
    }
    print(json.dumps(printed))


if __name__ == "__main__":
    main(int(sys.argv[1]))
