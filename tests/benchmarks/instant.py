"""A model that answers at once: a look-up behind our port to models, as the peers' instant models are look-ups.

One id a byte, so that text and ids are the same bytes; the markers of thinking are control characters.
"""

from __future__ import annotations

from collections.abc import Sequence

from samples import samples

from thinkcurve.backend import Chat, Continuation, Generation, ModelInfo, Request, Stop, Usage
from thinkcurve.budget import Control, ThinkingFormat
from thinkcurve.problem import Message

OPEN, CLOSE = "\x02", "\x03"
BEGINNING = 24
"""So many ids of a prompt tell its sample."""


class Bytes:
    """A tokenizer with one id a byte."""

    def render(self, messages: Sequence[Message], *, chat: bool = True) -> tuple[int, ...]:
        return self.encode("\n".join(message.content for message in messages))

    def encode(self, text: str) -> tuple[int, ...]:
        return tuple(text.encode())

    def decode(self, token_ids: Sequence[int]) -> str:
        return bytes(token_ids).decode(errors="replace")


class Instant:
    """Says what its ``n`` samples say, thinking and answer apart (a `thinkcurve.backend.Backend`)."""

    controls = frozenset({Control.TRUNCATE})
    concurrency = 32
    tokenizer = Bytes()
    model = ModelInfo(
        name="instant", context_tokens=32768, thinking=ThinkingFormat(name="instant", open=OPEN, close=CLOSE)
    )

    def __init__(self, n: int) -> None:
        self.n_requests = 0
        self._known = {self.tokenizer.encode(sample.question)[:BEGINNING]: sample for sample in samples(n)}

    async def generate(self, request: Request) -> Generation:
        assert isinstance(request.prompt, Continuation)
        assert request.prompt.token_ids is not None
        self.n_requests += 1
        ids = request.prompt.token_ids
        known, is_closed = self._known[ids[:BEGINNING]], ids[-1] == ord(CLOSE)
        said = known.answer if is_closed else known.thinking
        text = said[: request.max_tokens]
        stop = Stop.LENGTH if len(text) < len(said) else Stop.EOS if is_closed else Stop.STOP
        usage = Usage(prompt_tokens=len(ids), cached_tokens=0)
        return Generation(text=text, stop=stop, token_ids=self.tokenizer.encode(text), usage=usage)

    async def aclose(self) -> None:
        """Nothing is held."""


class InstantChat:
    """Says what its ``n`` samples say in one reply to messages, as a provider does: one request a sample."""

    controls = frozenset({Control.PROMPT})
    concurrency = 32
    tokenizer = None
    model = ModelInfo(name="instant", context_tokens=32768, is_local=True)

    def __init__(self, n: int) -> None:
        self.n_requests = 0
        self._known = {sample.question: sample for sample in samples(n)}

    async def generate(self, request: Request) -> Generation:
        assert isinstance(request.prompt, Chat)
        self.n_requests += 1
        known = self._known[request.prompt.messages[-1].content]
        usage = Usage(prompt_tokens=240, thinking_tokens=len(known.thinking), answer_tokens=len(known.answer))
        return Generation(text=known.answer, stop=Stop.EOS, thinking=known.thinking, usage=usage)

    async def aclose(self) -> None:
        """Nothing is held."""
