"""Any causal language model that transformers can load, in this process: CUDA, ROCm, Apple's MPS or CPU.

Batching is our own (`scheduler`, `ragged`): requests enter and leave between steps, rows of
all lengths share one forward pass without padding, each draws by its own seed, and an answer begins as a copy of its
trace's keys and values. transformers' own ``ContinuousBatchingManager`` (5.23) has one random state for all requests,
shares prefixes in whole pages only, and was slower on a CPU (tests/benchmarks/README.md).

Greedy results do not depend on the company but for the rounding of matrix products of few and of many rows. Measured
and tested on CPUs. The code for GPUs is the same but for what the modules' docstrings name, and nothing of it has been
run on a GPU by its authors.
"""

from __future__ import annotations

import asyncio
import random
import time
from typing import TYPE_CHECKING, Any

import msgspec

from thinkcurve.backend import Continuation, Generation, ModelInfo, Request, Stop, Usage
from thinkcurve.budget import Control
from thinkcurve.errors import BackendError, UsageError
from thinkcurve.formats import PROBE, Wish, find_format
from thinkcurve_backends.checkpoint import Checkpoint
from thinkcurve_backends.hf_tokenizer import HfTokenizer, load_tokenizer
from thinkcurve_backends.options import read_options
from thinkcurve_backends.transformers.options import (
    LEAST,
    ROWS_CPU,
    ROWS_GPU,
    Options,
    check_options,
    choose_device,
    need,
)
from thinkcurve_backends.transformers.rows import Ended, Row
from thinkcurve_backends.transformers.scheduler import Scheduler

if TYPE_CHECKING:
    import torch

    from thinkcurve_backends.transformers.rows import Engine

INSTALL = "pip install 'thinkcurve[transformers]'"


def open_backend(what: str, **options: str | int | float | bool) -> Transformers:
    """The model in folder ``what``, or of the hub by that name, loaded. `UsageError` before that where it cannot be."""
    chosen = read_options("transformers", options, Options(), LEAST)
    for package in ("torch", "transformers", "accelerate"):
        _need_engine(package)
    check_options(chosen)
    from thinkcurve_backends.transformers.engine import choose_engine
    from thinkcurve_backends.transformers.load import (
        active_parameters_of,
        check_memory,
        choose_dtype,
        find_checkpoint,
        load_model,
        whole_fingerprint,
    )

    checkpoint = find_checkpoint(what, chosen)
    context = _context(checkpoint, chosen)
    device = choose_device(chosen.device)
    dtype = choose_dtype(checkpoint, chosen, device)
    check_memory(checkpoint, chosen, dtype, device)
    tokenizer = load_tokenizer(checkpoint.folder, gguf=chosen.gguf)
    model = load_model(checkpoint, chosen, dtype, device)
    engine, why_plain = choose_engine(model, checkpoint.text_config, chosen, device, context)
    notes = (f"runs one sequence a forward pass, and every prompt is read anew: {why_plain}",) if why_plain else ()
    info = checkpoint.info(
        active_parameters=active_parameters_of(checkpoint, chosen),
        context_tokens=context,
        engine=_engine_name(device, dtype, chosen),
        notes=notes,
    )
    info = msgspec.structs.replace(
        info, thinking=_thinking(tokenizer, info.name, chosen), fingerprint=whole_fingerprint(checkpoint, chosen)
    )
    n_rows = chosen.batch or (ROWS_CPU if device.type == "cpu" else ROWS_GPU)
    return Transformers(
        info, tokenizer, engine, n_rows=n_rows, eos_ids=checkpoint.eos_ids(tokenizer), threads=chosen.threads
    )


class Transformers:
    """A loaded model (a `thinkcurve.backend.Backend`)."""

    controls = frozenset({Control.TRUNCATE, Control.EXTEND, Control.PROMPT})

    def __init__(
        self,
        model: ModelInfo,
        tokenizer: HfTokenizer,
        engine: Engine,
        *,
        n_rows: int,
        eos_ids: frozenset[int],
        threads: int = 0,
    ) -> None:
        self.model = model
        self.tokenizer = tokenizer
        self.concurrency = n_rows
        self.engine = engine
        self.scheduler = Scheduler(
            engine, n_rows=n_rows, eos_ids=eos_ids, decode=tokenizer.decode, prepare=lambda: _set_threads(threads)
        )
        self._n_vocabulary = engine.model.get_input_embeddings().weight.shape[0]

    async def generate(self, request: Request) -> Generation:
        """Continue a prefix. Raises `BackendError`: no room for the prompt, a chat request, memory, a dead engine."""
        started = time.perf_counter()
        prompt = self._prompt_ids(request)
        if request.max_tokens <= 0:
            self.scheduler.check_open()
            return Generation(text="", stop=Stop.LENGTH, token_ids=(), usage=Usage(len(prompt), source="client"))
        limit = self._limit(prompt, request)
        row = Row(request, list(prompt), limit, random.Random(request.seed), n_prompt=len(prompt))
        self.scheduler.submit(row)
        ended = await asyncio.wrap_future(row.future)
        ended, text = self._settled(ended, request)
        is_full = ended.stop is Stop.LENGTH and len(ended.ids) < request.max_tokens
        return Generation(
            text=text,
            stop=Stop.CONTEXT if is_full else ended.stop,
            token_ids=ended.ids,
            usage=Usage(prompt_tokens=len(prompt), cached_tokens=ended.cached, source="client"),
            logprobs=ended.logprobs if request.top_logprobs is not None else None,
            top_logprobs=ended.tops if request.top_logprobs else None,
            wall_s=time.perf_counter() - started,
        )

    async def aclose(self) -> None:
        """Let go of the model. Requests that are still open end with a `BackendError`."""
        await asyncio.to_thread(self.scheduler.close)
        self.engine.model = None

    def _prompt_ids(self, request: Request) -> tuple[int, ...]:
        if not isinstance(request.prompt, Continuation):
            raise BackendError(
                "transformers continues token ids; a chat request is for engines that enforce their own budget"
            )
        ids = request.prompt.token_ids
        if ids is None:
            ids = self.tokenizer.encode(request.prompt.text or "")
        if ids and not 0 <= min(ids) <= max(ids) < self._n_vocabulary:
            raise BackendError(f"the prompt has a token id that the model's vocabulary of {self._n_vocabulary} lacks")
        return ids

    def _limit(self, prompt: tuple[int, ...], request: Request) -> int:
        """The most new tokens: as many as asked for, or as the context has room for."""
        if not prompt:
            raise BackendError("an empty prompt cannot be continued: the model gives tokens after other tokens only")
        context = self.model.context_tokens
        if context is None:
            return request.max_tokens
        if len(prompt) >= context:
            raise BackendError(f"a prompt of {len(prompt)} tokens leaves no room in the context of {context}")
        return min(request.max_tokens, context - len(prompt))

    def _settled(self, ended: Ended, request: Request) -> tuple[Ended, str]:
        """The result up to its first stop text, with the ids that lie wholly before it, and its text."""
        text = self.tokenizer.decode(ended.ids)
        places = [place for place in map(text.find, request.stop) if place >= 0]
        if not places:
            return ended, text
        text = text[: min(places)]
        kept = len(ended.ids)
        while kept and len(self.tokenizer.decode(ended.ids[:kept])) > len(text):
            kept -= 1
        return Ended(ended.ids[:kept], Stop.STOP, ended.cached, ended.logprobs[:kept], ended.tops[:kept]), text


def _need_engine(package: str) -> None:
    try:
        need(package, package, "transformers")
    except UsageError as error:
        raise UsageError(f"transformers needs the package {package!r}: {INSTALL}") from error


def _context(checkpoint: Checkpoint, options: Options) -> int | None:
    """Tokens that one sequence may have: as asked for, never more than the model was made for."""
    made_for = checkpoint.context_tokens
    if made_for is not None and options.context_tokens > made_for:
        raise UsageError(
            f"option context_tokens is {options.context_tokens}; {checkpoint.name} was made for at most {made_for}"
        )
    return options.context_tokens or made_for


def _thinking(tokenizer: HfTokenizer, name: str, options: Options) -> Any:
    """How the model thinks; the switch of a hybrid model goes to its chat template from here on."""
    found = find_format(
        tokens=tokenizer.inner.get_vocab(),
        template=tokenizer.template,
        render=(lambda **given: tokenizer.render_text(PROBE, **given)) if tokenizer.template else None,
        name=name,
        wish=Wish(options.thinking, options.think_open, options.think_close, options.cue),
    )
    if found is not None:
        tokenizer.template_options = dict(found.template_options)
    return found


def _engine_name(device: torch.device, dtype: str, options: Options) -> str:
    from importlib.metadata import version

    kind = options.quantization or dtype
    return f"transformers {version('transformers')}, torch {version('torch')}, {device.type} {kind}"


def _set_threads(threads: int) -> None:
    import torch

    if threads:
        torch.set_num_threads(threads)
