"""One request while it runs on MLX: its ids so far, and how it ends."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, field
from typing import Any

import mlx.core as mx

from thinkcurve.backend import Request, Stop, Tokenizer


@dataclass(slots=True, eq=False)
class Job:
    """A request for at most ``limit`` new tokens; ``future`` belongs to ``loop`` and is settled from another thread."""

    prompt: tuple[int, ...]
    request: Request
    limit: int
    eos_ids: frozenset[int]
    tokenizer: Tokenizer
    loop: asyncio.AbstractEventLoop
    future: asyncio.Future[None]
    ids: list[int] = field(default_factory=list)
    logprobs: list[float] = field(default_factory=list)
    top_logprobs: list[dict[int, float]] = field(default_factory=list)
    stop: Stop = Stop.LENGTH
    text: str | None = None
    cached: int = 0
    is_cancelled: bool = False
    is_settled: bool = False

    @property
    def ending_ids(self) -> tuple[int, ...]:
        """The ids that end it: the request's own and the model's."""
        return tuple({*self.request.stop_ids, *self.eos_ids})

    def take(self, token: int, logprobs: mx.array) -> bool:
        """Add a token; whether the request has now ended for another reason than its length."""
        if token in self.request.stop_ids:
            self.stop = Stop.STOP
            return True
        if token in self.eos_ids:
            self.stop = Stop.EOS
            return True
        self.ids.append(token)
        if self.request.top_logprobs is not None:
            self._note(token, logprobs, self.request.top_logprobs)
        return bool(self.request.stop) and self._meets_stop_text()

    def settle(self, error: Exception | None = None) -> None:
        """Wake the coroutine that waits; one whose event loop is gone is nobody's."""

        def wake() -> None:
            if self.future.done():
                return
            if error is None:
                self.future.set_result(None)
            else:
                self.future.set_exception(error)

        self.is_settled = True
        with contextlib.suppress(RuntimeError):
            self.loop.call_soon_threadsafe(wake)

    def _note(self, token: int, logprobs: mx.array, n_top: int) -> None:
        n_asked = min(n_top, logprobs.shape[-1])
        asked: Any = mx.argpartition(-logprobs, n_asked - 1)[:n_asked].tolist() if n_asked > 0 else []
        values: Any = logprobs[mx.array([token, *asked])].tolist()
        self.logprobs.append(values[0])
        if n_asked > 0:
            pairs = sorted(zip(asked, values[1:], strict=True), key=lambda pair: -pair[1])
            self.top_logprobs.append(dict(pairs))

    def _meets_stop_text(self) -> bool:
        """Whether a stop text stands in the end of what was decoded; then text and ids end before it.

        Only the last tokens are decoded each time: a character takes four tokens at most, and a few more keep what
        tokenizers do at the start of a text away from the place.
        """
        stops = self.request.stop
        tail = self.tokenizer.decode(self.ids[-(4 * max(map(len, stops)) + 8) :])
        if not any(stop in tail for stop in stops):
            return False
        text = self.tokenizer.decode(self.ids)
        places = [place for place in map(text.find, stops) if place >= 0]
        if not places:
            return False
        self.text = text[: min(places)]
        while self.ids and len(self.tokenizer.decode(self.ids)) > len(self.text):
            self.ids.pop()
        del self.logprobs[len(self.ids) :], self.top_logprobs[len(self.ids) :]
        self.stop = Stop.STOP
        return True
