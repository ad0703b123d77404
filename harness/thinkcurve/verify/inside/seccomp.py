"""A seccomp filter for one task: threads yes; processes, programs, sockets, mounts and signals to others no."""

from __future__ import annotations

import ctypes
import functools
import os
import struct
from typing import NamedTuple

from . import kernel

ALLOW, DENY, NO_SUCH, KILL = 0x7FFF0000, 0x50000 | 1, 0x50000 | 38, 0x80000000  # EPERM = 1, ENOSYS = 38
PRETEND = 0x50000  # "it was done", and nothing was: programs that copy a file also copy its times
ANY_PID = 0x5EA1ED5E  # stands for a process id, and for nothing else in a filter
CLONE_THREAD = 0x10000
CLONE3 = 435
F_SETOWN, F_SETSIG, F_SETOWN_EX = 8, 10, 15  # <fcntl.h>: whom a descriptor signals when it becomes ready
FIOSETOWN, SIOCSPGRP, TIOCSTI, FIOASYNC = 0x8901, 0x8902, 0x5412, 0x5452  # <asm/sockios.h>, <asm/ioctls.h>
SOCK_STREAM, SOCK_TYPE_MASK = 1, 0xF  # <bits/socket_type.h>, <linux/net.h>


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(word) for word in text.split())


class _Table(NamedTuple):
    """One machine's system call numbers."""

    audit: int
    clone: int
    prlimit: int
    prctl: int
    fcntl: int
    ioctl: int
    socketpair: int
    own_pid_only: tuple[int, ...]  # kill, tkill, tgkill: allowed towards oneself
    denied: tuple[int, ...]
    truncate: int
    pretended: tuple[int, ...]


# System call numbers: arch/x86/entry/syscalls/syscall_64.tbl and include/uapi/asm-generic/unistd.h, Linux 6.12.
# Denied, in order: (fork vfork) execve execveat socket ptrace rt_sigqueueinfo rt_tgsigqueueinfo process_vm_readv
# process_vm_writev bpf mount umount2 pivot_root chroot setns unshare keyctl add_key request_key userfaultfd
# perf_event_open open_by_handle_at shmget semget msgget memfd_create mq_open syslog personality kcmp
# sched_setscheduler sched_setattr sched_setparam sched_setaffinity setpriority ioprio_set migrate_pages move_pages
# mq_unlink connect bind listen (inotify_init) inotify_init1 inotify_add_watch fanotify_init fanotify_mark
# shmat shmctl shmdt semop semctl semtimedop msgsnd msgrcv msgctl.
# Pretended, where the files are the user's own and only Landlock guards them, which does not know these:
# (chmod) fchmod (chown lchown) fchown (utime utimes futimesat) utimensat fchmodat fchownat setxattr lsetxattr fsetxattr
# removexattr lremovexattr fremovexattr fchmodat2 setxattrat removexattrat.
_TABLES = {
    "x86_64": _Table(
        audit=0xC000003E,
        clone=56,
        prlimit=302,
        prctl=157,
        fcntl=72,
        ioctl=16,
        socketpair=53,
        own_pid_only=(62, 200, 234),
        denied=_numbers(
            "57 58 59 322 41 101 129 297 310 311 321 165 166 155 161 308 272 250 248 249 323 298 304 29 64 68 "
            "319 240 103 135 312 144 314 142 203 141 251 256 279 241 42 49 50 253 294 254 300 301 "
            "30 31 67 65 66 220 69 70 71"
        ),
        truncate=76,
        pretended=_numbers("90 91 92 94 93 132 235 261 280 268 260 188 189 190 197 198 199 452 463 466"),
    ),
    "aarch64": _Table(
        audit=0xC00000B7,
        clone=220,
        prlimit=261,
        prctl=167,
        fcntl=25,
        ioctl=29,
        socketpair=199,
        own_pid_only=(129, 130, 131),
        denied=_numbers(
            "221 281 198 117 138 240 270 271 280 40 39 41 51 268 97 219 217 218 282 241 265 194 190 186 "
            "279 180 116 92 272 119 274 118 122 140 30 238 239 181 203 200 201 26 27 262 263 "
            "196 195 197 193 191 192 189 188 187"
        ),
        truncate=45,
        pretended=_numbers("52 55 88 53 54 5 6 7 14 15 16 452 463 466"),
    ),
}
# The same everywhere: pidfd_send_signal, io_uring (3), open_tree to fspick (6), pidfd_getfd, mount_setattr,
# memfd_secret, process_madvise.
_EVERYWHERE = (424, 425, 426, 427, 428, 429, 430, 431, 432, 433, 438, 442, 447, 440)


class _Program(ctypes.Structure):
    """``struct sock_fprog`` of <linux/filter.h>."""

    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_void_p))


def is_known() -> bool:
    """Whether this machine's system calls are in the table."""
    return kernel.IS_LINUX and kernel.machine() in _TABLES


def prepare(*, keeps_modes: bool) -> None:
    """Write the filter once, so that each task only fills its process id in (half a millisecond)."""
    _any_pid(kernel.machine(), keeps_modes)


@functools.cache
def _any_pid(machine: str, keeps_modes: bool) -> bytes:
    return program(machine, ANY_PID, keeps_modes=keeps_modes)


def enforce(*, keeps_modes: bool) -> None:
    """Filter this process from now on. Raises ``OSError`` where the kernel has no seccomp."""
    code = _any_pid(kernel.machine(), keeps_modes).replace(struct.pack("=I", ANY_PID), struct.pack("=I", os.getpid()))
    buffer = ctypes.create_string_buffer(code, len(code))
    filter_mode, pointer = 2, _Program(len(code) // 8, ctypes.addressof(buffer))
    kernel.prctl(kernel.PR_SET_SECCOMP, filter_mode, ctypes.byref(pointer))


def program(machine: str, pid: int, *, keeps_modes: bool = False) -> bytes:
    """The filter as classic BPF, ``struct sock_filter`` of <linux/filter.h>; ``KeyError`` for an unknown machine.

    ``keeps_modes``: modes, owners, times and attributes of files stay as they are.
    """
    table = _TABLES[machine]
    number, audit, first, second = 0, 4, 16, 24  # offsets in struct seccomp_data
    code = [_load(audit), _op(JUMP_EQUAL, table.audit, 1, 0), _op(RETURN, KILL), _load(number)]
    code += [_op(JUMP_AT_LEAST, 0x40000000, 0, 1), _op(RETURN, DENY)]  # x32 numbers: a second door
    code += _when(CLONE3, NO_SUCH)  # glibc then falls back to clone, whose flags can be read
    for call in (*_EVERYWHERE, *table.denied):
        code += _when(call, DENY)
    if keeps_modes:
        code += _when(table.truncate, DENY)  # by name, which Landlock knows from Linux 6.2 only
        for call in table.pretended:
            code += _when(call, PRETEND)
    threads = [_load(first), _op(JUMP_SET, CLONE_THREAD, 0, 1), _op(RETURN, ALLOW), _op(RETURN, DENY)]
    own = [_load(first), *_when(pid, ALLOW), _op(RETURN, DENY)]
    code += _on(table.clone, threads)
    for call in table.own_pid_only:
        code += _on(call, own)
    code += _on(table.prlimit, [_load(first), *_when(0, ALLOW), *own])  # 0 is oneself; getrlimit uses it
    code += _on(table.prctl, [_load(first), *_when(kernel.PR_SET_PDEATHSIG, DENY), _op(RETURN, ALLOW)])
    owners = [op for command in (F_SETOWN, F_SETSIG, F_SETOWN_EX) for op in _when(command, DENY)]
    code += _on(table.fcntl, [_load(second), *owners, _op(RETURN, ALLOW)])
    owners = [op for command in (FIOSETOWN, SIOCSPGRP, TIOCSTI, FIOASYNC) for op in _when(command, DENY)]
    code += _on(table.ioctl, [_load(second), *owners, _op(RETURN, ALLOW)])
    # asyncio wakes itself by a pair of streams; one of datagrams could send to any socket that has a path.
    streams = [_load(second), _op(AND, SOCK_TYPE_MASK), *_when(SOCK_STREAM, ALLOW), _op(RETURN, DENY)]
    code += _on(table.socketpair, streams)
    return b"".join([*code, _op(RETURN, ALLOW)])


# <linux/bpf_common.h>: BPF_LD|BPF_W|BPF_ABS, BPF_RET|BPF_K, BPF_JMP|BPF_JEQ, BPF_JGE, BPF_JSET, BPF_ALU|BPF_AND
LOAD, RETURN, JUMP_EQUAL, JUMP_AT_LEAST, JUMP_SET, AND = 0x20, 0x06, 0x15, 0x35, 0x45, 0x54


def _op(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("=HBBI", code, if_true, if_false, value)


def _load(offset: int) -> bytes:
    return _op(LOAD, offset)


def _when(value: int, action: int) -> list[bytes]:
    return [_op(JUMP_EQUAL, value, 0, 1), _op(RETURN, action)]


def _on(call: int, block: list[bytes]) -> list[bytes]:
    """``block``, which ends in a return, for one system call."""
    return [_op(JUMP_EQUAL, call, 0, len(block)), *block]
