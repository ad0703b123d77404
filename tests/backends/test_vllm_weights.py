"""What vLLM is to read, checked without it: safetensors alone, adapters that it can take, and who is who."""

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))
import checkpoints
from lora import write_lora

from thinkcurve.errors import UsageError
from thinkcurve_backends.checkpoint import open_checkpoint
from thinkcurve_backends.own_loop import OwnLoop
from thinkcurve_backends.vllm.backend import open_backend
from thinkcurve_backends.vllm.engine import InProcess
from thinkcurve_backends.vllm.start import Log
from thinkcurve_backends.vllm.weights import notes_of, open_adapter, whole_fingerprint


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return checkpoints.tiny_folder(tmp_path_factory.mktemp("model") / "tiny")


@pytest.mark.parametrize(
    ("name", "reason"),
    [("pytorch_model.bin", "as pytorch_model.bin, a pickle, which can run code"), ("x.gguf", "llamacpp:.*x.gguf")],
)
def test_a_folder_without_safetensors_is_refused(folder: Path, tmp_path: Path, name: str, reason: str) -> None:
    for path in folder.glob("*.json"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / name).write_bytes(b"weights")
    with pytest.raises(UsageError, match=reason):
        open_backend(str(tmp_path))


def test_a_way_to_load_that_reads_something_else_is_refused(folder: Path) -> None:
    for way in ("auto", "pt", "dummy"):
        with pytest.raises(UsageError, match=f"load_format '{way}'; it can be safetensors"):
            open_backend(str(folder), args=json.dumps({"load_format": way}))


@pytest.mark.parametrize(("rank", "taken"), [(4, 8), (8, 8), (9, 16), (300, 320), (512, 512)])
def test_the_rank_is_one_that_vllm_takes(tmp_path: Path, rank: int, taken: int) -> None:
    adapter = open_adapter(str(write_lora(tmp_path, r=rank)))
    assert adapter is not None
    assert adapter.rank == taken
    adapter = open_adapter(str(write_lora(tmp_path, r=4, rank_pattern={"o_proj": rank})))
    assert adapter is not None
    assert adapter.rank == taken


@pytest.mark.parametrize(
    ("config", "reason"),
    [
        ({"r": "8"}, "the rank r is '8'; vLLM takes whole numbers from 1 to 512"),
        ({"r": None}, "the rank r is None"),
        ({"r": 0}, "the rank r is 0"),
        ({"r": True}, "the rank r is True"),
        ({"r": 600}, "the rank r is 600"),
        ({"rank_pattern": {"o_proj": "9"}}, "the rank r is '9'"),
        ({"peft_type": "PREFIX_TUNING"}, "of kind 'PREFIX_TUNING'"),
    ],
)
def test_a_bad_rank_or_kind_is_refused(folder: Path, tmp_path: Path, config: dict[str, Any], reason: str) -> None:
    with pytest.raises(UsageError, match=reason):
        open_backend(str(folder), adapter=str(write_lora(tmp_path, **config)))


def test_what_is_no_adapter_is_refused(folder: Path, tmp_path: Path) -> None:
    def refused(reason: str) -> None:
        with pytest.raises(UsageError, match=reason):
            open_backend(str(folder), adapter=str(tmp_path / "lora"))

    refused("does not exist")
    config = write_lora(tmp_path / "lora") / "adapter_config.json"
    weights = config.with_name("adapter_model.safetensors")
    whole = weights.read_bytes()
    weights.unlink()
    refused("holds no LoRA adapter: adapter_model.safetensors is not in it")
    weights.write_bytes(whole[:-10])
    refused("adapter_model.safetensors")
    weights.write_bytes(whole)
    for text, reason in (("[1]", "holds no JSON object"), ("{", "cannot be read as JSON")):
        config.write_text(text)
        refused(reason)


def test_what_alters_the_weights_makes_another_model(folder: Path, tmp_path: Path) -> None:
    checkpoint = open_checkpoint("vllm", str(folder))
    one, other = (open_adapter(str(write_lora(tmp_path / name, seed=n))) for n, name in enumerate("ab"))
    again = open_adapter(str(write_lora(tmp_path / "c", seed=0)))
    cases = [(None, ""), (one, ""), (other, ""), (None, "fp8"), (one, "fp8")]
    prints = [whole_fingerprint(checkpoint, *case) for case in cases]
    assert prints[0] == checkpoint.fingerprint()
    assert len(set(prints)) == len(cases)
    assert whole_fingerprint(checkpoint, again, "") == prints[1]
    assert notes_of(None, "") == ()
    assert notes_of(one, "fp8") == ("with the LoRA adapter a", "its weights are taken with quantization fp8")


@pytest.mark.parametrize("fault", [RuntimeError, None])
def test_the_log_is_removed_however_the_engine_ends(tmp_path: Path, fault: type[Exception] | None) -> None:
    class Engine:
        """One that breaks while it shuts down, or does not."""

        def shutdown(self) -> None:
            if fault is not None:
                raise fault

    logs = tmp_path / "logs"
    logs.mkdir()
    engine = InProcess(OwnLoop("it"), Engine(), None, None, Log(logs))  # type: ignore[arg-type]  # asked for nothing
    if fault is None:
        asyncio.run(engine.aclose())
    else:
        with pytest.raises(fault):
            asyncio.run(engine.aclose())
    assert not logs.exists()
    asyncio.run(engine.aclose())
