"""The committed tables of docs/statistics.md are whole and hold; ``pytest -m slow`` measures a part of them again."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent))

from calibration import BINS, SIZES, calibration
from coverage_study import BLOCK, CELLS, DOCUMENT, LEAST, MOST, STUDIES, TABLES, coverage, name_of, rewritten, row
from exceptions import EXCEPTIONS
from intervals import accuracies, means
from ladders import many, true_curves
from of_curves import true_area, true_ratio
from rows import Interval, of_panel
from worlds import majority, majority_truth, pair_of, pass_truth, votes_of

TOLD = [name for name in TABLES if name != "choices"]
"""Tables of what the package prints."""


def lines(name: str) -> list[list[str]]:
    """The cells of a committed table, line by line."""
    blocks = {block["name"]: block["table"] for block in BLOCK.finditer(DOCUMENT.read_text(encoding="utf-8"))}
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in blocks[name].splitlines()[2:]]


def committed() -> Iterator[tuple[tuple[str, str, int, int], float]]:
    """Estimate, world, problems and samples; and the coverage: what the package prints."""
    for name in TOLD:
        for estimate, _, world, *cells, _ in lines(name):
            for (n, n_samples), cell in zip(CELLS, cells, strict=True):
                if cell != "–":
                    yield (estimate, world, n, n_samples), float(cell.strip("*"))


@pytest.mark.parametrize("name", TABLES)
def test_every_interval_has_its_line(name: str) -> None:
    intervals = list(TABLES[name]())
    assert [line[:3] for line in lines(name)] == [[i.estimate, i.by, i.world] for i in intervals]
    assert all(int(line[-1].replace(",", "")) >= STUDIES for line in lines(name))
    for interval, (_, _, _, *cells, _) in zip(intervals, lines(name), strict=True):
        is_left_out = [n_samples < interval.least or n > interval.most for n, n_samples in CELLS]
        assert all(cell == "–" for cell, out in zip(cells, is_left_out, strict=True) if out)


def test_the_defaults_cover_what_they_say_but_where_the_document_says_otherwise() -> None:
    for key, percent in committed():
        least, most = EXCEPTIONS.get(key, (LEAST, MOST))
        assert least <= percent <= most, key


def test_no_exception_is_idle() -> None:
    assert set(EXCEPTIONS) == {key for key, percent in committed() if not LEAST <= percent <= MOST}


def half_as_wide(n: int, n_samples: int, n_studies: int) -> np.ndarray:
    means = np.random.default_rng(0).random((n_studies, n)).mean(axis=1)
    return np.abs(means - 0.5) < 0.98 * (1 / 12 / n) ** 0.5


def test_a_false_interval_is_found_out() -> None:
    found = coverage(Interval("mean", "half as wide", "uniform", half_as_wide), 30, 1, 2000)
    assert found is not None
    assert 62 < found < 73  # 67.3
    assert "**67.0**" in row(Interval("mean", "half as wide", "uniform", half_as_wide), [67.0] * 6, 100)


def test_a_study_without_an_interval_does_not_count() -> None:
    def study(rng: np.random.Generator, n: int, n_samples: int) -> dict[str, tuple[float | None, float | None]]:
        u = rng.random()
        return {} if u < 0.4 else {"figure": (0.0, 1.0) if u < 0.7 else (2.0, 3.0)}

    line = Interval("figure", "none", "nowhere", of_panel(study, "figure", lambda _: 0.5))
    found = coverage(line, 30, 1, 2000)
    assert found is not None
    assert 45 < found < 55  # of six in ten that have one, half hold it
    assert coverage(Interval("other", "none", "nowhere", of_panel(study, "other", lambda _: 0.5)), 30, 1, 50) is None


def test_a_line_measured_again_replaces_its_own_alone() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    line = next(means())
    new = row(line, [95.0] * 6, 2000)
    found = rewritten(text, "means", {name_of(line): new})
    assert new in found
    assert set(found.splitlines()) - set(text.splitlines()) <= {new}
    assert rewritten(text, "means", {}) == text


def test_truths_agree_with_closed_forms() -> None:
    # E[1 - (1-p)^k] = 1 - (3/5)(4/6) under Beta(2, 3); of three votes on one right and one liked wrong answer
    assert pass_truth("Beta(2, 3)", 2) == pytest.approx(1 - 3 / 5 * 4 / 6, abs=1e-3)
    assert majority_truth("Beta(2, 3)", 1) == pytest.approx(0.4, abs=2e-3)
    assert majority(np.array([[2, 1, 0], [1, 1, 1], [0, 3, 0]]), 3) == pytest.approx([1, 1 / 3, 0])
    assert votes_of(np.random.default_rng(0), np.array([1.0, 0.0]), 5)[:, 0].tolist() == [5, 0]
    p, q = pair_of("all right; new loses 2 %, else 99 %", np.random.default_rng(0), (200_000,))
    assert (q - p).mean() == pytest.approx(-0.02 - 0.98 * 0.01, abs=1e-3)


def test_truths_of_ladders_agree_with_closed_forms() -> None:
    # what a problem needs is log-normal about e^6 with variance 1.1^2 + .5^2 + .5^2; four of five are able
    from scipy.stats import norm

    tokens, accuracies_ = true_curves()[0]
    spread = np.sqrt(1.1**2 + 0.5**2 + 0.5**2)
    z = (np.log([64, 256, 1024, 4096]) - 6) / spread
    assert accuracies_ == pytest.approx(0.8 * norm.cdf(z), abs=2e-3)
    at = np.log([64.0, 256.0, 1024.0, 4096.0])
    below = np.exp(6 + spread**2 / 2) * norm.cdf((at - 6) / spread - spread)
    assert tokens == pytest.approx(below + np.exp(at) * norm.sf(z), rel=5e-3)
    assert true_area() > 0
    assert 0.6 < true_ratio() < 0.75  # two thirds but for what is between points
    assert many(8)[0].means.mean(axis=0) == pytest.approx(accuracies_, abs=2e-3)


def test_memberships_of_few_studies_have_their_bins() -> None:
    found = calibration(30, 1, 20)
    assert len(found) == len(BINS) - 1
    assert sum(n for *_, n in found) == 20 * 6


def test_memberships_are_in_the_document() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    assert all(f"| membership |{''.join(f' n = {n:,} |' for n, _ in SIZES)}" in text for _ in SIZES)


def test_a_quick_study_of_accuracy_holds() -> None:
    found = coverage(Interval("accuracy", "auto", "Beta(2, 3)", accuracies("Beta(2, 3)", "auto")), 200, 8, 2000)
    assert found is not None
    assert LEAST <= found <= MOST


@pytest.mark.slow
@pytest.mark.parametrize("interval", list(means()), ids=lambda i: f"{i.estimate}, {i.world}")
def test_a_part_of_the_table_is_measured_again(interval: Interval) -> None:
    said = dict(committed())
    for n, n_samples in CELLS[:4]:
        found = coverage(interval, n, n_samples, STUDIES)
        if found is not None:
            assert found == pytest.approx(said[interval.estimate, interval.world, n, n_samples], abs=1.0)


def test_the_document_tells_how_it_is_made() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    assert re.search(r"python tests/statistics/\w+\.py", text)
