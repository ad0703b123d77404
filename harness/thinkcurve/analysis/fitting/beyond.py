"""How far beyond the measured range a fitted line goes, where somebody asks for it."""

from __future__ import annotations

import msgspec


class Beyond(msgspec.Struct, frozen=True):
    """A cost on the axis, or with ``is_factor`` so many times the largest measured one."""

    amount: float
    is_factor: bool = False

    def of(self, largest: float) -> float | None:
        """The x to which a line goes that was measured up to ``largest``; ``None`` where that is not beyond it.

        >>> Beyond(4, is_factor=True).of(512), Beyond(4096).of(512), Beyond(256).of(512)
        (2048, 4096, None)
        """
        to = self.amount * largest if self.is_factor else self.amount
        return to if to > largest > 0 else None
