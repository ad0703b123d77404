"""A whole engine in miniature: drawn from hashes, exact, slotted, cached; honest here, broken on purpose in `broken`.

It is a model without weights: a hash of the last ids gives the next token's probabilities, so that it has natural
ends, near-even draws, tokens of several characters and characters of several tokens.
"""

from __future__ import annotations

import asyncio
import hashlib
import math
import random
from collections.abc import Sequence

import msgspec

from thinkcurve.backend import Continuation, Generation, ModelInfo, Request, Stop, Usage
from thinkcurve.budget import THINK_TAGS, Control
from thinkcurve.errors import BackendError
from thinkcurve_backends.scripted import CLOSE_ID, END_ID, OPEN_ID, ByteTokenizer

WORDS = ["the", "an", " to", "on ", "1, 2", " = ", "so", "és", "数", "ab"]
WORDS += [a + b for a in "cdefghijk" for b in "abcdefghijklmnopq"]
FIRST_WORD = 300
"""Ids of words: text may be cut into tokens in more than one way, so encoding it anew changes ids."""
EMOJI = "🙂".encode()


class ToyTokenizer(ByteTokenizer):
    """Bytes, markers, and a few words; ``encode`` takes the longest word that fits."""

    def encode(self, text: str) -> tuple[int, ...]:
        ids: list[int] = []
        while text:
            word = next((w for w in sorted(WORDS, key=len, reverse=True) if text.startswith(w)), "")
            marker = next((m for m in (THINK_TAGS.open, THINK_TAGS.close) if text.startswith(m)), "")
            taken = marker or word or text[0]
            ids += [FIRST_WORD + WORDS.index(word)] if word and not marker else super().encode(taken)
            text = text[len(taken) :]
        return tuple(ids)

    def decode(self, token_ids: Sequence[int]) -> str:
        plain: list[int] = []
        for token in token_ids:
            plain += WORDS[token - FIRST_WORD].encode() if token >= FIRST_WORD else [token]
        return super().decode(plain)


class Toy:
    """Honest in all it promises (a `thinkcurve.backend.Backend`). ``pause_s`` is how long a token takes."""

    controls = frozenset({Control.TRUNCATE, Control.EXTEND, Control.SERVER})
    ends_every = 31

    def __init__(self, *, slots: int = 4, context: int = 700, pause_s: float = 0.0) -> None:
        self.concurrency = slots
        self.tokenizer = ToyTokenizer()
        self.context = context
        self.pause_s = pause_s
        self.is_closed = False
        self.known: list[tuple[int, ...]] = []
        self.free = slots
        thinking = msgspec.structs.replace(THINK_TAGS, template_opens=True, cue="so")
        self.model = ModelInfo(name="toy", context_tokens=context, thinking=thinking, engine="toy", is_local=True)

    async def generate(self, request: Request) -> Generation:
        prompt = self.prompt_of(request)
        if request.max_tokens <= 0:
            return Generation(text="", stop=Stop.LENGTH, token_ids=(), usage=Usage(len(prompt), 0, source="client"))
        if self.context - len(prompt) <= 0:
            raise self.too_long(prompt)
        while self.free <= 0:  # noqa: ASYNC110 - an Event would belong to one event loop
            await asyncio.sleep(0.0005)
        self.free -= 1
        try:
            return await self.serve(prompt, request)
        finally:
            self.release()

    def prompt_of(self, request: Request) -> tuple[int, ...]:
        if self.is_closed:
            raise BackendError("closed", is_fatal=True)
        if not isinstance(request.prompt, Continuation):
            raise BackendError("no chats")
        ids = request.prompt.token_ids
        return ids if ids is not None else self.tokenizer.encode(request.prompt.text or "")

    def too_long(self, prompt: tuple[int, ...]) -> BackendError:
        return BackendError(f"a prompt of {len(prompt)} tokens is too long for {self.context}")

    def release(self) -> None:
        self.free += 1

    async def aclose(self) -> None:
        self.is_closed = True

    async def serve(self, prompt: tuple[int, ...], request: Request) -> Generation:
        cached = max((_common(prompt, old) for old in self.known), default=0)
        ids: list[int] = []
        told: list[dict[int, float]] = []
        stop = Stop.LENGTH
        rng = self.rng(request, prompt)
        limit = self.limit(prompt, request)
        while len(ids) < limit:
            if self.pause_s or len(ids) % 8 == 0:
                await asyncio.sleep(self.pause_s)
            if self.is_closed:
                raise BackendError("closed while at work", is_fatal=True)
            forced = self.forced(prompt, ids, request)
            if forced:
                ids += forced
                continue
            chances = self.chances((*prompt, *ids), request)
            token = self.draw(chances, request, rng)
            if token in request.stop_ids or token == END_ID:
                stop = self.ended(ids, token, request)
                break
            ids.append(token)
            told.append(chances)
            if any(text in self.tokenizer.decode(ids) for text in request.stop):
                break
        if stop is Stop.LENGTH and len(ids) < request.max_tokens:
            stop = self.full()
        self.known = [*self.known[-50:], prompt + tuple(ids)]
        made = self.finish(tuple(ids), stop, request)
        return self.with_logprobs(
            msgspec.structs.replace(made, usage=self.usage(prompt, cached, request), wall_s=0.0), told, request
        )

    def limit(self, prompt: tuple[int, ...], request: Request) -> int:
        return min(request.max_tokens, self.context - len(prompt))

    def full(self) -> Stop:
        return Stop.CONTEXT

    def ended(self, ids: list[int], token: int, request: Request) -> Stop:
        return Stop.STOP if token in request.stop_ids else Stop.EOS

    def rng(self, request: Request, prompt: tuple[int, ...]) -> random.Random:
        return random.Random(f"{request.seed} {prompt}")

    def chances(self, ids: tuple[int, ...], request: Request) -> dict[int, float]:
        """Natural log-probabilities of eight tokens."""
        digest = hashlib.blake2b(repr(ids[-12:]).encode(), digest_size=32).digest()
        candidates = [FIRST_WORD + byte % len(WORDS) if byte % 3 == 0 else 97 + byte % 26 for byte in digest[:5]]
        candidates += [32, *EMOJI[digest[6] % 4 :][:1], 65 + digest[7] % 26]
        is_thinking = OPEN_ID in ids and CLOSE_ID not in ids[ids.index(OPEN_ID) :]
        if int.from_bytes(digest[24:]) % self.ends_every == 0:
            candidates[0] = CLOSE_ID if is_thinking else END_ID
        heights = {token: (2.5 if i == 0 else 0.0) + digest[9 + i] / 200 for i, token in enumerate(candidates)}
        total = math.log(sum(map(math.exp, heights.values())))
        return {token: height - total for token, height in heights.items()}

    def draw(self, chances: dict[int, float], request: Request, rng: random.Random) -> int:
        asked = request.sampling
        ranked = sorted(chances, key=lambda token: -chances[token])
        if asked.temperature <= 0:
            return ranked[0]
        weights = [math.exp(chances[token] / asked.temperature) for token in ranked]
        if asked.top_k:
            ranked, weights = ranked[: asked.top_k], weights[: asked.top_k]
        kept, mass = 0, 0.0
        while kept < len(ranked) and mass < asked.top_p * sum(weights):
            mass += weights[kept]
            kept += 1
        kept = min(kept, sum(weight >= asked.min_p * weights[0] for weight in weights))
        return rng.choices(ranked[:kept], weights[:kept])[0]

    def forced(self, prompt: tuple[int, ...], ids: list[int], request: Request) -> list[int]:
        """The end of the thinking, where the request's own budget is used up."""
        budget = self.budget(request)
        if budget is None or len(ids) != budget or CLOSE_ID in ids:
            return []
        return list(self.tokenizer.encode(THINK_TAGS.close + "so"))

    def budget(self, request: Request) -> int | None:
        return request.thinking_budget

    def finish(self, ids: tuple[int, ...], stop: Stop, request: Request) -> Generation:
        """Ids and text up to a stop text."""
        text = self.tokenizer.decode(ids)
        places = [place for place in map(text.find, request.stop) if place >= 0]
        if places:
            text, stop = text[: min(places)], Stop.STOP
            while ids and len(self.tokenizer.decode(ids)) > len(text):
                ids = ids[:-1]
        return Generation(text=text, stop=stop, token_ids=ids)

    def with_logprobs(self, made: Generation, told: list[dict[int, float]], request: Request) -> Generation:
        if request.top_logprobs is None:
            return made
        ids = made.token_ids or ()
        pairs = list(zip(ids, told, strict=False))
        ranked = [dict(sorted(c.items(), key=lambda item: -item[1])[: request.top_logprobs]) for _, c in pairs]
        return msgspec.structs.replace(
            made,
            logprobs=tuple(chances[token] for token, chances in pairs),
            top_logprobs=tuple(ranked) if request.top_logprobs else None,
        )

    def usage(self, prompt: tuple[int, ...], cached: int, request: Request) -> Usage:
        return Usage(prompt_tokens=len(prompt), cached_tokens=min(cached, len(prompt) - 1), source="client")


def _common(first: tuple[int, ...], second: tuple[int, ...]) -> int:
    same = (i for i, (a, b) in enumerate(zip(first, second, strict=False)) if a != b)
    return next(same, min(len(first), len(second)))
