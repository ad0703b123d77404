"""The x axis: every compute has its place, and ticks are round and few."""

from __future__ import annotations

import pytest

from thinkcurve.report.scale import fit_scale


@pytest.mark.parametrize(
    ("xs", "ticks"),
    [
        ((0, 16, 5000), (0, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096)),
        ((100, 1600), (128, 256, 512, 1024)),
        ((150, 300), (150, 200, 250, 300)),
        ((0, 0), (0, 1, 2, 4, 8, 16)),
        ((0, 0.001, 400), (0, 1, 2, 4, 8, 16, 32, 64, 128, 256)),
    ],
)
def test_token_ticks(xs: tuple[float, ...], ticks: tuple[float, ...]) -> None:
    assert fit_scale(xs, 560, in_tokens=True).ticks == ticks


@pytest.mark.parametrize(
    ("xs", "ticks"),
    [
        ((1e9, 1e12), (1e9, 1e10, 1e11, 1e12)),
        ((0.01, 0.1), (0.01, 0.02, 0.05, 0.1)),
        ((2.0, 2.1), (1.5, 2.0, 2.5)),
    ],
)
def test_decimal_ticks(xs: tuple[float, ...], ticks: tuple[float, ...]) -> None:
    found = fit_scale(xs, 560, in_tokens=False).ticks
    assert set(ticks) <= set(found)


@pytest.mark.parametrize("xs", [(0,), (5,), (0, 1e-9), (1e-30, 1e30), (7, 7.0001), (0, 3, 1e15)])
@pytest.mark.parametrize("in_tokens", [True, False])
def test_any_compute_fits_the_axis_with_few_ordered_ticks(xs: tuple[float, ...], in_tokens: bool) -> None:
    scale = fit_scale(xs, 560, in_tokens=in_tokens)
    assert all(0 <= scale.position(x) <= 1 for x in xs)
    assert 2 <= len(scale.ticks) <= 14
    assert list(scale.ticks) == sorted(set(scale.ticks))
    assert scale.at(scale.position(xs[-1])) == pytest.approx(xs[-1])
