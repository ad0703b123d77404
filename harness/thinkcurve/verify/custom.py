"""Verifiers that other wheels bring: the entry-point group ``thinkcurve.verifiers``, a function each.

``(data: str, answer: str) -> Judgement``: ``data`` is the reference's own JSON, ``answer`` the text after the thinking.
Such functions (lm-eval's metrics, reasoning-gym's scorers) give model text to ``eval``, sympy and regular expressions
without limits, so they never run here: each has processes of its own (``custom_child``) that are killed when they take
too long, and that have no network, no other programs, no environment and no files but Python's own to read and a
scratch folder to write, as far as the machine can forbid it.

What this does not protect from: the verdict is computed in the process that handles the answer. A scorer that
evaluates its input can be made to say ``correct`` by it, and to go on saying so of the answers that this one process
judges later. That is the scorer's choice; the rung, ``custom/NAME/...``, says which one decided.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Iterable
from importlib.metadata import entry_points
from pathlib import Path
from typing import Annotated

import msgspec

from thinkcurve.errors import UsageError, did_you_mean
from thinkcurve.problem import Custom, Judgement, Verdict
from thinkcurve.verify.custom_child import GROUP
from thinkcurve.verify.isolation import LEVELS, SandboxRefused
from thinkcurve.verify.process import ChildLost, Pool, Reply, pack
from thinkcurve.verify.sandbox import Turns

CHILD = Path(__file__).with_name("custom_child.py")
NEEDED = ("network", "read", "write")  # what must be refused to a verifier, at every level above ``weak``
WORD = 100  # characters of a reason or a rung that are kept
_CPU_SIGNAL = getattr(signal, "SIGXCPU", -1)
_KILL_SIGNAL = getattr(signal, "SIGKILL", -1)


class Limits(msgspec.Struct, frozen=True):
    """What one judgement may use: CPU seconds, more in a child's first one, wall seconds, memory beside the code's."""

    cpu_s: int = 20  # two alarms of 5 s, which lm-eval's minerva sets, took 6 s of CPU
    first_cpu_s: int = 30  # building an lm-eval task took 6 s
    wall_s: float = 120.0  # a backstop for a busy machine, and for verifiers that sleep
    memory_mb: int = 2048


class VerifierMissing(UsageError):
    """A reference names a verifier that is not installed, or does not load."""


class Verifiers:
    """At most ``size`` processes for each verifier, started when needed; ``level`` is one of ``isolation.LEVELS``."""

    def __init__(self, size: int, level: str, limits: Limits | None = None) -> None:
        if level not in LEVELS:
            raise SandboxRefused(f"sandbox level {level!r} is none of {', '.join(LEVELS)}")
        self._size = size
        self._level = level
        self._limits = limits or Limits()
        self._pools: dict[str, Pool] = {}
        self._ready = set[str]()  # the names whose pool has shown that it can be used
        self._is_closed = False
        self._walls: list[str] | None = None  # those of every verifier so far
        self._opening = asyncio.Lock()
        self._turns = Turns()

    @property
    def pids(self) -> list[int]:
        """The process ids of the children now running."""
        return [pid for pool in self._pools.values() for pid in pool.pids]

    async def prepare(self, names: Iterable[str]) -> None:
        """Start one process of each verifier, so that none is found missing, or open to the network, too late."""
        for name in sorted(set(names)):
            await self._pool(name)

    async def judge(self, reference: Custom, answer: str) -> Judgement:
        """What the verifier says; asked again, alone, where its process was lost or late.

        Raises ``VerifierMissing``, and ``SandboxRefused`` where the walls are weaker than the level asks.
        """
        name = reference.verifier
        pool = await self._pool(name)
        data = reference.data.encode("utf-8", "replace").decode()
        request = pack({"data": data, "answer": answer})
        with contextlib.suppress(ChildLost):
            async with self._turns.shared():
                return _judgement(name, answer, await pool.ask(request, self._limits.wall_s))
        try:
            async with self._turns.alone():
                return _judgement(name, answer, await pool.ask(request, self._limits.wall_s))
        except ChildLost as lost:
            return Judgement(Verdict.UNVERIFIED, _why_lost(lost), f"custom/{name}/lost")

    def describe(self) -> str:
        """The walls around the verifiers: ``landlock seccomp limits``, or fewer."""
        return " ".join(self._walls or ()) or "none"

    async def aclose(self) -> None:
        """Kill every process; none starts any more."""
        self._is_closed = True
        await asyncio.gather(*(pool.aclose() for pool in self._pools.values()))

    async def _pool(self, name: str) -> Pool:
        if name not in self._ready:
            async with self._opening:
                if name not in self._ready:
                    await self._start(name)
        return self._pools[name]

    async def _start(self, name: str) -> None:
        """Make sure of one child that has loaded the verifier, behind walls good enough."""
        _find(name)
        pool = self._pools[name] = Pool((sys.executable, "-I", str(CHILD), self._spec(name)), self._size)
        try:
            if self._is_closed:
                raise ChildLost("closed")
            async with pool.borrowed() as child:
                hello = child.hello
        except ChildLost as lost:
            raise VerifierMissing(f"verifier {name!r} does not load: {lost}") from None
        open_doors = [door for door in NEEDED if door not in _words(hello, "refused")]
        if open_doors and LEVELS[self._level] != "C":
            await pool.aclose()
            raise SandboxRefused(_refusal(name, self._level, open_doors))
        walls = _words(hello, "walls")
        self._walls = [wall for wall in walls if self._walls is None or wall in self._walls]
        self._ready.add(name)

    def _spec(self, name: str) -> str:
        path = [folder for folder in sys.path if Path(folder).is_absolute() and _holds_packages(folder)]
        spec = {"verifier": name, "path": path, "parent": os.getpid(), **msgspec.to_builtins(self._limits)}
        return msgspec.json.encode(spec).decode()


def _why_lost(lost: ChildLost) -> str:
    """Why a process is gone. What killed it from outside, as the out-of-memory killer does, is no fault of the
    verifier's."""
    if lost.is_late or lost.signal_number == _CPU_SIGNAL:
        return "timeout"
    return "worker" if lost.signal_number == _KILL_SIGNAL else "verifier"


def _holds_packages(folder: str) -> bool:
    """Whether a folder of ``sys.path`` is one that wheels are installed in, not that of somebody's script."""
    return any(Path(folder).glob("*.dist-info"))


def _find(name: str) -> None:
    known = sorted({point.name for point in entry_points(group=GROUP)})
    if name not in known:
        listing = ", ".join(known) or "none installed"
        raise VerifierMissing(f"unknown verifier {name!r}.{did_you_mean(name, known)} Known verifiers: {listing}")


def _refusal(name: str, level: str, open_doors: list[str]) -> str:
    doors = {"network": "the network", "read": "your files", "write": "writing to your files"}
    reach = " and ".join(doors[door] for door in open_doors)
    return (
        f"verifier {name!r} needs sandbox level {level!r}, and this machine (no Landlock, or no seccomp) cannot keep "
        f"it from {reach}: see `thinkcurve doctor`, or accept --sandbox weak"
    )


class _Told(msgspec.Struct, frozen=True):
    """What a verifier may say of an answer."""

    verdict: Verdict
    reason: str
    rung: str
    extracted: str | None
    span: tuple[Annotated[int, msgspec.Meta(ge=0)], Annotated[int, msgspec.Meta(ge=0)]] | None


_WHY = {Verdict.CORRECT: "", Verdict.INCORRECT: "wrong", Verdict.NO_ANSWER: "nothing", Verdict.UNVERIFIED: "verifier"}
"""The reason, where the verifier gave none."""


def _judgement(name: str, answer: str, reply: Reply) -> Judgement:
    """A child's reply, believed only as far as it has the form of a judgement on ``answer``."""
    rung, cpu_s = f"custom/{name}", max(0.0, reply.number("cpu_s"))
    if failed := reply.text("failed"):
        reason = "memory" if failed == "memory" else "verifier"
        return Judgement(Verdict.UNVERIFIED, reason, _joined(rung, reply.text("detail")), cpu_s=cpu_s)
    try:
        told = msgspec.convert(reply.header.get("judgement"), _Told)
    except msgspec.ValidationError:
        return Judgement(Verdict.UNVERIFIED, "verifier", f"{rung}/malformed", cpu_s=cpu_s)
    if told.span is not None and not told.span[0] <= told.span[1] <= len(answer):
        return Judgement(Verdict.UNVERIFIED, "verifier", f"{rung}/span", cpu_s=cpu_s)
    reason = _word(told.reason) or _WHY[told.verdict]
    return Judgement(told.verdict, reason, _joined(rung, told.rung), told.extracted, told.span, cpu_s)


def _joined(rung: str, rest: str) -> str:
    return f"{rung}/{_word(rest)}" if rest else rung


def _word(text: str) -> str:
    """One line, not long, fit to be printed."""
    text = "".join(character if character.isprintable() else " " for character in text)
    return " ".join(text.split())[:WORD]


def _words(reply: Reply, key: str) -> list[str]:
    value = reply.header.get(key)
    return [word for word in value if isinstance(word, str)] if isinstance(value, list) else []
