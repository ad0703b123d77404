"""A whole ladder as one trace and as separate runs, on every engine at hand; vLLM's row comes from a server.

Nothing is asserted on time. What is asserted is the arithmetic of it: one trace generates no more than its thinking,
its answers and a token a trace, and fewer tokens than separate runs.
"""

import importlib.util
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sweep_cost import costs_of

sys.path.insert(0, str(Path(__file__).parents[1] / "backends"))
NEEDS = {"embedded": "xllamacpp", "transformers": "torch", "mlx": "mlx_lm", "vllm": ""}
SERVER = "THINKCURVE_VLLM_TINY"
"""The address of a vLLM server of the embedded model, such as ``http://127.0.0.1:8000``."""
PROBLEMS = 40


def spec_of(engine: str, folder: Path) -> str:
    if engine == "vllm":
        if SERVER not in os.environ:
            pytest.skip(f"{SERVER} is not set")
        return f"vllm:{os.environ[SERVER]}"
    if importlib.util.find_spec(NEEDS[engine]) is None:
        pytest.skip(f"{NEEDS[engine]} is not installed")
    if engine == "embedded":
        return engine
    from checkpoints import tiny_folder

    return f"{engine}:{tiny_folder(folder)}"


@pytest.mark.parametrize("engine", NEEDS)
def test_one_trace_and_separate_runs(benchmark: Any, report: Callable[..., None], engine: str, tmp_path: Path) -> None:
    spec = spec_of(engine, tmp_path)
    benchmark.group = "a ladder, seconds"
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
