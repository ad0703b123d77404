"""Memory that ran out: how each device says so, and giving back what is not needed."""

from __future__ import annotations


def is_out_of_memory(error: BaseException) -> bool:
    """Whether it says that memory ran out; a CPU and Apple's GPUs have no exception of their own for that."""
    import torch

    text = str(error)
    return isinstance(error, (torch.OutOfMemoryError, MemoryError)) or (
        "can't allocate memory" in text or "not enough memory" in text or "out of memory" in text
    )


def free_memory() -> None:
    import gc

    import torch

    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    elif torch.backends.mps.is_available():
        torch.mps.empty_cache()
