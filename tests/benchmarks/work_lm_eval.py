"""lm-eval's share of the work: ``work_lm_eval.py SAMPLES`` evaluates them and prints what it cost.

`simple_evaluate` on a task with one filter (a regular expression, then exact match), no few-shot examples, no
default task index, a local JSON file as the data set and a model that answers at once: one request a sample. Its
tracker writes one line a sample and the results file, after the last sample.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path
from typing import Any

from measure import own_cpu_s, own_peak_mb
from samples import index_of, sample, samples

started_s = own_cpu_s()
os.environ.update(HF_HUB_OFFLINE="1", HF_DATASETS_OFFLINE="1")

import json  # noqa: E402

from lm_eval import simple_evaluate  # noqa: E402
from lm_eval.api.model import LM  # noqa: E402
from lm_eval.loggers import EvaluationTracker  # noqa: E402
from lm_eval.tasks import TaskManager  # noqa: E402

TASK = """\
task: eggs
dataset_path: json
test_split: test
dataset_kwargs:
  data_files:
    test: {data}
output_type: generate_until
doc_to_text: "{{{{question}}}}"
doc_to_target: "{{{{gold}}}}"
generation_kwargs:
  until: ["</s>"]
  do_sample: false
filter_list:
  - name: said
    filter:
      - function: regex
        regex_pattern: 'The answer is (-?[0-9]+)'
      - function: take_first
metric_list:
  - metric: exact_match
    aggregation: mean
    higher_is_better: true
metadata:
  version: 1
"""


class Instant(LM):
    """The model: what the sample says, at once."""

    requests = 0

    def generate_until(self, requests: list[Any], disable_tqdm: bool = False) -> list[str]:
        self.requests += len(requests)
        return [sample(index_of(request.args[0])).reply for request in requests]

    def loglikelihood(self, requests: list[Any]) -> list[tuple[float, bool]]:
        raise NotImplementedError

    def loglikelihood_rolling(self, requests: list[Any]) -> list[float]:
        raise NotImplementedError


def main(n: int) -> None:
    made, model = samples(n), Instant()
    imported_s = own_cpu_s()
    with tempfile.TemporaryDirectory() as directory:
        root = Path(directory)
        data = root / "eggs.jsonl"
        data.write_text("".join(json.dumps({"question": s.question, "gold": s.gold}) + "\n" for s in made))
        (root / "eggs.yaml").write_text(TASK.format(data=data))
        tracker = EvaluationTracker(output_path=str(root / "out"))
        results = simple_evaluate(
            model,
            model_args={"model": "instant"},
            tasks=["eggs"],
            task_manager=TaskManager(include_path=[directory], include_defaults=False),
            evaluation_tracker=tracker,
            log_samples=True,
        )
        assert results is not None
        logged = results.pop("samples")
        tracker.save_results_aggregated(results=results, samples=logged)
        tracker.save_results_samples(task_name="eggs", samples=logged["eggs"])
        work_s = own_cpu_s() - imported_s
        written = sum(path.stat().st_size for path in (root / "out").rglob("*") if path.is_file())
    printed = {
        "n": len(logged["eggs"]),
        "requests": model.requests,
        "accuracy": results["results"]["eggs"]["exact_match,said"],
        "import_s": imported_s - started_s,
        "work_s": work_s,
        "peak_mb": own_peak_mb(),
        "disk_mb": written / 2**20,
    }
    print(json.dumps(printed))


if __name__ == "__main__":
    main(int(sys.argv[1]))
