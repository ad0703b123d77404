"""Which engine a model runs on: rows of all lengths at once where that is exact, one by one where it is not.

What a configuration says of its layers is read first; then the model itself decides. A few tokens go through it as
transformers runs it and as `RaggedEngine` does, in pieces, forked and in company, and where the logits differ by more
than rounding the plain engine is taken, and `ModelInfo.notes` says why.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

from thinkcurve.backend import Continuation, Request
from thinkcurve_backends.transformers.options import Options, free_bytes
from thinkcurve_backends.transformers.plain import PlainEngine
from thinkcurve_backends.transformers.prefix import PrefixStore
from thinkcurve_backends.transformers.ragged import NAME, RaggedEngine, attend
from thinkcurve_backends.transformers.rows import Engine, Row

if TYPE_CHECKING:
    import torch

KNOWN_LAYERS = ("full_attention", "sliding_attention", "attention")
CHANGING_ROPES = ("dynamic", "longrope")
"""Rotary embeddings whose angles change for all tokens once any sequence passes the original context."""
UNBOUNDED = 2**31
TEST_TOKENS = 40
LOOSE = 0.15
TOLERANCE = {"float32": 0.01, "bfloat16": LOOSE, "float16": 0.1}
"""The norm of the difference of logits to that of the logits, by dtype; the loosest where weights are quantised.

Rounding is a tenth of it. Attention that ours does not foresee came out at 0.25 (ALiBi) and 1.5 (Mamba), in float32."""


def choose_engine(
    model: Any, config: dict[str, Any], options: Options, device: torch.device, context: int | None
) -> tuple[Engine, str]:
    """The engine, and why it is the plain one; empty where it is not."""
    n_vocabulary = model.get_input_embeddings().weight.shape[0]
    why = _obstacle(config, context)
    if not why:
        kernel = options.attention or "sdpa"
        store = PrefixStore(0)
        ragged = RaggedEngine(model, device, store, context or UNBOUNDED, kernel=kernel)
        why = _differs(model, ragged, n_vocabulary)
        if not why:
            store.max_bytes = cache_bytes(options, device)
            _compile(model, options)
            return ragged, ""
    _compile(model, options)
    return PlainEngine(model, device), why


def cache_bytes(options: Options, device: torch.device) -> int:
    """What may be kept of finished sequences."""
    if options.cache_gib >= 0:
        return int(options.cache_gib * 2**30)
    return (free_bytes(device) or 4 * 2**30) // 4


def _obstacle(config: dict[str, Any], context: int | None) -> str:
    strange = sorted({str(kind) for kind in config.get("layer_types") or ()} - set(KNOWN_LAYERS))
    if strange:
        return f"it has layers of kind {', '.join(strange)}"
    rope = config.get("rope_parameters") or config.get("rope_scaling") or {}
    kind = rope.get("rope_type") or rope.get("type")
    original = rope.get("original_max_position_embeddings") or config.get("original_max_position_embeddings")
    if kind in CHANGING_ROPES and (context is None or not original or context > original):
        return f"its rotary embedding ({kind}) changes beyond {original} tokens; a context_tokens up to that avoids it"
    return ""


def _differs(model: Any, engine: RaggedEngine, n_vocabulary: int) -> str:
    """Why the ragged engine cannot be taken, with the model left as it was then; empty where it can."""
    import torch
    from transformers import AttentionInterface

    not_compiled: Any = torch.compiler.disable
    AttentionInterface.register(NAME, not_compiled(attend))
    before = model.config._attn_implementation
    numbers = random.Random(0)
    ids = [numbers.randrange(n_vocabulary) for _ in range(TEST_TOKENS)]
    fork = [*ids[:20], *reversed(ids[20:])]
    try:
        with torch.inference_mode():
            own = [_last_logits(model, tokens, engine.device) for tokens in (ids, fork)]
            model.set_attn_implementation(NAME)
            ours = _in_company(engine, ids, fork)
        is_quantized = getattr(model, "hf_quantizer", None) is not None
        limit = LOOSE if is_quantized else TOLERANCE.get(str(model.dtype).removeprefix("torch."), LOOSE)
        apart = max(float((o - w).norm() / w.norm()) for o, w in zip(ours, own, strict=True))
        why = "" if apart <= limit else f"its attention is one of its own (logits {apart:.2g} apart)"
    except Exception as error:  # whatever a model does that ours does not foresee
        why = f"its attention cannot be taken over ({type(error).__name__}: {' '.join(str(error).split())[:120]})"
    finally:
        engine.close()
        engine.n_forward_tokens = 0
    if why:
        model.set_attn_implementation(before)
    return why


def _last_logits(model: Any, ids: list[int], device: torch.device) -> torch.Tensor:
    import torch

    logits: torch.Tensor = model(input_ids=torch.tensor([ids], device=device), use_cache=False).logits
    return logits[0, -1].float()


def _in_company(engine: RaggedEngine, ids: list[int], fork: list[int]) -> list[torch.Tensor]:
    """The last logits of two sequences: one read in pieces and token by token, the other forked from it beside it."""
    rows = [Row(Request(Continuation(()), 1), [*tokens], 1, random.Random(0)) for tokens in (ids, fork)]
    first, second = rows
    engine.place(first)
    engine.step([(first, TEST_TOKENS - 8)])
    engine.place(second)
    found: dict[int, torch.Tensor] = {}
    while any(row.n_pending for row in rows):
        work = [(first, 1)] if first.n_pending else []
        if second.n_pending:
            work.append((second, 3 if second.n_pending > 3 else 1))
        finished, logits = engine.step(work)
        for number, row in enumerate(finished):
            assert logits is not None
            found[id(row)] = logits[number].float()
    return [found[id(row)] for row in rows]


def _compile(model: Any, options: Options) -> None:
    if options.compile:
        model.compile(dynamic=True)
