"""What a GGUF file says of itself: metadata and tensor shapes, read without loading a weight or another package.

Format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md (versions 2 and 3, little-endian). Everything
that is wrong with a file is said here, in one line, before an engine touches it.
"""

from __future__ import annotations

import hashlib
import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from thinkcurve.errors import UsageError

MAGIC = b"GGUF"
WHOLE_HASH_BYTES = 1 << 30
"""Files up to this size are hashed whole; of larger ones a sample (see `fingerprint`)."""
_SAMPLES, _SAMPLE_BYTES = 64, 1 << 20
_SCALARS = {
    0: "<B",
    1: "<b",
    2: "<H",
    3: "<h",
    4: "<I",
    5: "<i",
    6: "<f",
    7: "<?",
    10: "<Q",
    11: "<q",
    12: "<d",
}
_STRING, _ARRAY = 8, 9
_BLOCKS = {
    **{0: (1, 4), 1: (1, 2), 2: (32, 18), 3: (32, 20), 6: (32, 22), 7: (32, 24), 8: (32, 34), 9: (32, 36)},
    **{10: (256, 84), 11: (256, 110), 12: (256, 144), 13: (256, 176), 14: (256, 210), 15: (256, 292)},
    **{
        16: (256, 66),
        17: (256, 74),
        18: (256, 98),
        19: (256, 50),
        20: (32, 18),
        21: (256, 110),
        22: (256, 82),
    },
    **{23: (256, 136), 24: (1, 1), 25: (1, 2), 26: (1, 4), 27: (1, 8), 28: (1, 8), 29: (256, 56), 30: (1, 2)},
    **{34: (256, 54), 35: (256, 66), 39: (32, 17)},
}
"""ggml tensor type to (values a block, bytes a block); from ggml's ``GGML_QUANT_SIZES``."""


@dataclass(frozen=True, slots=True)
class Tensor:
    """Name, shape and place of one tensor; ``offset`` counts from the start of the data."""

    name: str
    shape: tuple[int, ...]
    kind: int
    offset: int

    @property
    def n_values(self) -> int:
        """How many weights it holds."""
        return math.prod(self.shape)

    @property
    def n_bytes(self) -> int:
        """Its size in the file; 0 where the type is not known here."""
        per_block, size = _BLOCKS.get(self.kind, (1, 0))
        return self.n_values // per_block * size


@dataclass(frozen=True, slots=True)
class Header:
    """The metadata and the tensors of a GGUF file."""

    metadata: Mapping[str, Any]
    tensors: tuple[Tensor, ...]

    def of_architecture(self, key: str) -> Any:
        """An architecture's own value: ``block_count`` is ``llama.block_count`` in a Llama; `None` if absent."""
        return self.metadata.get(f"{self.metadata.get('general.architecture')}.{key}")

    @property
    def tokens(self) -> list[str]:
        """The vocabulary as the file spells it."""
        found: list[str] = self.metadata.get("tokenizer.ggml.tokens", [])
        return found

    @property
    def active_parameters(self) -> int:
        """Weights that take part in one token.

        All but an input embedding that is only looked up, and of a mixture of experts only the experts used.
        """
        has_own_output = any(tensor.name == "output.weight" for tensor in self.tensors)
        experts = self.of_architecture("expert_count") or 0
        share = (self.of_architecture("expert_used_count") or experts) / experts if experts else 1.0
        total = 0.0
        for tensor in self.tensors:
            if tensor.name == "token_embd.weight" and has_own_output:
                continue
            total += tensor.n_values * (share if "_exps." in tensor.name else 1.0)
        return round(total)


def read_header(path: Path) -> Header:
    """The header of a GGUF file, or a `UsageError`: missing, unreadable, not GGUF, or cut off."""
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            header, end = _Reader(file, path, size).header()
    except FileNotFoundError as error:
        raise UsageError(f"model file {str(path)!r} does not exist") from error
    except IsADirectoryError as error:
        raise UsageError(f"model file {str(path)!r} is a directory; name the .gguf file in it") from error
    except OSError as error:
        raise UsageError(f"cannot read model file {str(path)!r}: {error.strerror}") from error
    if end > size:
        raise UsageError(
            f"model file {str(path)!r} is cut off: it should have at least {end} bytes not {size}; download it again"
        )
    return header


def fingerprint(path: Path) -> str:
    """16 hex digits of SHA-256 over the file.

    Above 1 GiB, over its size, its first and last MiB and 62 more spread evenly between: cheap, and two
    different checkpoints or quantisations do not agree in all of them.
    """
    size = path.stat().st_size
    digest = hashlib.sha256()
    with path.open("rb") as file:
        if size <= WHOLE_HASH_BYTES:
            while chunk := file.read(_SAMPLE_BYTES):
                digest.update(chunk)
        else:
            digest.update(str(size).encode())
            for number in range(_SAMPLES):
                file.seek((size - _SAMPLE_BYTES) * number // (_SAMPLES - 1))
                digest.update(file.read(_SAMPLE_BYTES))
    return digest.hexdigest()[:16]


class _Reader:
    """Reads a header from front to back; refuses any length that the file cannot hold."""

    def __init__(self, file: BinaryIO, path: Path, size: int) -> None:
        self.file = file
        self.path = path
        self.size = size

    def header(self) -> tuple[Header, int]:
        """The header, and where the last tensor ends."""
        magic = self.file.read(4)
        if magic != MAGIC:
            raise UsageError(
                f"model file {str(self.path)!r} is not a GGUF file: it begins with {magic!r}, not {MAGIC!r}"
            )
        version = self._number("<I")
        if version not in (2, 3):
            raise UsageError(f"model file {str(self.path)!r} is GGUF version {version}; versions 2 and 3 are read")
        n_tensors, n_keys = self._length(), self._length()
        metadata = {}
        for _ in range(n_keys):
            key = self._string()
            metadata[key] = self._value(self._number("<I"))
        tensors = tuple(self._tensor() for _ in range(n_tensors))
        alignment = metadata.get("general.alignment", 32)
        if not isinstance(alignment, int) or alignment < 1:
            raise self._damaged()
        start = -(-self.file.tell() // alignment) * alignment
        end = max((start + tensor.offset + tensor.n_bytes for tensor in tensors), default=start)
        return Header(metadata, tensors), end

    def _tensor(self) -> Tensor:
        name = self._string()
        n_dimensions = self._number("<I")
        if n_dimensions > 8:
            raise self._damaged()
        shape = tuple(self._number("<Q") for _ in range(n_dimensions))
        return Tensor(name, shape, self._number("<I"), self._number("<Q"))

    def _value(self, kind: int) -> Any:
        if kind == _STRING:
            return self._string()
        if kind == _ARRAY:
            return self._array()
        if kind not in _SCALARS:
            raise self._damaged()
        return self._number(_SCALARS[kind])

    def _array(self) -> list[Any]:
        kind, length = self._number("<I"), self._length()
        if kind in _SCALARS:
            size = struct.calcsize(_SCALARS[kind])
            return list(struct.unpack(f"<{length}{_SCALARS[kind][1]}", self._take(length * size)))
        return [self._value(kind) for _ in range(length)]

    def _string(self) -> str:
        return self._take(self._length()).decode("utf-8", errors="replace")

    def _length(self) -> int:
        length: int = self._number("<Q")
        if length > self.size:
            raise self._damaged()
        return length

    def _number(self, code: str) -> Any:
        return struct.unpack(code, self._take(struct.calcsize(code)))[0]

    def _take(self, n_bytes: int) -> bytes:
        taken = self.file.read(n_bytes) if n_bytes <= self.size else b""
        if len(taken) != n_bytes:
            raise self._damaged()
        return taken

    def _damaged(self) -> UsageError:
        return UsageError(f"model file {str(self.path)!r} is cut off or damaged in its header; download it again")
