"""The same samples through other harnesses: ``python tests/benchmarks/peers.py [--sizes 1319,10000] [--rounds 3]``.

Each harness evaluates them in a fresh process with a model that answers at once: a prompt made, the answer extracted
and compared, a record of every sample on disk; imports, and making the samples, are not counted. Harnesses take turns
and medians are taken, so that other work on the machine falls on all alike; a slow one is measured at the first size
alone. Prints two Markdown tables; ``--json`` the figures.

one more sample    the difference between the sizes, a sample: without what a run costs however small it is
a point            an answer at one budget. Five budgets are one run for us and five evaluations for the others
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from statistics import median
from typing import Any

from measure import Measured, script
from samples import ACCURACY


@dataclass(frozen=True, slots=True)
class Harness:
    """A harness under one way of asking: its module, its distribution, the script that does the work, its import.

    ``n_points`` is how many answers it makes of a sample.
    """

    name: str
    module: str
    distribution: str
    script: str
    entry: str
    arguments: tuple[int, ...] = ()
    n_points: int = 1
    is_slow: bool = False

    @property
    def is_installed(self) -> bool:
        """Whether it can be measured here."""
        return find_spec(self.module) is not None

    @property
    def title(self) -> str:
        """Distribution and version, and how it asks where it can ask otherwise."""
        try:
            number = version(self.distribution)
        except PackageNotFoundError:
            number = "unknown"
        return f"{self.distribution} {number}{self.name and f', {self.name}'}"


OURS = Harness("", "thinkcurve", "thinkcurve", "work_ours.py", "from thinkcurve import sweep", (1,))
CHAT = Harness("one request", "thinkcurve", "thinkcurve", "work_ours.py", OURS.entry, (0,))
LADDER = Harness("five budgets", "thinkcurve", "thinkcurve", "work_ours.py", OURS.entry, (5,), n_points=5)
LM_EVAL = Harness("", "lm_eval", "lm-eval", "work_lm_eval.py", "from lm_eval import simple_evaluate")
INSPECT = Harness("", "inspect_ai", "inspect-ai", "work_inspect.py", "from inspect_ai import eval", is_slow=True)
PEERS = (LM_EVAL, INSPECT)
HARNESSES = (OURS, CHAT, LADDER, *PEERS)


@dataclass(frozen=True, slots=True)
class Cost:
    """What one harness took for ``n`` samples: medians of its turns."""

    harness: Harness
    n: int
    cpu_s: float
    requests: int
    peak_mb: float
    disk_mb: float

    @property
    def cpu_ms(self) -> float:
        """CPU milliseconds a sample."""
        return 1000 * self.cpu_s / self.n


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", default="1319,10000", help="how many samples; the first is GSM8K's test split")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    sizes = [int(size) for size in asked.sizes.split(",")]
    costs = [cost for n in sizes for cost in costs_of(n, asked.rounds, has_slow=n == sizes[0])]
    print(json.dumps([asdict(cost) for cost in costs], indent=1) if asked.json else tables(costs, sizes))


def costs_of(n: int, rounds: int, *, has_slow: bool) -> list[Cost]:
    """Every installed harness at ``n`` samples, in turns."""
    harnesses = [harness for harness in HARNESSES if harness.is_installed and (has_slow or not harness.is_slow)]
    turns = [[evaluated(harness, n) for harness in harnesses] for _ in range(rounds)]
    return [cost_of(harness, n, list(runs)) for harness, runs in zip(harnesses, zip(*turns, strict=True), strict=True)]


def evaluated(harness: Harness, n: int) -> Measured:
    """One evaluation in a process and a home of its own: inspect-ai keeps traces there, lm-eval caches."""
    with tempfile.TemporaryDirectory() as home:
        run = script(harness.script, n, *harness.arguments, HOME=home)
    assert run.printed["n"] == n * harness.n_points
    assert abs(run.printed["accuracy"] - ACCURACY) < 0.001
    print(f"{harness.title}: {n:,} samples, {run.printed['work_s']:.2f} s", file=sys.stderr)
    return run


def cost_of(harness: Harness, n: int, runs: list[Measured]) -> Cost:
    """The medians of some turns."""

    def middle(key: str) -> Any:
        return median(run.printed[key] for run in runs)

    return Cost(harness, n, middle("work_s"), int(middle("requests")), middle("peak_mb"), middle("disk_mb"))


Found = dict[tuple[Harness, int], Cost]


def tables(costs: list[Cost], sizes: list[int]) -> str:
    """Markdown: the cost of a sample, then of a point of a curve."""
    found = {(cost.harness, cost.n): cost for cost in costs}
    there = list(dict.fromkeys(cost.harness for cost in costs))
    samples = _samples(found, [harness for harness in there if harness.n_points == 1], sizes)
    return f"{samples}\n\n{_points(found, [LADDER, *(harness for harness in PEERS if harness in there)], sizes)}"


def _samples(found: Found, harnesses: list[Harness], sizes: list[int]) -> str:
    head = ["harness", "requests a sample"]
    for n in sizes:
        head += [f"CPU ms, {n:,} samples", "times ours"]
    head += ["ms, one more sample", "times ours", f"peak MB, {sizes[0]:,}", f"disk MB, {sizes[0]:,}"]
    rows = []
    for harness in harnesses:
        first = found[harness, sizes[0]]
        row = [harness.title, f"{first.requests / first.n:.0f}"]
        for n in sizes:
            row += _with_ratio(_point_ms(found, harness, n), _point_ms(found, OURS, n))
        row += _with_ratio(_slope_ms(found, harness, sizes), _slope_ms(found, OURS, sizes))
        rows.append([*row, f"{first.peak_mb:.0f}", f"{first.disk_mb:.1f}"])
    return _markdown(head, rows)


def _points(found: Found, harnesses: list[Harness], sizes: list[int]) -> str:
    head = ["harness", "made of"]
    for n in sizes:
        head += [f"CPU ms a point, {n:,} samples", "times ours"]
    rows = []
    for harness in harnesses:
        row = [harness.title, "one run" if harness is LADDER else "five evaluations"]
        for n in sizes:
            row += _with_ratio(_point_ms(found, harness, n), _point_ms(found, LADDER, n))
        rows.append(row)
    return _markdown(head, rows)


def _point_ms(found: Found, harness: Harness, n: int) -> float | None:
    """CPU milliseconds of one answer; ``None`` where it was not measured."""
    cost = found.get((harness, n))
    return None if cost is None else cost.cpu_ms / harness.n_points


def _slope_ms(found: Found, harness: Harness, sizes: list[int]) -> float | None:
    """CPU milliseconds of one more sample, between the smallest size and the largest."""
    less, more = found.get((harness, min(sizes))), found.get((harness, max(sizes)))
    if less is None or more is None or less.n == more.n:
        return None
    return 1000 * (more.cpu_s - less.cpu_s) / (more.n - less.n)


def _with_ratio(ms: float | None, ours_ms: float | None) -> list[str]:
    if ms is None or ours_ms is None:
        return ["", ""]
    times = ms / ours_ms
    return [f"{ms:.2g}", "1" if times == 1 else f"{times:.1f}" if times < 20 else f"{times:.0f}"]


def _markdown(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---", *("---:" for _ in head[1:])], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


if __name__ == "__main__":
    main()
