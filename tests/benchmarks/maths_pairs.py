"""Gold and answer for every maths grader: real data sets where ``THINKCURVE_DATA`` names them, else made here.

``plain`` is as GSM8K: a number as gold, some lines of prose that end in it. ``latex`` is as MATH: LaTeX as gold, a
solution with a box. Every fourth answer is the next problem's, so that a grader which compared nothing shows itself.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, NamedTuple

DATA = Path(os.environ.get("THINKCURVE_DATA", "/nowhere"))
N_MADE = {"plain": 1000, "latex": 500}


class Pair(NamedTuple):
    """A gold answer, the model's whole answer, and whether it was made to be right."""

    gold: str
    answer: str
    is_right: bool


def pairs(kind: str) -> list[Pair]:
    """All pairs of ``plain`` or ``latex``."""
    found = (_real(kind) if DATA.is_dir() else None) or _made(kind)
    answers = [text for _, text in found]
    turned = answers[1:] + answers[:1]
    wrong = [index % 4 == 3 for index in range(len(found))]
    return [
        Pair(gold, turned[index] if wrong[index] else text, not wrong[index])
        for index, (gold, text) in enumerate(found)
    ]


def cases() -> list[dict[str, Any]]:
    """The open case file (gold, pred, equal, notes); empty without the data."""
    return _rows("math_equivalence_dev.jsonl") if DATA.is_dir() else []


def source() -> str:
    """Where the pairs come from, for the table."""
    return "GSM8K and MATH-500" if DATA.is_dir() else "made"


def _real(kind: str) -> list[tuple[str, str]]:
    if kind == "plain":
        return [(row["answer"].split("####")[1].strip(), row["answer"]) for row in _rows("gsm8k/test.jsonl")]
    return [(row["answer"], row["solution"]) for row in _rows("math500/test.jsonl")]


def _rows(name: str) -> list[dict[str, Any]]:
    path = DATA / name
    return [json.loads(line) for line in path.read_text().splitlines()] if path.is_file() else []


def _made(kind: str) -> list[tuple[str, str]]:
    made = _plain if kind == "plain" else _latex
    return [made(index) for index in range(N_MADE[kind])]


def _plain(index: int) -> tuple[str, str]:
    eggs, days = index % 37 + 3, index * 7 % 53 + 2
    total = eggs * days * 11
    said = f"Every day {eggs} hens lay {eggs} x 11 = {eggs * 11} eggs.\nIn {days} days that is {total:,} eggs."
    return str(total), f"{said}\n#### {total:,}"


# gold, and the same as a solution ends in it; {a} {b} {c} are small whole numbers above 1, {s} is a + b, {p} is a b
_FORMS = (
    (r"\frac{{{a}}}{{{b}}}", r"\dfrac{{{a}}}{{{b}}}"),
    (r"{a}\sqrt{{{b}}}", r"{a} \cdot \sqrt {b}"),
    (r"\left({a}, \frac{{\pi}}{{{b}}}\right)", r"\left( {a},\frac{{\pi}}{{{b}}} \right)"),
    (r"x^2 - {s}x + {p}", r"(x - {a})(x - {b})"),
    (r"(-\infty, -{a}] \cup [{b}, \infty)", r"(-\infty,-{a}]\cup[{b},\infty)"),
    (r"{a}^{{{b}}} + {c}", r"{c} + {a}^{b}"),
    (r"\begin{{pmatrix}} {a} & {b} \\ {c} & 0 \end{{pmatrix}}", r"\begin{{pmatrix}}{a}&{b}\\{c}&0\end{{pmatrix}}"),
    (r"\{{{a}, {s}\}}", r"{s}, {a}"),
    (r"{p}", r"{p}.0"),
    (r"\frac{{\sqrt{{{a}}}}}{{{b}}}", r"\frac1{b}\sqrt{{{a}}}"),
)


def _latex(index: int) -> tuple[str, str]:
    a, b, c = index % 7 + 2, index % 5 + 3, index % 11 + 2
    numbers = {"a": a, "b": b, "c": c, "s": a + b, "p": a * b}
    gold, written = (form.format(**numbers) for form in _FORMS[index % len(_FORMS)])
    text = (
        f"Let $n = {index}$. By Vieta's formulas the sum of the roots is ${a + b}$ and their product is ${a * b}$, so\n"
    )
    return gold, text + rf"\[{a}x + {b}y = {c}.\] Hence the answer is $\boxed{{{written}}}$."
