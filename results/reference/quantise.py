"""The embedded model at fewer bits: ``quantise(kind, path)`` writes its GGUF file anew with matrices in ``kind``.

Norms stay float32. The embedding is tied to the output, and quantised with the rest: on a model this small it is a
tenth of the weights. Needs the package ``gguf`` (in the ``test`` and ``train`` extras); llama.cpp's own quantiser
rounds the same way for these kinds.
"""

from __future__ import annotations

from importlib.resources import as_file, files
from pathlib import Path

import gguf
from gguf.quants import quantize

KINDS = ("Q8_0", "Q5_0", "Q4_0")
"""Round-to-nearest kinds in blocks of 32, with 8.5, 5.5 and 4.5 bits a weight."""


def quantise(kind: str, path: Path) -> Path:
    """Write the embedded model with its matrices in ``kind`` (one of `KINDS`) to ``path``, and return that."""
    with as_file(files("thinkcurve_backends.embedded") / "thinkcurve-tiny.gguf") as original:
        reader = gguf.GGUFReader(original)
    writer = gguf.GGUFWriter(path, "llama")
    for name, field in reader.fields.items():
        if name.startswith("GGUF.") or name == "general.architecture":
            continue
        value: object = field.contents()
        if name == "general.file_type":
            value = getattr(gguf.LlamaFileType, f"MOSTLY_{kind}").value
        is_array = field.types[0] is gguf.GGUFValueType.ARRAY
        writer.add_key_value(name, value, field.types[0], field.types[-1] if is_array else None)
    to = gguf.GGMLQuantizationType[kind]
    for tensor in reader.tensors:
        is_matrix = len(tensor.shape) == 2
        data = quantize(tensor.data, to) if is_matrix else tensor.data
        writer.add_tensor(tensor.name, data, raw_dtype=to if is_matrix else None)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path
