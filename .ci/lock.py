"""What CI installs, to the byte: ``python .ci/lock.py`` resolves the extras that CI needs and writes
``.ci/requirements.txt``, each distribution with its version and the SHA-256 of the file for this platform (Linux on
x86-64, the Python that runs this). CI installs from it with ``--require-hashes``, so that a file that was changed on
its way, or a release that nobody here has run, does not get in.

torch is not in it: CI takes the build without CUDA, by its version alone.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
LOCK = Path(__file__).parent / "requirements.txt"
EXTRAS = "dev,train,transformers,mlx,cluster"
TORCH = "torch==2.13.0"
BUILD = ["hatchling>=1.27", "editables", "pip-audit>=2.10"]
"""What installs the project itself, which then needs no environment of its own to be built in, and what looks up known
vulnerabilities."""
LEFT_OUT = {"torch", "thinkcurve"}


def resolved() -> list[dict[str, Any]]:
    """What pip would install into an empty environment."""
    command = [sys.executable, "-m", "pip", "install", "--dry-run", "--ignore-installed", "--quiet", "--report", "-"]
    made = subprocess.run([*command, TORCH, *BUILD, "-e", f".[{EXTRAS}]"], cwd=ROOT, stdout=subprocess.PIPE, check=True)
    report: list[dict[str, Any]] = json.loads(made.stdout)["install"]
    return report


def line(one: dict[str, Any]) -> str:
    """A distribution as a line of requirements."""
    about = one["metadata"]
    sha256 = one["download_info"]["archive_info"]["hashes"]["sha256"]
    return f"{about['name'].lower().replace('_', '-')}=={about['version']} --hash=sha256:{sha256}"


def main() -> None:
    """Resolve and write."""
    lines = sorted(line(one) for one in resolved() if one["metadata"]["name"].lower() not in LEFT_OUT)
    head = f"# made by .ci/lock.py; Python {sys.version_info.major}.{sys.version_info.minor}, Linux on x86-64\n"
    LOCK.write_text(head + "\n".join(lines) + "\n", encoding="utf-8")
    print(f"{len(lines)} distributions in {LOCK.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
