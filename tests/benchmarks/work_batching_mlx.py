"""Tokens a CPU-second of one model on MLX, three ways: our backend, mlx-lm's batches one after another, and its queue.

``python work_batching_mlx.py FOLDER ROWS TOKENS equal|ragged [ROUNDS]``. The ways take turns in one process; the
medians of the rounds are compared. Prompts are 24 random ids, greedy, no end of turn. ``equal``: ROWS requests of
TOKENS each. ``ragged``: 4 x ROWS requests of TOKENS/8 to TOKENS each, evenly spread and shuffled. ``static`` hands
them to mlx-lm's `BatchGenerator` ROWS at a time, ``queued`` all at once; rows that are done leave the batch in both.

``steps`` are passes through the model for one token a row. On a GPU a pass costs nearly the same whatever its rows, so
there they tell more than CPU time, which on a CPU grows with the rows.
"""

import asyncio
import json
import os
import random
import statistics
import sys
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("HF_HUB_OFFLINE", "1")

from thinkcurve.backend import Continuation, Request
from thinkcurve_backends.mlx.backend import open_backend
from thinkcurve_backends.mlx.imports import BatchGenerator, load_model
from thinkcurve_backends.mlx.load import Float32Logits

PROMPT_TOKENS = 24


def main(folder: str, n_rows: int, n_tokens: int, kind: str, rounds: int) -> dict[str, float]:
    """The medians, and the median of each round's ratio."""
    backend = open_backend(folder, batch=n_rows, cache_tokens=0)
    backend._eos_ids = frozenset()
    inner, config = load_model(Path(folder))
    model = Float32Logits(inner)  # as ours has it
    steps = _count_steps()
    numbers = random.Random(1)
    if kind == "equal":
        limits = [n_tokens] * n_rows
    else:
        n = 4 * n_rows
        limits = [n_tokens // 8 + (n_tokens - n_tokens // 8) * i // (n - 1) for i in range(n)]
        numbers.shuffle(limits)
    prompts = [[numbers.randrange(min(config["vocab_size"], 570)) for _ in range(PROMPT_TOKENS)] for _ in limits]

    def ours() -> list[list[int]]:
        async def ask() -> list[list[int]]:
            asked = (Request(Continuation(tuple(p)), n) for p, n in zip(prompts, limits, strict=True))
            return [list(g.token_ids or ()) for g in await asyncio.gather(*map(backend.generate, asked))]

        return asyncio.run(ask())

    def theirs(some: list[list[int]], wanted: list[int]) -> list[list[int]]:
        generator = BatchGenerator(model, completion_batch_size=n_rows, prefill_batch_size=n_rows)
        found: dict[int, list[int]] = {uid: [] for uid in generator.insert(some, wanted)}
        while responses := generator.next_generated():
            for response in responses:
                found[response.uid].append(response.token)
        generator.close()
        return list(found.values())

    def static() -> list[list[int]]:
        starts = range(0, len(prompts), n_rows)
        return [ids for at in starts for ids in theirs(prompts[at : at + n_rows], limits[at : at + n_rows])]

    ways = {"ours": ours, "static": static, "queued": lambda: theirs(prompts, limits)}
    times: dict[str, list[float]] = {name: [] for name in ways}
    n_steps: dict[str, int] = {}
    results: dict[str, list[list[int]]] = {}
    for name in [*ways] * (rounds + 1):
        began, steps[0] = time.process_time(), 0
        results[name] = ways[name]()
        times[name].append(time.process_time() - began)
        n_steps[name] = steps[0]
    asyncio.run(backend.aclose())
    kept = {name: taken[1:] for name, taken in times.items()}  # the first round is for warming up
    rates = {f"{name}_tokens_s": sum(limits) / statistics.median(taken) for name, taken in kept.items()}
    others = [name for name in ways if name != "ours"]
    pairs = {name: zip(kept["ours"], kept[name], strict=True) for name in others}
    same = [a == b for name in others for a, b in zip(results["ours"], results[name], strict=True)]
    return {
        **rates,
        **{f"to_{name}": statistics.median(b / a for a, b in pairs[name]) for name in others},
        **{f"{name}_steps": n for name, n in n_steps.items()},
        "same_ids": sum(same) / len(same),
    }


def _count_steps() -> list[int]:
    """A count that goes up with each pass of one token a row, in whatever thread."""
    count, call = [0], Float32Logits.__call__

    def counting(self: Float32Logits, inputs: Any, cache: Any = None) -> Any:
        count[0] += inputs.shape[1] == 1
        return call(self, inputs, cache)

    Float32Logits.__call__ = counting
    return count


if __name__ == "__main__":
    _, folder, n_rows, n_tokens, kind, *rest = sys.argv
    print(json.dumps(main(folder, int(n_rows), int(n_tokens), kind, int(rest[0]) if rest else 3)))
