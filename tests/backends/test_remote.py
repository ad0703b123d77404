"""The HTTP client against a real server of the standard library that does one thing wrong at a time."""

import asyncio
import email.utils
import json
import socket
import struct
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from thinkcurve.errors import BackendError, UsageError
from thinkcurve_backends.endpoint import wire as module
from thinkcurve_backends.remote import KEY_VARIABLE, Remote, check_address, key_from_environment, retry_after_s

KEY = "sk-very-secret-0123"
LATER = email.utils.format_datetime(email.utils.localtime().replace(year=2199))


class Faults(BaseHTTPRequestHandler):
    """The path says what goes wrong; ``/echo`` is the one thing that does not."""

    protocol_version = "HTTP/1.1"
    server: "FaultServer"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        self.server.connections.add(self.client_address)
        self.server.seen.append((self.path, {name.lower(): value for name, value in self.headers.items()}, body))
        self.server.has_seen.set()
        name = self.path.strip("/")
        getattr(self, f"do_{name}", self.do_status)(body)

    do_GET = do_POST

    def log_message(self, *_: Any) -> None:
        pass

    def say(self, status: int, body: bytes, kind: str = "application/json", **headers: str) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": kind, "Content-Length": str(len(body)), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def do_echo(self, body: bytes) -> None:
        self.say(200, body or b'{"hello": 1}')

    def do_status(self, body: bytes) -> None:
        _, status, *rest = self.path.split("/")
        headers = {"Retry_After": rest[0].replace("_", " ")} if rest else {}
        self.say(int(status), json.dumps({"error": {"message": f"because\nof {KEY}"}}).encode(), **headers)

    def do_page(self, body: bytes) -> None:
        self.say(200, b"<html>\x1b[31mLog in first</html>", "text/html")

    def do_bad_page(self, body: bytes) -> None:
        self.say(502, b"<html>Bad Gateway</html>" + b"x" * 5000, "text/html")

    def do_elsewhere(self, body: bytes) -> None:
        self.say(307, b"", Location="http://127.0.0.1:9/echo")

    def do_cut_json(self, body: bytes) -> None:
        self.say(200, b'{"choices": [{"te')

    def do_empty(self, body: bytes) -> None:
        self.say(200, b"")

    def do_cut_body(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "1000")
        self.end_headers()
        self.wfile.write(b'{"a": ')
        self.close_connection = True

    def do_reset(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "1000")
        self.end_headers()
        self.wfile.write(b'{"a": ')
        self.wfile.flush()
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()
        self.close_connection = True

    def do_silence(self, body: bytes) -> None:
        if self.server.silence.wait(20):
            self.close_connection = True

    def do_drip(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "100000")
        self.end_headers()
        while not self.server.silence.wait(0.05):
            self.wfile.write(b" ")

    def do_flood(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for _ in range(1 << 14):
            self.wfile.write(b"10000\r\n" + b"1" * 0x10000 + b"\r\n")


class FaultServer(ThreadingHTTPServer):
    request_queue_size = 512
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Faults)
        self.silence = threading.Event()
        self.has_seen = threading.Event()
        self.connections: set[Any] = set()
        self.seen: list[tuple[str, dict[str, str], bytes]] = []

    def handle_error(self, *_: Any) -> None:
        """A client that hangs up is what these tests are about."""


@pytest.fixture
def server() -> Iterator[FaultServer]:
    running = FaultServer()
    thread = threading.Thread(target=running.serve_forever, args=(0.02,))
    thread.start()
    yield running
    running.silence.set()
    running.shutdown()
    thread.join()
    running.server_close()


@pytest.fixture
def remote(server: FaultServer) -> Iterator[Remote]:
    opened = Remote(f"http://127.0.0.1:{server.server_port}/", key=KEY, timeout_s=5)
    yield opened
    opened.close()


def error_of(remote: Remote, path: str) -> BackendError:
    with pytest.raises(BackendError) as caught:
        remote.post_now(path, {"a": 1})
    text = str(caught.value)
    assert KEY not in text
    assert text.isprintable()
    assert len(text) < 600
    return caught.value


def test_json_goes_there_and_back(remote: Remote, server: FaultServer) -> None:
    content = {"text": "ä\U0001f600", "ids": [1, 2]}
    assert remote.post_now("/echo", content) == content
    assert remote.get_now("/echo") == {"hello": 1}
    assert server.seen[0][1]["authorization"] == f"Bearer {KEY}"


async def test_connections_are_kept_and_shared(remote: Remote, server: FaultServer) -> None:
    for number in range(20):
        assert await remote.post("/echo", number) == number
    assert len(server.connections) == 1
    assert await asyncio.gather(*(remote.post("/echo", n) for n in range(64))) == list(range(64))


def test_several_event_loops_one_after_another_and_at_once(remote: Remote) -> None:
    async def ask(n: int) -> Any:
        return await remote.post("/echo", n)

    assert [asyncio.run(ask(n)) for n in range(3)] == [0, 1, 2]
    found: list[Any] = []
    threads = [threading.Thread(target=lambda n=n: found.append(asyncio.run(ask(n)))) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == list(range(8))


@pytest.mark.parametrize("path", ["/429", "/500", "/502", "/503", "/529", "/408", "/bad_page"])
def test_what_may_pass_is_retryable(remote: Remote, path: str) -> None:
    error = error_of(remote, path)
    assert error.is_retryable
    assert not error.is_fatal
    assert error.retry_after_s is None


@pytest.mark.parametrize(
    ("header", "least", "most"),
    [("7", 7, 7), ("0.25", 0.25, 0.25), (LATER.replace(" ", "_"), 1e9, 1e11), ("soon", -1, -1)],
    ids=["whole", "fraction", "date", "words"],
)
def test_the_servers_own_wish_is_kept(remote: Remote, header: str, least: float, most: float) -> None:
    error = error_of(remote, f"/429/{header}")
    assert least <= (-1 if error.retry_after_s is None else error.retry_after_s) <= most


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("120", 120.0),
        ("Thu, 01 Jan 1970 00:16:40 GMT", 900.0),
        ("Thu, 01 Jan 1970 00:00:10 GMT", 0.0),
        ("-5", 0.0),
        ("nan", None),
        ("inf", None),
        ("", None),
        ("Thu, 99 Jan 1970", None),
    ],
)
def test_retry_after_is_seconds_or_a_date(text: str, seconds: float | None) -> None:
    assert retry_after_s(text, now=100.0) == seconds


@pytest.mark.parametrize("path", ["/401", "/403"])
def test_a_wrong_key_ends_the_run_and_is_not_shown(remote: Remote, server: FaultServer, path: str) -> None:
    error = error_of(remote, path)
    assert error.is_fatal
    assert not error.is_retryable
    assert KEY_VARIABLE in str(error)
    keyless = Remote(remote.base_url)
    assert f"set {KEY_VARIABLE}" in str(_raised(keyless, path))
    keyless.close()


def _raised(remote: Remote, path: str) -> BackendError:
    with pytest.raises(BackendError) as caught:
        remote.get_now(path)
    return caught.value


def test_a_wrong_address_and_a_redirect_end_the_run(remote: Remote, server: FaultServer) -> None:
    assert error_of(remote, "/404").is_fatal
    error = error_of(remote, "/elsewhere")
    assert error.is_fatal
    assert "http://127.0.0.1:9/echo" in str(error)
    assert len(server.seen) == 2


@pytest.mark.parametrize("path", ["/400", "/413", "/422"])
def test_one_bad_request_is_only_that(remote: Remote, path: str) -> None:
    error = error_of(remote, path)
    assert not error.is_fatal
    assert not error.is_retryable
    assert "because of ***" in str(error)


@pytest.mark.parametrize("path", ["/cut_json", "/cut_body", "/reset", "/empty", "/page"])
def test_what_is_no_whole_answer_is_retryable(remote: Remote, path: str) -> None:
    assert error_of(remote, path).is_retryable
    assert remote.post_now("/echo", 1) == 1


def test_an_answer_that_is_no_json_names_its_type(remote: Remote) -> None:
    assert "text/html" in str(error_of(remote, "/page"))


@pytest.mark.parametrize("path", ["/silence", "/drip"])
def test_silence_ends_in_time(server: FaultServer, path: str) -> None:
    impatient = Remote(f"http://127.0.0.1:{server.server_port}", timeout_s=0.4)
    started = time.monotonic()
    error = error_of(impatient, path)
    assert error.is_retryable
    assert "in 0.4 s" in str(error)
    assert time.monotonic() - started < 4
    impatient.close()


def test_a_huge_body_is_given_up(remote: Remote, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LARGEST_BODY_BYTES", 1 << 20)
    assert "more than 1 MiB" in str(error_of(remote, "/flood"))


def test_a_refused_connection_is_retryable_and_then_ends_the_run() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    nobody = Remote(f"http://127.0.0.1:{port}")
    error = error_of(nobody, "/echo")
    assert error.is_retryable
    assert error.is_fatal
    assert f"cannot reach http://127.0.0.1:{port}" in str(error)
    nobody.close()


async def test_cancelling_hangs_up(remote: Remote, server: FaultServer) -> None:
    task = asyncio.create_task(remote.post("/silence", 1))
    assert await asyncio.to_thread(server.has_seen.wait, 5)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await remote.post("/echo", 2) == 2


async def test_closing_ends_what_is_open_and_what_comes_later(remote: Remote, server: FaultServer) -> None:
    task = asyncio.create_task(remote.post("/silence", 1))
    assert await asyncio.to_thread(server.has_seen.wait, 5)
    await remote.aclose()
    await remote.aclose()
    with pytest.raises(BackendError, match="is closed") as caught:
        await task
    assert caught.value.is_fatal
    with pytest.raises(BackendError, match="is closed"):
        remote.get_now("/echo")


def test_half_a_character_is_refused_before_it_is_sent(remote: Remote, server: FaultServer) -> None:
    with pytest.raises(BackendError, match="lone surrogate"):
        remote.post_now("/echo", "\ud800")
    assert not server.seen


@pytest.mark.parametrize(
    "url", ["", "localhost:8000", "ftp://host", "http://", "http://host:port", "http://host:99999999"]
)
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(UsageError, match="no address"):
        check_address(url)


def test_an_address_holds_no_secret_and_no_query() -> None:
    for url in (f"http://me:{KEY}@host", f"http://me:{KEY}@host:port"):
        with pytest.raises(UsageError) as caught:
            check_address(url)
        assert KEY not in str(caught.value)
    with pytest.raises(UsageError, match="ends before"):
        check_address("http://host/v1?a=b")


def test_the_key_is_read_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KEY_VARIABLE, f" {KEY}\n")
    assert key_from_environment() == KEY
    monkeypatch.delenv(KEY_VARIABLE)
    assert key_from_environment() == ""


@pytest.mark.parametrize("end", ["\nim123", "\r\nX: 1", " 2", "é", "\x7f", "\ud800"])
def test_what_can_be_no_key_is_refused_and_not_shown(monkeypatch: pytest.MonkeyPatch, end: str) -> None:
    monkeypatch.setattr("os.environ", {KEY_VARIABLE: KEY + end})
    for ask in (key_from_environment, lambda: Remote("http://127.0.0.1:1", key=KEY + end)):
        with pytest.raises(UsageError, match=f"the key in {KEY_VARIABLE} holds") as caught:
            ask()
        assert KEY[:8] not in str(caught.value)
        assert caught.value.__context__ is None
