"""The own loop's end: what is slow to end, or never does, is given up without an error."""

import asyncio
import threading
import time
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from thinkcurve.errors import BackendError
from thinkcurve_backends.own_loop import OwnLoop


def test_it_does_its_last_work_once() -> None:
    done = []

    async def last() -> None:
        done.append(1)

    loop = OwnLoop("it")
    loop.close(last())
    loop.close(last())
    assert done == [1]


async def _waits_for_ever() -> None:
    await asyncio.Event().wait()


async def _holds_the_thread() -> None:
    time.sleep(1.5)  # noqa: ASYNC251 - this is the fault


@pytest.mark.parametrize("last", [_waits_for_ever, _holds_the_thread])
def test_slow_last_work_is_given_up(
    last: Callable[[], Coroutine[Any, Any, None]], caplog: pytest.LogCaptureFixture
) -> None:
    loop, before = OwnLoop("it"), time.monotonic()
    loop.close(last(), wait_s=0.1)
    assert time.monotonic() - before < 5
    with pytest.raises(BackendError, match="it is closed"):
        loop.run_now(_waits_for_ever())
    for thread in threading.enumerate():
        if thread.name == "thinkcurve-own-loop":
            thread.join(5)
    assert "Task was destroyed" not in caplog.text


def test_a_task_that_does_not_let_itself_be_cancelled_is_not_waited_for() -> None:
    async def stubborn() -> None:
        for _ in range(20):
            try:
                await asyncio.sleep(0.1)
            except asyncio.CancelledError:
                continue

    loop, done = OwnLoop("it"), []

    async def last() -> None:
        done.append(1)

    async def begin() -> None:
        tasks.append(asyncio.ensure_future(stubborn()))
        await asyncio.sleep(0)

    tasks: list[asyncio.Future[None]] = []
    loop.run_now(begin())
    before = time.monotonic()
    loop.close(last(), wait_s=0.1)
    assert done == [1]
    assert time.monotonic() - before < 1.5


async def test_what_was_asked_for_in_the_turn_it_is_closed_in_is_told_so() -> None:
    loop = OwnLoop("it")
    asked = [asyncio.ensure_future(loop.run(_waits_for_ever())) for _ in range(3)]
    await asyncio.sleep(0)  # they have asked, and nobody was woken yet
    loop.close()
    for error in await asyncio.wait_for(asyncio.gather(*asked, return_exceptions=True), 5):
        assert isinstance(error, BackendError)
        assert "it is closed" in str(error)


async def test_results_and_errors_come_back_to_those_who_asked() -> None:
    async def double(number: int) -> int:
        await asyncio.sleep(number % 7 / 1000)
        if number % 5 == 0:
            raise ValueError(number)
        return 2 * number

    loop = OwnLoop("it")
    came = await asyncio.gather(*(loop.run(double(n)) for n in range(500)), return_exceptions=True)
    for number, result in enumerate(came):
        if number % 5 == 0:
            assert isinstance(result, ValueError)
            assert result.args == (number,)
        else:
            assert result == 2 * number
    loop.close()


async def test_a_cancelled_call_is_cancelled_there_and_the_others_go_on() -> None:
    ended: list[tuple[int, bool]] = []

    async def work(number: int) -> int:
        try:
            await asyncio.sleep(0.05)
        except asyncio.CancelledError:
            ended.append((number, True))
            raise
        ended.append((number, False))
        return number

    loop = OwnLoop("it")
    calls = [asyncio.ensure_future(loop.run(work(n))) for n in range(10)]
    await asyncio.sleep(0.01)
    for call in calls[::2]:
        call.cancel()
    came = await asyncio.gather(*calls, return_exceptions=True)
    assert [number for number in came if isinstance(number, int)] == [1, 3, 5, 7, 9]
    assert sorted(ended) == [(n, n % 2 == 0) for n in range(10)]
    loop.close()


def test_a_loop_that_is_gone_does_not_hold_up_those_of_others() -> None:
    loop = OwnLoop("it")

    async def leave() -> None:
        left = asyncio.ensure_future(loop.run(asyncio.sleep(0.05)))
        await asyncio.sleep(0.01)
        left.cancel()

    asyncio.run(leave())
    assert asyncio.run(loop.run(asyncio.sleep(0.1, "here"))) == "here"
    loop.close()
