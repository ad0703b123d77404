"""Expressions in LaTeX, plain text and Unicode: per rule a gold, answers that are it, and more answers that are not."""

from __future__ import annotations

EXPRESSIONS: dict[str, tuple[str, list[str], list[str]]] = {
    "surd": (
        r"3\sqrt{13}",
        [
            "3sqrt(13)", "3*sqrt(13)", r"\sqrt{117}", "3√13", r"3 \sqrt {13}", r"\sqrt{9\cdot13}", r"3\cdot13^{1/2}",
            "3*13^0.5", r"3\sqrt13", "√117",
        ],
        [
            r"13\sqrt3", r"3\sqrt{12}", "10.8", r"\sqrt{39}", "39", r"3+\sqrt{13}", r"\sqrt[3]{13}", "3√12",
            r"-3\sqrt{13}", "3", r"\sqrt{13}",
        ],
    ),
    "rationalised": (
        r"\frac{1}{\sqrt{2}}",
        [
            r"\frac{\sqrt{2}}{2}", "sqrt(2)/2", "1/sqrt(2)", "2^{-1/2}", r"\sqrt{\frac12}", "√2/2", r"\sqrt{0.5}",
            r"\sqrt{1/2}",
        ],
        [r"\sqrt{2}", "1/2", "0.707", r"\frac{\sqrt2}{4}", r"-\frac{\sqrt2}{2}", "sqrt(2)", r"\frac{2}{\sqrt2}"],
    ),
    "sum of surds": (
        r"2+\sqrt{3}",
        ["sqrt(3)+2", r"\frac{1}{2-\sqrt3}", "2+√3", r"\sqrt{7+4\sqrt3}", "2 + 3^(1/2)"],
        [r"2-\sqrt3", r"\sqrt{5}", r"2\sqrt3", "3.732", r"\sqrt{7-4\sqrt3}", r"3+\sqrt2", "2+3"],
    ),
    "nested surd": (
        r"\sqrt{2+\sqrt{3}}",
        [r"\frac{\sqrt6+\sqrt2}{2}", "sqrt(2+sqrt(3))"],
        [r"\sqrt{2}+\sqrt{3}", r"\frac{\sqrt6-\sqrt2}{2}", r"\sqrt{5}", r"2+\sqrt3"],
    ),
    "cube root": (
        r"\sqrt[3]{4}",
        ["4^(1/3)", r"4^{\frac13}", "2^{2/3}", "cbrt(4)", "∛4", r"\sqrt[6]{16}"],
        ["4/3", r"3\sqrt4", r"\sqrt4", r"\sqrt[4]{3}", "4^{1/4}", "4^1/3", "1.587"],
    ),
    "product of pi": (
        r"\frac{\pi}{2}",
        [
            "pi/2", "π/2", "0.5pi", r"\frac12\pi", "1/2 pi", "1/2*pi", r"\pi/2", "pi / 2", r"\frac{1}{2}\pi",
            r"90^\circ", "½π",
        ],
        ["2pi", r"\frac{2}{\pi}", "1.57", r"\pi", "pi/3", r"\frac{p}{2}", r"-\frac{\pi}{2}", "1/(2pi)", "pi^2", "90"],
    ),
    "coefficient of pi": (
        r"36\pi",
        ["36pi", "36 π", "36*pi", r"\pi 36", r"36\cdot\pi", r"4\cdot 9\pi", r"36\pi\text{ cm}^3"],
        ["36", "113.1", r"\pi", r"36+\pi", r"63\pi", r"\pi^{36}", "36p", r"36\pi^2"],
    ),
    "minus pi": (
        r"4-\pi",
        ["-pi+4", "4 - π", r"-(\pi-4)"],
        [r"\pi-4", "0.858", r"4\pi", r"4+\pi", r"-4\pi"],
    ),
    "power": (
        "2^{10}",
        ["1024", "2**10", "4^5", "2¹⁰", r"2^{5}\cdot 2^5", "32^2"],
        ["20", "2^9", "1023", "10^2", "210", "2^{1}0", "1025"],
    ),
    "large power": (
        "2^{2007}",
        [r"2\cdot2^{2006}", "8^{669}", r"4^{1003}\cdot2", "2^{2008}-2^{2007}"],
        ["2^{2006}", "2007^2", "2^{2007}+1", "2^{2007}-1", "4^{2007}", "4014", "8^{668}"],
    ),
    "tower": (
        "2^{2^3}",
        ["256", "2^8", "2**(2**3)", "2^2^3"],
        ["64", "(2^2)^3", "16", "2^6", "512"],
    ),
    "negative exponent": (
        "3^{-2}",
        [r"\frac19", "1/9", "3^(-2)", "9^{-1}"],
        ["9", "-9", "-6", "0.1", "1/6", "3^2"],
    ),
    "factorial": (
        "6!",
        ["720", r"6\cdot5!", r"6\times5\times4\times3\times2\times1"],
        ["6", "120", "7!", "5!", "(3!)!x", "36"],
    ),
    "double binomial": (
        r"\binom{8}{3}",
        [
            "56", r"\dbinom83", r"{8\choose3}", r"\frac{8!}{3!5!}", "C(8,3)", r"\binom{8}{5}", "binomial(8,3)",
            "{}_8C_3", "^8C_3",
        ],
        [r"\binom{3}{8}", r"\binom83+1", r"\frac83", "336", "65", r"\binom{8}{4}", "(8,3)", r"\frac{8!}{3!}"],
    ),
    "logarithm": (
        r"\ln 2",
        ["ln(2)", "log(2)", r"\log_e 2", r"\frac12\ln4", r"-\ln\frac12", r"\ln\left(2\right)"],
        [r"\log_{10} 2", "0.693", r"\ln3", r"\ln 2x", r"\log_2 e", "2", "e^2", r"\frac{1}{\ln 2}", r"\ln\frac12"],
    ),
    "base of a logarithm": (
        r"\log_2 6",
        [r"\log_{2}{6}", r"1+\log_2 3", r"\frac{\ln6}{\ln2}", r"\frac{\log 6}{\log 2}", r"\log_4 36", "log_2(6)"],
        [r"\log_6 2", r"\log_2 3", "2.585", r"\log 6", r"\ln 6", r"\log_2 6+1", r"\log_3 6", "3"],
    ),
    "logarithm to ten": (
        r"\log_{10} 50",
        [r"\lg 50", r"\frac{\ln 50}{\ln 10}", r"1+\log_{10}5", r"2-\log_{10}2"],
        [r"\ln 50", r"\log_5 10", "1.699", r"\log_{10} 5", "50"],
    ),
    "exponential": (
        "e^2",
        [r"\exp(2)", "exp(2)", r"\mathrm{e}^2", "e^{2}", "e**2", "(e)^2", r"e\cdot e"],
        ["2e", "7.389", "e^{-2}", r"\epsilon^2", "2^e", "e^3", "c^2", "e2"],
    ),
    "trigonometric value": (
        r"\sin 30^\circ",
        [
            "1/2", "0.5", r"\cos 60^\circ", r"\sin\frac{\pi}{6}", "sin(pi/6)", r"\sin(30^{\circ})", "sin 30°",
            r"\sin 150^\circ",
        ],
        ["1", r"\frac{\sqrt3}{2}", r"\sin 60^\circ", r"\cos 30^\circ", "-1/2", r"\sin 30", "30"],
    ),
    "inverse trigonometric": (
        r"\arctan 2",
        [r"\tan^{-1}2", "atan(2)", r"\arctan(2)", "arctan(2)", r"\frac{\pi}{2}-\arctan\frac12", r"\tan^{-1}(2)"],
        [r"\tan 2", r"\cot 2", r"\frac{1}{\tan 2}", "1.107", r"\arctan\frac12", r"\arcsin 2", r"-\arctan 2"],
    ),
    "trigonometric identity": (
        r"\sin 2x",
        [r"2\sin x\cos x", r"\sin(2x)", "2*sin(x)*cos(x)", r"2\sin(x)\cos(x)", r"2 \sin{x} \cos{x}"],
        [r"2\sin x", r"\sin^2 x", r"\sin x^2", r"\cos 2x", r"\sin 2y", r"2\sin x\cos y", r"\sin x\cos x"],
    ),
    "complex": (
        "3-2i",
        [
            "-2i+3", r"3-2\mathrm{i}", "3 - 2 i", "3+(-2)i", "(3-2i)", r"\overline{3+2i}", "3-2*i", "z = 3-2i",
            r"\frac{13}{3+2i}", r"3-2\cdot i",
        ],
        ["3+2i", "-3+2i", "2-3i", "(3,-2)", "1", "3", "-2i", "5i", "3-2j", "3-2"],
    ),
    "imaginary unit": (
        "i",
        [r"\sqrt{-1}", r"\mathrm{i}", "1i", r"e^{i\pi/2}"],
        ["-i", "1", "-1", r"\sqrt{1}", "i^2", "I+1", "j"],
    ),
    "polar": (
        r"2e^{i\pi/3}",
        [r"1+i\sqrt3", r"2(\cos\frac{\pi}{3}+i\sin\frac{\pi}{3})", r"1+\sqrt{3}i", r"2e^{\frac{\pi i}{3}}"],
        [r"1-i\sqrt3", r"2e^{i\pi/6}", r"2e^{-i\pi/3}", "2", r"\sqrt3+i"],
    ),
    "polynomial": (
        "x^2-5x+6",
        [
            "(x-2)(x-3)", "x^2 - 5x + 6", "6-5x+x^2", "x**2-5*x+6", "x²−5x+6", "x(x-5)+6", r"(x-3)\cdot(x-2)",
            r"(x-\frac52)^2-\frac14", "x^{2}-5 x+6",
        ],
        [
            "x^2+5x+6", "(x+2)(x+3)", "x^2-5x-6", "y^2-5y+6", "x^2-5x", "(2,3)", "x^2-6x+5", "(x-2)(x-3)=0",
            "x^2-5x+6.1", "x-2",
        ],
    ),
    "several variables": (
        "2xy+3yz",
        ["3zy+2yx", "y(2x+3z)", "2 x y + 3 y z", "2*x*y+3*y*z"],
        ["2xy+3xz", "5xyz", "2x+3z", "2xz+3yz", "y(2x-3z)"],
    ),
    "rational function": (
        r"\frac{x+1}{x-1}",
        [r"1+\frac{2}{x-1}", "(x+1)/(x-1)", r"\frac{-x-1}{1-x}", r"\frac{(x+1)^2}{x^2-1}"],
        [r"\frac{x-1}{x+1}", "x+1/x-1", "-1", r"\frac{x+1}{1-x}", r"\frac{y+1}{y-1}", r"1-\frac{2}{x-1}"],
    ),
    "square of a name": (
        "x^2",
        ["x**2", "x²", "x^{2}", r"x\cdot x", "xx", r"\left(x\right)^{2}", "x^{2}", r"\mathit{x}^2"],
        ["2x", "x2", "x_2", "x", "x^3", "X^2", r"\sqrt{x}", "y^2", "|x|^3"],
    ),
    "root of a square": (
        r"\sqrt{x^2}",
        ["|x|", r"\left|x\right|", r"\lvert x\rvert", "abs(x)"],
        ["x", "-x", "x^2", "|y|", r"\pm x"],
    ),
    "absolute value": (
        "|x-2|",
        ["|2-x|", r"\left|x-2\right|", "abs(x-2)", r"\sqrt{(x-2)^2}", r"\vert x-2\vert"],
        ["x-2", "2-x", "|x+2|", "|x|-2", "-|x-2|", r"\lfloor x-2\rfloor"],
    ),
    "floor": (
        r"\lfloor 3.7\rfloor",
        ["3", "floor(3.7)", r"\left\lfloor \frac{37}{10}\right\rfloor", "⌊3.7⌋"],
        ["4", "3.7", r"\lceil3.7\rceil", "-3", "2"],
    ),
    "ceiling": (
        r"\lceil x\rceil",
        ["ceil(x)", r"\left\lceil x\right\rceil", "⌈x⌉"],
        [r"\lfloor x\rfloor", "x", r"\lceil y\rceil", r"\lfloor x\rfloor+1", r"\lceil x+1\rceil"],
    ),
    "mean value": (
        r"\bar{x}",
        [r"\overline{x}", r"\bar x"],
        ["x", "-x", r"\bar{y}", r"\hat{x}", r"\frac{x}{2}"],
    ),
    "conjugate": (
        r"\overline{z}+1",
        [r"1+\overline{z}", r"\bar{z}+1"],
        ["z+1", r"\overline{z}-1", r"\overline{w}+1", r"\overline{z+2}", "2"],
    ),
    "conjugate of a number": (
        r"\overline{2+3i}",
        ["2-3i", "-3i+2"],
        ["2+3i", "-2-3i", "5", "-2+3i", "13"],
    ),
    "finite sum": (
        r"\sum_{k=1}^{4} k^2",
        ["30", "1+4+9+16", r"\sum_{i=1}^{4} i^2", r"\sum\limits_{k=1}^4 k^2"],
        ["16", "29", "10", r"\sum_{k=1}^{5} k^2", r"\sum_{k=1}^4 k", "55"],
    ),
    "finite product": (
        r"\prod_{k=1}^{5} k",
        ["120", "5!"],
        ["15", "24", r"\prod_{k=1}^{4} k", "720"],
    ),
    "indefinite constant": (
        "x^2+C",
        ["C+x^2", "x^2 + C", "x^{2}+C"],
        ["x^2", "x^2+1", "x^3+C", "2x+C", "C"],
    ),
    "function name": (
        "f(2x)",
        [r"f(2\cdot x)", r"f\left(2x\right)"],
        ["2f(x)", "f(x)", "g(2x)", "2x", "f(2y)", "f(2+x)"],
    ),
    "index": (
        "a_{n+1}",
        ["a_{n+1}", "a_{n + 1}"],
        ["a_n", "a_n+1", "a_{n-1}", "b_{n+1}", "a"],
    ),
    "prime": (
        "f'(x)",
        [r"f^{\prime}(x)", "f' (x)"],
        ["f(x)", "f''(x)", "g'(x)", "f'(y)"],
    ),
    "Greek": (
        r"\alpha+\beta",
        [r"\beta+\alpha", "α+β", r"\alpha + \beta"],
        ["a+b", r"\alpha-\beta", r"\alpha\beta", r"\alpha"],
    ),
    "plain quotient": (
        "a/b",
        [r"\frac{a}{b}", "a / b", r"\dfrac ab", r"a\div b", "ab^{-1}", r"\frac ab"],
        ["b/a", "ab", "a-b", "a/b^2", "A/B"],
    ),
    "implied brackets": (
        "1/2x",
        [r"\frac{x}{2}", "0.5x"],
        ["1/x", "2x", "x", "1/2"],
    ),
    "plus-minus": (
        r"\pm 3",
        [
            "3, -3", "-3,3", "3 or -3", r"\{-3,3\}", "±3", r"x=\pm3", r"3\text{ and }-3", r"x=3\text{ or }x=-3",
            "+-3", "+/-3",
        ],
        ["3", "-3", r"\pm 2", r"\pm\sqrt3", "0", "(3,-3)", r"\mp 3x", "3,-3,0"],
    ),
    "plus-minus in a fraction": (
        r"\frac{-1\pm\sqrt{5}}{2}",
        [
            r"\frac{-1+\sqrt5}{2},\frac{-1-\sqrt5}{2}", r"-\frac12\pm\frac{\sqrt5}{2}", r"x=\frac{-1\pm\sqrt{5}}{2}",
            "(-1±√5)/2",
        ],
        [
            r"\frac{-1+\sqrt5}{2}", r"\frac{1\pm\sqrt5}{2}", r"\frac{-1\pm\sqrt3}{2}", r"-1\pm\frac{\sqrt5}{2}",
            r"\frac{\pm\sqrt5}{2}",
        ],
    ),
    "plus-minus i": (
        r"2\pm 3i",
        ["2+3i, 2-3i", "2-3i,2+3i", r"\{2+3i,2-3i\}"],
        ["2+3i", r"3\pm2i", r"\pm(2+3i)", r"2\pm3"],
    ),
    "piecewise": (
        r"f(x)=\begin{cases} x & x\ge 0\\ -x & x<0\end{cases}",
        [
            r"\begin{cases} x & x\ge 0\\ -x & x<0\end{cases}", r"\begin{cases} -x, & x<0\\ x, & x\ge0\end{cases}",
            r"\begin{cases} x & \text{if } x\ge 0\\ -x & \text{if } x<0\end{cases}",
            r"\left\{\begin{array}{ll} x & x\ge 0\\ -x & x<0\end{array}\right.",
        ],
        [
            r"\begin{cases} x & x>0\\ -x & x<0\end{cases}", r"\begin{cases} -x & x\ge 0\\ x & x<0\end{cases}",
            r"\begin{cases} x & x\ge 1\\ -x & x<1\end{cases}", "x", r"\begin{cases} x & x\ge 0\end{cases}",
        ],
    ),
    "system": (
        r"\begin{cases} x=1\\ y=2\end{cases}",
        ["x=1, y=2", "(1,2)", r"\begin{cases} y=2\\ x=1\end{cases}", r"x=1\text{ and }y=2"],
        [r"\begin{cases} x=2\\ y=1\end{cases}", "x=1", "(2,1)", "x=1,y=3", r"\begin{cases} x=1\\ z=2\end{cases}"],
    ),
    "family": (
        r"x=\frac{\pi}{4}+k\pi, k\in\mathbb{Z}",
        [
            r"\frac{\pi}{4}+n\pi, n\in\mathbb{Z}", r"x=k\pi+\frac{\pi}{4},\ k\in\mathbb{Z}",
            r"\frac{\pi}{4}+\pi k\ (k\in\mathbb Z)", r"x = \frac{\pi}{4} + k\pi, k \in \mathbf{Z}",
        ],
        [
            r"\frac{\pi}{4}", r"\frac{\pi}{3}+k\pi, k\in\mathbb{Z}", r"-\frac{\pi}{4}+k\pi, k\in\mathbb{Z}",
            r"\frac{\pi}{4}+2k\pi, k\in\mathbb{Z}",
        ],
    ),
    "fraction over": (
        r"\frac{1}{2+\sqrt{3}}",
        [r"2-\sqrt3", r"1/(2+\sqrt3)", r"\frac{2-\sqrt3}{1}"],
        [r"2+\sqrt3", r"\frac12+\sqrt3", "0.268", r"\frac{1}{2-\sqrt3}"],
    ),
    "sizes and spaces": (
        r"\left(\frac{1}{2}\right)^{3}",
        [
            r"\bigl(\tfrac12\bigr)^3", r"\Big( \frac{1}{2} \Big)^3", "1/8", "(1/2)^3",
            r"{\left( {\frac{1}{2}} \right)^3}",
        ],
        [r"\frac{1}{2^2}", "3/2", "1/6", r"\frac12^{-3}", "8"],
    ),
    "golden ratio": (
        r"\frac{1+\sqrt{5}}{2}",
        [
            "(1+sqrt(5))/2", r"\frac{\sqrt5+1}{2}", r"\frac{1}{2}(1+\sqrt5)", r"\frac12+\frac{\sqrt5}{2}",
            r"2\cos 36^\circ",
        ],
        [r"\frac{1-\sqrt5}{2}", r"1+\frac{\sqrt5}{2}", "1.618", r"\phi+1", r"\frac{\sqrt5-1}{2}", "1+sqrt(5)/2"],
    ),
    "maximum": (
        r"\max(3,5)",
        ["5"],
        ["3", "8", "(3,5)", "15"],
    ),
    "greatest common divisor": (
        r"\gcd(12,18)",
        ["6"],
        ["36", "(12,18)", "3"],
    ),
    "times sign": (
        r"3\times 4",
        ["12", "3*4", r"3\cdot4", "3×4", "3·4"],
        ["34", "7", "3x4"],
    ),
    "order of operations": (
        "6/2*3",
        ["9", r"\frac62\cdot3"],
        ["1", "6", "18"],
    ),
    "derivative symbol": (
        r"\frac{dy}{dx}=2x",
        [r"\frac{dy}{dx} = 2x", "2x"],
        [r"\frac{dy}{dx}=x", "x"],
    ),
    "text in math": (
        r"x+y\text{ where }x>0",
        [r"x+y\text{ where }x>0"],
        ["x", "x-y", "0"],
    ),
}  # fmt: skip

UNDECIDED: dict[str, tuple[str, list[str], list[str]]] = {
    "sum with a letter": (
        r"\sum_{k=1}^{n} k",
        [r"\sum_{i=1}^{n} i", r"\sum_{j=1}^n j"],
        [r"\sum_{k=1}^{n} k^2", r"\sum_{k=0}^{n-1} k^2", "5", r"\sum_{k=1}^{m} 2k"],
    ),
    "endless sum": (
        r"\sum_{k=1}^{\infty} \frac{1}{k^2}",
        [r"\sum_{n=1}^\infty\frac{1}{n^2}"],
        [r"\sum_{k=1}^{\infty} \frac{1}{k^3}", "2", r"\sum_{k=2}^{\infty} \frac{1}{k^2}"],
    ),
    "integral": (
        r"\int_0^1 x^2\,dx",
        [r"\int_{0}^{1} x^2 dx", r"\int_0^1 t^2\,dt"],
        ["1", r"\int_0^2 x^2\,dx", r"\int_0^1 x\,dx", r"\frac12", "0.3333"],
    ),
    "integral without ends": (
        r"\int \sin x\,dx",
        [r"\int\sin t\, dt"],
        [r"\int \cos x\,dx", r"\int x\,dx"],
    ),
    "limit": (
        r"\lim_{x\to 0} f(x)",
        [r"\lim_{x \to 0} f(x)", r"\lim_{t\rightarrow0}f(t)"],
        [r"\lim_{x\to1} f(x)", r"\lim_{x\to0} g(x)", "f(1)"],
    ),
    "words": (
        r"x+y\text{ where }x>0",
        [],
        ["x", "x-y", "0"],
    ),
}  # fmt: skip
"""Golds whose value is not worked out: the same form by any letter is right, and nothing else is called right."""
