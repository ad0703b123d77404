"""One language model behind llama.cpp's ``/completion``: token ids in, token ids out, many requests at once.

The same for a server in this process and for one elsewhere. It is asked for ids because only ``/completion`` tells
ids, stop and cache counts apart; streams are not used, for they leave out the ids of incomplete UTF-8.
"""

from __future__ import annotations

import asyncio
import time
from typing import Any

import msgspec

from thinkcurve.backend import Continuation, Generation, ModelInfo, Request, Sampling, Stop, Usage
from thinkcurve.budget import Control
from thinkcurve.errors import BackendError
from thinkcurve_backends.llamacpp.budget import ServerBudget
from thinkcurve_backends.llamacpp.reply import FIELDS, Reply, Running, top_of
from thinkcurve_backends.llamacpp.tokenizer import GgufTokenizer
from thinkcurve_backends.llamacpp.wire import Wire
from thinkcurve_backends.slots import Slots

SEEDS = 0xFFFFFFFF
"""Seeds are 32 bits in llama.cpp, and its last one means "draw one"."""
NEUTRAL: dict[str, Any] = {
    "mirostat": 0,
    "dynatemp_range": 0.0,
    "min_keep": 0,
    "ignore_eos": False,
    "logit_bias": [],
    "backend_sampling": False,
}
"""What a GGUF file or a server's own flags could set, and no request of ours asks for."""


class LlamaCpp:
    """A model (a `thinkcurve.backend.Backend`). ``writes_markers``: its server's text has special tokens.

    ``engine`` is held as long as this is open, and let go of then.
    """

    def __init__(
        self,
        wire: Wire,
        tokenizer: GgufTokenizer,
        model: ModelInfo,
        *,
        slots: int,
        budget: ServerBudget | None = None,
        writes_markers: bool = False,
        engine: Any = None,
    ) -> None:
        self.model = model
        self.tokenizer = tokenizer
        self.concurrency = slots
        controls = {Control.TRUNCATE, Control.EXTEND, Control.PROMPT}
        self.controls = frozenset(controls | {Control.SERVER} if budget else controls)
        assert model.context_tokens is not None
        self._context = model.context_tokens
        self._wire = wire
        self._budget = budget
        self._writes_markers = writes_markers
        self._engine = engine
        self._is_closed = False
        self._slots = Slots(slots)

    async def generate(self, request: Request) -> Generation:
        """Continue a prefix. Raises `BackendError`: prompt too long, a chat request, or the engine's own error."""
        started = time.perf_counter()
        prompt = self._prompt_ids(request)
        if request.max_tokens <= 0:
            return Generation(text="", stop=Stop.LENGTH, token_ids=(), usage=Usage(len(prompt), source="client"))
        room = self._context - len(prompt)
        if room <= 0:
            raise BackendError(f"a prompt of {len(prompt)} tokens leaves no room in the context of {self._context}")
        limit = min(room, request.max_tokens)
        async with self._slots.one():
            if request.thinking_budget is None:
                run = await self._continue(Running(), prompt, request, limit)
            else:
                run = await self._within_budget(prompt, request, limit, request.thinking_budget)
        is_full = run.stop is Stop.LENGTH and len(run.ids) < request.max_tokens
        known = run.probabilities_of_ids() if request.top_logprobs is not None else None
        return Generation(
            text=run.text,
            stop=Stop.CONTEXT if is_full else run.stop,
            token_ids=tuple(run.ids),
            usage=Usage(prompt_tokens=len(prompt), cached_tokens=run.cached, source="client"),
            logprobs=None if known is None else tuple(p.logprob for p in known),
            top_logprobs=top_of(known, request.top_logprobs) if known and request.top_logprobs else None,
            wall_s=time.perf_counter() - started,
        )

    async def aclose(self) -> None:
        """Unload the model. Requests that are still open end with a `BackendError`."""
        self._is_closed = True
        self._wire.close()
        await asyncio.sleep(0.01)  # those who wait let go of their sockets, and the engine waits for all connected
        self._engine = None

    def _prompt_ids(self, request: Request) -> tuple[int, ...]:
        if self._is_closed:
            raise BackendError("this model is closed", is_fatal=True)
        if not isinstance(request.prompt, Continuation):
            raise BackendError("llamacpp continues token ids; a chat request is for engines that take messages")
        if request.thinking_budget is not None and self._budget is None:
            raise BackendError("this llama.cpp cannot end the thinking by itself; use control truncate")
        if request.prompt.token_ids is not None:
            return request.prompt.token_ids
        return self.tokenizer.encode(request.prompt.text or "")

    async def _within_budget(self, prompt: tuple[int, ...], request: Request, limit: int, budget: int) -> Running:
        """Thinking and answer in one generation, the thinking ended by the engine."""
        assert self._budget is not None
        free = msgspec.structs.replace(request, stop=(), stop_ids=())  # they are looked for in the whole, below
        run = Running()
        reply = await self._ask(prompt, free, limit, budget)
        run.take(reply)
        self._ends(run, reply, free, limit)
        ids = tuple(run.ids)
        begun = await self._own_end(prompt, free, ids, budget) or self._budget.mended(ids, budget)
        if begun is not None:
            run = run.only(begun[:limit])
            run.end(Stop.LENGTH, run.ids, self.tokenizer.decode(run.ids))
            if len(begun) < limit:
                run = await self._continue(run, prompt, free, limit)
        if request.stop or request.stop_ids:
            self._stop_at(run, request)
        return run

    async def _own_end(
        self, prompt: tuple[int, ...], request: Request, ids: tuple[int, ...], budget: int
    ) -> tuple[int, ...] | None:
        """The model's own end of thinking that the engine ended in that very place; greedy, one more token tells."""
        assert self._budget is not None
        if request.sampling.temperature > 0 or not self._budget.may_hide_an_end(ids, budget):
            return None
        following = await self._ask((*prompt, *ids[:budget]), request, 1)
        return self._budget.own_end(ids[:budget], following.tokens[0])

    async def _continue(self, run: Running, prompt: tuple[int, ...], request: Request, limit: int) -> Running:
        """Ask until the stop is a real one: the text of a stop id may also come about from other tokens."""
        while True:
            reply = await self._ask((*prompt, *run.ids), request, limit - len(run.ids))
            run.take(reply)
            if self._ends(run, reply, request, limit):
                return run

    def _ends(self, run: Running, reply: Reply, request: Request, limit: int) -> bool:
        """Settle ids, text and stop of a run after a reply; False where it has to go on."""
        is_eos = reply.stop_type == "eos" and not any(token in request.stop_ids for token in run.ids)
        if is_eos:
            run.eos, run.ids = run.ids[-1], run.ids[:-1]
        run.end(Stop.EOS if is_eos else Stop.LENGTH, run.ids, self._text(run, reply, is_eos))
        self._stop_at(run, request)
        return run.stop is not Stop.LENGTH or reply.stop_type != "word" or len(run.ids) >= limit

    def _text(self, run: Running, reply: Reply, is_eos: bool) -> str:
        """What the ids of a run say: the engine's own text where that is the whole of them, decoded anew otherwise."""
        if not self._writes_markers or run.rounds > 1 or reply.stop_type == "word":
            return self.tokenizer.decode(run.ids)
        return reply.content.removesuffix(self.tokenizer.piece(run.eos)) if is_eos else reply.content

    def _stop_at(self, run: Running, request: Request) -> None:
        """End a run before the first stop id or stop text in it, whichever comes first."""
        place = next((i for i, token in enumerate(run.ids) if token in request.stop_ids), None)
        if place is not None:
            run.end(Stop.STOP, run.ids[:place], self.tokenizer.decode(run.ids[:place]))
        places = [place for place in map(run.text.find, request.stop) if place >= 0]
        if places:
            text = run.text[: min(places)]
            run.end(Stop.STOP, run.ids[: self.tokenizer.n_within(run.ids, len(text))], text)

    async def _ask(self, ids: tuple[int, ...], request: Request, limit: int, budget: int | None = None) -> Reply:
        path, body = "/completion", self._body(ids, request, limit)
        if budget is not None and self._budget is not None:
            path, body = self._budget.request(body, budget)
        raw = await self._wire.post(path, body)
        raw = raw if budget is None or self._budget is None else self._budget.reply(raw)
        try:
            reply = msgspec.convert(raw, Reply)
        except msgspec.ValidationError as error:
            raise BackendError(f"llama.cpp answered with something unreadable: {error}") from error
        if reply.error is not None:
            raise BackendError(f"llama.cpp: {reply.error.message}", is_retryable=reply.error.code >= 500)
        if len(reply.tokens) > limit or not reply.tokens:
            raise BackendError(f"llama.cpp gave {len(reply.tokens)} tokens where 1 to {limit} were asked for")
        return reply

    def _body(self, ids: tuple[int, ...], request: Request, limit: int) -> dict[str, Any]:
        body: dict[str, Any] = {
            "prompt": ids,
            "n_predict": limit,
            "seed": request.seed % SEEDS,
            "cache_prompt": True,
            "return_tokens": True,
            "response_fields": FIELDS,
            **NEUTRAL,
            **_samplers(request.sampling),
        }
        if request.top_logprobs is None:
            marks = [mark for mark in map(self.tokenizer.piece, request.stop_ids) if mark]
            body["stop"] = [*request.stop, *marks]
            body["preserved_tokens"] = marks  # else a server without --special never writes, nor stops at, them
        else:  # on a stop text llama.cpp drops the probabilities of more tokens than it took, so we stop ourselves
            body["n_probs"] = max(1, request.top_logprobs)
        return body


def _samplers(sampling: Sampling) -> dict[str, Any]:
    """Exactly what was asked for and nothing of llama.cpp's defaults (min-p, penalties, top-k 40).

    Temperature comes first, then top-k, top-p and min-p, as in transformers and vLLM.
    """
    if sampling.temperature <= 0:
        return {"samplers": ["top_k"], "top_k": 1, "temperature": 1.0}
    names = ["temperature"]
    names += ["top_k"] if sampling.top_k > 0 else []
    names += ["top_p"] if sampling.top_p < 1 else []
    names += ["min_p"] if sampling.min_p > 0 else []
    return {
        "samplers": names,
        "temperature": sampling.temperature,
        "top_k": sampling.top_k,
        "top_p": sampling.top_p,
        "min_p": sampling.min_p,
    }
