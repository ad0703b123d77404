"""Relations, matrices, vectors, ratios and words: per rule a gold, answers that are it, and more that are not."""

from __future__ import annotations

RELATIONS: dict[str, tuple[str, list[str], list[str]]] = {
    "inequality": (
        "x>3",
        [r"(3,\infty)", "3<x", r"x\in(3,\infty)", "2x>6", "x-3>0", "-x<-3", "x > 3.0"],
        [r"x\ge3", "x<3", "3", "y>3", "x>4", "x=3", "-x>-3", "2x>3", r"[3,\infty)"],
    ),
    "inequality not solved": (
        r"2x+1\le 7",
        [r"x\le3", r"(-\infty,3]", r"2x\le6", r"7\ge 2x+1"],
        ["x<3", r"x\ge3", r"x\le4", "3", r"2x+1\ge7", "2x+1<7"],
    ),
    "absolute inequality": (
        "|x|<2",
        ["-2<x<2", "(-2,2)", r"x\in(-2,2)"],
        ["x<2", r"|x|\le2", "[-2,2]", "2", "-2,2"],
    ),
    "named inequality": (
        "k>2",
        [r"k\in(2,\infty)", "2<k", r"(2,\infty)"],
        ["k<2", r"k\ge2", "m>2", "k>3", "2"],
    ),
    "equation": (
        "x=5",
        ["5", "x = 5", "5=x", "x=10/2", "x=5.0", "2x=10", r"\text{x}=5"],
        ["x=-5", "x=4", "y=6", "x>5", "x=5,6", "55", "x^2=25", "5x"],
    ),
    "line": (
        "y=2x+1",
        ["2x-y+1=0", "y-1=2x", "y = 2x + 1", "2x+1", "-2x+y=1", "f(x)=2x+1", "y=1+2x", "2y=4x+2", r"x=\frac{y-1}{2}"],
        [
            "y=2x-1", "y=x+1", "2x+y+1=0", "x=2y+1", "y=2x", "y=3x+1", "y>2x+1", "2x-y-1=0", "y=2z+1",
            "y^2=(2x+1)^2", "0",
        ],
    ),
    "circle": (
        "(x-1)^2+(y+2)^2=9",
        ["x^2+y^2-2x+4y-4=0", "(y+2)^2+(x-1)^2=9", "9=(x-1)^2+(y+2)^2", "(x-1)^2+(y+2)^2=3^2"],
        ["(x+1)^2+(y-2)^2=9", "(x-1)^2+(y+2)^2=3", "x^2+y^2=9", "9", "(x-1)^2-(y+2)^2=9", "(x-1)^2+(y+2)^2<9"],
    ),
    "ellipse": (
        r"\frac{x^2}{4}+\frac{y^2}{9}=1",
        ["9x^2+4y^2=36", r"\frac{y^2}{9}+\frac{x^2}{4}=1", "x^2/4+y^2/9=1"],
        [
            r"\frac{x^2}{9}+\frac{y^2}{4}=1", "4x^2+9y^2=36", r"\frac{x^2}{4}-\frac{y^2}{9}=1",
            r"\frac{x^2}{2}+\frac{y^2}{3}=1", "1",
        ],
    ),
    "chain": (
        "S=2+3=5",
        ["5", "S=5", "2+3=5"],
        ["6", "S=6", "2+4=6", "5=6"],
    ),
    "several equations": (
        "a=1,b=-2,c=3",
        ["a=1, b=-2, c=3", "c=3,b=-2,a=1", "(a,b,c)=(1,-2,3)", "(1,-2,3)", r"a=1,\ b=-2,\text{ and }c=3"],
        ["a=1,b=2,c=3", "(1,2,3)", "a=1,b=-2", "a=3,b=-2,c=1", "(3,-2,1)", "2"],
    ),
    "matrix": (
        r"\begin{pmatrix}1&2\\3&4\end{pmatrix}",
        [
            r"\begin{bmatrix}1&2\\3&4\end{bmatrix}", r"\left(\begin{array}{cc}1&2\\3&4\end{array}\right)",
            r"\left[\begin{matrix}1&2\\3&4\end{matrix}\right]", r"\begin{pmatrix} 1 & 2 \\ 3 & 4 \end{pmatrix}",
            r"\begin{pmatrix}1&2\\3&4\\\end{pmatrix}", "[[1,2],[3,4]]",
            r"\begin{pmatrix}2/2&2\\3&\sqrt{16}\end{pmatrix}",
            r"\left(\begin{smallmatrix}1&2\\3&4\end{smallmatrix}\right)", r"A=\begin{pmatrix}1&2\\3&4\end{pmatrix}",
            r"\frac12\begin{pmatrix}2&4\\6&8\end{pmatrix}", r"\begin{Bmatrix}1&2\\3&4\end{Bmatrix}",
        ],
        [
            r"\begin{pmatrix}1&3\\2&4\end{pmatrix}", r"\begin{pmatrix}1&2\\3&5\end{pmatrix}",
            r"\begin{pmatrix}1&2&3&4\end{pmatrix}", "(1,2,3,4)", "1,2,3,4", r"\begin{vmatrix}1&2\\3&4\end{vmatrix}",
            r"\begin{pmatrix}1&2\\3&4\\0&0\end{pmatrix}", r"-\begin{pmatrix}1&2\\3&4\end{pmatrix}", "[[1,3],[2,4]]",
            r"\begin{pmatrix}1\\2\\3\\4\end{pmatrix}", "-2",
        ],
    ),
    "column": (
        r"\begin{pmatrix}2\\-1\end{pmatrix}",
        [
            r"\begin{bmatrix}2\\-1\end{bmatrix}", "(2,-1)", r"\langle 2,-1\rangle",
            r"\begin{pmatrix}2\\ -1\end{pmatrix}", r"\left[\begin{array}{c}2\\-1\end{array}\right]",
            r"2\mathbf{i}-\mathbf{j}", r"2\vec{i}-\vec{j}",
        ],
        [
            r"\begin{pmatrix}-1\\2\end{pmatrix}", r"\begin{pmatrix}2&-1\end{pmatrix}", "(-1,2)", "1",
            r"\begin{pmatrix}2\\1\end{pmatrix}", "2,-1", r"\mathbf{i}-2\mathbf{j}",
            r"\begin{pmatrix}2\\-1\\0\end{pmatrix}",
        ],
    ),
    "fractions in a column": (
        r"\begin{pmatrix}\frac13\\\frac15\end{pmatrix}",
        [
            r"\begin{pmatrix}1/3\\1/5\end{pmatrix}", r"\begin{pmatrix}1/3\\0.2\end{pmatrix}",
            r"\begin{pmatrix} \frac{1}{3} \\[2pt] \frac{1}{5} \end{pmatrix}",
        ],
        [
            r"\begin{pmatrix}0.33\\0.2\end{pmatrix}", r"\begin{pmatrix}1/5\\1/3\end{pmatrix}",
            r"\begin{pmatrix}3\\5\end{pmatrix}", r"\frac{1}{15}",
        ],
    ),
    "determinant": (
        r"\begin{vmatrix}1&2\\3&4\end{vmatrix}",
        ["-2", r"\det\begin{pmatrix}1&2\\3&4\end{pmatrix}", r"\left|\begin{array}{cc}1&2\\3&4\end{array}\right|"],
        ["2", "10", r"\begin{pmatrix}1&2\\3&4\end{pmatrix}", "-10"],
    ),
    "unit vectors": (
        r"3\mathbf{i}-4\mathbf{j}",
        [
            r"-4\mathbf{j}+3\mathbf{i}", r"3\vec{i}-4\vec{j}", r"3\hat{i}-4\hat{j}", r"\langle3,-4\rangle",
            r"3\hat{\imath}-4\hat{\jmath}", "(3,-4)",
        ],
        [r"4\mathbf{i}-3\mathbf{j}", "3-4i", "5", r"3\mathbf{i}+4\mathbf{j}", "-1", r"\langle3,4\rangle"],
    ),
    "three unit vectors": (
        r"\langle 1,0,-2\rangle",
        [r"\mathbf{i}-2\mathbf{k}", "(1,0,-2)", r"\begin{pmatrix}1\\0\\-2\end{pmatrix}", "<1,0,-2>"],
        [r"\mathbf{i}-2\mathbf{j}", r"\langle1,-2\rangle", "-1", r"\langle-2,0,1\rangle"],
    ),
    "vector name": (
        r"\vec{v}=\langle1,2\rangle",
        [r"\langle1,2\rangle", r"\vec v = \langle 1,2\rangle", "(1,2)"],
        [r"\langle2,1\rangle", "3", r"\langle1,2,0\rangle", r"\vec{v}"],
    ),
    "ratio": (
        "2:3",
        ["2 : 3", "4:6", "2/3", r"\frac23", "2 to 3", r"2\colon3"],
        ["3:2", "2:3:1", "23", "2.3", "2,3", "5", "3/2"],
    ),
    "three-part ratio": (
        "1:2:3",
        ["2:4:6", "1 : 2 : 3", "1:2:3"],
        ["3:2:1", "1:2", "1:2:4", "123", "1/6", "2:4:5"],
    ),
    "dots": (
        r"1,2,\ldots,10",
        [r"1,2,\dots,10", "1, 2, ..., 10", r"\{1,2,\ldots,10\}"],
        ["1,2,10", r"1,2,\ldots,9", r"1,2,\ldots,11", "55", r"1,3,\ldots,10", "10"],
    ),
    "words": (
        r"\text{Tuesday}",
        ["Tuesday", "tuesday", "TUESDAY", r"\textbf{Tuesday}", "Tuesday.", r"\mathrm{Tuesday}", "**Tuesday**"],
        ["Thursday", "Monday", "2", "Tues day night", "Wednesday", r"\text{not Tuesday}"],
    ),
    "yes": (
        r"\text{Yes}",
        ["yes", "Yes", "Yes.", "YES", r"\text{yes}"],
        ["no", "No", "1", "maybe", "yesterday", "not yes"],
    ),
    "true": (
        "True",
        ["true", r"\text{True}", "TRUE"],
        ["False", "1", "0", "untrue", "T F"],
    ),
    "two words": (
        r"\text{even function}",
        ["even function", "Even Function", r"\text{even  function}"],
        ["odd function", "even", "function", "neither", "evenfunctions"],
    ),
    "names": (
        r"\text{Alice, Bob}",
        ["Alice, Bob", "Alice and Bob", r"\text{Bob, Alice}"],
        ["Alice", "Bob", "Alice, Carol", "Alice, Bob, Carol", "Bobby"],
    ),
    "letter in brackets": (
        r"\text{(C)}",
        ["C", "(C)", r"\textbf{(C)}", r"\boxed{\text{C}}", "c", r"(C)\ 12", "C.", r"\mathrm{(C)}"],
        ["A", "(B)", "D", "CC", "3", "(A) C", r"\text{(D)}", "Cat"],
    ),
    "asymptotes": (
        "x=2, y=3",
        ["x=2,y=3", r"x=2\text{ and }y=3", "y=3, x=2"],
        ["x=3,y=2", "x=2", "y=3", "x=2,y=-3", "5"],
    ),
    "infinity": (
        r"-\infty",
        ["-∞", "-inf", "-oo", r"- \infty", "-infinity"],
        [r"\infty", "0", "-1", r"+\infty", "-10^{9}"],
    ),
    "signed infinities": (
        r"\infty",
        [r"+\infty", "∞", "inf", "infinity", r"\infty."],
        [r"-\infty", r"\pm\infty", "0", "1/0", "10^{100}", "8"],
    ),
    "primed": (
        "x'=3",
        ["3", "x' = 3"],
        ["x=4", "x''=4", "-3", "y'=4"],
    ),
    "function value": (
        "f(3)=10",
        ["10", "f(3) = 10", r"f(3)=2\cdot5"],
        ["f(3)=11", "f(10)=3", "3", "f(2)=11", "30"],
    ),
    "function": (
        "f(x)=x^2-1",
        ["x^2-1", "f(x)=(x-1)(x+1)", "y=x^2-1", "f(x) = -1+x^2", "f(t)=t^2-1"],
        ["f(x)=x^2+1", "f(x)=x^2", "x^2", "f(x)=1-x^2", "f(t)=t^2+1", "f(x)=y^2-1", "-1"],
    ),
}  # fmt: skip
