"""Engines that are broken in what they generate: tokens, text, draws, log-probabilities, budgets of their own."""

from __future__ import annotations

import math
import random
import unicodedata
from collections.abc import Sequence

import msgspec
from toy import Toy, ToyTokenizer

from thinkcurve.backend import Generation, Request, Stop
from thinkcurve_backends.scripted import CLOSE_ID, END_ID


def _with(generation: Generation, **fields: object) -> Generation:
    return msgspec.structs.replace(generation, **fields)


class OneMore(Toy):
    def limit(self, prompt: tuple[int, ...], request: Request) -> int:
        return super().limit(prompt, request) + 1


class OneFewer(Toy):
    def limit(self, prompt: tuple[int, ...], request: Request) -> int:
        return max(super().limit(prompt, request) - (request.max_tokens > 4), 1)


class ZeroIsOne(Toy):
    async def generate(self, request: Request) -> Generation:
        return await super().generate(msgspec.structs.replace(request, max_tokens=max(request.max_tokens, 1)))


class ReEncoded(Toy):
    """Gives the ids of the text, not those that were generated."""

    def finish(self, ids: tuple[int, ...], stop: Stop, request: Request) -> Generation:
        made = super().finish(ids, stop, request)
        return _with(made, token_ids=self.tokenizer.encode(made.text))


class PromptReEncoded(Toy):
    """Takes the prompt as text, as an endpoint without ids would."""

    def prompt_of(self, request: Request) -> tuple[int, ...]:
        return self.tokenizer.encode(self.tokenizer.decode(super().prompt_of(request)))


class BadFork(Toy):
    """A KV cache that is wrong by one place after it was shared."""

    def chances(self, ids: tuple[int, ...], request: Request) -> dict[int, float]:
        start = ids[: len(ids) - 3]
        wrong = any(old[: len(start)] == start and len(old) > len(start) + 5 for old in self.known[:-1])
        return super().chances((*ids[:-1], ids[-1] ^ 1) if wrong and len(ids) % 5 == 0 else ids, request)


class OnlyInCompany(Toy):
    """Separate runs at the same time share a cache that they should not."""

    def chances(self, ids: tuple[int, ...], request: Request) -> dict[int, float]:
        return super().chances((*ids, 0) if self.free < 2 else ids, request)


class LengthIsSeen(Toy):
    """A model that is told how much room it has."""

    def chances(self, ids: tuple[int, ...], request: Request) -> dict[int, float]:
        return super().chances((*ids, request.max_tokens % 3), request)


class StopTextLeftIn(Toy):
    def finish(self, ids: tuple[int, ...], stop: Stop, request: Request) -> Generation:
        made = super().finish(ids, stop, request)
        return _with(made, text=self.tokenizer.decode(ids)) if request.stop else made


class StopIdsBeyondText(Toy):
    """The text ends before the stop text, the ids do not."""

    def finish(self, ids: tuple[int, ...], stop: Stop, request: Request) -> Generation:
        return _with(super().finish(ids, stop, request), token_ids=ids)


class StopOnlyWithinTokens(Toy):
    """Looks for a stop text in each token by itself."""

    async def serve(self, prompt: tuple[int, ...], request: Request) -> Generation:
        stop = tuple(text for text in request.stop if len(text) < 2)
        return await super().serve(prompt, msgspec.structs.replace(request, stop=stop))


class HeldBack(Toy):
    """Keeps back what might become a stop text, and forgets it at the limit."""

    def finish(self, ids: tuple[int, ...], stop: Stop, request: Request) -> Generation:
        made = super().finish(ids, stop, request)
        begun = [text for text in request.stop if made.text.endswith(text[:1])]
        return _with(made, text=made.text[:-1]) if made.stop is Stop.LENGTH and begun else made


class StopIdLeftIn(Toy):
    def ended(self, ids: list[int], token: int, request: Request) -> Stop:
        stop = super().ended(ids, token, request)
        if stop is Stop.STOP:
            ids.append(token)
        return stop


class StopIdIsFree(Toy):
    """Counts a stop id as no token: it is seen one place beyond the limit."""

    async def serve(self, prompt: tuple[int, ...], request: Request) -> Generation:
        more = msgspec.structs.replace(request, max_tokens=request.max_tokens + 1)
        made = await super().serve(prompt, more)
        ids = made.token_ids or ()
        if len(ids) <= request.max_tokens:
            return made
        return _with(made, token_ids=ids[:-1], text=self.tokenizer.decode(ids[:-1]))


class StopIdAtLimitUnseen(Toy):
    def ended(self, ids: list[int], token: int, request: Request) -> Stop:
        return Stop.LENGTH if len(ids) + 1 == request.max_tokens else super().ended(ids, token, request)

    def full(self) -> Stop:
        return Stop.LENGTH


class EndLeftIn(Toy):
    def ended(self, ids: list[int], token: int, request: Request) -> Stop:
        if token == END_ID:
            ids.append(END_ID)
        return super().ended(ids, token, request)


class EndInText(Toy):
    def finish(self, ids: tuple[int, ...], stop: Stop, request: Request) -> Generation:
        made = super().finish(ids, stop, request)
        return _with(made, text=made.text + "<|end|>") if stop is Stop.EOS else made


class SharedSeed(Toy):
    """One random state for all requests."""

    def __init__(self, **options: float) -> None:
        super().__init__(**options)  # type: ignore[arg-type]
        self.one = random.Random(0)

    def rng(self, request: Request, prompt: tuple[int, ...]) -> random.Random:
        return self.one


class SharedSeedInABatch(Toy):
    """The seed of the first request of a batch is that of all."""

    current = 0

    def rng(self, request: Request, prompt: tuple[int, ...]) -> random.Random:
        if self.free == self.concurrency - 1:
            self.current = request.seed
        return random.Random(f"{self.current} {prompt}")


class SeedIgnored(Toy):
    def rng(self, request: Request, prompt: tuple[int, ...]) -> random.Random:
        return random.Random(0)


class GreedyDraws(Toy):
    """Takes temperature 0 for a very small one."""

    def draw(self, chances: dict[int, float], request: Request, rng: random.Random) -> int:
        warm = msgspec.structs.replace(request.sampling, temperature=max(request.sampling.temperature, 0.6))
        return super().draw(chances, msgspec.structs.replace(request, sampling=warm), rng)


class MinPIgnored(Toy):
    def draw(self, chances: dict[int, float], request: Request, rng: random.Random) -> int:
        without = msgspec.structs.replace(request.sampling, min_p=0.0)
        return super().draw(chances, msgspec.structs.replace(request, sampling=without), rng)


class Log10(Toy):
    def with_logprobs(self, made: Generation, told: list[dict[int, float]], request: Request) -> Generation:
        tens = [{token: value / math.log(10) for token, value in chances.items()} for chances in told]
        return super().with_logprobs(made, tens, request)


class OneLogprobFewer(Toy):
    def with_logprobs(self, made: Generation, told: list[dict[int, float]], request: Request) -> Generation:
        made = super().with_logprobs(made, told, request)
        return made if made.logprobs is None else _with(made, logprobs=made.logprobs[1:])


class Probabilities(Toy):
    def with_logprobs(self, made: Generation, told: list[dict[int, float]], request: Request) -> Generation:
        made = super().with_logprobs(made, told, request)
        return made if made.logprobs is None else _with(made, logprobs=tuple(map(math.exp, made.logprobs)))


class ShiftedLogprobs(Toy):
    def with_logprobs(self, made: Generation, told: list[dict[int, float]], request: Request) -> Generation:
        made = super().with_logprobs(made, told, request)
        return made if made.logprobs is None else _with(made, logprobs=(-9.0, *made.logprobs[:-1]))


class StrictTokenizer(ToyTokenizer):
    def decode(self, token_ids: Sequence[int]) -> str:
        text = super().decode(token_ids)
        if text.startswith("\ufffd"):
            raise UnicodeDecodeError("utf-8", b"", 0, 1, "invalid start byte")
        return text


class PlainTokenizer(ToyTokenizer):
    def encode(self, text: str) -> tuple[int, ...]:
        folded = unicodedata.normalize("NFD", text).encode("ascii", "replace").decode()
        return super().encode(folded.replace("?", "\ufffd"))


class RaisingDecoder(Toy):
    def __init__(self, **options: float) -> None:
        super().__init__(**options)  # type: ignore[arg-type]
        self.tokenizer = StrictTokenizer()


class AsciiOnly(Toy):
    def __init__(self, **options: float) -> None:
        super().__init__(**options)  # type: ignore[arg-type]
        self.tokenizer = PlainTokenizer()


class MarkerInTrace(Toy):
    """Ends at the closing marker, and leaves it in the thinking."""

    def ended(self, ids: list[int], token: int, request: Request) -> Stop:
        if token == CLOSE_ID:
            ids.append(token)
        return super().ended(ids, token, request)


class BudgetOneMore(Toy):
    def budget(self, request: Request) -> int | None:
        return None if request.thinking_budget is None else request.thinking_budget + 1


class ZeroBudgetIgnored(Toy):
    """llama.cpp's own fault with templates that open the thinking."""

    def budget(self, request: Request) -> int | None:
        return request.thinking_budget or None


class CueLeftOut(Toy):
    def forced(self, prompt: tuple[int, ...], ids: list[int], request: Request) -> list[int]:
        return super().forced(prompt, ids, request)[:1]


class NoIds(Toy):
    def finish(self, ids: tuple[int, ...], stop: Stop, request: Request) -> Generation:
        return _with(super().finish(ids, stop, request), token_ids=None)


class TextStripped(Toy):
    def finish(self, ids: tuple[int, ...], stop: Stop, request: Request) -> Generation:
        made = super().finish(ids, stop, request)
        return _with(made, text=made.text[1:])
