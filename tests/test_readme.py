"""The README shows what the commands print. ``python tests/test_readme.py`` writes its generated blocks anew."""

import os
import re
import shlex
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
BLOCK = re.compile(r"<!-- generated: (?P<command>[^>]*?) -->\n```text\n(?P<shown>.*?)```\n<!-- end -->", re.DOTALL)


@cache
def output_of(command: str) -> str:
    """What a ``thinkcurve`` command prints at 80 columns, without colours and trailing spaces; or a file (``cat``)."""
    words = shlex.split(command)
    if words[0] == "cat":
        return (ROOT / words[1]).read_text(encoding="utf-8")
    assert words[0] == "thinkcurve"
    done = subprocess.run(
        [sys.executable, "-m", "thinkcurve.cli.main", *words[1:]],
        cwd=ROOT,
        env={**os.environ, "COLUMNS": "80", "NO_COLOR": "1", "TERM": "dumb"},
        capture_output=True,
        text=True,
        check=True,
    )
    return "\n".join(line.rstrip() for line in done.stdout.strip("\n").splitlines()) + "\n"


def blocks() -> dict[str, str]:
    return {block["command"]: block["shown"] for block in BLOCK.finditer(README.read_text(encoding="utf-8"))}


def is_long(command: str) -> bool:
    """Whether it judges all answers of the reference run again: `test_reference` does that for a part of them."""
    return "regrade" in command


@pytest.mark.parametrize(
    "command", [pytest.param(name, marks=pytest.mark.slow if is_long(name) else ()) for name in blocks()]
)
def test_generated_blocks_are_fresh(command: str) -> None:
    assert blocks()[command] == output_of(command), f"stale: run {Path(__file__).name}"


def test_every_linked_file_exists() -> None:
    links = re.findall(r"\]\(([^)#:]+)\)", README.read_text(encoding="utf-8"))
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_every_flag_shown_exists() -> None:
    text = README.read_text(encoding="utf-8")
    for line in re.findall(r"thinkcurve (?:run|show|compare|plot|models|tasks|verify|regrade|doctor|compact) .*", text):
        command = line.split()[1]
        flags = re.findall(r"(?<!\S)--?[a-z][a-z-]*", line.split("#")[0])
        known = output_of(f"thinkcurve {command} --help")
        assert [flag for flag in flags if flag not in known] == [], line


if __name__ == "__main__":
    fresh = BLOCK.sub(
        lambda b: f"<!-- generated: {b['command']} -->\n```text\n{output_of(b['command'])}```\n<!-- end -->",
        README.read_text(encoding="utf-8"),
    )
    README.write_text(fresh, encoding="utf-8")
