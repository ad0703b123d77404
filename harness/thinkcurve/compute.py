"""The ledger: what an attempt costs, in tokens and FLOPs, alone and as spent.

*Alone* is what a point would cost if one ran only it: prompt, thinking up to the cut and answer. *Spent* is what
a shared run really used. What is not known is ``None``, never a default.
"""

from __future__ import annotations

from thinkcurve.backend import ModelInfo


def flops(model: ModelInfo, n_tokens: int, *, already_computed: int = 0) -> float | None:
    """Floating-point operations to run a decoder over ``n_tokens`` positions, or ``None`` for an unknown model.

    Position ``t`` costs ``2 (N + 2 L d t)``: two operations a weight for ``N`` active parameters, and for each
    of ``L`` layers of width ``d`` the scores and the weighted sum over ``t`` earlier positions. Summed over
    positions ``already_computed .. n_tokens - 1``; the earlier ones came from a KV cache. This is the estimate
    of Kaplan et al. 2020 (arXiv 2001.08361, table 1) for the forward pass.
    """
    if model.active_parameters is None or model.layers is None or model.width is None:
        return None
    span = n_tokens - already_computed
    context_sum = (n_tokens * (n_tokens - 1) - already_computed * (already_computed - 1)) / 2
    return 2.0 * (model.active_parameters * span + 2 * model.layers * model.width * context_sum)
