"""What a whole ladder costs as one trace and as separate runs: ``python sweep_cost.py MODEL... [--problems N]``.

MODEL is a spec of any engine that runs the embedded model's weights. Arithmetic, greedy, two ladders up to 256
tokens: 5 budgets that double, 16 in even steps. Prints a Markdown table; ``--json`` the figures.

decode     tokens generated: all traces and all answers
over       decode of one trace, over its thinking and answers alone; the rest is the token asked for beyond a budget
cached     of the prompt and thinking before each answer, the share that the engine says came from its KV cache
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from thinkcurve import Study, sweep
from thinkcurve.run import Run

DOUBLING = (16, 32, 64, 128, 256)
EVEN = tuple(range(16, 257, 16))


@dataclass(frozen=True)
class Cost:
    """One sweep of one engine."""

    model: str
    ladder: str
    budgets: int
    traces: str
    decode_tokens: int
    needed_tokens: int
    cached_share: float | None
    wall_s: float


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="+", metavar="MODEL")
    parser.add_argument("--problems", type=int, default=50)
    parser.add_argument("--rounds", type=int, default=2, help="the quickest of so many counts")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    costs = [cost for model in asked.models for cost in costs_of(model, asked.problems, asked.rounds)]
    print(json.dumps([asdict(cost) for cost in costs], indent=1) if asked.json else table(costs))


def costs_of(model: str, problems: int, rounds: int = 1) -> list[Cost]:
    """One trace and separate runs on both ladders, in turns."""
    found = []
    for name, ladder in (("doubling", DOUBLING), ("even", EVEN)):
        kinds: tuple[Literal["shared", "separate"], ...] = ("shared", "separate")
        tries = [[measure(model, name, ladder, kind, problems) for kind in kinds] for _ in range(rounds)]
        found += [min(same, key=lambda cost: cost.wall_s) for same in zip(*tries, strict=True)]
    return found


def measure(
    model: str, name: str, ladder: tuple[int, ...], traces: Literal["shared", "separate"], problems: int
) -> Cost:
    """One sweep in a folder of its own. Opening the model is in its time; both kinds open it."""
    study = Study(
        models=(model,), tasks=("arithmetic",), budgets=ladder, limit=problems, shuffle=1, traces=traces, temperature=0
    )
    with tempfile.TemporaryDirectory() as folder:
        run = sweep(study, Path(folder), listener=(clock := Clock()))
    return Cost(
        model=model.partition(":")[0],
        ladder=name,
        budgets=len(ladder),
        traces=traces,
        decode_tokens=int(run.traces["generated_spent"].sum() + run.attempts["generated_spent"].sum()),
        needed_tokens=int(run.traces["thinking_tokens"].sum() + run.attempts["generated_spent"].sum()),
        cached_share=_cached_share(run),
        wall_s=clock.wall_s,
    )


class Clock:
    """Seconds from the first event to the last, so that loading a model does not count."""

    def __init__(self) -> None:
        self.first = self.last = 0.0

    def __call__(self, event: object) -> None:
        self.last = time.perf_counter()
        self.first = self.first or self.last

    @property
    def wall_s(self) -> float:
        return self.last - self.first


def _cached_share(run: Run) -> float | None:
    own = run.attempts[~run.attempts["is_shared_answer"]]
    if own["cached_tokens"].isna().any():
        return None
    return float(own["cached_tokens"].sum() / (own["prompt_tokens"] + own["thinking_tokens"]).sum())


def table(costs: list[Cost]) -> str:
    """A row a ladder and an engine."""
    rows = [
        "| engine | budgets | decode, one trace | over | decode, separate | ratio | seconds, ratio | cached |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for one, apart in zip(costs[::2], costs[1::2], strict=True):
        over = one.decode_tokens / one.needed_tokens - 1
        cached = "unknown" if one.cached_share is None else f"{one.cached_share:.0%}"
        rows.append(
            f"| {one.model} | {one.budgets} {one.ladder} | {one.decode_tokens:,} | {over:.1%} | "
            f"{apart.decode_tokens:,} | {apart.decode_tokens / one.decode_tokens:.2f} | "
            f"{apart.wall_s / one.wall_s:.2f} | {cached} |"
        )
    return "\n".join(rows)


if __name__ == "__main__":
    main()
