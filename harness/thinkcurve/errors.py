"""What can go wrong in a way a user can mend: printed as one sentence, never as a traceback."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class ThinkcurveError(Exception):
    """Something a user can mend. The message says what is wrong, where, and what would be right."""


class UsageError(ThinkcurveError):
    """Bad input, refused before any token is spent (exit code 2)."""


class BackendError(ThinkcurveError):
    """A generation that did not come about: infrastructure, never the model's mistake.

    ``is_retryable`` says that the same request may succeed later; ``is_fatal`` that no further request to
    this backend can succeed (wrong key, server gone), so the run should stop at once. ``is_busy`` says that a server
    put us off (429, 529) rather than failed: that is waited out, for longer than a fault is.
    """

    def __init__(
        self,
        message: str,
        *,
        is_retryable: bool = False,
        is_fatal: bool = False,
        retry_after_s: float | None = None,
        is_busy: bool = False,
    ) -> None:
        super().__init__(message)
        self.is_retryable = is_retryable
        self.is_fatal = is_fatal
        self.retry_after_s = retry_after_s
        self.is_busy = is_busy


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """`` Did you mean 'x'?`` when something known is near to ``name``, else an empty string."""
    near = difflib.get_close_matches(name, list(known), n=1, cutoff=0.6)
    return f" Did you mean {near[0]!r}?" if near else ""
