"""The frame reader of a child that says anything: a reply or ``ChildLost``, the child replaced, the pool unharmed."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from hammer import Hammer
from hypothesis import strategies as st

from thinkcurve.verify.process import LENGTHS, Child, ChildLost, Pool, Reply, pack

FAKE = (sys.executable, "-I", "-S", str(Path(__file__).with_name("fake_child.py")))
CPU_S = 1.0
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="children are killed by group")

HEADERS = st.one_of(
    st.binary(max_size=80),
    st.just(b"{}"),
    st.builds(lambda depth: b'{"a":' + b"[" * depth + b"]" * depth + b"}", st.integers(1, 5000)),
    st.builds(lambda digits: b'{"cpu_s":1' + b"0" * digits + b"}", st.integers(0, 5000)),
    st.sampled_from(
        (b'{"end":"exit","cpu_s":0.5,"is_ready":true}', b'{"\xff":1}', b'{"cpu_s":1e999}', b'{"cpu_s":[]}', b"[]")
    ),
    st.dictionaries(st.text(max_size=5), st.integers() | st.text() | st.floats() | st.none()).map(msgspec.json.encode),
)


def _frame(header: bytes, payload: bytes, longer: tuple[int, int]) -> bytes:
    """A frame whose lengths may lie."""
    lengths = [max(0, min(2**32 - 1, len(part) + more)) for part, more in zip((header, payload), longer, strict=True)]
    return LENGTHS.pack(*lengths) + header + payload


LIES = st.sampled_from((0, 0, 0, 0, 1, -1, 7, 2**26, 2**31, 2**32)) | st.integers(-20, 20)
FRAMES = st.builds(_frame, HEADERS, st.binary(max_size=60), st.tuples(LIES, LIES)) | st.binary(max_size=40)


class _Silent:
    """A process that has ended, whose standard output is a stream filled beforehand."""

    pid = 0
    returncode = 0
    stdin = None

    def __init__(self, data: bytes) -> None:
        self.stdout = asyncio.StreamReader()
        self.stdout.feed_data(data)
        self.stdout.feed_eof()

    async def wait(self) -> int:
        return 0


def _is_plain(reply: Reply) -> None:
    assert isinstance(reply.header, dict)
    assert isinstance(reply.payload, bytes)
    for key in ("end", "cpu_s", "code", "pid"):
        assert isinstance(reply.text(key), str)
        assert isinstance(reply.number(key), float)


async def _read(data: bytes) -> None:
    child = Child(_Silent(data), "/nowhere")  # type: ignore[arg-type]
    with contextlib.suppress(ChildLost):
        _is_plain(await child._receive(5.0))


def test_frames_of_any_bytes(hammer: Callable[..., Hammer]) -> None:
    with asyncio.Runner() as runner:
        hammer(lambda data: runner.run(_read(data)), FRAMES, cpu_s=CPU_S).run()


Said = tuple[list[bytes], str, int]


async def _ask(pool: Pool, said: Said) -> None:
    frames, then, code = said
    data = b"".join(frames)
    with contextlib.suppress(ChildLost):
        _is_plain(await pool.ask(pack({"then": then, "code": code}, data), 5.0 if then == "exit" else 0.1))
    assert len(pool.pids) <= 1


def test_children_that_write_any_bytes(hammer: Callable[..., Hammer]) -> None:
    said = st.tuples(st.lists(FRAMES, max_size=3), st.sampled_from(("exit",) * 9 + ("stay",)), st.integers(0, 255))
    with asyncio.Runner() as runner:
        pool = Pool(FAKE, 1)
        hammer(lambda value: runner.run(_ask(pool, value)), said, cpu_s=CPU_S, batch=10).run()
        runner.run(_still_answers(pool))
        runner.run(pool.aclose())


async def _still_answers(pool: Pool) -> None:
    """A pool that lost many children starts the next one."""
    for _ in range(2):  # the first may still be a child with bytes left over from before
        try:
            reply = await pool.ask(pack({"then": "stay", "code": 0}, pack({"fine": 1}, b"ok")), 20.0)
        except ChildLost:
            continue
        if reply.payload == b"ok":
            return
    raise AssertionError("the pool does not recover")
