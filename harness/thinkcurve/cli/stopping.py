"""SIGTERM, which schedulers send before they kill (Slurm, Kubernetes, systemd): the same orderly end as Ctrl-C.

What was graded is safe in the journal, one line says how to go on, and the exit code is what a shell makes of the
signal. Nothing waits for what is in flight; a second signal ends the process where it stands.
"""

from __future__ import annotations

import signal
import threading
from types import FrameType

INTERRUPTED, TERMINATED = 130, 143
_has_come = False


def listen() -> None:
    """From here on SIGTERM interrupts as Ctrl-C does. To be called again after a library that takes it for itself."""
    global _has_come
    _has_come = False
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
