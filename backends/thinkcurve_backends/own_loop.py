"""One event loop in a thread of its own, for engines and connections that are bound to the loop they began in.

A backend may be used from several event loops one after another, and its tokenizer from plain functions. What
lives in an `OwnLoop` does not notice: every call is carried over to it, and a cancelled call is cancelled there.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
import weakref
from collections.abc import Callable, Coroutine
from concurrent.futures import CancelledError, Future, wait
from typing import Any, Generic, TypeVar

from thinkcurve.errors import BackendError

T = TypeVar("T")


class _Mailbox:
    """Calls for one event loop from other threads. Waking a loop is a write to a pipe, so those that come before it
    looks, and those that one turn of the sender's own loop brings, wake it once together. A call raises nothing."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._lock = threading.Lock()
        self._calls: list[Callable[[], None]] = []

    def post(self, call: Callable[[], None]) -> None:
        """Let the loop make a call soon, where it is not closed. To be called in a loop."""
        with self._lock:
            self._calls.append(call)
            if len(self._calls) > 1:
                return
        asyncio.get_running_loop().call_soon(self.wake)

    def wake(self) -> None:
        """Let what was posted be delivered now."""
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits there
            self._loop.call_soon_threadsafe(self._deliver)

    def _deliver(self) -> None:
        with self._lock:
            calls, self._calls = self._calls, []
        for call in calls:
            call()


class _Carried(Generic[T]):
    """Work that is done in one loop and awaited in another, ``home``."""

    def __init__(self, work: Coroutine[Any, Any, T], home: _Mailbox) -> None:
        self.result: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._work = work
        self._home = home
        self._task: asyncio.Task[T] | None = None

    def begin(self) -> None:
        self._task = asyncio.get_running_loop().create_task(self._work)
        self._task.add_done_callback(self._ended)

    def cancel(self) -> None:
        if self._task is not None:
            self._task.cancel()

    def _ended(self, task: asyncio.Task[T]) -> None:
        error = None if task.cancelled() else task.exception()

        def tell() -> None:
            if self.result.done():  # nobody waits any more
                return
            if task.cancelled():
                self.result.cancel()
            elif error is not None:
                self.result.set_exception(error)
            else:
                self.result.set_result(task.result())

        self._home.post(tell)


class OwnLoop:
    """A running event loop. ``what`` names what lives in it, for the error of those who call after it was closed."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._loop = asyncio.new_event_loop()
        self._lock = threading.Lock()
        self._is_closed = False
        self._mailbox = _Mailbox(self._loop)
        self._homes: weakref.WeakValueDictionary[asyncio.AbstractEventLoop, _Mailbox] = weakref.WeakValueDictionary()
        self._thread = threading.Thread(target=self._loop.run_forever, name="thinkcurve-own-loop", daemon=True)
        self._thread.start()

    async def run(self, work: Coroutine[Any, Any, T]) -> T:
        """The result of ``work``, awaited from any event loop. Raises a fatal `BackendError` where this is closed."""
        carried = self._carry(work)
        try:
            return await carried.result
        except asyncio.CancelledError:
            self._mailbox.post(carried.cancel)
            task = asyncio.current_task()
            if self._is_closed and not (task and task.cancelling()):
                raise self._closed() from None
            raise

    def run_now(self, work: Coroutine[Any, Any, T]) -> T:
        """The result of ``work``, waited for in this thread."""
        try:
            return self._submit(work).result()
        except CancelledError:
            raise self._closed() from None

    def close(self, last: Coroutine[Any, Any, object] | None = None, wait_s: float = 30) -> None:
        """Cancel all that runs, do ``last``, end the thread; a second close does nothing but drop its ``last``.

        What takes longer than ``wait_s`` is given up without a word: the work is done, only its end is slow.
        """
        with self._lock:
            is_first, self._is_closed = not self._is_closed, True
        if not is_first:
            if last is not None:
                last.close()
            return
        try:
            self._mailbox.wake()  # what was asked for before this is begun, and cancelled with the rest
            ending = asyncio.run_coroutine_threadsafe(self._end(last, wait_s), self._loop)
            if not wait({ending}, 2 * wait_s + 1).not_done:  # not done: something holds the thread itself
                ending.result()
        finally:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(1)
            if not self._thread.is_alive():
                self._loop.close()

    async def _end(self, last: Coroutine[Any, Any, object] | None, wait_s: float) -> None:
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        if others:
            await asyncio.wait(others, timeout=wait_s)
        if last is not None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait_s):
                    await last
        await self._loop.shutdown_asyncgens()

    def _carry(self, work: Coroutine[Any, Any, T]) -> _Carried[T]:
        here = asyncio.get_running_loop()
        with self._lock:
            if not self._is_closed:
                home = self._homes.get(here)
                if home is None:
                    home = self._homes[here] = _Mailbox(here)
                carried = _Carried(work, home)
                self._mailbox.post(carried.begin)
                return carried
        work.close()
        raise self._closed()

    def _submit(self, work: Coroutine[Any, Any, T]) -> Future[T]:
        with self._lock:
            if not self._is_closed:
                return asyncio.run_coroutine_threadsafe(work, self._loop)
        work.close()
        raise self._closed()

    def _closed(self) -> BackendError:
        return BackendError(f"{self._what} is closed", is_fatal=True)
