"""What may begin under an allowance, what an allowance starts from, and that it holds."""

import asyncio
import math

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from records import a_trace, an_attempt
from thinkcurve.backend import ModelInfo
from thinkcurve.errors import UsageError
from thinkcurve.purse import FEW, Purse, Spent, check_known, dearest_seen, is_paid, opening_usd, spent
from thinkcurve.store import Records
from thinkcurve.tariff import UNKNOWN, Tariff

KNOWN = Tariff(input=1.0, output=4.0)
ENOUGH = 1e-9


def begun(purse: Purse, most: int = 1000) -> int:
    """How many requests begin at once."""
    return next((n for n in range(most) if not purse.begin()), most)


def test_without_an_allowance_everything_begins() -> None:
    purse = Purse(None)
    assert begun(purse) == 1000
    purse.end(None)
    purse.end(3.0)
    assert (purse.spent_usd, purse.left_usd) == (3.0, math.inf)


def test_the_first_request_goes_alone_to_see_what_it_costs() -> None:
    purse = Purse(1.0)
    assert begun(purse) == 1
    purse.end(0.1)
    assert begun(purse) == 9


def test_with_a_bound_as_many_begin_as_it_lets() -> None:
    assert begun(Purse(1.0, bounds={"": 0.3})) == 3
    assert begun(Purse(1.0, spent_usd=0.5, bounds={"": 0.3})) == 1


def test_a_bound_above_the_allowance_lets_a_few_begin_one_by_one_and_then_the_dearest_counts() -> None:
    purse = Purse(1.0, bounds={"": 40.0})
    for _ in range(FEW):
        assert begun(purse) == 1
        purse.end(0.05)
    assert begun(purse) == 12


def test_a_cheap_first_request_lets_no_crowd_of_dear_ones_begin() -> None:
    purse = Purse(1.0, bounds={"": 0.4})
    assert begun(purse) == 2
    purse.end(0.001)
    assert begun(purse) == 1, "each may still cost its bound"


def test_what_an_earlier_sitting_began_is_owed() -> None:
    purse = Purse(1.0, bounds={"": 0.4})
    purse.owe("")
    assert begun(purse) == 1


def test_nothing_begins_when_the_dearest_would_not_fit() -> None:
    purse = Purse(0.5)
    for usd in (0.2, 0.1, 0.1):
        assert purse.begin()
        purse.end(usd)
    assert not purse.begin()
    assert not purse.may_begin()
    assert purse.spent_usd == pytest.approx(0.4)


def test_kinds_have_costs_of_their_own() -> None:
    purse = Purse(1.0)
    assert purse.begin("low")
    purse.end(0.01, "low")
    assert purse.begin("max")
    assert not purse.begin("max")  # what it costs is not known yet
    assert purse.begin("low")
    purse.end(0.9, "max")
    assert not purse.begin("max")
    assert purse.begin("low")


def test_what_cost_nothing_says_nothing_of_the_next() -> None:
    purse = Purse(1.0)
    assert purse.begin()
    purse.end(0.0)
    assert begun(purse) == 1


def test_a_free_model_is_never_stopped() -> None:
    purse = Purse(0.0, bounds={"": 0.0})
    assert begun(purse) == 1000


@pytest.mark.parametrize("usd", [None, -1.0, float("nan"), float("inf")])
def test_an_unknown_cost_counts_as_the_dearest(usd: float | None) -> None:
    purse = Purse(1.0)
    assert purse.begin()
    purse.end(0.3)
    assert purse.begin()
    purse.end(usd)
    assert (purse.spent_usd, purse.assumed_usd) == (0.3, 0.3)
    assert purse.left_usd == pytest.approx(0.4)


async def test_where_nothing_can_be_counted_nothing_more_begins() -> None:
    purse = Purse(1.0)
    await purse.enter()
    purse.end(None)
    with pytest.raises(Spent, match=r"Stopped at \$0.00 of --max-usd 1: what a reply cost is not known"):
        await purse.enter()


def test_what_never_began_cannot_end() -> None:
    with pytest.raises(ValueError, match="no request"):
        Purse(1.0).end(0.1)


async def test_entering_waits_for_others_and_stops_in_one_line_when_the_rest_is_too_little() -> None:
    purse = Purse(0.5)
    await purse.enter()
    waiting = [asyncio.create_task(purse.enter()) for _ in range(9)]
    await asyncio.sleep(0)
    assert purse.n_open == 1
    purse.end(0.1)
    await asyncio.sleep(0)
    assert purse.n_open == 4
    for _ in range(4):
        purse.end(0.08)
    await asyncio.sleep(0)
    assert purse.n_open == 0
    ended = await asyncio.gather(*waiting, return_exceptions=True)
    stopped = [error for error in ended if isinstance(error, Spent)]
    assert (len(stopped), str(stopped[0])) == (5, "Stopped at $0.42 of --max-usd 0.5")
    assert stopped[0].spent_usd == pytest.approx(0.42)
    assert stopped[0].max_usd == 0.5


async def test_one_that_gives_up_waiting_leaves_the_others_in_place() -> None:
    purse = Purse(1.0)
    await purse.enter()
    first, second = (asyncio.create_task(purse.enter()) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    purse.end(0.1)
    await second
    assert purse.n_open == 1


costs = st.floats(0.001, 1.0)


@given(
    max_usd=st.floats(0.0, 5.0),
    before=st.floats(0.0, 6.0),
    bound=st.none() | st.just(1.0),
    wanted=st.lists(costs, min_size=1, max_size=60),
    order=st.randoms(use_true_random=False),
    at_once=st.integers(1, 16),
)
def test_an_allowance_holds(
    max_usd: float, before: float, bound: float | None, wanted: list[float], order: object, at_once: int
) -> None:
    """Above it only by requests in flight that cost more than any before; nothing begins after it is gone."""
    purse = Purse(max_usd, before, bounds={"": bound})
    flying: list[float] = []
    todo, dearest_of_flight = list(wanted), 0.0
    while todo or flying:
        gone = purse.spent_usd >= max_usd
        while todo and len(flying) < at_once and purse.begin():
            assert not gone
            flying.append(todo.pop())
            dearest_of_flight = max(dearest_of_flight, sum(flying))
        if not flying:
            break
        order.shuffle(flying)  # type: ignore[attr-defined] # hypothesis's random.Random
        purse.end(flying.pop())
    assert purse.spent_usd <= max(max_usd, before) + dearest_of_flight + ENOUGH
    if before > max_usd:
        assert purse.spent_usd == before


@given(max_usd=st.floats(0.5, 5.0), cost=st.floats(0.001, 0.4), at_once=st.integers(1, 32))
def test_requests_of_one_price_never_cost_more_than_the_allowance_and_use_it_up(
    max_usd: float, cost: float, at_once: int
) -> None:
    purse = Purse(max_usd)
    flying = 0
    while True:
        while flying < at_once and purse.begin():
            flying += 1
        if not flying:
            break
        purse.end(cost)
        flying -= 1
    assert max_usd - cost - ENOUGH <= purse.spent_usd <= max_usd + ENOUGH


def test_a_batch_takes_as_many_requests_as_fit_together() -> None:
    assert Purse(None).fits(["a"] * 9) == 9
    assert Purse(1.0).fits(["a"] * 9) == 1  # nothing is known of it
    assert Purse(1.0, bounds={"a": 0.3}).fits(["a"] * 9) == 3
    assert Purse(1.0, bounds={"a": 7.0}).fits(["a"] * 9) == 1
    assert Purse(1.0, seen={"a": 0.1, "b": 0.5}).fits(["a", "b", "a", "a", "b"]) == 4
    assert Purse(1.0, seen={"a": 0.1}).fits(["a", "b", "a"]) == 1
    assert Purse(1.0, 0.95, seen={"a": 0.1}).fits(["a"] * 9) == 0
    assert Purse(1.0, seen={"a": 0.25}).fits([]) == 0


def some(*usd: float | None) -> Records:
    records = Records()
    for index, cost in enumerate(usd):
        records.add(msgspec.structs.replace(a_trace(index), usd_spent=cost))
        records.add(msgspec.structs.replace(an_attempt(index), usd_spent=0.5))
        shared = msgspec.structs.replace(an_attempt(index, budget=16), is_shared_answer=True, usd_spent=None)
        records.add(shared)
    return records


def test_a_run_has_spent_what_its_traces_and_attempts_have() -> None:
    assert spent(Records()) == 0.0
    assert spent(some(0.25, 0.25)) == 1.5
    assert spent(some(0.25, None)) is None
    assert spent(some(0.25, None), {"m"}) == 0.0


def test_a_resumed_run_counts_what_was_spent_before_and_the_unknown_at_the_dearest() -> None:
    assert opening_usd(some(0.25, 0.25)) == 1.5
    assert opening_usd(some(0.25, None)) == pytest.approx(0.25 + 0.5 + 0.5 + 0.5)
    records = Records()
    records.add(a_trace())
    with pytest.raises(UsageError, match=r"spent on model 'm' is not known \(1 requests\)"):
        opening_usd(records)
    assert opening_usd(records, {"m"}) == 0.0
    assert not Purse(1.4, opening_usd(some(0.25, 0.25))).begin()


def test_what_was_seen_before_is_expected_again() -> None:
    records = some(0.25, 0.75)
    assert dearest_seen(records, is_separate=False) == {"m": 1.25}
    assert dearest_seen(records, is_separate=True) == {"m": 0.75, "m@8": 0.5}
    assert not Purse(2.9, opening_usd(records), seen={"m": 1.25}).begin("m")
    assert begun(Purse(1.0, seen={"": 0.3})) == 3


def test_a_ladder_of_text_was_paid_for_as_one_also_with_a_trace_a_budget() -> None:
    records = Records()
    for budget in (8, 16):
        records.add(msgspec.structs.replace(a_trace(), budget=budget, marks=(0, 0), usd_spent=0.25))
        records.add(msgspec.structs.replace(an_attempt(budget=budget), usd_spent=0.5))
    assert dearest_seen(records, is_separate=True) == {"m": 1.5}


def test_an_allowance_for_unknown_prices_is_refused_in_one_line() -> None:
    remote = ModelInfo(name="x", provider="openai")
    with pytest.raises(UsageError, match=r"'openai:x' cost is not known, so --max-usd 0.5 .*--price 'openai:x:input=1"):
        check_known(0.5, "openai:x", remote, UNKNOWN)
    check_known(None, "openai:x", remote, UNKNOWN)
    check_known(0.5, "openai:x", remote, KNOWN)
    check_known(0.5, "openrouter:x", ModelInfo(name="x", provider="openrouter"), UNKNOWN)
    check_known(0.5, "embedded", ModelInfo(name="x", is_local=True), UNKNOWN)


def test_somebody_is_paid_where_there_is_a_provider_or_a_price() -> None:
    assert is_paid(ModelInfo(name="x", provider="openai"), UNKNOWN)
    assert is_paid(ModelInfo(name="x"), KNOWN)
    assert not is_paid(ModelInfo(name="x"), None)
    assert not is_paid(ModelInfo(name="x", provider="openai", is_local=True), UNKNOWN)
    assert is_paid(ModelInfo(name="x", is_local=True), KNOWN), "by what its study says"
