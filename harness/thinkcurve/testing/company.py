"""Checks of many requests at once: none is lost or mixed up, a cancelled one frees its place, closing is final."""

from __future__ import annotations

import asyncio
import contextlib
import time

from thinkcurve.backend import Continuation, Generation, Request
from thinkcurve.errors import BackendError
from thinkcurve.testing.subject import Failure, Subject, remarks, shown

AT_ONCE = 200
DIFFERENT = 20
"""Different prompts among them: each is asked alone first."""
FEW = 4
"""Tokens of each."""
SLOW_S = 3.0
"""A request after cancelled ones may take as long as this and five times its usual time before it counts as held up:
a server may look once a second whether the line is still open (llama.cpp does)."""


async def company(subject: Subject) -> str:
    """Two hundred requests at once: none is lost, and each gets the tokens that it gets alone."""
    prompts = [subject.question(number) for number in range(DIFFERENT)]
    started = time.perf_counter()
    alone = [subject.ids_of(await subject.ask(prompt, FEW)) for prompt in prompts]
    one_by_one_s = (time.perf_counter() - started) * AT_ONCE / DIFFERENT
    patience = 1 + 2 * one_by_one_s / subject.patience_s
    lengths = [number // DIFFERENT % FEW + 1 for number in range(AT_ONCE)]
    came = await subject.together(
        (subject.ask(prompts[number % DIFFERENT], n, patience=patience) for number, n in enumerate(lengths)),
        f"{AT_ONCE} requests at once",
        patience=patience + 1,
    )
    said = []
    for number, (generation, n) in enumerate(zip(came, lengths, strict=True)):
        which = number % DIFFERENT
        what = f"request {number + 1} of {AT_ONCE} at once"
        said.append(await subject.same(prompts[which], alone[which][:n], subject.ids_of(generation), what))
    n_ties = sum(map(bool, said))
    return remarks(f"{AT_ONCE} of {DIFFERENT} prompts", f"{n_ties} part at a near tie" if n_ties else "")


async def event_loops(subject: Subject) -> str:
    """The same backend serves one event loop after another, as a run, a test and a notebook each bring their own."""
    whole = await subject.sample()

    async def once() -> tuple[int, ...]:
        return subject.ids_of(await subject.ask(whole.prompt, len(whole.ids)))

    said = []
    for number in (1, 2):
        elsewhere = asyncio.to_thread(lambda: asyncio.run(once()))
        ids = await subject.expect(elsewhere, f"event loop {number} of its own", patience=2)
        said.append(await subject.same(whole.prompt, whole.ids, ids, f"event loop {number} of its own"))
    said.append(await subject.same(whole.prompt, whole.ids, await once(), "the first event loop again"))
    return remarks("two others and the first again", *said)


async def cancellation(subject: Subject) -> str:
    """A cancelled request frees its place, running or waiting; the next is right and on time, the others go on."""
    whole = await subject.sample()
    n = len(whole.ids)
    started = time.perf_counter()
    await subject.ask(whole.prompt, n)
    usual_s = time.perf_counter() - started
    room = (subject.backend.model.context_tokens or 4096) - len(whole.prompt)
    long = Request(Continuation(whole.prompt), max(min(room, 4096), n))
    slow_s = SLOW_S + 5 * usual_s
    n_open = min(subject.backend.concurrency, 256)
    n_running = await _cancel(subject, [long] * n_open, wait_s=min(max(usual_s / 2, 0.02), 1.0))
    next_ = asyncio.ensure_future(subject.ask(whole.prompt, n))
    done, _ = await asyncio.wait([next_], timeout=min(slow_s, subject.patience_s))
    if not done:
        next_.cancel()
        raise Failure(
            f"the request after {n_open} cancelled ones had not ended after {min(slow_s, subject.patience_s):.1f} s, "
            f"where {usual_s:.2f} s is usual; a cancelled request is promised to free its place at once"
        )
    said = [
        await subject.same(whole.prompt, whole.ids, subject.ids_of(next_.result()), "the request after cancelled ones")
    ]
    said += await _cancelled_while_waiting(subject)
    ended = f" ({n_open - n_running} more had ended before)" if n_running < n_open else ""
    return remarks(f"{n_running} running{ended} and 8 waiting ones", *said)


async def _cancel(subject: Subject, requests: list[Request], wait_s: float) -> int:
    """Open requests, and cancel them in the middle; how many were running still."""
    tasks = [asyncio.ensure_future(subject.generate(request)) for request in requests]
    await asyncio.sleep(wait_s)
    running = [task for task in tasks if not task.done()]
    for task in running:
        task.cancel()
    ended = await subject.within(asyncio.gather(*tasks, return_exceptions=True), "cancelling requests")
    for task, result in zip(tasks, ended, strict=True):
        if isinstance(result, asyncio.CancelledError) or (isinstance(result, Generation) and task not in running):
            continue
        raise Failure(f"a request that was cancelled ended with {result!r}; CancelledError is promised")
    return len(running)


async def _cancelled_while_waiting(subject: Subject) -> list[str]:
    """More requests than places, the last of them cancelled before their turn; the first go on undisturbed."""
    whole = await subject.sample()
    n_first = min(subject.backend.concurrency, 16)
    first = [asyncio.ensure_future(subject.ask(whole.prompt, len(whole.ids))) for _ in range(n_first)]
    last = [asyncio.ensure_future(subject.generate(Request(subject.prompt(i), 64))) for i in range(8)]
    await asyncio.sleep(0)
    for task in last:
        task.cancel()
    await subject.within(asyncio.gather(*last, return_exceptions=True), "cancelling requests that wait")
    came = await subject.together(first, "the requests beside cancelled ones")
    came.append(await subject.ask(whole.prompt, len(whole.ids)))
    ids = [subject.ids_of(generation) for generation in came]
    return [await subject.same(whole.prompt, whole.ids, each, "a request beside cancelled ones") for each in ids]


async def closing(subject: Subject) -> str:
    """Closing ends what is open, twice is harmless, and asking afterwards is a fatal BackendError. It comes last."""
    await subject.look()
    backend, asked = subject.backend, subject.request(0, 4 * subject.size)
    open_ = asyncio.ensure_future(subject.generate(asked))
    await asyncio.sleep(0.02)
    for word in ("closing", "closing again", "closing a third time"):
        await subject.expect(backend.aclose(), word)
    with contextlib.suppress(BackendError):
        await subject.within(open_, "a request that was open when the backend was closed")
    for _ in range(2):
        came = await subject.refusal(asked)
        if isinstance(came, Generation):
            raise Failure(
                f"a request after closing gave {shown(came.token_ids or ())}; a fatal BackendError is promised"
            )
        if not came.is_fatal:
            raise Failure(f"a request after closing was refused ({came}) but not as fatal, so a run would go on")
    return "three times, and a request after it is refused"
