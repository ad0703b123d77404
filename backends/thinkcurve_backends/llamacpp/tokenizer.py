"""The tokenizer and chat template of a GGUF model, as llama.cpp itself reads them, and its thinking format."""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Container, Mapping, Sequence
from functools import lru_cache
from typing import Any

from thinkcurve.backend import raw_text
from thinkcurve.budget import ThinkingFormat
from thinkcurve.errors import BackendError, UsageError
from thinkcurve.formats import PROBE, Wish, find_format
from thinkcurve.problem import Message
from thinkcurve_backends.llamacpp.wire import Wire
from thinkcurve_backends.options import ThinkingOptions

MOST_REMEMBERED = 1 << 16
"""Prompts whose messages are remembered: more than the problems of any study that a run has rendered and not asked."""


class GgufTokenizer:
    """The vocabulary and chat template of a loaded model, asked of its server.

    ``template`` is the chat template as text, empty where there is none; ``template_options`` go to it: the switch of
    a hybrid model, say.
    """

    def __init__(self, wire: Wire, template: str, template_options: Mapping[str, Any] | None = None) -> None:
        self._wire = wire
        self.template = template
        self.template_options = dict(template_options or {})
        self._rendered: OrderedDict[bytes, list[dict[str, str]]] | None = None
        self._encode = lru_cache(maxsize=256)(self._encode_now)
        self._piece = lru_cache(maxsize=4096)(lambda token: self.decode([token]))

    def render(self, messages: Sequence[Message], *, chat: bool = True) -> tuple[int, ...]:
        """The prompt as ids, with a begin-of-sequence token where the model wants one."""
        text = self.render_text(messages) if chat else raw_text(messages)
        ids = self._encode_now(text, add_special=True)
        if chat and self._rendered is not None:
            self._rendered[_key(ids)] = _turns(messages)
            self._rendered.move_to_end(_key(ids))
            if len(self._rendered) > MOST_REMEMBERED:
                self._rendered.popitem(last=False)
        return ids

    def remember(self, *, wanted: bool = True) -> None:
        """Remember from now on the messages of the latest prompts, for `messages_of`; or forget them."""
        self._rendered = OrderedDict() if wanted else None

    def messages_of(self, ids: tuple[int, ...]) -> list[dict[str, str]] | None:
        """The messages that were rendered to these ids and are remembered, for requests to a chat; else ``None``."""
        return self._rendered.get(_key(ids)) if self._rendered is not None else None

    def render_text(self, messages: Sequence[Message], **options: Any) -> str:
        """The chat prompt as text, the generation prompt added. Raises `UsageError` where there is no template."""
        if not self.template:
            raise UsageError("this model has no chat template: ask with --no-chat-template, as plain text")
        given = {**self.template_options, **options}
        asked = {"messages": _turns(messages), "add_generation_prompt": True, "chat_template_kwargs": given}
        reply = self._wire.post_now("/apply-template", asked)
        return str(_field(reply, "prompt", "the chat template of the model cannot be applied"))

    def encode(self, text: str) -> tuple[int, ...]:
        """``text`` as ids, markers read as special tokens, nothing added."""
        return self._encode(text)

    def decode(self, token_ids: Sequence[int]) -> str:
        """The text of ``token_ids``, markers included; bytes that are not UTF-8 become U+FFFD."""
        if not token_ids:
            return ""
        reply = self._wire.post_now("/detokenize", {"tokens": list(token_ids)})
        return str(_field(reply, "content", "token ids cannot be decoded"))

    def piece(self, token: int) -> str:
        """The text of one token; remembered."""
        return self._piece(token)

    def n_within(self, token_ids: Sequence[int], length: int) -> int:
        """How many ids lie wholly within the first ``length`` characters of their text."""
        return bisect_right(range(1, len(token_ids) + 1), length, key=lambda n: len(self.decode(token_ids[:n])))

    def _encode_now(self, text: str, add_special: bool = False) -> tuple[int, ...]:
        if not text:
            return ()
        asked = {"content": text, "add_special": add_special, "parse_special": True}
        tokens: list[int] = _field(self._wire.post_now("/tokenize", asked), "tokens", "text cannot be tokenized")
        return tuple(tokens)


class SingleTokens:
    """The texts that are one token of a model whose vocabulary is not at hand: ``text in SingleTokens(tokenizer)``."""

    def __init__(self, tokenizer: GgufTokenizer) -> None:
        self._tokenizer = tokenizer

    def __contains__(self, text: object) -> bool:
        return isinstance(text, str) and len(self._tokenizer.encode(text)) == 1


def thinking_of(
    tokenizer: GgufTokenizer, tokens: Container[str], name: str, options: ThinkingOptions
) -> ThinkingFormat | None:
    """How a model thinks (`thinkcurve.formats.find_format`); from now on its template is rendered for that."""
    found = find_format(
        tokens=tokens,
        template=tokenizer.template,
        render=(lambda **given: tokenizer.render_text(PROBE, **given)) if tokenizer.template else None,
        name=name,
        wish=Wish(options.thinking, options.think_open, options.think_close, options.cue),
    )
    tokenizer.template_options = dict(found.template_options) if found else {}
    return found


def _key(ids: tuple[int, ...]) -> bytes:
    """What a prompt is remembered by: its own ids may be many thousands."""
    return hashlib.sha256(repr(ids).encode()).digest()


def _turns(messages: Sequence[Message]) -> list[dict[str, str]]:
    return [{"role": message.role, "content": message.content} for message in messages]


def _field(reply: Any, name: str, failure: str) -> Any:
    if isinstance(reply, dict) and name in reply:
        return reply[name]
    message = reply.get("error", {}).get("message", "no reason given") if isinstance(reply, dict) else "no reason given"
    raise BackendError(f"{failure}: {message}")
