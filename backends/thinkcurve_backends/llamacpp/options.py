"""What a user can set of llama.cpp, under ``model_options`` in a study or as ``--model-option NAME=VALUE``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from thinkcurve_backends import options as plain
from thinkcurve_backends.options import ThinkingOptions


@dataclass(frozen=True, slots=True)
class Options(ThinkingOptions):
    """A model in this process.

    ``slots`` requests run at once, each with ``context_tokens`` (0: the model's own, at most 8,192). ``threads`` 0
    is half of the CPUs that this process may use: spinning threads on a busy machine cost more than they give; the
    most is four for each of those CPUs. ``fast_attention`` takes flash attention and a float16 KV cache, which is
    half as large, but rounding then differs a little more between batches. ``cache_type`` is the kind of KV cache
    (f32, f16, bf16, q8_0, q4_0, ...; the quantised ones only with fast_attention).

    With a build of xllamacpp that can use graphics cards: ``gpu_layers`` -1 leaves their number to it, ``main_gpu``
    is the card for what is not shared out, ``split_mode`` (layer, row, none) and ``tensor_split`` (shares such as
    ``3,1``) say how the rest is. ``lora`` is an adapter in GGUF, applied with ``lora_scale``. ``any_size`` loads a
    model that seems too large for the memory.
    """

    slots: int = 4
    threads: int = 0
    context_tokens: int = 0
    fast_attention: bool = False
    gpu_layers: int = -1
    cache_type: str = ""
    main_gpu: int = 0
    split_mode: str = "layer"
    tensor_split: str = ""
    lora: str = ""
    lora_scale: float = 1.0
    any_size: bool = False


@dataclass(frozen=True, slots=True)
class RemoteOptions(ThinkingOptions):
    """A running llama-server, which has its own settings for the rest.

    ``slots`` requests are open at once (0: as many as the server has slots), ``context_tokens`` bounds each (0: the
    server's own). A server that does not even say that it is alive for ``timeout_s`` is given up.
    """

    slots: int = 0
    context_tokens: int = 0
    timeout_s: float = 60.0


LEAST = {"slots": 1, "threads": 0, "context_tokens": 0, "gpu_layers": -1, "main_gpu": 0}


def read_options(options: Mapping[str, Any], defaults: Options | None = None) -> Options:
    """Options from plain values; an unknown name or a wrong type is a `UsageError`."""
    return plain.read_options("llamacpp", options, defaults or Options(), LEAST)


def read_remote_options(options: Mapping[str, Any]) -> RemoteOptions:
    """The same for a server."""
    least = {"slots": 0, "context_tokens": 0, "timeout_s": 0.1}
    return plain.read_options("a llamacpp server", options, RemoteOptions(), least)
