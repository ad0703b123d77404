"""Where a run was made: versions, hardware, commit and time, for the manifest. Never a path, a user or a host name."""

from __future__ import annotations

import datetime
import os
import platform
import subprocess
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

PACKAGES = (
    "thinkcurve",
    "xllamacpp",
    "torch",
    "transformers",
    "peft",
    "mlx",
    "mlx-lm",
    "vllm",
    "openai",
    "anthropic",
    "google-genai",
    "genai-prices",
    "sympy",
    "math-verify",
    "latex2sympy2_extended",
    "msgspec",
    "numpy",
    "pyarrow",
    "datasets",
    "lm_eval",
    "reasoning-gym",
)


def now() -> str:
    """The time in UTC, to the second, as ISO 8601."""
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")


def versions() -> dict[str, str]:
    """Python and the packages that can change a result, those installed."""
    return dict(_versions())


@cache  # reading them takes 40 ms
def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def hardware() -> dict[str, Any]:
    """Processor, cores, memory and system; what cannot be read is left out."""
    facts: dict[str, Any] = {
        "system": platform.system(),
        "machine": platform.machine(),
        "cores": os.cpu_count(),
    }
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        names = [
            line.split(":", 1)[1].strip() for line in cpuinfo.read_text().splitlines() if line.startswith("model name")
        ]
        facts.update(processor=names[0] if names else platform.processor())
    if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
        facts["memory_gib"] = round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30, 1)
    return facts


def git_commit() -> str | None:
    """The commit of this package's own source tree, or ``None`` for an installed wheel."""
    root = Path(__file__).resolve().parents[2]
    if not (root / ".git").exists():
        return None
    done = subprocess.run(
        ["git", "rev-parse", "--short=12", "HEAD"], cwd=root, capture_output=True, text=True, check=False
    )
    return done.stdout.strip() or None
