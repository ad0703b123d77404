"""From a checkpoint to a model on its device: weights, quantisation, adapter; and everything that is refused.

Only safetensors and GGUF are read, never a pickle, and no code of a checkpoint is run. Weights that a checkpoint lacks
are an error: transformers would fill them with random numbers. What needs a GPU here (bitsandbytes, FP8, GPTQ and AWQ
kernels) follows transformers' documentation and has not been run by its authors.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from thinkcurve.errors import UsageError
from thinkcurve_backends.checkpoint import Checkpoint, name_of, open_checkpoint
from thinkcurve_backends.hf_tokenizer import NEEDS_CODE
from thinkcurve_backends.llamacpp.header import fingerprint, read_header
from thinkcurve_backends.safetensors_header import bytes_in
from thinkcurve_backends.transformers.options import Options, check_quantization, free_bytes

if TYPE_CHECKING:
    import torch

WHOLE = "model.safetensors"
BYTES = {"float64": 8, "float32": 4, "bfloat16": 2, "float16": 2}
QUANTIZED_BYTES = {"bnb-8bit": 1.0, "bnb-4bit": 0.56, "fp8": 1.0}
"""A weight in memory; nf4 has a scale for every 64 weights."""


def find_checkpoint(what: str, options: Options) -> Checkpoint:
    """The folder or hub model, with weights that can be read here."""
    if not options.gguf:
        found = open_checkpoint("transformers", what, options.revision)
        if (found.folder / WHOLE).exists():  # what transformers looks for first
            found = replace(found, weights=(WHOLE,))
        found.check_weights()
        _check_code(found)
        return found
    path = Path(what).expanduser()
    if path.is_dir() and not (path / "config.json").exists():  # a GGUF file brings its own configuration
        found = Checkpoint(path, name_of(what), None, {}, {})
    else:
        found = open_checkpoint("transformers", what, options.revision, weights=(options.gguf,))
    read_header(found.folder / options.gguf)
    return replace(found, config=_gguf_config(found.folder, options.gguf), weights=(options.gguf,))


def _check_code(checkpoint: Checkpoint) -> None:
    """Refuse an architecture that only the checkpoint's own code knows."""
    from transformers import CONFIG_MAPPING

    if checkpoint.config.get("auto_map") and checkpoint.config.get("model_type") not in CONFIG_MAPPING:
        raise UsageError(f"the model in {str(checkpoint.folder)!r} {NEEDS_CODE}")


def choose_dtype(checkpoint: Checkpoint, options: Options, device: torch.device) -> str:
    """The dtype asked for; else float32 on a CPU, and elsewhere the checkpoint's own."""
    if options.dtype:
        return options.dtype
    if options.quantization == "bnb-8bit":
        return "float16"  # what its kernels compute in; they cast anything else, and say so at every layer
    own = checkpoint.text_config.get("dtype") or checkpoint.text_config.get("torch_dtype") or ""
    own = str(own).removeprefix("torch.")
    if device.type == "cpu":
        return "float32"
    return own if own in ("float32", "bfloat16", "float16") else "bfloat16"


def check_memory(checkpoint: Checkpoint, options: Options, dtype: str, device: torch.device) -> None:
    """Refuse a model that is too big for the memory, before anything of it is loaded."""
    if options.gguf:
        header = read_header(checkpoint.folder / options.gguf)
        need_bytes = sum(tensor.n_values for tensor in header.tensors) * BYTES[dtype]
    else:
        tensors = checkpoint.tensors()
        need_bytes = bytes_in(tensors, BYTES[dtype])
        if options.quantization:
            need_bytes = math.ceil(sum(t.n_values for t in tensors) * QUANTIZED_BYTES[options.quantization])
    free = _free_everywhere(device) if options.device == "auto" else free_bytes(device)
    if free is not None and need_bytes > free:
        raise UsageError(
            f"model {checkpoint.name!r} takes {need_bytes / 2**30:.1f} GiB in {options.quantization or dtype} and "
            f"{device.type} has {free / 2**30:.1f} GiB free: choose a smaller model, dtype or quantization, or a device"
        )


def load_model(checkpoint: Checkpoint, options: Options, dtype: str, device: torch.device) -> Any:
    """The model, ready to generate; every weight from its files."""
    import torch
    import transformers

    method = check_quantization(checkpoint.config)
    if method and options.quantization:
        raise UsageError(f"option quantization is {options.quantization!r}, but the checkpoint is quantised ({method})")
    given: dict[str, Any] = {}
    if options.gguf:
        from transformers import GgufConfig

        given = {"gguf_file": options.gguf, "quantization_config": GgufConfig(dequantize=True)}
    else:
        given = {"use_safetensors": True}
        if options.quantization:
            given["quantization_config"] = _quantization(options.quantization, dtype)
    if options.attention == "eager":  # otherwise transformers chooses: not every architecture knows sdpa
        given["attn_implementation"] = "eager"
    place = "auto" if options.device == "auto" else {"": device}
    try:
        automatic: Any = transformers.AutoModelForCausalLM
        with _without_bars():
            model, report = automatic.from_pretrained(
                checkpoint.folder,
                dtype=getattr(torch, dtype),
                device_map=place,
                local_files_only=True,
                trust_remote_code=False,
                output_loading_info=True,
                **given,
            )
    except Exception as error:  # transformers raises whatever a damaged or unknown checkpoint makes it raise
        raise UsageError(f"transformers cannot load {str(checkpoint.folder)!r}: {_line(error)}") from error
    _check_complete(checkpoint, report)
    if options.adapter:
        model = _with_adapter(model, options, is_quantized=bool(method or options.quantization))
    return model.eval().requires_grad_(False)


def whole_fingerprint(checkpoint: Checkpoint, options: Options) -> str:
    """The fingerprint of the weights in use, those of an adapter and a quantisation while loading included."""
    found = checkpoint.fingerprint()
    parts = [found]
    if options.adapter:
        parts.append(fingerprint(_adapter_folder(options) / "adapter_model.safetensors"))
    if options.quantization:
        parts.append(options.quantization)
    return found if len(parts) == 1 else hashlib.sha256(" ".join(parts).encode()).hexdigest()[:16]


@contextmanager
def _without_bars() -> Iterator[None]:
    """No progress bars of transformers' own between our lines."""
    from transformers.utils import logging as untyped

    logging: Any = untyped
    were_shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if were_shown:
            logging.enable_progress_bar()


def active_parameters_of(checkpoint: Checkpoint, options: Options) -> int | None:
    """The active parameters, from the headers of whichever files are in use."""
    if options.gguf:
        return read_header(checkpoint.folder / options.gguf).active_parameters
    return checkpoint.active_parameters


def _gguf_config(folder: Path, name: str) -> dict[str, Any]:
    from transformers import AutoConfig

    try:
        config: dict[str, Any] = AutoConfig.from_pretrained(folder, gguf_file=name, local_files_only=True).to_dict()
    except Exception as error:
        raise UsageError(f"transformers cannot read the GGUF file {name!r}: {_line(error)}") from error
    return config


def _quantization(name: str, dtype: str) -> Any:
    import torch
    import transformers

    if name == "fp8":
        return transformers.FineGrainedFP8Config()
    bits_and_bytes: Any = transformers.BitsAndBytesConfig
    if name == "bnb-8bit":
        return bits_and_bytes(load_in_8bit=True)
    return bits_and_bytes(load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_compute_dtype=getattr(torch, dtype))


def _check_complete(checkpoint: Checkpoint, report: Any) -> None:
    """Refuse where weights were not in the files or had another shape: they would be random numbers."""
    found = report if isinstance(report, dict) else vars(report)
    lacking = sorted(str(key) for key in found.get("missing_keys") or ())
    lacking += sorted(str(key) for key in found.get("mismatched_keys") or ())
    if lacking:
        raise UsageError(
            f"the weights in {str(checkpoint.folder)!r} do not fill the model: {len(lacking)} are missing or of "
            f"another shape, {lacking[0]} for one"
        )


def _with_adapter(model: Any, options: Options, *, is_quantized: bool) -> Any:
    from peft import PeftModel, get_peft_model_state_dict

    folder = _adapter_folder(options)
    try:
        kind = json.loads((folder / "adapter_config.json").read_text(encoding="utf-8"))["peft_type"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UsageError(f"the adapter_config.json of {options.adapter!r} cannot be read: {_line(error)}") from error
    if kind != "LORA":
        raise UsageError(f"adapter {options.adapter!r} is of kind {kind}; LoRA is what can be used")
    try:
        adapted = PeftModel.from_pretrained(model, str(folder), is_trainable=False)
    except Exception as error:
        raise UsageError(f"adapter {options.adapter!r} does not fit the model: {_line(error)}") from error
    from safetensors import safe_open

    with safe_open(str(folder / "adapter_model.safetensors"), framework="pt") as file:
        strange = set(file.keys()) ^ set(get_peft_model_state_dict(adapted))
    if strange:
        raise UsageError(
            f"adapter {options.adapter!r} does not fit the model: {len(strange)} weights, {min(strange)} for one"
        )
    if options.merge_adapter and not is_quantized:
        return adapted.merge_and_unload()
    return adapted.get_base_model()


def _adapter_folder(options: Options) -> Path:
    path = Path(options.adapter).expanduser()
    if not path.is_dir():
        if options.adapter.count("/") != 1 or options.adapter.startswith((".", "~", "/")):
            raise UsageError(f"adapter folder {options.adapter!r} does not exist; one of the hub is written OWNER/NAME")
        from thinkcurve.data import hub_or_cache

        try:
            from huggingface_hub import snapshot_download

            with hub_or_cache():
                wanted = ["adapter_config.json", "adapter_model.safetensors"]
                revision = options.adapter_revision or None
                path = Path(snapshot_download(options.adapter, revision=revision, allow_patterns=wanted))
        except Exception as error:  # hub, network and cache each have their own
            raise UsageError(f"cannot load adapter {options.adapter!r} from its hub: {_line(error)}") from error
    for name in ("adapter_config.json", "adapter_model.safetensors"):
        if not (path / name).exists():
            raise UsageError(f"adapter {options.adapter!r} holds no {name}")
    return path


def _free_everywhere(device: torch.device) -> int | None:
    """What all GPUs have free; layers that fit none of them would go to the host's memory, which is not wanted."""
    import torch

    if device.type != "cuda":
        return free_bytes(device)
    return sum(free_bytes(torch.device("cuda", n)) or 0 for n in range(torch.cuda.device_count()))


def _line(error: BaseException) -> str:
    return (" ".join(str(error).split()) or type(error).__name__)[:200].rstrip(".")
