"""What a request costs: by hand, and what holds for every tariff."""

import math

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from thinkcurve.errors import UsageError
from thinkcurve.tariff import UNKNOWN, Tariff, Tier, check_prices, format_usd

PLAIN = Tariff(input=1.0, output=10.0)
CACHED = Tariff(input=2.0, output=8.0, cached_input=0.5, cache_write=2.5)
THOUGHT = Tariff(input=2.0, output=8.0, thinking=3.0)
LONG = Tariff(input=1.0, output=10.0, cached_input=0.1, tiers=(Tier(200_000, input=2.0, output=15.0),))

prices = st.floats(0, 1000)
maybe = st.none() | prices
counts = st.integers(0, 10**9)
tariffs = st.builds(
    Tariff, input=prices, output=prices, cached_input=maybe, cache_write=maybe, thinking=maybe, factor=st.floats(0, 1)
)


@pytest.mark.parametrize(
    ("tariff", "tokens", "usd"),
    [
        (PLAIN, {"prompt": 1_000_000, "generated": 0}, 1.0),
        (PLAIN, {"prompt": 0, "generated": 1_000_000}, 10.0),
        (PLAIN, {"prompt": 1_000, "generated": 500, "thinking": 400}, 0.006),
        (PLAIN, {"prompt": 1_000, "generated": 500, "thinking": None}, 0.006),  # thinking is priced as output
        (PLAIN, {"prompt": 1_000, "generated": 500, "cached": 800}, 0.006),  # no price of a cache: that of input
        (CACHED, {"prompt": 1_000_000, "generated": 0, "cached": 400_000}, 0.6 * 2 + 0.4 * 0.5),
        (CACHED, {"prompt": 1_000_000, "generated": 0, "cached": 0, "cache_write": 1_000_000}, 2.5),
        (CACHED, {"prompt": 1_000_000, "generated": 0, "cached": 300_000, "cache_write": 200_000}, 1.0 + 0.15 + 0.5),
        (THOUGHT, {"prompt": 0, "generated": 1_000_000, "thinking": 1_000_000}, 3.0),
        (THOUGHT, {"prompt": 0, "generated": 1_000_000, "thinking": 250_000}, 0.75 * 8 + 0.25 * 3),
        (LONG, {"prompt": 200_000, "generated": 1_000}, 0.2 + 0.01),
        (LONG, {"prompt": 200_001, "generated": 1_000}, 0.400002 + 0.015),  # all tokens at the price of long prompts
        (LONG, {"prompt": 300_000, "generated": 0, "cached": 300_000}, 0.03),  # what has no step keeps its price
        (PLAIN.batched(0.5), {"prompt": 1_000_000, "generated": 1_000_000}, 5.5),
        (msgspec.structs.replace(PLAIN, request=0.02, factor=0.5), {"prompt": 0, "generated": 0}, 0.01),
        (Tariff(input=0.0, output=0.0), {"prompt": 5, "generated": 5}, 0.0),
    ],
)
def test_a_request_costs_what_a_hand_computes(tariff: Tariff, tokens: dict[str, int], usd: float) -> None:
    assert tariff.usd(**tokens) == pytest.approx(usd)


@pytest.mark.parametrize(
    ("tariff", "tokens"),
    [
        (UNKNOWN, {"prompt": 1, "generated": 1}),
        (UNKNOWN, {"prompt": 0, "generated": 0}),
        (Tariff(input=1.0), {"prompt": 1, "generated": 0}),
        (Tariff(output=1.0), {"prompt": 0, "generated": 1}),
        (PLAIN, {"prompt": None, "generated": 1}),
        (PLAIN, {"prompt": 1, "generated": None}),
        (THOUGHT, {"prompt": 1, "generated": 1, "thinking": None}),
        (PLAIN, {"prompt": 1, "generated": 1, "thinking": 2}),  # counts that contradict each other
        (CACHED, {"prompt": 5, "generated": 1, "cached": 6}),
        (CACHED, {"prompt": 5, "generated": 1, "cached": 3, "cache_write": 3}),
        (CACHED, {"prompt": 5, "generated": 1, "cached": -1}),
        (PLAIN, {"prompt": 5, "generated": -1}),
    ],
)
def test_what_is_not_known_has_no_price(tariff: Tariff, tokens: dict[str, int | None]) -> None:
    assert tariff.usd(**tokens) is None


@given(tariff=tariffs, prompt=counts, generated=counts, more=counts)
def test_more_tokens_never_cost_less(tariff: Tariff, prompt: int, generated: int, more: int) -> None:
    cost = tariff.usd(prompt=prompt, generated=generated, thinking=0)
    assert cost is not None
    for other in ({"prompt": prompt + more, "generated": generated}, {"prompt": prompt, "generated": generated + more}):
        assert (tariff.usd(**other, thinking=0) or 0.0) >= cost * (1 - 1e-12)


@given(
    tariff=tariffs,
    parts=st.lists(st.tuples(counts, counts, counts, counts, counts), min_size=1, max_size=5),
)
def test_the_cost_of_a_sum_is_the_sum_of_the_costs(tariff: Tariff, parts: list[tuple[int, int, int, int, int]]) -> None:
    def cost(fresh: int, read: int, written: int, told: int, thought: int) -> float:
        found = tariff.usd(
            prompt=fresh + read + written, generated=told + thought, thinking=thought, cached=read, cache_write=written
        )
        assert found is not None
        return found

    whole = cost(*(sum(column) for column in zip(*parts, strict=True)))
    assert whole == pytest.approx(sum(cost(*part) for part in parts), rel=1e-9, abs=1e-9)


@given(tariff=tariffs, prompt=counts, generated=counts, data=st.data())
def test_no_way_of_counting_costs_more_than_the_most(
    tariff: Tariff, prompt: int, generated: int, data: st.DataObject
) -> None:
    most = tariff.most_usd(prompt=prompt, generated=generated)
    cached = data.draw(st.integers(0, prompt))
    cost = tariff.usd(
        prompt=prompt,
        generated=generated,
        thinking=data.draw(st.integers(0, generated)),
        cached=cached,
        cache_write=data.draw(st.integers(0, prompt - cached)),
    )
    assert most is not None
    assert cost is not None
    assert cost <= most * (1 + 1e-12) + 1e-15


@given(tariff=st.builds(Tariff, input=maybe, output=maybe), prompt=st.none() | counts, generated=st.none() | counts)
def test_there_is_a_number_exactly_where_all_of_it_is_known(
    tariff: Tariff, prompt: int | None, generated: int | None
) -> None:
    is_known = None not in (tariff.input, tariff.output, prompt, generated)
    assert (tariff.usd(prompt=prompt, generated=generated) is not None) is is_known
    assert (tariff.most_usd(prompt=prompt, generated=generated) is not None) is is_known


@pytest.mark.parametrize(
    ("own", "complaint"),
    [
        ({"inputs": 1.0, "output": 1.0}, "unknown price 'inputs'. Did you mean 'input'?"),
        ({"factor": 0.5, "input": 1.0, "output": 1.0}, "unknown price 'factor'"),
        ({"input": -1.0, "output": 1.0}, "input is -1.0; it must be 0 or more dollars"),
        ({"input": 1.0, "output": float("nan")}, "output is nan"),
        ({"input": 1.0, "output": float("inf")}, "output is inf"),
        ({"input": 1.0}, "lack 'output'; give dollars a million tokens, 0 where it is free"),
        ({}, "lack 'input'"),
    ],
)
def test_prices_that_are_none_are_refused(own: dict[str, float], complaint: str) -> None:
    with pytest.raises(UsageError, match="prices of 'openai:x'") as refused:
        check_prices({"openai:x": own}, "study.toml", ["openai:x"])
    assert complaint in str(refused.value)
    assert str(refused.value).startswith("study.toml: ")


def test_prices_of_a_model_that_the_study_lacks_are_refused() -> None:
    good = {"input": 1.0, "output": 2.0, "thinking": 0.0}
    check_prices({"openai:gpt-5": good}, "study", ["openai:gpt-5"])
    check_prices({"anything": good}, "study")
    with pytest.raises(UsageError, match=r"'openai:gpt5', which is no model .* 'openai:gpt-5'"):
        check_prices({"openai:gpt5": good}, "study", ["openai:gpt-5"])


@pytest.mark.parametrize(
    ("usd", "text"),
    [
        (0.0, "$0.00"),
        (0.00421, "$0.0042"),
        (0.0421, "$0.042"),
        (0.0999, "$0.10"),
        (0.42, "$0.42"),
        (1234.5, "$1,234.50"),
        (-0.01, "-$0.010"),
        (-0.0, "$0.00"),
        (5e-324, "$4.9e-324"),
        (math.inf, "$inf"),
        (-math.inf, "-$inf"),
        (math.nan, "unknown"),
    ],
)
def test_dollars_are_written_for_people(usd: float, text: str) -> None:
    assert format_usd(usd) == text
