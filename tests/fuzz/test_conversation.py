"""A test in one sandbox calls an answer in another: an answer that says anything gets no pass it did not earn."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable

import msgspec
from hammer import Hammer
from hypothesis import strategies as st
from wires import LOOP, WIRES

from thinkcurve.verify.conversation import READY, Line, converse
from thinkcurve.verify.process import LENGTHS, ChildLost, Reply

CPU_S = 0.5
N_CALLS = 3
NONCE = "0123456789abcdef"


class Asker:
    """The test's sandbox: three calls, each of which must come back as its own number."""

    def __init__(self) -> None:
        self.replies: asyncio.Queue[Reply] = asyncio.Queue()
        self.replies.put_nowait(Reply({}, READY + self._call(0)))
        self.n_right = 0

    async def say(self, frame: bytes, wall_s: float) -> None:
        header, payload = _opened(frame)
        if "over" in header:
            self.replies.put_nowait(Reply({"end": "exit", "cpu_s": 0.1}))
        if "say" not in header:
            return
        told = json.loads(payload)
        is_right = told == ["v", [self.n_right, None]]
        self.n_right += is_right
        outcome = "ok" if self.n_right == N_CALLS else "lost" if told[0] == "lost" else "wrong"
        is_over = not is_right or self.n_right == N_CALLS
        line = json.dumps(["end", outcome]).encode() + b"\n" if is_over else self._call(self.n_right)
        self.replies.put_nowait(Reply({}, line))

    async def hear(self, wall_s: float) -> Reply:
        return await self.replies.get()

    def _call(self, number: int) -> bytes:
        return json.dumps(["f", ["l", [number]], ["d", []]]).encode() + b"\n"


Said = tuple[str, object, bytes]  # how the line is led, what it holds, what is put behind it


class Answerer:
    """The answer's sandbox, in which the task has found the secret word and writes what it likes."""

    def __init__(self, said: list[Said], header: dict[str, object]) -> None:
        self._replies = [Reply({}, READY), *(Reply({}, _written(*line)) for line in said), Reply(header)]

    async def say(self, frame: bytes, wall_s: float) -> None:
        pass

    async def hear(self, wall_s: float) -> Reply:
        return self._replies.pop(0)


def _written(how: str, value: object, behind: bytes) -> bytes:
    lead = {"right": NONCE, "none": "", "twice": NONCE * 2}[how]
    return lead.encode() + (value if isinstance(value, bytes) else json.dumps(value).encode()) + behind


def _opened(frame: bytes) -> tuple[dict[str, object], bytes]:
    head, _ = LENGTHS.unpack(frame[: LENGTHS.size])
    body = frame[LENGTHS.size :]
    return msgspec.json.decode(body[:head], type=dict[str, object]), body[head:]


RIGHT: list[Said] = [("right", [number, "v", [number, None]], b"\n") for number in range(N_CALLS)]
RAW = st.sampled_from(
    (b'[0,"v","\xff"]', b'[0,"v",' + b"[" * 3000, b'[0,"v",1e999]', b"", b"ready", b"null", b'["end","ok"]')
)
MESSAGES = st.tuples(st.integers(-1, N_CALLS), st.sampled_from("vveemox") | st.text(max_size=2), WIRES).map(list)
SAID = st.tuples(
    st.sampled_from(("right", "right", "none", "twice")),
    MESSAGES | RAW | st.binary(max_size=30),
    st.sampled_from((b"\n", b"\n", b"", b"\n\n")),
)
ENDS = st.fixed_dictionaries({"end": st.sampled_from(("exit", "exit", "timeout", "killed", "", 3))})
TALKS = st.tuples(st.lists(st.tuples(st.integers(0, N_CALLS), SAID), max_size=3), st.booleans(), ENDS)


def check(talk: tuple[list[tuple[int, Said]], bool, dict[str, object]]) -> None:
    touched, keeps, header = talk
    said = list(RIGHT)
    for at, line in touched:
        said[at : at + 1 - keeps] = [line]
    LOOP.run_until_complete(_talk(said, header))


async def _talk(said: list[Said], header: dict[str, object]) -> str | None:
    """The reason that comes of it; ``None`` where the child is given up."""
    asker = Asker()
    try:
        async with (
            Line(asker, {}, 1.0) as test,  # type: ignore[arg-type]
            Line(Answerer(said, header), {}, 1.0) as answer,  # type: ignore[arg-type]
        ):
            result = await asyncio.wait_for(converse(test, answer, NONCE), 10.0)
    except ChildLost:
        return None
    assert isinstance(result.reason, str)
    if result.reason == "":
        assert asker.n_right == N_CALLS
        assert header["end"] == "exit"
        assert _is_right(said)
    return result.reason


def _is_right(said: list[Said]) -> bool:
    """The first lines that left the task, put together again, are the three right ones."""
    lines = b"".join(_written(*line) for line in said).split(b"\n")[:N_CALLS]
    return all(
        line.startswith(NONCE.encode()) and json.loads(line[len(NONCE) :]) == [number, "v", [number, None]]
        for number, line in enumerate(lines)
    )


def test_an_answer_that_says_anything(hammer: Callable[..., Hammer]) -> None:
    hammer(check, TALKS, cpu_s=CPU_S).run()


def test_an_honest_answer_passes() -> None:
    """So that the target above does not hold for want of passes."""
    assert LOOP.run_until_complete(_talk(list(RIGHT), {"end": "exit"})) == ""
