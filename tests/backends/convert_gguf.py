"""Writes a Llama checkpoint (Hugging Face folder) as GGUF in any kind that the ``gguf`` package can quantise to.

For tests that compare engines on the same numbers. As a script: ``python convert_gguf.py FOLDER FILE.gguf [KIND]``.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import gguf
import numpy as np
from gguf import GGMLQuantizationType, LlamaFileType, TokenType
from safetensors.numpy import load_file

NAMES = {
    "input_layernorm": "attn_norm",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "post_attention_layernorm": "ffn_norm",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}
FILE_TYPES = {"f32": LlamaFileType.ALL_F32} | {
    kind: LlamaFileType[f"MOSTLY_{kind.upper()}"] for kind in ("f16", "bf16", "q8_0", "q5_0", "q5_1", "q4_0", "q4_1")
}


def write_gguf(folder: Path, path: Path, kind: str = "f16", *, most_tensors: int = 0) -> Path:
    """The checkpoint in ``folder`` as one GGUF file, or as parts of at most ``most_tensors`` tensors each.

    Matrices are written as ``kind``, vectors as float32. Returns the first file.
    """
    config = json.loads((folder / "config.json").read_text())
    heads = config["num_attention_heads"]
    writer = gguf.GGUFWriter(path, "llama", split_max_tensors=most_tensors)
    writer.add_name(folder.name)
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(heads)
    writer.add_head_count_kv(config["num_key_value_heads"])
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    writer.add_rope_dimension_count(config["hidden_size"] // heads)
    writer.add_rope_freq_base(config["rope_parameters"]["rope_theta"])
    writer.add_vocab_size(config["vocab_size"])
    writer.add_file_type(FILE_TYPES[kind])
    _add_vocabulary(writer, folder, config)
    for name, values in load_file(folder / "model.safetensors").items():
        if not (config["tie_word_embeddings"] and name == "lm_head.weight"):
            _add(writer, _name(name), _paired(name, values.astype(np.float32), config), kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path if not most_tensors else sorted(path.parent.glob(f"{path.stem}-00001-of-*.gguf"))[0]


def smollm2_gguf_f16(folder: Path, path: Path) -> Path:
    """SmolLM2 from its folder (`checkpoints.smollm2_folder`) in float16."""
    return write_gguf(folder, path, "f16")


def _add(writer: gguf.GGUFWriter, name: str, values: np.ndarray, kind: str) -> None:
    chosen = GGMLQuantizationType[kind.upper()] if values.ndim > 1 else GGMLQuantizationType.F32
    writer.add_tensor(name, gguf.quants.quantize(values, chosen), raw_dtype=chosen)


def _name(name: str) -> str:
    plain = {"model.embed_tokens.weight": "token_embd.weight", "model.norm.weight": "output_norm.weight"}
    if name in plain or name == "lm_head.weight":
        return plain.get(name, "output.weight")
    _, _, layer, part = name.removesuffix(".weight").split(".", 3)
    return f"blk.{layer}.{NAMES[part]}.weight"


def _paired(name: str, values: np.ndarray, config: dict[str, Any]) -> np.ndarray:
    """Hugging Face pairs the two halves of rotary dimensions, llama.cpp neighbours."""
    for part, count in (("q_proj", "num_attention_heads"), ("k_proj", "num_key_value_heads")):
        if part in name:
            rows, columns = values.shape
            heads = config[count]
            values = values.reshape(heads, 2, rows // heads // 2, columns).swapaxes(1, 2).reshape(rows, columns)
    return np.ascontiguousarray(values)


def _add_vocabulary(writer: gguf.GGUFWriter, folder: Path, config: dict[str, Any]) -> None:
    state = json.loads((folder / "tokenizer.json").read_text())
    settings = json.loads((folder / "tokenizer_config.json").read_text())
    tokens = {index: (token, TokenType.NORMAL) for token, index in state["model"]["vocab"].items()}
    for added in state["added_tokens"]:
        tokens[added["id"]] = (added["content"], TokenType.CONTROL if added["special"] else TokenType.USER_DEFINED)
    ordered = [tokens.get(index, (f"[PAD{index}]", TokenType.UNUSED)) for index in range(config["vocab_size"])]
    ids = {token: index for index, (token, _) in tokens.items()}
    merges = [merge if isinstance(merge, str) else " ".join(merge) for merge in state["model"]["merges"]]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(_splitting(json.dumps(state["pre_tokenizer"])))
    writer.add_token_list([token for token, _ in ordered])
    writer.add_token_types([kind for _, kind in ordered])
    writer.add_token_merges(merges)
    for name, add in (
        ("bos_token", writer.add_bos_token_id),
        ("eos_token", writer.add_eos_token_id),
        ("pad_token", writer.add_pad_token_id),
    ):
        if settings.get(name) in ids:
            add(ids[settings[name]])
    writer.add_add_bos_token(False)
    template = folder / "chat_template.jinja"
    writer.add_chat_template(template.read_text() if template.exists() else settings["chat_template"])


def _splitting(pre_tokenizer: str) -> str:
    """llama.cpp's name for how text is split before merging.

    SmolLM splits digits one by one, but transformers 5.23 loses that when it reads a GGUF file and splits as GPT-2;
    the ids are to be those of the folder.
    """
    if "Digits" in pre_tokenizer:
        return "smollm"
    return "llama-bpe" if '"Split"' in pre_tokenizer else "gpt-2"


if __name__ == "__main__":
    print(write_gguf(Path(sys.argv[1]), Path(sys.argv[2]), *sys.argv[3:4]))
