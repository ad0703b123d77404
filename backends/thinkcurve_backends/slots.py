"""How many requests are open at once, for a backend that is used from several event loops one after another."""

from __future__ import annotations

import asyncio


class Slots:
    """So many at once: ``async with slots.one():``. The count starts anew in each event loop."""

    def __init__(self, number: int) -> None:
        self.number = number
        self._current: tuple[asyncio.AbstractEventLoop, asyncio.Semaphore] | None = None

    def one(self) -> asyncio.Semaphore:
        """One slot, to be taken with ``async with``."""
        loop = asyncio.get_running_loop()
        if self._current is None or self._current[0] is not loop:
            self._current = (loop, asyncio.Semaphore(self.number))
        return self._current[1]
