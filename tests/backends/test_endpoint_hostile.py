"""What a remote API may say that is meant to mislead, or is broken in a way that looks whole."""

import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest

sys.path.insert(0, str(Path(__file__).parent))  # the tests beside this file
from test_endpoint import KEY, Stage, api, events_of, fault_of, stage

from thinkcurve.errors import UsageError
from thinkcurve_backends.endpoint.api import Api
from thinkcurve_backends.endpoint.faults import check_address
from thinkcurve_backends.endpoint.idempotency import idempotency_key
from thinkcurve_backends.endpoint.keys import Key
from thinkcurve_backends.endpoint.limiter import limiter_for
from thinkcurve_backends.endpoint.open import open_api
from thinkcurve_backends.endpoint.options import EndpointOptions
from thinkcurve_backends.json_body import count, decoded

__all__ = ["api", "stage"]
JSON = "application/json"


@pytest.mark.parametrize("raw", [b'{"a":' * 100_000, b"\xff", b"", b"{", b"[1" + b"0" * 5000 + b"]"])
def test_what_is_no_json_is_a_value_error(raw: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        decoded(raw)


def test_half_characters_and_nan_are_mended_and_types_are_checked() -> None:
    assert decoded(rb'[NaN, -Infinity, "\ud83d", "\ud83d\ude00"]') == [None, None, "\ufffd", "\U0001f600"]
    with pytest.raises(ValueError, match="Expected"):
        decoded(b'["\xff"]', msgspec.json.Decoder(list[int]).decode)


def test_counts_are_counts() -> None:
    assert [count(value) for value in (0, 7, -1, 10**30, 1.0, True, "7", None)] == [0, 7, *[None] * 6]


def test_a_key_in_an_address_is_not_shown() -> None:
    with pytest.raises(UsageError, match=r"'https://host:1/v1'; a key is set in A_KEY$"):
        check_address(f"https://host:1/v1?api_key={KEY}", "A_KEY")


@pytest.mark.parametrize(
    ("body", "verdict"),
    [
        (b'{"error": {"message": "slow", "type": "rate_limit_error"}}', "retryable"),
        (b'{"error": "model \'x\' not found"}', "fatal"),
        (b'{"error": "Invalid API key"}', "fatal"),
        (b'{"error": "out of memory"}', "retryable"),
        (b'{"code": "server_error", "message": "x", "param": null}', "retryable"),
        (b'{"object": "error", "message": "bad", "type": "BadRequestError", "code": 400}', "this alone"),
        (b'[{"error": {"code": 401, "status": "UNAUTHENTICATED"}}]', "fatal"),
    ],
)
@pytest.mark.parametrize("is_streamed", [True, False])
async def test_an_error_with_status_200_is_the_same_whole_or_streamed(
    stage: Stage, api: Api, body: bytes, verdict: str, is_streamed: bool
) -> None:
    stage.plays(b"data: " + body + b"\n\n" if is_streamed else body, kind="text/event-stream" if is_streamed else JSON)
    error = await fault_of(events_of(api) if is_streamed else api.post("/chat", {}))
    assert (error.is_retryable, error.is_fatal) == (verdict == "retryable", verdict == "fatal")


async def test_the_values_of_more_secret_headers_are_hidden_whole(stage: Stage) -> None:
    headers = {"x-gateway-token": "first-half second-half"}
    one = open_api(f"http://127.0.0.1:{stage.port}", Key(""), EndpointOptions(), headers=headers)
    stage.plays(b'{"error": "no first-half second-half here"}', kind=JSON, status=400)
    error = await fault_of(one.post("/chat", {}))
    assert "half" not in str(error)
    one.close()


async def test_a_new_connection_that_breaks_is_not_tried_again(stage: Stage, api: Api) -> None:
    stage.plays(b"{}", kind=JSON)
    assert await api.post("/chat", {}) == {}
    stage.pieces = []
    assert (await fault_of(api.post("/chat", {}))).is_retryable
    assert len(stage.heads) == 2


async def test_nothing_is_sent_again_once_an_answer_began(stage: Stage, api: Api) -> None:
    good = f"HTTP/1.1 200 Said\r\nContent-Type: {JSON}\r\nContent-Length: 2\r\n\r\n{{}}".encode()
    stage.pieces = [good, None, b"HTTP/1.1 200 Sai"]
    assert await api.post("/chat", {}) == {}
    assert (await fault_of(api.post("/chat", {}))).is_retryable
    assert len(stage.heads) == 1


def test_a_request_has_one_idempotency_key_for_all_its_tries() -> None:
    one = idempotency_key(b"nonce", b"body", 7)
    assert one == idempotency_key(b"nonce", b"body", 7)
    others: list[tuple[bytes, bytes, int | None]] = [
        (b"nonce", b"body", 8),
        (b"nonce", b"body", None),
        (b"nonce", b"other", 7),
        (b"nonc", b"ebody", 7),
    ]
    assert len({one, *(idempotency_key(*other) for other in others)}) == 5


@pytest.mark.parametrize(("wish", "words"), [("700", "wait 12 min"), ("86400", "wait 24.0 h")])
async def test_a_wish_of_hours_ends_the_run_and_says_so(stage: Stage, api: Api, wish: str, words: str) -> None:
    stage.plays(b"{}", kind=JSON, status=429, head=f"Retry-After: {wish}\r\n")
    error = await fault_of(api.post("/chat", {}))
    assert error.is_fatal
    assert not error.is_retryable
    assert f"{words}: the same command goes on after that" in str(error)


async def test_a_look_at_the_models_does_not_wait_in_a_pause(stage: Stage, api: Api) -> None:
    limiter = limiter_for(api.base_url, KEY, 32)
    limiter.pause(300)
    stage.plays(b'{"data": []}', kind=JSON)
    assert await api.get("/models") == {"data": []}


@pytest.mark.parametrize(
    ("start", "is_whole"),
    [
        (b"\x00\x00", False),
        (b"Traceback (most recent call last):\n", False),
        (b"nonsense\n", False),
        (b"\x00\x00\n", True),
        (b"\xef\xbb\xbf", True),
        (b": comment\nid: 1\nretry: 5\nx-field: 1\n\n", True),
    ],
)
async def test_bytes_that_are_no_event_are_a_fault(stage: Stage, api: Api, start: bytes, is_whole: bool) -> None:
    stage.plays(start + b"data: 1\n\ndata: 2\n\ndata: [DONE]\n\n")
    if is_whole:
        found: list[Any] = await events_of(api)
        assert found == [1, 2]
    else:
        error = await fault_of(events_of(api))
        assert error.is_retryable
        assert "no event" in str(error)
