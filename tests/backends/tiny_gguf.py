"""Writes GGUF models with random weights: a real vocabulary and template, and nothing learnt."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import gguf
import numpy as np

TEMPLATE = (
    "{{{{ bos_token }}}}{{% for m in messages %}}{{% if m['role'] == 'assistant' %}}"
    "<|assistant|>{{{{ m['content'] }}}}<|end|>"
    "{{% else %}}<|user|>{{{{ m['content'] }}}}{{% endif %}}{{% endfor %}}"
    "{{% if add_generation_prompt %}}<|assistant|>{opening}{{% endif %}}"
)
LETTERS = "abcdefghijklmnop"
BASE = 256 + len(LETTERS) ** 2
"""Ids: 256 bytes, then pairs of letters, then the special tokens."""
BOS, USER, ASSISTANT, THINK, END_THINK, END = range(BASE, BASE + 6)


def write(
    path: Path,
    *,
    markers: bool = True,
    markers_are_special: bool = True,
    context: int = 512,
    seed: int = 0,
    template: bool = True,
    most_tensors: int = 0,
    more: Callable[[gguf.GGUFWriter], None] = lambda writer: None,
) -> Path:
    """A Llama of two layers and width 64 at ``path``.

    ``more`` adds metadata of its own. With ``most_tensors`` it is split into parts of so many.
    """
    opening = "<think>" if markers else ""
    pairs = [a + b for a in LETTERS for b in LETTERS]
    think = ["<think>", "</think>"] if markers else ["<|a|>", "<|b|>"]
    tokens = [*_byte_alphabet(), *pairs, "<|bos|>", "<|user|>", "<|assistant|>", *think, "<|end|>"]
    kind = gguf.TokenType.CONTROL if markers_are_special else gguf.TokenType.USER_DEFINED
    control = gguf.TokenType.CONTROL
    types = [gguf.TokenType.NORMAL] * BASE + [control, control, control, kind, kind, control]
    writer = gguf.GGUFWriter(path, "llama", split_max_tensors=most_tensors)
    width, layers, heads, feed_forward = 64, 2, 2, 128
    writer.add_context_length(context)
    writer.add_embedding_length(width)
    writer.add_block_count(layers)
    writer.add_feed_forward_length(feed_forward)
    writer.add_head_count(heads)
    writer.add_head_count_kv(heads)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_dimension_count(width // heads)
    writer.add_vocab_size(len(tokens))
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("llama-bpe")
    writer.add_token_list(tokens)
    writer.add_token_types(types)
    writer.add_token_merges([f"{a} {b}" for a in LETTERS for b in LETTERS])
    writer.add_bos_token_id(BOS)
    writer.add_eos_token_id(END)
    writer.add_add_bos_token(False)
    if template:
        writer.add_chat_template(TEMPLATE.format(opening=opening))
    more(writer)
    for name, tensor in _weights(width, layers, feed_forward, len(tokens), seed):
        writer.add_tensor(name, tensor)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def write_lora(path: Path, *, architecture: str = "llama", rank: int = 2, size: float = 1.0) -> Path:
    """A LoRA adapter for such a model, random as well: it changes the queries of both layers."""
    random = np.random.default_rng(7)
    writer = gguf.GGUFWriter(path, architecture)
    writer.add_type(gguf.GGUFType.ADAPTER)
    writer.add_string(gguf.Keys.Adapter.TYPE, "lora")
    writer.add_float32(gguf.Keys.Adapter.LORA_ALPHA, float(rank))
    for layer in range(2):
        for part, shape in (("a", (rank, 64)), ("b", (64, rank))):
            values = (random.standard_normal(shape) * size).astype(np.float32)
            writer.add_tensor(f"blk.{layer}.attn_q.weight.lora_{part}", values)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def _weights(width: int, layers: int, feed_forward: int, vocabulary: int, seed: int) -> list[tuple[str, np.ndarray]]:
    random = np.random.default_rng(seed)

    def normal(*shape: int, std: float) -> np.ndarray:
        return (random.standard_normal(shape) * std).astype(np.float32)

    ones = np.ones(width, np.float32)
    small = width**-0.5
    made = [("token_embd.weight", normal(vocabulary, width, std=1.0)), ("output_norm.weight", ones)]
    made.append(("output.weight", normal(vocabulary, width, std=small)))
    for i in range(layers):
        made += [(f"blk.{i}.attn_norm.weight", ones), (f"blk.{i}.ffn_norm.weight", ones)]
        made += [(f"blk.{i}.attn_{part}.weight", normal(width, width, std=2 * small)) for part in "qkv"]
        made.append((f"blk.{i}.attn_output.weight", normal(width, width, std=small)))
        made += [(f"blk.{i}.ffn_{part}.weight", normal(feed_forward, width, std=small)) for part in ("gate", "up")]
        made.append((f"blk.{i}.ffn_down.weight", normal(width, feed_forward, std=feed_forward**-0.5)))
    return made


def _byte_alphabet() -> list[str]:
    """The printable characters that stand for the 256 bytes in byte-level BPE (GPT-2's ``bytes_to_unicode``)."""
    printable = {*range(33, 127), *range(161, 173), *range(174, 256)}
    spare = iter(range(256, 512))
    return [chr(byte) if byte in printable else chr(next(spare)) for byte in range(256)]
