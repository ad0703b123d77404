"""Trying again: infrastructure errors are retried with backoff, the model's mistakes never are."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

import msgspec

from thinkcurve.errors import BackendError

T = TypeVar("T")


class RetryPolicy(msgspec.Struct, frozen=True):
    """At most ``attempts`` tries, waiting ``first_wait_s`` and doubling up to ``longest_wait_s``, with full jitter.

    A server that puts us off (`BackendError.is_busy`) has not failed: such tries are not counted, but given up
    ``patience_s`` seconds after the first.

    Full jitter (a uniform wait between zero and the bound) is the variant that spreads clients best:
    https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
    """

    attempts: int = 5
    first_wait_s: float = 0.5
    longest_wait_s: float = 60.0
    longest_wish_s: float = 600.0
    patience_s: float = 3600.0

    def wait_s(self, failed: int, retry_after_s: float | None, jitter: float) -> float:
        """Seconds to wait after the ``failed``-th try (from 1); a server's own wish is the least, within bounds."""
        backoff = jitter * min(self.longest_wait_s, self.first_wait_s * 2.0 ** min(failed - 1, 30))
        return backoff if retry_after_s is None else max(min(retry_after_s, self.longest_wish_s), backoff)


async def with_retries(
    call: Callable[[], Awaitable[T]],
    policy: RetryPolicy,
    *,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    jitter: Callable[[], float] = random.random,
    clock: Callable[[], float] = time.monotonic,
) -> T:
    """The result of ``call``, tried again while its `BackendError` says that this may help."""
    failed = put_off = 0
    started_s = clock()
    while True:
        try:
            return await call()
        except BackendError as error:
            if error.is_busy:
                put_off += 1
            else:
                failed += 1
            if not error.is_retryable or failed >= policy.attempts:
                raise
            if error.is_busy and clock() - started_s >= policy.patience_s:
                raise
            await sleep(policy.wait_s(failed + put_off, error.retry_after_s, jitter()))
