"""Trying again: faults a few times, being put off for as long as patience lasts, and never in a hot loop."""

import pytest

from thinkcurve.errors import BackendError
from thinkcurve.retry import RetryPolicy, with_retries


class Clock:
    """Time that only sleeping moves."""

    def __init__(self) -> None:
        self.now = 0.0
        self.waits: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.now += seconds


async def tried(errors: list[BackendError]) -> tuple[int, Clock]:
    """How many tries there were until it came or was given up, and the waits between them."""
    clock, tries = Clock(), 0

    async def call() -> str:
        nonlocal tries
        tries += 1
        if tries <= len(errors):
            raise errors[tries - 1]
        return "came"

    try:
        await with_retries(call, RetryPolicy(), sleep=clock.sleep, jitter=lambda: 1.0, clock=lambda: clock.now)
    except BackendError:
        return -tries, clock
    return tries, clock


FAULT = BackendError("502", is_retryable=True)
BUSY = BackendError("429", is_retryable=True, is_busy=True)


async def test_faults_are_tried_five_times_with_growing_waits() -> None:
    tries, clock = await tried([FAULT] * 4)
    assert (tries, clock.waits) == (5, [0.5, 1.0, 2.0, 4.0])
    assert (await tried([FAULT] * 5))[0] == -5


async def test_being_put_off_is_no_fault_and_is_waited_out() -> None:
    assert (await tried([BUSY] * 40))[0] == 41
    tries, clock = await tried([BUSY] * 4000)
    assert tries < 0
    assert 3600 <= clock.now <= 3600 + 60


async def test_a_wish_of_no_seconds_is_no_hot_loop() -> None:
    now = BackendError("429", is_retryable=True, is_busy=True, retry_after_s=0.0)
    tries, _ = await tried([now] * 100_000)
    assert -200 < tries < 0


async def test_a_servers_wish_is_the_least_that_is_waited() -> None:
    wish = BackendError("429", is_retryable=True, is_busy=True, retry_after_s=7.0)
    assert (await tried([wish]))[1].waits == [7.0]
    long = BackendError("429", is_retryable=True, is_busy=True, retry_after_s=1e9)
    assert (await tried([long]))[1].waits == [600.0]


@pytest.mark.parametrize("error", [BackendError("400"), BackendError("401", is_fatal=True)])
async def test_what_no_later_try_mends_is_raised_at_once(error: BackendError) -> None:
    assert (await tried([error]))[0] == -1
