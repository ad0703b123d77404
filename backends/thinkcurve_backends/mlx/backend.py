"""A Hugging Face or mlx-community checkpoint through MLX: Apple silicon, or a CPU (``mlx[cpu]`` on Linux).

Token ids in, token ids out; requests are batched continuously by mlx-lm's `BatchGenerator` (`worker`), answers
start from the KV cache of their trace (`prefixes`), and the rotary embedding is compared with config.json, which
mlx-lm may misread without a word (`rope`). Weights are safetensors only and no code of a checkpoint is run.

Repeatability: a draw has a key of the request's own, so company changes nothing but the rounding of matrix products.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from thinkcurve.backend import Continuation, Generation, ModelInfo, Request, Stop, Usage
from thinkcurve.budget import Control
from thinkcurve.errors import BackendError, UsageError
from thinkcurve.formats import PROBE, Wish, find_format
from thinkcurve_backends.checkpoint import Checkpoint, open_checkpoint
from thinkcurve_backends.hf_tokenizer import HfTokenizer, load_tokenizer
from thinkcurve_backends.llamacpp.header import fingerprint
from thinkcurve_backends.options import ThinkingOptions, read_options

try:
    from thinkcurve_backends.mlx.job import Job
    from thinkcurve_backends.mlx.load import WEIGHTS, check_files, device_of, engine_name, load
    from thinkcurve_backends.mlx.worker import Worker
except ImportError as missing:  # mlx without a back end has no library to load; mlx-lm needs transformers
    if (missing.name or "mlx").partition(".")[0] not in ("mlx", "mlx_lm", "transformers"):
        raise
    raise UsageError(
        'mlx needs the packages mlx and mlx-lm, 0.32.2 or newer: pip install "thinkcurve[mlx]"'
    ) from missing

LARGEST_DEFAULT_CONTEXT = 32_768
"""Caches grow as they are filled, but a longer context is for the user to ask for."""
LEAST = {"batch": 1, "context_tokens": 0, "cache_tokens": -1}


@dataclass(frozen=True, slots=True)
class Options(ThinkingOptions):
    """What a user can set, under ``model_options`` in a study, beside what every engine takes.

    ``revision`` is a commit, tag or branch of the hub. ``batch`` requests run at once, each with at most
    ``context_tokens`` (0: the model's own, at most 32,768). ``cache_tokens`` bounds the KV caches of finished requests,
    from which later ones start (0: none; -1: a quarter of the memory that the model leaves free). ``adapter`` is a
    folder of a LoRA adapter that mlx-lm trained. ``dtype`` converts weights that are not quantised (float32, float16,
    bfloat16; empty: as in the file). ``device`` is gpu or cpu; empty is MLX's own choice.
    """

    revision: str = ""
    batch: int = 8
    context_tokens: int = 0
    cache_tokens: int = -1
    adapter: str = ""
    dtype: str = ""
    device: str = ""


def open_backend(what: str, **options: str | int | float | bool) -> Mlx:
    """The checkpoint in a folder or on the hub, loaded. Raises `UsageError` before loading where something is wrong."""
    chosen = read_options("mlx", options, Options(), LEAST)
    checkpoint = replace(open_checkpoint("mlx", what, chosen.revision), weights=(WEIGHTS,))
    device = device_of(chosen.device)
    check_files(checkpoint, chosen.dtype, chosen.adapter)
    context = _context(checkpoint, chosen.context_tokens)
    tokenizer = load_tokenizer(checkpoint.folder)
    worker = Worker(lambda: load(checkpoint, chosen.dtype, chosen.adapter), device, chosen.batch, chosen.cache_tokens)
    return Mlx(checkpoint, chosen, tokenizer, worker, context=context, engine=engine_name(device))


class Mlx:
    """A loaded model (a `thinkcurve.backend.Backend`)."""

    controls = frozenset({Control.TRUNCATE, Control.EXTEND, Control.PROMPT})

    def __init__(
        self,
        checkpoint: Checkpoint,
        options: Options,
        tokenizer: HfTokenizer,
        worker: Worker,
        *,
        context: int,
        engine: str,
    ) -> None:
        self.concurrency = options.batch
        self.tokenizer = tokenizer
        self._worker = worker
        self._context = context
        self._eos_ids = checkpoint.eos_ids(tokenizer)
        wish = Wish(options.thinking, options.think_open, options.think_close, options.cue)
        thinking = find_format(
            tokens=tokenizer.inner.get_vocab(),
            template=tokenizer.template,
            render=(lambda **more: tokenizer.render_text(PROBE, **more)) if tokenizer.template else None,
            name=checkpoint.name,
            wish=wish,
        )
        if thinking is not None:
            tokenizer.template_options.update(thinking.template_options)
        self._vocabulary, count, notes = worker.start()
        info = checkpoint.info(
            active_parameters=count, context_tokens=context, thinking=thinking, engine=engine, notes=notes
        )
        self.model = _with_adapter(info, options.adapter)

    async def generate(self, request: Request) -> Generation:
        """Continue a prefix. Raises `BackendError`: prompt too long or of unknown ids, a chat request, the engine."""
        started = time.perf_counter()
        prompt = self._prompt_ids(request)
        if request.max_tokens <= 0:
            return Generation(text="", stop=Stop.LENGTH, token_ids=(), usage=Usage(len(prompt), source="client"))
        room = self._context - len(prompt)
        if room <= 0:
            raise BackendError(f"a prompt of {len(prompt)} tokens leaves no room in the context of {self._context}")
        loop = asyncio.get_running_loop()
        job = Job(
            prompt=prompt,
            request=request,
            limit=min(room, request.max_tokens),
            eos_ids=self._eos_ids,
            tokenizer=self.tokenizer,
            loop=loop,
            future=loop.create_future(),
        )
        self._worker.submit(job)
        try:
            await job.future
        except asyncio.CancelledError:
            job.is_cancelled = True
            raise
        is_full = job.stop is Stop.LENGTH and len(job.ids) < request.max_tokens
        return Generation(
            text=self.tokenizer.decode(job.ids) if job.text is None else job.text,
            stop=Stop.CONTEXT if is_full else job.stop,
            token_ids=tuple(job.ids),
            usage=Usage(prompt_tokens=len(prompt), cached_tokens=job.cached, source="client"),
            logprobs=None if request.top_logprobs is None else tuple(job.logprobs),
            top_logprobs=tuple(job.top_logprobs) if request.top_logprobs else None,
            wall_s=time.perf_counter() - started,
        )

    async def aclose(self) -> None:
        """Unload the model. Requests that are still open end with a `BackendError`."""
        await asyncio.to_thread(self._worker.stop)

    def _prompt_ids(self, request: Request) -> tuple[int, ...]:
        if not isinstance(request.prompt, Continuation):
            raise BackendError("mlx continues token ids; a chat request is for engines that enforce their own budget")
        ids = request.prompt.token_ids
        if ids is None:
            ids = self.tokenizer.encode(request.prompt.text or "")
        self._worker.check()
        if not ids:
            raise BackendError("an empty prompt cannot be continued")
        if min(ids) < 0 or (self._vocabulary and max(ids) >= self._vocabulary):
            raise BackendError(f"the prompt holds ids outside of the vocabulary of {self._vocabulary}")
        return ids


def _context(checkpoint: Checkpoint, wanted: int) -> int:
    """Tokens that one request may use: as asked for, never more than the model was made for."""
    own = checkpoint.context_tokens
    if own and wanted > own:
        raise UsageError(f"option context_tokens is {wanted}; {checkpoint.name} was made for at most {own}")
    return wanted or min(own or LARGEST_DEFAULT_CONTEXT, LARGEST_DEFAULT_CONTEXT)


def _with_adapter(info: ModelInfo, adapter: str) -> ModelInfo:
    """The same model under the name and fingerprint of both, where an adapter changes its weights."""
    if not adapter:
        return info
    folder = Path(adapter).expanduser()
    own = fingerprint(folder / "adapters.safetensors")
    joined = hashlib.sha256(f"{info.fingerprint}+{own}".encode()).hexdigest()[:16]
    return msgspec.structs.replace(info, name=f"{info.name}+{folder.name}", fingerprint=joined)
