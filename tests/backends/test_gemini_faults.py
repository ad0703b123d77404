"""What Google refuses, breaks off and blocks becomes the right error, and never an answer. The server is ours."""

import asyncio
import json
import sys
import traceback
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("google.genai")
sys.path.insert(0, str(Path(__file__).parent))
from aiohttp import web
from gemini_replies import Written
from gemini_server import KEY, Answer, GeminiServer, Refused, asks, opened
from google.genai import types

from thinkcurve.errors import BackendError, UsageError
from thinkcurve_backends.gemini import reply
from thinkcurve_backends.gemini.backend import open_backend

RETRY = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "34.5s"}


def quota(name: str, value: str = "10") -> dict[str, Any]:
    violation = {"quotaId": name, "quotaValue": value}
    return {"@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations": [violation]}


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("GEMINI_API_KEY", KEY)
    with GeminiServer() as running:
        yield running


@pytest.fixture(params=[True, False], ids=["stream", "whole"])
def stream(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


def refuses(*refusal: Any) -> Answer:
    async def answer(_: web.Request) -> web.Response:
        return Refused(*refusal).response

    return answer


def says(body: bytes, kind: str = "application/json", status: int = 200, **headers: str) -> Answer:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(body=body, content_type=kind, status=status, headers=headers)

    return answer


async def fault(server: GeminiServer, answer: Answer | None = None, **options: Any) -> BackendError:
    """The error that one generation ends in."""
    if answer is not None:
        server.instead.append(answer)
    async with opened(server, **options) as backend:
        with pytest.raises(BackendError) as caught:
            await backend.generate(asks())
    shown = "".join(traceback.format_exception(caught.value)) + repr(caught.value)
    assert KEY not in shown
    return caught.value


@pytest.mark.parametrize(
    ("refusal", "kind", "word"),
    [
        ((400, "INVALID_ARGUMENT", "API key expired. Please renew the API key."), "fatal", "GEMINI_API_KEY"),
        ((401, "UNAUTHENTICATED", "who are you"), "fatal", "aistudio"),
        ((403, "PERMISSION_DENIED", f"no, {KEY}"), "fatal", "may not use"),
        ((404, "NOT_FOUND", "models/x is not found"), "fatal", "name"),
        ((400, "FAILED_PRECONDITION", "User location is not supported for the API use."), "fatal", "location"),
        ((400, "INVALID_ARGUMENT", "The input token count exceeds the maximum"), "this", "input token count"),
        ((413, "INVALID_ARGUMENT", "too large"), "this", "413"),
        ((429, "RESOURCE_EXHAUSTED", "quota", RETRY), "retry", "429"),
        ((429, "RESOURCE_EXHAUSTED", "quota", RETRY, quota("GenerateRequestsPerMinute")), "retry", "429"),
        ((429, "RESOURCE_EXHAUSTED", "quota", RETRY, quota("GenerateRequestsPerDayPerModel")), "fatal", "same command"),
        ((429, "RESOURCE_EXHAUSTED", "quota", quota("PerMinute", "0")), "fatal", "same command"),
        ((408, "DEADLINE", "slow"), "retry", "408"),
        ((500, "INTERNAL", "An internal error has occurred"), "retry", "500"),
        ((503, "UNAVAILABLE", "The model is overloaded."), "retry", "overloaded"),
        ((504, "DEADLINE_EXCEEDED", "late"), "retry", "504"),
    ],
)
async def test_refusals_are_told_apart(
    server: GeminiServer, stream: bool, refusal: tuple[Any, ...], kind: str, word: str
) -> None:
    error = await fault(server, refuses(*refusal), stream=stream)
    assert (error.is_fatal, error.is_retryable) == (kind == "fatal", kind == "retry")
    assert word in str(error)
    if kind == "retry" and RETRY in refusal:
        assert error.retry_after_s == 34.5


async def test_retry_after_in_a_header_is_heard_too(server: GeminiServer) -> None:
    error = await fault(server, says(b"busy", "text/plain", 503, **{"Retry-After": "7"}))
    assert (error.is_retryable, error.retry_after_s) == (True, 7)


@pytest.mark.parametrize("block", ["SAFETY", "PROHIBITED_CONTENT", "OTHER", "BLOCKLIST", "NEW_REASON"])
async def test_a_blocked_prompt_is_no_answer(server: GeminiServer, stream: bool, block: str) -> None:
    body = json.dumps({"promptFeedback": {"blockReason": block}, "usageMetadata": {"promptTokenCount": 3}}).encode()
    error = await fault(server, says(b"data: " + body + b"\n\n" if stream else body), stream=stream)
    assert block in str(error)
    assert (error.is_retryable, error.is_fatal) == (False, False)


@pytest.mark.parametrize("reason", sorted(reply.FILTERS))
async def test_what_a_filter_broke_off_is_no_answer(server: GeminiServer, reason: str) -> None:
    async def write(_: Any) -> Written:
        return Written(["hm "], ["half an "], finish=reason)

    server.write = write
    error = await fault(server)
    assert reason in str(error)
    assert (error.is_retryable, error.is_fatal) == (False, False)


def test_every_reason_to_finish_is_known() -> None:
    judged = {*reply.STOPS, *reply.FILTERS, *reply.FAULTS, reply.ACCOUNT, reply.CONTINUED}
    assert {reason.value for reason in types.FinishReason} == judged
    assert len(judged) == len(reply.STOPS) + len(reply.FILTERS) + len(reply.FAULTS) + 2


@pytest.mark.parametrize(
    ("reason", "kind"),
    [
        ("OTHER", "retry"),
        ("MALFORMED_RESPONSE", "retry"),
        ("UNEXPECTED_TOOL_CALL", "retry"),
        ("CONTINUATION", "this"),
        ("PUP_LIMITED_DISABLED", "fatal"),
        ("A_REASON_OF_2031", "this"),
        ("EVIL\u202e\n" + "x" * 5000, "this"),
    ],
)
async def test_no_other_end_is_taken_for_an_answer(server: GeminiServer, stream: bool, reason: str, kind: str) -> None:
    candidate = {"content": {"parts": [{"text": "half"}]}, "finishReason": reason}
    body = json.dumps({"candidates": [candidate]}).encode()
    error = await fault(server, says(b"data: " + body + b"\n\n" if stream else body), stream=stream)
    assert (error.is_fatal, error.is_retryable) == (kind == "fatal", kind == "retry")
    assert len(str(error)) < 500
    assert str(error).isprintable()


LONG = b'{"candidates": [{"content": {"parts": [{"text": "so the answer is 4"}]}}]}'
EVENT = json.dumps({"candidates": [{"content": {"parts": [{"text": "half"}]}}]}).encode()
LAST = json.dumps({"candidates": [{"content": {"parts": [{"text": " done"}]}, "finishReason": "STOP"}]}).encode()
OVERLOADED = b'{"error": {"code": 503, "message": "The model is overloaded.", "status": "UNAVAILABLE"}}'


@pytest.mark.parametrize(
    "events",
    [
        [],
        [EVENT],
        [EVENT, EVENT[:20]],
        [EVENT, OVERLOADED],
        [OVERLOADED],
        [EVENT, b'{"error": {"message": "no code"}}'],
        [EVENT, b'{"error": "what"}'],
        [EVENT, LAST, LAST],
        [LONG, LONG, LAST],
        [b"{}"],
        [b"[1]", LAST],
        [b'"text"', LAST],
        [b"5", LAST],
        [b'{"candidates": []}'],
        [b'{"candidates": 5}'],
        [b'{"candidates": [{"content": 5, "finishReason": "STOP"}]}'],
        [b'{"candidates": [{"content": {"parts": [{"text": 5}]}, "finishReason": "STOP"}]}'],
        [b'{"candidates": [{"finishReason": 5}]}'],
    ],
    ids=str,
)
async def test_a_broken_stream_is_worth_another_try(server: GeminiServer, events: list[bytes]) -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        return await server.stream(request, events)

    error = await fault(server, answer)
    assert error.is_retryable
    assert not error.is_fatal


@pytest.mark.parametrize("absurd", [-5, 10**30, "many", 1.5])
def test_counts_that_are_none_are_unknown(absurd: object) -> None:
    reading = reply.Reading()
    counts = {"promptTokenCount": 10, "candidatesTokenCount": absurd, "cachedContentTokenCount": 11}
    reading.add({"candidates": [{"finishReason": "STOP"}], "usageMetadata": counts})
    usage = reading.generation().usage
    assert (usage.prompt_tokens, usage.cached_tokens, usage.generated_tokens) == (10, None, None)


@pytest.mark.parametrize("body", [b"", b"<html>busy</html>", b"{", b"[]", b"null", b"5", b'{"candidates": [{}]}'])
async def test_what_is_no_reply_is_worth_another_try(server: GeminiServer, stream: bool, body: bytes) -> None:
    error = await fault(server, says(body, "text/html"), stream=stream)
    assert error.is_retryable
    assert not error.is_fatal


async def test_a_connection_that_breaks_off_is_worth_another_try(server: GeminiServer, stream: bool) -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "Content-Length": "100000"})
        await response.prepare(request)
        await response.write(b"data: " + EVENT + b"\r\n\r\n")
        assert request.transport is not None
        request.transport.abort()
        return response

    error = await fault(server, answer, stream=stream)
    assert error.is_retryable


async def test_silence_ends_at_idle_s(server: GeminiServer, stream: bool) -> None:
    async def answer(_: web.Request) -> web.Response:
        await asyncio.sleep(60)
        return web.Response()

    error = await fault(server, answer, stream=stream, idle_s=0.3)
    assert error.is_retryable
    assert "idle_s" in str(error)


async def test_unknown_fields_are_read_over(server: GeminiServer, stream: bool) -> None:
    part = {"text": "4", "newField": {"a": 1}}
    candidate = {"content": {"parts": [part], "role": "model", "mood": 3}, "finishReason": "STOP", "sparkle": [1]}
    usage = {"promptTokenCount": 1, "candidatesTokenCount": 1, "totalTokenCount": 2, "dreamTokenCount": 9}
    body = json.dumps({"candidates": [candidate], "usageMetadata": usage, "weather": "fine"}).encode()
    server.instead.append(says(b"data: " + body + b"\n\n" if stream else body))
    async with opened(server, stream=stream) as backend:
        made = await backend.generate(asks())
    assert (made.text, made.usage.generated_tokens) == ("4", 1)


@pytest.mark.parametrize("variable", ["GEMINI_API_KEY", "GOOGLE_API_KEY"])
def test_a_wrong_key_stops_everything_and_is_not_shown(
    server: GeminiServer, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.delenv("GEMINI_API_KEY")
    monkeypatch.setenv(variable, "AIza-wrong-wrong-wrong")
    with pytest.raises(BackendError, match=f"key in {variable} is not accepted") as caught:
        open_backend("gemini-2.5-flash", base_url=server.url)
    assert caught.value.is_fatal
    assert "AIza-wrong" not in "".join(traceback.format_exception(caught.value))


async def test_the_key_is_sent_in_a_header_and_nowhere_else(server: GeminiServer) -> None:
    async with opened(server) as backend:
        await backend.generate(asks())
        await backend.submit({"a": asks()})
        assert KEY not in repr(backend.model) + repr(vars(backend))
    for _, path, headers, body in server.calls:
        assert headers.pop("x-goog-api-key") == KEY
        assert KEY not in path + repr(headers) + body.decode()
    assert "key=" not in "".join(path for _, path, _, _ in server.calls)


async def test_of_two_keys_geminis_own_is_taken_whatever_the_environment_says_else(
    server: GeminiServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("GOOGLE_API_KEY", "AIza-of-another-product")
    monkeypatch.setenv("GOOGLE_GENAI_USE_VERTEXAI", "true")
    monkeypatch.setenv("GOOGLE_GEMINI_BASE_URL", "http://127.0.0.1:1")
    async with opened(server) as backend:
        assert (await backend.generate(asks())).text
    assert not caplog.records


def test_an_unknown_model_says_what_was_meant(server: GeminiServer) -> None:
    with pytest.raises(UsageError, match=r"'gemini-2\.5-flsh'.*Did you mean 'gemini-2\.5-flash'"):
        open_backend("gemini-2.5-flsh", base_url=server.url)


def test_nobody_there_is_said_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GEMINI_API_KEY", KEY)
    with pytest.raises(BackendError, match=r"127\.0\.0\.1:1\b") as caught:
        open_backend("gemini-2.5-flash", base_url="http://127.0.0.1:1")
    assert caught.value.is_fatal


async def test_a_cassette_gives_the_same_without_key_and_network(
    server: GeminiServer, stream: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "cassette.jsonl"
    asked = [asks("one", budget=4), asks("two", max_tokens=3)]
    async with opened(server, stream=stream, record=str(file)) as backend:
        first = [await backend.generate(request) for request in asked]
    assert KEY not in file.read_text()
    assert "x-goog-api-key" not in file.read_text().lower()
    monkeypatch.delenv("GEMINI_API_KEY")
    n_calls = len(server.calls)
    async with opened(server, stream=stream, replay=str(file)) as backend:
        again = [await backend.generate(request) for request in asked]
        with pytest.raises(BackendError):
            await backend.generate(asks("three"))
    assert len(server.calls) == n_calls
    for one, other in zip(first, again, strict=True):
        assert (one.text, one.thinking, one.usage, one.stop) == (other.text, other.thinking, other.usage, other.stop)


@pytest.mark.parametrize("most_inline", [10_000, 10])
async def test_a_batch_can_be_replayed(
    server: GeminiServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, most_inline: int
) -> None:
    monkeypatch.setattr("thinkcurve_backends.gemini.batch.INLINE_BYTES", most_inline)
    file = tmp_path / "cassette.jsonl"
    made = []
    for options in ({"record": str(file)}, {"replay": str(file)}):
        async with opened(server, **options) as backend:
            name = await backend.submit({"a": asks()})
            while not (await backend.status(name)).is_ended:
                pass
            made.append((await backend.collect(name))["a"])
    assert KEY not in file.read_text()
    assert made[0] == made[1]


def test_google_cloud_without_credentials_says_what_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "none.json"))
    with pytest.raises(BackendError, match="gcloud auth application-default login") as caught:
        open_backend("gemini-2.5-flash", vertex=True, project="p", location="europe-west1")
    assert caught.value.is_fatal
