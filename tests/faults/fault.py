"""A fault, and the two that are the same wherever they strike: a full disk and a sudden end."""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import time

import msgspec


class Fault(msgspec.Struct, frozen=True):
    """What happens, at which passing of which point (from 1), in which variant."""

    kind: str
    point: str
    nth: int
    how: str = ""
    seed: int = 0


def full() -> OSError:
    """What a full disk says."""
    return OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def die() -> None:
    """At once, as ``kill -9``, the out-of-memory killer and a loss of power do it."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(60)
