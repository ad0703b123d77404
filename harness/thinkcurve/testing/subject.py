"""A backend under test: how a check asks it, how long it waits, and what counts as the same tokens.

Every question to the backend goes through here, so that no check can hang, and nothing but a `BackendError` passes
for an honest refusal.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

import msgspec

from thinkcurve.backend import Backend, Chat, Continuation, Generation, Request, Sampling, Tokenizer
from thinkcurve.budget import Control
from thinkcurve.errors import BackendError, ThinkcurveError
from thinkcurve.problem import Message
from thinkcurve.retry import RetryPolicy, with_retries
from thinkcurve.testing.outcome import Spent

T = TypeVar("T")
NEAR_TIE = 0.02
"""Where the two likeliest tokens are nearer than this in log-probability, rounding may choose between them: engines at
float32 and float16 were seen to part at gaps of 0.0065 and below, never above."""
RETRY = RetryPolicy(attempts=3)
LEAST = 4
"""Tokens that a continuation needs, so that there is something to cut."""
SMALL = 16
"""Tokens where the reply does not matter: the least that every provider lets one ask for."""
FEW = 256
"""Tokens of a chat; with fewer it does not matter whether it is thought about."""
QUESTIONS = (
    "Start with {}. Do +3. What is the result?",
    "Count from {} to one hundred.",
    "Write a short story about {} birds.",
    "What is {} + 58?",
)
TEXTS = ("{}, 2, 3, 4, 5, 6, 7,", "Once upon a time there were {} birds, and", "abc {} abc {} abc", "{}\n")
"""Plain text to go on with, for models that answer a chat with one word."""


class Failure(Exception):
    """A promise that was broken: what came, and what was promised."""


class Skipped(Exception):
    """Why a check cannot be made with this backend."""


@dataclass(frozen=True, slots=True)
class Sample:
    """A prompt, and its greedy continuation of several tokens: what most checks cut and continue."""

    prompt: tuple[int, ...]
    ids: tuple[int, ...]
    text: str


class Subject:
    """A backend with the patience to test it; checks share what it has found out.

    ``size`` is how many tokens a generation is long where its length does not matter, ``patience_s`` how long one
    request may take.
    """

    def __init__(self, backend: Backend, *, size: int = 24, patience_s: float = 120.0) -> None:
        self.backend = backend
        self.size = max(size, 2 * LEAST)
        self.patience_s = patience_s
        self.found: dict[str, object] = {}
        self.spent = Spent()
        self._sample: Sample | None = None
        self._prefill_s: float | None = None
        self._needs_room: bool | None = None

    @property
    def tokenizer(self) -> Tokenizer:
        """The model's tokenizer; `Skipped` where only text goes in and out."""
        if self.backend.tokenizer is None:
            raise Skipped("it gives no token ids")
        return self.backend.tokenizer

    def question(self, number: int) -> tuple[int, ...]:
        """The ids of a short question, another one for each number."""
        return self.rendered(QUESTIONS[number % len(QUESTIONS)].format(number + 5))

    def rendered(self, text: str) -> tuple[int, ...]:
        """A chat with one message as ids, or the text alone where the model has no chat template."""
        return self.tokenizer.render([Message("user", text)], chat=self.has_template)

    @cached_property
    def has_template(self) -> bool:
        """Whether chats can be rendered."""
        try:
            self.tokenizer.render([Message("user", "Hello")])
        except ThinkcurveError:
            return False
        return True

    def prompt(self, number: int) -> Continuation | Chat:
        """A short question in the form that the backend takes."""
        if self.backend.tokenizer is not None:
            return Continuation(self.question(number))
        return Chat((Message("user", QUESTIONS[number % len(QUESTIONS)].format(number + 5)),))

    def request(self, number: int, max_tokens: int) -> Request:
        """A short question to be answered in so many tokens."""
        prompt = self.prompt(number)
        if isinstance(prompt, Chat):
            prompt, max_tokens = self.fitted(prompt, max_tokens)
        return Request(prompt, max_tokens, leaves_sampling=isinstance(prompt, Chat))

    async def look(self) -> None:
        """Find out, once, whether few tokens are refused for the thinking that they leave no room for.

        Anthropic's models that think by budgets take no less than 1,024; other servers take what they are given.
        """
        if self._needs_room is None and self._least_budget > SMALL:
            chat = Chat((Message("user", QUESTIONS[3].format(5)),))
            came = await self.refusal(Request(chat, SMALL, leaves_sampling=True))
            self._needs_room = isinstance(came, BackendError) and not came.is_retryable and not came.is_fatal

    @property
    def _least_budget(self) -> int:
        native = self.backend.model.native if Control.NATIVE in self.backend.controls else None
        return native.least if native is not None else 0

    def fitted(self, chat: Chat, max_tokens: int) -> tuple[Chat, int]:
        """A chat and its tokens, which leave room for the least thinking where they have to (`look`).

        Few are asked for without thinking instead, where it can be turned off.
        """
        native, least = self.backend.model.native, self._least_budget
        is_free = chat.budget_tokens is None and chat.effort is None and chat.prefix is None
        if native is None or not self._needs_room or not is_free or max_tokens >= 2 * least:
            return chat, max_tokens
        if native.has_zero and max_tokens < FEW:
            return msgspec.structs.replace(chat, budget_tokens=0), max_tokens
        return chat, 2 * least

    async def sample(self) -> Sample:
        """A prompt that the model goes on with for ``size`` tokens, or for the most, with no near tie on the way.

        Where every continuation has near ties from the start (random weights), the longest as it is.
        """
        if self._sample is None:
            clear = longest = Sample((), (), "")
            prompts = [self.question(number) for number in range(len(QUESTIONS))]
            prompts += [self.tokenizer.render([Message("user", text.format(1, 1))], chat=False) for text in TEXTS]
            for prompt in prompts:
                whole = await self.ask(prompt, self.size)
                found = Sample(prompt, self.ids_of(whole), whole.text)
                longest = max(longest, found, key=lambda sample: len(sample.ids))
                clear = max(clear, await self._clear(found), key=lambda sample: len(sample.ids))
                if len(clear.ids) > self.size // 2:
                    break
            self._sample = clear if len(clear.ids) >= LEAST else longest
        if len(self._sample.ids) < LEAST:
            raise Skipped(f"the model ends every answer within {LEAST} tokens, so there is nothing to cut")
        return self._sample

    async def _clear(self, found: Sample) -> Sample:
        """A continuation up to its first near tie, as far as the engine tells of any."""
        n = len(found.ids)
        try:
            told = (await self.ask(found.prompt, n, top_logprobs=2)).top_logprobs or ()
        except Failure:
            told = ()  # a check of its own says so
        gaps = [abs(a - b) for a, b in (list(top.values())[:2] for top in told if len(top) > 1)]
        n_clear = next((place for place, gap in enumerate(gaps) if gap < NEAR_TIE), n)
        if n_clear == n:
            return found
        whole = await self.ask(found.prompt, n_clear)
        return Sample(found.prompt, self.ids_of(whole), whole.text)

    async def ask(
        self,
        prompt: Sequence[int] | Continuation | Chat,
        max_tokens: int,
        *,
        sampling: Sampling | None = None,
        seed: int = 0,
        stop_ids: tuple[int, ...] = (),
        stop: tuple[str, ...] = (),
        top_logprobs: int | None = None,
        patience: float = 1.0,
    ) -> Generation:
        """One generation, greedy unless said otherwise; `Failure` where it does not come about.

        A chat without ``sampling`` is drawn as its provider likes: many take no temperature.
        """
        asked = prompt if isinstance(prompt, (Continuation, Chat)) else Continuation(tuple(prompt))
        if isinstance(asked, Chat):
            asked, max_tokens = self.fitted(asked, max_tokens)
        request = Request(
            prompt=asked,
            max_tokens=max_tokens,
            sampling=sampling or Sampling(),
            leaves_sampling=sampling is None and isinstance(asked, Chat),
            seed=seed,
            stop_ids=stop_ids,
            stop=stop,
            top_logprobs=top_logprobs,
        )
        coming = with_retries(lambda: self.generate(request), RETRY)
        return await self.expect(coming, described(request), patience=patience)

    async def generate(self, request: Request) -> Generation:
        """One request as it is, added to what was `spent`."""
        self.spent = self.spent.plus(Spent(requests=1))
        generation = await self.backend.generate(request)
        self.spent = self.spent.plus(Spent.of(generation))
        return generation

    async def expect(self, coming: Awaitable[T], what: str, *, patience: float = 1.0) -> T:
        """What is awaited, or a `Failure` that names it: too late, refused, or broken."""
        try:
            return await self.within(coming, what, patience=patience)
        except (Failure, Skipped):
            raise
        except BackendError as error:
            raise Failure(f"{what} was refused: {error}") from error
        except ThinkcurveError as error:
            raise Failure(f"{what} was refused as a user's mistake: {error}") from error
        except Exception as error:
            raise Failure(f"{what} raised {type(error).__name__} ({error}); only BackendError is promised") from error

    async def refusal(self, request: Request) -> BackendError | Generation:
        """A generation or an honest refusal: one of the two, in time."""
        try:
            return await self.within(self.generate(request), described(request))
        except (BackendError, Failure) as error:
            if isinstance(error, Failure):
                raise
            return error
        except Exception as error:
            what = f"{described(request)} raised {type(error).__name__} ({error})"
            raise Failure(f"{what}; an answer or a BackendError is promised") from error

    async def within(self, coming: Awaitable[T], what: str, *, patience: float = 1.0) -> T:
        """What is awaited, however it ends; `Failure` after ``patience`` times the subject's own."""
        task = asyncio.ensure_future(coming)
        allowed_s = self.patience_s * patience
        try:
            done, _ = await asyncio.wait([task], timeout=allowed_s)
        except asyncio.CancelledError:
            task.cancel()
            raise
        if not done:
            task.cancel()  # not awaited: what hangs may also hang when it is cancelled
            raise Failure(f"{what} had not ended after {allowed_s:.0f} s; an answer or a BackendError is promised")
        return task.result()

    async def together(self, coming: Iterable[Awaitable[T]], what: str, *, patience: float = 3.0) -> list[T]:
        """All of them at once, in order."""
        tasks = [asyncio.ensure_future(one) for one in coming]
        try:
            return list(await self.within(asyncio.gather(*tasks), what, patience=patience))
        finally:
            for task in tasks:
                task.cancel()

    def ids_of(self, generation: Generation) -> tuple[int, ...]:
        """The ids of a generation, which a backend with a tokenizer must give."""
        if generation.token_ids is None:
            raise Failure("a generation came without token_ids; a backend with a tokenizer promises them")
        return tuple(generation.token_ids)

    async def same(
        self, prompt: Sequence[int], promised: Sequence[int], came: Sequence[int], what: str, *, tie: bool = True
    ) -> str:
        """Nothing where both are the same greedy tokens after ``prompt``, a remark where a near tie explains it.

        Raises `Failure` for any other difference; without ``tie``, for every difference.
        """
        first, second = tuple(promised), tuple(came)
        if first == second:
            return ""
        at = next(
            (i for i, (a, b) in enumerate(zip(first, second, strict=False)) if a != b), min(map(len, (first, second)))
        )
        gap = await self._gap([*prompt, *first[:at]], {*first[at : at + 1], *second[at : at + 1]}) if tie else None
        if gap is not None and gap < NEAR_TIE and at < min(len(first), len(second)):
            return f"parts at a near tie (token {at + 1}, gap {gap:.4f})"
        known = f"; the two are {gap:.3g} apart in log-probability, no near tie" if gap is not None else ""
        raise Failure(
            f"{what} gave {shown(second, at)}, promised is {shown(first, at)}: they part at token {at + 1}{known}"
        )

    async def _gap(self, prefix: Sequence[int], rivals: set[int]) -> float | None:
        """How far apart the best token after ``prefix`` and the worse of ``rivals`` are; ``None`` if it is not told."""
        told = (await self.ask(prefix, 1, top_logprobs=5)).top_logprobs
        if not told or not rivals <= set(told[0]):
            return None
        return max(told[0].values()) - min(told[0][token] for token in rivals)

    async def can_fill(self, n_tokens: int) -> bool:
        """Whether so many prompt tokens are read within the patience, judged by a few; attention makes many slower."""
        if self._prefill_s is None:
            few = min(128, (self.backend.model.context_tokens or 256) // 2)
            started = time.perf_counter()
            await self.ask(self.filler(few, 17), 1)
            self._prefill_s = (time.perf_counter() - started) / few
        return 2 * n_tokens * self._prefill_s < self.patience_s

    def filler(self, n_tokens: int, kind: int = 0) -> tuple[int, ...]:
        """So many ids of harmless text."""
        text = TEXTS[kind % len(TEXTS)].format(kind, kind) + " "
        ids = self.tokenizer.encode(text) or self.question(kind)
        return (ids * (n_tokens // len(ids) + 1))[:n_tokens]


def described(request: Request) -> str:
    """A request in a few words, for complaints."""
    prompt = request.prompt
    if isinstance(prompt, Chat):
        asked = "a chat request"
    elif prompt.token_ids is None:
        asked = "a request of text"
    else:
        asked = f"a request of {len(prompt.token_ids)} ids"
    return f"{asked} for {request.max_tokens} tokens"


def shown(ids: Sequence[int], at: int = 0) -> str:
    """The ids around a place: ``[.., 12, 7, 9, ..] (24 ids)``."""
    first, last = max(at - 2, 0), at + 3
    inside = [*([".."] if first else []), *map(str, ids[first:last]), *([".."] if last < len(ids) else [])]
    return f"[{', '.join(inside)}] ({len(ids)} ids)"


def remarks(*said: str) -> str:
    """What was remarked, once each."""
    return "; ".join(dict.fromkeys(word for word in said if word))
