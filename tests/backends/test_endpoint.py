"""The API under every backend: streams and their faults, times, keys, proxies, and SDKs on the same wire."""

import asyncio
import contextlib
import re
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Iterator
from typing import Any

import pytest

from thinkcurve.errors import BackendError, UsageError
from thinkcurve_backends.endpoint.api import Api
from thinkcurve_backends.endpoint.keys import Key
from thinkcurve_backends.endpoint.open import open_api
from thinkcurve_backends.endpoint.options import LEAST, EndpointOptions
from thinkcurve_backends.endpoint.wire import Network, Patience
from thinkcurve_backends.options import read_options

KEY = "sk-very-secret-0123"
BEARER = {"authorization": f"Bearer {KEY}"}
EVENTS = "text/event-stream"


class Stage:
    """A server that answers with the bytes it was given, piece by piece, and remembers what it was asked.

    A number is a silence of so many seconds, unless the client hangs up; None waits for another request.
    """

    def __init__(self) -> None:
        self.pieces: list[bytes | float | None] = []
        self.heads: list[bytes] = []
        self.port = 0
        self.loop: asyncio.AbstractEventLoop
        self.hung_up = threading.Event()

    def plays(self, *pieces: bytes | float, kind: str = EVENTS, status: int = 200, head: str = "") -> None:
        """Answer with these; without ``head`` the end is the connection's."""
        first = f"HTTP/1.1 {status} Said\r\nContent-Type: {kind}\r\nConnection: close\r\n{head}\r\n".encode()
        self.pieces = [first, *pieces]

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            self.heads.append(await reader.readuntil(b"\r\n\r\n"))
            found = re.search(rb"(?i)content-length: (\d+)", self.heads[-1])
            await reader.readexactly(int(found[1]) if found else 0)
            for piece in self.pieces:
                if isinstance(piece, bytes):
                    writer.write(piece)
                    await writer.drain()
                elif piece is None:
                    await reader.read(1)
                else:
                    with contextlib.suppress(TimeoutError):
                        async with asyncio.timeout(piece):
                            while await reader.read(1 << 16):
                                pass
                            self.hung_up.set()
        writer.close()


@pytest.fixture
def stage() -> Iterator[Stage]:
    made, ready, ended = Stage(), threading.Event(), asyncio.Event()

    async def serve() -> None:
        async with await asyncio.start_server(made.answer, "127.0.0.1", 0) as server:
            made.port = server.sockets[0].getsockname()[1]
            made.loop = asyncio.get_running_loop()
            ready.set()
            await ended.wait()

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    ready.wait(10)
    yield made
    made.loop.call_soon_threadsafe(ended.set)
    thread.join()


@pytest.fixture
def api(stage: Stage) -> Iterator[Api]:
    made = open_api(f"http://127.0.0.1:{stage.port}/v1", Key(KEY, "A_KEY"), EndpointOptions(idle_s=20), headers=BEARER)
    yield made
    made.close()


async def everything(events: AsyncIterator[Any]) -> list[Any]:
    return [event async for event in events]


async def events_of(api: Api, **options: bool) -> list[Any]:
    return await api.stream("/chat", {"stream": True}, everything, **options)


async def fault_of(work: Awaitable[object]) -> BackendError:
    with pytest.raises(BackendError) as caught:
        await work
    text = str(caught.value)
    assert KEY not in text
    assert text.isprintable()
    assert len(text) < 600
    return caught.value


async def test_a_stream_is_read_event_by_event(stage: Stage, api: Api) -> None:
    stage.plays(b": ping\r\n\r\ndata: {", b'"a": 1}\r\n\r\nevent: x\ndata: [2]\n\n', b"data: [DONE]\n\n")
    assert await events_of(api, needs_done=True) == [{"a": 1}, [2]]
    assert b"authorization: Bearer " + KEY.encode() in stage.heads[0]


async def test_an_event_is_handed_on_before_the_next_one_comes(stage: Stage, api: Api) -> None:
    stage.plays(b"data: 1\n\n", 20.0)

    async def first(events: AsyncIterator[Any]) -> Any:
        return await anext(events)

    started = time.monotonic()
    assert await api.stream("/chat", {}, first) == 1
    assert time.monotonic() - started < 10


@pytest.mark.parametrize(
    ("kind", "body", "expected"),
    [
        ("application/json", b'{"whole": 1}', [{"whole": 1}]),
        ("application/x-ndjson", b'{"a": 1}\n{"b": 2}\n', [{"a": 1}, {"b": 2}]),
        ("text/plain", b'data: {"a": 1}\n\ndata: [DONE]\n\n', [{"a": 1}]),
        (EVENTS, b'data: {"a": 1}\n\ndata: [DONE]', [{"a": 1}]),
        (EVENTS, b'data: {"a": 1}\n\ndata: [DONE]\n\ndata: {"late": 1}\n\ndata: [DONE]\n\n', [{"a": 1}]),
        (EVENTS, b'data: {"a": 1}\n\ndata: {"a": 1}\n\n', [{"a": 1}, {"a": 1}]),
        (EVENTS, b'data: {"a": "\xff"}\n\n', [{"a": "\ufffd"}]),
        (EVENTS, b'data: {"error": null}\n\n', [{"error": None}]),
        (EVENTS, b"", []),
    ],
)
async def test_what_servers_send_for_a_stream(
    stage: Stage, api: Api, kind: str, body: bytes, expected: list[Any]
) -> None:
    stage.plays(body, kind=kind)
    assert await events_of(api) == expected


@pytest.mark.parametrize(
    ("kind", "body", "words"),
    [
        (EVENTS, b'data: {"a": 1}\n\n', "a stream without its end"),
        (EVENTS, b'data: {"a": 1}\n\ndata: {"a', "no JSON"),
        (EVENTS, b"data: nonsense\n\ndata: [DONE]\n\n", "no JSON"),
        (EVENTS, b"", "a stream without its end"),
        ("text/html", b"<html>Log in</html>", "text/html that are no JSON"),
        ("application/json", b'{"choices": [{"te', "no JSON"),
        ("application/json", b"", "0 bytes"),
    ],
)
async def test_what_is_no_whole_stream_is_retryable(stage: Stage, api: Api, kind: str, body: bytes, words: str) -> None:
    stage.plays(body, kind=kind)
    error = await fault_of(events_of(api, needs_done=True))
    assert error.is_retryable
    assert not error.is_fatal
    assert words in str(error)


async def test_a_connection_that_breaks_in_mid_stream_is_retryable(stage: Stage, api: Api) -> None:
    stage.plays(b"data: 1\n\n", head="Content-Length: 1000\r\n")
    error = await fault_of(events_of(api))
    assert error.is_retryable
    assert "broke off" in str(error)


@pytest.mark.parametrize(
    ("event", "verdict"),
    [
        (b'data: {"error": {"type": "server_error", "message": "oops sk-very-secret-0123"}}', "retryable"),
        (b'event: error\ndata: {"type": "error", "error": {"type": "overloaded_error", "message": "x"}}', "busy"),
        (b'data: {"type": "error", "code": "rate_limit_exceeded", "message": "slow"}', "busy"),
        (b'data: {"error": {"code": 429, "status": "RESOURCE_EXHAUSTED", "message": "quota"}}', "busy"),
        (b'data: {"error": {"code": 503, "message": "no provider"}}', "retryable"),
        (b'data: {"error": "out of memory"}', "retryable"),
        (b"event: error\ndata: upstream gone", "retryable"),
        (b'data: {"error": {"type": "authentication_error", "message": "x"}}', "fatal"),
        (b'data: {"error": {"code": "insufficient_quota", "message": "x"}}', "fatal"),
        (b'data: {"error": {"type": "invalid_request_error", "message": "x"}}', "this alone"),
        (b'data: {"error": {"code": 400, "message": "x"}}', "this alone"),
    ],
)
async def test_an_error_inside_a_stream_is_what_its_name_says(
    stage: Stage, api: Api, event: bytes, verdict: str
) -> None:
    stage.plays(b"data: 1\n\n" + event + b"\n\n")
    error = await fault_of(events_of(api))
    assert error.is_retryable == (verdict in ("retryable", "busy"))
    assert error.is_busy == (verdict == "busy")
    assert error.is_fatal == (verdict == "fatal")


@pytest.mark.parametrize(
    ("status", "body", "head", "wait_s"),
    [
        (429, b"{}", "Retry-After: 3\r\n", 3.0),
        (429, b"{}", "Retry-After-Ms: 1500\r\nRetry-After: 9\r\n", 1.5),
        (429, b'{"error": {"code": 429, "details": [{"retryDelay": "34.5s"}]}}', "", 34.5),
        (529, b"{}", "", None),
    ],
)
async def test_a_refusal_says_how_long_to_wait(
    stage: Stage, api: Api, status: int, body: bytes, head: str, wait_s: float | None
) -> None:
    stage.plays(body, status=status, kind="application/json", head=head)
    error = await fault_of(api.post("/chat", {}))
    assert error.is_busy
    assert error.retry_after_s == wait_s


async def test_an_account_without_money_ends_the_run(stage: Stage, api: Api) -> None:
    body = b'{"error": {"code": "insufficient_quota", "type": "insufficient_quota", "message": "You exceeded"}}'
    stage.plays(body, status=429, kind="application/json")
    error = await fault_of(api.post("/chat", {}))
    assert error.is_fatal
    assert "add credit" in str(error)


@pytest.mark.parametrize(
    ("patience", "pieces", "words"),
    [
        (Patience(idle_s=0.2), (b"data: 1\n\n", 30.0), "said nothing for 0.2 s (option idle_s)"),
        (Patience(idle_s=0.2), (30.0,), "said nothing for 0.2 s"),
        (Patience(total_s=0.3), tuple([b"data: 1\n\n", 0.05] * 400), "no whole answer in 0.3 s (option total_s)"),
    ],
)
async def test_silence_and_slowness_end_in_time(
    stage: Stage, patience: Patience, pieces: tuple[bytes | float, ...], words: str
) -> None:
    stage.plays(*pieces)
    api = Api(f"http://127.0.0.1:{stage.port}/v1", wire=Network(patience))
    started = time.monotonic()
    error = await fault_of(events_of(api))
    assert words in str(error)
    assert error.is_retryable
    assert time.monotonic() - started < 10
    await asyncio.to_thread(stage.hung_up.wait, 10)
    api.close()


async def test_cancelling_in_mid_stream_hangs_up_and_frees_the_slot(stage: Stage, api: Api) -> None:
    stage.plays(b"data: 1\n\n", 30.0)
    is_reading = threading.Event()

    async def wait(events: AsyncIterator[Any]) -> None:
        async for _ in events:
            is_reading.set()

    task = asyncio.create_task(api.stream("/chat", {}, wait))
    assert await asyncio.to_thread(is_reading.wait, 10)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await asyncio.to_thread(stage.hung_up.wait, 10)
    assert api.wire._limiter.n_open == 0  # type: ignore[attr-defined]


async def test_an_address_that_nobody_listens_at_is_named(stage: Stage) -> None:
    api = open_api("http://nobody.invalid/v1", Key(""), EndpointOptions(connect_s=5))
    error = await fault_of(api.post("/chat", {}))
    assert error.is_retryable
    assert error.is_fatal
    assert "cannot reach http://nobody.invalid" in str(error)
    api.close()


@pytest.mark.parametrize("scheme", ["http://", ""])
async def test_a_proxy_of_the_environment_carries_all_but_what_stays_here(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, scheme: str
) -> None:
    for name in ("no_proxy", "NO_PROXY", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("http_proxy", f"{scheme}me:pass-word-123@127.0.0.1:{stage.port}")
    stage.plays(b"{}", kind="application/json")
    api = open_api("http://far.invalid/v1", Key(""), EndpointOptions())
    assert await api.post("/chat", {}) == {}
    api.close()
    assert stage.heads[0].startswith(b"POST http://far.invalid/v1/chat HTTP/1.1")
    local = open_api(f"http://127.0.0.1:{stage.port}/v1", Key(""), EndpointOptions())
    assert await local.post("/chat", {}) == {}
    local.close()
    assert stage.heads[1].startswith(b"POST /v1/chat HTTP/1.1")
    assert b"roxy-" not in stage.heads[1]


async def test_a_connection_that_was_closed_while_it_was_idle_costs_nothing(stage: Stage, api: Api) -> None:
    stage.pieces = [b"HTTP/1.1 200 Said\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}", None]
    for number in range(3):  # each but the first meets a connection that ends when it comes
        assert await api.post("/chat", {"number": number}) == {}
    assert len(stage.heads) == 3


async def test_a_server_that_only_hangs_up_is_retryable(stage: Stage, api: Api) -> None:
    stage.pieces = []
    error = await fault_of(api.post("/chat", {}))
    assert error.is_retryable
    assert not error.is_fatal
    assert "broke off" in str(error)


async def test_a_large_body_is_sent_whole(stage: Stage, api: Api) -> None:
    stage.plays(b"{}", kind="application/json")
    assert await api.post("/chat", "x" * (3 << 20)) == {}
    assert f"content-length: {(3 << 20) + 2}".encode() in stage.heads[0].lower()


async def test_a_proxy_of_another_kind_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("no_proxy", "NO_PROXY", "HTTP_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("http_proxy", "socks5://me:pass-word-123@127.0.0.1:1080")
    api = open_api("http://far.invalid/v1", Key(""), EndpointOptions())
    error = await fault_of(api.post("/chat", {}))
    assert error.is_fatal
    assert "'socks5'" in str(error)
    assert "pass-word" not in str(error)
    api.close()


async def test_a_netrc_is_not_read(stage: Stage, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login me password my-secret-word\n")
    monkeypatch.setenv("NETRC", str(netrc))
    stage.plays(b"{}", kind="application/json")
    api = open_api(f"http://127.0.0.1:{stage.port}/v1", Key(""), EndpointOptions())
    await api.post("/chat", {})
    api.close()
    assert b"uthorization" not in stage.heads[0]


def test_options_are_read_with_their_bounds() -> None:
    made = read_options("x", {"concurrency": 4, "idle_s": 9}, EndpointOptions(), LEAST)
    assert made == EndpointOptions(concurrency=4, idle_s=9.0)
    for name in ("concurrency", "connect_s"):
        with pytest.raises(UsageError, match=f"option {name} of x is -1"):
            read_options("x", {name: -1}, EndpointOptions(), LEAST)
