"""The check of batches, made only where it is asked for by name: it costs money, and may take as long as a day."""

from __future__ import annotations

import asyncio
import time

from thinkcurve.backend import Batching, BatchStatus, Generation
from thinkcurve.errors import BackendError
from thinkcurve.testing.outcome import Spent
from thinkcurve.testing.replies import EASY, WHOLE, check_sane, needs_chat, request
from thinkcurve.testing.subject import Failure, Skipped, Subject, remarks

NAMES = ("first", "second-of_2")
LONGEST_S = 3600.0
FIRST_WAIT_S, LONGEST_WAIT_S = 0.05, 30.0


async def batch(subject: Subject) -> str:
    """A batch is taken, says how far it is, and gives back each request by its name; a strange one is refused."""
    backend = subject.backend
    if not isinstance(backend, Batching):
        raise Skipped("it takes no batches")
    if backend.most_in_batch < len(NAMES) or not 0 < backend.batch_factor <= 1:
        raise Failure(
            f"most_in_batch is {backend.most_in_batch} and batch_factor {backend.batch_factor}; room for "
            f"{len(NAMES)} requests and a factor above 0, at most 1, are promised"
        )
    await needs_chat(subject)
    asked = {name: request(subject, EASY, WHOLE, seed=seed) for seed, name in enumerate(NAMES)}
    began = time.perf_counter()
    subject.spent = subject.spent.plus(Spent(requests=len(asked)))
    ticket = await subject.expect(backend.submit(asked), "submitting a batch")
    status = await _ended(subject, backend, ticket, began)
    came = await subject.expect(backend.collect(ticket), "collecting a batch")
    if strange := set(came) - set(NAMES):
        raise Failure(f"a batch gave {min(strange)!r} back; nothing but what was submitted is promised")
    answered = [made for made in came.values() if isinstance(made, Generation)]
    for made in answered:
        subject.spent = subject.spent.plus(Spent.of(made))
        check_sane(subject, made, "a reply of a batch")
    if not answered:
        raise Failure(f"no request of a batch was answered: {next(iter(came.values()), 'all are missing')}")
    again = await subject.expect(backend.collect(ticket), "collecting a batch again")
    if set(again) != set(came):
        raise Failure(f"a batch gave {len(came)} requests back, and {len(again)} when it was collected again")
    await _check_stranger(subject, backend, ticket)
    counted = "" if status.n_done is None else f"{status.n_done} of {status.n_all} by its own count"
    return remarks(f"{len(answered)} of {len(NAMES)} answered after {time.perf_counter() - began:.0f} s", counted)


async def _ended(subject: Subject, backend: Batching, ticket: str, began: float) -> BatchStatus:
    """The status of a batch once it has ended."""
    wait_s = FIRST_WAIT_S
    while True:
        status = await subject.expect(backend.status(ticket), "the status of a batch")
        if status.is_ended:
            return status
        if time.perf_counter() - began > LONGEST_S:
            raise Skipped(f"batch {ticket!r} had not ended after {LONGEST_S / 60:.0f} minutes")
        await asyncio.sleep(wait_s)
        wait_s = min(2 * wait_s, LONGEST_WAIT_S)


async def _check_stranger(subject: Subject, backend: Batching, ticket: str) -> None:
    """A batch that nobody submitted is refused for good, and is no reason to end a run."""
    try:
        status = await subject.within(backend.status(ticket[:-1] + "x0"), "the status of a strange batch")
    except BackendError as error:
        if error.is_retryable:
            raise Failure(f"a batch that does not exist was refused as retryable ({error})") from error
        return
    raise Failure(f"a batch that does not exist has the status {status!r}; a BackendError is promised")
