"""Texts written to hang, to fill the memory or to be run: each gets its verdict in time, and nothing runs them."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

import thinkcurve.verify
from thinkcurve.problem import MathAnswer, Verdict
from thinkcurve.verify.judge import Judge
from thinkcurve.verify.worker import MathWorkers

VERIFY = Path(thinkcurve.verify.__file__).parent
LIMIT_S = 2.0
HOSTILE = {
    "signs and percents": "-" * 220 + "0" + "%" * 220,
    "an inequality of numbers": r"x=0\le 0",
    "tower": "9^{9^{9^{9^{9^9}}}}",
    "tower of factorials": "((((9!)!)!)!)!",
    "factorial of a power": "(9^{9999999})!",
    "100 kB integer": "9" * 100_000,
    "100 kB decimal": "0." + "3" * 100_000,
    "100 kB in a fraction": rf"\frac{{{'7' * 100_000}}}{{3}}",
    "braces": "{" * 10_000 + "5" + "}" * 10_000,
    "brackets": "(" * 10_000 + "5" + ")" * 10_000,
    "bars": "|" * 9_999,
    "roots": r"\sqrt{" * 3_000 + "2" + "}" * 3_000,
    "fractions": r"\frac{1}{" * 3_000 + "2" + "}" * 3_000,
    "signs": "-+" * 1_900 + "1",
    "endless sum": r"\sum_{k=1}^{\infty}\frac{1}{k!}",
    "sum of a million": r"\sum_{k=1}^{1000000} k^k",
    "sums in sums": r"\sum_{a=1}^{999}" * 40 + "1",
    "sum of powers": r"\sum_{k=1}^{2000} 9^{9^k}",
    "sum of fractions": r"\sum_{k=1}^{2000} \frac{1}{k^{50}}",
    "product of fractions": r"\prod_{k=1}^{2000} \frac{k^{99}}{(k+1)^{98}}",
    "sum of factorials": r"\sum_{k=1}^{2000} (9999+k)!",
    "sum with letters": r"\sum_{k=1}^{400} \sin(x^k+y)",
    "integral": r"\int_0^{\infty} e^{-x^2}\sin(x^{99})\,dx",
    "integrals": r"\int" * 900 + " x dx",
    "limit": r"\lim_{x\to 0} \frac{\sin x}{x^{x^x}}",
    "binomials": r"\binom{\binom{\binom{99}{49}}{9}}{5}",
    "matrix": r"\begin{pmatrix}" + r"1&" * 60 + r"1\end{pmatrix}" * 2,
    "matrix of letters inverted": r"\begin{pmatrix}a&b&c&d\\e&f&g&h\\i&j&k&l\\m&n&o&p\end{pmatrix}^{-1}",
    "power of a matrix": r"\begin{pmatrix}1&2\\3&4\end{pmatrix}^{99999}",
    "polynomial": "(x+y+z+1)^{999999}",
    "long polynomial": "+".join(f"{k}x^{{{k}}}y" for k in range(250)),
    "cases": r"\begin{cases}" + r"x^9 & x>1\\" * 60 + r"1 & x<0\end{cases}",
    "list": ",".join(["x+1"] * 400),
    "set": r"\{" + ",".join(f"{k}\\pi" for k in range(300)) + r"\}",
    "curves": "x^{9}y^{8}+" + "+".join(f"{k}xy^{{{k}}}" for k in range(90)) + "=1",
    "unions": r"\cup".join(f"[{k},{k}.5]" for k in range(300)),
    "family": r"\frac{9^{9^9}\pi}{4}+9^{9^9}k\pi, k\in\mathbb{Z}",
    "right to left": "\u202e5\u202c\u20665\u2069" * 300,
    "combining signs": "5" + "\u0336" * 5_000,
    "digits of other scripts": "٥" * 3_000,
    "zero width": "\u200b".join("12345" * 500),
    "mathematical letters": "𝟓𝒙" * 1_500,
    "superscripts": "9" + "⁹" * 3_000,
    "words": "one hundred " * 2_000,
    "dollars": "$" * 30_000,
    "boxes": r"\boxed{" * 5_000 + "5" + "}" * 5_000,
    "answers": "the answer is " * 9_000,
    "spaces": " " * 300_000 + "6",
    "code": "__import__('os').system('touch evil')",
    "lambda": "(lambda: [].__class__.__base__.__subclasses__())()",
    "sympy": "Symbol('x').func.__globals__",
    "input": r"\input{/etc/passwd}\write18{true}",
}
GOLDS = ("5", "5x", r"\{1,\sqrt2\}", "x^2+y^2=9", r"\sin x", r"9^{9^9}")


@pytest.mark.parametrize("name", HOSTILE)
async def test_a_verdict_in_time(name: str) -> None:
    judge = Judge()
    try:
        for gold in GOLDS:
            for answer in (HOSTILE[name], rf"\boxed{{{HOSTILE[name]}}}"):
                started_s = time.process_time()
                judgement = await judge.judge(MathAnswer(gold), answer)
                assert judgement.verdict is not Verdict.CORRECT or name in ("braces", "boxes"), (gold, judgement)
                assert time.process_time() - started_s + judgement.cpu_s < LIMIT_S, gold
    finally:
        await judge.aclose()
    assert not left_behind("evil")


def left_behind(name: str) -> bool:
    return Path(name).exists()


def status_of(pid: int) -> dict[str, str]:
    return dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads /proc")
async def test_a_worker_is_small_after_honest_work() -> None:
    workers = MathWorkers(1)
    for k in range(2, 120):
        await workers.compare(
            [rf"\frac{{\sqrt{{{k}}}+x^{k % 7}}}{{{k}}}"], [rf"\frac{{x^{k % 7}}}{{{k}}}+\frac{{\sqrt{{{k}}}}}{{{k}}}"]
        )
        await workers.compare([rf"\left[{k},\infty\right)"], [rf"x\ge{k}"])
    status = status_of(workers.pool.pids[0])
    await workers.aclose()
    assert int(status["VmRSS"].split()[0]) < 256 * 1024


async def test_a_worker_that_runs_too_long_is_replaced() -> None:
    workers = MathWorkers(1)
    assert (await workers.compare(["x+x"], ["2x"])).equal is True
    [pid] = workers.pool.pids
    slow = await workers.compare([r"(x+y+z+w)^{60}"], [r"(x+y+z+w)^{59}(w+x+y+z+1-1)+0\cdot\int_0^1\sin(x^{x^x})\,dx"])
    assert slow.equal is None or slow.cpu_s < 4
    hung = await workers.compare([r"\int_0^{\infty} \frac{\sin(x^{5})}{x^{x}+\ln x}\,dx"], ["1"])
    assert hung.equal is None
    assert (await workers.compare(["x+x"], ["2x"])).equal is True
    if hung.reason == "timeout":
        assert workers.pool.pids != [pid]
    await workers.aclose()


# Nothing evaluates text ---------------------------------------------------------------------------------------

_MATHS = ("math", "extract", "notation", "number", "worker", "worker_child", "judge")
_FORBIDDEN = ("eval", "exec", "compile", "__import__", "sympify", "parse_expr", "eval_expr", "lambdify")


def test_no_source_of_the_maths_half_evaluates_text() -> None:
    files = [*(VERIFY / "maths").glob("*.py"), *(VERIFY / f"{name}.py" for name in _MATHS)]
    assert len(files) > 20
    for path in files:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call):
                called = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
                is_pattern = isinstance(node.func, ast.Attribute) and ast.unparse(node.func) == "re.compile"
                assert called not in _FORBIDDEN or is_pattern, (path.name, called)
            if isinstance(node, ast.ImportFrom):
                assert not {alias.name for alias in node.names} & set(_FORBIDDEN), path.name
            if isinstance(node, ast.Import | ast.ImportFrom) and path.name != "worker_child.py":
                imported = [alias.name for alias in node.names] + [getattr(node, "module", "") or ""]
                assert not any(name.startswith(("sympy", "math_verify", "latex2sympy")) for name in imported), path.name


_TRAPPED = """
import builtins, importlib.util, json, sys
sys.path.insert(0, sys.argv[2])
from verify.cases_answers import ANSWERS, HOSTILE
from verify.cases_expressions import EXPRESSIONS, UNDECIDED
from verify.cases_numbers import NUMBERS
from verify.cases_relations import RELATIONS
from verify.cases_structures import STRUCTURES
from thinkcurve.verify.math import judge_text, is_too_complex
from thinkcurve.verify.notation import normal

spec = importlib.util.spec_from_file_location("child", sys.argv[1])
child = importlib.util.module_from_spec(spec)
spec.loader.exec_module(child)
compare = child._load()
compare(["x+1"], ["1+x"])  # what is imported late is imported now
import sympy.parsing.sympy_parser as parser
import sympy.physics.units  # reads names of its own

fired = []
for name in ("parse_expr", "eval_expr", "stringify_expr"):
    try:
        getattr(parser, name)("__import__('os')")
        fired.append(name)
    except ValueError:
        pass

real = {"sympify": sys.modules["sympy.core.sympify"].sympify, "eval": eval}
def trap(name):
    def call(*args, **kwargs):
        if name == "eval" or (args and isinstance(args[0], str) and not args[0].replace(".", "").isdigit()):
            fired.append((name, repr(args)[:80]))
            raise RuntimeError(name)
        return real[name](*args, **kwargs)
    return call
for module in list(sys.modules.values()):
    if getattr(module, "sympify", None) is real["sympify"]:
        module.sympify = trap("sympify")
builtins.eval = trap("eval")
told = asked = 0
for table in (ANSWERS, HOSTILE, EXPRESSIONS, UNDECIDED, NUMBERS, RELATIONS, STRUCTURES):
    for gold, right, wrong in table.values():
        for answer in [*right, *wrong]:
            reading = judge_text(gold, answer)
            told += 1
            found = getattr(reading, "compared", None)
            is_open = found is not None and found.equal is None and not found.reason
            if is_open or told % 8 == 0:  # and every eighth of the others, so that the worker sees all kinds
                pair = [normal(gold), normal(getattr(getattr(reading, "found", None), "text", answer))]
                if not any(is_too_complex(text) or "int" in text or "sum" in text or "lim" in text for text in pair):
                    child._judge(compare, {"gold": [pair[0]], "answer": [pair[1]]})
                    asked += 1
builtins.eval = real["eval"]
print(json.dumps({"fired": fired, "told": told, "asked": asked}))
"""


def test_no_text_of_the_whole_table_is_evaluated_in_parent_or_worker() -> None:
    """With ``eval`` and ``sympify`` of anything but digits set to raise, all is judged and nothing was called."""
    command = [sys.executable, "-c", _TRAPPED, str(VERIFY / "worker_child.py"), str(Path(__file__).parents[1])]
    environment = {**os.environ, "PYTHONPATH": str(VERIFY.parents[1])}
    found = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert found.returncode == 0, found.stderr
    report = json.loads(found.stdout.splitlines()[-1])
    assert report["fired"] == []
    assert report["told"] > 2000
    assert report["asked"] > 200
