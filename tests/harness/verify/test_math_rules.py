"""One table a rule: a gold, answers that are it, and more answers that are not."""

from __future__ import annotations

import pytest

from thinkcurve.verify.extract import Missing
from thinkcurve.verify.math import judge_text

RULES: dict[str, tuple[str, list[str], list[str]]] = {
    "fraction": (r"\frac34", ["0.75", "3/4", r"\dfrac{3}{4}"], ["4/3", "0.7", "-3/4", "34", r"\frac{3}{5}"]),
    "mixed number": (r"2\frac12", ["2.5", "5/2", "2 1/2"], ["1", "2", "-2.5", "2 1/3", "21/2"]),
    "negative mixed number": (r"-2\frac12", ["-2.5", "-2 1/2"], ["-1.5", "2.5", "-3"]),
    "repeating decimal": (r"\frac{4}{33}", [r"0.\overline{12}"], ["0.12", "0.121212", r"0.\overline{13}"]),
    "thousands": (
        "1000000",
        ["1,000,000", r"1\,000\,000", "1 000 000"],
        ["1.000.000", "1,000", "(1,000,000)x", "1,000,001"],
    ),
    "pair": ("(1,100)", ["(1, 100)", r"\left(1,100\right)"], ["(12,1200)", "1100", "(100,1)", "[1,100]", "1,100"]),
    "scientific": (
        r"1.5\times10^6",
        ["1500000", "1.5e6", "1.5*10^6", "1.5 × 10^6"],
        ["1.5e5", "1.5", "15e6", "1.5*10^-6", "1.6e6"],
    ),
    "long decimal": (
        r"\sqrt2",
        ["1.4142135623730951", "1.414213562373"],
        ["1.4142", "1.41421356237309505999", "1.4142135623731951"],
    ),
    "percent": (r"50\%", ["0.5", "50", "50 percent", "1/2"], ["5", "0.05", "500", "5%", "0.005"]),
    "degrees": (r"180^\circ", ["180", r"\pi", "180 degrees"], [r"2\pi", "18", "90", "90^\\circ"]),
    "units": ("5 cm", ["5", "50 mm", "0.05 m"], ["5 m", "50", "5 kg", r"5\text{ cm}^2", "6 cm"]),
    "hours": ("1 hour", ["60 minutes", "1"], ["60", "1 minute", "1 day"]),
    "square units": (r"12\text{ cm}^2", ["12", "12 cm^2"], [r"12\text{ cm}", "144", r"12\text{ m}^2"]),
    "money": (r"\$5.50", ["5.5", "5.50 dollars"], ["550", "5.05", "5 dollars", "55"]),
    "magnitude word": ("2000000", ["2 million"], ["2", "2 thousand", "2 billion"]),
    "base": ("1101_2", ["1101_{2}", "13", "1101"], ["1101_3", "1011_2", "1110", "11"]),
    "value in a base": ("13", ["1101_2"], ["1101_3", "1101", "13_5"]),
    "surd": (
        r"2\sqrt2",
        ["sqrt(8)", "2*sqrt(2)", r"\frac{4}{\sqrt2}", "2√2"],
        ["4", "sqrt(2)", "2.83", r"2+\sqrt2", r"\sqrt{2}2\sqrt2"],
    ),
    "odd root": ("-2", [r"\sqrt[3]{-8}"], ["2", r"\sqrt[3]{8}", r"\sqrt{4}"]),
    "vanishing": ("0", [r"\sqrt2\cdot\sqrt3-\sqrt6"], [r"(\sqrt3-\sqrt2)^{40}", "10^{-50}", "e^{-1000}"]),
    "tiny": (r"\frac{1}{2004!}", [r"\frac{2005\cdot2006}{2006!}"], [r"\frac{1}{2006!}", "0", r"\frac{1}{2005!}"]),
    "huge": ("9^{9^9}", ["9^{387420489}", r"3^{2\cdot9^9}"], ["9^{387420488}", "9^{9^9}+1", "81^9", "10^{9^9}"]),
    "factorial": ("10!", ["3628800", r"10\cdot9!"], ["3628801", "9!", "10"]),
    "binomial": (r"\binom{10}{3}", ["120", r"\frac{10!}{3!7!}"], ["720", r"\binom{10}{4}", "30"]),
    "logarithm": (r"\log_2 3", [r"\frac{\ln3}{\ln2}", r"\log_4 9"], [r"\log_3 2", r"\ln 3", "1.58"]),
    "trigonometry": (
        r"\frac{\sqrt3}{2}",
        [r"\sin 60^\circ", r"\cos\frac{\pi}{6}"],
        [r"\sin 30^\circ", r"\sin 60", r"\frac{3}{2}"],
    ),
    "power of a function": (r"\sin^2 x", [r"(\sin x)^2", r"1-\cos^2 x"], [r"\sin x^2", r"\sin 2x", r"\sin x"]),
    "complex": ("3+4i", ["4i+3", r"5e^{i\arctan(4/3)}"], ["3-4i", "4+3i", "5", "7i"]),
    "polynomial": ("(x+1)^2", ["x^2+2x+1", "1+x(x+2)"], ["x^2+1", "x^2+2x-1", "(y+1)^2", "(x+1)^3"]),
    "identity in n": ("(-1)^n", [r"\cos(n\pi)"], ["(-1)^{n+1}", "1", "-1"]),
    "function call": ("f(x+1)", ["f(1+x)"], ["f(x)+1", "f(x)+f(1)", "g(x+1)", "x+1"]),
    "absolute value": ("|x-1|", ["|1-x|"], ["x-1", "1-x", "|x+1|"]),
    "index": ("a_1", ["a_{1}"], ["a_2", "a", "a1^2"]),
    "named value": ("5", ["x = 5", "x=2+3=5", "2+3=5"], ["x = 6", "41=5", "x > 5", "x^2 = 5", "5=6"]),
    "assignments": ("a=1, b=2", ["b=2, a=1", "a=1 and b=2", "1, 2"], ["a=2, b=1", "2, 1", "a=1", "a=1, c=2"]),
    "equation": ("y = 2x+3", ["2x-y+3=0", "2x+3", "4x-2y=-6"], ["y=3x+2", "2x+y+3=0", "y=2x", "y=2z+3"]),
    "equation and number": ("a+3z=0", ["3z+a=0"], ["0", "a+3z", "a+3z=1"]),
    "inequality": (r"x \ge 5", [r"[5,\infty)", r"5\le x"], ["(5,\\infty)", "x>5", "5", r"x\le5", "y\\ge6"]),
    "chain of inequalities": ("3<x<5", ["x>3 and x<5", "5>x>3", "(3,5)"], ["x>3", "[3,5]", "(3,5]", "3<x<6"]),
    "union": (
        r"(-\infty,1)\cup(2,5)",
        [r"(2,5)\cup(-\infty,1)", "x<1 or 2<x<5"],
        ["(2,5)", r"(-\infty,1]\cup(2,5)", r"(-\infty,5)"],
    ),
    "difference": (
        r"\mathbb{R}\setminus\{0\}",
        [r"x\ne0", r"(-\infty,0)\cup(0,\infty)"],
        [r"\mathbb{R}", r"x\ne1", "0"],
    ),
    "merged": ("[1,3]", [r"[1,2]\cup[2,3]", r"1\le x\le3"], [r"[1,2)\cup(2,3]", "(1,3)", r"\{1,3\}", "(1,3]"]),
    "set": (r"\{1,2\}", ["2, 1", "1 and 2", r"\{2,1\}"], ["(1,2)", "1", r"\{1,2,3\}", r"\{1,1\}"]),
    "plus-minus": (
        r"1\pm\sqrt{19}",
        [r"1+\sqrt{19}, 1-\sqrt{19}", r"\{1-\sqrt{19},1+\sqrt{19}\}"],
        [r"1+\sqrt{19}", r"1\pm19", r"\pm\sqrt{19}"],
    ),
    "list of points": ("(0,0),(1,1)", ["(1,1),(0,0)"], ["(0,0)", "(0,0),(1,2)", "0,0,1,1"]),
    "and so on": (r"1,2,\ldots,n", [r"1, 2, \dots, n"], [r"1,2,\ldots,m", r"1,3,5,\ldots,2n-1", "1,2,n"]),
    "matrix": (
        r"\begin{pmatrix}1&2\\3&4\end{pmatrix}",
        [
            r"\begin{bmatrix}1&2\\3&4\end{bmatrix}",
            r"\begin{pmatrix}0&1\\2&3\end{pmatrix}+\begin{pmatrix}1&1\\1&1\end{pmatrix}",
        ],
        [r"\begin{pmatrix}1&3\\2&4\end{pmatrix}", "(1,2,3,4)", r"\begin{pmatrix}1&2\end{pmatrix}"],
    ),
    "vector": (
        r"\begin{pmatrix}1\\2\end{pmatrix}",
        ["(1,2)", r"\langle 1,2\rangle"],
        ["(2,1)", r"\begin{pmatrix}1&2\end{pmatrix}", "1,2"],
    ),
    "ratio": ("3:4", ["6:8", "3/4"], ["4:3", "3:5", "3:4:5", "34"]),
    "label and value": ("12", [r"\boxed{\textbf{(C)} 12}"], [r"\boxed{\textbf{(C)} 13}", "(C)", r"\textbf{(12)}1"]),
    "date": (r"\text{June 5}", ["June 5"], ["June 6", "5", "July 5"]),
    "long decimal of a fraction": ("2/3", ["0.666666666666667"], ["0.6667", "0.6666666666661", "0.7"]),
    "rows": (
        r"\begin{pmatrix}1&0\\0&1\end{pmatrix}",
        ["[[1,0],[0,1]]", "I"],
        ["[[1,0],[0,2]]", "[1,0,0,1]", "[[1,0,0,1]]"],
    ),
    "point by its names": ("x=1, y=2", ["(x,y)=(1,2)"], ["(x,y)=(2,1)", "(x,y)=(1,2,3)", "(1,3)"]),
    "full hour": ("12:00", ["12:00"], ["7:00", "12", "12:30"]),
    "time": (r"4:30\text{ p.m.}", ["4:30 PM", "4:30"], ["4:30 a.m.", "4:03 p.m.", "5:30 p.m."]),
    "remainder": (
        r"x\equiv7\pmod{12}",
        ["7", r"x \equiv 7 \pmod{12}"],
        [r"x\equiv6\pmod{12}", r"x\equiv7\pmod{10}", "12"],
    ),
    "infinity": (r"\infty", [r"+\infty", "infinity"], [r"-\infty", "0", "10^{100}"]),
    "empty set": (r"\emptyset", [r"\{\}", "no solution"], ["0", r"\{0\}", "1"]),
    "words": (r"\text{East}", ["east", "East."], ["west", "eats", "5", "north east", r"\text{.}", r"\text{()}"]),
    "letter": (
        "B",
        ["(B)", r"\text{(B)}", "I think it is (B).", "(B) Alina"],
        ["A", "(C)", "b c", "the answer is D", "It is E"],
    ),
    "number word": ("2", ["two"], ["three", "too", "twenty"]),
    "several boxes": (
        "1, 2",
        [r"\boxed{1} and \boxed{2}", r"\boxed{1}\boxed{2}", r"\boxed{1} papers and \boxed{2} bins"],
        [r"\boxed{1} but then \boxed{2}", r"\boxed{1}. No, \boxed{2}", r"\boxed{2} and \boxed{3}", r"\boxed{2}"],
    ),
    "hedges": (
        "42",
        [r"\boxed{10} and then \boxed{42}"],
        [r"\boxed{42} or \boxed{43}", r"\boxed{42, 43}", r"\boxed{41} or \boxed{42}"],
    ),
    "said later": (
        "5",
        ["The key is \\boxed{x+1}.\n\n**Answer: 5**"],
        ["\\boxed{4}\nI hope the final answer is right: 5!", "\\boxed{5}\nAnswer: 6", "\\boxed{6}"],
    ),
    "thinking": (
        "42",
        ["<think>\\boxed{41}</think> It is 42"],
        ["<think>\\boxed{42}</think> It is 41", "<think>It is 42", "<think>42</think>"],
    ),
}


def verdict(gold: str, answer: str) -> bool | None:
    reading = judge_text(gold, answer)
    return False if isinstance(reading, Missing) else reading.compared.equal


@pytest.mark.parametrize("rule", RULES)
def test_rule(rule: str) -> None:
    gold, right, wrong = RULES[rule]
    assert len(wrong) > len(right) or len(wrong) >= 5
    assert [answer for answer in right if verdict(gold, answer) is not True] == []
    assert [answer for answer in wrong if verdict(gold, answer) is True] == []


@pytest.mark.parametrize("rule", RULES)
def test_every_gold_is_itself(rule: str) -> None:
    gold = RULES[rule][0]
    assert verdict(gold, gold) is True
    assert verdict(gold, rf"So it is \boxed{{{gold}}}.") is True


@pytest.mark.parametrize(
    ("gold", "answer", "rung"),
    [
        ("42", r"\boxed{42}", "identical"),
        ("0.5", r"\boxed{\frac12}", "number"),
        (r"2^{10}", r"\boxed{1024}", "exact"),
        (r"\sqrt8", r"\boxed{2\sqrt2}", "numeric"),
        ("(x+1)^2", r"\boxed{x^2+2x+1}", "points"),
        ("9^{9^9}", r"\boxed{9^{387420489}}", "residues"),
        ("(0,1)", r"\boxed{0<x<1}", "set"),
        ("(0,1)", r"\boxed{0,1}", "structure"),
        ("2x+3y=6", r"\boxed{4x+6y=12}", "relation"),
        ("east", r"\boxed{\text{West}}", "words"),
        ("1101_2", r"\boxed{1101_3}", "base"),
        ("B", "it must be B.", "letter"),
    ],
)
def test_the_rung_that_decided_is_named(gold: str, answer: str, rung: str) -> None:
    reading = judge_text(gold, answer)
    assert not isinstance(reading, Missing)
    assert reading.compared.rung == rung
    start, end = reading.found.span
    assert answer[start:end] == reading.found.text
