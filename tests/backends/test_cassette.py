"""Exchanges on file: recorded without a secret, replayed without network or key."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thinkcurve.errors import BackendError, UsageError
from thinkcurve_backends.endpoint import cassette
from thinkcurve_backends.endpoint.cassette import Recorder, Replay
from thinkcurve_backends.endpoint.keys import Key
from thinkcurve_backends.endpoint.open import open_api
from thinkcurve_backends.endpoint.options import EndpointOptions
from thinkcurve_backends.endpoint.wire import Answer, Call

KEY = "sk-very/secret+0123"
HEADERS = {"authorization": f"Bearer {KEY}", "content-type": "application/json"}
URL = "http://127.0.0.1:1/v1/chat"


class Said:
    """An answer that is known beforehand."""

    def __init__(self, chunks: list[bytes], status: int = 200, headers: Mapping[str, str] | None = None) -> None:
        self.status = status
        self.headers: Mapping[str, str] = headers or {"content-type": "application/json"}
        self.parts = chunks

    async def chunks(self) -> AsyncIterator[bytes]:
        for part in self.parts:
            yield part

    async def aclose(self) -> None:
        pass


class Server:
    """A wire whose answers are known beforehand."""

    def __init__(self, *answers: Said) -> None:
        self.answers = list(answers)

    async def send(self, call: Call) -> Answer:
        return self.answers.pop(0)

    async def aclose(self) -> None:
        pass


def call(body: object, url: str = URL, method: str = "POST", **headers: str) -> Call:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Call(method, url, {**HEADERS, **{name.replace("_", "-"): value for name, value in headers.items()}}, raw)


async def read(answer: Answer) -> list[bytes]:
    parts = [part async for part in answer.chunks()]
    await answer.aclose()
    return parts


def contents(tape: Path) -> str:
    return tape.read_text()


async def record(tape: Path, *pairs: tuple[Call, Said]) -> str:
    wire = Recorder(Server(*(said for _, said in pairs)), str(tape), (KEY,))
    for one, _ in pairs:
        await read(await wire.send(one))
    return contents(tape)


async def test_what_was_recorded_is_replayed_as_it_was(tmp_path: Path) -> None:
    tape = tmp_path / "new" / "tape.jsonl"
    chunks = [b'data: {"a": "caf\xc3', b'\xa9"}\n\n', b"data: [DONE]\n\n"]
    said = Said(chunks, headers={"content-type": "text/event-stream", "x-request-id": "r1", "set-cookie": "c=1"})
    refused = Said([b'{"error": {"message": "no"}}'], 400)
    await record(tape, (call({"a": 1}), said), (call({"b": 1}), refused), (call(b"", method="GET"), Said([b"[]"])))
    wire = Replay(str(tape))
    answer = await wire.send(call({"a": 1}, authorization=""))
    assert await read(answer) == chunks
    assert answer.headers == {"content-type": "text/event-stream", "x-request-id": "r1"}
    assert (await wire.send(call({"b": 1}))).status == 400
    assert await read(await wire.send(call(b"", method="GET"))) == [b"[]"]


@pytest.mark.parametrize(
    "chunks",
    [
        [f'{{"echo": "{KEY}"}}'.encode()],
        [b'{"echo": "sk-very/sec', b'ret+0123"}'],
        [b"\xff" + KEY[:5].encode(), KEY[5:].encode() + b"\xff"],
        [b'"sk-very\\/secret+0123"'],
        [b'"sk-very%2Fsecret%2B0123"'],
    ],
)
async def test_the_key_is_nowhere(tmp_path: Path, chunks: list[bytes]) -> None:
    asked = call(
        {"user": KEY}, URL + f"?key=other-key-1234&alt=sse&pageToken=p&x={KEY}", x_goog_api_key="another-secret"
    )
    said = Said([*chunks, b"another-secret"], headers={"content-type": "a/b", "x-request-id": KEY})
    written = await record(tmp_path / "tape", (asked, said))
    line = json.loads(written)
    raw = written + "".join(
        base64.b64decode(one["base64"]).decode("latin-1") for one in line["chunks"] if isinstance(one, dict)
    )
    for secret in (KEY, "secret+0123", "sk-very", "secret%2B0123", "other-key-1234", "another-secret"):
        assert secret not in raw
    assert "alt=sse&pageToken=p" in line["path"]
    assert "authorization" not in raw.lower()


def documents() -> st.SearchStrategy[Any]:
    return st.recursive(
        st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
        max_leaves=8,
    )


def turned(document: Any) -> Any:
    """The same with all fields in the opposite order."""
    if isinstance(document, dict):
        return {name: turned(document[name]) for name in reversed(list(document))}
    return [turned(one) for one in document] if isinstance(document, list) else document


@given(documents(), documents())
def test_the_order_of_fields_says_nothing_and_all_else_does(one: Any, other: Any) -> None:
    def digest(document: Any) -> str:
        return cassette._digest("POST", "/v1", json.dumps(document).encode(), "application/json")

    assert digest(one) == digest(turned(one))
    assert (digest(one) == digest(other)) == (json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True))


async def test_equal_requests_are_answered_in_the_order_in_which_they_were_sent(tmp_path: Path) -> None:
    tape = tmp_path / "tape"
    wire = Recorder(Server(Said([b"1"]), Said([b"2"]), Said([b"3"])), str(tape))
    answers = [await wire.send(call({})) for _ in range(3)]
    for answer in reversed(answers):  # which come to their end in another
        await read(answer)
    replay = Replay(str(tape))
    assert [await read(await replay.send(call({}))) for _ in range(3)] == [[b"1"], [b"2"], [b"3"]]


async def test_what_is_missing_is_named_and_ends_the_run_where_nothing_was_found(tmp_path: Path) -> None:
    tape = tmp_path / "tape"
    await record(tape, (call({"model": "m"}), Said([b"{}"])))
    wire = Replay(str(tape))
    with pytest.raises(
        BackendError, match=r"holds no answer to POST /v1/chat with the body '\{\"model\": \"other\"\}'"
    ) as caught:
        await wire.send(call({"model": "other"}))
    assert caught.value.is_fatal
    assert not caught.value.is_retryable
    await wire.send(call({"model": "m"}))
    with pytest.raises(BackendError, match="holds no further answer") as caught:
        await wire.send(call({"model": "m"}))
    assert not caught.value.is_fatal


async def test_refusals_that_were_retried_are_not_suffered_again(tmp_path: Path) -> None:
    tape = tmp_path / "tape"
    await record(
        tape,
        (call({"a": 1}), Said([b"busy"], 429)),
        (call({"a": 1}), Said([b"good"])),
        (call({"b": 1}), Said([b"down"], 500)),
    )
    wire = Replay(str(tape))
    assert await read(await wire.send(call({"a": 1}))) == [b"good"]
    assert (await wire.send(call({"b": 1}))).status == 500


async def test_a_torn_line_is_dropped_by_readers_and_writers(tmp_path: Path) -> None:
    tape = tmp_path / "tape"
    whole = await record(tape, (call({"a": 1}), Said([b"1"])))
    for size in (1, len(whole) // 2, len(whole) - 1):
        tape.write_text(whole + whole[:size])
        cassette._tapes.clear()
        assert await read(await Replay(str(tape)).send(call({"a": 1}))) == [b"1"]
        await record(tape, (call({"b": 1}), Said([b"2"])))
        assert len([json.loads(line) for line in tape.read_text().splitlines()]) == 2
        assert await read(await Replay(str(tape)).send(call({"b": 1}))) == [b"2"]


async def test_a_line_that_is_no_exchange_is_named(tmp_path: Path) -> None:
    tape = tmp_path / "tape"
    tape.write_text('\n{"method": "GET"}\n')
    with pytest.raises(UsageError, match=r"line 2 of .* is no exchange"):
        Replay(str(tape))


def test_files_that_cannot_be_used_are_refused_before_anything_is_sent(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for options, words in [
        (EndpointOptions(replay=str(tmp_path / "none")), "cannot read the cassette"),
        (EndpointOptions(replay=str(tmp_path)), "cannot read the cassette"),
        (EndpointOptions(record=str(tmp_path / "file" / "tape")), "cannot write the cassette"),
        (EndpointOptions(record="a", replay="b"), "not both"),
    ]:
        with pytest.raises(UsageError, match=words):
            open_api("http://127.0.0.1:1/v1", Key(""), options)


async def test_a_form_is_found_again_though_its_borders_are_drawn_anew(tmp_path: Path) -> None:
    tape = tmp_path / "tape"

    def form(border: str, text: str) -> Call:
        body = f"--{border}\r\nContent-Disposition: form-data; name=file\r\n\r\n{text}\r\n--{border}--\r\n"
        return call(body.encode(), content_type=f"multipart/form-data; boundary={border}")

    await record(tape, (form("abc123", "one"), Said([b"1"])), (form("def456", "two"), Said([b"2"])))
    wire = Replay(str(tape))
    assert await read(await wire.send(form("xyz", "two"))) == [b"2"]
    assert await read(await wire.send(form("uvw", "one"))) == [b"1"]


async def test_an_upload_in_parts_is_found_again_without_the_right_to_upload(tmp_path: Path) -> None:
    tape, there = tmp_path / "tape", "http://127.0.0.1:1/upload?upload_id=may-upload-1&part=1"
    start = Said([b"{}"], headers={"x-goog-upload-url": there, "x-goog-upload-status": "active"})
    text = await record(tape, (call({"size": 1}), start), (call(b"part", there), Said([b"{}"])))
    assert "may-upload-1" not in text
    wire = Replay(str(tape))
    said = await wire.send(call({"size": 1}))
    assert said.headers["x-goog-upload-status"] == "active"
    assert await read(await wire.send(call(b"part", said.headers["x-goog-upload-url"]))) == [b"{}"]


async def test_a_reader_that_leaves_at_the_last_event_leaves_a_whole_record(tmp_path: Path) -> None:
    tape = tmp_path / "tape"
    wire = Recorder(Server(Said([b"data: 1\n\n", b"data: [DONE]\n\n", b"\n"])), str(tape))
    answer = await wire.send(call({}))
    async for part in answer.chunks():
        if b"DONE" in part:
            break
    await answer.aclose()
    assert len(json.loads(tape.read_text())["chunks"]) == 3


async def test_an_answer_that_was_broken_off_is_not_recorded(tmp_path: Path) -> None:
    class Broken(Said):
        async def chunks(self) -> AsyncIterator[bytes]:
            yield b"data: 1\n\n"
            raise BackendError("reset", is_retryable=True)

    tape = tmp_path / "tape"
    wire = Recorder(Server(Broken([])), str(tape))
    answer = await wire.send(call({}))
    with pytest.raises(BackendError, match="reset"):
        await read(answer)
    await answer.aclose()
    assert tape.read_text() == ""


async def test_many_writers_share_one_cassette(tmp_path: Path) -> None:
    tape = tmp_path / "tape"
    wires = [Recorder(Server(*(Said([b"x" * 9000]) for _ in range(10))), str(tape)) for _ in range(8)]

    def write(wire: Recorder) -> None:
        async def all_of_it() -> None:
            for number in range(10):
                await read(await wire.send(call({"n": number})))

        asyncio.run(all_of_it())

    await asyncio.gather(*(asyncio.to_thread(write, wire) for wire in wires))
    assert len([json.loads(line) for line in tape.read_text().splitlines()]) == 80


async def test_a_replayed_api_needs_neither_key_nor_network(tmp_path: Path) -> None:
    tape = tmp_path / "tape"
    await record(tape, (call({"a": 1, "b": [2]}), Said([b'{"c": 3}'])))
    api = open_api("https://nowhere.invalid/v1", Key(""), EndpointOptions(replay=str(tape)))
    try:
        assert await api.post("/chat", {"b": [2], "a": 1}) == {"c": 3}
    finally:
        api.close()
