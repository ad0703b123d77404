"""Batches of Gemini: handed over, looked at, collected, in the request itself and in a file. The server is ours."""

import sys
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("google.genai")
sys.path.insert(0, str(Path(__file__).parent))
from gemini_replies import Written
from gemini_server import KEY, GeminiServer, asks, opened

from thinkcurve.backend import Batching, Generation
from thinkcurve.errors import BackendError
from thinkcurve_backends.gemini import batch
from thinkcurve_backends.gemini.backend import Gemini


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("GEMINI_API_KEY", KEY)
    with GeminiServer() as running:
        yield running


@pytest.fixture(params=[False, True], ids=["inline", "file"])
def in_file(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    if request.param:
        monkeypatch.setattr(batch, "INLINE_BYTES", 10)
    return bool(request.param)


async def ended(backend: Gemini, name: str) -> None:
    assert isinstance(backend, Batching)
    assert [(await backend.status(name)).is_ended for _ in range(3)] == [False, False, True]


async def test_a_batch_answers_every_request_by_its_name(server: GeminiServer, in_file: bool) -> None:
    asked = {"a-0": asks("one two", budget=4), "b_1": asks("three", budget=0), "c": asks(max_tokens=5)}
    async with opened(server) as backend:
        name = await backend.submit(asked)
        await ended(backend, name)
    async with opened(server) as backend:  # another process, a day later
        made = await backend.collect(name)
        alone = {key: await backend.generate(request) for key, request in asked.items()}
    assert bool(server.files) == in_file
    assert made.keys() == asked.keys()
    for key, one in alone.items():
        got = made[key]
        assert isinstance(got, Generation)
        assert (got.text, got.thinking, got.stop, got.usage) == (one.text, one.thinking, one.stop, one.usage)
        assert got.served_by == one.served_by


async def test_one_bad_request_spoils_no_other(server: GeminiServer, in_file: bool) -> None:
    server.refused_in_batch = "bad"
    async with opened(server) as backend:
        name = await backend.submit({"good": asks(), "bad": asks()})
        await ended(backend, name)
        made = await backend.collect(name)
    assert isinstance(made["good"], Generation)
    assert isinstance(made["bad"], BackendError)
    assert "this one is refused" in str(made["bad"])
    assert not made["bad"].is_fatal


async def test_a_filter_in_a_batch_is_no_answer(server: GeminiServer, in_file: bool) -> None:
    async def write(_: Any) -> Written:
        return Written([], [], block="SAFETY")

    server.write = write
    async with opened(server) as backend:
        name = await backend.submit({"a": asks()})
        await ended(backend, name)
        made = await backend.collect(name)
    assert isinstance(made["a"], BackendError)
    assert "SAFETY" in str(made["a"])


@pytest.mark.parametrize("state", ["BATCH_STATE_EXPIRED", "BATCH_STATE_CANCELLED"])
async def test_what_was_never_begun_is_missing(server: GeminiServer, state: str) -> None:
    server.batch_end = state
    async with opened(server) as backend:
        name = await backend.submit({"a": asks()})
        await ended(backend, name)
        assert await backend.collect(name) == {}


async def test_a_batch_that_failed_as_a_whole_says_so(server: GeminiServer) -> None:
    server.batch_end = "BATCH_STATE_FAILED"
    async with opened(server) as backend:
        name = await backend.submit({"a": asks()})
        await ended(backend, name)
        with pytest.raises(BackendError, match="failed as a whole"):
            await backend.collect(name)


async def test_a_batch_is_not_collected_before_its_end(server: GeminiServer) -> None:
    async with opened(server) as backend:
        name = await backend.submit({"a": asks()})
        with pytest.raises(BackendError, match="not done") as caught:
            await backend.collect(name)
    assert caught.value.is_retryable


async def test_a_batch_that_is_not_there_is_refused(server: GeminiServer) -> None:
    async with opened(server) as backend:
        with pytest.raises(BackendError, match="404"):
            await backend.status("batches/none")


async def test_a_large_batch_goes_in_a_file_of_many_parts(server: GeminiServer) -> None:
    text = "word " * 200_000  # 1 MB each: above the 20 MB of a request, in parts of 8 MB
    async with opened(server) as backend:
        name = await backend.submit({f"n{i}": asks(text, budget=0) for i in range(21)})
        await ended(backend, name)
    (body,) = (body for file, body in server.files.items() if file.startswith("in"))
    assert len(body.splitlines()) == 21
    assert max(len(sent) for _, path, _, sent in server.calls if path.startswith("/resumable")) <= 8 * 2**20


@pytest.mark.parametrize(
    "line",
    [
        {"key": "a", "response": {"candidates": 5}},
        {"key": "a", "response": {"candidates": [{"content": [1]}]}},
        {"key": "a", "response": None},
        {"key": "a"},
        {"key": "a", "error": {"code": 14, "message": "later"}},
        {"key": "a", "status": {"code": 13, "message": "broken"}},
    ],
)
async def test_broken_lines_of_a_file_are_worth_another_try(
    server: GeminiServer, monkeypatch: pytest.MonkeyPatch, line: dict[str, Any]
) -> None:
    monkeypatch.setattr(batch, "INLINE_BYTES", 10)
    monkeypatch.setattr("gemini_server.flat", lambda _: line)
    async with opened(server) as backend:
        name = await backend.submit({"a": asks()})
        await ended(backend, name)
        made = (await backend.collect(name))["a"]
    assert isinstance(made, BackendError)
    assert made.is_retryable


async def test_answers_without_a_name_are_refused(server: GeminiServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch, "INLINE_BYTES", 10)
    monkeypatch.setattr("gemini_server.flat", lambda _: {"key": 5})
    async with opened(server) as backend:
        name = await backend.submit({"a": asks()})
        await ended(backend, name)
        with pytest.raises(BackendError, match="does not say to which request"):
            await backend.collect(name)


async def test_batches_cost_half(server: GeminiServer) -> None:
    async with opened(server) as backend:
        assert isinstance(backend, Batching)
        assert backend.batch_factor == 0.5
        assert backend.most_in_batch >= 1000
