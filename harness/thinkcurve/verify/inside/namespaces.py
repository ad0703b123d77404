"""Namespaces by hand, where bubblewrap is not installed: own users, processes, network, IPC, host name and files.

The new root holds the folders that Python needs, read-only, and a small scratch folder; there is no ``/proc``.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import struct
from collections.abc import Sequence

from . import kernel

# <sched.h>, <sys/mount.h>, <linux/mount.h>
CLONE_NEWNS, CLONE_NEWUTS, CLONE_NEWIPC, CLONE_NEWUSER = 0x20000, 0x4000000, 0x8000000, 0x10000000
CLONE_NEWPID, CLONE_NEWNET = 0x20000000, 0x40000000
MS_NOSUID, MS_NODEV, MS_BIND, MS_REC, MS_PRIVATE, MNT_DETACH = 2, 4, 0x1000, 0x4000, 1 << 18, 2
MOUNT_ATTR_RDONLY, MOUNT_ATTR_NOSUID, AT_RECURSIVE, AT_FDCWD, MOUNT_SETATTR = 1, 2, 0x8000, -100, 442
PIVOT_ROOT = {"x86_64": 155, "aarch64": 41}


def enter(
    read: Sequence[str],
    links: Sequence[Sequence[str]],
    masked: Sequence[str],
    within: Sequence[str],
    scratch: str,
    options: str,
) -> None:
    """Move this process into namespaces of its own, as process 1, with ``scratch`` (a tmpfs of ``options``) as cwd.

    Of the files, ``read`` stays, less ``masked``, and of that ``within`` again. The calling process stays outside,
    waits and ends with the inner one. Raises ``OSError`` where the system forbids it.
    """
    here, uid, gid = os.getcwd(), os.getuid(), os.getgid()
    flags = CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS
    kernel.check(kernel.libc().unshare(flags), "unshare")
    _write("/proc/self/setgroups", "deny")
    _write("/proc/self/gid_map", f"{gid} {gid} 1")
    _write("/proc/self/uid_map", f"{uid} {uid} 1")
    _fork_into_pid_namespace()
    kernel.mount("none", "/", None, MS_REC | MS_PRIVATE)
    kernel.mount("tmpfs", here, "tmpfs", MS_NOSUID | MS_NODEV, "mode=755")
    for path in read:
        _bind(path, here + path)
    for target, link in links:
        with contextlib.suppress(FileExistsError):
            os.symlink(target, here + link)
    for path in masked:
        kernel.mount("tmpfs", here + path, "tmpfs", MS_NOSUID | MS_NODEV, "mode=755")
    for path in within:
        _bind(path, here + path)
    os.makedirs(here + scratch, exist_ok=True)
    attributes = struct.pack("QQQQ", MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID, 0, 0, 0)
    kernel.check(
        kernel.libc().syscall(
            MOUNT_SETATTR, AT_FDCWD, here.encode(), AT_RECURSIVE, attributes, ctypes.c_size_t(len(attributes))
        ),
        "mount_setattr",
    )
    kernel.mount("tmpfs", here + scratch, "tmpfs", MS_NOSUID | MS_NODEV, options)
    os.chdir(here)
    kernel.check(kernel.libc().syscall(PIVOT_ROOT[kernel.machine()], b".", b"."), "pivot_root")
    kernel.check(kernel.libc().umount2(b".", MNT_DETACH), "umount2")
    os.chdir(scratch)


def _fork_into_pid_namespace() -> None:
    """Only a child is inside a new process namespace: go on as that child; the parent waits for it."""
    pid = os.fork()
    if pid == 0:
        kernel.prctl(kernel.PR_SET_PDEATHSIG, signal.SIGKILL)
        return
    for fd in (0, 1, 2):
        os.close(fd)
    _, status = os.waitpid(pid, 0)
    os._exit(os.waitstatus_to_exitcode(status) & 255)


def _bind(source: str, target: str) -> None:
    if os.path.isdir(source):
        os.makedirs(target, exist_ok=True)
    elif os.path.exists(source):
        os.makedirs(os.path.dirname(target), exist_ok=True)
        os.close(os.open(target, os.O_CREAT, 0o600))
    else:
        return
    kernel.mount(source, target, None, MS_BIND | MS_REC)


def _write(path: str, text: str) -> None:
    with open(path, "w", encoding="ascii") as file:
        file.write(text)
