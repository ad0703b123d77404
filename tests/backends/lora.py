"""LoRA adapters of the tiny model as folders, as PEFT writes them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

WIDTH = 128


def write_lora(folder: Path, *, seed: int = 1, width: int = WIDTH, **config: Any) -> Path:
    """An adapter of the first layer's attention with random weights; ``config`` alters its configuration."""
    from safetensors.numpy import save_file

    rank = 4
    draw = np.random.default_rng(seed)
    name = "base_model.model.model.layers.0.self_attn.o_proj.lora_{}.weight"
    weights = {
        name.format("A"): draw.normal(0, 1, (rank, width)).astype(np.float32),
        name.format("B"): draw.normal(0, 1, (width, rank)).astype(np.float32),
    }
    folder.mkdir(parents=True, exist_ok=True)
    save_file(weights, folder / "adapter_model.safetensors", metadata={"format": "pt"})
    known = {"peft_type": "LORA", "r": rank, "lora_alpha": 8, "target_modules": ["o_proj"], "task_type": "CAUSAL_LM"}
    (folder / "adapter_config.json").write_text(json.dumps({**known, **config}))
    return folder
