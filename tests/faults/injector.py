"""Faults inside a process: every write into a run's directory and every await is a point, counted as it is passed, and
at one passing of one point a fault happens.

Points are named by what is done and to which file: ``write journal``, ``replace table``, ``fsync segment``. ``await``
is any step of the event loop; ``generate``, ``generate end``, ``judge``, ``judge end`` and ``ask`` (a verification
worker) are awaits where something comes from outside.
"""

from __future__ import annotations

import asyncio
import builtins
import datetime
import io
import os
import random
import resource
import signal
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from fault import Fault, die, full

SMALL_SEGMENT_BYTES = 6_000
WORKER_WALL_S = 1.0
"""How long a verification worker that hangs is waited for here."""
SLOW_S, SLOW_TIMES = 0.04, 25
ROLES = {
    "journal.jsonl": "journal",
    "manifest.json": "manifest",
    "problems.parquet": "problems",
    "attempts.parquet": "table",
    "traces.parquet": "table",
    "failures.parquet": "table",
    "curve.html": "figure",
}
TOLD = b"!"


class Injector:
    """Counts points in this process, and lets ``fault`` happen; ``told`` is a pipe that is told when it does."""

    def __init__(self, run: Path, fault: Fault | None = None, told: int = -1) -> None:
        self.passed: Counter[str] = Counter()
        self._run = run.resolve()
        self._fault = fault
        self._told = told
        self._random = random.Random(fault.seed if fault else 0)
        self._is_full = False
        self._is_reordering = False
        self._n_slow = 0
        self._to_kill = 0
        self._offset_s = 0.0
        self._synced: dict[int, int] = {}
        """Bytes of a file that no loss of power takes, by inode."""
        self._real: dict[str, Callable[..., Any]] = {}

    def install(self, *, segment_bytes: int = 0) -> None:
        """Put the points into this process, for good."""
        self._wrap_disk()
        self._wrap_tables()
        self._wrap_awaits()
        if segment_bytes:
            from thinkcurve.store import Journal

            defaults = Journal.__init__.__kwdefaults__
            assert defaults is not None
            defaults["segment_bytes"] = segment_bytes

    # Points ------------------------------------------------------------------------------------------------

    def _now(self, point: str) -> Fault | None:
        """Pass a point: the fault where this is its moment, told already."""
        self.passed[point] += 1
        fault = self._fault
        if fault is None or fault.point != point or fault.nth != self.passed[point]:
            return None
        if self._told >= 0:
            self._write(self._told, TOLD)
        return fault

    def _strike(self, fault: Fault | None) -> None:
        """What can happen at any point."""
        if fault is None:
            return
        match fault.kind:
            case "kill":
                die()
            case "out-of-memory kill" if fault.how == "main":
                die()
            case "SIGTERM" | "Ctrl-C":
                signal.raise_signal(signal.SIGTERM if fault.kind == "SIGTERM" else signal.SIGINT)
            case "two processes":
                os.kill(os.getpid(), signal.SIGSTOP)
            case "clock jump":
                self._jump(fault.how)
            case "slow disk":
                self._n_slow = SLOW_TIMES
            case "reordering":
                self._is_reordering = True
            case "disk full" if fault.how == "limit":
                most = self._random.randrange(20_000)
                resource.setrlimit(resource.RLIMIT_FSIZE, (most, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))
            case "hang" if not fault.point.startswith(("generate", "ask")):
                time.sleep(3600)

    def _jump(self, how: str) -> None:
        away_s = self._random.uniform(60, 400 * 86_400)
        self._offset_s = {"ahead": away_s, "back": -away_s, "1970": -time.time()}[how]

    # The disk ----------------------------------------------------------------------------------------------

    def _role(self, path: object) -> str | None:
        """Which file of the run it is; ``None`` for one elsewhere."""
        try:
            name = Path(f"/proc/self/fd/{path}").readlink() if isinstance(path, int) else Path.cwd() / path  # type: ignore[operator]
        except (OSError, TypeError):
            return None
        if name == self._run:
            return "folder"
        if self._run not in name.parents:
            return None
        part = name.relative_to(self._run).parts[0]
        if part == "journal":
            return "segment"
        plain = part.lstrip(".")
        return next((role for known, role in ROLES.items() if plain == known or plain.startswith(known + ".")), "other")

    def _wrap_disk(self) -> None:
        self._write = os.write
        for name in ("write", "fsync", "ftruncate", "replace", "unlink", "mkdir", "open"):
            self._real[name] = getattr(os, name)
            setattr(os, name, getattr(self, f"_os_{name}"))
        os.rename = self._rename(os.rename)  # type: ignore[assignment]
        self._real["io"] = io.open
        io.open = builtins.open = self._io_open  # type: ignore[assignment]

    def _touch(self, what: str, role: str | None, *, needs_room: bool = True) -> Fault | None:
        """Pass a point of the disk: what may happen to it happens, but for what only its caller can do."""
        if role is None:
            return None
        fault = self._now(f"{what} {role}")
        self._strike(fault)
        if self._n_slow:
            self._n_slow -= 1
            time.sleep(self._random.uniform(SLOW_S / 2, SLOW_S))
        if fault is not None and fault.kind == "disk full" and fault.how in ("once", "for good"):
            self._is_full = fault.how == "for good"
            raise full()
        if self._is_full and needs_room:
            raise full()
        return fault

    def _os_write(self, fd: int, data: Any) -> int:
        role = self._role(fd)
        fault = self._touch("write", role)
        if fault is not None and fault.kind in ("torn write", "disk full"):
            part = bytes(data)[: self._random.randrange(len(data) + 1)]
            if fault.kind == "torn write":
                self._real["write"](fd, part)
                if fault.how == "lost":
                    self._lose(fd)
                die()
            if fault.how == "part":
                self._is_full = True
                return int(self._real["write"](fd, part))
        return int(self._real["write"](fd, data))

    def _lose(self, fd: int) -> None:
        """A loss of power: of what was written since the last fsync a part is gone, or there as zeros."""
        about = os.fstat(fd)
        kept = self._random.randint(min(self._synced.get(about.st_ino, 0), about.st_size), about.st_size)
        self._real["ftruncate"](fd, kept)
        if self._random.random() < 0.5:
            self._real["write"](fd, bytes(self._random.randrange(1, 4096)))

    def _os_fsync(self, fd: int) -> None:
        self._touch("fsync", self._role(fd))
        self._real["fsync"](fd)
        about = os.fstat(fd)
        self._synced[about.st_ino] = about.st_size

    def _os_ftruncate(self, fd: int, size: int) -> None:
        self._touch("ftruncate", self._role(fd), needs_room=False)
        self._real["ftruncate"](fd, size)

    def _os_replace(self, source: Any, target: Any, **of: Any) -> None:
        fault = self._touch("replace", self._role(target))
        if fault is not None and fault.kind == "torn write":
            about = Path(source).stat()
            is_safe = self._synced.get(about.st_ino) == about.st_size
            torn = target if fault.how == "lost" else source
            if fault.how == "lost":
                self._real["replace"](source, target)
            if fault.how != "lost" or not is_safe:
                os.truncate(torn, self._random.randrange(about.st_size + 1))
            die()
        self._real["replace"](source, target, **of)

    def _rename(self, real: Callable[..., None]) -> Callable[..., None]:
        def rename(source: Any, target: Any, **of: Any) -> None:
            self._touch("rename", self._role(target))
            real(source, target, **of)

        return rename

    def _os_unlink(self, path: Any, **of: Any) -> None:
        self._touch("unlink", self._role(path), needs_room=False)
        self._real["unlink"](path, **of)

    def _os_mkdir(self, path: Any, *mode: int, **of: Any) -> None:
        self._touch("mkdir", self._role(path))
        self._real["mkdir"](path, *mode, **of)

    def _os_open(self, path: Any, flags: int, *mode: int, **of: Any) -> int:
        if flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
            self._touch("open", self._role(path))
        return int(self._real["open"](path, flags, *mode, **of))

    def _io_open(self, file: Any, mode: str = "r", *rest: Any, **of: Any) -> Any:
        if set(mode) & set("wax+"):
            self._touch("open", self._role(file))
        return self._real["io"](file, mode, *rest, **of)

    def _wrap_tables(self) -> None:
        """Files that pyarrow writes by itself."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        real_init, real_write, real_close = (
            pq.ParquetWriter.__init__,
            pq.ParquetWriter.write_table,
            pq.ParquetWriter.close,
        )
        real_stream = pa.CompressedOutputStream

        def init(writer: Any, where: Any, *rest: Any, **of: Any) -> None:
            writer.fault_role = self._role(where)
            self._touch("open", writer.fault_role)
            real_init(writer, where, *rest, **of)

        def write(writer: Any, *rest: Any, **of: Any) -> None:
            self._touch("rows", writer.fault_role)
            real_write(writer, *rest, **of)

        def close(writer: Any) -> None:
            if writer.is_open:
                self._touch("close", writer.fault_role)
            real_close(writer)

        def stream(where: Any, *rest: Any, **of: Any) -> Any:
            self._touch("open", self._role(where))
            return real_stream(where, *rest, **of)

        pq.ParquetWriter.__init__, pq.ParquetWriter.write_table, pq.ParquetWriter.close = init, write, close
        pa.CompressedOutputStream = stream

    # Awaits ------------------------------------------------------------------------------------------------

    def _wrap_awaits(self) -> None:
        self._wrap_steps()
        self._wrap_clock()
        self._wrap_generate()
        self._wrap_judge()
        self._wrap_workers()
        self._wrap_append()

    def _wrap_steps(self) -> None:
        real = asyncio.events.Handle._run

        def step(handle: asyncio.events.Handle) -> None:
            self._strike(self._now("await"))
            real(handle)

        asyncio.events.Handle._run = step  # type: ignore[method-assign]

    def _wrap_clock(self) -> None:
        real, real_ns, injector = time.time, time.time_ns, self

        class Shifted(datetime.datetime):
            @classmethod
            def now(cls, tz: Any = None) -> datetime.datetime:  # type: ignore[override]
                return datetime.datetime.fromtimestamp(real() + injector._offset_s, tz)

        time.time = lambda: real() + self._offset_s
        time.time_ns = lambda: real_ns() + int(self._offset_s * 1e9)
        datetime.datetime = Shifted  # type: ignore[misc]

    def _wrap_generate(self) -> None:
        from thinkcurve_backends.synthetic import Synthetic

        real = Synthetic.generate

        async def generate(backend: Any, request: Any) -> Any:
            fault = self._now("generate")
            self._strike(fault)
            if fault is not None:
                await self._fail(fault)
                if fault.kind == "duplicate delivery":
                    await real(backend, request)
            await self._delay()
            found = await real(backend, request)
            self._strike(self._now("generate end"))
            return found

        Synthetic.generate = generate  # type: ignore[method-assign]

    async def _fail(self, fault: Fault) -> None:
        """A backend that says no, breaks, or says nothing."""
        from thinkcurve.errors import BackendError

        if fault.kind == "hang":
            await asyncio.Event().wait()
        if fault.kind != "backend exception":
            return
        if fault.how == "bug":
            raise RuntimeError("a bug in a backend")
        if fault.how == "memory":
            raise MemoryError
        said = {
            "busy": {"is_retryable": True, "is_busy": True, "retry_after_s": 0.01},
            "retryable": {"is_retryable": True},
            "refused": {},
            "fatal": {"is_fatal": True},
        }
        raise BackendError(f"the backend said {fault.how}", **said[fault.how])  # type: ignore[arg-type]

    async def _delay(self) -> None:
        if self._is_reordering:
            await asyncio.sleep(self._random.uniform(0, 0.02))

    def _wrap_judge(self) -> None:
        from thinkcurve.verify.judge import Judge

        real = Judge.judge

        async def judge(judge: Any, reference: Any, answer: str) -> Any:
            self._strike(self._now("judge"))
            await self._delay()
            found = await real(judge, reference, answer)
            self._strike(self._now("judge end"))
            return found

        Judge.judge = judge  # type: ignore[method-assign]

    def _wrap_workers(self) -> None:
        from thinkcurve.verify.process import Child

        real = Child.ask

        async def ask(child: Any, request: bytes, wall_s: float) -> Any:
            fault = self._now("ask")
            self._strike(fault)
            if fault is not None and fault.kind == "out-of-memory kill":
                self._to_kill = 2 if fault.how == "worker twice" else 1
            if self._to_kill:
                self._to_kill -= 1
                os.killpg(child.pid, signal.SIGKILL)
            if fault is not None and fault.kind == "hang":
                os.killpg(child.pid, signal.SIGSTOP)
                wall_s = WORKER_WALL_S
            return await real(child, request, wall_s)

        Child.ask = ask  # type: ignore[method-assign]

    def _wrap_append(self) -> None:
        from thinkcurve.store import Journal

        real = Journal.append

        def append(journal: Any, event: Any, now_s: float) -> None:
            fault = self._now("event")
            self._strike(fault)
            real(journal, event, now_s)
            if fault is not None and fault.kind == "duplicate delivery":
                real(journal, event, now_s)

        Journal.append = append  # type: ignore[method-assign]
