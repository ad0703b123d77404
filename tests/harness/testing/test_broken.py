"""The conformance kit can fail: engines broken on purpose are noticed, in words, and an honest one passes whole."""

import re
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from broken import BROKEN, Broken
from broken_service import WorksOn
from toy import Toy

from thinkcurve.testing import CHECKS, TOKEN_CHECKS, run_check, run_checks

PATIENCE_S = 1.0
"""For what hangs; an honest request of the toy takes milliseconds."""
SLOW_S = 0.01
"""A token's time where requests have to be caught at work."""


@pytest.mark.parametrize("broken", BROKEN, ids=lambda broken: f"{broken.engine.__name__}-{broken.check}")
async def test_a_broken_engine_is_noticed_by_its_check(broken: Broken) -> None:
    engine = broken.engine(pause_s=SLOW_S if broken.check == "cancellation" else 0.0)
    patience_s = 20 if broken.engine is WorksOn else PATIENCE_S
    outcome = await run_check(broken.check, engine, patience_s=patience_s)
    assert outcome.status == "failed", outcome
    assert re.search(broken.says, outcome.detail), outcome.detail
    with pytest.raises(AssertionError, match=re.escape(outcome.detail)):
        outcome.raise_if_failed()


async def test_an_honest_engine_passes_every_check() -> None:
    outcomes = await run_checks(Toy())
    assert {outcome.name: outcome.detail for outcome in outcomes if outcome.status != "passed"} == {}
    assert [outcome.name for outcome in outcomes] == list(TOKEN_CHECKS)


@pytest.mark.parametrize("options", [{"slots": 1}, {"slots": 300}, {"context": 250}, {"context": 3000}])
async def test_honest_engines_of_any_size_pass(options: dict[str, int]) -> None:
    outcomes = await run_checks(Toy(**options))
    assert {outcome.name: outcome.detail for outcome in outcomes if outcome.status == "failed"} == {}


@pytest.mark.parametrize("check", ["one-trace", "cancellation", "closing"])
async def test_an_honest_engine_that_takes_its_time_passes(check: str) -> None:
    outcome = await run_check(check, Toy(pause_s=0.005))
    assert outcome.status == "passed", outcome


@pytest.mark.parametrize("size", [8, 16, 40])
async def test_honest_engines_pass_at_any_size_of_check(size: int) -> None:
    outcomes = await run_checks(Toy(), size=size)
    assert {outcome.name: outcome.detail for outcome in outcomes if outcome.status == "failed"} == {}


def test_every_check_is_proved_able_to_fail_and_says_what_is_promised() -> None:
    assert {broken.check for broken in BROKEN} == set(TOKEN_CHECKS)
    for check in CHECKS.values():
        assert check.__doc__
