"""OpenAI's batches through its own client, against a server of ours (`openai_server`)."""

import asyncio
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("openai")
pytest.importorskip("aiohttp")

sys.path.insert(0, str(Path(__file__).parent))
import openai_server as ours
from openai_server import KEY, Reply, Served, completion, error, message, response, text

from thinkcurve.backend import Batching, Chat, Generation, Request, Stop
from thinkcurve.errors import BackendError
from thinkcurve.problem import Message
from thinkcurve_backends.openai.backend import open_backend
from thinkcurve_backends.openai.batch import FACTOR, OpenAiBatches

NAMES = [f"s1-p{number}_{'x' * 50}"[:64] for number in range(12)]


def asked(question: str, **chat: Any) -> Request:
    return Request(Chat((Message("user", question),), **chat), 100, leaves_sampling=True)


def answers(path: str, body: dict[str, Any]) -> Reply:
    question = (body.get("input") or body.get("messages"))[-1]["content"]
    if question == "bad":
        return error(400, f"Nothing about {KEY}.", "bad", "input")
    if question == "broken":
        return error(500, "Oops.")
    if path == "/responses":
        return Reply(response(message(text(f"= {question}")), thinking=9))
    return Reply(completion(f"= {question}", thinking=9))


@pytest.fixture(params=["responses", "chat"])
def pair(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Iterator[tuple[Served, OpenAiBatches]]:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    with ours.serving() as server:
        server.say = answers
        backend = open_backend("gpt-5.1", base_url=server.url, api=request.param, batches=True)
        assert isinstance(backend, OpenAiBatches)
        yield server, backend
        asyncio.run(backend.aclose())


def carried_out(backend: Batching, requests: dict[str, Request]) -> dict[str, Generation | BackendError]:
    async def run() -> dict[str, Generation | BackendError]:
        batch = await backend.submit(requests)
        assert (await backend.status(batch)).is_ended
        return await backend.collect(batch)

    return asyncio.run(run())


def test_many_requests_come_back_by_their_names(pair: tuple[Served, OpenAiBatches]) -> None:
    server, backend = pair
    found = carried_out(backend, {name: asked(str(place)) for place, name in enumerate(NAMES)})
    assert sorted(found) == sorted(NAMES)
    for place, name in enumerate(NAMES):
        came = found[name]
        assert isinstance(came, Generation)
        assert (came.text, came.stop, came.usage.thinking_tokens) == (f"= {place}", Stop.EOS, 9)
    lines = [json.loads(line) for line in server.files["file-0"].splitlines()]
    assert [line["custom_id"] for line in lines] == NAMES
    assert {line["url"] for line in lines} == {server.bodies("/batches")[0]["endpoint"]}
    assert not any("stream" in line["body"] or "reasoning" in line["body"] for line in lines)
    assert server.bodies("/batches")[0]["completion_window"] == "24h"


def test_what_went_wrong_stands_by_its_name(pair: tuple[Served, OpenAiBatches]) -> None:
    _, backend = pair
    found = carried_out(backend, {"good": asked("1"), "bad": asked("bad"), "broken": asked("broken")})
    assert isinstance(found["good"], Generation)
    bad, broken = found["bad"], found["broken"]
    assert isinstance(bad, BackendError)
    assert isinstance(broken, BackendError)
    assert (bad.is_retryable, broken.is_retryable) == (False, True)
    assert KEY not in str(bad)


def test_how_far_a_batch_is(pair: tuple[Served, OpenAiBatches]) -> None:
    server, backend = pair
    batch = asyncio.run(backend.submit({"a": asked("1"), "b": asked("bad")}))
    status = asyncio.run(backend.status(batch))
    assert (status.is_ended, status.n_done, status.n_all) == (True, 2, 2)
    server.batches[batch] |= {"status": "in_progress", "request_counts": {"completed": 1, "failed": 0, "total": 2}}
    status = asyncio.run(backend.status(batch))
    assert (status.is_ended, status.n_done, status.n_all) == (False, 1, 2)
    with pytest.raises(BackendError, match="not at its end") as caught:
        asyncio.run(backend.collect(batch))
    assert caught.value.is_retryable
    server.batches[batch] |= {"status": "validating", "request_counts": None}
    assert asyncio.run(backend.status(batch)).n_all is None


def test_what_an_expired_batch_did_not_come_to_is_missing(pair: tuple[Served, OpenAiBatches]) -> None:
    server, backend = pair
    batch = asyncio.run(backend.submit({name: asked("1") for name in ("a", "b", "c")}))
    server.files["output_file_id-0"] = b"\n".join(server.files["output_file_id-0"].splitlines()[:2])
    for status, code in (("expired", "batch_expired"), ("cancelled", "batch_cancelled")):
        left = {"id": "x", "custom_id": "c", "response": None, "error": {"code": code, "message": "Not executed."}}
        odd = {"id": "y", "custom_id": "d", "response": None, "error": {"code": "other", "message": "Who knows."}}
        server.files["left"] = json.dumps(left).encode() + b"\n" + json.dumps(odd).encode()
        server.batches[batch] |= {"status": status, "error_file_id": "left"}
        assert asyncio.run(backend.status(batch)).is_ended
        found = asyncio.run(backend.collect(batch))
        assert sorted(found) == ["a", "b", "d"]
        assert isinstance(found["d"], BackendError)


def test_a_batch_that_was_refused_says_why(pair: tuple[Served, OpenAiBatches]) -> None:
    server, backend = pair
    batch = asyncio.run(backend.submit({"a": asked("1")}))
    wrong = {"code": "invalid", "line": 1, "message": f"Duplicate custom_id. {KEY}", "param": None}
    server.batches[batch] |= {"status": "failed", "output_file_id": None, "errors": {"object": "list", "data": [wrong]}}
    with pytest.raises(BackendError, match="Duplicate custom_id") as caught:
        asyncio.run(backend.collect(batch))
    assert KEY not in str(caught.value)
    assert not caught.value.is_retryable


def test_a_batch_that_nobody_knows_is_an_error(pair: tuple[Served, OpenAiBatches]) -> None:
    for call in (pair[1].status, pair[1].collect):
        with pytest.raises(BackendError, match="No such object"):
            asyncio.run(call("batch_of_another"))


def test_a_torn_file_of_answers_is_read_again(pair: tuple[Served, OpenAiBatches]) -> None:
    server, backend = pair
    batch = asyncio.run(backend.submit({"a": asked("1"), "b": asked("2")}))
    server.files["output_file_id-0"] = server.files["output_file_id-0"][:-40]
    with pytest.raises(BackendError) as caught:
        asyncio.run(backend.collect(batch))
    assert caught.value.is_retryable


def test_too_many_requests_are_refused_before_anything_is_sent(pair: tuple[Served, OpenAiBatches]) -> None:
    server, backend = pair
    assert (backend.most_in_batch, backend.batch_factor) == (50_000, FACTOR)
    few = open_backend("gpt-5.1", base_url=server.url, batches=True, most_in_batch=2)
    assert isinstance(few, OpenAiBatches)
    for tried in (few.submit({name: asked("1") for name in NAMES}), backend.submit({"a": asked("x" * 201_000_000)})):
        with pytest.raises(BackendError, match="too large"):
            asyncio.run(tried)
    asyncio.run(few.aclose())
    assert not server.files


def test_a_request_that_cannot_be_said_refuses_the_batch(pair: tuple[Served, OpenAiBatches]) -> None:
    with pytest.raises(BackendError, match="budget"):
        asyncio.run(pair[1].submit({"a": asked("1", budget_tokens=64)}))
