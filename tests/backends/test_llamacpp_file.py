"""GGUF files: every kind of quantisation, parts, adapters, the makers' sampling, and what is no language model."""

import asyncio
import gc
import sys
import warnings
from collections.abc import Callable
from pathlib import Path

import gguf
import pytest

from thinkcurve.backend import Continuation, Request, Sampling
from thinkcurve.errors import UsageError
from thinkcurve.problem import Message
from thinkcurve_backends.embedded import open_backend as open_embedded
from thinkcurve_backends.llamacpp import backend, engine, memory
from thinkcurve_backends.llamacpp.backend import open_backend
from thinkcurve_backends.llamacpp.file import open_gguf
from thinkcurve_backends.llamacpp.options import Options

sys.path.insert(0, str(Path(__file__).parent))
import checkpoints
import tiny_gguf
from convert_gguf import FILE_TYPES, write_gguf

PROMPT = Continuation((tiny_gguf.USER, 300, 301, 302, tiny_gguf.ASSISTANT))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return checkpoints.tiny_folder(tmp_path_factory.mktemp("checkpoint") / "tiny")


@pytest.fixture(scope="module")
def model_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_gguf.write(tmp_path_factory.mktemp("model") / "random.gguf")


@pytest.mark.parametrize("kind", FILE_TYPES)
async def test_every_kind_of_quantisation_runs_and_is_named(folder: Path, tmp_path: Path, kind: str) -> None:
    path = write_gguf(folder, tmp_path / f"{kind}.gguf", kind)
    shipped, backend = open_embedded(slots=1), open_backend(str(path), slots=1, threads=1)
    try:
        assert backend.model.engine is not None
        assert f" · {kind.upper()} · " in backend.model.engine
        assert backend.model.active_parameters == shipped.model.active_parameters
        assert (backend.model.fingerprint == shipped.model.fingerprint) is False
        messages = [Message("user", "Start with 5. Do +3. What is the result?")]
        prompt = backend.tokenizer.render(messages)
        assert prompt == shipped.tokenizer.render(messages)
        ours, theirs = [await b.generate(Request(Continuation(prompt), 60)) for b in (backend, shipped)]
        assert "</think>\\boxed{" in ours.text
        if kind == "f32":
            assert ours.token_ids == theirs.token_ids
    finally:
        await backend.aclose()
        await shipped.aclose()


async def test_a_split_model_is_opened_by_its_first_part(folder: Path, tmp_path: Path) -> None:
    whole = open_gguf(write_gguf(folder, tmp_path / "whole.gguf", "f16"))
    first = write_gguf(folder, tmp_path / "split.gguf", "f16", most_tensors=15)
    split = open_gguf(first)
    assert len(split.parts) == 3
    assert split.header.active_parameters == whole.header.active_parameters
    assert abs(split.n_bytes - whole.n_bytes) < 10_000
    backends = [open_backend(str(file.path), slots=1, threads=1) for file in (whole, split)]
    prompt = Continuation(backends[0].tokenizer.encode("<|user|>hi<|assistant|><think>"))
    one, other = [(await b.generate(Request(prompt, 30))).token_ids for b in backends]
    assert one == other
    for each in backends:
        await each.aclose()
    later = split.parts[1]
    with pytest.raises(UsageError, match=r"is part 2 of 3; name the first, 'split-00001-of-00003.gguf'"):
        open_backend(str(later))
    before = split.fingerprint()
    content = bytearray(later.read_bytes())
    content[-1] ^= 1
    later.write_bytes(content)
    assert split.fingerprint() != before
    later.unlink()
    with pytest.raises(UsageError, match=r"has 3 parts, and 'split-00002-of-00003.gguf' is not beside it"):
        open_backend(str(first))
    moved = first.rename(tmp_path / "renamed.gguf")
    with pytest.raises(UsageError, match=r"is part 1 of 3; llama.cpp finds the others only where they are called NAME"):
        open_backend(str(moved))


async def test_a_lora_adapter_changes_the_model_and_its_fingerprint(model_file: Path, tmp_path: Path) -> None:
    lora = tiny_gguf.write_lora(tmp_path / "a.lora.gguf")
    found = {}
    for scale in (0.0, 1.0, 2.0):
        backend = open_backend(str(model_file), slots=1, threads=1, lora=str(lora), lora_scale=scale)
        found[scale] = (backend.model.fingerprint, (await backend.generate(Request(PROMPT, 30))).token_ids)
        assert backend.model.notes == (f"with the LoRA adapter a.lora.gguf at scale {scale:g}",)
        await backend.aclose()
    plain = open_backend(str(model_file), slots=1, threads=1)
    assert found[0.0][1] == (await plain.generate(Request(PROMPT, 30))).token_ids
    assert len({ids for _, ids in found.values()}) == 3
    assert len({plain.model.fingerprint, *(print_ for print_, _ in found.values())}) == 4
    await plain.aclose()
    with pytest.raises(UsageError, match=r"is a LoRA adapter; give it with --model-option lora=FILE"):
        open_backend(str(lora))
    with pytest.raises(UsageError, match="which is no LoRA adapter in GGUF"):
        open_backend(str(model_file), lora=str(model_file))
    other = tiny_gguf.write_lora(tmp_path / "b.gguf", architecture="qwen3")
    with pytest.raises(UsageError, match=r"is for architecture 'qwen3'; random.gguf is 'llama'"):
        open_backend(str(model_file), lora=str(other))
    with pytest.raises(UsageError, match="does not exist"):
        open_backend(str(model_file), lora=str(tmp_path / "none.gguf"))


async def test_the_makers_sampling_is_read_and_nothing_else_of_it_done(tmp_path: Path) -> None:
    def ask_for(writer: gguf.GGUFWriter) -> None:
        writer.add_float32("general.sampling.temp", 0.6)
        writer.add_float32("general.sampling.top_p", 0.95)
        writer.add_int32("general.sampling.top_k", 20)
        writer.add_float32("general.sampling.min_p", 0.01)
        writer.add_int32("general.sampling.mirostat", 2)
        writer.add_float32("general.sampling.penalty_repeat", 1.5)
        writer.add_float32("general.sampling.xtc_probability", 0.0)

    asked = open_backend(str(tiny_gguf.write(tmp_path / "asked.gguf", more=ask_for)), slots=1, threads=1)
    plain = open_backend(str(tiny_gguf.write(tmp_path / "plain.gguf")), slots=1, threads=1)
    assert asked.model.sampling == Sampling(temperature=0.6, top_p=0.95, top_k=20, min_p=0.01)
    assert plain.model.sampling is None
    assert asked.model.notes == (
        "its file asks for general.sampling.mirostat = 2, which is not done",
        "its file asks for general.sampling.penalty_repeat = 1.5, which is not done",
    )
    for sampling in (Sampling(), Sampling(1.0), Sampling(0.8, top_p=0.9, top_k=50, min_p=0.01)):
        request = Request(PROMPT, 60, sampling, seed=4)
        assert (await asked.generate(request)).token_ids == (await plain.generate(request)).token_ids
    await asked.aclose()
    await plain.aclose()


def embedding(writer: gguf.GGUFWriter) -> None:
    writer.add_pooling_type(gguf.PoolingType.MEAN)


def mmproj(writer: gguf.GGUFWriter) -> None:
    writer.add_type(gguf.GGUFType.MMPROJ)


@pytest.mark.parametrize(
    ("more", "says"),
    [(embedding, "is an embedding model"), (mmproj, r"is the image part of a model of several media \(mmproj\)")],
)
def test_what_is_no_language_model_is_refused(
    tmp_path: Path, more: Callable[[gguf.GGUFWriter], None], says: str
) -> None:
    with pytest.raises(UsageError, match=says):
        open_backend(str(tiny_gguf.write(tmp_path / "other.gguf", more=more)))


def test_folders_and_other_formats_are_told_where_to_go(folder: Path, model_file: Path) -> None:
    for what, says in [
        (folder, r"is a directory; name the .gguf file in it, for the engines transformers:, vllm: and mlx:"),
        (folder / "model.safetensors", r"holds safetensors; llama.cpp reads GGUF, .* transformers:"),
        (folder / "config.json", "is not a GGUF file"),
        (model_file.parent, "is a directory; name the .gguf file in it; did you mean .*random.gguf"),
    ]:
        with pytest.raises(UsageError, match=says) as caught:
            open_backend(str(what))
        assert "\n" not in str(caught.value)


async def test_without_a_chat_template_only_plain_text_is_rendered(tmp_path: Path) -> None:
    backend = open_backend(str(tiny_gguf.write(tmp_path / "m.gguf", template=False)), slots=1, threads=1)
    messages = [Message("user", "hi abc")]
    with pytest.raises(UsageError, match="has no chat template: ask with --no-chat-template"):
        backend.tokenizer.render(messages)
    assert backend.tokenizer.decode(backend.tokenizer.render(messages, chat=False)) == "hi abc"
    assert backend.model.thinking is not None
    assert not backend.model.thinking.template_opens
    await backend.aclose()


def test_a_model_too_large_for_the_memory_is_refused(model_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = open_gguf(model_file)
    cache = memory.cache_bytes(file.header, 4 * 512, "f32")
    assert cache == 4 * 512 * 2 * 2 * 64 * 4  # tokens, layers, keys and values, width, bytes
    memory.check_fits(file, 4, 512, "f32", None)
    memory.check_fits(file, 4, 512, "f32", cache + file.n_bytes)
    for free in (cache - 1, (cache + file.n_bytes) // 2):
        with pytest.raises(UsageError, match=r"does not fit into memory: weights of .* MB and a KV cache of 2.1 MB"):
            memory.check_fits(file, 4, 512, "f32", free)
    monkeypatch.setattr(backend, "free_host_bytes", lambda: 1_000_000)
    with pytest.raises(UsageError, match="any_size=true"):
        open_backend(str(model_file), slots=4, threads=1)
    asyncio.run(open_backend(str(model_file), slots=4, threads=1, any_size=True).aclose())
    monkeypatch.undo()
    free = backend.free_host_bytes()
    assert free is not None
    assert free > 1 << 28
    with pytest.raises(UsageError, match=r"a KV cache of .* GB .10000000 slots of 512 tokens. where .* are free"):
        open_backend(str(model_file), slots=10_000_000)


def test_options_reach_the_engine_or_are_refused(model_file: Path) -> None:
    file = open_gguf(model_file)
    chosen = Options(gpu_layers=7, main_gpu=1, split_mode="row", tensor_split="3,1", slots=3, threads=2)
    params = engine.parameters(file, chosen, 300, "", "")
    assert (params.n_gpu_layers, params.main_gpu, params.split_mode.name) == (7, 1, "LLAMA_SPLIT_MODE_ROW")
    assert params.tensor_split[:3] == [3.0, 1.0, 0.0]
    assert (params.n_ctx, params.n_parallel, params.cpuparams.n_threads) == (3 * 512, 3, 2)
    for options, says in [
        ({"cache_type": "q9"}, "cache_type of llamacpp is 'q9'; it can be f32, f16"),
        ({"cache_type": "q8_0"}, "needs fast_attention=true"),
        ({"split_mode": "half"}, "split_mode of llamacpp is 'half'; it can be layer, row, none"),
        ({"tensor_split": "a"}, "tensor_split of llamacpp is 'a'; it is written as shares"),
        ({"gpu_layers": -2}, "the least is -1"),
        ({"threads": 100_000}, r"threads of llamacpp is 100000; the most is \d+, for \d+ CPUs"),
        ({"thinking": "nonsense"}, "nonsense"),
        ({"timeout_s": 3}, "unknown option 'timeout_s'"),
    ]:
        with pytest.raises(UsageError, match=says):
            open_backend(str(model_file), **options)


@pytest.mark.parametrize(
    "options", [{"cache_type": "f16"}, {"cache_type": "q8_0", "fast_attention": True}, {"gpu_layers": 99}]
)
async def test_kinds_of_kv_cache_and_gpu_layers_without_a_gpu(model_file: Path, options: dict[str, object]) -> None:
    backend = open_backend(str(model_file), slots=2, threads=1, **options)  # type: ignore[arg-type]  # a table
    assert len((await backend.generate(Request(PROMPT, 20))).token_ids or ()) == 20
    await backend.aclose()


def test_a_backend_serves_several_event_loops_and_leaves_no_socket_open(model_file: Path) -> None:
    backend = open_backend(str(model_file), slots=4, threads=1)

    async def several() -> list[tuple[int, ...] | None]:
        return [g.token_ids for g in await asyncio.gather(*(backend.generate(Request(PROMPT, 5)) for _ in range(4)))]

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        found = [asyncio.run(several()) for _ in range(3)]
        asyncio.run(backend.aclose())
        gc.collect()
    assert found[0] == found[1] == found[2]
    assert not [str(w.message) for w in caught]
