"""The README and docs/ show what commands print. ``python tests/test_readme.py`` writes their generated blocks anew.

Three kinds of blocks are held to what happens. One between ``<!-- generated: COMMAND -->`` and ``<!-- end -->`` is what
that command prints. The commands of the README's ``console`` blocks are run one after the other, as a reader would, in
an empty folder with what the README says is there: a GGUF file, a server, a file of problems. And its Python is run.
"""

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent / "backends"))
from llama_server import started

from thinkcurve.cli.cluster_flags import NAMES

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
PAGES = [README, *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(r"<!-- generated: (?P<command>[^>]*?) -->\n```text\n(?P<shown>.*?)```\n<!-- end -->", re.DOTALL)
FENCED = re.compile(r"^```(?P<kind>\w+)\n(?P<body>.*?)^```$", re.DOTALL | re.MULTILINE)
FILE = re.compile(r"<!-- file: (?P<name>[\w.]+) -->\n```\w+\n(?P<body>.*?)```", re.DOTALL)
MODEL = ROOT / "backends" / "thinkcurve_backends" / "embedded" / "thinkcurve-tiny.gguf"
SERVER = "http://localhost:8000"
NOT_RUN = {
    "python -m venv .venv && . .venv/bin/activate && pip install -e . && thinkcurve run": "the network",
    '. .venv/bin/activate && pip install -e ".[test]" && pytest -n auto --dist loadscope': "this is that run",
    "thinkcurve run study.toml -o /shared/run --cluster auto": "a cluster: tests/harness/cluster",
    "thinkcurve doctor --cluster auto": "a cluster: tests/harness/cluster",
}
"""Commands of the README that are not run here, and what they need."""
BY_CLUSTER = "".join(f" --{name.replace('_', '-')}" for name in NAMES)
"""Flags of ``run`` that its help has no room for; docs/cluster.md has them."""
GATED = (0, 1, 3)
"""Exit codes of a gate: each of them is an outcome."""


def called(words: list[str], where: Path) -> subprocess.CompletedProcess[str]:
    """A ``thinkcurve`` command in a folder, at 80 columns and without colours."""
    assert words[0] == "thinkcurve"
    return subprocess.run(
        [sys.executable, "-m", "thinkcurve.cli.main", *words[1:]],
        cwd=where,
        env={**os.environ, "COLUMNS": "80", "NO_COLOR": "1", "TERM": "dumb"},
        capture_output=True,
        text=True,
        check=False,
    )


@cache
def output_of(command: str) -> str:
    """What a ``thinkcurve`` command prints, without trailing spaces; or a file (``cat``). ``| tail -n N``: its end."""
    command, _, tail = command.partition(" | tail -n ")
    words = shlex.split(command)
    if words[0] == "cat":
        return (ROOT / words[1]).read_text(encoding="utf-8")
    done = called(words, ROOT)
    assert done.returncode in (GATED if "--fail-if" in words else (0,)), done.stderr
    lines = [line.rstrip() for line in done.stdout.strip("\n").splitlines()]
    return "\n".join(lines[-int(tail) :] if tail else lines) + "\n"


def blocks(page: Path) -> dict[str, str]:
    return {block["command"]: block["shown"] for block in BLOCK.finditer(page.read_text(encoding="utf-8"))}


def is_long(command: str) -> bool:
    """Whether it judges all answers of the reference run again: `test_reference` does that for a part of them."""
    return "regrade" in command


@pytest.mark.parametrize(
    ("page", "command"),
    [
        pytest.param(page, name, id=name, marks=pytest.mark.slow if is_long(name) else ())
        for page in PAGES
        for name in blocks(page)
    ],
)
def test_generated_blocks_are_fresh(page: Path, command: str) -> None:
    assert blocks(page)[command] == output_of(command), f"stale: run {Path(__file__).name}"


def anchors(page: Path) -> set[str]:
    """The headings of a page, as links name them."""
    found = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in found}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_somewhere(page: Path) -> None:
    links = re.findall(r"\]\((?!https?:)([^)]+)\)", page.read_text(encoding="utf-8"))
    for link in links:
        name, _, anchor = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


def test_every_page_is_reached_from_the_readme() -> None:
    text = README.read_text(encoding="utf-8")
    assert [page.name for page in PAGES[1:] if f"](docs/{page.name}" not in text] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_flag_shown_exists(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for line in re.findall(r"^\$ thinkcurve ([a-z]+ .*)", text, re.MULTILINE):
        command = line.split()[0]
        flags = re.findall(r"(?<!\S)--?[a-z][a-z-]*", line.split("#")[0])
        known = output_of(f"thinkcurve {command} --help") + (BY_CLUSTER if command == "run" else "")
        assert [flag for flag in flags if flag not in known] == [], line


def commands(page: Path) -> Iterator[str]:
    """The commands of a page's console blocks, without their remarks."""
    for block in FENCED.finditer(page.read_text(encoding="utf-8")):
        if block["kind"] == "console":
            for line in block["body"].splitlines():
                assert line.startswith("$ "), line
                yield re.sub(r"\s+#.*", "", line[2:])


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what a reader of the README is said to have."""
    folder = tmp_path_factory.mktemp("desk")
    (folder / "model.gguf").symlink_to(MODEL)
    (folder / "results").symlink_to(ROOT / "results")
    (folder / "mine.jsonl").write_bytes((ROOT / "results" / "reference" / "problems.jsonl").read_bytes())
    return folder


def test_the_commands_of_the_readme_run_one_after_the_other(desk: Path) -> None:
    shown = list(commands(README))
    assert set(NOT_RUN) <= set(shown)
    with started(MODEL) as (address, _):
        for command in shown:
            if command not in NOT_RUN:
                done = called(shlex.split(command.replace(SERVER, address)), desk)
                allowed = GATED if "--fail-if" in command else (0,)
                assert done.returncode in allowed, (command, done.stderr, done.stdout)
    made = ["runs/base", "runs/served", "runs/mine", "gate.md", "gate.xml", "site/index.html", "fig.pdf", "fig.png"]
    assert [name for name in made if not (desk / name).exists()] == []
    programs = [block["body"] for block in FENCED.finditer(README.read_text()) if block["kind"] == "python"]
    for program in programs:
        subprocess.run([sys.executable, "-c", program], cwd=desk, check=True)


def test_a_task_in_python_is_what_docs_say(desk: Path) -> None:
    page = (ROOT / "docs" / "tasks.md").read_text(encoding="utf-8")
    files = {block["name"]: block["body"] for block in FILE.finditer(page)}
    assert list(files) == ["sums.py"]
    (desk / "sums.py").write_text(files["sums.py"])
    assert "$ thinkcurve tasks sums.py " in page
    done = called(["thinkcurve", "tasks", "sums.py"], desk)
    assert done.returncode == 0, done.stderr
    assert "What is 2 times 2?" in done.stdout
    assert 'reference: {"type":"math","answer":"4"}' in done.stdout


if __name__ == "__main__":
    for one in PAGES:
        fresh = BLOCK.sub(
            lambda b: f"<!-- generated: {b['command']} -->\n```text\n{output_of(b['command'])}```\n<!-- end -->",
            one.read_text(encoding="utf-8"),
        )
        one.write_text(fresh, encoding="utf-8")
