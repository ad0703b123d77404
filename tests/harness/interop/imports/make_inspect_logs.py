"""Logs of the real inspect-ai for the tests of our reader, and what inspect's own reader makes of them.

    python make_inspect_logs.py DIR     (in an environment with inspect-ai)

``DIR`` then holds four small logs on four questions, made without a model, and ``expected.txt``: for each log and
sample the score, answer, thinking and tokens as `inspect_ai.log.read_eval_log` gives them, as JSON. Copy this file to
an empty folder first: inspect writes down where it lies, and which commit is checked out there.
"""

import json
import os
import sys
from pathlib import Path
from typing import Any

from inspect_ai import Task, eval, task
from inspect_ai.dataset import MemoryDataset, Sample
from inspect_ai.log import read_eval_log
from inspect_ai.model import (
    ChatCompletionChoice,
    ChatMessageAssistant,
    ContentReasoning,
    ContentText,
    GenerateConfig,
    ModelOutput,
    ModelUsage,
    get_model,
)
from inspect_ai.scorer import Score, accuracy, match, scorer
from inspect_ai.solver import generate

LONG = "so 2+2 is four; " * 8
"""Longer than what inspect keeps in place: it becomes an attachment."""
SAMPLES = [
    Sample(id="sum/0", input="What is 0+0?", target="0", metadata={"level": 1, "subject": "even"}),
    Sample(id="sum/1", input="What is 1+1?", target="2", metadata={"level": "Level 2", "subject": "even"}),
    Sample(id=7, input="What is 3+4? <script>alert(1)</script>", target="7", metadata={"difficulty": "hard"}),
    Sample(id=8, input=LONG, target="4"),
]


@task
def sums():
    return Task(dataset=MemoryDataset(SAMPLES), solver=generate(), scorer=match(numeric=True), version=2)


@scorer(metrics=[accuracy()])
def odd():
    values = {"sum/0": "C", "sum/1": "N", "7": float("nan"), "8": "I"}

    async def score(state, target):
        reason = "refusal" if state.sample_id == 8 else None
        return Score(value=values[str(state.sample_id)], answer="\u202e</script>", reason=reason)

    return score


@scorer(metrics=[accuracy()])
def parts():
    async def score(state, target):
        return Score(value={"right": 1, "style": 0.25})

    return score


@task
def judged():
    return Task(dataset=MemoryDataset(SAMPLES), solver=generate(), scorer=[odd(), parts()])


@task
def failing():
    return Task(dataset=MemoryDataset(SAMPLES), solver=generate(), scorer=match(numeric=True))


def output(answer: str, thinking: Any, tokens: int, stop: str = "stop") -> ModelOutput:
    """What a model gives: thinking and answer apart, with the counts of a provider."""
    message = ChatMessageAssistant(content=[thinking, ContentText(text=answer)], model="mock", source="generate")
    usage = ModelUsage(
        input_tokens=10,
        output_tokens=tokens + 5,
        total_tokens=tokens + 18,
        input_tokens_cache_read=3,
        reasoning_tokens=tokens,
    )
    return ModelOutput(model="mock-v1", choices=[ChatCompletionChoice(message=message, stop_reason=stop)], usage=usage)


def outputs(tokens: int, answers: tuple[str, ...]):
    """The answers in turn, with ever more thinking."""
    for i, answer in enumerate(answers * 4):
        yield output(answer, ContentReasoning(reasoning=LONG if i % 2 else "short"), tokens + i)


def strange():
    """What else a provider may give."""
    yield output("ANSWER: 0", ContentReasoning(reasoning="x", redacted=True, summary="a summary"), 3)
    yield output("", ContentReasoning(reasoning="never ends"), 9, "max_tokens")
    yield output("ANSWER: 7", ContentReasoning(reasoning="gibberish", redacted=True), 4)
    yield output("I will not.", ContentReasoning(reasoning=""), 1, "content_filter")


def run(of: Task, log: Path, made: Any, config: GenerateConfig, **options: Any) -> None:
    """One evaluation in order, so that outputs meet the samples they are for; its log under a name of ours."""
    model = get_model("mockllm/model", custom_outputs=made, config=config)
    options = {"max_samples": 1, "max_connections": 1, "log_realtime": False, "fail_on_error": False, **options}
    folder, kind = log.with_suffix(""), log.suffix[1:]
    eval(of, model=model, log_dir=str(folder), log_format=kind, display="none", **options)
    next(folder.glob(f"*.{kind}")).rename(log)
    folder.rmdir()


def broken():
    yield output("ANSWER: 0", ContentReasoning(reasoning="x"), 1)
    raise RuntimeError("the server is gone </script>")


def read(folder: Path) -> dict[str, Any]:
    """Every log as inspect's reader gives it."""
    found = {}
    for path in sorted((*folder.glob("*.eval"), *folder.glob("*.json"))):
        log = read_eval_log(str(path), resolve_attachments=True)
        found[path.name] = {
            "model": log.eval.model,
            "samples": {f"{s.id} {s.epoch}": sample_of(s) for s in log.samples or []},
        }
    return found


def sample_of(sample: Any) -> dict[str, Any]:
    message = sample.output.choices[0].message if sample.output.choices else None
    parts = message.content if message is not None and isinstance(message.content, list) else []
    scores = {name: score.value for name, score in (sample.scores or {}).items()}
    return {
        "scores": {name: None if value != value else value for name, value in scores.items()},
        "input": sample.input,
        "answer": sample.output.completion,
        "thinking": [part.reasoning for part in parts if part.type == "reasoning"],
        "error": sample.error and sample.error.message,
        "usage": sample.output.usage and sample.output.usage.model_dump(),
    }


def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    os.chdir(Path(__file__).parent)
    drawn = {"temperature": 0.8, "max_tokens": 4096}
    for budget, answers in ((1024, ("0", "3", "8", "4")), (2048, ("0", "2", "7", "4"))):
        made = outputs(budget // 2, tuple(f"ANSWER: {answer}" for answer in answers))
        run(sums(), folder / f"sums-{budget}.eval", made, GenerateConfig(reasoning_tokens=budget, **drawn), epochs=2)
    run(judged(), folder / "judged.json", strange(), GenerateConfig(reasoning_effort="high"))
    run(failing(), folder / "failing.json", broken(), GenerateConfig())
    for log in folder.glob("*.json"):
        log.write_text(json.dumps(bare(json.loads(log.read_text()))))
    (folder / "expected.txt").write_text(json.dumps(read(folder), indent=1) + "\n")


def bare(data: Any) -> Any:
    """A log without its events, and without the paths of this machine."""
    if isinstance(data, dict):
        dull = {key: "" if "traceback" in key else bare(value) for key, value in data.items()}
        return {**dull, "events": []} if "events" in dull else dull
    return [bare(value) for value in data] if isinstance(data, list) else data


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve())
