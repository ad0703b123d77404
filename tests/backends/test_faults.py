"""Thousands of requests to a server that fails in every way at once: none lost, none doubled, none scored as wrong."""

import asyncio
import gc
import math
import resource
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import msgspec
import pytest

sys.path.insert(0, str(Path(__file__).parent))
from fault_server import MOST_TOKENS, Counts, Script, answer_to, fault_server, thinking_about

from thinkcurve.backend import Chat, Generation, Request, Stop
from thinkcurve.errors import BackendError
from thinkcurve.problem import Message
from thinkcurve.retry import RetryPolicy, with_retries
from thinkcurve_backends.endpoint.keys import Key
from thinkcurve_backends.endpoint.limiter import limiter_for
from thinkcurve_backends.endpoint.open import open_api
from thinkcurve_backends.endpoint.options import EndpointOptions
from thinkcurve_backends.http.backend import HttpModel, open_backend
from thinkcurve_backends.remote import KEY_VARIABLE

KEY = "sk-never-to-be-seen-0123456789"
AT_ONCE = 256
QUICK = RetryPolicy(first_wait_s=0.02, longest_wait_s=0.2)


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KEY_VARIABLE, KEY)


def opened(url: str, **options: str | float | bool) -> HttpModel:
    backend = open_backend(f"{url}#faulty", api="chat", concurrency=AT_ONCE, **{"idle_s": 60.0, **options})
    assert isinstance(backend, HttpModel)
    return backend


def request_of(number: int) -> Request:
    message = Message("user", f"What is #{number}#?")
    return Request(Chat((message,)), MOST_TOKENS, leaves_sampling=True, seed=number)


def outcome_of(number: int, made: Generation | BackendError) -> str:
    """What came back, in the words of the script; anything else in its own."""
    if isinstance(made, BackendError):
        assert KEY not in str(made)
        if made.is_retryable or made.is_fatal:
            return f"lost: {made}"
        return "filtered" if "filter" in str(made) else "bad request"
    assert made.thinking == thinking_about(number)
    match made.stop, made.text:
        case Stop.EOS, text if text == answer_to(number):
            return "right"
        case Stop.LENGTH, "":
            return "cut in thinking"
        case Stop.REFUSAL, _:
            return "refused"
    return f"wrong: {made}"


async def carry_out(backend: HttpModel, numbers: range) -> dict[int, str]:
    """The outcome of every number, `AT_ONCE` at a time, retried as in a run."""
    outcomes: dict[int, str] = {}
    left: Iterator[int] = iter(numbers)

    async def work() -> None:
        for number in left:
            try:
                made: Generation | BackendError = await with_retries(
                    partial(backend.generate, request_of(number)), QUICK
                )
            except BackendError as error:
                made = error
            assert number not in outcomes
            outcomes[number] = outcome_of(number, made)

    await asyncio.gather(*(work() for _ in range(AT_ONCE)))
    return outcomes


async def counts_at(url: str) -> Counts:
    api = open_api(url, Key(""), EndpointOptions())
    try:
        return msgspec.convert(await api.get("/counts"), Counts)
    finally:
        api.close()


def most_bytes() -> int:
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def is_as_the_script_says(script: Script, outcomes: dict[int, str], counts: Counts) -> None:
    assert outcomes == {number: script.outcome(number) for number in outcomes}
    assert counts.whole == {str(number): 1 for number in outcomes}
    assert all(len(keys) == 1 for keys in counts.keys.values()), "all tries of a request have one key"
    assert len({keys[0] for keys in counts.keys.values()}) == len(outcomes), "and no other request has it"


@pytest.mark.parametrize(("n", "most_cpu_ms"), [(2_000, math.inf), pytest.param(10_000, 2, marks=pytest.mark.slow)])
async def test_none_is_lost_none_doubled_none_wrong(
    n: int, most_cpu_ms: float, capsys: pytest.CaptureFixture[str]
) -> None:
    script = Script(seed=1, silence_s=0.2)
    with fault_server(script) as url:
        backend = opened(url)
        outcomes = await carry_out(backend, range(n // 4))
        gc.freeze()  # as `thinkcurve run` does; pytest and its plugins are no part of a request
        before, started, began = most_bytes(), time.process_time(), time.perf_counter()
        outcomes |= await carry_out(backend, range(n // 4, n))
        cpu_ms = 1000 * (time.process_time() - started) / (n - n // 4)
        wall_s, grown = time.perf_counter() - began, most_bytes() - before
        counts = await counts_at(url)
        await backend.aclose()
    is_as_the_script_says(script, outcomes, counts)
    assert len(counts.faults) == len(script.faults)
    assert grown < 24 << 20
    assert (
        cpu_ms < most_cpu_ms
    )  # the common suite never fails on time; 1.1 on a quiet machine; company in the caches costs half as much again
    with capsys.disabled():
        print(f"\n{n} requests, {sum(counts.faults.values())} faults: {cpu_ms:.2f} ms of CPU a request,", end=" ")
        print(f"{(n - n // 4) / wall_s:.0f} requests a second, {grown / 2**20:.1f} MiB more memory", end=" ")


async def test_whole_documents_instead_of_streams() -> None:
    script = Script(seed=2, silence_s=0.2)
    with fault_server(script) as url:
        backend = opened(url, stream=False)
        outcomes = await carry_out(backend, range(500))
        counts = await counts_at(url)
        await backend.aclose()
    is_as_the_script_says(script, outcomes, counts)


async def test_a_cassette_of_a_storm_holds_no_key_and_plays_it_again(tmp_path: Path) -> None:
    script, tape = Script(seed=3, silence_s=0.2), tmp_path / "tape.jsonl"
    with fault_server(script) as url:
        backend = opened(url, record=str(tape))
        outcomes = await carry_out(backend, range(500))
        await backend.aclose()
    written = tape.read_bytes()
    assert KEY.encode() not in written
    assert len(written.splitlines()) > 500
    replayed = opened(url, replay=str(tape))
    assert await carry_out(replayed, range(500)) == outcomes
    await replayed.aclose()


async def test_a_full_server_is_asked_less_and_then_more_again() -> None:
    script = Script(seed=4, fault_rate=0, final_rate=0, capacity=32, delay_s=0.02)
    with fault_server(script) as url:
        backend = opened(url)
        outcomes = await carry_out(backend, range(1200))
        allowed = limiter_for(url, KEY, 1).allowed
        counts = await counts_at(url)
        await backend.aclose()
    is_as_the_script_says(script, outcomes, counts)
    assert allowed < AT_ONCE
    assert counts.faults["429 of capacity"] < 1000  # 500 on a busy machine; with 256 at once, seven of eight


async def test_a_pause_that_one_request_is_told_is_everybodys() -> None:
    script = Script(seed=5, fault_rate=0.02, final_rate=0, faults=("429 and when",), retry_after="0.5", most_faults=1)
    with fault_server(script) as url:
        backend = opened(url)
        started = time.monotonic()
        outcomes = await carry_out(backend, range(300))
        took_s = time.monotonic() - started
        counts = await counts_at(url)
        await backend.aclose()
    is_as_the_script_says(script, outcomes, counts)
    assert took_s >= 0.5


@pytest.mark.parametrize("attempts", [5])
async def test_a_server_that_never_answers_is_given_up(attempts: int) -> None:
    with fault_server(Script(fault_rate=1, most_faults=1000, faults=("500",))) as url:
        backend = opened(url)
        with pytest.raises(BackendError, match="said 500") as caught:
            await with_retries(lambda: backend.generate(request_of(1)), QUICK)
        counts = await counts_at(url)
        await backend.aclose()
    assert caught.value.is_retryable
    assert counts.n_requests == attempts
