"""Results and samples as lm-eval writes them, a few at a time."""

import json
from pathlib import Path
from typing import Any

DATE = "2026-11-22T23-09-06.050762"


def line(place: int, score: Any = 1.0, response: str = "The answer is 4.", **changes: Any) -> dict[str, Any]:
    """One sample of ``generate_until``; keys as in lm-eval 0.4.13."""
    return {
        "doc_id": place,
        "doc": {"question": f"What is {place}+{place}?", "answer": str(2 * place)},
        "target": str(2 * place),
        "arguments": {
            "gen_args_0": {"arg_0": f"Q: {place}+{place}\nA:", "arg_1": {"until": ["\n"], "max_gen_toks": 64}}
        },
        "resps": [[response]],
        "filtered_resps": [response],
        "filter": "strict",
        "metrics": ["exact_match"],
        "doc_hash": "a" * 64,
        "prompt_hash": "b" * 64,
        "target_hash": "c" * 64,
        "exact_match": score,
        **changes,
    }


def write(
    folder: Path, lines: list[dict[str, Any]], task: str = "sums", results: bool = True, version: Any = 3.0, **args: Any
) -> Path:
    """A folder as lm-eval leaves it; ``args`` are the ``model_args`` beside the model's name."""
    folder.mkdir(parents=True, exist_ok=True)
    if results:
        said = {
            "versions": {task: version},
            "configs": {task: {"test_split": "test", "dataset_path": "openai/gsm8k"}},
            "config": {"model": "hf", "model_args": {"pretrained": "maker/model", **args}, "gen_kwargs": {}},
            "date": 1795388942.9,
            "lm_eval_version": "0.4.13",
            "model_name": "maker/model",
        }
        (folder / f"results_{DATE}.json").write_text(json.dumps(said))
    samples = folder / f"samples_{task}_{DATE}.jsonl"
    samples.write_text("".join(json.dumps(sample, ensure_ascii=False) + "\n" for sample in lines))
    return samples
