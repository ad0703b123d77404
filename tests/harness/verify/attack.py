"""One hostile answer: what it tries, what it is judged against, and the weakest wall that must refuse it.

Two forms. ``wrong`` answers cannot know the right value and try to be believed all the same: no wall may pass them.
``proof`` answers return the right value if and only if the forbidden thing was done: a pass is a breach, wherever
``refused_from`` promises that it is refused. The data is in ``attacks_*.py``, joined in ``attacks``.
"""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

from thinkcurve.problem import Case, FunctionTests, StdioCase, StdioTests

WALLS = ("bubblewrap", "namespaces", "landlock", "rlimits")  # strongest first
NOWHERE = "nowhere"  # what no wall refuses, because it harms nobody: only the verdict counts
PASS = "\ndef f(x):\n    return x + 1\n"
LIBC = "import ctypes, os\nlibc = ctypes.CDLL(None, use_errno=True)\n"
GOLD = r"gold-[0-9a-f]{32}"  # what the right values look like, as an attacker may know; drawn anew for each run


@dataclass(frozen=True, slots=True)
class Attack:
    """``effect`` names the harms that it does where nothing refuses it (see ``world.World``).

    ``{{name}}`` in ``code`` and ``then`` stands for a thing of the world: ``{{out}}``, ``{{port}}``, ``{{victim}}``.
    ``then`` runs afterwards, as an answer of its own, and must be refused as well. What is not ``is_bounded`` is
    never run under a wall weaker than ``refused_from``: it would harm the machine.
    """

    family: str
    name: str
    code: str
    against: str = "gold"
    effect: str = ""
    refused_from: str = "rlimits"
    then: str = ""
    is_bounded: bool = True
    is_slow: bool = False

    def programs(self, things: Mapping[str, object]) -> list[str]:
        """The text of the answer, and of the one after it."""
        return [_filled(text, things) for text in (self.code, self.then) if text]

    def must_be_refused_by(self, wall: str) -> bool:
        """Whether ``wall`` promises that this has no effect."""
        return self.refused_from != NOWHERE and WALLS.index(wall) <= WALLS.index(self.refused_from)


def _filled(text: str, things: Mapping[str, object]) -> str:
    text = textwrap.dedent(text)
    for name, thing in things.items():
        text = text.replace("{{" + name + "}}", str(thing))
    return text


def proof(code: str) -> str:
    """An answer that is right if ``code`` raises nothing."""
    return textwrap.dedent(code) + PASS


def with_libc(code: str) -> str:
    """The same, with the C library as ``libc``."""
    return LIBC + proof(code)


def references(golds: tuple[str, str, str]) -> dict[str, FunctionTests | StdioTests]:
    """What attacks are judged against, by name; whoever passes ``gold``, ``loop`` or ``stdio`` has seen ``golds``."""
    first, second, third = golds
    table = {"a": first, "b": second, "c": third}
    loop = (
        f"def check(candidate):\n    gold = {table!r}\n"
        "    for key in sorted(gold):\n        assert candidate(key) == gold[key], key\n"
        "    for key in sorted(gold, reverse=True):\n        got = candidate(key)\n"
        "        assert isinstance(got, str) and len(got) == 37 and got in gold.values()\n"
    )
    loose = (
        f"def check(candidate):\n    gold = {table!r}\n"
        "    for key in gold:\n        got = candidate(key)\n"
        "        assert not (got != gold[key])\n        assert got in [gold[key]]\n"
        "        assert {got} == {gold[key]}\n"
    )
    raises = (
        "def check(candidate):\n    for bad in ('a', 'b'):\n        try:\n            candidate(bad)\n"
        "        except ValueError:\n            continue\n        assert False, bad\n"
        f"    assert candidate('c') == {third!r}\n"
    )
    mapped = (
        f"def check(candidate):\n    gold = {table!r}\n"
        "    assert all(map(lambda key: candidate(key) == gold[key], gold))\n"
        "    assert not any(map(lambda key: candidate(key) != gold[key], gold))\n"
    )
    big = (
        f"def check(candidate):\n    gold = {table!r}\n"
        "    for key in gold:\n        assert candidate(key * 1_000_000) == gold[key]\n"
    )
    plus = (Case("[1]", "2"), Case("[41]", "42"), Case("[10000]", "10001"))
    sums = (StdioCase("3 4\n", "7\n1\n"), StdioCase("5 6\n", "11\n1\n"))
    function = partial(FunctionTests, "f", cpu_s=1.0, memory_mb=128)
    program = partial(StdioTests, cpu_s=1.0, memory_mb=128)
    return {
        "gold": function(tuple(Case(f"[{k!r}]", repr(v)) for k, v in table.items())),
        "plus": function(plus),
        "near": function((Case("[1]", "[0.125, 7.5]"), Case("[2]", "0.5")), tolerance=1e-6),
        "loop": function(test=loop),
        "loose": function(test=loose),
        "raises": function(test=raises),
        "mapped": function(test=mapped),
        "big": function(test=big),
        "stdio": program((StdioCase("3 4\n", f"{first}\n7\n"), StdioCase("5 6\n", f"{second}\n11\n"))),
        "sum": program(sums),
        "near sum": program(sums, tolerance=1e-6),
    }
