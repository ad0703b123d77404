"""One maths grader over the same pairs: ``work_maths.py thinkcurve|math_verify plain|latex|cases|memory``.

thinkcurve is called as a run calls it: `Judge.judge` on the whole answer; a verdict's cost is this process's CPU and
what its worker reports for it. Math-Verify is called at its best: what holds no LaTeX environment of its own is put
in dollar signs, boxes come first, numbers to 20 digits, sets may be relations; golds are read once; its own time
limits (5 s, by ``signal.alarm``) stay on, as in its README. The imports and the worker's start are not counted.
"""

from __future__ import annotations

import asyncio
import functools
import json
import re
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from maths_pairs import Pair, cases, pairs

Verdict = tuple[bool | None, float, bool]  # equal or cannot tell, CPU seconds, whether a worker decided
Grader = Callable[[str, str], Verdict]


def main(name: str, kind: str) -> None:
    if kind == "memory":
        print(json.dumps({"worker_mb": asyncio.run(_worker_mb())}))
        return
    grader = {"thinkcurve": _thinkcurve, "math_verify": _math_verify}[name]()
    grader("2x+1", r"\boxed{1+2x}"), grader("5", "5.0")
    found = _agreement(grader) if kind == "cases" else _speed(grader, pairs(kind))
    print(json.dumps(found))


def _speed(grader: Grader, asked: list[Pair]) -> dict[str, Any]:
    started_s = time.process_time()
    verdicts = [grader(pair.gold, pair.answer) for pair in asked]
    own_s = time.process_time() - started_s
    costs = [cpu_s for _, cpu_s, _ in verdicts]
    return {
        "n": len(asked),
        "cpu_s": max(own_s, sum(costs)),
        "p50_ms": 1000 * statistics.median(costs),
        "p95_ms": 1000 * statistics.quantiles(costs, n=20)[-1],
        "worst_ms": 1000 * max(costs),
        "right": sum((equal is True) == pair.is_right for (equal, _, _), pair in zip(verdicts, asked, strict=True)),
        "by_worker": sum(by_worker for _, _, by_worker in verdicts),
    }


def _agreement(grader: Grader) -> dict[str, Any]:
    """Over the open case file; cases marked as policy, on which graders rightly differ, are counted apart."""
    found: dict[str, Any] = {"n": 0, "agreed": 0, "policy_n": 0, "policy_agreed": 0, "unverified": 0, "false_equal": []}
    for row in cases():
        equal, _, _ = grader(row["gold"], row["pred"])
        is_policy = "policy" in (row["notes"] or "")
        found["policy_n" if is_policy else "n"] += 1
        found["policy_agreed" if is_policy else "agreed"] += equal is not None and equal == row["equal"]
        if not is_policy:
            found["unverified"] += equal is None
            if equal and not row["equal"]:
                found["false_equal"].append([row["id"], row["gold"], row["pred"][-60:]])
    return found


def _thinkcurve() -> Grader:
    from thinkcurve.problem import MathAnswer
    from thinkcurve.verify.judge import Judge

    runner = asyncio.Runner()
    judge = Judge()

    async def graded(gold: str, answer: str) -> Verdict:
        started_s = time.process_time()
        judgement = await judge.judge(MathAnswer(gold), answer)
        used_s = time.process_time() - started_s + judgement.cpu_s
        equal = {"correct": True, "unverified": None}.get(judgement.verdict.value, False)
        return equal, used_s, judgement.rung.startswith("worker")

    def all_of_it(gold: str, answer: str) -> Verdict:
        return runner.run(graded(gold, answer))

    return all_of_it


HONEST = [  # what makes a worker evaluate: sympy's caches fill as they do in a run
    (rf"\frac{{\sqrt{{{n}}}+{n % 5}}}{{{n + 1}}}", rf"\frac{{{n % 5}+\sqrt{{{n}}}}}{{{n}+1}}") for n in range(2, 102)
] + [(f"(x+{n})^3-{n}", f"x^3+{3 * n}x^2+{3 * n * n}x+{n**3}-{n}") for n in range(1, 51)]


async def _worker_mb() -> float:
    """The peak memory of one maths worker after honest work: 150 comparisons, and all MATH golds with themselves."""
    from thinkcurve.verify.notation import normal
    from thinkcurve.verify.worker import MathWorkers

    workers = MathWorkers(1)
    try:
        golds = [normal(pair.gold) for pair in pairs("latex")]
        for gold, answer in HONEST + [(gold, gold) for gold in golds]:
            await workers.compare((gold,), (answer,))
        return _peak_mb(workers.pool.pids[0])
    finally:
        await workers.aclose()


def _peak_mb(pid: int) -> float:
    status = Path(f"/proc/{pid}/status")
    found = re.search(r"VmHWM:\s+([0-9]+)", status.read_text()) if status.exists() else None
    return int(found[1]) / 1024 if found else 0.0


_HAS_LATEX = re.compile(r"\$|boxed|\\\(|\\\[|\n")
_PROSE = re.compile(r"(?<!\\)\b[A-Za-z]{3,} [A-Za-z]{2,}")


def _math_verify() -> Grader:
    import logging

    from math_verify import ExprExtractionConfig, LatexExtractionConfig, parse, verify

    logging.disable(logging.CRITICAL)
    config = [LatexExtractionConfig(boxed_match_priority=0), ExprExtractionConfig()]

    def read(text: str) -> Any:
        is_bare = not _HAS_LATEX.search(text) and not _PROSE.search(text)
        return parse(f"${text}$" if is_bare else text, config)

    gold_of = functools.lru_cache(maxsize=None)(read)

    def graded(gold: str, answer: str) -> Verdict:
        started_s = time.process_time()
        equal = verify(
            gold_of(gold), read(answer), float_rounding=12, numeric_precision=20, allow_set_relation_comp=True
        )
        return bool(equal), time.process_time() - started_s, False

    return graded


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
