"""One event loop in a thread of its own, for engines and connections that are bound to the loop they began in.

A backend may be used from several event loops one after another, and its tokenizer from plain functions. What
lives in an `OwnLoop` does not notice: every call is carried over to it, and a cancelled call is cancelled there.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Coroutine
from concurrent.futures import CancelledError, Future, wait
from typing import Any, TypeVar

from thinkcurve.errors import BackendError

T = TypeVar("T")


class OwnLoop:
    """A running event loop. ``what`` names what lives in it, for the error of those who call after it was closed."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._loop = asyncio.new_event_loop()
        self._lock = threading.Lock()
        self._is_closed = False
        self._thread = threading.Thread(target=self._loop.run_forever, name="thinkcurve-own-loop", daemon=True)
        self._thread.start()

    async def run(self, work: Coroutine[Any, Any, T]) -> T:
        """The result of ``work``, awaited from any event loop. Raises a fatal `BackendError` where this is closed."""
        try:
            return await asyncio.wrap_future(self._submit(work))
        except asyncio.CancelledError:
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

    def _submit(self, work: Coroutine[Any, Any, T]) -> Future[T]:
        with self._lock:
            if not self._is_closed:
                return asyncio.run_coroutine_threadsafe(work, self._loop)
        work.close()
        raise self._closed()

    def _closed(self) -> BackendError:
        return BackendError(f"{self._what} is closed", is_fatal=True)
