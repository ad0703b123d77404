"""How sure a model was of its answer."""

import math

import pytest

from thinkcurve.backend import Generation, Stop
from thinkcurve.certainty import certainty_of


def test_scores_are_means_over_tokens() -> None:
    tops = ({1: math.log(0.5), 2: math.log(0.25)}, {3: math.log(0.9), 4: math.log(0.1)})
    found = certainty_of(Generation("ab", Stop.EOS, logprobs=(math.log(0.5), math.log(0.1)), top_logprobs=tops))
    assert found.mean_logprob == pytest.approx(math.log(0.05) / 2)
    assert found.self_certainty == pytest.approx(-(math.log(0.125) / 2 + math.log(0.09) / 2) / 2)


def test_a_flat_model_is_the_least_certain() -> None:
    flat, sharp = (
        ({i: math.log(0.25) for i in range(4)},),
        ({0: math.log(0.97), **{i: math.log(0.01) for i in (1, 2, 3)}},),
    )
    least, most = (
        certainty_of(Generation("a", Stop.EOS, top_logprobs=top)).self_certainty or 0 for top in (flat, sharp)
    )
    assert 0 < least < most


@pytest.mark.parametrize("logprobs", [None, (), (float("nan"), -1.0)])
def test_what_did_not_come_is_unknown(logprobs: tuple[float, ...] | None) -> None:
    assert certainty_of(Generation("", Stop.EOS, logprobs=logprobs)).mean_logprob is None
