"""Points, lists, sets and intervals: per rule a gold, answers that are it, and more answers that are not."""

from __future__ import annotations

STRUCTURES: dict[str, tuple[str, list[str], list[str]]] = {
    "point": (
        "(3,-2)",
        [
            "(3, -2)", r"\left(3,-2\right)", "(3.0,-2)", r"(3,\,-2)", "(x,y)=(3,-2)", "x=3, y=-2", "(6/2,-2)",
            "( 3 , −2 )", r"\bigl(3,-2\bigr)", "A(3,-2)",
        ],
        [
            "(-2,3)", "3,-2", "[3,-2]", "(3,2)", "(3,-2,0)", "3", "1", r"\{3,-2\}x", "(3,-2),(0,0)", "3-2", "(3;2)",
            "(-3,2)",
        ],
    ),
    "point with surds": (
        r"\left(\frac12,\sqrt3\right)",
        ["(0.5, sqrt(3))", "(1/2,√3)", r"(\frac{1}{2},\sqrt{3})"],
        [r"(\sqrt3,\frac12)", r"(\frac12,3)", r"(2,\sqrt3)", "(0.5,1.732)", r"(\frac12,-\sqrt3)"],
    ),
    "triple": (
        "(1,2,3)",
        ["(1, 2, 3)", r"\left(1,2,3\right)", r"\langle 1,2,3\rangle", r"\begin{pmatrix}1\\2\\3\end{pmatrix}"],
        ["(1,3,2)", "123", "(1,2)", "(1,2,3,4)", "6", "1,2,3x", "(12,3)"],
    ),
    "pairs": (
        "(1,2),(3,4)",
        ["(3,4),(1,2)", r"\{(1,2),(3,4)\}", "(1,2) and (3,4)", "(1, 2), (3, 4)", "(1,2);(3,4)"],
        ["(2,1),(4,3)", "(1,3),(2,4)", "(1,2)", "1,2,3,4", "(1,2,3,4)", "(1,2),(3,5)", "(1,2),(3,4),(5,6)"],
    ),
    "list": (
        "2,5,9",
        ["9,5,2", "2, 5, 9", "2, 5 and 9", r"\{2,5,9\}", "2; 5; 9", r"2,5,\text{ and }9", "5, 2, 9"],
        ["2,5", "2,5,8", "259", "(2,5,9)x", "2,5,9,9", "16", "2,59", "2 5 9"],
    ),
    "roots": (
        r"x=2\text{ or }x=-3",
        ["-3, 2", "x=-3,2", r"\{2,-3\}", "x = 2, x = -3", "2 and -3", r"x\in\{2,-3\}", "x_1=2, x_2=-3", "2 or -3"],
        ["2", "x=2", "x=-2,3", "3,-2", r"x\in(-3,2)", "(2,-3,0)", "x=2,3", "-1", "x=2,x=-3,x=0"],
    ),
    "set": (
        r"\{1,3,5\}",
        [
            "{1,3,5}", r"\left\{1,3,5\right\}", "1,3,5", "5,3,1", r"\lbrace 1, 3, 5\rbrace", r"\{5, 1, 3\}",
            r"x\in\{1,3,5\}",
        ],
        [r"\{1,3\}", r"\{1,3,5,7\}", "(1,3)", r"\{1,3,6\}", "9", "[1,5]", r"\{135\}", r"1,3,\ldots,5x"],
    ),
    "set of sets": (
        r"\{\{1,2\},\{3\}\}",
        [r"\{\{3\},\{2,1\}\}", r"\{ \{1, 2\}, \{3\} \}"],
        [r"\{1,2,3\}", r"\{\{1\},\{2,3\}\}", r"\{\{1,2\}\}", r"\{\{1,3\},\{2\}\}"],
    ),
    "set of pairs": (
        r"\{(0,1),(2,3)\}",
        [r"\{(2,3),(0,1)\}", "(0,1),(2,3)"],
        [r"\{(1,0),(3,2)\}", r"\{(0,1)\}", r"\{0,1,2,3\}", r"\{(0,2),(1,3)\}"],
    ),
    "empty set": (
        r"\emptyset",
        [r"\varnothing", r"\{\}", "∅", r"\text{no solution}", "no solutions", r"\{ \}", "empty set", "None"],
        ["0", r"\{0\}", "1", r"\mathbb{R}"],
    ),
    "open interval": (
        "(-1,4)",
        [
            r"\left(-1,4\right)", "-1<x<4", r"x\in(-1,4)", "]-1,4[", r"\{x\mid -1<x<4\}", "4>x>-1",
            r"x>-1\text{ and }x<4", "(-1, 4)",
        ],
        [
            "[-1,4]", "(-1,4]", "[-1,4)", "(-1,5)", "(4,-1)", r"-1\le x\le4", "-1,4", "x<4", r"(-\infty,4)",
            "]-1,4]", "3",
        ],
    ),
    "closed interval": (
        "[0,1]",
        [
            r"0\le x\le1", r"x\in[0,1]", r"\left[0,1\right]", r"[0,1/2]\cup[1/2,1]", "0 <= x <= 1", r"0\leq x\leq 1",
            "0≤x≤1", r"\{x : 0\le x\le 1\}", r"1\ge x\ge 0",
        ],
        ["(0,1)", "[0,1)", "0,1", r"\{0,1\}", "[0,2]", r"0<x\le1", r"x\le1", "[1,0]", "01", r"[0,1/2)\cup(1/2,1]"],
    ),
    "half-open interval": (
        "[2,7)",
        [r"2\le x<7", r"x\in[2,7)", "[2,7[", r"7>x\ge2", "2<=x<7"],
        ["(2,7]", "[2,7]", "(2,7)", "2<x<7", r"2<x\le7", "[2,8)", "[3,7)"],
    ),
    "ray": (
        r"[5,\infty)",
        [
            r"x\ge5", r"[5,+\infty)", "x>=5", r"5\le x", r"[5,\infty[", r"[5,+\infty[", "x≥5", r"x\in[5,+\infty)",
            r"\{x\mid x\ge5\}", "[5,∞)", "[5, inf)", r"5 \le x < \infty",
        ],
        [r"(5,\infty)", "x>5", r"(-\infty,5]", r"[-5,\infty)", r"x\le5", "5", r"[0,\infty)", "[5,100)", r"\infty"],
    ),
    "left ray": (
        r"(-\infty,3)",
        ["x<3", r"]-\infty,3[", "3>x", r"x\in(-\infty,3)", "(-∞,3)", "(-oo,3)", r"-\infty<x<3"],
        [r"(-\infty,3]", r"x\le3", "x>3", r"(3,\infty)", r"(-\infty,-3)", "3"],
    ),
    "union": (
        r"(-\infty,-2]\cup[2,\infty)",
        [
            r"x\le-2\text{ or }x\ge2", r"[2,\infty)\cup(-\infty,-2]", r"x \leq -2 or x \geq 2",
            r"\mathbb{R}\setminus(-2,2)", "(-∞,-2]∪[2,∞)", r"x\in(-\infty,-2]\cup[2,\infty)",
        ],
        [
            r"(-\infty,-2)\cup(2,\infty)", "[-2,2]", r"x\le-2", r"x\ge2", r"(-\infty,2]\cup[2,\infty)",
            r"(-\infty,-2]\cap[2,\infty)", r"\mathbb{R}", r"x\le-2\text{ and }x\ge2",
        ],
    ),
    "all but a point": (
        r"\mathbb{R}\setminus\{2\}",
        [
            r"(-\infty,2)\cup(2,\infty)", r"x\ne2", r"x \neq 2", r"\mathbb{R}-\{2\}", r"\R\backslash\{2\}", "x≠2",
            r"\{x\in\mathbb{R}\mid x\ne2\}", r"x<2\text{ or }x>2",
        ],
        [
            r"\mathbb{R}", r"x\ne3", r"\{2\}", r"\mathbb{R}\setminus\{-2\}", r"(-\infty,2]\cup[2,\infty)", "x=2",
            r"\mathbb{R}\setminus\{2,3\}",
        ],
    ),
    "all reals": (
        r"\mathbb{R}",
        [
            r"(-\infty,\infty)", r"x\in\mathbb{R}", "ℝ", r"(-\infty,+\infty)", r"\text{all real numbers}",
            r"]-\infty,+\infty[",
        ],
        [r"(0,\infty)", r"\mathbb{Z}", "0", r"\mathbb{R}\setminus\{0\}", r"[0,\infty)", r"\mathbb{Q}"],
    ),
    "points and an interval": (
        r"\{0\}\cup[1,2]",
        [r"[1,2]\cup\{0\}", r"x=0\text{ or }1\le x\le2"],
        ["[0,2]", "[1,2]", r"\{0,1,2\}", r"\{0\}\cup(1,2)", r"\{0\}\cap[1,2]"],
    ),
    "interval with surds": (
        r"[-\sqrt2,\sqrt2]",
        [r"-\sqrt2\le x\le\sqrt2", "[-sqrt(2),sqrt(2)]", r"[-\sqrt{2},\frac{2}{\sqrt2}]"],
        [r"(-\sqrt2,\sqrt2)", "[-2,2]", r"[-\sqrt3,\sqrt3]", "[-1.41,1.41]", r"[0,\sqrt2]"],
    ),
}  # fmt: skip
