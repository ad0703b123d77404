"""Coverage of the package's 95 % intervals: ``python tests/statistics/coverage_study.py`` measures it and writes the
tables of docs/statistics.md anew. ``--tables means`` measures one of them, ``--rows "area|ratio"`` the lines that a
pattern finds, ``--jobs 8`` in as many processes, ``--studies 2000`` with so many studies of each line. ``--dry`` writes
nothing.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))

from calibration import STUDIES as MEMBERSHIPS
from calibration import table_of_memberships
from intervals import choices, means
from of_curves import of_curves
from of_fits import of_fits
from of_models import of_models
from of_rest import of_rest
from rows import Interval

DOCUMENT = Path(__file__).parents[2] / "docs" / "statistics.md"
CELLS = [(n, n_samples) for n in (30, 200, 1000) for n_samples in (1, 8)]
"""Problems, and samples of each."""
STUDIES = 2000
LEAST, MOST = 93.0, 97.0
"""Within these lies a 95 % interval that holds its level: 2,000 studies know a coverage of 95 % to 1 % (two standard
errors), the rest is what an approximation may cost."""
FEWEST_TOLD = 0.5
"""The share of studies that must give an interval for its coverage to be told."""
TABLES: dict[str, Callable[[], Iterator[Interval]]] = {
    "means": means,
    "curves": of_curves,
    "fits": of_fits,
    "models": of_models,
    "rest": of_rest,
    "choices": choices,
}
BLOCK = re.compile(r"<!-- generated: (?P<name>\w+) -->\n(?P<table>.*?)<!-- end -->", re.DOTALL)
HEAD = ("| estimate | interval | world |", *(f" n = {n:,}, K = {k} |" for n, k in CELLS), " studies |")


class Job(NamedTuple):
    """Lines of a table, by their places, that are measured together in one cell: they share their studies."""

    table: str
    places: tuple[int, ...]
    cell: tuple[int, int]
    n_studies: int


def coverage(interval: Interval, n: int, n_samples: int, n_studies: int) -> float | None:
    """The share in percent of studies whose interval holds the truth, of those that gave one.

    ``None`` where there are too few samples, or too few studies (`FEWEST_TOLD`) gave one.
    """
    if n_samples < interval.least or n > interval.most:
        return None
    held = np.asarray(interval.study(n, n_samples, n_studies), dtype=float)
    is_told = ~np.isnan(held)
    return 100 * float(held[is_told].mean()) if is_told.mean() >= FEWEST_TOLD else None


def measure(job: Job) -> dict[tuple[int, tuple[int, int]], float | None]:
    """The coverage of each line of a job, by place and cell."""
    lines = list(TABLES[job.table]())
    cells = ((place, lines[place]) for place in job.places)
    return {(p, job.cell): coverage(line, *job.cell, job.n_studies) for p, line in cells}


def jobs_of(table: str, pattern: str, n_studies: int) -> list[Job]:
    """What is to be measured: lines whose name a pattern finds."""
    panels: dict[str, list[int]] = {}
    for place, line in enumerate(TABLES[table]()):
        if re.search(pattern, name_of(line)):
            panels.setdefault(line.panel or str(place), []).append(place)
    return [Job(table, tuple(places), cell, n_studies) for places in panels.values() for cell in CELLS]


def name_of(line: Interval) -> str:
    """The head of a line, by which it is found again in the document."""
    return f"| {line.estimate} | {line.by} | {line.world} |"


def row(line: Interval, cells: Sequence[float | None], n_studies: int) -> str:
    """A line of the table; what lies outside 93 to 97 is bold."""
    told = (_cell(percent) for percent in cells)
    return f"{name_of(line)} {' | '.join(told)} | {n_studies:,} |"


def _cell(percent: float | None) -> str:
    if percent is None:
        return "–"
    return f"{percent:.1f}" if LEAST <= round(percent, 1) <= MOST else f"**{percent:.1f}**"


def table(rows: Iterable[str]) -> str:
    """The table of some lines, in Markdown."""
    return "\n".join(["".join(HEAD), "| --- | --- | --- |" + " ---: |" * (len(CELLS) + 1), *rows, ""])


def rewritten(text: str, name: str, measured: dict[str, str]) -> str:
    """A document with the measured lines, by their heads, in a table; the other lines stay as they are."""
    block = next(block for block in BLOCK.finditer(text) if block["name"] == name)
    known = {"|".join(line.split("|")[:4]) + "|": line for line in block["table"].splitlines()[2:]} | measured
    rows = [known[name_of(line)] for line in TABLES[name]() if name_of(line) in known]
    return f"{text[: block.start('table')]}{table(rows)}{text[block.end('table') :]}"


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tables", default=",".join([*TABLES, "memberships"]))
    parser.add_argument("--rows", default="", metavar="PATTERN")
    parser.add_argument("--studies", type=int, default=STUDIES)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--dry", action="store_true")
    asked = parser.parse_args()
    names = asked.tables.split(",")
    jobs = [job for name in names if name in TABLES for job in jobs_of(name, asked.rows, asked.studies)]
    found: dict[str, dict[tuple[int, tuple[int, int]], float | None]] = {}
    with ProcessPoolExecutor(asked.jobs) as pool:
        for job, cells in zip(jobs, pool.map(measure, jobs), strict=True):
            found.setdefault(job.table, {}).update(cells)
            lines = _finished(job, found[job.table], asked.studies)
            print(*lines.values(), sep="\n", end="\n" if lines else "", flush=True)
            if lines and not asked.dry:
                _write(rewritten(DOCUMENT.read_text(encoding="utf-8"), job.table, lines))
    if "memberships" in names and not asked.rows:
        made = table_of_memberships(min(asked.studies, MEMBERSHIPS))
        print(made)
        if not asked.dry:
            block = re.compile(r"(<!-- generated: memberships -->\n).*?(<!-- end -->)", re.DOTALL)
            _write(block.sub(lambda m: m[1] + made + m[2], DOCUMENT.read_text(encoding="utf-8")))


def _finished(job: Job, found: dict[tuple[int, tuple[int, int]], float | None], n_studies: int) -> dict[str, str]:
    """The lines of a job of which every cell is known, by their heads."""
    if job.cell != CELLS[-1]:
        return {}
    lines = list(TABLES[job.table]())
    chosen = {place: lines[place] for place in job.places}
    return {
        name_of(line): row(line, [found[place, cell] for cell in CELLS], n_studies) for place, line in chosen.items()
    }


def _write(text: str) -> None:
    DOCUMENT.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
