"""A process that has imported everything and forks a `thinkcurve` command for each case: a twentieth of its start.

Nothing runs in it but that: what has to be tried out to know what a run imports is tried in a fork, so that there is
one thread, and no state of an earlier run, when a case begins.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import resource
import select
import signal
import sys
import time
import traceback
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from fault import Fault
from injector import Injector

LIMIT_S = 60.0
"""A command that has not ended by then hangs."""


class Ended:
    """How a command ended: its exit code (minus the signal where one ended it), what it said, and CPU seconds."""

    def __init__(self, code: int, said: str, cpu_s: float, *, is_late: bool, has_struck: bool) -> None:
        self.code = code
        self.said = said
        self.cpu_s = cpu_s
        self.is_late = is_late
        self.has_struck = has_struck

    @property
    def last_line(self) -> str:
        """The last that it said."""
        return self.said.strip().rpartition("\n")[2]


class Command:
    """A `thinkcurve` command in a fork, from its start to its end."""

    def __init__(self, words: Sequence[str], run: Path, fault: Fault | None, *, segment_bytes: int, told: Path) -> None:
        self._said = os.pipe()
        self._struck = os.pipe()
        self._words: list[bytes] = []
        self.has_struck = False
        self.pid = os.fork()
        if self.pid == 0:
            _become(words, run, fault, self._said[1], self._struck[1], segment_bytes, told)
        os.close(self._said[1])
        os.close(self._struck[1])
        self._fd = os.pidfd_open(self.pid)

    def wait_struck(self, limit_s: float = LIMIT_S) -> bool:
        """Wait until the fault has happened, or the command has ended; whether it has happened."""
        end_s = time.monotonic() + limit_s
        while not self.has_struck and time.monotonic() < end_s:
            ready = self._hear(max(0.0, end_s - time.monotonic()), self._struck[0])
            if self._struck[0] in ready:
                self.has_struck = os.read(self._struck[0], 1) != b""
                break
            if self._fd in ready:
                break
        return self.has_struck

    def wait(self, limit_s: float = LIMIT_S) -> Ended:
        """Wait until it has ended; one that is late is killed."""
        end_s = time.monotonic() + limit_s
        is_late = False
        while self._fd not in self._hear(max(0.0, end_s - time.monotonic())):
            if time.monotonic() >= end_s:
                is_late = True
                self.send(signal.SIGCONT)
                self.send(signal.SIGKILL)
                end_s = time.monotonic() + LIMIT_S
        _, status, used = os.wait4(self.pid, 0)
        while self._said[0] in self._hear(0, is_alive=False) and self._read():
            pass
        os.set_blocking(self._struck[0], False)
        with contextlib.suppress(BlockingIOError):
            self.has_struck = self.has_struck or os.read(self._struck[0], 1) != b""
        for fd in (self._said[0], self._struck[0], self._fd):
            os.close(fd)
        said = b"".join(self._words).decode("utf-8", "replace")
        cpu_s = used.ru_utime + used.ru_stime
        code = os.waitstatus_to_exitcode(status)
        return Ended(code, said, cpu_s, is_late=is_late, has_struck=self.has_struck)

    def send(self, what: signal.Signals) -> None:
        """Send it a signal; where it has ended nothing happens."""
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._fd, what)

    def _hear(self, limit_s: float, *more: int, is_alive: bool = True) -> list[int]:
        """What there is to be read of its words, its end and ``more``; its words are taken."""
        watched = [self._said[0], *more, *([self._fd] if is_alive else [])]
        ready = select.select(watched, [], [], limit_s)[0]
        if is_alive and self._said[0] in ready and not self._read():
            ready = select.select(watched[1:], [], [], limit_s)[0]
        return ready

    def _read(self) -> bool:
        piece = os.read(self._said[0], 1 << 16)
        self._words.append(piece)
        return piece != b""


def _become(
    words: Sequence[str], run: Path, fault: Fault | None, said: int, struck: int, segment_bytes: int, told: Path
) -> None:
    """In the fork: be the command, with its fault. Never returns."""
    code = 70
    try:
        os.setsid()
        for stream in (1, 2):
            os.dup2(said, stream)
        sys.stdout, sys.stderr = (open(stream, "w", closefd=False) for stream in (1, 2))  # noqa: SIM115
        signal.signal(signal.SIGINT, signal.default_int_handler)
        injector = Injector(run, fault, struck)
        injector.install(segment_bytes=segment_bytes)
        sys.argv = ["thinkcurve", *words]
        from thinkcurve.cli.main import main

        try:
            main()
        except SystemExit as left:
            code = left.code if isinstance(left.code, int) else 0
        if fault is None and told.name:
            told.write_text(json.dumps(injector.passed))
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def warm_up(words: Sequence[str], folder: Path) -> None:
    """Import what a run imports, and put together once what every figure holds."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    made = folder / "modules.json"
    pid = os.fork()
    if pid == 0:
        _try_out(words, made, folder / "bundle.js")
    os.waitpid(pid, 0)
    for name in json.loads(made.read_text()):
        if name not in sys.modules and not name.startswith("__"):
            with contextlib.suppress(Exception):  # what is no module of its own, such as six.moves
                importlib.import_module(name)
    from thinkcurve.report import write

    bundle = (folder / "bundle.js").read_text()
    write._bundle = lambda: bundle


def _try_out(words: Sequence[str], made: Path, bundle: Path) -> None:
    """In the fork: carry a command out, and leave behind what it took."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    sys.argv = ["thinkcurve", *words]
    from thinkcurve.cli.main import main

    with contextlib.suppress(SystemExit):
        main()
    from thinkcurve.report import write

    bundle.write_text(write._bundle())
    made.write_text(json.dumps(list(sys.modules)))
    os._exit(0)


def n_threads() -> int:
    """Threads of this process: a fork of more than one is no copy."""
    return len([*Path("/proc/self/task").iterdir()])


def points_of(told: Path) -> Counter[str]:
    """How often an undisturbed command passed each point."""
    return Counter(json.loads(told.read_text()))
