"""What goes wrong at the Messages API, and whose fault it is: the real SDK, a server of ours (`anthropic_server`)."""

import asyncio
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("anthropic")
pytest.importorskip("aiohttp")
sys.path.insert(0, str(Path(__file__).parent))
from anthropic_server import ANSWER, KEY, Server, serving

from thinkcurve.backend import Chat, Request
from thinkcurve.errors import BackendError, ThinkcurveError, UsageError
from thinkcurve.problem import Message
from thinkcurve_backends.anthropic.abilities import Abilities
from thinkcurve_backends.anthropic.backend import open_backend
from thinkcurve_backends.anthropic.reply import read_events, read_message

OTHER_SERVER = Abilities()


@pytest.fixture(scope="module")
def running() -> Iterator[Server]:
    with serving() as server:
        yield server


@pytest.fixture
def server(running: Server, monkeypatch: pytest.MonkeyPatch) -> Server:
    monkeypatch.setenv("ANTHROPIC_API_KEY", KEY)
    running.n_hung_up = 0
    return running


def asked(text: str) -> Request:
    return Request(Chat((Message("user", text),)), max_tokens=4096, leaves_sampling=True)


def fault_of(server: Server, text: str, **options: Any) -> BackendError:
    async def ask() -> BackendError:
        backend = open_backend("both-1", base_url=server.url, **options)
        try:
            with pytest.raises(BackendError) as caught:
                await backend.generate(asked(text))
            return caught.value
        finally:
            await backend.aclose()

    return asyncio.run(ask())


def read(*events: str) -> Any:
    """What the events are read as, given byte by byte."""

    async def chunks() -> Any:
        for event in events:
            for byte in f"data: {event}\r\n\r\n".encode():
                yield bytes([byte])

    return asyncio.run(read_events(chunks(), OTHER_SERVER, 100, said))


def said(document: dict[str, Any]) -> BackendError:
    return BackendError(str(document["error"]))


START = '{"type":"message_start","message":{"model":"m","usage":{"input_tokens":3,"output_tokens":0}}}'
BLOCK = '{"type":"content_block_start","index":0,"content_block":{"type":"text","text":"A"}}'
DELTA = '{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"B"}}'
LONG = DELTA.replace('"B"', '"so the answer is 4"')
CLOSE = '{"type":"content_block_stop","index":0}'
END = '{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":2}}'


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize(
    ("text", "is_retryable", "is_fatal", "message"),
    [
        ("bad", False, False, "400"),
        ("unpaid", False, True, "add credit"),
        ("forbidden", False, True, "ANTHROPIC_API_KEY is not accepted"),
        ("too-large", False, False, "413"),
        ("rate-limited", True, False, "429"),
        ("broken", True, False, "500"),
        ("overloaded", True, False, "529"),
    ],
)
def test_a_status_says_whose_fault_it_is(
    server: Server, stream: bool, text: str, is_retryable: bool, is_fatal: bool, message: str
) -> None:
    fault = fault_of(server, text, stream=stream)
    assert (fault.is_retryable, fault.is_fatal) == (is_retryable, is_fatal)
    assert message in str(fault)
    assert fault.retry_after_s == (0.25 if text == "rate-limited" else None)


@pytest.mark.parametrize(
    ("text", "is_retryable", "is_fatal"),
    [
        ("overloaded-midway", True, False),
        ("rate-limited-midway", True, False),
        ("broken-midway", True, False),
        ("bad-midway", False, False),
        ("forbidden-midway", False, True),
    ],
)
def test_an_error_in_the_middle_of_a_stream_is_the_one_that_it_says(
    server: Server, text: str, is_retryable: bool, is_fatal: bool
) -> None:
    fault = fault_of(server, text)
    assert (fault.is_retryable, fault.is_fatal) == (is_retryable, is_fatal)


@pytest.mark.parametrize(
    ("text", "is_retryable", "message"),
    [
        ("unended", True, "gives no stop_reason"),
        ("garbled", True, "sent an event that is none"),
        ("begins-twice", True, "began block 0 of its answer out of turn"),
        ("pause", True, "stopped in the middle of a turn"),
        ("novel", False, "a reason that is not known: 'something_new'"),
    ],
)
def test_what_is_no_whole_answer_is_none(server: Server, text: str, is_retryable: bool, message: str) -> None:
    fault = fault_of(server, text)
    assert message in str(fault)
    assert fault.is_retryable is is_retryable


def test_silence_ends_after_the_patience_for_it(server: Server) -> None:
    fault = fault_of(server, "hangs", idle_s=0.5)
    assert fault.is_retryable
    assert "option idle_s" in str(fault)


def test_a_cancelled_request_is_hung_up(server: Server) -> None:
    async def cancel() -> None:
        backend = open_backend("both-1", base_url=server.url)
        task = asyncio.create_task(backend.generate(asked("hangs")))
        await asyncio.sleep(0.5)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        for _ in range(100):
            if server.n_hung_up:
                break
            await asyncio.sleep(0.05)
        await backend.aclose()

    asyncio.run(cancel())
    assert server.n_hung_up == 1


def test_a_closed_backend_says_so(server: Server) -> None:
    backend = open_backend("both-1", base_url=server.url)
    asyncio.run(backend.aclose())
    asyncio.run(backend.aclose())
    with pytest.raises(BackendError, match="is closed"):
        asyncio.run(backend.generate(asked("a")))


def test_an_unknown_model_is_refused_at_opening(server: Server) -> None:
    with pytest.raises(UsageError, match=r"'both-2' is not served there. Did you mean 'both-1'\?"):
        open_backend("both-2", base_url=server.url)


def test_nobody_there_is_said_at_opening() -> None:
    with pytest.raises(BackendError, match="is the server running there") as caught:
        open_backend("both-1", base_url="http://127.0.0.1:9")
    assert caught.value.is_fatal


@pytest.mark.parametrize("text", ["forbidden", "overloaded", "bad"])
def test_the_key_is_in_no_error_and_no_description(server: Server, text: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    fault = fault_of(server, text)
    backend = open_backend("both-1", base_url=server.url)
    shown = [str(fault), repr(fault), repr(backend.model), repr(vars(backend)), repr(fault.__cause__), caplog.text]
    asyncio.run(backend.aclose())
    assert not any(KEY in text for text in shown)


def test_a_wrong_key_is_fatal_and_not_shown(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-ant-wrong-0123456789")
    with pytest.raises(ThinkcurveError, match="ANTHROPIC_API_KEY is not accepted") as caught:
        open_backend("both-1", base_url=server.url)
    assert "wrong-0123456789" not in str(caught.value)


def test_a_recorded_exchange_is_replayed_without_server_or_key(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def ask(**options: Any) -> str:
        backend = open_backend("both-1", base_url=server.url, **options)
        found = await backend.generate(asked("again"))
        await backend.aclose()
        return found.text

    cassette = tmp_path / "cassette.jsonl"
    assert asyncio.run(ask(record=str(cassette))) == ANSWER
    assert KEY not in cassette.read_text()
    monkeypatch.delenv("ANTHROPIC_API_KEY")
    n_asked = len(server.bodies)
    assert asyncio.run(ask(replay=str(cassette))) == ANSWER
    assert len(server.bodies) == n_asked


def test_events_are_read_with_any_borders_between_the_chunks() -> None:
    found = read(START, BLOCK, DELTA, CLOSE, END, "[DONE]")
    assert (found.text, found.usage.generated_tokens, found.usage.prompt_tokens) == ("AB", 2, 3)


@pytest.mark.parametrize(
    "events",
    [
        (BLOCK, END),
        (START, DELTA, END),
        (START, BLOCK, CLOSE, DELTA, END),
        (START, BLOCK, CLOSE, CLOSE, END),
        (START, START, END),
        (START, BLOCK, BLOCK, END),
        (START, END, END),
        (START, BLOCK, CLOSE, END, BLOCK),
        (START, BLOCK, CLOSE),
        (START, BLOCK, LONG, LONG, CLOSE, END),
        ("null", START, END),
        ("[]", START, END),
        (START, '{"type":"message_delta","usage":{"a":' + "[" * 100_000 + "}}"),
        (START.replace("3", '"3"').replace('"m"', "5"), END),
    ],
)
def test_events_out_of_turn_are_no_answer(events: tuple[str, ...]) -> None:
    with pytest.raises(BackendError) as caught:
        read(*events)
    assert caught.value.is_retryable


@pytest.mark.parametrize(
    "raw",
    [b"", b"<html>", b"{}", b'"text"', b'{"type":"message"}', b'{"type":"message","content":[]}', b"\xff\xfe"],
)
def test_a_document_that_is_no_whole_message_is_none(raw: bytes) -> None:
    with pytest.raises(BackendError) as caught:
        read_message(raw, OTHER_SERVER, 100, said)
    assert caught.value.is_retryable


def test_counts_that_are_none_are_unknown() -> None:
    usage = '{"input_tokens": true, "output_tokens": -1, "output_tokens_details": [3]}'
    raw = f'{{"type":"message","content":[],"stop_reason":"end_turn","usage":{usage}}}'.encode()
    found = read_message(raw, OTHER_SERVER, 100, said).usage
    assert (found.prompt_tokens, found.generated_tokens, found.thinking_tokens) == (None, None, None)


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        ('{"output_tokens": 5, "output_tokens_details": {"thinking_tokens": 6}}', (None, 6, None)),
        (f'{{"output_tokens": {10**30}}}', (None, None, None)),
        ('{"input_tokens": 3}', (None, None, None)),
    ],
)
def test_counts_that_contradict_or_are_placeholders_are_unknown(counts: str, expected: tuple[int | None, ...]) -> None:
    start = START.replace('"output_tokens":0', '"output_tokens":1')
    usage = read(start, BLOCK, CLOSE, END.replace('{"output_tokens":2}', counts)).usage
    assert (usage.generated_tokens, usage.thinking_tokens, usage.answer_tokens) == expected


@pytest.mark.parametrize("half", [b"\xe2\x82", rb"\ud83d"])
def test_half_a_character_is_replaced(half: bytes) -> None:
    async def chunks() -> Any:
        for event in (START, BLOCK, DELTA, CLOSE, END):
            yield b"data: " + event.encode().replace(b'"B"', b'"B' + half + b'"') + b"\n\n"

    found = asyncio.run(read_events(chunks(), OTHER_SERVER, 100, said))
    assert found.text == "AB\ufffd"
