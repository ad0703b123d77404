"""What any chat endpoint with the tiny model has to do, whatever the server, and how it is opened for it."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Iterator
from typing import Any

import pytest

from thinkcurve.backend import Backend, Chat, Generation, Message, Request, Sampling, Stop, Visibility
from thinkcurve_backends.http.backend import open_backend

ASKED = (Message("user", "Start with 5. Do +3. Do -2. What is the result?"),)
THINKING = "5; a *5=25; b *2=50;"
"""What it thinks of that, greedily: 14 tokens."""
ANSWER = "\\boxed{50}"
GREEDY = Sampling()


@contextlib.contextmanager
def opened(what: str, *, expect: type[Exception] | None = None, **options: Any) -> Iterator[Any]:
    """The backend at an address, closed at the end; or the error of a kind that opening it must raise."""
    if expect is not None:
        with pytest.raises(expect) as caught:
            open_backend(what, **options)
        yield caught.value
        return
    backend = open_backend(what, **options)
    try:
        yield backend
    finally:
        asyncio.run(backend.aclose())


def ask(backend: Backend, request: Request) -> Generation:
    """One generation."""
    return asyncio.run(backend.generate(request))


def assert_chat(backend: Backend) -> None:
    """Thinking apart from the answer, usage, a length stop inside the thinking and in the answer."""
    whole = ask(backend, Request(Chat(ASKED), 200))
    assert (whole.text, whole.thinking, whole.stop) == (ANSWER, THINKING, Stop.EOS)
    assert whole.visibility is Visibility.FULL
    assert (whole.usage.prompt_tokens, whole.usage.generated_tokens) == (22, 20)
    assert whole.wall_s is not None
    assert whole.raw is not None
    inside = ask(backend, Request(Chat(ASKED), 5))
    assert (inside.text, inside.thinking, inside.stop) == ("", "5; a *5", Stop.LENGTH)
    assert inside.usage.generated_tokens == 5
    after = ask(backend, Request(Chat(ASKED), 17))
    assert (after.thinking, after.stop) == (THINKING, Stop.LENGTH)
    assert ANSWER.startswith(after.text)
    assert ask(backend, Request(Chat(ASKED), 0)).text == ANSWER


def assert_stops(backend: Backend) -> None:
    """Stop texts end the answer and are no part of it."""
    made = ask(backend, Request(Chat(ASKED), 200, stop=("boxed",)))
    assert (made.text, made.thinking) == ("\\", THINKING)


def assert_streams_alike(address: str) -> None:
    """Sampled with seeds, in a stream and whole: the same replies, and not all the same one."""
    drawn = [Request(Chat(ASKED), 60, sampling=Sampling(temperature=1.5, top_k=20), seed=seed) for seed in range(6)]
    said = []
    for stream in (True, False):
        with opened(address, api="chat", stream=stream) as backend:
            said.append([(made.thinking, made.text) for made in (ask(backend, request) for request in drawn)])
    assert said[0] == said[1]
    assert len(set(said[0])) > 1


async def assert_hangs_up(backend: Backend) -> None:
    """A cancelled request lets go at once, and the next one is answered."""
    endless = Request(Chat(ASKED), 900, sampling=Sampling(temperature=1.9))
    started = time.monotonic()
    tasks = [asyncio.create_task(backend.generate(endless)) for _ in range(3)]
    await asyncio.sleep(0.1)
    for task in tasks:
        task.cancel()
    done = await asyncio.gather(*tasks, return_exceptions=True)
    assert all(isinstance(one, asyncio.CancelledError | Generation) for one in done)
    assert (await backend.generate(Request(Chat(ASKED), 200))).text == ANSWER
    assert time.monotonic() - started < 30


def assert_continues(backend: Backend) -> None:
    """Text is gone on with exactly, token for token of the whole reply."""
    whole = THINKING + "</think>" + ANSWER
    begun = ask(backend, Request(Chat(ASKED, prefix=""), 200, stop=("</think>",)))
    assert (begun.text, begun.stop, begun.thinking) == (THINKING, Stop.STOP, None)
    assert begun.usage.generated_tokens == 15
    for n in (1, 5, 13):
        piece = ask(backend, Request(Chat(ASKED, prefix=""), n))
        assert (piece.stop, piece.usage.generated_tokens) == (Stop.LENGTH, n)
        rest = ask(backend, Request(Chat(ASKED, prefix=piece.text), 200))
        assert piece.text + rest.text == whole
        assert rest.usage.prompt_tokens == 22 + n
    assert ask(backend, Request(Chat(ASKED, prefix="5; a *5=25;</think>"), 200)).text == "\\boxed{25}"
    assert ask(backend, Request(Chat(ASKED, prefix="5"), 0)).stop is Stop.LENGTH
    apart = ask(backend, Request(Chat(ASKED), 200))
    assert (apart.thinking, apart.text, apart.usage.thinking_tokens) == (THINKING, ANSWER, 14)
