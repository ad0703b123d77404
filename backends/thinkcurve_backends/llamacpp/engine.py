"""llama.cpp loaded into this process: its parameters from our options, and the server that answers on loopback."""

from __future__ import annotations

import os
import secrets
from typing import Any

from thinkcurve.errors import UsageError
from thinkcurve_backends.llamacpp.file import GgufFile
from thinkcurve_backends.llamacpp.memory import CACHE_BYTES, padded
from thinkcurve_backends.llamacpp.options import Options
from thinkcurve_backends.llamacpp.wire import Loopback

INSTALL = "this model needs llama.cpp: pip install 'xllamacpp>=2026.8'"
MOST_THREADS_PER_CPU = 4
"""More only take turns, and far more end the process: OpenMP exits where the system gives it no further thread."""
LARGEST_SPLIT = 128
"""Graphics cards that llama.cpp has room for."""
_SPLIT_MODES = {"layer": "LLAMA_SPLIT_MODE_LAYER", "row": "LLAMA_SPLIT_MODE_ROW", "none": "LLAMA_SPLIT_MODE_NONE"}


def start(file: GgufFile, options: Options, context: int, armed_by: str) -> tuple[Any, Loopback]:
    """The running engine, which lives as long as it is held, and the way to it."""
    xllamacpp = _import()
    key = secrets.token_hex(16)
    params = parameters(file, options, context, armed_by, key)
    try:
        server = xllamacpp.Server(params)
        # Warms up, and waits for the engine's loop: a server let go before it runs never ends its thread.
        server.handle_completions({"prompt": [0], "max_tokens": 1})
        return server, Loopback(server.listening_address, key)
    except RuntimeError as error:
        raise UsageError(
            f"llama.cpp cannot load {str(file.path)!r}: its architecture may be newer than xllamacpp {version()}, the "
            f"file or its LoRA adapter damaged, or the memory too small for {options.slots} slots of {context} tokens"
        ) from error


def parameters(file: GgufFile, options: Options, context: int, armed_by: str, key: str) -> Any:
    """xllamacpp's parameters.

    ``armed_by`` is read by its reasoning budget as if it had just been generated, see `budget`.
    """
    xllamacpp = _import()
    params = xllamacpp.CommonParams()
    threads = options.threads or max(1, _n_cpus() // 2)
    params.model.path = str(file.path)
    params.n_ctx = options.slots * padded(context)
    params.n_parallel = options.slots
    params.n_threads_http = options.slots + 4
    params.n_gpu_layers = options.gpu_layers
    params.main_gpu = options.main_gpu
    params.split_mode = getattr(xllamacpp.llama_split_mode, _SPLIT_MODES[options.split_mode])
    if options.tensor_split:
        shares = shares_of(options.tensor_split)
        params.tensor_split = [*shares, *[0.0] * (LARGEST_SPLIT - len(shares))]
    if options.lora:
        adapter = xllamacpp.CommonAdapterLoraInfo()
        adapter.path, adapter.scale = options.lora, options.lora_scale
        params.lora_adapters = [adapter]
    params.cpuparams.n_threads = threads
    params.cpuparams_batch.n_threads = threads
    params.api_keys = [key]
    params.special = True  # markers stand in the text, as they do in what the tokenizer decodes
    params.verbosity = -1
    params.warmup = False
    params.fit_params = False
    params.ctx_shift = False
    params.cache_ram_mib = 0
    params.kv_unified = False
    params.no_extra_bufts = True
    if hasattr(params.sampling, "generation_prompt"):  # older builds have no budget of this kind, and then no control
        params.sampling.generation_prompt = armed_by
    attention = xllamacpp.llama_flash_attn_type
    params.flash_attn_type = (
        attention.LLAMA_FLASH_ATTN_TYPE_ENABLED if options.fast_attention else attention.LLAMA_FLASH_ATTN_TYPE_DISABLED
    )
    kind = getattr(xllamacpp.ggml_type, f"GGML_TYPE_{cache_type(options).upper()}")
    params.cache_type_k = params.cache_type_v = kind
    return params


def check(options: Options) -> None:
    """Refuse what llama.cpp would only refuse while loading, or not at all."""
    kind = cache_type(options)
    if kind not in CACHE_BYTES:
        raise UsageError(f"option cache_type of llamacpp is {options.cache_type!r}; it can be {', '.join(CACHE_BYTES)}")
    if CACHE_BYTES[kind] < CACHE_BYTES["f16"] and not options.fast_attention:
        raise UsageError(f"option cache_type={kind} of llamacpp needs fast_attention=true: llama.cpp has it only there")
    if options.split_mode not in _SPLIT_MODES:
        raise UsageError(
            f"option split_mode of llamacpp is {options.split_mode!r}; it can be {', '.join(_SPLIT_MODES)}"
        )
    most = MOST_THREADS_PER_CPU * _n_cpus()
    if options.threads > most:
        raise UsageError(f"option threads of llamacpp is {options.threads}; the most is {most}, for {_n_cpus()} CPUs")
    shares_of(options.tensor_split)


def cache_type(options: Options) -> str:
    """The kind of KV cache that the options stand for."""
    return options.cache_type.lower() or ("f16" if options.fast_attention else "f32")


def shares_of(text: str) -> list[float]:
    """``"3,1"`` as numbers: how the weights are shared out to graphics cards."""
    try:
        shares = [float(part) for part in text.split(",")] if text else []
    except ValueError:
        shares = [-1.0]
    if any(not 0 <= share < float("inf") for share in shares) or len(shares) > LARGEST_SPLIT:
        raise UsageError(f"option tensor_split of llamacpp is {text!r}; it is written as shares, such as 3,1")
    return shares


def devices() -> list[str]:
    """The graphics cards that this build of llama.cpp can use."""
    kinds = _import().ggml_backend_dev_type
    passive = (kinds.GGML_BACKEND_DEVICE_TYPE_CPU, kinds.GGML_BACKEND_DEVICE_TYPE_ACCEL)
    return [str(found["description"]) for found in _import().get_device_info() if found["type"] not in passive]


def version() -> str:
    """The version of xllamacpp."""
    from importlib.metadata import version

    return version("xllamacpp")


def _import() -> Any:
    try:
        import xllamacpp
    except ModuleNotFoundError as error:
        raise UsageError(INSTALL) from error
    return xllamacpp


def _n_cpus() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
