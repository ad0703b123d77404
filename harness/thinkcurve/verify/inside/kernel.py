"""The few Linux system calls that Python 3.11 does not offer, through ``ctypes``; each raises ``OSError``."""

from __future__ import annotations

import ctypes
import functools
import os
import platform
import struct
import sys

IS_LINUX = sys.platform == "linux"

# <linux/prctl.h>
PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_SET_SECCOMP, PR_SET_CHILD_SUBREAPER, PR_SET_NO_NEW_PRIVS = 1, 4, 22, 36, 38
M_ARENA_MAX = -8  # <malloc.h>
_CAPABILITY_VERSION_3 = 0x20080522  # <linux/capability.h>


@functools.cache
def libc() -> ctypes.CDLL:
    """The C library, with ``errno`` kept."""
    return ctypes.CDLL(None, use_errno=True)


def check(result: int, what: str) -> int:
    """``result``, or an ``OSError`` about ``what`` where it is negative."""
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
    return result


def prctl(option: int, *arguments: object) -> None:
    """``prctl(2)``."""
    rest = [ctypes.c_ulong(a) if isinstance(a, int) else a for a in arguments]
    rest += [ctypes.c_ulong(0)] * (4 - len(rest))
    check(libc().prctl(option, *rest), f"prctl {option}")


def drop_capabilities() -> None:
    """Give every capability up; in a task of root this is what leaves it with no power over others' files."""
    header, data = struct.pack("Ii", _CAPABILITY_VERSION_3, 0), bytes(24)
    check(libc().capset(header, data), "capset")


def mount(source: str, target: str, kind: str | None, flags: int, options: str | None = None) -> None:
    """``mount(2)``."""
    text = [None if word is None else word.encode() for word in (source, target, kind, options)]
    check(libc().mount(text[0], text[1], text[2], ctypes.c_ulong(flags), text[3]), f"mount {target}")


def one_arena() -> None:
    """Keep glibc from reserving 64 MB of addresses for each thread, which would count against the memory limit."""
    if IS_LINUX and hasattr(libc(), "mallopt"):
        libc().mallopt(M_ARENA_MAX, 1)


def machine() -> str:
    """The machine's name for a table of system calls, empty for a 32-bit interpreter."""
    return platform.machine() if sys.maxsize > 1 << 32 else ""
