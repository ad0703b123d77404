"""Rotary embeddings as config.json asks for them: mended before mlx-lm reads it, checked after it has.

transformers 5 writes ``rope_parameters``; several architectures of mlx-lm (0.32: llama, qwen2, ...) read only the older
``rope_theta`` and ``rope_scaling`` at the top and take 10000 where they are missing. Nothing fails then, the answers
are just worse. So the older keys are filled in from the newer one, and the frequencies of the loaded modules are
compared with those asked for.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import mlx.core as mx

from thinkcurve.errors import UsageError
from thinkcurve_backends.mlx.imports import initialize_rope

PLAIN = ("", "default", "mrope")
"""Kinds of scaling that leave the frequencies as they are."""
FULL, SLIDING = "full_attention", "sliding_attention"


def mended(config: Mapping[str, Any]) -> tuple[dict[str, Any], tuple[str, ...]]:
    """What to change in a config so that older readers see its ``rope_parameters``, and what to say of it."""
    inner = config.get("text_config")
    is_nested = isinstance(inner, dict) and "rope_parameters" in inner
    place: Mapping[str, Any] = inner if is_nested and isinstance(inner, dict) else config
    kinds = _kinds(place)
    if not kinds:
        return {}, ()
    main = kinds.get(FULL) or next(iter(kinds.values()))
    changes = _older_keys(main)
    if SLIDING in kinds and "rope_theta" in kinds[SLIDING]:
        changes["rope_local_base_freq"] = kinds[SLIDING]["rope_theta"]
    notes = tuple(
        f"config.json says {key} {place[key]} at its top and {value} in its newer rope_parameters, which is used"
        for key, value in changes.items()
        if isinstance(value, float | int) and isinstance(place.get(key), float | int) and place[key] != value
    )
    return ({"text_config": {**place, **changes}} if is_nested else changes), notes


def check(model: Any, config: Mapping[str, Any], name: str) -> tuple[str, ...]:
    """Compare the loaded model with its (mended) config; what could not be compared is said in the notes returned.

    Raises `UsageError` where a module turns by other frequencies than the config asks for.
    """
    inner = config.get("text_config")
    settings: Mapping[str, Any] = {**config, **inner} if isinstance(inner, dict) else config
    wanted = _wanted(settings)
    if not wanted:
        return ()
    ropes = [module for _, module in model.named_modules() if _is_rope(module)]
    unknown = (f"whether mlx-lm reads the rotary embedding of {name} rightly could not be checked",)
    if not ropes:
        return unknown
    bases = {float(value) for key, value in settings.items() if key.endswith(("rope_theta", "base_freq")) and value}
    bases |= {float(theta) for theta, _ in wanted}
    unmet = set(range(len(wanted)))
    for rope in ropes:
        found = frequencies(rope)
        _check_width(2 * found.size, settings, name)
        try:
            asked = [_expected(theta, scaling, 2 * found.size, settings) for theta, scaling in wanted]
        except (KeyError, TypeError, ValueError):  # settings that only the architecture's own code knows
            return unknown
        met = {place for place, values in enumerate(asked) if _are_equal(found, values)}
        plain = (_expected(base, None, 2 * found.size, settings) for base in bases)
        if not met and not any(_are_equal(found, values) for values in plain):
            raise UsageError(_refusal(name, wanted[0][0], getattr(rope, "base", None)))
        unmet -= met
    if unmet:
        raise UsageError(_refusal(name, wanted[min(unmet)][0], getattr(ropes[0], "base", None)))
    return ()


def frequencies(rope: Any) -> mx.array:
    """Wavelengths over 2 pi of each pair of dimensions, whatever class of mlx-lm the module is of."""
    if "_freqs" in vars(rope) or "_freqs" in rope:
        return mx.array(rope._freqs).astype(mx.float32)
    turned: mx.array = rope.base ** (mx.arange(0, rope.dims, 2, dtype=mx.float32) / rope.dims) / getattr(
        rope, "scale", 1.0
    )
    return turned


def _kinds(settings: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """``rope_parameters`` by kind of layer; one kind without a name where all layers are alike."""
    parameters = settings.get("rope_parameters")
    if not isinstance(parameters, dict) or not parameters:
        return {}
    if all(isinstance(value, dict) for value in parameters.values()):
        used = settings.get("layer_types") or parameters
        return {kind: value for kind, value in parameters.items() if value and kind in used}
    return {"": parameters}


def _older_keys(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """One set of ``rope_parameters`` in the words that readers of older files know."""
    kind = parameters.get("rope_type", parameters.get("type", "default"))
    changes: dict[str, Any] = {}
    if "rope_theta" in parameters:
        changes["rope_theta"] = changes["rotary_emb_base"] = parameters["rope_theta"]
    if "partial_rotary_factor" in parameters:
        changes["partial_rotary_factor"] = changes["rotary_pct"] = parameters["partial_rotary_factor"]
    if "original_max_position_embeddings" in parameters:
        changes["original_max_position_embeddings"] = parameters["original_max_position_embeddings"]
    scaling = {key: value for key, value in parameters.items() if key != "rope_theta"}
    changes["rope_scaling"] = None if kind in PLAIN else {**scaling, "rope_type": kind, "type": kind}
    return changes


def _wanted(settings: Mapping[str, Any]) -> list[tuple[float, Mapping[str, Any] | None]]:
    """Base and scaling of each kind of layer; empty where the config says nothing of a base."""
    found = []
    for parameters in _kinds(settings).values():
        older = _older_keys(parameters)
        found.append((older.get("rope_theta", settings.get("rope_theta")), older["rope_scaling"]))
    if not found:
        found.append((settings.get("rope_theta", settings.get("rotary_emb_base")), settings.get("rope_scaling")))
    return [(float(theta), scaling) for theta, scaling in found if theta]


def _is_rope(module: Any) -> bool:
    name = type(module).__name__
    return ("RoPE" in name or "Rotary" in name) and (hasattr(module, "_freqs") or hasattr(module, "base"))


def _expected(theta: float, scaling: Any, dims: int, settings: Mapping[str, Any]) -> mx.array:
    kind = (scaling or {}).get("type") or (scaling or {}).get("rope_type") or "default"
    chosen = None if kind in PLAIN else {**scaling, "type": "longrope" if kind == "su" else kind}
    positions = settings.get("max_position_embeddings")
    return frequencies(initialize_rope(dims, theta, False, chosen, positions))


def _are_equal(one: mx.array, other: mx.array) -> bool:
    return one.shape == other.shape and bool(mx.allclose(one, other, rtol=1e-4, atol=0).item())


def _check_width(dims: int, settings: Mapping[str, Any], name: str) -> None:
    """Where only a part of each head is turned, it is as wide as config.json says (mlx-lm's glm turns all)."""
    kinds: list[Mapping[str, Any]] = [*_kinds(settings).values()] or [settings]
    shares = {parameters.get("partial_rotary_factor") or 1.0 for parameters in kinds}
    is_special = any(parameters.get("rope_type") == "proportional" for parameters in kinds)
    if shares == {1.0} or is_special or "qk_rope_head_dim" in settings:
        return
    heads = settings.get("num_attention_heads")
    width = settings.get("head_dim") or (settings["hidden_size"] // heads if heads else None)
    if width and dims not in {int(width * share) for share in shares}:
        raise UsageError(
            f"mlx-lm turns {dims} dimensions of each head of {name}, and its config.json asks for "
            f"{int(width * min(shares))}: its answers would be wrong; use transformers:FOLDER, or a newer mlx-lm"
        )


def _refusal(name: str, wanted: float, found: float | None) -> str:
    read = f"with base {found:g}" if found else "with other frequencies"
    return (
        f"mlx-lm reads the rotary embedding of {name} {read}, and its config.json asks for base {wanted:g} or another "
        "scaling: its answers would be wrong; use transformers:FOLDER, or a newer mlx-lm"
    )
