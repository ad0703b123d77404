"""Any GGUF file through llama.cpp, inside this process: token ids in, token ids out, many requests at once.

The engine is the native server of xllamacpp (https://github.com/xorbitsai/xllamacpp), which batches continuously
over ``slots`` and keeps each slot's KV cache, so that answers reuse the prefix of their trace. It is asked over
its loopback address with a key of its own, for two reasons: a request can be hung up on, and only ``/completion``
tells ids, stop and cache counts apart. Streams are not used: they leave out the ids of incomplete UTF-8.

Repeatability: float32 KV cache, one KV stream a slot, flash attention off, no repacked weights. That leaves
one known source of differences between batches, the rounding of matrix products of one and of many columns.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from thinkcurve.backend import Continuation, Generation, ModelInfo, Request, Sampling, Stop, Usage
from thinkcurve.budget import Control
from thinkcurve.errors import BackendError, UsageError, did_you_mean
from thinkcurve_backends.llamacpp_header import Header, fingerprint, read_header
from thinkcurve_backends.llamacpp_reply import FIELDS, Reply, Running, top_of
from thinkcurve_backends.llamacpp_tokenizer import GgufTokenizer, detect_thinking, given_markers
from thinkcurve_backends.llamacpp_wire import Loopback

INSTALL = "this model needs llama.cpp: pip install 'xllamacpp>=2026.8'"
LARGEST_DEFAULT_CONTEXT = 8192
"""Every slot holds a KV cache of its own; a longer one is for the user to ask for."""
SEEDS = 0xFFFFFFFF
"""Seeds are 32 bits in llama.cpp, and its last one means "draw one"."""


@dataclass(frozen=True, slots=True)
class Options:
    """What a user can set, under ``model_options`` in a study.

    ``slots`` requests run at once, each with ``context_tokens`` (0: the model's own, at most 8,192). ``threads`` 0
    is half of the CPUs that this process may use: spinning threads on a busy machine cost more than they give.
    ``think_open`` and ``think_close`` replace the thinking markers found in the file; ``cue`` is written after
    a forced close. ``fast_attention`` takes flash attention and a float16 KV cache: about twice the tokens a second
    on a tiny model, but rounding then differs a little more between batches. ``gpu_layers`` -1
    leaves the choice to builds of xllamacpp that can use a GPU.
    """

    slots: int = 4
    threads: int = 0
    context_tokens: int = 0
    think_open: str = ""
    think_close: str = ""
    cue: str = ""
    fast_attention: bool = False
    gpu_layers: int = -1


def open_backend(what: str, **options: str | int | float | bool) -> LlamaCpp:
    """The GGUF file at path ``what``, loaded. Raises `UsageError` before loading where file or options are wrong."""
    chosen = read_options(options)
    if not what:
        raise UsageError("llamacpp needs a GGUF file: llamacpp:PATH")
    return open_file(Path(what).expanduser(), chosen, name=Path(what).stem)


def open_file(path: Path, options: Options, *, name: str) -> LlamaCpp:
    """The model in a GGUF file, loaded, under a name for people."""
    given_markers(options.think_open, options.think_close)
    header = read_header(path)
    if header.metadata.get("general.type", "model") != "model" or not header.tokens:
        raise UsageError(f"model file {str(path)!r} holds no language model with a vocabulary")
    context = _context(header, options, path)
    server, key = _start(path, options, context)
    return LlamaCpp(path, header, options, server, Loopback(server.listening_address, key), name=name, context=context)


def read_options(options: Mapping[str, Any], defaults: Options | None = None) -> Options:
    """Options from plain values; an unknown name or a wrong type is a `UsageError`."""
    defaults = defaults or Options()
    names = tuple(Options.__dataclass_fields__)
    values = {}
    for name, value in options.items():
        if name not in names:
            raise UsageError(
                f"unknown option {name!r} of llamacpp.{did_you_mean(name, names)} Known: {', '.join(names)}"
            )
        kind = type(getattr(defaults, name))
        if kind is str and type(value) in (int, float):
            value = str(value)  # a marker that reads like a number
        if type(value) is not kind:
            raise UsageError(f"option {name} of llamacpp is {value!r}; it must be of type {kind.__name__}")
        values[name] = value
    chosen = Options(**{name: values.get(name, getattr(defaults, name)) for name in names})
    for name, least in (("slots", 1), ("threads", 0), ("context_tokens", 0), ("gpu_layers", -1)):
        if getattr(chosen, name) < least:
            raise UsageError(f"option {name} of llamacpp is {getattr(chosen, name)}; the least is {least}")
    return chosen


class LlamaCpp:
    """A loaded GGUF model (a `thinkcurve.backend.Backend`)."""

    controls = frozenset({Control.TRUNCATE})

    def __init__(
        self,
        path: Path,
        header: Header,
        options: Options,
        server: Any,
        loopback: Loopback,
        *,
        name: str,
        context: int,
    ) -> None:
        self.concurrency = options.slots
        self.tokenizer = GgufTokenizer(loopback)
        self._vocabulary = header.tokens
        self._context = context
        self._server = server
        self._loopback = loopback
        self._slots: tuple[asyncio.AbstractEventLoop, asyncio.Semaphore] | None = None
        markers = given_markers(options.think_open, options.think_close)
        self.model = ModelInfo(
            name=name,
            revision=header.metadata.get("general.version"),
            fingerprint=fingerprint(path),
            active_parameters=header.active_parameters,
            layers=header.of_architecture("block_count"),
            width=header.of_architecture("embedding_length"),
            context_tokens=context,
            thinking=detect_thinking(header, self.tokenizer, markers, options.cue),
            engine=f"xllamacpp {_version()}",
            is_local=True,
        )

    async def generate(self, request: Request) -> Generation:
        """Continue a prefix. Raises `BackendError`: prompt too long, a chat request, or the engine's own error."""
        started = time.perf_counter()
        prompt = self._prompt_ids(request)
        if request.max_tokens <= 0:
            return Generation(text="", stop=Stop.LENGTH, token_ids=(), usage=Usage(len(prompt), source="client"))
        room = self._context - len(prompt)
        if room <= 0:
            raise BackendError(f"a prompt of {len(prompt)} tokens leaves no room in the context of {self._context}")
        async with self._slot():
            run = await self._continue(prompt, request, min(room, request.max_tokens))
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
        self._loopback.close()
        await asyncio.sleep(0.01)  # sockets close in the event loop, and the engine waits for those who are connected
        self._server = None

    def _prompt_ids(self, request: Request) -> tuple[int, ...]:
        if self._server is None:
            raise BackendError("this model is closed", is_fatal=True)
        if not isinstance(request.prompt, Continuation):
            raise BackendError(
                "llamacpp continues token ids; a chat request is for engines that enforce their own budget"
            )
        if request.prompt.token_ids is not None:
            return request.prompt.token_ids
        return self.tokenizer.encode(request.prompt.text or "")

    def _slot(self) -> asyncio.Semaphore:
        loop = asyncio.get_running_loop()
        if self._slots is None or self._slots[0] is not loop:
            self._slots = (loop, asyncio.Semaphore(self.concurrency))
        return self._slots[1]

    async def _continue(self, prompt: tuple[int, ...], request: Request, limit: int) -> Running:
        """Ask until the stop is a real one: the text of a stop id may also come about from other tokens."""
        run = Running()
        while True:
            reply = await self._ask((*prompt, *run.ids), request, limit - len(run.ids))
            run.take(reply)
            if self._ends(run, reply, request, limit):
                return run

    def _ends(self, run: Running, reply: Reply, request: Request, limit: int) -> bool:
        """Settle ids, text and stop of a run after a reply; False where it has to go on."""
        stop_at = next((i for i, token in enumerate(run.ids) if token in request.stop_ids), None)
        if stop_at is not None:
            run.end(
                Stop.STOP,
                run.ids[:stop_at],
                self._text(run.ids[:stop_at], run, reply, stop_at == len(run.ids) - 1),
            )
            return True
        is_eos = reply.stop_type == "eos"
        if is_eos:
            run.eos = self._vocabulary[run.ids[-1]]
            run.ids = run.ids[:-1]
        text = self._text(run.ids, run, reply, reply.stop_type != "word").removesuffix(run.eos if is_eos else "")
        places = [place for place in map(text.find, request.stop) if place >= 0]
        if places:
            run.end(Stop.STOP, self._ids_before(run.ids, text[: min(places)]), text[: min(places)])
            return True
        if reply.stop_type == "word" and len(run.ids) < limit:
            return False
        run.end(Stop.EOS if is_eos else Stop.LENGTH, run.ids, text)
        return True

    def _text(self, ids: list[int], run: Running, reply: Reply, is_whole: bool) -> str:
        """What ``ids`` say: the engine's own text where it is the whole of them, decoded anew otherwise."""
        return reply.content if is_whole and run.rounds == 1 else self.tokenizer.decode(ids)

    def _ids_before(self, ids: list[int], text: str) -> list[int]:
        """The ids that lie wholly before the end of ``text``; a token that reaches over it is left out."""
        kept = len(ids)
        while kept and len(self.tokenizer.decode(ids[:kept])) > len(text):
            kept -= 1
        return ids[:kept]

    async def _ask(self, ids: tuple[int, ...], request: Request, limit: int) -> Reply:
        raw = await self._loopback.post("/completion", msgspec.json.encode(self._body(ids, request, limit)))
        try:
            reply = msgspec.json.decode(raw, type=Reply)
        except msgspec.DecodeError as error:
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
            **_samplers(request.sampling),
        }
        if request.top_logprobs is None:
            body["stop"] = [*request.stop, *(self._vocabulary[token] for token in request.stop_ids)]
        else:  # on a stop text llama.cpp drops the probabilities of more tokens than it took, so we stop ourselves
            body["n_probs"] = max(1, request.top_logprobs)
        return body


def _samplers(sampling: Sampling) -> dict[str, Any]:
    """Exactly what was asked for and nothing of llama.cpp's defaults (min-p, penalties, top-k 40).

    Temperature comes first, then top-k and top-p, as in transformers and vLLM.
    """
    if sampling.temperature <= 0:
        return {"samplers": ["top_k"], "top_k": 1, "temperature": 1.0}
    names = ["temperature"]
    names += ["top_k"] if sampling.top_k > 0 else []
    names += ["top_p"] if sampling.top_p < 1 else []
    return {
        "samplers": names,
        "temperature": sampling.temperature,
        "top_k": sampling.top_k,
        "top_p": sampling.top_p,
    }


def _context(header: Header, options: Options, path: Path) -> int:
    """Tokens that one request may use: as asked for, never more than the model was made for."""
    trained = header.of_architecture("context_length")
    if not isinstance(trained, int):
        raise UsageError(f"model file {str(path)!r} does not say its context length; it is no language model")
    if options.context_tokens > trained:
        raise UsageError(
            f"option context_tokens is {options.context_tokens}; {path.name} was made for at most {trained}"
        )
    return options.context_tokens or min(trained, LARGEST_DEFAULT_CONTEXT)


def _start(path: Path, options: Options, context: int) -> tuple[Any, str]:
    """The running engine, and the key that its loopback address asks for."""
    xllamacpp = _import()
    params = xllamacpp.CommonParams()
    key = secrets.token_hex(16)
    threads = options.threads or max(1, _n_cpus() // 2)
    params.model.path = str(path)
    params.n_ctx = options.slots * (-(-context // 256) * 256)  # llama.cpp rounds a slot's share to 256
    params.n_parallel = options.slots
    params.n_threads_http = options.slots + 4
    params.n_gpu_layers = options.gpu_layers
    params.cpuparams.n_threads = threads
    params.cpuparams_batch.n_threads = threads
    params.api_keys = [key]
    params.special = True  # markers stand in the text, as they do in what the tokenizer decodes
    params.verbosity = -1
    params.warmup = False
    params.fit_params = False
    params.ctx_shift = False
    params.cache_ram_mib = 0
    params.kv_unified = False
    params.no_extra_bufts = True
    kind, attention = xllamacpp.ggml_type, xllamacpp.llama_flash_attn_type
    if options.fast_attention:
        params.flash_attn_type = attention.LLAMA_FLASH_ATTN_TYPE_ENABLED
        params.cache_type_k = params.cache_type_v = kind.GGML_TYPE_F16
    else:
        params.flash_attn_type = attention.LLAMA_FLASH_ATTN_TYPE_DISABLED
        params.cache_type_k = params.cache_type_v = kind.GGML_TYPE_F32
    try:
        server = xllamacpp.Server(params)
        # Warms up, and waits for the engine's loop: a server let go before it runs never ends its thread.
        server.handle_completions({"prompt": [0], "max_tokens": 1})
        return server, key
    except RuntimeError as error:
        raise UsageError(
            f"llama.cpp cannot load {str(path)!r}: its architecture may be newer than xllamacpp {_version()}, the file "
            f"damaged, or the memory too small for {options.slots} slots of {context} tokens"
        ) from error


def _import() -> Any:
    try:
        import xllamacpp
    except ModuleNotFoundError as error:
        raise UsageError(INSTALL) from error
    return xllamacpp


def _version() -> str:
    from importlib.metadata import version

    return version("xllamacpp")


def _n_cpus() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
