"""Code answers: run in the sandbox, judged here.

The sandbox process is given the answer and the inputs; what is expected stays in this process (or, for a test that
is a program, in a sandbox of the test's own). A pass needs every case returned over the result channel and equal, so
exit codes, printed words, ``os._exit`` and patched builtins cannot make one. A fault of our own is ``unverified``,
neither a pass nor a fail of the model.

``Runner`` is the seam: other languages and stronger sandboxes are other ``Runner``s behind the same judging.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import secrets
from collections.abc import AsyncIterator, Mapping
from typing import Literal, Protocol

import msgspec

from thinkcurve.problem import FunctionTests, StdioTests, Verdict
from thinkcurve.verify import conversation, isolation, out_of_memory
from thinkcurve.verify.cases import Check, checks
from thinkcurve.verify.isolation import SandboxRefused, Wall
from thinkcurve.verify.process import Child, ChildLost, Pool, Reply, pack
from thinkcurve.verify.replies import LONG_BYTES, function_reason, stdio_reason

WALL_PER_CPU, WALL_EXTRA_S = 3.0, 5.0  # the wall is a backstop: a busy machine must not turn right into wrong
MOST_CROWDED = 8.0  # an answer that sleeps would otherwise sleep for minutes on a busy machine
HARNESS_EXTRA_S = 15.0  # how long after its own backstop the sandbox is given up
RETRY_SHARE = 0.25  # of its CPU limit: who used less slept or waited, and was no victim of a busy machine
TEST_CPU_S, TEST_MEMORY_MB = 10.0, 512  # what a test that is a program may use beside the answer
TEST_SHARE = 2.0  # and as a multiple of the answer's own limit, where that is more
_NUMPY = re.compile(r"\bnumpy\b")


class Outcome(msgspec.Struct, frozen=True):
    """A verdict on one program, why it is not ``correct``, and the CPU time that its runs took."""

    verdict: Verdict
    reason: str = ""
    cpu_s: float = 0.0


class Runner(Protocol):
    """Runs requests of the wire in a sandbox; raises ``ChildLost`` when the sandbox failed."""

    async def run(self, request: dict[str, object], wall_s: float) -> Reply: ...
    async def converse(
        self, test: dict[str, object], answer: dict[str, object], wall_s: float
    ) -> conversation.Result: ...
    async def aclose(self) -> None: ...


class Zygotes:
    """Forkservers behind one ``wall``: ``workers`` of a kind, restarted when lost.

    A kind is what a forkserver is for (answers, or tests that are programs) and whether it holds NumPy.
    """

    def __init__(self, workers: int, wall: Wall) -> None:
        self.wall: Wall = wall
        self._workers = workers
        self._pools: dict[tuple[str, bool], Pool] = {}
        self._turns = Turns()

    @property
    def pids(self) -> list[int]:
        """The process ids of the forkservers now running."""
        return [pid for pool in self._pools.values() for pid in pool.pids]

    async def run(self, request: dict[str, object], wall_s: float) -> Reply:
        """One task, tried once more alone, with a fresh sandbox where one was lost, or where time ran out at work."""
        with contextlib.suppress(ChildLost):
            async with self._turns.shared():
                reply = await self._once(request, wall_s)
            if reply.text("end") != "timeout" or not _was_at_work(reply.number("cpu_s"), request):
                return reply
        async with self._turns.alone():
            return await self._once(request, wall_s)

    async def converse(self, test: dict[str, object], answer: dict[str, object], wall_s: float) -> conversation.Result:
        """One test that is a program with one answer; tried again as ``run`` does."""
        with contextlib.suppress(ChildLost):
            async with self._turns.shared():
                result = await self._converse_once(test, answer, wall_s)
            if result.reason != "timeout" or not _was_at_work(result.cpu_s, answer):
                return result
        async with self._turns.alone():
            return await self._converse_once(test, answer, wall_s)

    async def aclose(self) -> None:
        """Kill the forkservers."""
        await asyncio.gather(*(pool.aclose() for pool in self._pools.values()))

    async def _once(self, request: dict[str, object], wall_s: float) -> Reply:
        wall_s *= _crowding()
        n_before = out_of_memory.n_kills()
        reply = await self._pool("answer", request).ask(pack({**request, "wall_s": wall_s}), wall_s + HARNESS_EXTRA_S)
        if not reply.header.get("is_ready") and reply.text("end") == "exit":
            raise ChildLost("the task failed before the answer ran")
        _check_memory(reply.text("end"), n_before)
        return reply

    async def _converse_once(
        self, test: dict[str, object], answer: dict[str, object], wall_s: float
    ) -> conversation.Result:
        wall_s *= _crowding()
        nonce = secrets.token_hex(16)
        test, answer = test | {"wall_s": wall_s, "nonce": ""}, answer | {"wall_s": wall_s, "nonce": nonce}
        patience_s = wall_s + HARNESS_EXTRA_S
        n_before = out_of_memory.n_kills()
        try:
            async with self._child("test", test) as asking, self._child("answer", answer) as answering:
                test_line = conversation.Line(asking, test, patience_s, conversation.TEST_BYTES)
                async with test_line, conversation.Line(answering, answer, patience_s) as answer_line:
                    result = await conversation.converse(test_line, answer_line, nonce)
        except conversation.LineTooLong:
            return conversation.Result("output_limit", 0.0)
        _check_memory(result.reason, n_before)
        return result

    def _child(self, role: str, request: dict[str, object]) -> contextlib.AbstractAsyncContextManager[Child]:
        return self._pool(role, request).borrowed()

    def _pool(self, role: str, request: dict[str, object]) -> Pool:
        texts = (request.get("code"), request.get("prompt"), request.get("test"))
        key = (role, any(isinstance(text, str) and _NUMPY.search(text) is not None for text in texts))
        if key not in self._pools:
            try:
                command = isolation.command(self.wall, with_numpy=key[1])
            except SandboxRefused as error:
                raise ChildLost(str(error)) from error
            self._pools[key] = Pool(command, self._workers)
        return self._pools[key]


class Turns:
    """Many share, or one is alone: a timeout counts only when it came without our own company."""

    def __init__(self) -> None:
        self._changed = asyncio.Event()
        self._n_sharing = 0
        self._n_waiting = 0
        self._is_alone = False

    @contextlib.asynccontextmanager
    async def shared(self) -> AsyncIterator[None]:
        while self._is_alone or self._n_waiting:
            await self._changed.wait()
        self._n_sharing += 1
        try:
            yield
        finally:
            self._n_sharing -= 1
            self._change()

    @contextlib.asynccontextmanager
    async def alone(self) -> AsyncIterator[None]:
        self._n_waiting += 1
        try:
            while self._is_alone or self._n_sharing:
                await self._changed.wait()
            self._is_alone = True
        finally:
            self._n_waiting -= 1
            self._change()
        try:
            yield
        finally:
            self._is_alone = False
            self._change()

    def _change(self) -> None:
        """Wake whoever waits; nothing is awaited, so that a cancelled one gives its turn back too."""
        self._changed.set()
        self._changed = asyncio.Event()


async def judge_code(
    runner: Runner, reference: FunctionTests | StdioTests, code: str, *, is_continuation: bool = False
) -> Outcome:
    """Judge ``code`` as its reference asks; a continuation is read as the rest of the reference's prompt."""
    try:
        if isinstance(reference, StdioTests):
            return await judge_stdio(runner, reference, code)
        request = _request(reference, "function", code)
        request |= {"entry_point": reference.entry_point, "prompt": reference.prompt, "continues": is_continuation}
        if wanted := checks(reference):
            return await _judge_by_cases(runner, reference, request, wanted)
        return await _judge_by_test(runner, reference, request)
    except ChildLost:
        return Outcome(Verdict.UNVERIFIED, "sandbox")


async def _judge_by_cases(
    runner: Runner, reference: FunctionTests, request: dict[str, object], wanted: tuple[Check, ...]
) -> Outcome:
    """Call the entry point on every case and compare here."""
    nonce = secrets.token_hex(16)
    cases: dict[str, object] = {"nonce": nonce, "args": [check.args for check in wanted]}
    reply = await runner.run(request | cases, _wall_s(reference.cpu_s))
    if len(reply.payload) > LONG_BYTES:
        reason = await asyncio.to_thread(function_reason, reply, nonce.encode(), wanted)
    else:
        reason = function_reason(reply, nonce.encode(), wanted)
    return _outcome(reason, reply.number("cpu_s"))


async def _judge_by_test(runner: Runner, reference: FunctionTests, request: dict[str, object]) -> Outcome:
    """Let the test, in a sandbox of its own, call the answer in another."""
    if not reference.test.strip():
        return Outcome(Verdict.UNVERIFIED, "unsupported_test")
    cpu_s = max(TEST_CPU_S, TEST_SHARE * reference.cpu_s)
    test: dict[str, object] = {"kind": "check", "test": reference.test, "cpu_s": cpu_s, "memory_mb": TEST_MEMORY_MB}
    test |= {"entry_point": reference.entry_point, "prompt": reference.prompt}
    result = await runner.converse(test, request | {"kind": "serve"}, _wall_s(cpu_s))
    return _outcome(result.reason, result.cpu_s)


async def judge_stdio(runner: Runner, reference: StdioTests, code: str) -> Outcome:
    """Run the program once a case, until one fails; the limits hold for each run."""
    cpu_s = 0.0
    for case in reference.cases:
        request = _request(reference, "stdio", code) | {"nonce": "", "stdin": case.stdin}
        reply = await runner.run(request, _wall_s(reference.cpu_s))
        cpu_s += reply.number("cpu_s")
        if reason := stdio_reason(reply, case.stdout, reference.tolerance):
            return _outcome(reason, cpu_s)
    return _outcome("" if reference.cases else "sandbox", cpu_s)


def _wall_s(cpu_s: float) -> float:
    return WALL_PER_CPU * cpu_s + WALL_EXTRA_S


def _check_memory(end: str, n_before: int) -> None:
    """Raise ``ChildLost`` where a task was killed while the machine ran out of memory: that is no verdict on it."""
    if end == "killed" and out_of_memory.n_kills() != n_before:
        raise ChildLost("the machine ran out of memory")


def _was_at_work(cpu_s: float, request: Mapping[str, object]) -> bool:
    """Whether a task that ran out of time used so much CPU that company may have been what it lacked time for."""
    limit_s = request["cpu_s"]
    return isinstance(limit_s, int | float) and cpu_s >= RETRY_SHARE * limit_s


def _crowding() -> float:
    """By how much more programs want to run than there are cores: a wall limit is stretched by as much."""
    if not hasattr(os, "getloadavg"):
        return 1.0
    return min(max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1)), MOST_CROWDED)


def _request(reference: FunctionTests | StdioTests, kind: Literal["function", "stdio"], code: str) -> dict[str, object]:
    return {"kind": kind, "code": code, "cpu_s": reference.cpu_s, "memory_mb": reference.memory_mb}


def _outcome(reason: str, cpu_s: float) -> Outcome:
    if reason in ("sandbox", "unsupported_test"):
        return Outcome(Verdict.UNVERIFIED, reason, cpu_s)
    return Outcome(Verdict.INCORRECT if reason else Verdict.CORRECT, reason, cpu_s)
