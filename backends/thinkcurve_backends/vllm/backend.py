"""Any model that vLLM runs: ``vllm:FOLDER`` or ``vllm:OWNER/NAME`` in this process, or a server that runs already.

``vllm:http://HOST:PORT`` (with ``#NAME`` where it serves more than one model) asks a server that was started with
``vllm serve MODEL``. Prompts go in as token ids and come back as token ids (``return_token_ids``) either way. vLLM
batches continuously and keeps the KV cache of prefixes, in whole blocks (16 tokens on a GPU, 128 on a CPU), so that an
answer reuses its trace.

Repeatability: the seed is the request's own, but the rounding of a matrix product depends on what is in the batch.
``VLLM_BATCH_INVARIANT=1`` in the environment of the engine takes that away where vLLM can (recent NVIDIA GPUs).
vLLM filters by min-p before top-k and top-p; only together with top-p can that make a difference.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

from thinkcurve.backend import Continuation, Generation, ModelInfo, Request, Stop, Tokenizer, Usage
from thinkcurve.budget import Control
from thinkcurve.errors import BackendError, UsageError
from thinkcurve_backends.options import ThinkingOptions, read_options
from thinkcurve_backends.slots import Slots
from thinkcurve_backends.vllm.budget import UNLIMITED, Forcing, Written, generate
from thinkcurve_backends.vllm.call import Call, Engine, check_sampling, settle

NEEDS_PREFIX = frozenset({Control.TRUNCATE, Control.EXTEND, Control.PROMPT})
"""What every engine can do that continues token ids."""


@dataclass(frozen=True, slots=True)
class Options(ThinkingOptions):
    """What a user can set, under ``model_options`` in a study.

    ``slots`` requests are open at once. In this process: ``dtype``, ``quantization``, ``kv_cache_dtype``, ``revision``
    and ``eager`` as vLLM names them (``enforce_eager``); ``context_tokens`` (0: the model's own);
    ``tensor_parallel``, ``pipeline_parallel`` and ``data_parallel`` are numbers of devices; ``gpu_memory`` is the share
    of each device's memory (0: vLLM's own, 0.9); ``adapter`` is the folder of a LoRA adapter; ``args`` are further
    engine arguments as JSON: ``{"block_size": 32}``. With a server: ``timeout_s`` is how long one answer may take;
    ``checkpoint`` is the folder or hub name of the model that it serves, for what a server does not say: layers and
    width for FLOPs, its makers' sampling, a fingerprint of the weights.
    """

    slots: int = 32
    dtype: str = "auto"
    context_tokens: int = 0
    tensor_parallel: int = 1
    pipeline_parallel: int = 1
    data_parallel: int = 1
    gpu_memory: float = 0.0
    kv_cache_dtype: str = "auto"
    quantization: str = ""
    adapter: str = ""
    revision: str = ""
    eager: bool = False
    args: str = ""
    timeout_s: float = 600.0
    checkpoint: str = ""


SERVER_ONLY = ("timeout_s", "checkpoint")
BOTH = ("slots", "thinking", "think_open", "think_close", "cue")
LEAST = {
    "slots": 1,
    "context_tokens": 0,
    "tensor_parallel": 1,
    "pipeline_parallel": 1,
    "data_parallel": 1,
    "gpu_memory": 0.0,
    "timeout_s": 0.1,
}


def open_backend(what: str, **options: str | int | float | bool) -> Vllm:
    """The model ``what``, loaded here or served elsewhere. Raises `UsageError` where that cannot be."""
    chosen = read_options("vllm", options, Options(), LEAST)
    is_server = what.startswith(("http://", "https://"))
    for name in options:
        if name in BOTH or (name in SERVER_ONLY) == is_server:
            continue
        reason = "for a model in this process; a server has its own" if is_server else "for a server"
        raise UsageError(f"option {name} of vllm is {reason}")
    if is_server:
        from thinkcurve_backends.vllm.served import open_server

        return Vllm(*open_server(what, chosen), slots=chosen.slots)
    from thinkcurve_backends.vllm.engine import open_engine

    return Vllm(*open_engine(what, chosen), slots=chosen.slots)


class Vllm:
    """A model behind a vLLM engine (a `thinkcurve.backend.Backend`)."""

    def __init__(
        self, engine: Engine, model: ModelInfo, tokenizer: Tokenizer, forcing: Forcing | None, *, slots: int
    ) -> None:
        self.model = model
        self.tokenizer = tokenizer
        self.concurrency = slots
        self.controls = NEEDS_PREFIX | {Control.SERVER} if forcing else NEEDS_PREFIX
        self._engine = engine
        self._forcing = forcing
        self._slots = Slots(slots)
        self._is_closed = False
        self._has_forced = False

    async def generate(self, request: Request) -> Generation:
        """Continue a prefix. Raises `BackendError`: prompt too long, a chat request, or the engine's own error."""
        started = time.perf_counter()
        prompt = self._prompt_ids(request)
        if request.max_tokens <= 0:
            return Generation(text="", stop=Stop.LENGTH, token_ids=(), usage=Usage(len(prompt), source="client"))
        room = self._room(prompt)
        check_sampling(request.sampling)
        call = Call(
            prompt=prompt,
            max_tokens=min(request.max_tokens, room),
            sampling=request.sampling,
            seed=request.seed,
            stop_ids=request.stop_ids,
            stop=request.stop,
            logprobs=request.top_logprobs,
        )
        async with self._slots.one():
            done = await self._carry_out(call, request.thinking_budget)
        ids, stop = done.settled.ids, done.settled.stop
        is_full = stop is Stop.LENGTH and len(ids) < request.max_tokens
        n_rivals = request.top_logprobs
        return Generation(
            text=done.settled.text,
            stop=Stop.CONTEXT if is_full else stop,
            token_ids=ids,
            usage=Usage(prompt_tokens=len(prompt), cached_tokens=done.cached, source="client"),
            logprobs=None if n_rivals is None else done.logprobs[: len(ids)],
            top_logprobs=tuple(_likeliest(top, n_rivals) for top in done.tops[: len(ids)]) if n_rivals else None,
            wall_s=time.perf_counter() - started,
        )

    async def aclose(self) -> None:
        """Let go of the engine or the connections. Requests that are still open end with a `BackendError`."""
        self._is_closed = True
        await self._engine.aclose()

    async def _carry_out(self, call: Call, budget: int | None) -> Written:
        if budget is None:
            call = replace(call, budget=UNLIMITED) if self._has_forced else call
            reply = await self._engine.ask(call)
            return Written(await settle(self._engine, call, reply), reply.cached, reply.logprobs, reply.tops)
        if self._forcing is None:
            raise BackendError("this engine enforces no thinking budgets (control server); its notes say why")
        self._has_forced = True
        return await generate(self._engine, self._forcing, call, budget)

    def _prompt_ids(self, request: Request) -> tuple[int, ...]:
        if self._is_closed:
            raise BackendError("this model is closed", is_fatal=True)
        if not isinstance(request.prompt, Continuation):
            raise BackendError("vllm continues token ids; a chat request is for providers that keep theirs")
        if request.prompt.token_ids is None:
            prompt = self.tokenizer.encode(request.prompt.text or "")
        else:
            prompt = request.prompt.token_ids
        if not prompt:
            raise BackendError("vLLM cannot continue an empty prompt")
        return prompt

    def _room(self, prompt: tuple[int, ...]) -> int:
        context = self.model.context_tokens
        assert context is not None  # every vLLM engine has a longest sequence
        if len(prompt) >= context:
            raise BackendError(f"a prompt of {len(prompt)} tokens leaves no room in the context of {context}")
        return context - len(prompt)


def _likeliest(top: dict[int, float], n: int) -> dict[int, float]:
    """vLLM adds the sampled token to the ``n`` likeliest ones: those alone, best first."""
    return dict(sorted(top.items(), key=lambda item: -item[1])[:n])
