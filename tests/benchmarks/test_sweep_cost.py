"""A whole ladder as one trace and as separate runs, on every engine at hand (vLLM: ``THINKCURVE_VLLM``).

Nothing is asserted on time. What is asserted is the arithmetic of it: one trace generates no more than its thinking,
its answers and a token a trace, and fewer tokens than separate runs.
"""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sweep_cost import costs_of

sys.path.insert(0, str(Path(__file__).parents[1] / "backends"))
import engines

PROBLEMS = 40


@pytest.mark.parametrize("engine", engines.ENGINES)
def test_one_trace_and_separate_runs(benchmark: Any, report: Callable[..., None], engine: str, tmp_path: Path) -> None:
    benchmark.group = "a ladder, seconds"
    with engines.specs() as specs:
        spec = specs.of(engine, *engines.tiny(tmp_path / "tiny"))
        costs = benchmark.pedantic(lambda: costs_of(spec, PROBLEMS), rounds=1, warmup_rounds=0)
    for one, apart in zip(costs[::2], costs[1::2], strict=True):
        assert one.decode_tokens <= one.needed_tokens + PROBLEMS
        assert one.decode_tokens < apart.decode_tokens
        report(
            "a ladder as one trace and as separate runs",
            engine=engine,
            budgets=f"{one.budgets} {one.ladder}",
            decode_one=one.decode_tokens,
            over=one.decode_tokens / one.needed_tokens - 1,
            decode_separate=apart.decode_tokens,
            decode_ratio=apart.decode_tokens / one.decode_tokens,
            seconds_ratio=apart.wall_s / one.wall_s,
            cached_share=-1.0 if one.cached_share is None else one.cached_share,
        )
