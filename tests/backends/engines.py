"""Every local engine on the same weights, for tests that compare them."""

import importlib.util
import os
from collections.abc import Callable
from pathlib import Path

import checkpoints
import pytest

from thinkcurve.backend import Backend
from thinkcurve.plugins import open_backend

NEEDS = {"llamacpp": "xllamacpp", "transformers": "torch", "mlx": "mlx_lm"}
"""Engines in this process, and the package that each needs."""
OPTIONS: dict[str, dict[str, str | int]] = {
    "llamacpp": {"slots": 4, "threads": 1, "context_tokens": 1024},
    "transformers": {"device": "cpu", "dtype": "float32", "context_tokens": 1024},
    "mlx": {"context_tokens": 1024},
    "vllm": {},
}
VLLM = "THINKCURVE_VLLM_SERVERS"
"""``tiny=http://HOST:PORT,smollm2=http://HOST:PORT``: vLLM servers of the same weights, in float32."""
ENGINES = (*NEEDS, "vllm")


def spec_of(engine: str, model: str, folder: Path, gguf: Path) -> str:
    """What a study calls a model on an engine; skips the test, saying why, where it cannot be had here."""
    if engine == "vllm":
        servers = dict(part.split("=", 1) for part in os.environ.get(VLLM, "").split(",") if "=" in part)
        if model not in servers:
            pytest.skip(f"{VLLM} names no vLLM server of {model}")
        return f"vllm:{servers[model]}"
    if importlib.util.find_spec(NEEDS[engine]) is None:
        pytest.skip(f"the package {NEEDS[engine]} is not installed")
    return f"llamacpp:{gguf}" if engine == "llamacpp" else f"{engine}:{folder}"


def opened(engine: str, model: str, folder: Path, gguf: Path, **options: str | int) -> Backend:
    """That model, loaded."""
    return open_backend(spec_of(engine, model, folder, gguf), {**OPTIONS[engine], **options})


def tiny(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The embedded model as a folder and as a GGUF file."""
    return checkpoints.tiny_folder(tmp_path_factory.mktemp("tiny")), checkpoints.TINY_GGUF


def cached(name: str, make: Callable[[Path], Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A large checkpoint that is made once: kept under ``THINKCURVE_CHECKPOINTS`` where that is set."""
    root = os.environ.get("THINKCURVE_CHECKPOINTS")
    folder = Path(root) / name if root else tmp_path_factory.mktemp(name)
    return folder if (folder / "config.json").exists() else make(folder)
