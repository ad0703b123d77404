"""A model as GGUF files: all its parts, what it is, how it is quantised, and how its makers say it should be sampled.

Every file that is no language model is refused here, in one line that says what it is.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from thinkcurve.backend import Sampling
from thinkcurve.errors import UsageError
from thinkcurve_backends.llamacpp.header import Header, fingerprint, read_header

PART = re.compile(r"(?P<stem>.*)-(?P<number>\d{5})-of-(?P<count>\d{5})\.gguf$")
"""How llama.cpp's gguf-split names the parts of a model."""
FILE_KINDS = {
    **{0: "F32", 1: "F16", 2: "Q4_0", 3: "Q4_1", 7: "Q8_0", 8: "Q5_0", 9: "Q5_1", 10: "Q2_K", 11: "Q3_K_S"},
    **{12: "Q3_K_M", 13: "Q3_K_L", 14: "Q4_K_S", 15: "Q4_K_M", 16: "Q5_K_S", 17: "Q5_K_M", 18: "Q6_K"},
    **{19: "IQ2_XXS", 20: "IQ2_XS", 21: "Q2_K_S", 22: "IQ3_XS", 23: "IQ3_XXS", 24: "IQ1_S", 25: "IQ4_NL"},
    **{26: "IQ3_S", 27: "IQ3_M", 28: "IQ2_S", 29: "IQ2_M", 30: "IQ4_XS", 31: "IQ1_M", 32: "BF16"},
    **{36: "TQ1_0", 37: "TQ2_0", 38: "MXFP4_MOE", 39: "NVFP4", 40: "Q1_0"},
}
"""``general.file_type`` to the name that people know; from llama.cpp's ``llama_ftype``."""
TENSOR_KINDS = {
    **{0: "F32", 1: "F16", 2: "Q4_0", 3: "Q4_1", 6: "Q5_0", 7: "Q5_1", 8: "Q8_0", 9: "Q8_1", 10: "Q2_K", 11: "Q3_K"},
    **{12: "Q4_K", 13: "Q5_K", 14: "Q6_K", 15: "Q8_K", 16: "IQ2_XXS", 17: "IQ2_XS", 18: "IQ3_XXS", 19: "IQ1_S"},
    **{20: "IQ4_NL", 21: "IQ3_S", 22: "IQ2_S", 23: "IQ4_XS", 29: "IQ1_M", 30: "BF16", 34: "TQ1_0", 35: "TQ2_0"},
    **{39: "MXFP4", 40: "NVFP4", 41: "Q1_0"},
}
"""A tensor's type to its name; from ``ggml_type``."""
OTHER_KINDS = {
    "adapter": "a LoRA adapter; give it with --model-option lora=FILE beside its model",
    "mmproj": "the image part of a model of several media (mmproj); name the file of its language model",
    "imatrix": "an importance matrix, not a model",
}
"""``general.type`` of files that are no model of their own."""
HONOURED = ("temp", "top_p", "top_k", "min_p")
NEUTRAL: dict[str, Any] = {"penalty_repeat": 1.0, "mirostat": 0, "xtc_probability": 0.0, "sequence": ""}
"""Sampling that a file can ask for (``general.sampling.*``) and that is not done, with the value that does nothing."""


@dataclass(frozen=True, slots=True)
class GgufFile:
    """One model: the file that llama.cpp is given, all parts of it, and what they say together."""

    path: Path
    parts: tuple[Path, ...]
    header: Header

    @property
    def n_bytes(self) -> int:
        """The size of all parts."""
        return sum(part.stat().st_size for part in self.parts)

    @property
    def kind(self) -> str:
        """How the weights are quantised, such as ``Q4_K_M``: as the file says, else the type of most of them."""
        said = FILE_KINDS.get(self.header.metadata.get("general.file_type", -1))
        sizes: Counter[int] = Counter()
        for tensor in self.header.tensors:
            sizes[tensor.kind] += tensor.n_values
        most = TENSOR_KINDS.get(sizes.most_common(1)[0][0], "unknown type") if sizes else "unknown type"
        return said or most

    @property
    def template(self) -> str:
        """Its chat template; empty where it has none."""
        return str(self.header.metadata.get("tokenizer.chat_template") or "")

    @property
    def sampling(self) -> Sampling | None:
        """How its makers sample it, or ``None`` where they do not say."""
        asked = _sampling(self.header.metadata)
        if not any(key in asked for key in HONOURED):
            return None
        return Sampling(
            temperature=round(float(asked.get("temp", 1.0)), 6),
            top_p=round(float(asked.get("top_p", 1.0)), 6),
            top_k=max(0, int(asked.get("top_k", 0))),
            min_p=round(float(asked.get("min_p", 0.0)), 6),
        )

    @property
    def notes(self) -> tuple[str, ...]:
        """What its makers ask for and is not done."""
        asked = {k: v for k, v in _sampling(self.header.metadata).items() if v != NEUTRAL.get(k, v)}
        return tuple(
            f"its file asks for general.sampling.{key} = {value}, which is not done" for key, value in asked.items()
        )

    def fingerprint(self) -> str:
        """16 hex digits over the file, or over all parts of a split one."""
        if len(self.parts) == 1:
            return fingerprint(self.path)
        return hashlib.sha256("\n".join(map(fingerprint, self.parts)).encode()).hexdigest()[:16]


def open_gguf(path: Path) -> GgufFile:
    """The model of a GGUF file, or a `UsageError`: what else the path names, which part is missing or was meant."""
    _check_is_file(path)
    header = read_header(path)
    count = header.metadata.get("split.count", 1)
    if isinstance(count, int) and count > 1:
        parts = _parts(path, count, header.metadata.get("split.no", 0))
        headers = [header, *map(read_header, parts[1:])]
        header = Header(header.metadata, tuple(tensor for each in headers for tensor in each.tensors))
    else:
        parts = (path,)
    _check_is_model(path, header)
    return GgufFile(path, parts, header)


def open_adapter(path: Path, model: GgufFile) -> str:
    """The fingerprint of a LoRA adapter that fits ``model``; anything else is a `UsageError`."""
    header = read_header(path)
    if header.metadata.get("general.type") != "adapter" or header.metadata.get("adapter.type") != "lora":
        raise UsageError(f"option lora of llamacpp is {str(path)!r}, which is no LoRA adapter in GGUF")
    ours, its = (h.metadata.get("general.architecture") for h in (model.header, header))
    if ours != its:
        raise UsageError(f"the LoRA adapter {str(path)!r} is for architecture {its!r}; {model.path.name} is {ours!r}")
    return fingerprint(path)


def _check_is_file(path: Path) -> None:
    if path.is_dir():
        found = sorted(path.glob("*.gguf"))
        hint = f"; did you mean {str(found[0])!r}?" if found else ""
        if not found and (path / "config.json").exists():
            hint = f", for the engines transformers:, vllm: and mlx:, such as transformers:{path}"
        raise UsageError(f"model file {str(path)!r} is a directory; name the .gguf file in it{hint}")
    if path.suffix == ".safetensors" and path.exists():
        raise UsageError(
            f"model file {str(path)!r} holds safetensors; llama.cpp reads GGUF, and the folder it lies in is for "
            f"transformers:{path.parent}"
        )


def _parts(path: Path, count: int, number: int) -> tuple[Path, ...]:
    named = PART.match(path.name)
    if named is None:
        raise UsageError(
            f"model file {str(path)!r} is part {number + 1} of {count}; llama.cpp finds the others only where they are "
            f"called NAME-00001-of-{count:05d}.gguf and so on"
        )
    parts = tuple(path.with_name(f"{named['stem']}-{i + 1:05d}-of-{count:05d}.gguf") for i in range(count))
    if number != 0:
        raise UsageError(f"model file {str(path)!r} is part {number + 1} of {count}; name the first, {parts[0].name!r}")
    for part in parts:
        if not part.exists():
            raise UsageError(f"model file {str(path)!r} has {count} parts, and {part.name!r} is not beside it")
    return parts


def _check_is_model(path: Path, header: Header) -> None:
    kind = header.metadata.get("general.type", "model")
    if kind in OTHER_KINDS or header.metadata.get("general.architecture") == "clip":
        raise UsageError(f"model file {str(path)!r} is {OTHER_KINDS.get(kind, OTHER_KINDS['mmproj'])}")
    if header.of_architecture("attention.causal") is False or header.of_architecture("pooling_type"):
        raise UsageError(f"model file {str(path)!r} is an embedding model: it turns text into a vector and writes none")
    if kind != "model" or not header.tokens:
        raise UsageError(f"model file {str(path)!r} holds no language model with a vocabulary")
    if not header.tensors:
        raise UsageError(f"model file {str(path)!r} holds a vocabulary and no weights")


def _sampling(metadata: Mapping[str, Any]) -> dict[str, Any]:
    prefix = "general.sampling."
    return {key.removeprefix(prefix): value for key, value in metadata.items() if key.startswith(prefix)}
