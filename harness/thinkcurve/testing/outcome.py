"""What came of a check, and what it cost."""

from __future__ import annotations

from typing import Literal

import msgspec

from thinkcurve.backend import Generation


class Spent(msgspec.Struct, frozen=True):
    """Requests that were sent, and what came back said of its use; ``usd`` is ``None`` where nothing named a price."""

    requests: int = 0
    prompt_tokens: int = 0
    generated_tokens: int = 0
    thinking_tokens: int = 0
    usd: float | None = None

    @classmethod
    def of(cls, generation: Generation) -> Spent:
        """What one generation used, as far as it is known."""
        usage = generation.usage
        thinking = usage.thinking_tokens or 0
        known = usage.generated_tokens
        counted = thinking + (usage.answer_tokens or 0) or len(generation.token_ids or ())
        return cls(
            prompt_tokens=usage.prompt_tokens or 0,
            generated_tokens=counted if known is None else known,
            thinking_tokens=thinking,
            usd=usage.usd,
        )

    def plus(self, more: Spent) -> Spent:
        """Both together."""
        known = [usd for usd in (self.usd, more.usd) if usd is not None]
        return Spent(
            self.requests + more.requests,
            self.prompt_tokens + more.prompt_tokens,
            self.generated_tokens + more.generated_tokens,
            self.thinking_tokens + more.thinking_tokens,
            sum(known) if known else None,
        )


class Outcome(msgspec.Struct, frozen=True):
    """One check of one backend. ``detail`` says what was tried, what broke, or why it was skipped."""

    name: str
    status: Literal["passed", "failed", "skipped"]
    detail: str
    seconds: float
    spent: Spent = Spent()

    def raise_if_failed(self) -> None:
        """Raise `AssertionError` with the detail, for a test of any framework."""
        if self.status == "failed":
            raise AssertionError(f"{self.name}: {self.detail}")
