"""Message Batches by the real SDK, against a server of ours (`anthropic_server`): no real one here has them."""

import asyncio
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("anthropic")
pytest.importorskip("aiohttp")
sys.path.insert(0, str(Path(__file__).parent))
from anthropic_server import ANSWER, KEY, THINKING, Server, serving

from thinkcurve.backend import Batching, Chat, Generation, Request, Visibility
from thinkcurve.errors import BackendError
from thinkcurve.problem import Message
from thinkcurve_backends.anthropic import batch as batches
from thinkcurve_backends.anthropic.backend import Anthropic, open_backend


@pytest.fixture(scope="module")
def running() -> Iterator[Server]:
    with serving() as server:
        yield server


@pytest.fixture
def backend(running: Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setenv("ANTHROPIC_API_KEY", KEY)
    backend = open_backend("both-1", base_url=running.url)
    yield backend
    asyncio.run(backend.aclose())


def asked(text: str) -> Request:
    return Request(Chat((Message("user", text),), budget_tokens=2048), max_tokens=4096, leaves_sampling=True)


def test_an_endpoint_with_batches_offers_them_at_half_the_price(backend: Any) -> None:
    assert isinstance(backend, Batching)
    assert (backend.most_in_batch, backend.batch_factor) == (100_000, 0.5)
    assert not isinstance(Anthropic.__new__(Anthropic), Batching)


def test_a_batch_goes_out_and_comes_back_by_our_names(backend: Any, running: Server) -> None:
    async def go() -> dict[str, Generation | BackendError]:
        texts = {"a-1": "plain", "b_2": "overloaded", "c": "expired", "d": "canceled", "e": "pause", "f": "cut"}
        name = await backend.submit({key: asked(text) for key, text in texts.items()})
        status = await backend.status(name)
        assert (status.is_ended, status.n_done, status.n_all) == (False, 0, 6)
        running.ended.add(name)
        status = await backend.status(name)
        assert (status.is_ended, status.n_done, status.n_all) == (True, 6, 6)
        found: dict[str, Generation | BackendError] = await backend.collect(name)
        return found

    found = asyncio.run(go())
    assert set(found) == {"a-1", "b_2", "e", "f"}
    good, busy, paused, cut = (found[name] for name in ("a-1", "b_2", "e", "f"))
    assert isinstance(good, Generation)
    assert isinstance(cut, Generation)
    assert (good.text, good.thinking, good.visibility) == (ANSWER, THINKING, Visibility.SUMMARY)
    assert good.usage.thinking_tokens
    assert good.wall_s is None
    assert cut.text == ""
    assert isinstance(busy, BackendError)
    assert busy.is_retryable
    assert isinstance(paused, BackendError)


def test_requests_of_a_batch_are_not_streamed(backend: Any, running: Server) -> None:
    name = asyncio.run(backend.submit({"a": asked("plain")}))
    assert "stream" not in running.batches[name][0]["params"]


def test_another_session_collects_what_one_has_submitted(backend: Any, running: Server) -> None:
    name = asyncio.run(backend.submit({"a": asked("plain")}))
    running.ended.add(name)

    async def collect() -> dict[str, Generation | BackendError]:
        other = open_backend("both-1", base_url=running.url)
        try:
            return await other.collect(name)
        finally:
            await other.aclose()

    assert set(asyncio.run(collect())) == {"a"}


def test_a_request_that_cannot_be_asked_stops_the_batch_before_it_costs(backend: Any, running: Server) -> None:
    n = len(running.batches)
    bad = Request(Chat((Message("user", "a"),), budget_tokens=5), max_tokens=4096, leaves_sampling=True)
    with pytest.raises(BackendError, match="the least that is taken is 1024"):
        asyncio.run(backend.submit({"a": asked("a"), "b": bad}))
    assert len(running.batches) == n


def test_an_unknown_batch_is_said(backend: Any) -> None:
    with pytest.raises(BackendError, match="404"):
        asyncio.run(backend.status("msgbatch_../9"))


def test_a_batch_that_is_too_large_is_refused_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "MOST_BYTES", 100)
    with pytest.raises(BackendError, match="too large for Anthropic"):
        batches.body_of({"a": {"text": "x" * 100}})


def test_results_are_read_with_any_borders_between_the_chunks() -> None:
    async def lines() -> list[bytes]:
        async def chunks() -> Any:
            for part in (b'{"a', b'":1}\n{"b":', b"2}\n", b"\n", b'{"c":3}'):
                yield part

        return [line async for line in batches._lines(chunks())]

    assert asyncio.run(lines()) == [b'{"a":1}', b'{"b":2}', b'{"c":3}']
