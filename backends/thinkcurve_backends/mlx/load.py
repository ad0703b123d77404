"""A Hugging Face folder as a model of mlx-lm: refused in one sentence where it cannot be right, loaded, checked."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mlx.core as mx

from thinkcurve.errors import UsageError
from thinkcurve_backends.checkpoint import Checkpoint
from thinkcurve_backends.host_memory import free_host_bytes
from thinkcurve_backends.mlx import rope
from thinkcurve_backends.mlx.imports import CacheList, load_adapters, load_model, make_prompt_cache
from thinkcurve_backends.safetensors_header import bytes_in

WEIGHTS = "model*.safetensors"
"""The files that mlx-lm reads."""
DTYPES = {"float32": 4, "float16": 2, "bfloat16": 2}
"""Bytes of a weight."""
SHARE_OF_MEMORY = 0.9
"""Of the free memory, how much weights may take: the rest is for caches and results between layers."""
CANNOT_BE_CUT = (
    "its cache keeps a window or a state and not every token, so it cannot always be cut back: an answer may read "
    "prompt and thinking again, unless it goes on from the very end of what was generated"
)


class Float32Logits:
    """A model of mlx-lm whose logits are float32, so that log-probabilities are not rounded to the weights' type."""

    def __init__(self, inner: Any) -> None:
        self.inner = inner
        self.layers = inner.layers
        if hasattr(inner, "make_cache"):
            self.make_cache = inner.make_cache

    def __call__(self, inputs: mx.array, cache: Any = None) -> mx.array:
        logits: mx.array = self.inner(inputs, cache=cache)
        return logits.astype(mx.float32)


@dataclass(frozen=True, slots=True)
class Loaded:
    """A model in memory; ``bytes_left`` is the free memory that it left."""

    model: Float32Logits
    vocabulary: int
    active_parameters: int
    notes: tuple[str, ...]
    bytes_left: int


def device_of(name: str) -> mx.Device:
    """``gpu``, ``cpu`` or, for an empty name, MLX's own choice. Raises `UsageError` where it is not there."""
    if name not in ("", "gpu", "cpu"):
        raise UsageError(f"option device of mlx is {name!r}; it is 'gpu' or 'cpu'")
    device = {"": mx.default_device(), "gpu": mx.Device(mx.gpu), "cpu": mx.Device(mx.cpu)}[name]
    if not mx.is_available(device):
        raise UsageError(f"option device of mlx is {name!r}, and this installation of MLX has no such device")
    return device


def engine_name(device: mx.Device) -> str:
    """Versions and device, for the record."""
    from importlib.metadata import version

    kind = "gpu" if device == mx.Device(mx.gpu) else "cpu"
    return f"mlx {version('mlx')}, mlx-lm {version('mlx-lm')} on {kind}"


def check_files(checkpoint: Checkpoint, dtype: str, adapter: str) -> None:
    """Refuse what can be refused before a weight is read."""
    checkpoint.check_weights()
    if dtype and dtype not in DTYPES:
        raise UsageError(f"option dtype of mlx is {dtype!r}; it is one of {', '.join(DTYPES)}")
    if dtype and is_quantised(checkpoint.config):
        raise UsageError("option dtype of mlx is for weights that are not quantised, and these are")
    if adapter and not (Path(adapter).expanduser() / "adapter_config.json").is_file():
        raise UsageError(f"option adapter of mlx: {adapter!r} is no folder with an adapter_config.json of mlx-lm")
    tensors = checkpoint.tensors()
    needed = bytes_in(tensors, DTYPES[dtype]) if dtype else sum(tensor.n_bytes for tensor in tensors)
    free = free_bytes()
    if needed > SHARE_OF_MEMORY * free:
        raise UsageError(
            f"the weights of {checkpoint.name} take {needed / 2**30:.1f} GiB and {free / 2**30:.1f} GiB of memory are "
            "free: take a quantised version of it"
        )


def load(checkpoint: Checkpoint, dtype: str, adapter: str) -> Loaded:
    """The model in memory, its rotary embedding checked. Call it in the thread that will use it."""
    changes, notes = rope.mended(checkpoint.config)
    try:
        model, config = load_model(checkpoint.folder, lazy=True, model_config=changes)
        notes += rope.check(model, config, checkpoint.name)
        _check_batching(model, checkpoint.name)
        count = active_parameters(model, checkpoint.text_config)
        if dtype:
            _cast(model, getattr(mx, dtype))
        if adapter:
            load_adapters(model, str(Path(adapter).expanduser()))
            model.eval()
        mx.eval(model.parameters())
    except UsageError:
        raise
    except (Exception, SystemExit) as error:  # each architecture raises what it likes, and mlx-lm's olmo exits
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise UsageError(f"mlx-lm cannot load {checkpoint.name}: {reason}") from error
    if not all(map(_can_be_cut, make_prompt_cache(model))):
        notes += (CANNOT_BE_CUT,)
    vocabulary = config.get("vocab_size") or checkpoint.text_config.get("vocab_size")
    return Loaded(Float32Logits(model), int(vocabulary or 0), count, notes, free_bytes())


def is_quantised(config: dict[str, Any]) -> bool:
    """Whether the weights are packed."""
    return bool(config.get("quantization") or config.get("quantization_config"))


def free_bytes() -> int:
    """Memory that can be taken: what the machine and its control groups leave, or Metal's recommended working set."""
    recommended = mx.device_info().get("max_recommended_working_set_size")
    if recommended is not None:
        return int(recommended) - mx.get_active_memory()
    free = free_host_bytes()
    return 1 << 62 if free is None else free  # not known: let it try


def active_parameters(model: Any, config: dict[str, Any]) -> int:
    """Weights that take part in one token: no input embedding that is only looked up, of experts only those used."""
    from mlx.utils import tree_flatten

    experts = next((config[k] for k in ("num_experts", "num_local_experts", "n_routed_experts") if config.get(k)), 0)
    share = (config.get("num_experts_per_tok") or experts) / experts if experts else 1.0
    leaves: Any = tree_flatten(model.leaf_modules(), is_leaf=lambda node: hasattr(node, "parameters"))
    has_own_output = any(path.endswith("lm_head") for path, _ in leaves)
    total = 0.0
    for path, module in leaves:
        if path.endswith("embed_tokens") and has_own_output:
            continue
        bits = getattr(module, "bits", 0)
        weights: Any = tree_flatten(module.parameters())
        for name, values in weights:
            if bits and name in ("scales", "biases"):
                continue
            size = values.size * 32 // bits if bits and name == "weight" else values.size
            total += size * (share if "Switch" in type(module).__name__ else 1.0)
    return round(total)


def _can_be_cut(layer: Any) -> bool:
    """Whether a cache can be cut back to any length, however full it is."""
    if isinstance(layer, CacheList):
        return all(map(_can_be_cut, layer.caches))
    return bool(layer.is_trimmable()) and not hasattr(layer, "max_size")


def _check_batching(model: Any, name: str) -> None:
    cannot = sorted({type(layer).__name__ for layer in make_prompt_cache(model) if not hasattr(layer, "merge")})
    if cannot:
        raise UsageError(
            f"mlx-lm cannot batch the cache of {name} ({', '.join(cannot)}); use transformers:FOLDER or a GGUF of it"
        )


def _cast(model: Any, dtype: mx.Dtype) -> None:
    from mlx.utils import tree_map_with_path

    may_cast = getattr(model, "cast_predicate", lambda _: True)

    def cast(path: str, values: mx.array) -> mx.array:
        return values.astype(dtype) if may_cast(path) and mx.issubdtype(values.dtype, mx.floating) else values

    model.update(tree_map_with_path(cast, model.parameters()))
