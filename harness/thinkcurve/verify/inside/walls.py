"""The walls around code answers: ``enclose_zygote`` once, before any answer is seen; ``enclose_task`` in each fork.

A wall that cannot be built raises: nothing goes on with less than what was asked for. Whether the walls hold is
not taken from here either; the harness's self-test tries them with hostile programs.
"""

from __future__ import annotations

import contextlib
import os
from typing import Any

from . import kernel, landlock, namespaces, seccomp

NOBODY = 65534
SCRATCH_OPTIONS = "size=64m,nr_inodes=4096,mode=700"


class Task:
    """What each task does before its answer runs; settled once, by ``enclose_zygote``."""

    is_filtered = True
    keeps_modes = False


def enclose_zygote(spec: dict[str, Any]) -> None:
    """Put up the wall that ``spec`` names; raises ``OSError`` where the system does not allow it.

    ``bubblewrap`` and ``sandbox-exec`` were put up by whoever started this process.
    """
    wall = spec["wall"]
    Task.is_filtered = wall not in ("rlimits", "sandbox-exec")
    Task.keeps_modes = wall in ("landlock", "seccomp")
    if Task.is_filtered and not seccomp.is_known():
        raise OSError(f"no table of system calls for {kernel.machine() or 'a 32-bit Python'}")
    if Task.is_filtered:
        seccomp.prepare(keeps_modes=Task.keeps_modes)
    if kernel.IS_LINUX and wall != "bubblewrap":
        _leave_root(spec["read"])
    if wall == "namespaces":
        places = (spec["read"], spec["links"], spec["masked"], spec["within"])
        namespaces.enter(*places, spec["scratch"], SCRATCH_OPTIONS)
    if kernel.IS_LINUX:
        kernel.prctl(kernel.PR_SET_NO_NEW_PRIVS, 1)
        kernel.prctl(kernel.PR_SET_CHILD_SUBREAPER, 1)  # what a task leaves behind becomes ours, to be killed
        kernel.prctl(kernel.PR_SET_DUMPABLE, 0)  # no task may look into the zygote through /proc
    if wall == "landlock":
        landlock.enforce([*_without(spec["read"], spec["masked"]), *spec["within"]], [".", "/dev/null"])


def enclose_task() -> None:
    """The last walls, once the task's files are open: no capabilities, death with the zygote, the system calls."""
    if kernel.IS_LINUX:
        kernel.drop_capabilities()
        kernel.prctl(kernel.PR_SET_PDEATHSIG, 9)
        if Task.is_filtered:
            seccomp.enforce(keeps_modes=Task.keeps_modes)


def _leave_root(read: list[str]) -> None:
    """Become nobody for good, where nobody can read Python's library (not under /root)."""
    if os.getuid() == 0 and _works_for_nobody(read):
        os.chown(".", NOBODY, NOBODY)
        _become_nobody()


def _become_nobody() -> None:
    os.setgroups([])
    os.setresgid(NOBODY, NOBODY, NOBODY)
    os.setresuid(NOBODY, NOBODY, NOBODY)
    kernel.prctl(kernel.PR_SET_DUMPABLE, 1)  # cleared by setresuid; uid_map can be written only with it


def _works_for_nobody(read: list[str]) -> bool:
    """Tried in a fork, because there is no way back."""
    pid = os.fork()
    if pid == 0:
        try:
            _become_nobody()
            open(os.__file__, "rb").close()
            is_readable = all(os.access(path, os.R_OK) for path in read)
        except OSError:
            os._exit(1)
        os._exit(0 if is_readable else 1)
    return os.waitpid(pid, 0)[1] == 0


def _without(paths: list[str], masked: list[str]) -> list[str]:
    """``paths``, where a folder that holds a masked one is replaced by all else that it holds."""
    open_paths = list(paths)
    for hidden in masked:
        parent = os.path.dirname(hidden)
        if parent in open_paths:
            open_paths.remove(parent)
            with contextlib.suppress(OSError):
                open_paths += [f"{parent}/{name}" for name in os.listdir(parent) if f"{parent}/{name}" not in masked]
    return open_paths
