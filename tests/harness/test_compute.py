"""FLOPs: the closed form against a sum position by position."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thinkcurve.backend import ModelInfo
from thinkcurve.compute import flops

MODEL = ModelInfo(name="m", active_parameters=1000, layers=3, width=16)


@given(n=st.integers(0, 200), start=st.integers(0, 200))
def test_flops_are_the_sum_over_positions(n: int, start: int) -> None:
    start = min(start, n)
    by_hand = sum(2 * (1000 + 2 * 3 * 16 * t) for t in range(start, n))
    assert flops(MODEL, n, already_computed=start) == pytest.approx(by_hand)


def test_an_unknown_model_has_unknown_flops() -> None:
    assert flops(ModelInfo(name="api"), 10) is None
