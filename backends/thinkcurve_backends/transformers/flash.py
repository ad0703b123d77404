"""Attention by flash-attn's kernels, for GPUs and where ``attention=flash_attention_2`` asks for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

    from thinkcurve_backends.transformers.ragged import Rule


def flash_singles(
    query: torch.Tensor,
    keys: torch.Tensor,
    values: torch.Tensor,
    slots: torch.Tensor,
    lengths: torch.Tensor,
    rule: Rule,
) -> torch.Tensor:
    """One token a row by flash-attn's kernel for caches, which reads each row over its own length."""
    from flash_attn import flash_attn_with_kvcache  # pyright: ignore[reportMissingImports] - an extra of the user's

    out: torch.Tensor = flash_attn_with_kvcache(
        query.unsqueeze(1),
        keys.transpose(1, 2),
        values.transpose(1, 2),
        cache_seqlens=(lengths + 1).int(),
        cache_batch_idx=slots.int(),
        **_flash_rule(rule),
    )
    return out.squeeze(1)


def flash_chunk(query: torch.Tensor, keys: torch.Tensor, values: torch.Tensor, rule: Rule) -> torch.Tensor:
    """Several tokens of one row, each seeing those up to itself."""
    from flash_attn import flash_attn_func  # pyright: ignore[reportMissingImports] - an extra of the user's

    given = (tensor.transpose(1, 2) for tensor in (query, keys, values))
    out: torch.Tensor = flash_attn_func(*given, **_flash_rule(rule))
    return out.transpose(1, 2)


def _flash_rule(rule: Rule) -> dict[str, Any]:
    if rule.sinks is not None:
        raise NotImplementedError("flash-attn knows no attention sinks; use attention=eager")
    window = (rule.window - 1, 0) if rule.window else (-1, -1)
    return {"softmax_scale": rule.scale, "causal": True, "window_size": window, "softcap": rule.softcap}
