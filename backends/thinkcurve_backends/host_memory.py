"""How much more memory this process may take: what the machine has left, and what its control groups leave of it.

In a container the machine's own number is no bound: whoever passes the group's limit is killed.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path


def free_host_bytes(root: Path = Path("/")) -> int | None:
    """Bytes that could still be taken, what the system would give back included; ``None`` where nothing tells.

    ``root`` is where ``proc`` and ``sys`` are looked for.
    """
    found = [free for free in (_machine_free(root), *_groups_free(root)) if free is not None]
    return min(found, default=None)


def _machine_free(root: Path) -> int | None:
    try:
        lines = (root / "proc/meminfo").read_text().splitlines()
        return 1024 * next(int(line.split()[1]) for line in lines if line.startswith("MemAvailable:"))
    except (OSError, StopIteration, ValueError):
        pass
    try:  # not Linux: what is free now is not told without another package, so the whole machine is the bound
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):
        return None


def _groups_free(root: Path) -> Iterator[int | None]:
    """What each group around this process leaves: any of them may be the tight one."""
    mounts = root / "sys/fs/cgroup"
    for folder in _around(mounts, _own_group(root, "")):
        yield _group_free(folder, "memory.max", "memory.current", "")
    for folder in _around(mounts / "memory", _own_group(root, "memory")):
        yield _group_free(folder, "memory.limit_in_bytes", "memory.usage_in_bytes", "total_")


def _own_group(root: Path, controller: str) -> str:
    """The path of this process's group; ``controller`` is empty for version 2."""
    try:
        lines = (root / "proc/self/cgroup").read_text().splitlines()
    except OSError:
        return ""
    for line in lines:
        _, _, rest = line.partition(":")
        names, _, path = rest.partition(":")
        if controller in names.split(","):
            return path.strip("/")
    return ""


def _around(mount: Path, group: str) -> Iterator[Path]:
    """The folders of a group and of all those around it, outermost first; in a container only the root may be there."""
    yield mount
    for part in Path(group).parts:
        mount = mount / part
        if part == "..":  # the group lies outside of what this process may see
            return
        yield mount


def _group_free(folder: Path, limit: str, used: str, prefix: str) -> int | None:
    """What one group leaves. Cached files can be given back; memory files (tmpfs, shm), counted with them, cannot."""
    try:
        most = int((folder / limit).read_text())  # "max", which is no number, is no limit
        taken = int((folder / used).read_text())
        counts = dict(line.split() for line in (folder / "memory.stat").read_text().splitlines())
        cached = int(counts.get(f"{prefix}inactive_file", 0)) + int(counts.get(f"{prefix}active_file", 0))
    except (OSError, ValueError):
        return None
    return max(0, most - taken + cached)
