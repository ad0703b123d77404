"""Coverage of the package's 95 % intervals: ``python tests/statistics/coverage_study.py`` measures it and writes the
tables of docs/statistics.md anew, in some ten minutes on one core. ``--studies 200`` prints a quick look and writes
nothing.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterable
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))

from intervals import Interval, choices, defaults

DOCUMENT = Path(__file__).parents[2] / "docs" / "statistics.md"
STUDIES = 2000
CELLS = [(n, n_samples) for n in (30, 200, 1000) for n_samples in (1, 8)]
"""Problems, and samples of each."""
LEAST, MOST = 93.0, 97.0
"""Within these lies a 95 % interval that holds its level: 2,000 studies know a coverage of 95 % to 1 % (two standard
errors), the rest is what an approximation may cost."""
TABLES = {"coverage": defaults, "choices": choices}
BLOCK = re.compile(r"<!-- generated: (?P<name>\w+) -->\n(?P<table>.*?)<!-- end -->", re.DOTALL)
HEAD = ("| estimate | interval | world |", *(f" n = {n:,}, K = {k} |" for n, k in CELLS))


def coverage(interval: Interval, n: int, n_samples: int, n_studies: int = STUDIES) -> float | None:
    """The share in percent of studies whose interval holds the truth; ``None`` where there are too few samples."""
    if n_samples < interval.least:
        return None
    return 100 * float(np.mean(interval.study(n, n_samples, n_studies)))


def row(interval: Interval, n_studies: int = STUDIES) -> str:
    """A line of the table; what lies outside 93 to 97 is bold."""
    cells = (_cell(coverage(interval, n, n_samples, n_studies)) for n, n_samples in CELLS)
    return f"| {interval.estimate} | {interval.by} | {interval.world} | {' | '.join(cells)} |"


def _cell(percent: float | None) -> str:
    if percent is None:
        return "–"
    return f"{percent:.1f}" if LEAST <= round(percent, 1) <= MOST else f"**{percent:.1f}**"


def table(rows: Iterable[str]) -> str:
    """The table of some lines, in Markdown."""
    return "\n".join(["".join(HEAD), "| --- | --- | --- |" + " ---: |" * len(CELLS), *rows, ""])


def main() -> None:
    """Measure, print, and write where all studies were made."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--studies", type=int, default=STUDIES)
    n_studies = parser.parse_args().studies
    tables = {}
    for name, intervals in TABLES.items():
        rows = []
        for interval in intervals():
            rows.append(row(interval, n_studies))
            print(rows[-1], flush=True)
        tables[name] = f"<!-- generated: {name} -->\n{table(rows)}<!-- end -->"
    if n_studies == STUDIES:
        text = BLOCK.sub(lambda block: tables[block["name"]], DOCUMENT.read_text(encoding="utf-8"))
        DOCUMENT.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
