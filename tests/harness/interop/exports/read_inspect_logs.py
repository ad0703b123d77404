"""What inspect's own reader makes of a folder of logs, as JSON: python read_inspect_logs.py DIR (with inspect-ai)."""

import json
import sys
from typing import Any

from inspect_ai.log import list_eval_logs, read_eval_log, read_eval_log_sample, read_eval_log_sample_summaries


def log_of(file: Any) -> dict[str, Any]:
    log = read_eval_log(file)
    summaries = read_eval_log_sample_summaries(file)
    first = summaries[0]
    assert log.results is not None
    return {
        "name": file.name.rpartition("/")[2],
        "status": log.status,
        "task": log.eval.task,
        "model": log.eval.model,
        "reasoning_tokens": log.eval.model_generate_config.reasoning_tokens,
        "reasoning_effort": log.eval.model_generate_config.reasoning_effort,
        "metrics": {name: metric.value for s in log.results.scores for name, metric in s.metrics.items()},
        "samples": [sample_of(sample) for sample in log.samples or []],
        "summaries": [(s.id, s.epoch, s.error, s.scores and s.scores["thinkcurve"].value) for s in summaries],
        "one": sample_of(read_eval_log_sample(file, id=first.id, epoch=first.epoch)),
    }


def sample_of(sample: Any) -> dict[str, Any]:
    usage = sample.output.usage
    return {
        "id": sample.id,
        "epoch": sample.epoch,
        "input": sample.input,
        "target": sample.target,
        "answer": sample.output.completion,
        "value": sample.scores and sample.scores["thinkcurve"].as_str(),
        "usage": usage and [usage.input_tokens, usage.output_tokens, usage.total_tokens, usage.reasoning_tokens],
        "error": sample.error and sample.error.message,
        "problem": sample.metadata["problem"],
    }


if __name__ == "__main__":
    logs = [log_of(info) for info in list_eval_logs(sys.argv[1])]
    print(json.dumps(sorted(logs, key=lambda log: log["name"])))
