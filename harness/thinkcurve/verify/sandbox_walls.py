"""The walls around code answers, as Linux offers them to anyone: namespaces, seccomp and rlimits.

Standard library only, imported inside the sandbox process alone. Two moments: ``enclose_zygote`` once, before any
answer is seen, and ``enclose_task`` in each fork, before the answer runs. Neither is trusted to have worked:
``enclose_zygote`` first tries itself in a fork, and what it reports is what that fork found.

Not covered yet: reading files that the user may read (there is no network to carry them away), and, where user
namespaces are barred, ``/proc`` of the user's other processes.
"""

# pathlib stays out of the sandbox: importing it would cost what forks share.
# ruff: noqa: PTH109, PTH123

from __future__ import annotations

import ctypes
import os
import struct
import sys
from collections.abc import Callable, Sequence
from typing import NamedTuple

IS_LINUX = sys.platform == "linux"

# <sched.h>, <sys/mount.h>, <linux/prctl.h>, <linux/seccomp.h>
CLONE_NEWNS, CLONE_NEWIPC, CLONE_NEWUSER, CLONE_NEWNET = 0x20000, 0x8000000, 0x10000000, 0x40000000
CLONE_THREAD = 0x10000
MS_NOSUID, MS_NODEV, MS_REC, MS_PRIVATE = 2, 4, 0x4000, 1 << 18
MOUNT_ATTR_RDONLY, AT_RECURSIVE, AT_FDCWD = 1, 0x8000, -100
PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_SET_SECCOMP, PR_SET_NO_NEW_PRIVS = 1, 4, 22, 38
ALLOW, DENY, NO_SUCH, KILL = 0x7FFF0000, 0x50000 | 1, 0x50000 | 38, 0x80000000  # EPERM = 1, ENOSYS = 38


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(word) for word in text.split())


class _Table(NamedTuple):
    """One machine's system call numbers."""

    audit: int
    clone: int
    prlimit: int
    prctl: int
    own_pid_only: tuple[int, ...]  # kill, tkill, tgkill: allowed towards oneself
    denied: tuple[int, ...]


# System call numbers: arch/x86/entry/syscalls/syscall_64.tbl and include/uapi/asm-generic/unistd.h, Linux 6.12.
# Denied, in order: (fork vfork) execve execveat socket ptrace rt_sigqueueinfo rt_tgsigqueueinfo process_vm_readv
# process_vm_writev bpf mount umount2 pivot_root chroot setns unshare keyctl add_key request_key userfaultfd
# perf_event_open open_by_handle_at shmget semget msgget.
_TABLES = {
    "x86_64": _Table(
        audit=0xC000003E,
        clone=56,
        prlimit=302,
        prctl=157,
        own_pid_only=(62, 200, 234),
        denied=_numbers(
            "57 58 59 322 41 101 129 297 310 311 321 165 166 155 161 308 272 250 248 249 323 298 304 29 64 68"
        ),
    ),
    "aarch64": _Table(
        audit=0xC00000B7,
        clone=220,
        prlimit=261,
        prctl=167,
        own_pid_only=(129, 130, 131),
        denied=_numbers("221 281 198 117 138 240 270 271 280 40 39 41 51 268 97 219 217 218 282 241 265 194 190 186"),
    ),
}
_EVERYWHERE = (
    424,
    425,
    426,
    427,
    428,
    429,
    430,
    431,
    432,
    433,
    438,
    442,
)  # pidfd signal, io_uring, mounts, pidfd_getfd
MOUNT_SETATTR, CLONE3 = 442, 435
NOBODY = 65534
WALLS = ("namespaces", "seccomp")


class _Seccomp:
    """Whether tasks of this process are to be filtered; set once, by ``enclose_zygote``."""

    is_wanted = True


class _Program(ctypes.Structure):
    """``struct sock_fprog`` of <linux/filter.h>."""

    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_void_p))


def enclose_zygote(wanted: Sequence[str] = WALLS) -> dict[str, str]:
    """Put up the wanted walls as far as the system allows; returns ``level`` and ``network`` as the self-test saw them.

    ``level`` is ``namespaces+seccomp``, one of the two, or ``rlimits`` where neither could be had.
    """
    walls = []
    if IS_LINUX:
        if os.getuid() == 0 and _works(_become_nobody):
            _become_nobody()
        if "namespaces" in wanted and _works(_enter_namespaces):
            _enter_namespaces()
            walls.append("namespaces")
        _Seccomp.is_wanted = "seccomp" in wanted
        if _works(_try_seccomp):
            walls.append("seccomp")
        _prctl(PR_SET_DUMPABLE, 0)  # no task may look into the zygote through /proc
    is_cut_off = _works(_try_no_network)
    return {"level": "+".join(walls) or "rlimits", "network": "off" if is_cut_off else "on"}


def enclose_task() -> None:
    """The last walls, once the task's files are open: no new privileges, no capabilities, seccomp."""
    if not IS_LINUX:
        return
    _prctl(PR_SET_NO_NEW_PRIVS, 1)
    header, data = struct.pack("Ii", 0x20080522, 0), bytes(24)  # _LINUX_CAPABILITY_VERSION_3, no capability
    _check(_libc().capset(header, data))
    _prctl(PR_SET_PDEATHSIG, 9)  # a task does not outlive its zygote
    program = seccomp_program(_machine(), os.getpid()) if _Seccomp.is_wanted else b""
    if program:
        code = ctypes.create_string_buffer(program, len(program))
        filter_mode, pointer = 2, _Program(len(program) // 8, ctypes.addressof(code))
        _prctl(PR_SET_SECCOMP, filter_mode, ctypes.byref(pointer))


def _become_nobody() -> None:
    """Leave root for good; fails where nobody could not read the standard library (a Python under /root)."""
    os.chown(".", NOBODY, NOBODY)
    os.setgroups([])
    os.setresgid(NOBODY, NOBODY, NOBODY)
    os.setresuid(NOBODY, NOBODY, NOBODY)
    with open(os.__file__, "rb"):
        _prctl(PR_SET_DUMPABLE, 1)  # cleared by setresuid; uid_map can be written only with it


def _enter_namespaces() -> None:
    """Own user, network, IPC and mount namespaces: no route anywhere, all files read-only but a small scratch."""
    uid, gid = os.getuid(), os.getgid()
    _check(_libc().unshare(CLONE_NEWUSER | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWNS))
    _write("/proc/self/setgroups", "deny")
    _write("/proc/self/gid_map", f"{gid} {gid} 1")
    _write("/proc/self/uid_map", f"{uid} {uid} 1")
    here = os.getcwd()
    _check(_libc().mount(b"none", b"/", None, ctypes.c_ulong(MS_REC | MS_PRIVATE), None))
    attributes = struct.pack("QQQQ", MOUNT_ATTR_RDONLY, 0, 0, 0)
    _check(_libc().syscall(MOUNT_SETATTR, AT_FDCWD, b"/", AT_RECURSIVE, attributes, ctypes.c_size_t(32)))
    options = b"size=64m,nr_inodes=4096,mode=700"
    _check(_libc().mount(b"tmpfs", here.encode(), b"tmpfs", ctypes.c_ulong(MS_NOSUID | MS_NODEV), options))
    os.chdir(here)


def _try_seccomp() -> None:
    """Raises unless a task's walls refuse a new process."""
    enclose_task()
    try:
        pid = os.fork()
    except PermissionError:
        return
    if pid == 0:
        os._exit(0)
    raise OSError("fork was allowed")


def _try_no_network() -> None:
    """Raises where a task could make a socket and route a packet to this machine itself."""
    import socket

    enclose_task()
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.connect(("127.0.0.1", 9))
    except OSError:
        return
    raise OSError("a packet found a route")


def _works(step: Callable[[], None]) -> bool:
    """Whether ``step`` succeeds, tried in a fork so that a half-built wall is thrown away."""
    pid = os.fork()
    if pid == 0:
        try:
            step()
        except BaseException:  # whatever went wrong, it did not work
            os._exit(1)
        os._exit(0)
    return os.waitpid(pid, 0)[1] == 0


def seccomp_program(machine: str, pid: int) -> bytes:
    """A classic BPF program for ``machine``: threads yes; processes, programs, sockets, mounts and signals no.

    Empty for a machine whose numbers are not in the table. Layout: ``struct sock_filter`` of <linux/filter.h>.
    """
    table = _TABLES.get(machine)
    if table is None:
        return b""
    number, audit, argument = 0, 4, 16  # offsets in struct seccomp_data
    code = [_load(audit), _op(JUMP_EQUAL, table.audit, 1, 0), _op(RETURN, KILL), _load(number)]
    code += [_op(JUMP_AT_LEAST, 0x40000000, 0, 1), _op(RETURN, DENY)]  # x32 numbers: a second door
    code += _when(CLONE3, NO_SUCH)  # glibc then falls back to clone, whose flags can be read
    for call in (*_EVERYWHERE, *table.denied):
        code += _when(call, DENY)
    threads = [_load(argument), _op(JUMP_SET, CLONE_THREAD, 0, 1), _op(RETURN, ALLOW), _op(RETURN, DENY)]
    code += [_op(JUMP_EQUAL, table.clone, 0, len(threads)), *threads]
    own = [_load(argument), *_when(pid, ALLOW), _op(RETURN, DENY)]
    for call in table.own_pid_only:
        code += [_op(JUMP_EQUAL, call, 0, len(own)), *own]
    limits = [_load(argument), *_when(0, ALLOW), *own]  # prlimit64(0) is oneself; getrlimit uses it
    code += [_op(JUMP_EQUAL, table.prlimit, 0, len(limits)), *limits]
    options = [_load(argument), *_when(PR_SET_PDEATHSIG, DENY), _op(RETURN, ALLOW)]
    code += [_op(JUMP_EQUAL, table.prctl, 0, len(options)), *options]
    return b"".join([*code, _op(RETURN, ALLOW)])


# <linux/bpf_common.h>: BPF_LD|BPF_W|BPF_ABS, BPF_RET|BPF_K, BPF_JMP|BPF_JEQ, BPF_JGE, BPF_JSET
LOAD, RETURN, JUMP_EQUAL, JUMP_AT_LEAST, JUMP_SET = 0x20, 0x06, 0x15, 0x35, 0x45


def _op(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("=HBBI", code, if_true, if_false, value)


def _load(offset: int) -> bytes:
    return _op(LOAD, offset)


def _when(value: int, action: int) -> list[bytes]:
    return [_op(JUMP_EQUAL, value, 0, 1), _op(RETURN, action)]


def _machine() -> str:
    return os.uname().machine if sys.maxsize > 1 << 32 else ""


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _prctl(option: int, *arguments: object) -> None:
    rest = [ctypes.c_ulong(a) if isinstance(a, int) else a for a in arguments]
    rest += [ctypes.c_ulong(0)] * (4 - len(rest))
    _check(_libc().prctl(option, *rest))


def _check(result: int) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def _write(path: str, text: str) -> None:
    with open(path, "w", encoding="ascii") as file:
        file.write(text)
