"""A task's own rules on its reference: tolerance, rounding, percent, units, order, angles, times, dates and bases."""

from __future__ import annotations

import msgspec
import pytest

from thinkcurve.problem import MathAnswer, Verdict
from thinkcurve.verify.judge import Judge

RULES: dict[str, tuple[MathAnswer, list[str], list[str]]] = {
    "tolerance": (
        MathAnswer("3.14", tolerance=0.01),
        ["3.14", r"\boxed{\pi}", "3.15", "3.13", "22/7", "x=3.145"],
        ["3.16", "3.1", "-3.14", "3.1511", r"2\pi", "3.14, 3.15"],
    ),
    "tolerance of a root": (
        MathAnswer(r"\sqrt{2}", tolerance=1e-3),
        ["1.414", "1.4142", "1.415"],
        ["1.41", "1.42", "2", "-1.414"],
    ),
    "tolerance item by item": (
        MathAnswer("(1/3, 0.2)", tolerance=0.005),
        ["(0.33, 0.2)", "(0.333,0.204)", r"\left(\frac13,\frac15\right)"],
        ["(0.2,0.33)", "(0.32,0.2)", "0.33", "(0.33,0.21)", "(0.33,0.2,0)"],
    ),
    "tolerance in a list": (
        MathAnswer(r"\{1, 1.01\}", tolerance=0.01),
        ["1.01,1.02", "1.02,1.01", "1,1"],
        ["1.02,1.03", "1", "0.98,1.01"],
    ),
    "tolerance in a matrix": (
        MathAnswer(r"\begin{pmatrix}1/3\\1/5\end{pmatrix}", tolerance=0.01),
        [r"\begin{pmatrix}0.33\\0.2\end{pmatrix}", "(0.33,0.2)"],
        [
            r"\begin{pmatrix}0.3\\0.2\end{pmatrix}",
            r"\begin{pmatrix}0.2\\0.33\end{pmatrix}",
            r"\begin{pmatrix}0.33&0.2\end{pmatrix}",
        ],
    ),
    "tolerance in the gold's unit": (
        MathAnswer("5 cm", tolerance=0.1),
        ["5.05 cm", "50.5 mm", "0.0495 m", "5.1"],
        ["5.2 cm", "0.052 m", "5.05 m", "5.05 kg"],
    ),
    "tolerance leaves names alone": (
        MathAnswer("2x+1", tolerance=0.5),
        ["1+2x", "x+x+1"],
        ["2x+1.2", "2.1x+1", "2y+1"],
    ),
    "rounded gold": (
        MathAnswer("33.3", is_rounded=True),
        [r"\frac{100}{3}", "33.3", "33.34", "33.25"],
        ["33", "33.4", "33.36", "33.2", "-33.3"],
    ),
    "rounded gold with a unit": (
        MathAnswer("33.3 cm", is_rounded=True),
        [r"\frac{100}{3}\text{ cm}", "0.33333 m", "33.34"],
        ["33", "33.4 cm", "33.36 m", "33.3 kg"],
    ),
    "rounded pair": (
        MathAnswer("(0.33, 1.4)", is_rounded=True),
        [r"(1/3, \sqrt2)", "(0.333,1.41)"],
        ["(0.3,1.4)", "(0.33,1.5)", r"(\sqrt2, 1/3)", "(0.34,1.4)"],
    ),
    "exact percent": (
        MathAnswer(r"50\%", percent="exact"),
        ["0.5", "1/2", "50%", "50 percent"],
        ["50", "5%", "0.05", "0.5%"],
    ),
    "percent of a plain gold": (MathAnswer("10", percent="exact"), ["10", "1000%"], ["10%", r"10\%", "0.1", "1"]),
    "either percent": (MathAnswer("10"), ["10", "10%", "1000%"], ["1%", "0.1", "100%"]),
    "required units": (
        MathAnswer("5 cm", units="required"),
        ["5 cm", "50 mm", r"5\text{ centimeters}", r"\boxed{5\ \mathrm{cm}}", "0.05 m"],
        ["5", "5 kg", "5 m", "50", r"\boxed{5}", "5 apples"],
    ),
    "required degrees": (
        MathAnswer(r"30^\circ", units="required"),
        ["30 degrees", r"\boxed{30^\circ}", "30°"],
        ["30", "60°", "0.5"],
    ),
    "any order": (
        MathAnswer("(1,2)", order="any"),
        ["(2,1)", "1,2", "2 and 1", r"\{1,2\}"],
        ["(1,3)", "1", "(1,2,2)", "12"],
    ),
    "exact order": (MathAnswer("1,2", order="exact"), ["1,2", "(1,2)", "1 and 2"], ["2,1", "2 and 1", "(2,1)", "1"]),
    "order of the gold": (MathAnswer("1,2"), ["1,2", "2,1", "2 and 1"], ["(1,3)", "1", "1,2,2", "12"]),
    "bare angles in degrees": (
        MathAnswer("30", angles="degrees"),
        [r"30^\circ", r"\frac{\pi}{6}\text{ rad}", "30", "30 degrees"],
        [r"\pi/6", "31", "30 rad", r"\frac{\pi}{3}\text{ rad}", "0.5"],
    ),
    "bare angles in radians": (
        MathAnswer(r"\pi/6", angles="radians"),
        [r"30^\circ", r"\frac{\pi}{6}\text{ rad}", r"\pi/6"],
        ["30", "31°", r"\pi/3", r"60^\circ"],
    ),
    "time of day": (
        MathAnswer("3:30 pm", form="time"),
        [
            "15:30",
            "3:30 p.m.",
            "3:30",
            "3.30 PM",
            r"3:30\text{ p.m.}",
            r"The time is \boxed{15:30}",
            "The answer is 3:30 p.m.",
        ],
        ["3:30 am", "03:30", "15:31", "4:30 pm", "13:30", "3:03 pm", "330"],
    ),
    "noon": (
        MathAnswer("noon", form="time"),
        ["12:00 pm", "12 noon", "12:00", r"\text{noon}"],
        ["midnight", "0:00", "12:00 am", "1 pm"],
    ),
    "date": (
        MathAnswer("June 5, 2024", form="date"),
        [
            "5 June 2024",
            "2024-06-05",
            "Wednesday, June 5th, 2024",
            r"\boxed{\text{June 5, 2024}}",
            "The answer is 5 June 2024.",
        ],
        ["June 6, 2024", "5 July 2024", "June 5, 2023", "2024-05-06", "June 2024", "5 May 2024"],
    ),
    "date without a year": (
        MathAnswer("June 5", form="date"),
        ["5 June 2024", "5th of June", "Jun 5"],
        ["June 6, 2024", "5 July", "June", "15 June"],
    ),
    "base": (
        MathAnswer("1101", base=2),
        ["1101", "1101_2", "0b1101", r"\boxed{1101_{2}}"],
        ["13", "1101_3", "15_8", "1011", "11010"],
    ),
    "base with letters": (MathAnswer("1F", base=16), ["1f", "0x1F", "1F_{16}"], ["31", "1E", "F1"]),
}


@pytest.mark.parametrize("name", RULES)
async def test_rule(name: str) -> None:
    reference, right, wrong = RULES[name]
    judge = Judge()
    try:
        for answer in right:
            assert (await judge.judge(reference, answer)).verdict is Verdict.CORRECT, answer
        for answer in wrong:
            assert (await judge.judge(reference, answer)).verdict is not Verdict.CORRECT, answer
    finally:
        await judge.aclose()


@pytest.mark.parametrize("answer", ["5/6/2024", "6/5/2024"])
async def test_a_date_that_reads_in_two_ways_is_not_told(answer: str) -> None:
    judgement = await Judge().judge(MathAnswer("June 5, 2024", form="date"), answer)
    assert (judgement.verdict, judgement.reason) == (Verdict.UNVERIFIED, "parse")


async def test_one_judge_keeps_rules_apart() -> None:
    judge = Judge()
    plain = await judge.judge(MathAnswer("3.14"), "3.15")
    near = await judge.judge(MathAnswer("3.14", tolerance=0.01), "3.15")
    assert (plain.verdict, near.verdict) == (Verdict.INCORRECT, Verdict.CORRECT)
    assert near.rung == "tolerance/whole"


def test_rules_are_read_from_json_and_left_out_where_they_are_usual() -> None:
    line = b'{"type":"math","answer":"5 cm","tolerance":0.1,"units":"required"}'
    reference = msgspec.json.decode(line, type=MathAnswer)
    assert reference == MathAnswer("5 cm", tolerance=0.1, units="required")
    assert msgspec.json.encode(reference) == line
    assert msgspec.json.encode(MathAnswer("5")) == b'{"type":"math","answer":"5"}'
    with pytest.raises(msgspec.ValidationError, match="units"):
        msgspec.json.decode(b'{"type":"math","answer":"5","units":"maybe"}', type=MathAnswer)
