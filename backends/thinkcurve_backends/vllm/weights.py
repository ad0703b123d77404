"""What alters the weights that vLLM reads, checked before its start, which takes minutes.

An adapter, or a quantisation while loading, makes another model: it enters the fingerprint.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from thinkcurve.errors import UsageError
from thinkcurve_backends.checkpoint import Checkpoint
from thinkcurve_backends.llamacpp.header import fingerprint
from thinkcurve_backends.safetensors_header import read_tensors

RANKS = (8, 16, 32, 64, 128, 256, 320, 512)
"""Ranks of LoRA adapters that vLLM can be started for; those between are rounded up."""
READ_SAFETENSORS = ("safetensors", "fastsafetensors", "runai_streamer")
"""Ways of vLLM's to load that read what the fingerprint is of; the others read pickles, or nothing at all."""


@dataclass(frozen=True, slots=True)
class Adapter:
    """A LoRA adapter in a folder."""

    folder: Path
    rank: int
    """One of `RANKS`."""
    fingerprint: str


def open_adapter(text: str) -> Adapter | None:
    """The LoRA adapter in folder ``text``, ``None`` where that is empty; anything else is a `UsageError`."""
    if not text:
        return None
    folder = Path(text).expanduser().resolve()
    if not folder.is_dir():
        raise UsageError(f"adapter folder {text!r} does not exist")
    for name in ("adapter_config.json", "adapter_model.safetensors"):
        if not (folder / name).is_file():
            raise UsageError(f"{text!r} holds no LoRA adapter: {name} is not in it")
    rank = _rank(folder / "adapter_config.json")
    weights = folder / "adapter_model.safetensors"
    if not read_tensors(weights):
        raise UsageError(f"the LoRA adapter {str(weights)!r} holds no weights")
    return Adapter(folder, rank, fingerprint(weights))


def whole_fingerprint(checkpoint: Checkpoint, adapter: Adapter | None, quantization: str) -> str:
    """The fingerprint of the weights in use; the checkpoint's own where nothing alters them."""
    parts = [checkpoint.fingerprint(), *([adapter.fingerprint] if adapter else ()), *filter(None, [quantization])]
    return parts[0] if len(parts) == 1 else hashlib.sha256(" ".join(parts).encode()).hexdigest()[:16]


def notes_of(adapter: Adapter | None, quantization: str) -> tuple[str, ...]:
    """What alters the weights, for people."""
    notes = (f"with the LoRA adapter {adapter.folder.name}",) if adapter else ()
    return (*notes, f"its weights are taken with quantization {quantization}") if quantization else notes


def _rank(path: Path) -> int:
    """The largest rank that an adapter's configuration names, rounded up to one that vLLM takes."""
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UsageError(f"{str(path)!r} cannot be read as JSON: {error}") from error
    if not isinstance(config, dict):
        raise UsageError(f"{str(path)!r} holds no JSON object")
    kind = config.get("peft_type", "LORA")
    if kind != "LORA":
        raise UsageError(f"{str(path)!r}: the adapter is of kind {kind!r}; LoRA is what can be used")
    pattern = config.get("rank_pattern") or {}
    ranks = [config.get("r"), *(pattern.values() if isinstance(pattern, dict) else [pattern])]
    for rank in ranks:
        if not isinstance(rank, int) or isinstance(rank, bool) or not 0 < rank <= RANKS[-1]:
            raise UsageError(f"{str(path)!r}: the rank r is {rank!r}; vLLM takes whole numbers from 1 to {RANKS[-1]}")
    return next(step for step in RANKS if step >= max(ranks))
