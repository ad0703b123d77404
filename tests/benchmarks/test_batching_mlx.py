"""Our batching on MLX against mlx-lm's own, in one process that takes turns: equal lengths, and ragged ones.

`work_batching_mlx` says what is compared. That all ways give the same ids is asserted; times are CPU seconds and are
not. The goal: at least 0.9 of mlx-lm's static batch at equal lengths, better than it at ragged ones.
"""

import sys
from collections.abc import Callable
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from measure import Measured, children_cpu_s, script

pytestmark = [
    pytest.mark.benchmark(timer=children_cpu_s),
    pytest.mark.skipif(find_spec("mlx_lm") is None, reason='needs pip install "thinkcurve[mlx]"'),
    pytest.mark.skipif(
        find_spec("torch") is None, reason="the folder of the tiny model is made with the training code"
    ),
]
ROWS, TOKENS, ROUNDS = 8, 96, 3


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    sys.path.insert(0, str(Path(__file__).parents[1] / "backends"))
    from checkpoints import tiny_folder

    return tiny_folder(tmp_path_factory.mktemp("mlx") / "tiny")


@pytest.mark.parametrize("kind", ["equal", "ragged"])
def test_tokens_a_cpu_second(benchmark: Any, report: Callable[..., None], folder: Path, kind: str) -> None:
    runs: list[Measured] = []
    benchmark.group = f"batching on MLX, {kind} lengths"
    benchmark.pedantic(
        lambda: runs.append(script("work_batching_mlx.py", folder, ROWS, TOKENS, kind, ROUNDS)), rounds=1
    )
    found = runs[-1].printed
    assert found["same_ids"] == 1
    assert found["ours_steps"] < {"equal": 1.1, "ragged": 0.9}[kind] * found["static_steps"]
    benchmark.extra_info.update(found, mlx=version("mlx"), mlx_lm=version("mlx-lm"))
    report(f"MLX: {ROWS} rows of up to {TOKENS} tokens", lengths=kind, **found)
