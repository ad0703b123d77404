"""The tokenizer and chat template of a Hugging Face checkpoint, read by transformers; no code of it is run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from thinkcurve.backend import raw_text
from thinkcurve.errors import BackendError, UsageError
from thinkcurve.problem import Message

NEEDS_CODE = (
    "needs code of its own, which is never run here: take a version that transformers reads by itself, or a GGUF of "
    "it with llamacpp:FILE"
)


class HfTokenizer:
    """A `thinkcurve.backend.Tokenizer` over a tokenizer of transformers.

    ``template_options`` go to the chat template: the switch of a hybrid model, say.
    """

    def __init__(self, tokenizer: Any, template_options: Mapping[str, Any] | None = None) -> None:
        self.inner = tokenizer
        self.template_options = dict(template_options or {})

    @property
    def template(self) -> str:
        """The chat template as text; empty where there is none."""
        found = self.inner.chat_template
        if isinstance(found, dict):
            found = found.get("default", "")
        return found or ""

    def render(self, messages: Sequence[Message], *, chat: bool = True) -> tuple[int, ...]:
        """The prompt as ids; a template writes its own begin-of-sequence token, plain text gets the tokenizer's."""
        if chat:
            return self.encode(self.render_text(messages))
        return tuple(self.inner.encode(raw_text(messages), add_special_tokens=True))

    def render_text(self, messages: Sequence[Message], **options: Any) -> str:
        """The chat prompt as text, the generation prompt added.

        Raises `UsageError` without a template, `BackendError` where it refuses.
        """
        if not self.template:
            raise UsageError("this model has no chat template: ask with --no-chat-template, as plain text")
        turns = [{"role": message.role, "content": message.content} for message in messages]
        given = {**self.template_options, **options}
        try:
            text = self.inner.apply_chat_template(turns, add_generation_prompt=True, tokenize=False, **given)
        except Exception as error:  # a template is a program of its own
            raise BackendError(f"the chat template of the model cannot be applied: {error}") from error
        return str(text)

    def encode(self, text: str) -> tuple[int, ...]:
        """``text`` as ids, markers read as special tokens, nothing added."""
        return tuple(self.inner.encode(text, add_special_tokens=False)) if text else ()

    def decode(self, token_ids: Sequence[int]) -> str:
        """The text of ``token_ids``, markers included; bytes that are not UTF-8 become U+FFFD."""
        return str(self.inner.decode(list(token_ids), skip_special_tokens=False, clean_up_tokenization_spaces=False))


def load_tokenizer(folder: Path, gguf: str = "") -> HfTokenizer:
    """The tokenizer of a folder, or of a GGUF file in it.

    Raises `UsageError` where there is none, or one that needs code of its own.
    """
    from transformers import AutoTokenizer

    try:
        given = {"gguf_file": gguf} if gguf else {}
        found = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False, **given)
    except Exception as error:  # transformers raises whatever a damaged file makes it raise
        if "trust_remote_code" in str(error):
            raise UsageError(f"the tokenizer in {str(folder)!r} {NEEDS_CODE}") from error
        reason = " ".join(str(error).split())[:200]
        raise UsageError(f"the tokenizer in {str(folder)!r} cannot be read: {reason}") from error
    return HfTokenizer(found)
