"""Whether a model fits this machine, asked before it is loaded: llama.cpp itself dies where memory runs out.

A lower bound is compared, so that nothing is refused that would have worked. Weights are mapped and may exceed what
is free a little; the KV cache is not and may not. Graphics memory is llama.cpp's own business.
"""

from __future__ import annotations

from typing import Any

from thinkcurve.errors import UsageError
from thinkcurve_backends.llamacpp.file import GgufFile
from thinkcurve_backends.llamacpp.header import Header

CACHE_BYTES = {
    "f32": 4.0,
    "f16": 2.0,
    "bf16": 2.0,
    "q8_0": 34 / 32,
    "q5_1": 24 / 32,
    "q5_0": 22 / 32,
    "q4_1": 20 / 32,
    "q4_0": 18 / 32,
    "iq4_nl": 18 / 32,
}
"""Bytes a value in each kind of KV cache that llama.cpp can keep."""
SLACK = 1.1
"""How much of the free memory mapped weights may take: a tenth more than there is still runs, only slowly."""
SMALLER_CACHE = ("attention.sliding_window", "attention.kv_lora_rank", "ssm.state_size", "wkv.head_size")
"""Architectures with any of these keep less than a value of every head for every token; their cache is not counted."""


def check_fits(file: GgufFile, slots: int, context: int, cache_type: str, free: int | None) -> None:
    """Refuse a model that cannot fit into ``free`` bytes; ``None`` is unknown, and then nothing is refused."""
    weights = file.n_bytes
    cache = cache_bytes(file.header, slots * padded(context), cache_type)
    if free is None or (cache <= free and weights + cache <= free * SLACK):
        return
    raise UsageError(
        f"{file.path.name} does not fit into memory: weights of {_gb(weights)} and a KV cache of {_gb(cache)} ({slots} "
        f"slots of {context} tokens) where {_gb(free)} are free; take fewer slots, a smaller context_tokens or a "
        "smaller quantisation, or load it all the same with --model-option any_size=true"
    )


def cache_bytes(header: Header, n_tokens: int, cache_type: str) -> int:
    """The least that the KV cache of so many tokens takes."""
    if any(header.of_architecture(key) for key in SMALLER_CACHE):
        return 0
    layers, width = header.of_architecture("block_count"), header.of_architecture("embedding_length")
    heads = header.of_architecture("attention.head_count")
    if not (isinstance(layers, int) and isinstance(width, int) and heads):
        return 0
    all_heads = _per_layer(heads, layers)
    kept = _per_layer(header.of_architecture("attention.head_count_kv") or heads, layers)
    head_width = width // max(1, *all_heads)
    values = (header.of_architecture("attention.key_length") or head_width) + (
        header.of_architecture("attention.value_length") or head_width
    )
    return int(sum(kept) * values * n_tokens * CACHE_BYTES[cache_type])


def padded(context: int) -> int:
    """The tokens that a slot really gets: llama.cpp rounds up to 256."""
    return -(-context // 256) * 256


def _per_layer(value: Any, layers: int) -> list[int]:
    return [int(v) for v in value] if isinstance(value, list) else [int(value)] * layers


def _gb(n_bytes: int) -> str:
    return f"{n_bytes / 1e9:.1f} GB" if n_bytes >= 1e8 else f"{n_bytes / 1e6:.1f} MB"
