"""Every local engine on the same weights, for tests and benchmarks that compare them."""

import importlib.util
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import checkpoints
import pytest
import vllm_real

NEEDS = {"llamacpp": "xllamacpp", "transformers": "torch", "mlx": "mlx_lm"}
"""Engines in this process, and the package that each needs."""
OPTIONS: dict[str, dict[str, str | int]] = {
    "llamacpp": {"slots": 4, "threads": 1, "context_tokens": 1024},
    "transformers": {"device": "cpu", "dtype": "float32", "context_tokens": 1024, "threads": 1},
    "mlx": {"context_tokens": 1024},
    "vllm": {},
}
ENGINES = (*NEEDS, "vllm")


class Specs:
    """What a study calls the weights on each engine; a vLLM server is started when it is first asked for."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack
        self._servers: dict[Path, str] = {}

    def of(self, engine: str, folder: Path, gguf: Path) -> str:
        """The spec; skips the test, saying why, where the engine cannot be had here."""
        if engine == "vllm":
            return f"vllm:{self._server(folder)}"
        if importlib.util.find_spec(NEEDS[engine]) is None:
            pytest.skip(f"the package {NEEDS[engine]} is not installed")
        return f"llamacpp:{gguf}" if engine == "llamacpp" else f"{engine}:{folder}"

    def _server(self, folder: Path) -> str:
        if folder not in self._servers:
            serving = vllm_real.serving(folder, *vllm_real.BUDGETS, *vllm_real.COUNTS)
            self._servers[folder], _ = self._stack.enter_context(serving)
        return self._servers[folder]


@contextmanager
def specs() -> Iterator[Specs]:
    """`Specs`, whose servers end with the block."""
    with ExitStack() as stack:
        yield Specs(stack)


def cached(name: str, make: Callable[[Path], Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A large checkpoint that is made once: kept under ``THINKCURVE_CHECKPOINTS`` where that is set."""
    root = os.environ.get("THINKCURVE_CHECKPOINTS")
    folder = Path(root) / name if root else tmp_path_factory.mktemp(name)
    return folder if (folder / "config.json").exists() else make(folder)


def tiny(folder: Path) -> tuple[Path, Path]:
    """The embedded model as a folder of its own and as a GGUF file."""
    return checkpoints.tiny_folder(folder), checkpoints.TINY_GGUF
