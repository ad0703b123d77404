"""SIGTERM, which schedulers send before they kill (Slurm, Kubernetes, systemd): the same orderly end as Ctrl-C.

What was graded is safe in the journal, one line says how to go on, and the exit code is what a shell makes of the
signal. Nothing waits for what is in flight; a second signal ends the process where it stands. What hangs all the same,
in an engine or a cluster whose head is gone, is not waited for either: `in_time`.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from types import FrameType

from thinkcurve.cli.voice import say

INTERRUPTED, TERMINATED = 130, 143
GRACE_S = 20.0
"""So long an orderly end may take: Slurm (KillWait) and Kubernetes kill 30 s after SIGTERM."""
_CODES = {int(signal.SIGINT): INTERRUPTED, int(signal.SIGTERM): TERMINATED}
WORDS_S = 1.0
"""So long last words may take: nobody may be reading them."""
_has_come = False
_is_ours = False


def listen() -> None:
    """From here on SIGTERM interrupts as Ctrl-C does, and the process is ours to end."""
    global _has_come, _is_ours
    _has_come, _is_ours = False, True
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, _interrupt)


def exit_code() -> int:
    """That of a command that was interrupted: by whom."""
    return TERMINATED if _has_come else INTERRUPTED


def _interrupt(_: int, frame: FrameType | None) -> None:
    """Do what Ctrl-C does, also where a shell had that ignored (``command &`` in a script)."""
    global _has_come
    _has_come = True
    handler = signal.getsignal(signal.SIGINT)
    if callable(handler):
        handler(signal.SIGINT, frame)
    else:
        raise KeyboardInterrupt


@contextlib.contextmanager
def in_time(last_words: Callable[[], str]) -> Iterator[None]:
    """Within it, a signal ends the process after `GRACE_S` at most, with a line and ``last_words``.

    Only of a process that `listen` was called in: a command that a notebook calls does not end that. A thread hears of
    the signal from the interpreter itself (`signal.set_wakeup_fd`): Python's own handlers wait for as long as the main
    thread is in C code. Once heard it is not taken back by leaving: what runs at exit may hang too. On Windows it hears
    nothing while an event loop runs, which takes that for itself.
    """
    if not _is_ours or threading.current_thread() is not threading.main_thread():
        yield
        return
    ear, mouth = socket.socketpair()
    mouth.setblocking(False)
    threading.Thread(target=_end_in_time, args=(ear, last_words), name="stopping", daemon=True).start()
    before = signal.set_wakeup_fd(mouth.fileno(), warn_on_full_buffer=False)
    try:
        yield
    finally:
        signal.set_wakeup_fd(before)
        mouth.close()


def _end_in_time(ear: socket.socket, last_words: Callable[[], str]) -> None:
    while not (heard := ear.recv(1)) or heard[0] not in _CODES:
        if not heard:  # it was left, and no signal came
            ear.close()
            return
    time.sleep(GRACE_S)
    words = threading.Thread(target=_say_last, args=(last_words,), daemon=True)
    words.start()
    words.join(WORDS_S)
    os._exit(_CODES[heard[0]])


def _say_last(words: Callable[[], str]) -> None:
    with contextlib.suppress(Exception):  # whoever read them is gone, or so is the disk that they are about
        say(f"\nStopped after {GRACE_S:g} s in which something did not end. {words()}")


if hasattr(os, "register_at_fork"):  # a signal to a process that was forked from this one is none to this one
    os.register_at_fork(after_in_child=lambda: signal.set_wakeup_fd(-1))
