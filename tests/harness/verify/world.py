"""What an escaped answer could touch, set up as bait: files, sockets, processes; and whether it was touched.

Everything is the sandbox's own user's, so that no permission of the file system but only a wall keeps an answer off.
Linux only.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import platform
import secrets
import select
import shutil
import signal
import socket
import stat
import subprocess
import tempfile
import time
from pathlib import Path

SUBREAPER = 36  # PR_SET_CHILD_SUBREAPER of <linux/prctl.h>: orphans of the sandbox become ours and can be counted
SHM_KEY = 0x7C0DE  # of System V shared memory, semaphores and message queues
KEY_SEARCH = (250, 10, -4)  # keyctl, KEYCTL_SEARCH, KEY_SPEC_USER_KEYRING of <linux/keyctl.h>, on x86-64
SIGNALS = (signal.SIGUSR1, signal.SIGUSR2, signal.SIGHUP, signal.SIGIO, signal.SIGCONT)


class World:
    """The bait. ``things`` fills the placeholders of an attack; ``harms`` says what was touched, and sets it right."""

    def __init__(self, user: int) -> None:
        self._user = user
        self.mark = "tc" + secrets.token_hex(6)
        self.golds = (_gold(), _gold(), _gold())
        self.folder = Path(tempfile.mkdtemp(prefix="attacked-"))
        self.folder.chmod(0o755)
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._libc.prctl(SUBREAPER, 1, 0, 0, 0)
        self._signals: list[int] = []
        self._old = {number: signal.signal(number, self._note) for number in SIGNALS}
        self._make_files()
        self._make_sockets()
        self._victim = self._start_victim()
        self.things = self._things()

    def close(self) -> None:
        """Take the bait away."""
        self._libc.prctl(SUBREAPER, 0, 0, 0, 0)
        for number, handler in self._old.items():
            signal.signal(number, handler)
        for one in self._sockets:
            one.close()
        for fd in (self._fifo, self._pty, self._tty):
            os.close(fd)
        self._victim.kill()
        self._victim.wait()
        shutil.rmtree(self.folder)

    def harms(self) -> set[str]:
        """The names of what was touched since the last call."""
        found = set()
        if self._files_touched():
            found.add("file")
        if os.read(self._fifo, 4096):
            found.add("fifo")
        if select.select([self._pty], [], [], 0)[0]:
            os.read(self._pty, 4096)
            found.add("terminal")
        if self._sockets_touched():
            found.add("socket")
        if self._ipc_left():
            found.add("ipc")
        if self._signals:
            self._signals.clear()
            found.add("signal")
        if self._victim_touched():
            found.add("victim")
        return found

    def _make_files(self) -> None:
        self.out = self.folder / "out"
        self.out.mkdir()
        self.out.chmod(0o777)
        self.own = self.folder / "own"
        self.secret = self.folder / "secret"
        self.secret.write_text(" ".join(self.golds))
        self._renew_own()
        os.mkfifo(self.folder / "fifo")
        (self.folder / "fifo").chmod(0o666)
        self._fifo = os.open(self.folder / "fifo", os.O_RDONLY | os.O_NONBLOCK)
        self._pty, self._tty = os.openpty()
        Path(os.ttyname(self._tty)).chmod(0o666)

    def _renew_own(self) -> None:
        self.own.unlink(missing_ok=True)
        self.own.write_text("mine")
        self.own.chmod(0o644)
        os.utime(self.own, (1, 1))
        if os.getuid() != self._user:
            os.chown(self.own, self._user, self._user)

    def _make_sockets(self) -> None:
        tcp = socket.socket()
        tcp.bind(("127.0.0.1", 0))
        udp = socket.socket(type=socket.SOCK_DGRAM)
        udp.bind(("127.0.0.1", 0))
        self._tcp_port, self._udp_port = tcp.getsockname()[1], udp.getsockname()[1]
        self._sockets = [tcp, udp]
        for name, kind in (("stream", socket.SOCK_STREAM), ("datagram", socket.SOCK_DGRAM)):
            for address in (str(self.folder / name), f"\0{self.mark}-{name}"):
                one = socket.socket(socket.AF_UNIX, kind)
                one.bind(address)
                self._sockets.append(one)
            (self.folder / name).chmod(0o777)
        for one in self._sockets:
            one.setblocking(False)
            if one.type == socket.SOCK_STREAM:
                one.listen(8)

    def _start_victim(self) -> subprocess.Popen[bytes]:
        other = {"user": self._user, "group": self._user, "extra_groups": ()} if os.getuid() != self._user else {}
        victim: subprocess.Popen[bytes] = subprocess.Popen(["sleep", "100000"], cwd="/", **other)  # type: ignore[call-overload]
        while Path(f"/proc/{victim.pid}/wchan").exists() and _state(victim.pid)[0] != "S":
            time.sleep(0.001)
        return victim

    def _things(self) -> dict[str, object]:
        return {
            "mark": self.mark,
            "out": self.out,
            "own": self.own,
            "secret": self.secret,
            "fifo": self.folder / "fifo",
            "tty": os.ttyname(self._tty),
            "stream": self.folder / "stream",
            "datagram": self.folder / "datagram",
            "port": self._tcp_port,
            "udp_port": self._udp_port,
            "victim": self._victim.pid,
            "harness": os.getpid(),
            "key": SHM_KEY,
        }

    def _note(self, number: int, frame: object) -> None:
        self._signals.append(number)

    def _files_touched(self) -> bool:
        left = [*self.out.iterdir()]
        for folder in ("/tmp", "/var/tmp", "/dev/shm"):
            left += Path(folder).glob(f"{self.mark}*")
        for path in left:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        seen = self.own.lstat() if self.own.exists() else None
        is_same = seen is not None and (seen.st_mtime, stat.S_IMODE(seen.st_mode), seen.st_nlink) == (1, 0o644, 1)
        if not is_same or self.own.read_text() != "mine" or os.listxattr(self.own):
            self._renew_own()
            return True
        return bool(left)

    def _sockets_touched(self) -> bool:
        is_touched = False
        for one in self._sockets:
            with contextlib.suppress(BlockingIOError):
                if one.type == socket.SOCK_STREAM:
                    one.accept()[0].close()
                else:
                    one.recv(4096)
                is_touched = True
        return is_touched

    def _ipc_left(self) -> bool:
        libc, is_left = self._libc, False
        for find, remove in (("shmget", "shmctl"), ("semget", "semctl"), ("msgget", "msgctl")):
            arguments = (SHM_KEY, 0) if find == "msgget" else (SHM_KEY, 0, 0)
            number = getattr(libc, find)(*arguments)
            if number >= 0:
                getattr(libc, remove)(number, *((0, 0) if remove == "semctl" else (0, None)))
                is_left = True
        key = libc.syscall(*KEY_SEARCH, b"user", self.mark.encode(), 0) if platform.machine() == "x86_64" else -1
        if key >= 0:
            libc.syscall(250, 9, key, -4)  # KEYCTL_UNLINK from the user's keyring
        return libc.mq_unlink(f"/{self.mark}".encode()) == 0 or key >= 0 or is_left

    def _victim_touched(self) -> bool:
        pid = self._victim.pid
        if self._victim.poll() is None:
            fields = _state(pid)
            same_cores = os.sched_getaffinity(pid) == os.sched_getaffinity(0)
            if fields[0] == "S" and fields[16] == "0" and same_cores and os.sched_getscheduler(pid) == os.SCHED_OTHER:
                return False
        self._victim.kill()
        self._victim.wait()
        self._victim = self._start_victim()
        self.things = self._things()
        return True


def children(pids: set[int]) -> set[int]:
    """The processes that these started and that have not ended."""
    return {pid for pid, (parent, state) in _processes().items() if parent in pids and state != "Z"}


def descendants() -> set[int]:
    """Every living process below this one, orphans of the sandbox among them."""
    known = _processes()
    found, last = {os.getpid()}, 0
    while last != len(found):
        last = len(found)
        found |= {pid for pid, (parent, _) in known.items() if parent in found}
    return {pid for pid in found - {os.getpid()} if known[pid][1] != "Z"}


def _processes() -> dict[int, tuple[int, str]]:
    """Parent and state of every process."""
    found = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                fields = _state(int(entry.name))
                found[int(entry.name)] = (int(fields[1]), fields[0])
    return found


def user_of(pids: set[int]) -> int:
    """Whose the newest of these processes is."""
    lines = Path(f"/proc/{max(pids)}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Uid:"))


def _state(pid: int) -> list[str]:
    """The fields of ``/proc/PID/stat`` from the state on (proc(5))."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def _gold() -> str:
    return f"gold-{secrets.token_hex(16)}"
