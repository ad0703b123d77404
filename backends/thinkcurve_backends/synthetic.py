"""A model that is no model: for load tests of everything around one, at the speed of the harness itself.

    thinkcurve run -m synthetic: -t sums.jsonl --budgets 0,64,256,1024 --samples 8

It answers questions that hold a sum (``123 + 45``) in ``\\boxed{}``. Thinking comes at once, filler of a length that is
log-normal over samples; the answer is right where the thinking that it was given is long enough for the question, so
that there is a curve. Everything follows from the request's seed and the question: the same study, the same tokens.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from zlib import crc32

import msgspec

from thinkcurve.backend import Continuation, Generation, ModelInfo, Request, Sampling, Stop, Usage
from thinkcurve.budget import THINK_TAGS, Control
from thinkcurve.errors import BackendError, UsageError
from thinkcurve_backends.options import read_options
from thinkcurve_backends.scripted.ids import CLOSE_ID, OPEN_ID, ByteTokenizer

CONTEXT_TOKENS = 1 << 17
FILLER = tuple(b"so the tens and then the ones, and carry what is left over; " * (CONTEXT_TOKENS // 60 + 1))
_SUM = re.compile(rb"(\d{1,18}) \+ (\d{1,18})(?!.*\d \+ \d)", re.DOTALL)
_MASK = (1 << 64) - 1


@dataclass(frozen=True, slots=True)
class Options:
    """``median_tokens`` of thinking, and ``sigma`` of its logarithm; how many requests are open at once."""

    median_tokens: int = 64
    sigma: float = 1.0
    concurrency: int = 64


class Synthetic:
    """Filler for thinking, sums for answers (a `thinkcurve.backend.Backend`)."""

    controls = frozenset({Control.TRUNCATE, Control.EXTEND, Control.PROMPT})

    def __init__(self, options: Options) -> None:
        self.concurrency = options.concurrency
        self.tokenizer = ByteTokenizer()
        self.model = ModelInfo(
            name="synthetic",
            fingerprint=f"synthetic {options.median_tokens} {options.sigma:g}",
            context_tokens=CONTEXT_TOKENS,
            thinking=msgspec.structs.replace(THINK_TAGS, template_opens=True),
            engine="synthetic",
            is_local=True,
            sampling=Sampling(temperature=1.0),
            notes=("it is no model: its figures are a load test's",),
        )
        self._options = options

    async def generate(self, request: Request) -> Generation:
        """Thinking or an answer, at once."""
        prompt = request.prompt
        if not isinstance(prompt, Continuation) or prompt.token_ids is None:
            raise BackendError("the synthetic backend continues token ids; it takes no chat requests")
        ids = prompt.token_ids
        opened = ids.index(OPEN_ID) if OPEN_ID in ids else len(ids)
        is_thinking = opened < len(ids) and CLOSE_ID not in ids[opened:]
        done = len(ids) - opened - 1
        if is_thinking:
            natural = self._length(request.seed) - done
            new, stop = FILLER[: max(min(natural, request.max_tokens), 0)], Stop.STOP
            stop = Stop.STOP if natural < request.max_tokens else Stop.LENGTH
        else:
            thought = ids.index(CLOSE_ID, opened) - opened - 1 if CLOSE_ID in ids else 0
            text = self._answer(bytes(token for token in ids[:opened] if token < 256), thought, request.seed)
            new, stop = tuple(text[: request.max_tokens]), Stop.EOS
        return Generation(
            text=self.tokenizer.decode(new),
            stop=stop,
            token_ids=new,
            usage=Usage(prompt_tokens=len(ids), cached_tokens=0, source="client"),
            wall_s=0.0,
        )

    async def aclose(self) -> None:
        """Nothing is held."""

    def _length(self, seed: int) -> int:
        """Log-normal, one to a half of the context."""
        one, other = _uniform(seed), _uniform(seed ^ 0x5DEECE66D)
        normal = math.sqrt(-2 * math.log(one)) * math.cos(2 * math.pi * other)  # Box and Muller 1958
        length = self._options.median_tokens * math.exp(self._options.sigma * normal)
        return max(1, min(int(length), CONTEXT_TOKENS // 2))

    def _answer(self, question: bytes, thought: int, seed: int) -> bytes:
        """The sum where the thinking was long enough for the question, else one beside it."""
        found = _SUM.search(question)
        if found is None:
            return b"I see no sum here."
        total = int(found[1]) + int(found[2])
        needed = self._length(crc32(question)) * _uniform(seed)
        return b"\\boxed{%d}" % (total if thought >= needed else total + 1 + seed % 9)


def _uniform(seed: int) -> float:
    """A number in (0, 1] that a seed decides (SplitMix64, Steele, Lea and Flood 2014)."""
    z = (seed + 0x9E3779B97F4A7C15) & _MASK
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & _MASK
    return ((z ^ (z >> 31)) + 1) / (1 << 64)


def open_backend(what: str, **options: str | int | float | bool) -> Synthetic:
    """The synthetic model; it has no name beside that of the engine."""
    if what:
        raise UsageError(f"model 'synthetic:{what}': there is one, 'synthetic:'")
    return Synthetic(
        read_options("synthetic", options, Options(), least={"median_tokens": 1, "sigma": 0, "concurrency": 1})
    )
