"""Tokens a CPU-second of one transformers model, three ways: our batching, a static batch, transformers' own manager.

``python work_batching.py FOLDER ROWS TOKENS equal|ragged [ROUNDS]`` with one thread. The ways take turns in one
process, and the medians of the rounds are compared. Prompts are 24 random ids, greedy, no end of turn. No way works on
more than ROWS sequences at once. ``equal``: ROWS requests of TOKENS each. ``ragged``: 4 x ROWS requests of TOKENS/8 to
TOKENS each, evenly spread and shuffled; the static batch takes them ROWS at a time in that order, and only what was
asked for counts. Nothing is shared between prompts.
"""

import asyncio
import json
import os
import random
import statistics
import sys
import time

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import torch
from transformers import AutoModelForCausalLM, ContinuousBatchingConfig, GenerationConfig
from transformers.utils import logging

from thinkcurve.backend import Continuation, Request
from thinkcurve_backends.transformers.backend import open_backend

PROMPT_TOKENS = 24


def main(folder: str, n_rows: int, n_tokens: int, kind: str, rounds: int) -> dict[str, float]:
    """The medians, and the median of each round's ratio."""
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    torch.set_num_threads(1)
    backend = open_backend(folder, threads=1, batch=n_rows, cache_gib=0)
    backend.scheduler._eos_ids = frozenset()
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    model.generation_config.eos_token_id = None
    paged = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    numbers = random.Random(1)
    if kind == "equal":
        limits = [n_tokens] * n_rows
    else:
        n = 4 * n_rows
        limits = [n_tokens // 8 + (n_tokens - n_tokens // 8) * i // (n - 1) for i in range(n)]
        numbers.shuffle(limits)
    size = min(model.config.vocab_size, 570)
    prompts = [[numbers.randrange(size) for _ in range(PROMPT_TOKENS)] for _ in limits]

    def ours() -> list[list[int]]:
        async def ask() -> list[list[int]]:
            asked = (Request(Continuation(tuple(p)), n) for p, n in zip(prompts, limits, strict=True))
            return [list(g.token_ids or ()) for g in await asyncio.gather(*map(backend.generate, asked))]

        return asyncio.run(ask())

    def static() -> list[list[int]]:
        found = []
        for start in range(0, len(prompts), n_rows):
            ids = torch.tensor(prompts[start : start + n_rows])
            wanted = limits[start : start + n_rows]
            with torch.inference_mode():
                out = model.generate(
                    ids,
                    attention_mask=torch.ones_like(ids),
                    max_new_tokens=max(wanted),
                    do_sample=False,
                    pad_token_id=0,
                )
            found += [row[PROMPT_TOKENS : PROMPT_TOKENS + n].tolist() for row, n in zip(out, wanted, strict=True)]
        return found

    def managed() -> list[list[int]]:
        config = GenerationConfig(do_sample=False, max_new_tokens=n_tokens, eos_token_id=-1, pad_token_id=0)
        pages = ContinuousBatchingConfig(
            page_size=32, num_blocks=64 * n_rows, max_batch_tokens=256, max_requests_per_batch=n_rows
        )
        with paged.continuous_batching_context_manager(
            generation_config=config, continuous_batching_config=pages, block=True
        ) as manager:
            names = [manager.add_request(p, max_new_tokens=n) for p, n in zip(prompts, limits, strict=True)]
            found: dict[str, list[int]] = {}
            while len(found) < len(names):
                came = manager.get_result(timeout=1)
                if came is not None and came.is_finished():
                    found[came.request_id] = list(came.generated_tokens)
        return [found[name] for name in names]

    ways = {"ours": ours, "static": static, "managed": managed}
    times: dict[str, list[float]] = {name: [] for name in ways}
    results: dict[str, list[list[int]]] = {}
    for name in [*ways] * (rounds + 1):
        began = time.process_time()
        try:
            results[name] = ways[name]()
        except Exception as error:  # the manager is only compared with
            print(f"{name}: {type(error).__name__}: {error}", file=sys.stderr)
            results[name] = []
        times[name].append(time.process_time() - began)
    asyncio.run(backend.aclose())
    useful = sum(limits)
    median = {name: statistics.median(taken[1:]) for name, taken in times.items()}
    ratio = {
        name: statistics.median(b / a for a, b in zip(times["ours"][1:], times[name][1:], strict=True)) for name in ways
    }
    return {
        **{f"{name}_tokens_s": useful / median[name] for name in ways if results[name]},
        **{f"to_{name}": ratio[name] for name in ways if name != "ours" and results[name]},
        "same_ids": sum(a == b for a, b in zip(results["ours"], results["static"], strict=True)) / len(limits),
    }


if __name__ == "__main__":
    _, folder, n_rows, n_tokens, kind, *rest = sys.argv
    print(json.dumps(main(folder, int(n_rows), int(n_tokens), kind, int(rest[0]) if rest else 3)))
