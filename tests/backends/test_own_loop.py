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
