"""Checkpoints of all kinds, LoRA adapters, and all that is refused in one line before a token is spent."""

import asyncio
import importlib.util
import json
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch", reason='needs pip install "thinkcurve[transformers]"')
pytest.importorskip("accelerate", reason='needs pip install "thinkcurve[transformers]"')

sys.path.insert(0, str(Path(__file__).parent))
import torch
from checkpoints import TINY_GGUF, tiny_folder

from thinkcurve.backend import Continuation, Request
from thinkcurve.errors import UsageError
from thinkcurve.problem import Message
from thinkcurve_backends.transformers.backend import Transformers, open_backend

ASKED = (Message("user", "Compute 3+4*2"),)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_folder(tmp_path_factory.mktemp("load") / "tiny")


@pytest.fixture
def copy(folder: Path, tmp_path: Path) -> Path:
    """A copy of the folder, to be spoilt."""
    return Path(shutil.copytree(folder, tmp_path / "copy"))


def opened(folder: Path, **options: Any) -> Transformers:
    return open_backend(str(folder), threads=1, cache_gib=0, **options)


def answer(backend: Transformers, n: int = 24) -> tuple[int, ...]:
    request = Request(Continuation(backend.tokenizer.render(ASKED)), n)

    async def ask() -> tuple[int, ...]:
        try:
            return (await backend.generate(request)).token_ids or ()
        finally:
            await backend.aclose()

    return asyncio.run(ask())


@pytest.fixture(scope="module")
def plain(folder: Path) -> tuple[int, ...]:
    return answer(opened(folder))


@pytest.mark.parametrize("options", [{"attention": "eager"}, {"dtype": "bfloat16"}, {"dtype": "float16"}])
def test_dtypes_and_attentions(folder: Path, plain: tuple[int, ...], options: dict[str, str]) -> None:
    backend = opened(folder, **options)
    assert backend.model.notes == ()
    assert options.get("dtype", "float32") in (backend.model.engine or "")
    assert answer(backend)[:8] == plain[:8]


def test_a_gguf_file_is_the_same_model(tmp_path: Path, plain: tuple[int, ...], folder: Path) -> None:
    shutil.copy(TINY_GGUF, tmp_path / "tiny.gguf")
    with pytest.raises(UsageError, match=r"no config\.json"):
        opened(tmp_path)
    backend = opened(tmp_path, gguf="tiny.gguf")
    assert backend.model.active_parameters == 926_976
    assert backend.model.context_tokens == 1024
    assert backend.model.fingerprint != opened(folder).model.fingerprint
    assert answer(backend) == plain


def adapter(folder: Path, out: Path, **more: Any) -> Path:
    """A real LoRA adapter of the tiny model with random weights that change its answers."""
    peft = pytest.importorskip("peft")
    from transformers import AutoModelForCausalLM

    torch.manual_seed(1)
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    config = peft.LoraConfig(r=4, target_modules=["q_proj", "v_proj", "down_proj"], init_lora_weights=False, **more)
    peft.get_peft_model(model, config).save_pretrained(str(out))
    return out


@pytest.mark.filterwarnings(  # peft asks transformers for an old name, and imports bitsandbytes where it is there
    "ignore:.is_gradient_checkpointing. is deprecated:FutureWarning", "ignore:.torch.jit:DeprecationWarning"
)
def test_lora_adapters_merged_and_beside(folder: Path, tmp_path: Path, plain: tuple[int, ...]) -> None:
    from transformers import AutoModelForCausalLM

    path = adapter(folder, tmp_path / "lora")
    merged = opened(folder, adapter=str(path))
    beside = opened(folder, adapter=str(path), merge_adapter=False)
    assert merged.model.fingerprint == beside.model.fingerprint != opened(folder).model.fingerprint
    prompt = merged.tokenizer.render(ASKED)
    changed = answer(merged)
    assert changed != plain
    assert changed == answer(beside)

    from peft import PeftModel

    reference = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32), str(path))
    ids = torch.tensor([prompt])
    out = reference.generate(input_ids=ids, attention_mask=torch.ones_like(ids), max_new_tokens=24, do_sample=False)
    assert changed == tuple(token for token in out[0, len(prompt) :].tolist() if token != 576)


@pytest.mark.filterwarnings(  # peft asks transformers for an old name, and imports bitsandbytes where it is there
    "ignore:.is_gradient_checkpointing. is deprecated:FutureWarning", "ignore:.torch.jit:DeprecationWarning"
)
def test_adapters_that_do_not_fit_are_refused(folder: Path, tmp_path: Path) -> None:
    path = adapter(folder, tmp_path / "lora")
    config = json.loads((path / "adapter_config.json").read_text())
    for change, said in (
        ({"target_modules": ["no_such_proj"]}, "does not fit"),
        ({"target_modules": ["q_proj"]}, "does not fit"),
        ({"peft_type": "PREFIX_TUNING"}, "LoRA is what can be used"),
    ):
        (path / "adapter_config.json").write_text(json.dumps(config | change))
        with pytest.raises(UsageError, match=said):
            opened(folder, adapter=str(path))
    (path / "adapter_model.safetensors").unlink()
    with pytest.raises(UsageError, match=r"holds no adapter_model\.safetensors"):
        opened(folder, adapter=str(path))
    with pytest.raises(UsageError, match="does not exist"):
        opened(folder, adapter=str(tmp_path / "none"))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning:torch", "ignore::FutureWarning")  # of bitsandbytes' own import
@pytest.mark.parametrize("kind", ["bnb-8bit", "bnb-4bit"])
def test_bitsandbytes_really_runs_on_this_cpu(folder: Path, plain: tuple[int, ...], kind: str) -> None:
    pytest.importorskip("bitsandbytes")
    backend = opened(folder, quantization=kind)
    assert kind in (backend.model.engine or "")
    assert backend.model.notes == ()
    assert backend.model.active_parameters == 926_976
    assert backend.model.fingerprint != opened(folder).model.fingerprint
    assert len(answer(backend)) > 0


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")  # of torch's compiler
def test_a_compiled_model_gives_the_same(folder: Path, plain: tuple[int, ...]) -> None:
    assert answer(opened(folder, compile=True)) == plain


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"nonsense": 1}, "unknown option 'nonsense'"),
        ({"dtype": "int4"}, "known: float32, bfloat16, float16"),
        ({"attention": "fast"}, "known: sdpa, eager"),
        ({"quantization": "q4"}, "known: bnb-8bit"),
        ({"batch": -1}, "the least is 0"),
        ({"context_tokens": 2000}, "at most 1024"),
        ({"device": "nonsense"}, "known: cuda, cuda:1, mps, cpu, auto"),
        ({"device": "meta"}, "known: cuda, cuda:1, mps, cpu, auto"),
        ({"device": "cuda:77"}, "cannot be used here"),
        ({"threads": 100_000}, "the most is 1024"),
        ({"cache_gib": float("inf")}, "must be a finite number"),
        ({"revision": "main"}, "is a folder"),
        ({"gguf": "none.gguf"}, "does not exist"),
        ({"gguf": "a.gguf", "quantization": "fp8"}, "do not go together"),
        ({"adapter_revision": "main"}, "needs option adapter"),
        ({"think_open": "<a>"}, "go together"),
    ],
)
def test_wrong_options_are_refused_in_one_line(folder: Path, options: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=said) as caught:
        open_backend(str(folder), **options)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("package", ["bitsandbytes", "flash_attn", "peft", "accelerate"])
def test_a_missing_package_is_one_line(folder: Path, monkeypatch: pytest.MonkeyPatch, package: str) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *rest: None if name == package else find(name, *rest))
    options = {
        "bitsandbytes": {"quantization": "bnb-4bit"},
        "flash_attn": {"attention": "flash_attention_2"},
        "peft": {"adapter": "some/adapter"},
        "accelerate": {},
    }
    with pytest.raises(UsageError, match=r"needs the package .*pip install") as caught:
        open_backend(str(folder), **options[package])
    assert "\n" not in str(caught.value)


def test_a_checkpoint_quantised_already_names_what_it_needs(copy: Path) -> None:
    config = json.loads((copy / "config.json").read_text())
    for method, package in (("gptq", "gptqmodel"), ("awq", "gptqmodel"), ("compressed-tensors", "compressed-tensors")):
        if importlib.util.find_spec(package.replace("-", "_")) is not None:
            continue
        changed = config | {"quantization_config": {"quant_method": method, "bits": 4}}
        (copy / "config.json").write_text(json.dumps(changed))
        with pytest.raises(UsageError, match=f"pip install {package}"):
            opened(copy)


def test_folders_that_are_no_models_are_refused(copy: Path, tmp_path: Path) -> None:
    for what, said in (
        ("", "needs a model"),
        (str(tmp_path / "none"), "does not exist"),
        (str(TINY_GGUF), "llamacpp:"),
    ):
        with pytest.raises(UsageError, match=said):
            open_backend(what)
    weights = copy / "model.safetensors"
    whole = weights.read_bytes()
    weights.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UsageError, match="cut off or damaged"):
        opened(copy)
    weights.rename(copy / "pytorch_model.bin")
    with pytest.raises(UsageError, match="pickle"):
        opened(copy)
    (copy / "pytorch_model.bin").unlink()
    with pytest.raises(UsageError, match="holds no weights"):
        opened(copy)
    (copy / "config.json").unlink()
    with pytest.raises(UsageError, match=r"no config\.json"):
        opened(copy)


def test_weights_that_are_missing_are_not_made_up(copy: Path) -> None:
    from safetensors.torch import load_file, save_file

    weights = load_file(copy / "model.safetensors")
    del weights["model.layers.2.mlp.down_proj.weight"]
    save_file(weights, copy / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(UsageError, match=r"do not fill the model: 1 .*layers\.2\.mlp\.down_proj"):
        opened(copy)


def test_a_model_too_big_for_memory_is_refused_before_loading(copy: Path) -> None:
    """A file of four TiB, by its header and its (sparse) size."""
    header = json.dumps({"w": {"dtype": "BF16", "shape": [2**20, 2**21], "data_offsets": [0, 2**42]}}).encode()
    with (copy / "model.safetensors").open("wb") as file:
        file.write(len(header).to_bytes(8, "little") + header)
        try:
            file.truncate(8 + len(header) + 2**42)
        except OSError:
            pytest.skip("no sparse files here")
    with pytest.raises(UsageError, match=r"takes 8192\.0 GiB in float32 and cpu has .* GiB free"):
        opened(copy)
    with pytest.raises(UsageError, match=r"takes 4096\.0 GiB in bfloat16"):
        opened(copy, dtype="bfloat16")


def test_code_of_a_checkpoint_is_not_run(copy: Path) -> None:
    config = json.loads((copy / "config.json").read_text())
    config["auto_map"] = {"AutoModelForCausalLM": "evil.Evil", "AutoConfig": "evil.Config"}
    config["model_type"] = "evil"
    (copy / "config.json").write_text(json.dumps(config))
    (copy / "evil.py").write_text("raise SystemExit('run')\n")
    with pytest.raises(UsageError, match=r"needs code of its own, which is never run here: .* llamacpp:FILE"):
        opened(copy)


def test_weights_beside_those_in_use_do_not_count(copy: Path, folder: Path, tmp_path: Path) -> None:
    before = opened(folder).model
    shutil.copy(TINY_GGUF, copy)
    for name in ("consolidated.safetensors", "adapter_model.safetensors", "model.fp16.safetensors"):
        shutil.copy(copy / "model.safetensors", copy / name)
    found = opened(copy).model
    assert (found.active_parameters, found.fingerprint) == (926_976, before.fingerprint)


def test_without_a_chat_template_it_opens_and_asks_for_plain_text(copy: Path) -> None:
    config = json.loads((copy / "tokenizer_config.json").read_text())
    del config["chat_template"]
    (copy / "tokenizer_config.json").write_text(json.dumps(config))
    backend = opened(copy)
    assert backend.model.thinking is not None
    assert not backend.model.thinking.template_opens
    with pytest.raises(UsageError, match="no-chat-template"):
        backend.tokenizer.render(ASKED)
    assert backend.tokenizer.decode(backend.tokenizer.render(ASKED, chat=False)).endswith("Compute 3+4*2")
    asyncio.run(backend.aclose())
