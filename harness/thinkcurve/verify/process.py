"""Subprocesses that answer one framed request at a time and may be killed at any moment.

A frame is two big-endian 32-bit lengths, a JSON header and raw bytes. ``Pool`` starts a child only when a request
needs one, gives each child one request at a time, and kills the child (with its process group) when the answer is
late, malformed or no longer wanted. It decides nothing about verdicts: a lost child is ``ChildLost``.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import struct
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import msgspec

LENGTHS = struct.Struct(">II")
MAX_FRAME_BYTES = 64 << 20  # a child that announces more is broken
START_WALL_S = 60.0  # importing sympy on a busy machine took 8 s


class ChildLost(Exception):
    """The child died, was late (``is_late``) or spoke nonsense before it answered."""

    def __init__(self, message: str, *, is_late: bool = False, signal_number: int = 0) -> None:
        super().__init__(message)
        self.is_late = is_late
        self.signal_number = signal_number


@dataclass(frozen=True, slots=True)
class Reply:
    """What a child sent back."""

    header: dict[str, object]
    payload: bytes = b""

    def text(self, key: str) -> str:
        """The header's string under ``key``, or an empty one."""
        value = self.header.get(key, "")
        return value if isinstance(value, str) else ""

    def number(self, key: str) -> float:
        """The header's number under ``key``, or 0."""
        value = self.header.get(key, 0.0)
        return float(value) if isinstance(value, int | float) else 0.0


def pack(header: Mapping[str, object], payload: bytes = b"") -> bytes:
    """One frame."""
    head = msgspec.json.encode(header)
    return LENGTHS.pack(len(head), len(payload)) + head + payload


class Child:
    """One running subprocess; speak to it through ``ask`` only, one request at a time."""

    def __init__(self, process: asyncio.subprocess.Process, home: str) -> None:
        self._process = process
        self._home = home
        self.hello = Reply({})

    @property
    def pid(self) -> int:
        """The process id, which is its process group's as well."""
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        """False once the process is known to have ended."""
        return self._process.returncode is None

    @classmethod
    async def start(cls, command: Sequence[str]) -> Child:
        """Start ``command`` in an empty directory of its own, with no environment, and wait for its first frame."""
        home = tempfile.mkdtemp(prefix="thinkcurve-")
        try:
            process = await asyncio.create_subprocess_exec(
                *command,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
                cwd=home,
                env=_environment(),
                start_new_session=True,
            )
        except OSError as error:
            shutil.rmtree(home, ignore_errors=True)
            raise ChildLost(f"could not start {command[0]!r}: {error}") from error
        child = cls(process, home)
        try:
            child.hello = await child._receive(START_WALL_S)
        except BaseException:
            await child.kill()
            raise
        return child

    async def ask(self, request: bytes, wall_s: float) -> Reply:
        """Send one frame and wait for the one that answers it."""
        assert self._process.stdin is not None
        with contextlib.suppress(OSError):  # a dead child shows when we read
            self._process.stdin.write(request)
            await asyncio.wait_for(self._process.stdin.drain(), wall_s)
        return await self._receive(wall_s)

    async def kill(self) -> None:
        """End the process group and remove its directory."""
        _kill_group(self.pid)
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        await self._process.wait()
        if self._process.stdin is not None:
            self._process.stdin.close()
        shutil.rmtree(self._home, ignore_errors=True)

    async def _receive(self, wall_s: float) -> Reply:
        try:
            return await asyncio.wait_for(self._read_frame(), wall_s)
        except TimeoutError:
            raise ChildLost("no answer in time", is_late=True) from None
        except (asyncio.IncompleteReadError, OSError, msgspec.DecodeError) as error:
            raise ChildLost(f"no answer: {error}", signal_number=await self._signal()) from None

    async def _read_frame(self) -> Reply:
        stream = self._process.stdout
        assert stream is not None
        head, tail = LENGTHS.unpack(await stream.readexactly(LENGTHS.size))
        if head + tail > MAX_FRAME_BYTES:
            raise OSError(f"a frame of {head + tail} bytes")
        header = msgspec.json.decode(await stream.readexactly(head), type=dict[str, object])
        return Reply(header, await stream.readexactly(tail) if tail else b"")

    async def _signal(self) -> int:
        """The signal that ended the process, 0 when none did."""
        try:
            code = await asyncio.wait_for(self._process.wait(), 1.0)
        except TimeoutError:
            return 0
        return max(0, -code)


class Pool:
    """At most ``size`` children of one command, started when needed and replaced when lost."""

    def __init__(self, command: Sequence[str], size: int) -> None:
        self._command = tuple(command)
        self._free = asyncio.Semaphore(size)
        self._idle: list[Child] = []
        self._busy: set[Child] = set()
        self._is_closed = False
        self.hello: Reply | None = None  # the first frame of the newest child

    @property
    def pids(self) -> list[int]:
        """The process ids of the children now running."""
        return [child.pid for child in (*self._idle, *self._busy)]

    async def ask(self, request: bytes, wall_s: float) -> Reply:
        """One request to one child; ``ChildLost`` when no answer came, and then that child is gone."""
        async with self._free:
            child = await self._take()
            self._busy.add(child)
            try:
                reply = await child.ask(request, wall_s)
            except BaseException:  # cancelled too: a child in mid-request cannot be used again
                self._busy.discard(child)
                await child.kill()
                raise
            self._busy.discard(child)
            self._idle.append(child)
            return reply

    async def aclose(self) -> None:
        """Kill every child; a request still waiting gets ``ChildLost``, and no new child starts."""
        self._is_closed = True
        children = [*self._idle, *self._busy]
        self._idle.clear()
        await asyncio.gather(*(child.kill() for child in children))

    async def _take(self) -> Child:
        if self._is_closed:
            raise ChildLost("closed")
        while self._idle:
            child = self._idle.pop()
            if child.is_alive:
                return child
            await child.kill()
        child = await Child.start(self._command)
        if self._is_closed:
            await child.kill()
            raise ChildLost("closed")
        self.hello = child.hello
        return child


def _environment() -> dict[str, str]:
    """Nothing on POSIX: no key or token reaches a child. Windows cannot start Python without SYSTEMROOT."""
    return {"SYSTEMROOT": os.environ.get("SYSTEMROOT", "")} if sys.platform == "win32" else {}


def _kill_group(pid: int) -> None:
    if sys.platform != "win32":
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, signal.SIGKILL)
