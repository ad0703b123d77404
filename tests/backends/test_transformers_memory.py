"""What happens when a step fails: out of memory halves the batch and goes on, anything else ends all requests."""

import asyncio
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch", reason='needs pip install "thinkcurve[transformers]"')
pytest.importorskip("accelerate", reason='needs pip install "thinkcurve[transformers]"')

sys.path.insert(0, str(Path(__file__).parent))
import torch
from checkpoints import tiny_folder

from thinkcurve.backend import Continuation, Generation, Request, Sampling
from thinkcurve.errors import BackendError
from thinkcurve_backends.transformers.backend import Transformers, open_backend
from thinkcurve_backends.transformers.scheduler import READ_TOKENS

Hook = Callable[[Any, Any], None]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_folder(tmp_path_factory.mktemp("memory") / "tiny")


@pytest.fixture
def backend(folder: Path) -> Iterator[Transformers]:
    opened = open_backend(str(folder), threads=1, batch=8, cache_gib=0.1)
    yield opened
    asyncio.run(opened.aclose())


def requests(n: int, n_tokens: int = 24) -> list[Request]:
    """Half of them sampled: their random numbers must go on where they were."""
    return [
        Request(Continuation((570 - k, *range(40, 60 + k))), n_tokens, Sampling(0.9 * (k % 2)), seed=k)
        for k in range(n)
    ]


async def answers(backend: Transformers, asked: list[Request]) -> list[Generation | BaseException]:
    return await asyncio.wait_for(
        asyncio.gather(*(backend.generate(request) for request in asked), return_exceptions=True), 60
    )


def ids(came: list[Generation | BaseException]) -> list[tuple[int, ...] | None]:
    assert all(isinstance(generation, Generation) for generation in came), came
    return [generation.token_ids for generation in came if isinstance(generation, Generation)]


@pytest.mark.parametrize(
    "error", [torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"), MemoryError()]
)
def test_out_of_memory_halves_the_batch_and_goes_on(backend: Transformers, error: Exception) -> None:
    expected = ids(asyncio.run(answers(backend, requests(12))))
    sizes: list[int] = []

    def full(module: Any, given: Any) -> None:
        """Output rows are the rows that get a token: more than 3 are too many for this machine."""
        sizes.append(given[0].shape[1])
        if given[0].shape[1] > 3:
            raise error

    backend.engine.model.lm_head.register_forward_pre_hook(full)
    assert ids(asyncio.run(answers(backend, requests(12)))) == expected
    assert backend.scheduler.n_rows in (2, 3)
    assert backend.scheduler.n_halvings >= 1
    assert max(sizes) > 3
    assert sizes[-1] <= 3


def test_after_it_half_as_much_is_kept_and_that_it_happened_is_said(
    backend: Transformers, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    store, step = backend.engine.store, backend.engine.step  # type: ignore[attr-defined]
    before = store.max_bytes
    monkeypatch.setattr(backend.engine, "step", out_of_memory_once(step, of=8))
    ids(asyncio.run(answers(backend, requests(8))))
    assert (store.max_bytes, backend.scheduler.n_halvings) == (before, 1)  # nothing was kept so far
    assert "memory ran out: from here on 4 sequences run at once, not 8" in caplog.text
    monkeypatch.setattr(backend.engine, "step", out_of_memory_once(step, of=4))
    ids(asyncio.run(answers(backend, requests(8))))
    assert (store.max_bytes, backend.scheduler.n_halvings) == (before // 2, 2)
    again = asyncio.run(answers(backend, requests(8)))
    assert all(came.usage.cached_tokens for came in again if isinstance(came, Generation))


def test_a_long_row_that_left_gives_its_room_back(backend: Transformers) -> None:
    def held() -> int:
        return sum(k.nbytes + v.nbytes for k, v in backend.engine.layers.values())  # type: ignore[attr-defined]

    sizes: list[int] = []
    backend.engine.model.lm_head.register_forward_pre_hook(lambda module, given: sizes.append(held()))
    alone = ids(asyncio.run(answers(backend, requests(6))))
    short = max(sizes)
    sizes.clear()
    long = Request(Continuation((40,) * 900), 2)
    assert ids(asyncio.run(answers(backend, [long, *requests(6)])))[1:] == alone
    assert max(sizes) > 3 * short
    assert sizes[-1] <= short
    assert held() <= short


def test_memory_that_runs_out_in_the_middle_loses_no_token(backend: Transformers) -> None:
    expected = ids(asyncio.run(answers(backend, requests(8))))
    steps = 0

    def sometimes(module: Any, given: Any) -> None:
        nonlocal steps
        steps += 1
        if steps in (6, 9, 15):
            raise RuntimeError("[enforce fail at alloc_cpu.cpp:124] DefaultCPUAllocator: can't allocate memory")

    backend.engine.model.model.layers[2].register_forward_pre_hook(sometimes)
    assert ids(asyncio.run(answers(backend, requests(8)))) == expected
    assert steps > 15
    assert backend.scheduler.n_halvings >= 1


def test_one_sequence_too_many_is_an_error_of_that_request(backend: Transformers) -> None:
    def long(module: Any, given: Any) -> None:
        if backend.engine.capacity > 512:  # type: ignore[attr-defined]
            raise torch.OutOfMemoryError("CUDA out of memory")

    backend.engine.model.lm_head.register_forward_pre_hook(long)
    too_long = Request(Continuation((40,) * 600), 8)
    came = asyncio.run(answers(backend, [too_long, *requests(3)]))
    assert isinstance(came[0], BackendError)
    assert not came[0].is_fatal
    assert "memory does not suffice for one sequence of 600 tokens" in str(came[0])
    ids(came[1:])
    assert (backend.scheduler.n_rows, backend.scheduler._read_tokens) == (8, READ_TOKENS)  # none of them is to blame


def test_any_other_error_ends_all_requests_and_the_engine(backend: Transformers) -> None:
    def broken(module: Any, given: Any) -> None:
        raise RuntimeError("CUDA error: an illegal memory access was encountered")

    handle = backend.engine.model.model.layers[1].register_forward_pre_hook(broken)
    came = asyncio.run(answers(backend, requests(20)))
    handle.remove()
    assert all(isinstance(error, BackendError) and error.is_fatal for error in came)
    assert "illegal memory access" in str(came[0])
    with pytest.raises(BackendError, match="illegal memory access") as caught:
        asyncio.run(backend.generate(requests(1)[0]))
    assert caught.value.is_fatal


def test_logits_that_are_no_numbers_end_their_request_only(backend: Transformers) -> None:
    expected = ids(asyncio.run(answers(backend, requests(6))))

    def spoil(module: Any, given: Any, out: Any) -> Any:
        return out.masked_fill((given[0] == 570).unsqueeze(-1), float("nan"))

    backend.engine.store.clear()  # type: ignore[attr-defined]
    backend.engine.model.model.embed_tokens.register_forward_hook(spoil)
    came = asyncio.run(answers(backend, requests(6)))
    assert isinstance(came[0], BackendError)
    assert not came[0].is_fatal
    assert "not numbers" in str(came[0])
    assert ids(came[1:]) == expected[1:]
    assert ids(asyncio.run(answers(backend, requests(6)[1:]))) == expected[1:]


def out_of_memory_once(real: Callable[..., Any], *, at: int = 1, of: int = 0) -> Callable[..., Any]:
    """A function that runs out of memory at its ``at``-th call, of those that are given ``of`` rows or more."""
    left = [at]

    def call(*given: Any, **named: Any) -> Any:
        if not of or len(given[0]) >= of:
            left[0] -= 1
            if left[0] == 0:
                raise torch.OutOfMemoryError("CUDA out of memory")
        return real(*given, **named)

    return call


@pytest.mark.parametrize("at", [1, 5, 20])
def test_out_of_memory_while_drawing_makes_the_step_again(
    backend: Transformers, monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    expected = ids(asyncio.run(answers(backend, requests(8))))
    from thinkcurve_backends.transformers import scheduler

    monkeypatch.setattr(scheduler, "draw", out_of_memory_once(scheduler.draw, at=at))
    assert ids(asyncio.run(answers(backend, requests(8)))) == expected
    assert backend.scheduler.n_halvings == 1


def test_where_a_prefix_cannot_be_kept_nothing_is_lost_but_the_prefix(
    backend: Transformers, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = ids(asyncio.run(answers(backend, requests(8))))
    store = backend.engine.store  # type: ignore[attr-defined]
    monkeypatch.setattr(store, "keep", out_of_memory_once(store.keep, at=2))
    assert ids(asyncio.run(answers(backend, requests(8)))) == expected
    assert backend.scheduler.n_halvings == 0


@pytest.mark.parametrize("part", ["release", "place"])
def test_no_request_waits_for_ever_where_the_engine_breaks(
    backend: Transformers, monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    def broken(*given: Any, **named: Any) -> None:
        raise ValueError("a bug")

    monkeypatch.setattr(backend.engine, part, broken)
    came = asyncio.run(answers(backend, requests(6)))
    assert all(isinstance(error, BackendError) and error.is_fatal for error in came), came
