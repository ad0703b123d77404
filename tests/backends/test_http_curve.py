"""The tiny model's greedy curve through HTTP is the one in process: ids and all where the server takes ids, text for
text where only text goes in and out.
"""

import asyncio
import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))
import checkpoints
import llama_server

from thinkcurve import Study, sweep
from thinkcurve.backend import Backend
from thinkcurve.budget import Control
from thinkcurve_backends.http.backend import open_backend
from thinkcurve_backends.llamacpp.backend import open_backend as open_llamacpp

pytestmark = pytest.mark.filterwarnings(
    "ignore::DeprecationWarning:importlib", "ignore:builtin type Swig:DeprecationWarning"
)
LADDER = (0, 4, 8, 16, 64)
N_PROBLEMS = 8


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    if importlib.util.find_spec("xllamacpp") is None:
        pytest.skip("the package xllamacpp is not installed")
    with llama_server.started(checkpoints.TINY_GGUF) as (address, _):
        yield address


@pytest.fixture(scope="module")
def in_process(address: str, tmp_path_factory: pytest.TempPathFactory) -> Any:
    del address  # skips where llama.cpp is not installed
    backend = open_llamacpp(str(checkpoints.TINY_GGUF), slots=4, threads=1, context_tokens=1024)
    return attempts_of(backend, tmp_path_factory.mktemp("in_process"))


def attempts_of(backend: Backend, folder: Path, **fields: Any) -> Any:
    fields = {"budgets": LADDER, "temperature": 0.0, "answer_tokens": 32, "limit": N_PROBLEMS, **fields}
    try:
        run = sweep(Study(models=("it",), tasks=("arithmetic",), **fields), folder / "run", backends={"it": backend})
    finally:
        asyncio.run(backend.aclose())
    attempts = run.attempts
    assert len(attempts) == N_PROBLEMS * len(fields["budgets"])
    return attempts


def by_problem(attempts: Any, *columns: str) -> dict[tuple[str, int], tuple[Any, ...]]:
    rows = attempts.astype(object).where(attempts.notna(), None).to_dict("records")
    return {(row["problem"], row["budget"]): tuple(_plain(row[name]) for name in columns) for row in rows}


def _plain(value: Any) -> Any:
    return tuple(int(one) for one in value) if hasattr(value, "__len__") and not isinstance(value, str) else value


def test_the_curve_by_ids_is_the_one_in_process(address: str, in_process: Any, tmp_path: Path) -> None:
    served = attempts_of(open_backend(f"{address}/v1#thinkcurve-tiny", concurrency=4), tmp_path)
    columns = ("answer_ids", "answer", "thinking_tokens", "verdict", "ending")
    assert by_problem(served, *columns) == by_problem(in_process, *columns)
    assert in_process.is_forced.any()
    assert not in_process.is_forced.all()


def test_the_curve_by_text_says_what_the_one_by_ids_says(address: str, in_process: Any, tmp_path: Path) -> None:
    spoken = attempts_of(open_backend(address, api="completions"), tmp_path)
    columns = ("answer", "thinking_tokens", "is_forced", "verdict")
    assert by_problem(spoken, *columns) == by_problem(in_process, *columns)


def test_llama_cpps_own_budgets_make_a_curve_of_control_native(address: str, tmp_path: Path) -> None:
    backend = open_backend(address, api="chat")
    made = attempts_of(backend, tmp_path, control=Control.NATIVE, budgets=(4, 8, 16, None), answer_tokens=256)
    assert made.thinking_tokens.isna().all()  # nobody counts them, and nothing is guessed
    assert (made.thinking_source == "unknown").all()
    assert made.generated_tokens.notna().all()
    right = made[made.budget.isna()].verdict.eq("correct").mean()
    assert right > made[made.budget.eq(4)].verdict.eq("correct").mean()
