"""The lines of a record of Every Eval Ever: one an attempt (``instance_level_eval.schema.json``, 0.3.0)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from thinkcurve.analysis.curve import Curve, Point
from thinkcurve.budget import format_budget
from thinkcurve.interop.exports.content import Content
from thinkcurve.interop.exports.files import plain_data, step_name
from thinkcurve.store import Attempt

SCHEMA_VERSION = "0.3.0"
METRIC = "accuracy"


def result_id(curve: Curve, point: Point) -> str:
    """What a line calls the result that it belongs to."""
    return f"{METRIC}/{curve.control}/{step_name(point.budget, curve.control)}"


def lines_of(content: Content, curve: Curve, point: Point, log: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The lines of a point, in the order of its attempts; ``log`` is the record of its curve."""
    for attempt, thinking in content.thoughts(curve, point):
        yield instance(content, curve, point, attempt, thinking) | {
            "evaluation_id": log["evaluation_id"],
            "model_id": log["model_info"]["id"],
        }


def instance(content: Content, curve: Curve, point: Point, attempt: Attempt, thinking: str | None) -> dict[str, Any]:
    """The line of an attempt, with its thinking as far as it is known, all but the names of its record and model."""
    question, gold = content.question(attempt.problem)
    is_correct = attempt.verdict == "correct"
    return {
        "schema_version": SCHEMA_VERSION,
        "evaluation_name": curve.task,
        "evaluation_result_id": result_id(curve, point),
        "sample_id": attempt.problem,
        "sample_hash": hashlib.sha256((question + (gold or "")).encode()).hexdigest() if question else None,
        "interaction_type": "single_turn",
        "input": {"raw": question, "reference": [] if gold is None else [gold]},
        "output": {"raw": [attempt.answer], "reasoning_trace": None if thinking is None else [thinking]},
        "messages": None,
        "answer_attribution": [
            {
                "turn_idx": 0,
                "source": "output.raw",
                "extracted_value": attempt.extracted or "",
                "extraction_method": attempt.rung or "none",
                "is_terminal": True,
            }
        ],
        "evaluation": {"score": float(is_correct), "is_correct": is_correct},
        "token_usage": _usage(attempt),
        "performance": None if attempt.wall_s is None else plain_data({"latency_ms": attempt.wall_s * 1000}),
        "error": f"{attempt.verdict}: {attempt.reason}" if attempt.verdict in ("no_answer", "unverified") else None,
        "metadata": strings(
            {
                "budget": format_budget(attempt.budget, attempt.control),
                "control": attempt.control,
                "sample": attempt.sample,
                "verdict": str(attempt.verdict),
                "reason": attempt.reason or None,
                "level": attempt.level,
                "group": attempt.group,
                "ending": str(attempt.ending),
                "is_forced": attempt.is_forced,
                "is_truncated_answer": attempt.is_truncated_answer,
                "flops": attempt.flops,
                "joules": attempt.joules,
                "usd": attempt.usd,
                "seed": attempt.seed,
            }
        ),
    }


def _usage(attempt: Attempt) -> dict[str, int] | None:
    """The tokens of an attempt alone; the schema takes all three counts or none."""
    if attempt.prompt_tokens is None or attempt.generated_tokens is None or attempt.total_tokens is None:
        return None
    thought = {} if attempt.thinking_tokens is None else {"reasoning_tokens": attempt.thinking_tokens}
    return {
        "input_tokens": attempt.prompt_tokens,
        "output_tokens": attempt.generated_tokens,
        "total_tokens": attempt.total_tokens,
        **thought,
    }


def strings(values: Mapping[str, Any]) -> dict[str, str]:
    """Details as the schema wants them, all text; what is not known is left out."""
    return {key: _text(value) for key, value in plain_data(dict(values)).items() if value is not None}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()
