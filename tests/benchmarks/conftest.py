"""Prints what the benchmarks found as plain tables under pytest-benchmark's own."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

Row = dict[str, str | float]
ROWS = pytest.StashKey[dict[str, list[Row]]]()


@pytest.fixture
def report(request: pytest.FixtureRequest) -> Callable[..., None]:
    """``report(title, **columns)`` adds a row to the table of that title."""

    def add(title: str, **columns: str | float) -> None:
        request.config.stash.setdefault(ROWS, {}).setdefault(title, []).append(columns)

    return add


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    for title, rows in config.stash.get(ROWS, {}).items():
        terminalreporter.write_sep("-", title)
        for line in _lines(rows):
            terminalreporter.write_line(line)


def _lines(rows: list[Row]) -> list[str]:
    cells = [[name.replace("_", " ") for name in rows[0]], *([_text(value) for value in row.values()] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return ["  ".join((cell.ljust, cell.rjust)[i > 0](widths[i]) for i, cell in enumerate(line)) for line in cells]


def _text(value: str | float) -> str:
    if isinstance(value, str):
        return value
    return f"{value:,.0f}" if isinstance(value, int) or abs(value) >= 100 else f"{value:.3g}"
