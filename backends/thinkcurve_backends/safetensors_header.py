"""What safetensors files say of themselves: names, types and shapes of tensors, read without loading a weight.

Format: https://huggingface.co/docs/safetensors (eight bytes of length, a JSON header, the data). A file that is cut off
or damaged is said here, in one line, before an engine touches it.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from thinkcurve.errors import UsageError

LARGEST_HEADER = 100_000_000
"""The format's own limit on the JSON."""
LOOKED_UP = re.compile(r"(embed_tokens|wte|word_embeddings|embed_in|tok_embeddings|embeddings)\.weight$")
"""Input embeddings, of which a token takes one row."""
OUTPUT = re.compile(r"(^|\.)(lm_head|embed_out)\.weight$|^output\.weight$")
NOT_TEXT = re.compile(r"(^|\.)(vision_\w+|visual|audio_\w+|multi_modal_projector|mm_projector|mtp)\.")
"""Parts of a model of several media that text does not pass, and heads for predicting several tokens."""
COMPANION = re.compile(
    r"\.(g_idx|qzeros|scales|weight_scale\w*|scale|weight_shape|weight_zero_point|\w*_scale_inv|input_scale|SCB|"
    r"weight\.(absmax|quant_map|nested_\w+|quant_state\S*)|weight_format|\w+_scales)$"
)
"""What quantised weights bring along."""
EXPERTS = ("num_experts", "num_local_experts", "n_routed_experts", "moe_num_experts")
EXPERTS_USED = ("num_experts_per_tok", "num_experts_per_token", "moe_topk", "moe_k", "top_k_experts")
_BITS = {"F64": 64, "I64": 64, "U64": 64, "F32": 32, "I32": 32, "U32": 32, "F16": 16, "BF16": 16, "I16": 16, "U16": 16}


@dataclass(frozen=True, slots=True)
class Tensor:
    """Name, type as the file spells it, shape, and bytes in the file."""

    name: str
    kind: str
    shape: tuple[int, ...]
    n_bytes: int

    @property
    def n_values(self) -> int:
        """Elements of its own type; a packed one holds several weights in each."""
        return math.prod(self.shape)

    @property
    def is_float(self) -> bool:
        """Whether loading in another dtype changes its size: wide floats, not packed or 8-bit ones."""
        return self.kind in ("F64", "F32", "F16", "BF16")


def read_tensors(path: Path) -> list[Tensor]:
    """The tensors of one file. Raises `UsageError` where it cannot be read, is cut off or is none."""
    damaged = UsageError(f"weights {str(path)!r} are cut off or damaged; download the file again")
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            if length > min(size, LARGEST_HEADER):
                raise damaged
            header = json.loads(file.read(length))
        found = [
            Tensor(
                name, str(entry["dtype"]), tuple(entry["shape"]), entry["data_offsets"][1] - entry["data_offsets"][0]
            )
            for name, entry in header.items()
            if name != "__metadata__"
        ]
        end = (
            8 + length + max((e["data_offsets"][1] for name, e in header.items() if name != "__metadata__"), default=0)
        )
    except OSError as error:
        raise UsageError(f"cannot read weights {str(path)!r}: {error.strerror}") from error
    except (ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
        raise damaged from error
    if end > size:
        raise damaged
    return found


def active_parameters(tensors: Sequence[Tensor], config: Mapping[str, Any]) -> int:
    """Weights that take part in one token, as `llamacpp.header.Header.active_parameters` counts them.

    All but an input embedding that is only looked up, and of a mixture of experts only the experts used. ``config`` is
    the language model's; packed weights (GPTQ, AWQ, bitsandbytes, MLX, MXFP4) are counted by what they stand for.
    """
    n_experts = next((config[key] for key in EXPERTS if config.get(key)), 0)
    n_used = next((config[key] for key in EXPERTS_USED if config.get(key)), n_experts)
    share = n_used / n_experts if n_experts else 1.0
    is_tied = bool(config.get("tie_word_embeddings")) or not any(OUTPUT.search(t.name) for t in tensors)
    total = 0.0
    for tensor in tensors:
        if NOT_TEXT.search(tensor.name) or COMPANION.search(tensor.name):
            continue
        if (OUTPUT if is_tied else LOOKED_UP).search(tensor.name):
            continue
        is_expert = ".experts." in tensor.name
        total += tensor.n_values * _weights_per_value(tensor, config) * (share if is_expert else 1.0)
    return round(total)


def bytes_in(tensors: Sequence[Tensor], dtype_bytes: int) -> int:
    """What the tensors take in memory where wide floats become a type of ``dtype_bytes``; packed ones stay."""
    return sum(tensor.n_values * dtype_bytes if tensor.is_float else tensor.n_bytes for tensor in tensors)


def _weights_per_value(tensor: Tensor, config: Mapping[str, Any]) -> float:
    if tensor.is_float:
        return 1.0
    quantization = config.get("quantization_config") or config.get("quantization") or {}
    if quantization.get("load_in_4bit") or tensor.name.endswith("_blocks"):
        bits = 4
    else:
        bits = quantization.get("bits") or quantization.get("w_bit") or 0
    if not bits or tensor.kind not in ("I32", "U32", "U8", "I16", "U16"):
        return 1.0
    return int(_BITS.get(tensor.kind, 8)) / int(bits)
