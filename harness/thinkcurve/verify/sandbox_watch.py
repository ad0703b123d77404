"""The sandbox's eye on one task: it drains the task's pipes within limits and ends it when it must end.

Standard library only; used inside the sandbox process alone. It parses nothing that a task wrote.
"""

from __future__ import annotations

import contextlib
import os
import resource
import select
import signal
import time

RESULT_BYTES = 4 << 20  # results of a function; honest answers stay far below
STDOUT_BYTES = 8 << 20  # what a program judged by its output may print
SWALLOWED_BYTES = 64 << 20  # what one judged by its results may print


class Watch:
    """The zygote's eye on one task: drains its pipes within limits and ends it when it must end."""

    def __init__(self, pid: int, out_r: int, result_r: int, wall_s: float, keeps_stdout: bool) -> None:
        self.pid = pid
        self.stdout = bytearray()
        self.results = bytearray()
        self._printed = 0
        self._keeps_stdout = keeps_stdout
        self._stdout_bytes = STDOUT_BYTES if keeps_stdout else SWALLOWED_BYTES
        self._out_r, self._result_r = out_r, result_r
        self._end_s = time.monotonic() + wall_s
        self._ended = ""
        self._pidfd = os.pidfd_open(pid) if hasattr(os, "pidfd_open") else -1

    def to_the_end(self) -> tuple[str, int, resource.struct_rusage]:
        """How we ended it (empty when it ended by itself), its wait status and what it used."""
        status, used = self._wait()
        _kill(self.pid)  # whatever it left behind in its session
        for fd in (self._out_r, self._result_r):
            os.set_blocking(fd, False)
            while not self._ended and self._drain(fd):
                pass
        for fd in (self._out_r, self._result_r, self._pidfd):
            if fd >= 0:
                os.close(fd)
        return self._ended, status, used

    def _wait(self) -> tuple[int, resource.struct_rusage]:
        poller = select.poll()
        poller.register(0, 0)  # only its hang-up
        for fd in (self._out_r, self._result_r, self._pidfd):
            if fd >= 0:
                poller.register(fd, select.POLLIN)
        while True:
            self._look(poller)
            if self._ended:
                _kill(self.pid)
            pid, status, used = os.wait4(self.pid, 0 if self._ended else os.WNOHANG)
            if pid:
                return status, used

    def _look(self, poller: select.poll) -> None:
        left_ms = (self._end_s - time.monotonic()) * 1000
        for fd, _ in poller.poll(min(max(left_ms, 0), 1000 if self._pidfd >= 0 else 5)):
            if fd == 0:
                _kill(self.pid)
                os._exit(0)
            if fd != self._pidfd and not self._drain(fd):
                poller.unregister(fd)
        if time.monotonic() >= self._end_s and not self._ended:
            self._ended = "timeout"

    def _drain(self, fd: int) -> bool:
        """Read once; False at the end of the pipe or when nothing is there."""
        try:
            data = os.read(fd, 1 << 16)
        except BlockingIOError:
            return False
        if fd == self._result_r:
            self.results += data
        else:
            self._printed += len(data)
            if self._keeps_stdout:
                self.stdout += data
        if len(self.results) > RESULT_BYTES or self._printed > self._stdout_bytes:
            self._ended = "output_limit"
        return bool(data)


def _kill(pid: int) -> None:
    for kill in (os.killpg, os.kill):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            kill(pid, signal.SIGKILL)
