"""Code answers: run in the sandbox, judged here.

The sandbox process is given the answer and the inputs; what is expected stays in this process. A pass needs every
case returned over the result channel and equal, so exit codes, printed words, ``os._exit`` and patched builtins
cannot make one. A fault of our own is ``unverified``, neither a pass nor a fail of the model.

``Runner`` is the seam: a stronger sandbox (bubblewrap, Landlock) is another ``Runner`` behind the same judging.
"""

from __future__ import annotations

import os
import secrets
import struct
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Protocol

import msgspec

from thinkcurve.problem import FunctionTests, StdioTests, Verdict
from thinkcurve.verify.cases import Check, checks
from thinkcurve.verify.process import LENGTHS, ChildLost, Pool, Reply, pack
from thinkcurve.verify.sandbox_wire import decode

CHILD = Path(__file__).with_name("sandbox_child.py")
WALLS = ("namespaces", "seccomp")  # what to try, strongest first; a machine may lack either
WALL_PER_CPU, WALL_EXTRA_S = 3.0, 5.0  # the wall is a backstop: a busy machine must not turn right into wrong
HARNESS_EXTRA_S = 15.0  # how long after its own backstop the sandbox is given up
OUT_OF_MEMORY = 71  # the exit code of sandbox_child


class Outcome(msgspec.Struct, frozen=True):
    """A verdict on one program, why it is not ``correct``, and the CPU time that its runs took."""

    verdict: Verdict
    reason: str = ""
    cpu_s: float = 0.0


class Runner(Protocol):
    """Runs one request of the wire in a sandbox; raises ``ChildLost`` when the sandbox failed."""

    async def run(self, request: dict[str, object], wall_s: float) -> Reply: ...
    async def aclose(self) -> None: ...


class Zygotes:
    """The sandbox that every POSIX system has: ``workers`` forkservers, restarted when lost."""

    def __init__(self, workers: int, walls: tuple[str, ...] = WALLS) -> None:
        self.pool = Pool(_command(walls), workers)

    async def run(self, request: dict[str, object], wall_s: float) -> Reply:
        """One task; a lost or faulty sandbox is tried once more with a fresh one."""
        try:
            return await self._once(request, wall_s)
        except ChildLost:
            return await self._once(request, wall_s)

    async def aclose(self) -> None:
        """Kill the forkservers."""
        await self.pool.aclose()

    async def _once(self, request: dict[str, object], wall_s: float) -> Reply:
        if not hasattr(os, "fork"):
            raise ChildLost("this system cannot fork")
        frame = pack({**request, "wall_s": wall_s})
        reply = await self.pool.ask(frame, wall_s + HARNESS_EXTRA_S)
        if not reply.header.get("is_ready") and reply.text("end") == "exit":
            raise ChildLost("the task failed before the answer ran")
        return reply


async def judge_code(runner: Runner, reference: FunctionTests | StdioTests, code: str) -> Outcome:
    """Judge ``code`` as its reference asks."""
    if isinstance(reference, FunctionTests):
        return await judge_function(runner, reference, code)
    return await judge_stdio(runner, reference, code)


async def judge_function(runner: Runner, reference: FunctionTests, code: str) -> Outcome:
    """Call the entry point on every case and compare here."""
    wanted = checks(reference)
    if wanted is None:
        return Outcome(Verdict.UNVERIFIED, "unsupported_test")
    nonce = secrets.token_hex(16)
    request = _request(reference, "function", code)
    request |= {"nonce": nonce, "entry_point": reference.entry_point, "args": [c.args for c in wanted]}
    try:
        reply = await runner.run(request, _wall_s(reference.cpu_s))
    except ChildLost:
        return Outcome(Verdict.UNVERIFIED, "sandbox")
    return _outcome(_function_reason(reply, nonce.encode(), wanted), reply.number("cpu_s"))


async def judge_stdio(runner: Runner, reference: StdioTests, code: str) -> Outcome:
    """Run the program once a case, until one fails; the limits hold for each run."""
    cpu_s = 0.0
    for case in reference.cases:
        request = _request(reference, "stdio", code) | {"nonce": "", "stdin": case.stdin}
        try:
            reply = await runner.run(request, _wall_s(reference.cpu_s))
        except ChildLost:
            return Outcome(Verdict.UNVERIFIED, "sandbox", cpu_s)
        cpu_s += reply.number("cpu_s")
        if reason := _stdio_reason(reply, case.stdout):
            return _outcome(reason, cpu_s)
    return _outcome("" if reference.cases else "sandbox", cpu_s)


def self_test() -> dict[str, str]:
    """What walls the sandbox has on this machine, asked of a fresh one; blocks for about 0.1 s."""
    try:
        with tempfile.TemporaryDirectory(prefix="thinkcurve-", ignore_cleanup_errors=True) as home:
            done = subprocess.run(
                _command(), stdin=subprocess.DEVNULL, capture_output=True, env={}, cwd=home, timeout=30, check=False
            )
        head, _ = LENGTHS.unpack(done.stdout[: LENGTHS.size])
        hello = msgspec.json.decode(done.stdout[LENGTHS.size : LENGTHS.size + head], type=dict[str, str | int])
    except (OSError, subprocess.TimeoutExpired, ValueError, struct.error) as error:
        return {"sandbox": f"none: {error}", "sandbox_network": "unknown"}
    return describe(hello)


def describe(hello: dict[str, str | int] | dict[str, object]) -> dict[str, str]:
    """The manifest's words for a sandbox that introduced itself."""
    return {"sandbox": str(hello["level"]), "sandbox_network": str(hello["network"])}


def _command(walls: tuple[str, ...] = WALLS) -> tuple[str, ...]:
    return (sys.executable, "-I", "-S", str(CHILD), *walls)


def _wall_s(cpu_s: float) -> float:
    return WALL_PER_CPU * cpu_s + WALL_EXTRA_S


def _request(reference: FunctionTests | StdioTests, kind: str, code: str) -> dict[str, object]:
    return {"kind": kind, "code": code, "cpu_s": reference.cpu_s, "memory_mb": reference.memory_mb}


def _outcome(reason: str, cpu_s: float) -> Outcome:
    if reason == "sandbox":
        return Outcome(Verdict.UNVERIFIED, reason, cpu_s)
    return Outcome(Verdict.INCORRECT if reason else Verdict.CORRECT, reason, cpu_s)


def _function_reason(reply: Reply, nonce: bytes, wanted: tuple[Check, ...]) -> str:
    """Empty for a pass; else why not. The first case that failed decides."""
    lines = reply.payload.split(b"\n")[:-1]
    for index, check in enumerate(wanted):
        if index >= len(lines):
            return _ending(reply) or "error"
        tag, value = _result(lines[index], nonce, index)
        if tag != "v":
            return {"m": "memory", "o": "output_limit"}.get(tag, "error")
        if not check.holds(value):
            return "wrong"
    return _ending(reply) or ("" if len(lines) == len(wanted) else "error")


def _result(line: bytes, nonce: bytes, index: int) -> tuple[str, object]:
    """The tag and the value of one line; what is malformed or out of order counts as an error of the answer."""
    try:
        number, tag, value = msgspec.json.decode(line.removeprefix(nonce), type=tuple[int, str, object])
        if tag != "v":
            return tag, None
        if number != index or not line.startswith(nonce):
            return "e", None
        return tag, decode(value)
    except (ValueError, TypeError, OverflowError, RecursionError):
        return "e", None


def _stdio_reason(reply: Reply, expected: str) -> str:
    if reason := _ending(reply):
        return reason
    if code := reply.number("code"):
        return "memory" if code == OUT_OF_MEMORY else "error"
    return "" if _tidy(reply.payload.decode("utf-8", "replace")) == _tidy(expected) else "wrong"


def _tidy(text: str) -> str:
    """Without white space at the ends of lines and of the text, as competitive judges compare."""
    return "\n".join(line.rstrip() for line in text.rstrip().splitlines())


def _ending(reply: Reply) -> str:
    """How the task was ended, empty when it ended by itself."""
    end = reply.text("end")
    return "" if end == "exit" else end
