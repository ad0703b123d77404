"""The model's own tokenizer, for counting thinking that a server shows and does not count."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from thinkcurve.errors import UsageError


def find_encode(what: str) -> Callable[[str], Sequence[int]]:
    """How the tokenizer in a folder, or of a name on the hub, makes tokens of text. Raises `UsageError`."""
    try:
        import transformers  # noqa: F401  # what reads it
    except ImportError as missing:
        raise UsageError(
            'option tokenizer of openai needs the package transformers: pip install "thinkcurve[transformers]"'
        ) from missing
    from thinkcurve_backends.checkpoint import open_checkpoint
    from thinkcurve_backends.hf_tokenizer import load_tokenizer

    folder = Path(what).expanduser()
    if not folder.is_dir():
        folder = open_checkpoint("openai", what, weights=()).folder
    return load_tokenizer(folder).encode
