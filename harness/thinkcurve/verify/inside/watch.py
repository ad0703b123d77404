"""The sandbox's eye on one task: it drains the task's pipes within limits and ends it when it must end.

It parses nothing that a task wrote. In a dialogue it hands on what the task writes as it comes, and gives the task
what the harness says.
"""

from __future__ import annotations

import contextlib
import os
import resource
import select
import signal
import time

from . import frames, scratch

RESULT_BYTES = 16 << 20  # results of a function, or one value of a dialogue; honest answers stay far below
DIALOGUE_BYTES = 64 << 20  # all values of a dialogue
STDOUT_BYTES = 8 << 20  # what a program judged by its output may print
SWALLOWED_BYTES = 64 << 20  # what one judged by its results may print
TICK_MS = 100  # how often the scratch folder is looked at


class Pipes:
    """The task's pipes, seen from the zygote: its output, its results, and (in a dialogue) what is said to it."""

    def __init__(self, out_r: int, result_r: int, say_w: int = -1) -> None:
        self.out_r, self.result_r, self.say_w = out_r, result_r, say_w

    def close(self) -> None:
        """Close them."""
        for fd in (self.out_r, self.result_r, self.say_w):
            if fd >= 0:
                os.close(fd)


class Watch:
    """Watches one task to its end."""

    def __init__(self, pid: int, pipes: Pipes, wall_s: float, *, keeps_stdout: bool) -> None:
        self.pid = pid
        self.stdout = bytearray()
        self.results = bytearray()
        self._pipes = pipes
        self._counts = {pipes.out_r: 0, pipes.result_r: 0}
        self._keeps_stdout = keeps_stdout
        self._is_dialogue = pipes.say_w >= 0
        self._to_say = bytearray()
        self._end_s = time.monotonic() + wall_s
        self._tick_s = time.monotonic() + TICK_MS / 1000
        self._ended = ""
        self._poller = select.poll()
        self._pidfd = os.pidfd_open(pid) if hasattr(os, "pidfd_open") else -1

    def to_the_end(self) -> tuple[str, int, resource.struct_rusage]:
        """How we ended it (empty when it ended by itself), its wait status and what it used."""
        status, used = self._wait()
        kill(self.pid)  # whatever it left behind in its session
        for fd in (self._pipes.out_r, self._pipes.result_r):
            os.set_blocking(fd, False)
            while not self._ended and self._drain(fd):
                pass
        self._pipes.close()
        if self._pidfd >= 0:
            os.close(self._pidfd)
        return self._ended, status, used

    def _wait(self) -> tuple[int, resource.struct_rusage]:
        self._poller.register(0, select.POLLIN if self._is_dialogue else 0)  # 0: only its hang-up
        if self._is_dialogue:
            os.set_blocking(self._pipes.say_w, False)
        for fd in (self._pipes.out_r, self._pipes.result_r, self._pidfd):
            if fd >= 0:
                self._poller.register(fd, select.POLLIN)
        while True:
            self._look()
            if self._ended:
                kill(self.pid)
            pid, status, used = os.wait4(self.pid, 0 if self._ended else os.WNOHANG)
            if pid:
                return status, used

    def _look(self) -> None:
        left_ms = (self._end_s - time.monotonic()) * 1000
        for fd, event in self._poller.poll(min(max(left_ms, 0), TICK_MS if self._pidfd >= 0 else 5)):
            if fd == 0:
                self._hear(event)
            elif fd == self._pipes.say_w:
                self._say(b"")
            elif fd in self._counts and not self._drain(fd):
                self._poller.unregister(fd)
        now_s = time.monotonic()
        if now_s >= self._end_s and not self._ended:
            self._ended = "timeout"
        if now_s >= self._tick_s and not self._ended:
            self._tick_s = now_s + TICK_MS / 1000
            if scratch.is_overfull():
                self._ended = "output_limit"

    def _hear(self, event: int) -> None:
        """A word for the task from the harness; when the harness is gone, so are we."""
        frame = frames.receive() if event & select.POLLIN else None
        if frame is None:
            kill(self.pid)
            os._exit(0)
        if "over" in frame[0]:
            self._hang_up()
        elif self._pipes.say_w >= 0:
            self._say(frame[1])

    def _hang_up(self) -> None:
        """Nothing more will be said: the task reads the end of its pipe."""
        say_w, self._pipes.say_w = self._pipes.say_w, -1
        if say_w >= 0:
            if self._to_say:
                self._poller.unregister(say_w)
            os.close(say_w)

    def _say(self, data: bytes) -> None:
        """Write what the task takes, keep the rest until it takes more."""
        self._to_say += data
        try:
            del self._to_say[: os.write(self._pipes.say_w, self._to_say)]
        except BlockingIOError:
            pass
        except BrokenPipeError:
            self._to_say.clear()
        if self._to_say:
            self._poller.register(self._pipes.say_w, select.POLLOUT)  # again is no error
        else:
            with contextlib.suppress(KeyError):
                self._poller.unregister(self._pipes.say_w)

    def _drain(self, fd: int) -> bool:
        """Read once; False at the end of the pipe or when nothing is there."""
        try:
            data = os.read(fd, 1 << 16)
        except BlockingIOError:
            return False
        self._counts[fd] += len(data)
        if fd == self._pipes.out_r:
            limit = STDOUT_BYTES if self._keeps_stdout else SWALLOWED_BYTES
            if self._keeps_stdout:
                self.stdout += data
        elif self._is_dialogue:
            limit = DIALOGUE_BYTES
            if data:
                frames.send({"part": 1}, data)
        else:
            limit = RESULT_BYTES
            self.results += data
        if self._counts[fd] > limit:
            self._ended = "output_limit"
        return bool(data)


def kill(pid: int) -> None:
    """Kill a task with its process group."""
    for how in (os.killpg, os.kill):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            how(pid, signal.SIGKILL)


def kill_strays(is_alone: bool) -> None:
    """Kill and reap whatever a task left running; ``is_alone`` where every process but this one is a task's.

    Elsewhere what it left has become a child of this process, as far as the system tells.
    """
    for _ in range(100):
        if is_alone:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(-1, signal.SIGKILL)
        else:
            for child in _children():
                kill(child)
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            return
        time.sleep(0.001)


def _children() -> list[int]:
    try:
        with open(f"/proc/self/task/{os.getpid()}/children", encoding="ascii") as file:
            return [int(word) for word in file.read().split()]
    except OSError:
        return []
