"""Landlock: a process gives up all files but a list, all TCP, and signals and abstract sockets to others.

Needs no privilege; Linux 5.13 and later (https://docs.kernel.org/userspace-api/landlock.html). What the running
kernel's version does not know yet is left out, and left to ``seccomp``: truncating by name, modes, owners and times.
"""

from __future__ import annotations

import ctypes
import os
import stat
import struct
from collections.abc import Iterable

from . import kernel

CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446  # the same on every machine
RULE_PATH_BENEATH = 1
EXECUTE, WRITE_FILE, READ_FILE, READ_DIR, TRUNCATE = 1 << 0, 1 << 1, 1 << 2, 1 << 3, 1 << 14
_FIRST = (1 << 13) - 1  # everything that version 1 knew
_REFER, _IOCTL_DEV = 1 << 13, 1 << 15
NET_ALL, SCOPE_ALL = 0b11, 0b11  # bind and connect TCP; abstract Unix sockets and signals
READ = READ_FILE | READ_DIR
_ON_FILES = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE | _IOCTL_DEV  # what a rule on a single file may hold


def version() -> int:
    """The kernel's Landlock version; raises ``OSError`` where there is none."""
    return kernel.check(kernel.libc().syscall(CREATE_RULESET, None, ctypes.c_size_t(0), 1), "landlock")


def enforce(read: Iterable[str], write: Iterable[str]) -> None:
    """From now on nothing but ``read`` can be read and nothing but ``write`` written, by this process and its forks.

    Paths that do not exist are passed over. ``no_new_privs`` must be set.
    """
    known = version()
    handled = _FIRST
    for since, right in ((2, _REFER), (3, TRUNCATE), (5, _IOCTL_DEV)):
        handled |= right if known >= since else 0
    attributes = struct.pack("=QQQ", handled, NET_ALL if known >= 4 else 0, SCOPE_ALL if known >= 6 else 0)
    size = 24 if known >= 6 else 16 if known >= 4 else 8
    fd = kernel.check(
        kernel.libc().syscall(CREATE_RULESET, attributes, ctypes.c_size_t(size), 0), "landlock_create_ruleset"
    )
    try:
        for path in read:
            _allow(fd, path, handled & READ)
        for path in write:
            _allow(fd, path, handled & ~EXECUTE)
        kernel.check(kernel.libc().syscall(RESTRICT_SELF, fd, 0), "landlock_restrict_self")
    finally:
        os.close(fd)


def _allow(ruleset: int, path: str, rights: int) -> None:
    try:
        fd = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return
    try:
        if not stat.S_ISDIR(os.fstat(fd).st_mode):
            rights &= _ON_FILES
        rule = struct.pack("=Qi", rights, fd)
        kernel.check(kernel.libc().syscall(ADD_RULE, ruleset, RULE_PATH_BENEATH, rule, 0), f"landlock rule for {path}")
    finally:
        os.close(fd)
