"""One attempt, or one failure, as a sample of inspect: what was asked, thought and answered, its score and its cost."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from thinkcurve.interop.exports.content import Content
from thinkcurve.interop.exports.files import plain_data
from thinkcurve.interop.exports.origin import OWN
from thinkcurve.problem import REFUSAL, Verdict, digest
from thinkcurve.store import Attempt, Failure

SCORER = "thinkcurve"
VALUES = {Verdict.CORRECT: "C", Verdict.INCORRECT: "I", Verdict.NO_ANSWER: "N", Verdict.UNVERIFIED: "I"}
"""inspect's letters of a verdict. What could not be verified counts as wrong, as in our curves."""
SUMMED = ("id", "epoch", "input", "target", "scores", "model_usage", "total_time", "working_time", "uuid")
"""Keys of a sample that its summary repeats."""
Ids = Mapping[str, int | str]


def sample_of(content: Content, attempt: Attempt, thinking: str | None, ids: Ids) -> dict[str, Any]:
    """The sample of an attempt, with its thinking as far as it is known; ``ids`` names its problem as inspect is to
    know it."""
    usage = _usage(attempt)
    score = {
        "value": VALUES[attempt.verdict],
        "answer": attempt.extracted,
        "explanation": f"{attempt.verdict.value}: {attempt.reason}" if attempt.reason else attempt.verdict.value,
        "metadata": {"rung": attempt.rung, "forced": attempt.is_forced},
    }
    return {
        **_asked(content, attempt, ids),
        "messages": [_question(content, attempt), _message(attempt, thinking)],
        "output": _output(attempt, thinking, usage),
        "scores": {SCORER: score},
        "model_usage": {attempt.model: usage} if usage else {},
        "metadata": {
            "level": attempt.level,
            "group": attempt.group,
            "problem": attempt.problem,
            "fingerprint": content.fingerprint(attempt.problem),
            OWN: plain_data(attempt),
        },
        "total_time": attempt.wall_s,
        "working_time": attempt.wall_s,
    }


def failed_sample(content: Content, failure: Failure, ids: Ids) -> dict[str, Any]:
    """The sample of an attempt that did not come about: it has an error and no score."""
    return {
        **_asked(content, failure, ids),
        "messages": [_question(content, failure)],
        "output": {"model": failure.model, "choices": []},
        "scores": None,
        "model_usage": {},
        "metadata": {"problem": failure.problem, "stage": failure.stage},
        "error": {"message": failure.error, "traceback": "", "traceback_ansi": ""},
    }


def summary_of(sample: Mapping[str, Any]) -> dict[str, Any]:
    """What inspect's list of samples shows of one."""
    error = sample.get("error")
    return {
        **{key: sample[key] for key in SUMMED if key in sample},
        "metadata": {key: value for key, value in sample["metadata"].items() if key != OWN},
        "error": error and error["message"],
        "completed": True,
        "message_count": len(sample["messages"]),
    }


def _asked(content: Content, of: Attempt | Failure, ids: Ids) -> dict[str, Any]:
    question, gold = content.question(of.problem)
    return {
        "id": ids[of.problem],
        "epoch": of.sample + 1,
        "input": question,
        "target": gold or "",
        "store": {},
        "events": [],
        "attachments": {},
        "uuid": _name(of, "sample"),
    }


def _question(content: Content, of: Attempt | Failure) -> dict[str, Any]:
    text, _ = content.question(of.problem)
    return {"id": _name(of, "question"), "role": "user", "source": "input", "content": text}


def _message(attempt: Attempt, thinking: str | None) -> dict[str, Any]:
    """What the model wrote: the thinking where all of it is known, and the answer."""
    thought = [{"type": "reasoning", "reasoning": thinking}] if thinking else []
    return {
        "id": _name(attempt, "answer"),
        "role": "assistant",
        "source": "generate",
        "model": attempt.model,
        "content": [*thought, {"type": "text", "text": attempt.answer}],
    }


def _output(attempt: Attempt, thinking: str | None, usage: Mapping[str, Any]) -> dict[str, Any]:
    stopped = "content_filter" if attempt.reason == REFUSAL else "max_tokens" if attempt.is_truncated_answer else "stop"
    return {
        "model": attempt.model,
        "choices": [{"message": _message(attempt, thinking), "stop_reason": stopped}],
        "completion": attempt.answer,
        **({"usage": usage} if usage else {}),
        "time": attempt.wall_s,
    }


def _usage(attempt: Attempt) -> dict[str, Any]:
    """Tokens and dollars of an attempt alone; nothing where prompt or output is not known, as inspect has no word for
    that. What came from a cache is part of inspect's total, not of its input."""
    if attempt.prompt_tokens is None or attempt.generated_tokens is None:
        return {}
    told = {"reasoning_tokens": attempt.thinking_tokens, "total_cost": attempt.usd}
    return {
        "input_tokens": attempt.prompt_tokens,
        "output_tokens": attempt.generated_tokens,
        "total_tokens": attempt.total_tokens or attempt.prompt_tokens + attempt.generated_tokens,
        **{key: value for key, value in told.items() if value is not None},
    }


def _name(of: Attempt | Failure, what: str) -> str:
    """A name that is the same whenever the run is exported."""
    return digest(str(part).encode() for part in (*of.key, what))
