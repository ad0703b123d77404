"""One right answer, and short ways to write it down; the data is in ``honest_*.py``, joined in ``honest``."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass

from thinkcurve.problem import Case, FunctionTests, StdioCase, StdioTests


@dataclass(frozen=True, slots=True)
class Honest:
    """``code`` is right for ``reference``; ``needs`` names a module without which it is skipped."""

    name: str
    code: str
    reference: FunctionTests | StdioTests
    needs: str = ""


def function(name: str, code: str, *cases: tuple[str, str], needs: str = "", cpu_s: float = 2.0) -> Honest:
    """An answer called as ``f`` with each pair's first and expected to give its second (``x + 1`` without pairs)."""
    pairs = cases or (("[1]", "2"), ("[41]", "42"))
    reference = FunctionTests("f", tuple(Case(*pair) for pair in pairs), cpu_s=cpu_s)
    return Honest(name, textwrap.dedent(code), reference, needs)


def asserted(name: str, code: str, body: str, needs: str = "") -> Honest:
    """An answer that the statements of ``body`` are run against, with ``candidate`` for it."""
    test = "def check(candidate):\n" + textwrap.indent(textwrap.dedent(body).strip(), "    ") + "\n"
    return Honest(name, textwrap.dedent(code), FunctionTests("f", test=test), needs)


def program(name: str, code: str, *runs: tuple[str, str]) -> Honest:
    """A whole program with what it reads and prints (the sum of a line without any)."""
    pairs = runs or (("3 4\n", "7\n"), ("5 6\n", "11\n"))
    return Honest(name, textwrap.dedent(code), StdioTests(tuple(StdioCase(*pair) for pair in pairs)))
