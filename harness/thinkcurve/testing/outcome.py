"""What came of a check."""

from __future__ import annotations

from typing import Literal

import msgspec


class Outcome(msgspec.Struct, frozen=True):
    """One check of one backend. ``detail`` says what was tried, what broke, or why it was skipped."""

    name: str
    status: Literal["passed", "failed", "skipped"]
    detail: str
    seconds: float

    def raise_if_failed(self) -> None:
        """Raise `AssertionError` with the detail, for a test of any framework."""
        if self.status == "failed":
            raise AssertionError(f"{self.name}: {self.detail}")
