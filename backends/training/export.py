"""Write a trained checkpoint as the files that engines load: ``python -m training.export CHECKPOINT FOLDER``.

A Hugging Face folder (safetensors, config, tokenizer with chat template) and one GGUF file, all in float32 so
that every engine computes with the same numbers.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import gguf
import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file

from training import tokenizer
from training.model import NORM_EPS, ROPE_THETA, Llama, Shape
from training.train import Trainer

NAME = "thinkcurve-tiny"
GGUF_NAMES = {
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


def export(model: Llama, folder: Path) -> None:
    """Write every file into ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    weights = {f"model.{name}": p.detach().contiguous() for name, p in model.named_parameters()}
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    tokenizer.shared().save(str(folder / "tokenizer.json"))
    for name, content in (
        ("config.json", config(model.shape)),
        ("tokenizer_config.json", tokenizer_config(model.shape)),
        ("generation_config.json", generation_config()),
    ):
        (folder / name).write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n")
    write_gguf(model, folder / f"{NAME}.gguf")


def config(shape: Shape) -> dict[str, object]:
    """What transformers, vLLM and MLX read; ``rope_theta`` also at the top, where MLX looks for it."""
    return {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "vocab_size": shape.vocabulary,
        "hidden_size": shape.width,
        "intermediate_size": shape.feed_forward,
        "num_hidden_layers": shape.layers,
        "num_attention_heads": shape.heads,
        "num_key_value_heads": shape.heads,
        "head_dim": shape.head_width,
        "hidden_act": "silu",
        "max_position_embeddings": shape.context,
        "rms_norm_eps": NORM_EPS,
        "rope_theta": ROPE_THETA,
        "rope_parameters": {"rope_type": "default", "rope_theta": ROPE_THETA},
        "attention_bias": False,
        "mlp_bias": False,
        "tie_word_embeddings": True,
        "dtype": "float32",
        **_marker_ids(),
    }


def tokenizer_config(shape: Shape) -> dict[str, object]:
    """The fast tokenizer's settings and the chat template."""
    return {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "bos_token": tokenizer.BOS,
        "eos_token": tokenizer.END,
        "pad_token": tokenizer.END,
        "model_max_length": shape.context,
        "clean_up_tokenization_spaces": False,
        "chat_template": tokenizer.CHAT_TEMPLATE,
    }


def generation_config() -> dict[str, object]:
    """Greedy by default."""
    return {"do_sample": False, **_marker_ids()}


def write_gguf(model: Llama, path: Path) -> None:
    """One float32 GGUF file for llama.cpp, with vocabulary, merges and chat template."""
    shape = model.shape
    draft = path.with_suffix(".draft")  # moved into place whole: readers may have the old file mapped
    writer = gguf.GGUFWriter(draft, "llama")
    writer.add_name(NAME)
    writer.add_context_length(shape.context)
    writer.add_embedding_length(shape.width)
    writer.add_block_count(shape.layers)
    writer.add_feed_forward_length(shape.feed_forward)
    writer.add_head_count(shape.heads)
    writer.add_head_count_kv(shape.heads)
    writer.add_layer_norm_rms_eps(NORM_EPS)
    writer.add_rope_dimension_count(shape.head_width)
    writer.add_rope_freq_base(ROPE_THETA)
    writer.add_vocab_size(shape.vocabulary)
    writer.add_file_type(gguf.LlamaFileType.ALL_F32)
    _add_vocabulary(writer)
    for name, parameter in model.named_parameters():
        writer.add_tensor(_gguf_name(name), _gguf_values(name, parameter.detach(), shape))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    draft.replace(path)


def _add_vocabulary(writer: gguf.GGUFWriter) -> None:
    state = json.loads(tokenizer.shared().to_str())
    tokens: dict[int, tuple[str, int]] = {
        index: (token, gguf.TokenType.NORMAL) for token, index in state["model"]["vocab"].items()
    }
    for added in state["added_tokens"]:
        kind = gguf.TokenType.CONTROL if added["special"] else gguf.TokenType.USER_DEFINED
        tokens[added["id"]] = (added["content"], kind)
    ordered = [tokens[index] for index in range(len(tokens))]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("llama-bpe")
    writer.add_token_list([token for token, _ in ordered])
    writer.add_token_types([kind for _, kind in ordered])
    writer.add_token_merges([" ".join(merge) for merge in state["model"]["merges"]])
    writer.add_bos_token_id(tokenizer.token_id(tokenizer.BOS))
    writer.add_eos_token_id(tokenizer.token_id(tokenizer.END))
    writer.add_pad_token_id(tokenizer.token_id(tokenizer.END))
    writer.add_add_bos_token(False)
    writer.add_chat_template(tokenizer.CHAT_TEMPLATE)


def _gguf_name(name: str) -> str:
    if name == "embed_tokens.weight":
        return "token_embd.weight"
    if name == "norm.weight":
        return "output_norm.weight"
    _, number, part = name.removesuffix(".weight").split(".", 2)
    return f"blk.{number}.{GGUF_NAMES[part]}.weight"


def _gguf_values(name: str, values: torch.Tensor, shape: Shape) -> NDArray[np.float32]:
    """llama.cpp pairs neighbouring rotary dimensions, Hugging Face the two halves: queries and keys change order."""
    if name.endswith(("q_proj.weight", "k_proj.weight")):
        halves = values.view(shape.heads, 2, shape.head_width // 2, shape.width)
        values = halves.transpose(1, 2).reshape(shape.width, shape.width)
    array: NDArray[np.float32] = values.contiguous().numpy().astype(np.float32)
    return array


def _marker_ids() -> dict[str, object]:
    end = tokenizer.token_id(tokenizer.END)
    return {"bos_token_id": tokenizer.token_id(tokenizer.BOS), "eos_token_id": end, "pad_token_id": end}


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description="Write a checkpoint as safetensors and GGUF.")
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("folder", type=Path)
    options = parser.parse_args()
    export(Trainer.load(options.checkpoint).model, options.folder)


if __name__ == "__main__":
    main()
