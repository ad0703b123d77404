"""What to throw at readers: grown LaTeX, real answers with accidents, soups, deep nesting, long repeats."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy
from seeds import CODE, texts

_ATOMS = r"""
    0 1 2 7 10 12 100 1000 1,000 0.5 .5 1. 3.14159265358979 1e5 1e-7 00 0,5 1{,}000 99999999999999999999 x y n i e k
    \pi \theta \infty \alpha f(x) a_1 x_{12} 101_2 1F_{16} 0.\overline{3} 0.1\overline{6} \frac12 \frac1{2}
    1\frac{1}{2} 50\% 30^\circ \$5 \emptyset \mathbb{R} \text{east} \text{and} \ldots ABC 3:45 5! 1/0 0^0 \sqrt{-1}
    10^{100} -1
"""
_WRAPS = r"""
    (~) [~] \{~\} {~} |~| -~ +~ ~! ~^2 ~^{-1} ~% ~\% ~^\circ \frac{~}{3} \frac{1}{~} \frac~2 \sqrt{~} \sqrt[3]{~}
    \sqrt~ sqrt(~) \left(~\right) \lfloor~\rfloor \log_2~ \log~ \ln(~) \sin~ \sin^2~ \cos(~) \tan^{-1}~ \binom{~}{2}
    2^{~} 2^~ e^{~} \vec{~} \overline{~} \text{~} \mathrm{~} \boxed{~} $~$ \(~\) \[~\] x=~ ~=x x\in~ f(~) \pm~
    ~\text{cm} \gcd(~,6) \begin{pmatrix}~\\1\end{pmatrix} \det~ \max(~,1) \operatorname{lcm}(~,4) **~** \int_0^1~dx
    \sum_{k=1}^{~}k |~|=1 ~\pmod{7} \begin{cases}~&x>0\\0&x\le0\end{cases}
"""
_JOINS = r"""
    + - * / ^ = < > , ; : \cdot \times \div \pm \mp \le \ge \ne \in \cup \cap \setminus \approx \quad \, \\ & | _ ! %
    and or \text{or} \to \equiv ...
"""
ATOMS, WRAPS = _ATOMS.split(), _WRAPS.split()
JOINS = [*_JOINS.split(), "", " ", ", ", " + ", " and "]
PIECES = [*sorted({piece for word in (*ATOMS, *WRAPS, *JOINS) for piece in word.split("~") if piece}), *"{}[]()$\\ \n"]
PROSE = [
    "The answer is ",
    "**Final Answer:** ",
    "#### ",
    "answer: ",
    "答案是",
    r"\boxed{",
    r"\fbox{",
    "}",
    "<think>",
    "</think>",
    "<|im_end|>",
    "So ",
    " but ",
    ". ",
    "\n",
    "```python\n",
    "```\n",
    "~~~",
    "def add(a, b):\n",
    "option (B)",
    "**C**",
    " Check: 5*2 = 10.",
]


def grown(depth: int = 12) -> SearchStrategy[str]:
    """Expressions by a grammar: atoms wrapped and joined; mostly readable, not always sensible."""

    def wrap(inner: SearchStrategy[str]) -> SearchStrategy[str]:
        one = st.builds(lambda wrap, text: wrap.replace("~", text), st.sampled_from(WRAPS), inner)
        return one | st.builds(lambda a, join, b: a + join + b, inner, st.sampled_from(JOINS), inner)

    return st.recursive(st.sampled_from(ATOMS), wrap, max_leaves=depth)


def mutated(sources: list[str]) -> SearchStrategy[str]:
    """A real text after some accidents: pieces cut out, put in, doubled, swapped."""
    accident = st.tuples(
        st.sampled_from(("cut", "put", "double", "upper")),
        st.floats(0, 1),
        st.integers(1, 12),
        st.sampled_from(PIECES) | st.characters(),
    )
    return st.builds(_spoilt, st.sampled_from(sources), st.lists(accident, max_size=6))


def _spoilt(text: str, accidents: list[tuple[str, float, int, str]]) -> str:
    for kind, place, length, piece in accidents:
        at = int(place * len(text))
        cut = text[at : at + length]
        middle = {"cut": "", "put": piece + cut, "double": cut * 2, "upper": cut.swapcase()}[kind]
        text = text[:at] + middle + text[at + length :]
    return text


def soup(pieces: list[str] = PIECES, longest: int = 60) -> SearchStrategy[str]:
    """Pieces of the language in any order."""
    return st.lists(st.sampled_from(pieces), max_size=longest).map("".join)


def byte_soup() -> SearchStrategy[str]:
    """Any bytes, read as Latin-1 or as broken UTF-8."""
    return st.builds(
        lambda data, how: data.decode(how, "replace"), st.binary(max_size=400), st.sampled_from(("latin-1", "utf-8"))
    )


def nested(deepest: int = 3000) -> SearchStrategy[str]:
    """One or two openings, thousands deep, closed, half closed or left open."""
    openings = st.sampled_from([wrap.partition("~")[::2] for wrap in WRAPS])
    return st.builds(
        lambda pairs, depth, core, closed: (
            "".join(pair[0] for pair in pairs) * depth
            + core
            + "".join(pair[1] for pair in reversed(pairs)) * (depth * closed // 4)
        ),
        st.lists(openings, min_size=1, max_size=2),
        _sizes(deepest),
        st.sampled_from(ATOMS),
        st.sampled_from((4, 4, 2, 0)),
    )


def repeated(pieces: list[str], most_chars: int) -> SearchStrategy[str]:
    """A short unit over and over between a head and a tail: what a pattern that backtracks is slow on."""
    unit = st.lists(st.sampled_from(pieces) | st.sampled_from("a1 .,{}$*\n\t`"), min_size=1, max_size=3).map("".join)
    edge = st.lists(st.sampled_from(pieces), max_size=2).map("".join)
    return st.builds(
        lambda head, unit, times, tail: head + unit * min(times, most_chars // len(unit)) + tail,
        edge,
        unit,
        _sizes(most_chars) | st.integers(200, 1250),  # the second: what a recursive parser can still read but not climb
        edge,
    )


def _sizes(most: int) -> SearchStrategy[int]:
    """One to ``most``, small and large alike."""
    return st.integers(0, most.bit_length()).flatmap(lambda bits: st.integers(1, max(1, min(most, 1 << bits))))


def mathematics(most_chars: int = 12_000) -> SearchStrategy[str]:
    """Anything that might be taken for an expression."""
    return st.one_of(
        grown(), mutated(texts()), soup(), st.text(max_size=80), byte_soup(), nested(), repeated(PIECES, most_chars)
    )


def answers(most_chars: int = 60_000) -> SearchStrategy[str]:
    """Anything that might be taken for a model's whole answer, with prose and fences."""
    pieces = PIECES + PROSE
    said = st.builds(lambda a, b, c: a + b + c, st.sampled_from(PROSE), grown(), st.sampled_from(PROSE))
    return st.one_of(
        said, mutated(texts() + CODE), soup(pieces), mathematics(most_chars), repeated(pieces, most_chars), st.text()
    )
