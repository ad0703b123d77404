"""Checkpoints on MLX: rotary embeddings read rightly, packed weights, adapters, windows, states; the rest refused."""

import asyncio
import json
import resource
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

if find_spec("mlx_lm") is None:  # not imported: mlx-lm lowers the limit of open files
    pytest.skip('needs pip install "thinkcurve[mlx]"', allow_module_level=True)

import mlx.core as mx
from mlx.utils import tree_flatten

from thinkcurve.backend import Continuation, Generation, Request
from thinkcurve.errors import UsageError
from thinkcurve.plugins import load_task
from thinkcurve_backends.checkpoint import open_checkpoint
from thinkcurve_backends.mlx import load
from thinkcurve_backends.mlx import rope as guard
from thinkcurve_backends.mlx.backend import Mlx, open_backend

sys.path.insert(0, str(Path(__file__).parent))
from checkpoints import TINY_GGUF, tiny_folder

PROBLEMS = list(load_task("arithmetic").problems())
LLAMA3 = {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0}
LLAMA3 |= {"original_max_position_embeddings": 128}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_folder(tmp_path_factory.mktemp("mlx") / "tiny")


def changed(folder: Path, to: Path, **settings: Any) -> Path:
    """A copy with other settings in its config; ``None`` takes one away."""
    shutil.copytree(folder, to)
    config = json.loads((to / "config.json").read_text())
    config = {key: value for key, value in (config | settings).items() if value is not None}
    (to / "config.json").write_text(json.dumps(config))
    return to


def prompt_of(backend: Mlx, number: int) -> tuple[int, ...]:
    return backend.tokenizer.render(load_task("arithmetic").prompt(PROBLEMS[number]))


async def ids_and_notes(folder: Path, **options: Any) -> tuple[list[tuple[int, ...]], tuple[str, ...]]:
    backend = open_backend(str(folder), **options)
    found: list[tuple[int, ...]] = []
    for number in range(2, 4):
        answer = await backend.generate(Request(Continuation(prompt_of(backend, number)), 25))
        assert answer.token_ids is not None
        found.append(answer.token_ids)
    await backend.aclose()
    return found, backend.model.notes


def rope(theta: float, **more: Any) -> dict[str, Any]:
    return {"rope_type": "default", "rope_theta": theta, **more}


async def test_newer_rope_keys_are_read_where_mlx_lm_does_not(folder: Path, tmp_path: Path) -> None:
    right, notes = await ids_and_notes(folder)
    assert notes == ()
    newer = changed(folder, tmp_path / "newer", rope_theta=None)
    assert await ids_and_notes(newer) == (right, ())
    # The base that mlx-lm falls back to is the tiny model's own, so this one shows that the newer key is read.
    other = changed(folder, tmp_path / "other", rope_theta=None, rope_parameters=rope(500.0))
    older = changed(folder, tmp_path / "older", rope_theta=500.0, rope_parameters=None)
    wrong, _ = await ids_and_notes(older)
    assert wrong != right
    assert await ids_and_notes(other) == (wrong, ())


async def test_the_newer_key_wins_and_that_is_said(folder: Path, tmp_path: Path) -> None:
    right, _ = await ids_and_notes(folder)
    torn = changed(folder, tmp_path / "torn", rope_theta=500.0)
    found, notes = await ids_and_notes(torn)
    assert found == right
    assert len(notes) == 1
    assert "rope_theta 500.0" in notes[0]
    assert "10000.0 in its newer rope_parameters" in notes[0]


async def test_scaling_in_the_newer_keys_is_applied(folder: Path, tmp_path: Path) -> None:
    newer = changed(folder, tmp_path / "newer", rope_theta=None, rope_parameters=rope(10000.0) | LLAMA3)
    older = changed(folder, tmp_path / "older", rope_parameters=None, rope_scaling=LLAMA3)
    plain, _ = await ids_and_notes(folder)
    scaled, _ = await ids_and_notes(older)
    assert scaled != plain
    assert await ids_and_notes(newer) == (scaled, ())


def test_what_was_read_wrongly_is_refused(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("thinkcurve_backends.mlx.rope.mended", lambda config: ({}, ()))  # mlx-lm as it is
    unread = changed(folder, tmp_path / "a", rope_theta=None, rope_parameters=rope(500.0))
    with pytest.raises(UsageError, match=r"with base 10000, and its config\.json asks for base 500 "):
        open_backend(str(unread))
    unscaled = changed(folder, tmp_path / "b", rope_theta=None, rope_parameters=rope(10000.0) | LLAMA3)
    with pytest.raises(UsageError, match="or another scaling: its answers would be wrong"):
        open_backend(str(unscaled))


def as_read_by_mlx_lm(architecture: str, *, is_mended: bool, **settings: Any) -> tuple[str, ...]:
    """A model without weights from the config that transformers 5 writes for an architecture, checked."""
    from mlx_lm.utils import _get_classes
    from transformers import AutoConfig

    config = AutoConfig.for_model(architecture, num_hidden_layers=6, **settings).to_dict()
    for kind in [config["rope_parameters"], *config["rope_parameters"].values()]:
        if isinstance(kind, dict) and "rope_theta" in kind:
            kind["rope_theta"] *= 3  # no architecture's own default
    changes, notes = guard.mended(config) if is_mended else ({}, ())
    assert notes == ()
    model, arguments = _get_classes({**config, **changes})
    return guard.check(model(arguments.from_dict({**config, **changes})), {**config, **changes}, architecture)


NEWER = ["llama", "qwen2", "mistral", "mixtral", "gemma2", "gemma3_text", "phi3", "cohere2", "smollm3", "gpt_oss"]
"""Architectures of which mlx-lm 0.32 does not read what transformers 5 writes."""


@pytest.mark.parametrize("architecture", [*NEWER, "qwen3", "qwen3_next", "stablelm", "glm4", "deepseek_v3"])
def test_configs_of_transformers_5_are_read_rightly(architecture: str) -> None:
    assert as_read_by_mlx_lm(architecture, is_mended=True) == ()


@pytest.mark.parametrize("architecture", NEWER)
def test_mlx_lm_by_itself_misreads_them(architecture: str) -> None:
    with pytest.raises(UsageError, match="its answers would be wrong"):
        as_read_by_mlx_lm(architecture, is_mended=False)


def test_a_head_turned_too_far_is_refused() -> None:
    with pytest.raises(UsageError, match=r"turns 128 dimensions of each head of glm, and its config\.json asks for 64"):
        as_read_by_mlx_lm("glm", is_mended=True)
    assert "could not be checked" in as_read_by_mlx_lm("nanochat", is_mended=True)[0]


@pytest.mark.parametrize(
    ("rope_parameters", "layers"),
    [
        ({"full_attention": rope(10000.0), "sliding_attention": rope(10000.0)}, 2),
        ({"full_attention": rope(10000.0), "sliding_attention": rope(500.0)}, 2),
    ],
)
def test_rope_by_kind_of_layer(folder: Path, tmp_path: Path, rope_parameters: dict[str, Any], layers: int) -> None:
    kinds = ["full_attention", "sliding_attention"] * layers
    mixed = changed(
        folder, tmp_path / "m", rope_theta=None, rope_parameters=rope_parameters, layer_types=kinds, sliding_window=64
    )
    if rope_parameters["sliding_attention"]["rope_theta"] == 10000.0:
        backend = open_backend(str(mixed))
        assert "keeps a window" in backend.model.notes[0]
        asyncio.run(backend.aclose())
        return
    with pytest.raises(UsageError, match="asks for base 500"):  # mlx-lm's llama has one base for all layers
        open_backend(str(mixed))


async def test_a_window_gives_the_same_ids_with_company_and_cache(folder: Path, tmp_path: Path) -> None:
    kinds = ["full_attention", "sliding_attention"] * 2
    windowed = changed(folder, tmp_path / "windowed", layer_types=kinds, sliding_window=24)
    cold = open_backend(str(windowed), batch=1, cache_tokens=0)
    warm = open_backend(str(windowed), batch=4)
    prompts = [prompt_of(cold, number) for number in range(4)]

    async def both(ids: tuple[int, ...]) -> tuple[Generation, Generation]:
        request = Request(Continuation(ids), 8)
        return await cold.generate(request), await warm.generate(request)

    alone = [await cold.generate(Request(Continuation(p), 6)) for p in prompts]
    together = await asyncio.gather(*(warm.generate(Request(Continuation(p), 6)) for p in prompts))
    assert [g.token_ids for g in alone] == [g.token_ids for g in together]
    ids = alone[2].token_ids or ()
    fresh, again = await both((*prompts[2], *ids[:3]))  # to be cut back: not possible, the window has moved on
    assert (fresh.token_ids, again.usage.cached_tokens) == (again.token_ids, 0)
    fresh, again = await both((*prompts[2], *ids, 28))  # goes on from the very end
    assert (fresh.token_ids, again.usage.cached_tokens) == (again.token_ids, len(prompts[2]) + len(ids))
    await cold.aclose()
    await warm.aclose()


async def test_a_state_space_model_runs(folder: Path, tmp_path: Path) -> None:
    from mlx_lm.models.mamba import Model, ModelArgs

    settings = {"model_type": "mamba", "vocab_size": 577, "hidden_size": 32, "intermediate_size": 64, "state_size": 8}
    settings |= {
        "num_hidden_layers": 2,
        "conv_kernel": 4,
        "use_bias": False,
        "use_conv_bias": True,
        "time_step_rank": 4,
    }
    to = changed(folder, tmp_path / "mamba", **settings)
    mx.random.seed(1)
    weights = dict(tree_flatten(Model(ModelArgs.from_dict(settings)).parameters()))
    mx.save_safetensors(str(to / "model.safetensors"), weights)
    cold, warm = open_backend(str(to), batch=1, cache_tokens=0), open_backend(str(to), batch=3)
    assert "keeps a window or a state" in warm.model.notes[-1]
    for number in range(3):
        request = Request(Continuation(prompt_of(cold, number)), 8)
        one, other = await cold.generate(request), await warm.generate(request)
        assert one.token_ids == other.token_ids
        more = Request(Continuation((*prompt_of(cold, number), *(one.token_ids or ()), 28)), 4)
        one, other = await cold.generate(more), await warm.generate(more)
        assert one.token_ids == other.token_ids
        assert other.usage.cached_tokens == len(more.prompt.token_ids or ()) - 1  # type: ignore[union-attr]
    await cold.aclose()
    await warm.aclose()


async def test_four_bits_of_mlx(folder: Path, tmp_path: Path) -> None:
    from mlx_lm.utils import load_model, quantize_model, save_model

    model, config = load_model(folder)
    packed, config = quantize_model(model, config, group_size=32, bits=4)
    to = tmp_path / "packed"
    shutil.copytree(folder, to)
    (to / "model.safetensors").unlink()
    save_model(to, packed)
    (to / "config.json").write_text(json.dumps(config))
    whole, small = open_backend(str(folder)), open_backend(str(to))
    assert (to / "model.safetensors").stat().st_size < 0.25 * (folder / "model.safetensors").stat().st_size
    assert small.model.active_parameters == whole.model.active_parameters
    assert small.model.fingerprint != whole.model.fingerprint
    request = Request(Continuation(prompt_of(small, 1)), 40)
    answer = await small.generate(request)
    assert "48; a -3=" in answer.text  # it still follows the question
    await whole.aclose()
    await small.aclose()
    with pytest.raises(UsageError, match="not quantised"):
        open_backend(str(to), dtype="float16")


async def test_an_adapter_changes_answers_name_and_fingerprint(folder: Path, tmp_path: Path) -> None:
    from mlx_lm.tuner.utils import linear_to_lora_layers
    from mlx_lm.utils import load_model

    settings = {"rank": 4, "scale": 10.0, "dropout": 0.0}
    model, _ = load_model(folder)
    model.freeze()
    linear_to_lora_layers(model, 2, settings)
    mx.random.seed(0)
    weights = {name: mx.random.normal(v.shape) * 0.2 for name, v in tree_flatten(model.trainable_parameters())}
    adapter = tmp_path / "adapter"
    adapter.mkdir()
    mx.save_safetensors(str(adapter / "adapters.safetensors"), weights)
    said = {"fine_tune_type": "lora", "num_layers": 2, "lora_parameters": settings}
    (adapter / "adapter_config.json").write_text(json.dumps(said))
    plain, tuned = open_backend(str(folder)), open_backend(str(folder), adapter=str(adapter))
    request = Request(Continuation(prompt_of(plain, 0)), 20)
    assert (await plain.generate(request)).token_ids != (await tuned.generate(request)).token_ids
    assert tuned.model.name == "tiny+adapter"
    assert tuned.model.fingerprint != plain.model.fingerprint
    assert tuned.model.active_parameters == plain.model.active_parameters
    await plain.aclose()
    await tuned.aclose()


async def test_another_dtype(folder: Path) -> None:
    half = open_backend(str(folder), dtype="bfloat16", device="cpu")
    answer = await half.generate(Request(Continuation(prompt_of(half, 0)), 30, top_logprobs=2))
    assert "84; a -8=76" in answer.text
    assert answer.top_logprobs is not None
    seconds = [min(top.values()) for top in answer.top_logprobs]  # float32 all the same
    assert any(value != float(mx.array(value).astype(mx.bfloat16).item()) for value in seconds)
    await half.aclose()


def test_wrong_folders_and_options_are_refused_in_one_line(folder: Path, tmp_path: Path) -> None:
    bare = shutil.copytree(folder, tmp_path / "bare")
    (bare / "model.safetensors").rename(bare / "pytorch_model.bin")
    strange = changed(folder, tmp_path / "strange", model_type="no-such-architecture")
    narrow = changed(folder, tmp_path / "narrow", hidden_size=64)
    coded = changed(folder, tmp_path / "coded", model_file="evil.py")
    (coded / "evil.py").write_text("raise SystemExit('this code must not run')")
    torn = shutil.copytree(folder, tmp_path / "torn")
    (torn / "model.safetensors").write_bytes((folder / "model.safetensors").read_bytes()[:5000])
    for what, options, says in [
        ("", {}, "mlx needs a model"),
        (str(tmp_path / "no"), {}, "does not exist"),
        (str(tmp_path), {}, "holds no config.json"),
        (str(bare), {}, "holds its weights as pytorch_model.bin, a pickle.*convert to safetensors"),
        (str(strange), {}, "mlx-lm cannot load strange: Model type no-such-architecture not supported"),
        (str(narrow), {}, "mlx-lm cannot load narrow"),
        (str(coded), {}, "mlx-lm cannot load coded.*custom module"),
        (str(torn), {}, "cut off or damaged; download"),
        (str(folder), {"batches": 2}, "Did you mean 'batch'"),
        (str(folder), {"batch": 0}, "the least is 1"),
        (str(folder), {"context_tokens": 2000}, "made for at most 1024"),
        (str(folder), {"dtype": "int8"}, "one of float32"),
        (str(folder), {"device": "tpu"}, "'gpu' or 'cpu'"),
        (str(folder), {"adapter": str(tmp_path)}, "no folder with an adapter_config.json"),
        (str(folder), {"think_open": "<x>"}, "go together"),
    ]:
        with pytest.raises(UsageError, match=says) as caught:
            open_backend(what, **options)  # type: ignore[arg-type]  # wrong on purpose
        assert "\n" not in str(caught.value)


def test_weights_larger_than_the_memory_are_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert 1 << 28 < load.free_bytes() < 1 << 50
    monkeypatch.setattr(load, "free_bytes", lambda: 1 << 20)
    with pytest.raises(UsageError, match=r"take 0\.0 GiB and 0\.0 GiB of memory are free: take a quantised version"):
        open_backend(str(folder))


async def test_memory_is_asked_for_in_the_dtype_that_is_loaded(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    half = Path(shutil.copytree(folder, tmp_path / "half"))
    weights: Any = mx.load(str(half / "model.safetensors"))
    weights = {name: values.astype(mx.bfloat16) for name, values in weights.items()}
    mx.save_safetensors(str(half / "model.safetensors"), weights, metadata={"format": "pt"})
    n_bytes = sum(values.nbytes for values in weights.values())
    monkeypatch.setattr(load, "free_bytes", lambda: 3 * n_bytes // 2)
    await open_backend(str(half)).aclose()
    with pytest.raises(UsageError, match=r"of memory are free"):
        open_backend(str(half), dtype="float32")


async def test_weights_that_mlx_does_not_read_do_not_count(folder: Path, tmp_path: Path) -> None:
    beside = Path(shutil.copytree(folder, tmp_path / "beside"))
    shutil.copy(TINY_GGUF, beside)
    for name in ("consolidated.safetensors", "adapters.safetensors"):
        shutil.copy(beside / "model.safetensors", beside / name)
    one, other = open_backend(str(folder)), open_backend(str(beside))
    assert one.model.fingerprint == other.model.fingerprint == open_checkpoint("any", str(beside)).fingerprint()
    await one.aclose()
    await other.aclose()


@pytest.mark.parametrize("package", ["mlx_lm", "transformers"])
def test_a_missing_package_is_one_line(package: str) -> None:
    script = (
        f"import sys; sys.modules['{package}'] = None\n"
        "from thinkcurve.errors import UsageError\n"
        "try:\n    import thinkcurve_backends.mlx.backend\n"
        "except UsageError as error:\n    print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=300, check=True)
    assert done.stdout.endswith('pip install "thinkcurve[mlx]"\n')
    assert done.stdout.count("\n") == 1


def test_limits_of_the_process_stay_and_nothing_is_printed(folder: Path) -> None:
    script = (
        "import resource; before = resource.getrlimit(resource.RLIMIT_NOFILE)\n"
        "from thinkcurve_backends.mlx.backend import open_backend\n"
        "import asyncio, sys\n"
        "from thinkcurve.backend import Continuation, Request\n"
        "backend = open_backend(sys.argv[1])\n"
        "assert asyncio.run(backend.generate(Request(Continuation((571,)), 2))).token_ids\n"
        "assert resource.getrlimit(resource.RLIMIT_NOFILE) == before\n"
    )  # not closed on purpose: the process must end all the same
    done = subprocess.run([sys.executable, "-c", script, str(folder)], capture_output=True, text=True, timeout=300)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] > 0
