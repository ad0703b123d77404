"""Subprocesses that answer one framed request at a time and may be killed at any moment.

A frame is two big-endian 32-bit lengths, a JSON header and raw bytes. ``Pool`` starts a child only when a request
needs one, gives each child one request at a time, and kills the child (with its process group) when the answer is
late, malformed or no longer wanted. It decides nothing about verdicts: a lost child is ``ChildLost``.

Time limits are ``asyncio.timeout``, never ``wait_for``: Python 3.11's loses a cancellation that comes together with
what was waited for, and the cancelled judge runs on.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
import struct
import sys
import tempfile
import threading
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import msgspec

from thinkcurve.verify.inside import scratch

LENGTHS = struct.Struct(">II")
MAX_FRAME_BYTES = 64 << 20  # a child that announces more is broken
PIECE_BYTES = 1 << 18  # written at a time: asyncio copies what the pipe does not take at once
HOME = "{home}"  # in a command: the empty directory that the child is started in
ABANDONED_S = 86_400.0  # after which the directory of a process that is gone is removed
START_WALL_S = 60.0  # importing sympy on a busy machine took 8 s
KILL_WALL_S = 10.0  # what ``SIGKILL`` does not end in this time, waiting does not end either
_HOME_NAME = re.compile(r"thinkcurve-([0-9]{1,9})-.+")  # the process that made it leads
_swept = threading.Lock()  # held for good by the first child of this process


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
        with contextlib.suppress(OverflowError):
            return float(value) if isinstance(value, int | float) else 0.0
        return 0.0


def pack(header: Mapping[str, object], payload: bytes = b"") -> bytes:
    """One frame."""
    head = msgspec.json.encode(header)
    return LENGTHS.pack(len(head), len(payload)) + head + payload


class Child:
    """One running subprocess; speak to it through ``ask`` only, one request at a time."""

    def __init__(self, process: asyncio.subprocess.Process, home: str) -> None:
        self._process = process
        self._home = home
        self._ending: asyncio.Task[None] | None = None
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
        if _swept.acquire(blocking=False):
            threading.Thread(target=sweep, args=(tempfile.gettempdir(),), daemon=True).start()
        home = _make_home()
        with tempfile.TemporaryFile() as complaints:
            try:
                child = await cls._spawn(command, home, complaints)
            except OSError as error:
                _remove(home)
                raise ChildLost(f"could not start {command[0]!r}: {error}") from error
            except BaseException:
                _remove(home)
                raise
            try:
                child.hello = await child._receive(START_WALL_S)
                if problem := child.hello.text("error"):
                    raise ChildLost(problem)
            except ChildLost as lost:
                await child.kill()
                raise ChildLost(_last_words(complaints) or str(lost)) from None
            except BaseException:
                await child.kill()
                raise
        return child

    @classmethod
    async def _spawn(cls, command: Sequence[str], home: str, complaints: IO[bytes]) -> Child:
        """Start the process; cancelled half-way, end it as a group, which asyncio itself would not."""
        coroutine = asyncio.create_subprocess_exec(
            *(word.replace(HOME, home) for word in command),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=complaints,
            cwd=home,
            env=_environment(),
            start_new_session=True,
        )
        starting = asyncio.ensure_future(coroutine)
        try:
            return cls(await asyncio.shield(starting), home)
        except asyncio.CancelledError:
            await _settle(starting)
            if not starting.cancelled() and starting.exception() is None:
                await cls(starting.result(), home).kill()
            raise

    async def ask(self, request: bytes, wall_s: float) -> Reply:
        """Send one frame and wait for the one that answers it, ``wall_s`` in all."""
        loop = asyncio.get_running_loop()
        end_s = loop.time() + wall_s
        await self.say(request, wall_s)
        return await self._receive(end_s - loop.time())

    async def kill(self) -> None:
        """End the process group and remove its directory; who is cancelled meanwhile is so once that is done."""
        if self._ending is None:
            self._ending = asyncio.create_task(self._end())
        if await _settle(self._ending):
            raise asyncio.CancelledError

    async def _end(self) -> None:
        if self.is_alive:
            _kill(self._process)
        try:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(KILL_WALL_S):
                    await self._drain()
                    await self._process.wait()
        finally:
            if self._process.stdin is not None:
                self._process.stdin.close()
            await asyncio.to_thread(_remove, self._home)

    async def _drain(self) -> None:
        """Read what is still in the pipe: asyncio calls a process ended only when its pipes are read to their ends."""
        assert self._process.stdout is not None
        try:
            while await self._process.stdout.read(1 << 16):
                pass
        except TimeoutError:
            raise
        except (RuntimeError, OSError):  # RuntimeError: somebody is reading, and so drains it
            pass

    async def say(self, frame: bytes, wall_s: float) -> None:
        """Send one frame without waiting for an answer; ``ChildLost`` when it is not taken in time."""
        assert self._process.stdin is not None
        try:
            async with asyncio.timeout(wall_s):
                for start in range(0, len(frame), PIECE_BYTES):
                    self._process.stdin.write(memoryview(frame)[start : start + PIECE_BYTES])
                    await self._process.stdin.drain()
        except TimeoutError:  # an OSError too, so it comes first
            raise ChildLost("a word was not taken in time", is_late=True) from None
        except OSError:
            pass  # a dead child shows when we read

    async def hear(self, wall_s: float) -> Reply:
        """The next frame; ``ChildLost`` when none comes in time."""
        return await self._receive(wall_s)

    async def _receive(self, wall_s: float) -> Reply:
        try:
            async with asyncio.timeout(wall_s):
                return await self._read_frame()
        except TimeoutError:
            raise ChildLost("no answer in time", is_late=True) from None
        except (asyncio.IncompleteReadError, OSError, ValueError, RuntimeError) as error:  # Runtime: it is being killed
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
            async with asyncio.timeout(1.0):
                return max(0, -await self._process.wait())
        except TimeoutError:
            return 0


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
        async with self.borrowed() as child:
            return await child.ask(request, wall_s)

    @contextlib.asynccontextmanager
    async def borrowed(self) -> AsyncIterator[Child]:
        """A child to oneself, to be left ready for its next request; killed when the block raises."""
        async with self._free:
            child = await self._take()
            self._busy.add(child)
            try:
                yield child
            except BaseException:  # cancelled too: a child in mid-request cannot be used again
                try:
                    await child.kill()
                finally:
                    self._busy.discard(child)
                raise
            self._busy.discard(child)
            self._idle.append(child)

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


def _last_words(complaints: IO[bytes]) -> str:
    """What a child that did not start wrote to its error output, in short."""
    complaints.seek(0)
    return complaints.read().decode("utf-8", "replace").strip()[-300:].rpartition("\n")[2]


def _make_home() -> str:
    return str(Path(tempfile.mkdtemp(prefix=f"thinkcurve-{os.getpid()}-")).resolve())


def sweep(folder: str) -> None:
    """Remove from ``folder`` what harnesses of this user left there a day ago or more; follows no link.

    The day is for harnesses in other containers that share the folder but not the process ids.
    """
    if sys.platform == "win32":  # where ``os.kill`` with 0 ends a process
        return
    with contextlib.suppress(OSError), os.scandir(folder) as found:
        for entry in found:
            name = _HOME_NAME.fullmatch(entry.name)
            if name is None or not entry.is_dir(follow_symlinks=False):
                continue
            with contextlib.suppress(OSError):
                about = entry.stat(follow_symlinks=False)
                is_old = time.time() - about.st_mtime > ABANDONED_S
                if is_old and about.st_uid == os.getuid() and not _is_running(int(name[1])):
                    _remove(entry.path)


def _is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _remove(home: str) -> None:
    """Remove a child's directory, however deep an answer dug in it."""
    with contextlib.suppress(OSError):
        scratch.empty(home)
        Path(home).rmdir()


async def _settle(task: asyncio.Future[Any]) -> bool:
    """Wait until ``task`` has ended; whether we were cancelled meanwhile, which the caller must then pass on."""
    was_cancelled = False
    while not task.done():
        try:
            await asyncio.wait([task])
        except asyncio.CancelledError:
            was_cancelled = True
    return was_cancelled


def _kill(process: asyncio.subprocess.Process) -> None:
    """Kill the group on POSIX; not by ``Process.kill``, which would reap the child before asyncio can."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        if sys.platform == "win32":
            process.kill()
        else:
            os.killpg(process.pid, signal.SIGKILL)
