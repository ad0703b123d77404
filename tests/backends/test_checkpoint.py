"""Checkpoints as files: headers of safetensors, active parameters, fingerprints, what the makers ask for."""

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from thinkcurve.backend import Sampling
from thinkcurve.errors import UsageError
from thinkcurve_backends.checkpoint import open_checkpoint
from thinkcurve_backends.hf_tokenizer import HfTokenizer
from thinkcurve_backends.options import ThinkingOptions, read_options
from thinkcurve_backends.safetensors_header import active_parameters, bytes_in, read_tensors
from thinkcurve_backends.transformers.options import LEAST, Options


def write(path: Path, tensors: dict[str, tuple[str, list[int], int]]) -> Path:
    """A safetensors file of zeros: name to type, shape and bytes."""
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    at = 0
    for name, (kind, shape, size) in tensors.items():
        header[name] = {"dtype": kind, "shape": shape, "data_offsets": [at, at + size]}
        at += size
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + bytes(at))
    return path


def folder(path: Path, config: dict[str, Any], generation: dict[str, Any] | None = None) -> Path:
    path.mkdir(exist_ok=True)
    (path / "config.json").write_text(json.dumps(config))
    if generation is not None:
        (path / "generation_config.json").write_text(json.dumps(generation))
    return path


LAYER = {"model.layers.0.mlp.up_proj.weight": ("BF16", [8, 4], 64), "model.norm.weight": ("BF16", [4], 8)}
EMBEDDING = {"model.embed_tokens.weight": ("BF16", [10, 4], 80)}
HEAD = {"lm_head.weight": ("BF16", [10, 4], 80)}


@pytest.mark.parametrize(
    ("tensors", "config", "expected"),
    [
        (LAYER | EMBEDDING, {"tie_word_embeddings": True}, 36 + 40),
        (LAYER | EMBEDDING | HEAD, {"tie_word_embeddings": False}, 36 + 40),
        (LAYER | EMBEDDING | HEAD, {"tie_word_embeddings": True}, 36 + 40),
        (LAYER | EMBEDDING, {"tie_word_embeddings": False}, 36 + 40),
        (LAYER | {"visual.blocks.0.weight": ("BF16", [9, 9], 162)}, {}, 36),
        (
            {
                **{f"model.layers.0.mlp.experts.{n}.up_proj.weight": ("F32", [6, 2], 48) for n in range(8)},
                "model.layers.0.mlp.shared_experts.up_proj.weight": ("F32", [6, 2], 48),
                "model.layers.0.mlp.gate.weight": ("F32", [8, 2], 64),
            },
            {"n_routed_experts": 8, "num_experts_per_tok": 2},
            2 * 12 + 12 + 16,
        ),
        (
            {"model.layers.0.mlp.experts.gate_up_proj": ("BF16", [4, 3, 5], 120)},
            {"num_local_experts": 4, "num_experts_per_tok": 1},
            15,
        ),
        (
            {"q.qweight": ("I32", [4, 8], 128), "q.qzeros": ("I32", [1, 1], 4), "q.scales": ("F16", [1, 8], 16)},
            {"quantization_config": {"quant_method": "gptq", "bits": 4}},
            4 * 8 * 8,
        ),
        (
            {
                "q.weight": ("U8", [16, 1], 16),
                "q.weight.absmax": ("F32", [2], 8),
                "q.weight.quant_map": ("F32", [16], 64),
            },
            {"quantization_config": {"quant_method": "bitsandbytes", "load_in_4bit": True}},
            32,
        ),
        ({"q.weight": ("F8_E4M3", [4, 4], 16), "q.weight_scale_inv": ("F32", [1], 4)}, {}, 16),
    ],
)
def test_active_parameters(
    tmp_path: Path, tensors: dict[str, tuple[str, list[int], int]], config: dict[str, Any], expected: int
) -> None:
    found = read_tensors(write(tmp_path / "m.safetensors", tensors))
    assert active_parameters(found, config) == expected


def test_bytes_in_another_dtype(tmp_path: Path) -> None:
    path = write(tmp_path / "m.safetensors", {"a": ("BF16", [8], 16), "b": ("I32", [2], 8), "c": ("F8_E4M3", [4], 4)})
    assert bytes_in(read_tensors(path), 4) == 32 + 8 + 4


def test_damaged_headers_are_one_line(tmp_path: Path) -> None:
    whole = write(tmp_path / "m.safetensors", LAYER).read_bytes()
    for spoilt in (whole[:-1], whole[:30], b"", b"\xff" * 40, whole[:8] + b"[1]" + whole[11:]):
        (tmp_path / "m.safetensors").write_bytes(spoilt)
        with pytest.raises(UsageError, match="cut off or damaged"):
            read_tensors(tmp_path / "m.safetensors")


def test_what_the_makers_say(tmp_path: Path) -> None:
    config = {"num_hidden_layers": 3, "hidden_size": 4, "max_position_embeddings": 128, "tie_word_embeddings": True}
    asked = {"do_sample": True, "temperature": 0.6, "top_p": 0.95, "repetition_penalty": 1.2}
    path = folder(tmp_path / "m", config, asked)
    write(path / "model.safetensors", LAYER | EMBEDDING)
    checkpoint = open_checkpoint("any", str(path))
    assert checkpoint.active_parameters == 76
    info = checkpoint.info(active_parameters=checkpoint.active_parameters, engine="any 1")
    assert (info.layers, info.width, info.context_tokens, info.name) == (3, 4, 128, "m")
    assert info.sampling == Sampling(0.6, 0.95)
    assert "repetition_penalty = 1.2" in info.notes[0]
    assert info.fingerprint == checkpoint.fingerprint()
    write(path / "model.safetensors", LAYER | EMBEDDING | HEAD)
    assert info.fingerprint != checkpoint.fingerprint()


@pytest.mark.parametrize(
    ("beside", "read"),
    [
        ([], ["model.safetensors"]),
        (["consolidated.safetensors", "adapter_model.safetensors", "m.gguf"], ["model.safetensors"]),
        (["model-1.safetensors", "model-2.safetensors"], ["model-1.safetensors", "model-2.safetensors"]),
    ],
)
def test_only_the_weights_that_are_read_count(tmp_path: Path, beside: list[str], read: list[str]) -> None:
    path = folder(tmp_path / "m", {"tie_word_embeddings": True})
    write(path / "model.safetensors", LAYER | EMBEDDING)
    for name in beside:
        write(path / name, LAYER)
    if len(read) > 1:
        index = {"weight_map": {name: read[number % 2] for number, name in enumerate("abc")}}
        (path / "model.safetensors.index.json").write_text(json.dumps(index))
    checkpoint = open_checkpoint("any", str(path))
    assert [file.name for file in checkpoint.weight_files()] == read
    assert len(checkpoint.tensors()) == (3 if len(read) == 1 else 4)
    before = checkpoint.fingerprint()
    for name in ("another.safetensors", "another.gguf", "adapters.safetensors"):
        write(path / name, LAYER)
    assert (checkpoint.fingerprint(), len(checkpoint.tensors())) == (before, 3 if len(read) == 1 else 4)
    write(path / read[-1], HEAD)
    assert checkpoint.fingerprint() != before


def test_weights_of_other_names_and_none_at_all(tmp_path: Path) -> None:
    path = folder(tmp_path / "m", {})
    checkpoint = open_checkpoint("any", str(path))
    for file, said in (("", "holds no weights"), ("a.gguf", "use llamacpp:.*a.gguf"), ("b.bin", "a pickle")):
        if file:
            (path / file).touch()
        with pytest.raises(UsageError, match=said):
            checkpoint.fingerprint()
    write(path / "adapter_model.safetensors", LAYER)
    with pytest.raises(UsageError, match="a pickle"):
        checkpoint.fingerprint()
    write(path / "consolidated.safetensors", LAYER)
    assert [file.name for file in checkpoint.weight_files()] == ["consolidated.safetensors"]
    with pytest.raises(UsageError, match="a pickle"):
        replace(checkpoint, weights=("model*.safetensors",)).check_weights()
    (path / "model.safetensors.index.json").write_text('{"weight_map": {"a": "model-1.safetensors"}}')
    with pytest.raises(UsageError, match=r"lacks 'model-1\.safetensors', which .* names"):
        checkpoint.fingerprint()


@pytest.mark.parametrize(
    ("generation", "config", "expected"),
    [
        ({"eos_token_id": 5}, {"eos_token_id": [7, 8]}, {5, 99}),
        ({"eos_token_id": [5, 6]}, {}, {5, 6, 99}),
        ({}, {"eos_token_id": [7, 8]}, {7, 8, 99}),
        ({}, {"text_config": {"eos_token_id": 7}}, {7, 99}),
        ({}, {}, {99}),
    ],
)
def test_what_ends_a_turn(
    tmp_path: Path, generation: dict[str, Any], config: dict[str, Any], expected: set[int]
) -> None:
    checkpoint = open_checkpoint("any", str(folder(tmp_path / "m", config, generation)))
    assert checkpoint.eos_ids(HfTokenizer(SimpleNamespace(eos_token_id=99))) == expected


def test_a_folder_is_called_by_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder(tmp_path / "m", {}))
    (tmp_path / "link").symlink_to(tmp_path / "m")
    assert [open_checkpoint("any", what).name for what in (".", "../m/", str(tmp_path / "link"))] == ["m", "m", "link"]


def test_text_parts_of_models_of_several_media(tmp_path: Path) -> None:
    path = folder(tmp_path / "m", {"text_config": {"num_hidden_layers": 3, "max_position_embeddings": 64}})
    checkpoint = open_checkpoint("any", str(path))
    assert checkpoint.context_tokens == 64
    assert checkpoint.sampling is None
    assert checkpoint.active_parameters is None


@pytest.mark.parametrize("content", ["{", "[]", "\x00"])
def test_a_configuration_that_cannot_be_read(tmp_path: Path, content: str) -> None:
    (tmp_path / "config.json").write_text(content)
    with pytest.raises(UsageError):
        open_checkpoint("any", str(tmp_path))


@pytest.mark.parametrize(
    ("generation", "sampling"),
    [
        ({}, None),
        ({"eos_token_id": 3}, None),
        ({"do_sample": False, "temperature": 0.6}, Sampling()),
        ({"temperature": 0.6, "top_p": 0.95}, Sampling(0.6, 0.95)),  # as some makers write it
        ({"do_sample": True}, Sampling(1.0)),
        ({"do_sample": True, "temperature": 0.7, "top_k": 20, "min_p": 0.05}, Sampling(0.7, 1.0, 20, 0.05)),
        ({"temperature": 0}, Sampling(0.0)),
        ({"do_sample": True, "top_k": -1, "temperature": None}, Sampling(1.0)),
    ],
)
def test_sampling_is_what_the_makers_wrote(
    tmp_path: Path, generation: dict[str, object], sampling: Sampling | None
) -> None:
    path = folder(tmp_path / "m", {})
    (path / "generation_config.json").write_text(json.dumps(generation))
    assert open_checkpoint("any", str(path)).sampling == sampling


@pytest.mark.parametrize(
    ("generation", "said"),
    [
        ('{"temperature": "warm"}', "temperature is 'warm', which is no number"),
        (
            '{"temperature": -1, "top_p": 5}',
            r"temperature is -1, which is not 0\.\.5; top_p is 5, which is not above 0",
        ),
        ('{"top_p": 0.0}', r"top_p is 0\.0"),
        ('{"min_p": 1.5}', r"min_p is 1\.5, which is not 0\.\.1"),
        ('{"temperature": NaN}', "temperature is nan"),
        ('{"top_k": Infinity}', "top_k is inf, which is not a finite number"),
        ('{"temperature": true}', "temperature is True, which is no number"),
    ],
)
def test_sampling_that_cannot_be_is_refused_before_loading(tmp_path: Path, generation: str, said: str) -> None:
    path = folder(tmp_path / "m", {})
    (path / "generation_config.json").write_text(generation)
    with pytest.raises(UsageError, match=said):
        open_checkpoint("any", str(path))


@pytest.mark.parametrize("value", [float("inf"), float("-inf"), float("nan")])
def test_options_are_finite_numbers(value: float) -> None:
    with pytest.raises(UsageError, match=r"option cache_gib of any is .*; it must be a finite number"):
        read_options("any", {"cache_gib": value}, Options(), LEAST)
    assert read_options("any", {}, ThinkingOptions()) == ThinkingOptions()


NEWEST = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A model of the hub in the cache of an earlier fetch, its branch ``main`` at `NEWEST`."""
    constants = pytest.importorskip("huggingface_hub.constants")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    base = tmp_path / "models--owner--name"
    (base / "refs").mkdir(parents=True)
    (base / "refs" / "main").write_text(NEWEST)
    (base / "snapshots" / NEWEST).mkdir(parents=True)
    (base / "snapshots" / NEWEST / "config.json").write_text("{}")
    return "owner/name"


@pytest.mark.parametrize(("revision", "is_pinned"), [("", False), ("main", False), (NEWEST, True)])
def test_a_model_of_the_hub_without_a_commit_is_said_to_be_unpinned(hub: str, revision: str, is_pinned: bool) -> None:
    found = open_checkpoint("transformers", hub, revision)
    assert (found.revision, found.is_pinned) == (NEWEST, is_pinned)
    said = f"not pinned: read at {NEWEST}; --model-option revision={NEWEST} keeps it"
    assert found.notes == (() if is_pinned else (said,))


def test_a_folder_is_what_it_is(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    assert open_checkpoint("transformers", str(tmp_path)).is_pinned
