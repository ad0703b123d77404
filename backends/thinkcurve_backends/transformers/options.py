"""What a user can set for the `transformers` backend, and what is refused before anything is loaded."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from thinkcurve.errors import UsageError
from thinkcurve_backends.host_memory import free_host_bytes
from thinkcurve_backends.options import ThinkingOptions

if TYPE_CHECKING:
    import torch

DTYPES = ("float32", "bfloat16", "float16")
ATTENTIONS = ("sdpa", "eager", "flash_attention_2")
QUANTIZATIONS = ("bnb-8bit", "bnb-4bit", "fp8")
DEVICES = ("cuda", "mps", "cpu")
MOST_THREADS = 1024
"""More than any CPU's; where the system has no room for them the process dies without a word."""
LEAST = {"batch": 0, "context_tokens": 0, "cache_gib": -1, "threads": 0}
ROWS_CPU, ROWS_GPU = 16, 64
PACKAGES = {
    "bitsandbytes": "bitsandbytes",
    "gptq": "gptqmodel",
    "awq": "gptqmodel",
    "compressed-tensors": "compressed-tensors",
    "torchao": "torchao",
    "hqq": "hqq",
}
"""What transformers needs to run the checkpoints of a ``quant_method``; the names are also those of their imports."""


@dataclass(frozen=True, slots=True)
class Options(ThinkingOptions):
    """What a user can set, under ``model_options`` in a study, beside what `ThinkingOptions` says.

    ``revision`` is a commit, tag or branch of the hub (the commit is recorded). ``device`` is ``cuda`` (AMD's ROCm is
    ``cuda`` to torch, too), ``cuda:1``, ``mps``, ``cpu``, or ``auto`` to spread layers over all GPUs; empty takes the
    first that is there. ``dtype`` is ``float32``, ``bfloat16`` or ``float16``; empty is the checkpoint's own, and
    float32 on a CPU, where the narrow types are slower and round more. ``attention`` is ``sdpa`` (the default),
    ``eager`` or ``flash_attention_2``. ``batch`` sequences run at once (0: 16 on a CPU, 64 elsewhere; halved where
    memory runs out), each of at most ``context_tokens`` (0: the model's own). ``quantization`` quantises while loading:
    ``bnb-8bit``, ``bnb-4bit`` (nf4) or ``fp8``; checkpoints that are quantised already (GPTQ, AWQ, FP8, ...) say so
    themselves. ``gguf`` names a GGUF file in the folder, which is dequantised. ``adapter`` is a LoRA folder or one of
    the hub (at ``adapter_revision``), merged into the weights unless ``merge_adapter`` is off or they are quantised.
    ``compile`` runs the model through `torch.compile`. ``cache_gib`` bounds the keys and values kept of finished
    sequences (-1: a quarter of the memory left after loading; 0: none); those of the sequences at work are not in
    that bound, each takes what the longest of them does. ``threads`` are torch's on a CPU (0: its own choice).
    """

    revision: str = ""
    device: str = ""
    dtype: str = ""
    attention: str = ""
    batch: int = 0
    context_tokens: int = 0
    quantization: str = ""
    gguf: str = ""
    adapter: str = ""
    adapter_revision: str = ""
    merge_adapter: bool = True
    compile: bool = False
    cache_gib: float = -1.0
    threads: int = 0


def check_options(options: Options) -> None:
    """Refuse values that no checkpoint could make right."""
    for name, known in (("dtype", DTYPES), ("attention", ATTENTIONS), ("quantization", QUANTIZATIONS)):
        value = getattr(options, name)
        if value and value not in known:
            raise UsageError(f"option {name} of transformers is {value!r}; known: {', '.join(known)}")
    if options.threads > MOST_THREADS:
        raise UsageError(f"option threads of transformers is {options.threads}; the most is {MOST_THREADS}")
    if options.gguf and options.quantization:
        raise UsageError("options gguf and quantization do not go together: a GGUF file is dequantised")
    if options.adapter_revision and not options.adapter:
        raise UsageError("option adapter_revision needs option adapter")
    if options.attention == "flash_attention_2":
        need("flash_attn", "flash-attn", "attention=flash_attention_2")
    if options.quantization.startswith("bnb"):
        need("bitsandbytes", "bitsandbytes", f"quantization={options.quantization}")
    if options.adapter:
        need("peft", "peft", "option adapter")


def check_quantization(config: dict[str, Any]) -> str:
    """The method of a checkpoint that is quantised already, or nothing; what it needs must be installed."""
    method = str((config.get("quantization_config") or {}).get("quant_method") or "").replace("_", "-").lower()
    package = PACKAGES.get(method)
    if package:
        need(package.replace("-", "_"), package, f"a checkpoint quantised with {method}")
    return method


def need(module: str, package: str, what: str) -> None:
    """Refuse in one line where a package is missing."""
    if importlib.util.find_spec(module) is None:
        raise UsageError(f"{what} needs the package {package!r}: pip install {package}")


def choose_device(name: str) -> torch.device:
    """The device asked for, or the best that is here; ``auto`` is where the first layers go."""
    import torch

    if not name or name == "auto":
        name = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    try:
        device = torch.device(name)
    except RuntimeError:
        device = None
    if device is None or device.type not in DEVICES:
        raise UsageError(f"option device of transformers is {name!r}; known: cuda, cuda:1, mps, cpu, auto")
    try:
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = " ".join(str(error).split())[:120].rstrip(".")
        raise UsageError(f"option device of transformers is {name!r}, which cannot be used here: {reason}") from error
    return device


def free_bytes(device: torch.device) -> int | None:
    """Memory that is free now on a device, or ``None`` where the system does not say."""
    import torch

    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    if device.type == "mps":
        return int(torch.mps.recommended_max_memory() - torch.mps.driver_allocated_memory())
    return free_host_bytes()
