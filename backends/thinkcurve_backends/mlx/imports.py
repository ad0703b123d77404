"""What is used of mlx-lm, imported here and nowhere else.

Importing it sets the process's limit of open files to 2,048, and the hard limit, which cannot be raised again, to 4,096
(mlx_lm/utils.py, 0.32.2): a study with many connections would run out. Here the limits stay as they were.
"""

from __future__ import annotations

import resource
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def _same_limits() -> Iterator[None]:
    set_limit = resource.setrlimit
    resource.setrlimit = lambda *_: None
    try:
        yield
    finally:
        resource.setrlimit = set_limit


with _same_limits():
    from mlx_lm.generate import BatchGenerator, StopSequences
    from mlx_lm.models.cache import CacheList, can_trim_prompt_cache, make_prompt_cache, trim_prompt_cache
    from mlx_lm.models.rope_utils import initialize_rope
    from mlx_lm.utils import load_adapters, load_model

__all__ = [
    "BatchGenerator",
    "CacheList",
    "StopSequences",
    "can_trim_prompt_cache",
    "initialize_rope",
    "load_adapters",
    "load_model",
    "make_prompt_cache",
    "trim_prompt_cache",
]
