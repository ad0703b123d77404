"""Greedy accuracy by level and budget of an exported GGUF: ``python -m training.evaluate FOLDER/thinkcurve-tiny.gguf``.

A quick look for whoever trains, with no part of the engine in it: one trace a problem, cut at every budget,
``</think>`` appended, and the answer read by a strict pattern. No answer is executed: code counts as right if
its table of numbers is right. The benchmark itself is run with ``thinkcurve run``.
"""

from __future__ import annotations

import argparse
import json
import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import xllamacpp

from thinkcurve.problem import FunctionTests, MathAnswer, Problem
from thinkcurve_tasks.arithmetic import Arithmetic
from thinkcurve_tasks.induce import Induce, Rule
from training import data, tokenizer

LADDER = (0, 16, 32, 64, 128, 256)
LONGEST_TRACE, LONGEST_ANSWER = 256, 200
BOXED = re.compile(r"\\boxed\{(\d+)\}")
ROW = re.compile(r"(\d+):(\d+)")
TABLE = re.compile(re.escape(data.ANSWER_CODE.format(table="TABLE")).replace("TABLE", r"([^}\n]*)"))


@dataclass(frozen=True, slots=True)
class Score:
    """One answer at one budget."""

    task: str
    level: int
    budget: int
    thinking: int
    is_correct: bool
    has_answer: bool


class Engine:
    """llama.cpp on one GGUF file, greedy, with token ids in and out."""

    def __init__(self, path: Path, threads: int = 1, slots: int = 16) -> None:
        params = xllamacpp.CommonParams()
        params.model.path = str(path)
        params.n_ctx, params.n_parallel = 1024 * slots, slots
        params.cpuparams.n_threads = params.cpuparams_batch.n_threads = threads
        params.warmup, params.verbosity = False, -1
        self.server = xllamacpp.Server(params)

    def generate(self, prompts: Sequence[list[int]], max_tokens: int) -> list[list[int]]:
        """Greedy continuations, without the end marker."""
        request = {
            "prompt": list(prompts),
            "max_tokens": max_tokens,
            "temperature": 0,
            "samplers": ["temperature"],
            "logprobs": 1,
            "return_tokens": True,
        }
        reply: Any = self.server.handle_completions(request)
        choices = sorted(reply["choices"], key=lambda choice: choice["index"])
        return [[token["id"] for token in choice["logprobs"]["content"]] for choice in choices]


def evaluate(engine: Engine, problems: Sequence[Problem], ladder: Sequence[int] = LADDER) -> list[Score]:
    """Score every problem at every budget from one trace each."""
    end_think, end = tokenizer.token_id(tokenizer.END_THINK), tokenizer.token_id(tokenizer.END)
    prompts = [tokenizer.chat_ids(problem.question) for problem in problems]
    traces = [
        trace[: trace.index(end_think)] if end_think in trace else trace
        for trace in engine.generate(prompts, max(*ladder, LONGEST_TRACE))
    ]
    asked = [(number, min(budget, len(traces[number]))) for budget in ladder for number in range(len(problems))]
    unique = list(dict.fromkeys(asked))
    answers = engine.generate(
        [[*prompts[number], *traces[number][:kept], end_think] for number, kept in unique], LONGEST_ANSWER
    )
    texts = {
        key: tokenizer.shared().decode([i for i in ids if i != end], skip_special_tokens=False)
        for key, ids in zip(unique, answers, strict=True)
    }
    scores = []
    for position, (number, kept) in enumerate(asked):
        problem, budget = problems[number], ladder[position // len(problems)]
        is_correct, has_answer = judge(problem, texts[number, kept])
        scores.append(Score(problem.task, problem.level or 0, budget, kept, is_correct, has_answer))
    return scores


def judge(problem: Problem, answer: str) -> tuple[bool, bool]:
    """Whether the answer is right, and whether there is one in the expected form."""
    if isinstance(problem.reference, MathAnswer):
        found = BOXED.search(answer)
        return bool(found and found[1] == problem.reference.answer), bool(found)
    table = TABLE.search(answer)
    if not table or not isinstance(problem.reference, FunctionTests):
        return False, False
    numbers = {int(x): int(number) for x, number in ROW.findall(table[1])}
    calls = [(json.loads(case.args)[0], int(case.expected)) for case in problem.reference.cases]
    return all(_call(numbers, x) == y for x, y in calls), True


def _call(numbers: dict[int, int], x: int) -> int | None:
    """What the code of the answer returns for ``x``."""
    ten, digit = x - x % 10, x % 10
    if not {ten, ten + 1, ten + 2} <= numbers.keys():
        return None
    return Rule(numbers[ten], numbers[ten + 1], numbers[ten + 2])(digit)


def table(scores: Sequence[Score]) -> str:
    """Accuracy by task, level and budget, with the share of missing answers, as a Markdown table."""
    cells: dict[tuple[str, str, int], list[Score]] = defaultdict(list)
    for score in scores:
        cells[score.task, str(score.level), score.budget].append(score)
        cells[score.task, "all", score.budget].append(score)
    budgets = sorted({score.budget for score in scores})
    lines = [
        "| task | level | " + " | ".join(map(str, budgets)) + " | longest thinking |",
        "| --- | --- |" + " ---: |" * (len(budgets) + 1),
    ]
    for task, level in dict.fromkeys((task, level) for task, level, _ in sorted(cells)):
        rows = [cells[task, level, budget] for budget in budgets]
        shares = [f"{sum(s.is_correct for s in row) / len(row):.3f}" for row in rows]
        lines.append(f"| {task} | {level} | {' | '.join(shares)} | {max(s.thinking for s in rows[-1])} |")
    for task in dict.fromkeys(score.task for score in scores):
        rows = [cells[task, "all", budget] for budget in budgets]
        shares = [f"{sum(not s.has_answer for s in row) / len(row):.3f}" for row in rows]
        lines.append(f"| {task} | no answer | {' | '.join(shares)} | |")
    return "\n".join(lines)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description="Greedy accuracy by level and budget.")
    parser.add_argument("gguf", type=Path)
    parser.add_argument("--problems", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0, help="seed of the problems")
    options = parser.parse_args()
    engine = Engine(options.gguf)
    scores: list[Score] = []
    for task in (Arithmetic(options.problems, options.seed), Induce(options.problems, options.seed)):
        scores += evaluate(engine, task.problems())
    print(table(scores))


if __name__ == "__main__":
    main()
