"""Whether the kernel has killed a process for want of memory: such a death says nothing of what the process did."""

from __future__ import annotations

from pathlib import Path

VMSTAT = Path("/proc/vmstat")


def n_kills() -> int:
    """How many processes of this machine the out-of-memory killer has killed; 0 where nobody tells (not Linux)."""
    try:
        lines = VMSTAT.read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("oom_kill ")), 0)
