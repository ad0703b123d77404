"""The package of Every Eval Ever, whose validator our export has to pass.

It wants Python 3.12 and much that a validator does not need, so it is not installed: its wheel is downloaded without
dependencies, checked and unpacked.

    python tests/harness/interop/exports/every_eval_ever_package.py     # once; into build/every-eval-ever

``THINKCURVE_EEE`` names another folder that holds the package. Its validator itself runs on Python 3.11 with pydantic.
"""

import hashlib
import os
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

VERSION = "0.3.0"
SHA256 = "564b8bc624c1f822f749a769dc69dc058a736e83d920cbeb147c3a30d3152317"
FOLDER = Path(__file__).parents[4] / "build" / "every-eval-ever"


def package() -> Path | None:
    """The folder that holds ``every_eval_ever``, or ``None`` where it was not fetched."""
    folder = Path(os.environ.get("THINKCURVE_EEE") or FOLDER)
    return folder if (folder / "every_eval_ever").is_dir() else None


def fetch(folder: Path = FOLDER) -> None:
    """Download the wheel with pip and unpack it."""
    with tempfile.TemporaryDirectory() as place:
        options = ["--no-deps", "--only-binary=:all:", "--python-version", "3.12", "--dest", place]
        subprocess.run(
            [sys.executable, "-m", "pip", "download", "--quiet", *options, f"every-eval-ever=={VERSION}"], check=True
        )
        (wheel,) = Path(place).glob("*.whl")
        if hashlib.sha256(wheel.read_bytes()).hexdigest() != SHA256:
            raise SystemExit(f"{wheel.name} is not the file that was read when this was written")
        zipfile.ZipFile(wheel).extractall(folder)


if __name__ == "__main__":
    fetch()
    print(FOLDER)
