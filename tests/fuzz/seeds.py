"""Real answers to start from: the open case file where ``THINKCURVE_DATA`` names a folder with it, else those here."""

from __future__ import annotations

import functools
import json
import os
from pathlib import Path

BUILT_IN = [
    ("5", "The answer is 5."),
    ("1000", "1,000"),
    ("-3", r"Thus $x = \boxed{-3}$."),
    (r"\frac{1}{2}", "0.5"),
    (r"\dfrac{14}{3}", r"So we get $\dfrac{14}{3} = \boxed{\dfrac{14}{3}}$."),
    (r"2\frac{1}{3}", "7/3"),
    (r"3\sqrt{13}", r"\sqrt{117}"),
    (r"\frac{\pi}{4}", "45^\\circ"),
    (r"(1,\infty)", "x > 1"),
    (r"(-\infty, -2] \cup [3, 5)", r"$x \le -2$ or $3 \le x < 5$"),
    (r"\{1, 2, 3\}", "3, 2 and 1"),
    (r"\left( 3, \frac{\pi}{2} \right)", r"\boxed{\left(3,\frac{\pi}{2}\right)}"),
    (r"\begin{pmatrix} 1 & 0 \\ 0 & 1 \end{pmatrix}", "[[1, 0], [0, 1]]"),
    (r"x^2 - 7x + 10", "(x-5)(x-2)"),
    ("y = 2x + 1", "2x - y + 1 = 0"),
    (r"10\%", "0.1"),
    (r"1.23 \times 10^{5}", "123000"),
    (r"1 \pm \sqrt{19}", r"1+\sqrt{19}, 1-\sqrt{19}"),
    ("2516_8", "2516"),
    (r"36 \text{ cm}^2", "36 square centimeters"),
    (r"\text{(B)}", "The answer is (B)."),
    (r"\text{Evelyn}", "**Answer:** Evelyn"),
    ("11:30", "11:30 a.m."),
    (r"6 - 5i", "-5i + 6"),
    (r"\log_2 8", "3"),
    (r"\binom{10}{3}", "120"),
    (r"|x-1| < 2", "(-1, 3)"),
    (r"0.\overline{36}", "4/11"),
    ("3:2", r"\frac32"),
    ("east", "east"),
    ("5", "<think>2+2</think> #### 5"),
    ("12", "答案是：12"),
]
CODE = [
    "Here it is:\n```python\ndef add(a, b):\n    return a + b\n```\n",
    "```\nprint(input())\n```",
    "def add(a, b):\n    return a + b\n",
    "~~~py\nadd = lambda a, b: a + b\n~~~\n\n```text\n3\n```",
    "    return a + b\n```\n",
]


@functools.cache
def pairs() -> list[tuple[str, str]]:
    """Gold and answer."""
    path = Path(os.environ.get("THINKCURVE_DATA", "/nowhere")) / "math_equivalence_dev.jsonl"
    if not path.is_file():
        return BUILT_IN
    rows = map(json.loads, path.read_text().splitlines())
    return BUILT_IN + [(row["gold"], row["pred"]) for row in rows]


@functools.cache
def texts() -> list[str]:
    """All of them, gold or answer."""
    return sorted({text for pair in pairs() for text in pair})
