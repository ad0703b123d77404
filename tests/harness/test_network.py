"""Nothing beyond this machine is reached that the study does not name: every connection of Python's, and every name
that it looks up, is written down, of the command and of all processes that it starts."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

WATCH = """
import os, sys
def seen(event, args):
    if event in ("socket.connect", "socket.sendto", "socket.bind"):
        where = args[1]
        if not isinstance(where, tuple):
            return
    elif event in ("socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr"):
        where = args[:2]
    else:
        return
    with open(os.environ["SEEN"], "a") as file:
        file.write(f"{event} {where}\\n")
sys.addaudithook(seen)
"""
"""Put where every Python process imports it at its start."""
HERE = "'127.0.0.1'"
NOWHERE = "192.0.2.1"
"""An address that nobody has (RFC 5737)."""


def reached(folder: Path, *command: str) -> list[str]:
    """What the command and its children connected to, or looked up, line by line."""
    (folder / "watch").mkdir()
    (folder / "watch" / "sitecustomize.py").write_text(WATCH)
    seen = folder / "seen"
    paths = [str(folder / "watch"), *filter(None, [os.environ.get("PYTHONPATH")])]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "SEEN": str(seen)}
    done = subprocess.run([sys.executable, "-c", *command], env=env, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    rows = seen.read_text().splitlines() if seen.exists() else []
    return [row for row in rows if HERE not in row]  # llama.cpp in process is spoken to so


def test_the_watch_sees_children_too(tmp_path: Path) -> None:
    child = f"import socket; s = socket.socket(); s.settimeout(.2); s.connect_ex(({NOWHERE!r}, 9))"
    found = reached(tmp_path, f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}])")
    assert found == [f"socket.connect ({NOWHERE!r}, 9)"]


@pytest.mark.parametrize(
    "arguments",
    [
        ["run", "--limit", "2", "--budgets", "0,64", "-o", "RUN"],
        ["tasks"],
        ["models"],
    ],
    ids=["run", "tasks", "models"],
)
def test_the_embedded_model_and_tasks_reach_nothing(arguments: list[str], tmp_path: Path) -> None:
    of_here = [str(tmp_path / "run") if one == "RUN" else one for one in arguments]
    command = f"import sys; sys.argv[1:] = {of_here!r}; from thinkcurve.cli.main import main; main()"
    assert reached(tmp_path, command) == []


def test_looking_at_a_run_reaches_nothing(tmp_path: Path) -> None:
    reference = Path(__file__).parents[2] / "results" / "reference" / "embedded"
    steps = [
        ["show", str(reference), "--json"],
        ["plot", str(reference), "-o", str(tmp_path / "curve.svg")],
        ["report", str(reference), "-o", str(tmp_path / "report.html")],
        ["leaderboard", str(reference), "-o", str(tmp_path / "site")],
    ]
    command = f"""
import sys
from thinkcurve.cli.main import main
for step in {steps!r}:
    sys.argv[1:] = step
    try:
        main()
    except SystemExit as end:
        assert not end.code, (step, end.code)
"""
    assert reached(tmp_path, command) == []
