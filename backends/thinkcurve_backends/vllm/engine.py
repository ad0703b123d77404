"""vLLM in this process: its `AsyncLLM`, which batches continuously in worker processes of its own.

The engine is bound to the event loop that it was made in, so it lives in one of its own (`own_loop`). What it logs
goes to a file of its own while it starts and runs, unless the user's environment sets up vLLM's logging: the last
error in there is what an engine that would not start is reported with.
"""

# pyright: reportMissingImports=false
# vLLM pins its own torch and is checked in an environment of its own.

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import Sequence
from dataclasses import fields
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import msgspec

from thinkcurve.backend import ModelInfo, Sampling
from thinkcurve.budget import ThinkingFormat
from thinkcurve.errors import BackendError, UsageError, did_you_mean
from thinkcurve.formats import PROBE, Wish, find_format
from thinkcurve_backends.checkpoint import Checkpoint, is_of_hub, open_checkpoint
from thinkcurve_backends.own_loop import OwnLoop
from thinkcurve_backends.vllm.budget import Forcing, forcing_of, probe
from thinkcurve_backends.vllm.call import SEEDS, Call, Reply
from thinkcurve_backends.vllm.start import Log, starting
from thinkcurve_backends.vllm.weights import (
    READ_SAFETENSORS,
    Adapter,
    notes_of,
    open_adapter,
    whole_fingerprint,
)

if TYPE_CHECKING:
    from thinkcurve_backends.hf_tokenizer import HfTokenizer
    from thinkcurve_backends.vllm.backend import Options

INSTALL = 'vllm in this process needs vLLM: pip install "thinkcurve[vllm]"; or ask a server: vllm:http://HOST:PORT'
LEAST = 'pip install "vllm>=0.32"'
DEFAULT_GPU_MEMORY = 0.9
"""vLLM's own share of a device's memory."""


class InProcess:
    """A running `AsyncLLM` (a `thinkcurve_backends.vllm.call.Engine`)."""

    def __init__(self, loop: OwnLoop, llm: Any, tokenizer: HfTokenizer, adapter: Any, log: Log) -> None:
        self._loop = loop
        self._llm: Any = llm
        self._tokenizer = tokenizer
        self._adapter = adapter
        self._log = log
        self._numbers = itertools.count()

    @property
    def context_tokens(self) -> int:
        """The longest sequence that it was started for."""
        return int(self._llm.model_config.max_model_len)

    async def ask(self, call: Call) -> Reply:
        """One generation."""
        return await self._loop.run(self._ask(call))

    def probe(self, forcing: Forcing, prompt: tuple[int, ...]) -> str:
        """`budget.probe`, blocking."""
        return self._loop.run_now(probe(self, forcing, prompt))

    def try_out(self, prompt: tuple[int, ...]) -> None:
        """Generate one token, blocking: what each request would fail at fails here first."""
        self._loop.run_now(self._ask(Call(prompt, 1, Sampling())))

    async def decode(self, ids: Sequence[int]) -> str:
        """The text of ``ids``, markers included."""
        return self._tokenizer.decode(ids)

    async def aclose(self) -> None:
        """Stop the engine's processes, which takes seconds."""
        await asyncio.to_thread(self.close)

    def close(self) -> None:
        """`aclose`, blocking."""
        try:
            self._loop.close(self._shut_down())
        finally:
            self._log.remove()

    async def _shut_down(self) -> None:
        llm, self._llm = self._llm, None
        if llm is not None:
            llm.shutdown()

    async def _ask(self, call: Call) -> Reply:
        from vllm.inputs import TokensPrompt
        from vllm.v1.engine.exceptions import EngineDeadError

        prompt = TokensPrompt(prompt_token_ids=list(call.prompt))
        name = f"thinkcurve-{next(self._numbers)}"
        last = None
        try:
            async for output in self._llm.generate(prompt, _params(call), name, lora_request=self._adapter):
                last = output
        except EngineDeadError as error:
            reason = self._log.last_error() or "its process ended"
            raise BackendError(f"the vLLM engine in this process is dead: {reason}", is_fatal=True) from error
        except ValueError as error:  # how vLLM refuses one request
            raise BackendError(f"vLLM refused a request: {_line(error)}") from error
        except Exception as error:  # EngineGenerateError and what else it lets through
            raise BackendError(f"vLLM failed at a request: {_line(error)}", is_retryable=True) from error
        if last is None:
            raise BackendError("vLLM ended a generation without a word", is_retryable=True)
        return _reply(last, call)


def _params(call: Call) -> Any:
    from vllm import SamplingParams
    from vllm.sampling_params import RequestOutputKind

    sampling = call.sampling if call.sampling.temperature > 0 else Sampling()
    budget = {} if call.budget is None else {"thinking_token_budget": call.budget}
    return SamplingParams(
        n=1,
        temperature=sampling.temperature,
        top_p=sampling.top_p,
        top_k=sampling.top_k,
        min_p=sampling.min_p,
        seed=call.seed % SEEDS,
        stop=list(call.stop),
        stop_token_ids=list(call.stop_ids),
        max_tokens=call.max_tokens,
        logprobs=call.logprobs,
        detokenize=bool(call.stop),  # only stop texts need it; what is returned is decoded from the ids
        skip_special_tokens=False,
        spaces_between_special_tokens=False,
        output_kind=RequestOutputKind.FINAL_ONLY,
        **budget,
    )


def _reply(output: Any, call: Call) -> Reply:
    made = output.outputs[0]
    odds = made.logprobs if call.logprobs is not None else None
    return Reply(
        ids=tuple(made.token_ids),
        text=made.text,
        finish=made.finish_reason or "",
        stop_reason=made.stop_reason,
        cached=output.num_cached_tokens,
        logprobs=tuple(at[token].logprob for token, at in zip(made.token_ids, odds, strict=True)) if odds else (),
        tops=tuple({token: found.logprob for token, found in at.items()} for at in odds) if odds else (),
    )


def open_engine(what: str, options: Options) -> tuple[InProcess, ModelInfo, HfTokenizer, Forcing | None]:
    """The model in a folder or of the hub, loaded. Raises `UsageError` where that cannot be."""
    if is_of_hub(what) and find_spec("vllm") is None:
        raise UsageError(INSTALL)  # before a model is fetched
    checkpoint = open_checkpoint("vllm", what, options.revision)
    checkpoint.check_weights()
    checkpoint.tensors()  # a file that is cut off is told here in a line, and by vLLM after its start
    adapter = open_adapter(options.adapter)
    further = _further(options.args)
    with starting() as log:
        try:
            return _open(checkpoint, options, adapter, further, log)
        except BaseException:
            log.remove()
            raise


def _open(
    checkpoint: Checkpoint, options: Options, adapter: Adapter | None, further: dict[str, Any], log: Log
) -> tuple[InProcess, ModelInfo, HfTokenizer, Forcing | None]:
    vllm = _import()
    _check_quantization(options.quantization)
    from thinkcurve_backends.hf_tokenizer import load_tokenizer

    tokenizer = load_tokenizer(checkpoint.folder)
    thinking = find_format(
        tokens=tokenizer.inner.get_vocab(),
        template=tokenizer.template,
        render=(lambda **more: tokenizer.render_text(PROBE, **more)) if tokenizer.template else None,
        name=checkpoint.name,
        wish=Wish(options.thinking, options.think_open, options.think_close, options.cue),
    )
    tokenizer.template_options = dict(thinking.template_options) if thinking else {}
    forcing = forcing_of(thinking, tokenizer) if thinking else ""
    _check_memory(checkpoint, options)
    arguments = _arguments(checkpoint, options, adapter, thinking if isinstance(forcing, Forcing) else None)
    for name in further:
        if name in arguments:
            raise UsageError(
                f"option args of vllm may not hold {name!r}: it has an option of its own or is settled here"
            )
    arguments |= {"load_format": READ_SAFETENSORS[0], **further}
    engine = _start(vllm, checkpoint, tokenizer, arguments, _lora_request(adapter), log)
    try:
        if adapter is not None:
            engine.try_out(tokenizer.render(PROBE, chat=bool(tokenizer.template)))
        if isinstance(forcing, Forcing) and thinking is not None:
            prompt = tokenizer.render(PROBE, chat=bool(tokenizer.template))
            reason = engine.probe(forcing, prompt if thinking.template_opens else prompt + forcing.open_ids)
            forcing = f"control server is not offered: {reason}" if reason else forcing
        info = checkpoint.info(
            active_parameters=checkpoint.active_parameters,
            context_tokens=engine.context_tokens,
            thinking=thinking,
            engine=f"vllm {vllm.__version__}",
            notes=notes_of(adapter, options.quantization)
            + ((forcing,) if isinstance(forcing, str) and forcing else ()),
        )
        info = msgspec.structs.replace(info, fingerprint=whole_fingerprint(checkpoint, adapter, options.quantization))
    except BackendError as error:
        engine.close()
        raise UsageError(f"vLLM cannot run {str(checkpoint.folder)!r}: {error}") from error
    except BaseException:
        engine.close()
        raise
    return engine, info, tokenizer, forcing if isinstance(forcing, Forcing) else None


def _start(
    vllm: Any, checkpoint: Checkpoint, tokenizer: HfTokenizer, arguments: dict[str, Any], adapter: Any, log: Log
) -> InProcess:
    from vllm.engine.arg_utils import AsyncEngineArgs
    from vllm.v1.engine.async_llm import AsyncLLM

    known = [field.name for field in fields(AsyncEngineArgs)]
    for name in arguments:
        if name not in known:
            raise UsageError(f"vLLM {vllm.__version__} has no engine argument {name!r}.{did_you_mean(name, known)}")

    async def make() -> Any:
        return AsyncLLM.from_engine_args(AsyncEngineArgs(**arguments))

    loop = OwnLoop("this model")
    try:
        llm = loop.run_now(make())
    except Exception as error:  # a damaged file, too little memory, an argument out of range: each its own type
        loop.close()
        reason = log.last_error() or _line(error)
        raise UsageError(f"vLLM {vllm.__version__} cannot load {str(checkpoint.folder)!r}: {reason}") from error
    except BaseException:
        loop.close()
        raise
    return InProcess(loop, llm, tokenizer, adapter, log)


def _arguments(
    checkpoint: Checkpoint, options: Options, adapter: Adapter | None, thinking: ThinkingFormat | None
) -> dict[str, Any]:
    """Engine arguments; ``thinking`` only where vLLM can end it."""
    arguments: dict[str, Any] = {
        "model": str(checkpoint.folder),
        "dtype": options.dtype,
        "kv_cache_dtype": options.kv_cache_dtype,
        "max_num_seqs": options.slots,
        "tensor_parallel_size": options.tensor_parallel,
        "pipeline_parallel_size": options.pipeline_parallel,
        "data_parallel_size": options.data_parallel,
        "enforce_eager": options.eager,
        "enable_prefix_caching": True,
        "disable_log_stats": True,
        "enable_log_requests": False,
    }
    if options.context_tokens:
        arguments["max_model_len"] = options.context_tokens
    if options.gpu_memory:
        arguments["gpu_memory_utilization"] = options.gpu_memory
    if options.quantization:
        arguments["quantization"] = options.quantization
    if adapter is not None:
        arguments |= {"enable_lora": True, "max_lora_rank": adapter.rank}
    if thinking is not None:
        from vllm.config import ReasoningConfig

        arguments["reasoning_config"] = ReasoningConfig(
            reasoning_start_str=thinking.open, reasoning_end_str=thinking.close
        )
    return arguments


def _further(text: str) -> dict[str, Any]:
    """Engine arguments that a user gives as JSON."""
    if not text:
        return {}
    try:
        found = json.loads(text)
    except ValueError as error:
        raise UsageError(f'option args of vllm is no JSON ({error}); it is written {{"block_size": 32}}') from error
    if not isinstance(found, dict):
        raise UsageError('option args of vllm is no JSON object; it is written {"block_size": 32}')
    load = found.get("load_format", READ_SAFETENSORS[0])
    if load not in READ_SAFETENSORS:
        raise UsageError(f"option args of vllm has load_format {load!r}; it can be {', '.join(READ_SAFETENSORS)}")
    return found


def _lora_request(adapter: Adapter | None) -> Any:
    if adapter is None:
        return None
    from vllm.lora.request import LoRARequest

    return LoRARequest("adapter", 1, str(adapter.folder))


def _check_quantization(name: str) -> None:
    """Refuse a kind of quantisation that this vLLM does not know, before minutes of loading."""
    from vllm.model_executor.layers.quantization import QUANTIZATION_METHODS

    if name and name not in QUANTIZATION_METHODS:
        hint = did_you_mean(name, QUANTIZATION_METHODS)
        raise UsageError(
            f"option quantization of vllm is {name!r}.{hint} It can be {', '.join(sorted(QUANTIZATION_METHODS))}"
        )


def _check_memory(checkpoint: Checkpoint, options: Options) -> None:
    """Refuse weights that cannot fit, before minutes of loading."""
    from vllm.platforms import current_platform

    share = options.gpu_memory or DEFAULT_GPU_MEMORY
    try:
        each = current_platform.get_device_total_memory()
    except Exception:  # a platform without a count of its memory
        return
    n_devices = options.tensor_parallel * options.pipeline_parallel
    room = each * n_devices * share
    needed = sum(tensor.n_bytes for tensor in checkpoint.tensors())
    if needed > room:
        raise UsageError(
            f"model {checkpoint.name!r} needs {needed / 1e9:.1f} GB for its weights alone, and {share:.0%} of the "
            f"memory of {n_devices} device(s) is {room / 1e9:.1f} GB; use a smaller one, or option tensor_parallel"
        )


def _import() -> Any:
    try:
        import vllm
        from vllm.config import ReasoningConfig  # noqa: F401
        from vllm.v1.engine.async_llm import AsyncLLM  # noqa: F401
    except ModuleNotFoundError as error:
        if error.name == "vllm":
            raise UsageError(INSTALL) from error
        raise UsageError(f"vLLM cannot be imported: it lacks the package {error.name!r}") from error
    except ImportError as error:
        raise UsageError(f"vLLM is too old or too new, or its build is broken: {_line(error)}; {LEAST}") from error
    except Exception as error:  # builds that do not fit each other fail with whatever they meet first
        raise UsageError(f"vLLM cannot be imported: {_line(error)}") from error
    return vllm


def _line(error: BaseException) -> str:
    return " ".join(str(error).split())[:300] or type(error).__name__
