"""The parts of the transformers backend by themselves: kept prefixes, sampling, and which engine a model gets."""

import random
from concurrent.futures import wait
from typing import Any

import pytest

pytest.importorskip("torch", reason='needs pip install "thinkcurve[transformers]"')
pytest.importorskip("transformers", reason='needs pip install "thinkcurve[transformers]"')

import torch
import transformers

from thinkcurve.backend import Continuation, Request, Sampling
from thinkcurve_backends.transformers.engine import choose_engine
from thinkcurve_backends.transformers.options import Options
from thinkcurve_backends.transformers.plain import PlainEngine
from thinkcurve_backends.transformers.prefix import Layers, PrefixStore, common_length
from thinkcurve_backends.transformers.ragged import NAME, RaggedEngine, attend
from thinkcurve_backends.transformers.rows import Engine, Row
from thinkcurve_backends.transformers.sampling import draw, filtered, log_probabilities
from thinkcurve_backends.transformers.scheduler import Scheduler

SHAPE: dict[str, Any] = {
    "vocab_size": 99,
    "hidden_size": 64,
    "intermediate_size": 96,
    "num_hidden_layers": 4,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 16,
    "max_position_embeddings": 256,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
}
EXPERTS = {"num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 32}
LINEAR = {
    "linear_num_value_heads": 4,
    "linear_num_key_heads": 2,
    "linear_key_head_dim": 16,
    "linear_value_head_dim": 16,
    "shared_expert_intermediate_size": 32,
}
LATENT = {
    "q_lora_rank": 16,
    "kv_lora_rank": 16,
    "qk_rope_head_dim": 8,
    "qk_nope_head_dim": 8,
    "v_head_dim": 16,
    "n_routed_experts": 4,
    "n_group": 1,
    "topk_group": 1,
    "num_experts_per_tok": 2,
    "moe_intermediate_size": 32,
    "first_k_dense_replace": 1,
}
RAGGED = {
    "grouped heads": ("Qwen3Config", {}),
    "a window in all layers": ("MistralConfig", {"sliding_window": 16}),
    "windows, soft caps, eager": ("Gemma2Config", {"sliding_window": 16, "query_pre_attn_scalar": 16}),
    "windows and sinks": ("GptOssConfig", {"sliding_window": 16, "num_local_experts": 4, "num_experts_per_tok": 2}),
    "experts": ("Qwen3MoeConfig", EXPERTS),
    "latent attention": ("DeepseekV3Config", {**LATENT, "num_key_value_heads": 4, "head_dim": 8}),
    "learned positions": ("GPT2Config", {"n_embd": 64, "n_layer": 2, "n_head": 4, "n_positions": 256}),
}
PLAIN = {
    "linear_attention": ("Qwen3NextConfig", {**EXPERTS, **LINEAR}),
    "one of its own": ("MambaConfig", {"state_size": 8}),
    "logits": ("BloomConfig", {"n_layer": 2, "n_head": 4}),
}


def tensors(start: int, end: int) -> Layers:
    """Keys that tell their places; one layer, one head, one wide."""
    return {0: (torch.arange(start, end).float().view(1, -1, 1), -torch.arange(start, end).float().view(1, -1, 1))}


def held(store: PrefixStore, ids: list[int]) -> list[float]:
    n, pieces = store.longest(ids)
    found = [value for taken, layers in pieces for value in layers[0][0][0, :taken, 0].tolist()]
    assert len(found) == n
    return found


def test_common_length_of_sequences() -> None:
    assert [common_length([1, 2, 3], other) for other in ([], [1], [1, 2, 4], [1, 2, 3, 4], [2])] == [0, 1, 2, 3, 0]


def test_prefixes_are_shared_and_found() -> None:
    store = PrefixStore(1 << 20)
    store.keep([5, 6, 7, 8, 9], tensors)
    before = store.n_bytes
    assert held(store, [5, 6, 7, 1]) == [0, 1, 2]
    store.keep([5, 6, 7, 1, 2], tensors)  # splits
    assert store.n_bytes == before + 2 * 8
    assert held(store, [5, 6, 7, 1, 2, 3]) == [0, 1, 2, 3, 4]
    assert held(store, [5, 6, 7, 8, 9, 9]) == [0, 1, 2, 3, 4]
    assert held(store, [6]) == []
    store.keep([5, 6], tensors)
    assert store.n_bytes == before + 2 * 8
    store.clear()
    assert (held(store, [5, 6]), store.n_bytes) == ([], 0)


def test_what_was_not_asked_for_longest_goes_first() -> None:
    store = PrefixStore(3 * 4 * 8)  # three sequences of four tokens
    for first in (1, 2, 3):
        store.keep([first, 0, 0, 0], tensors)
    held(store, [1, 0, 0, 0])
    store.keep([4, 0, 0, 0], tensors)
    assert [len(held(store, [first, 0, 0, 0])) for first in (1, 2, 3, 4)] == [4, 0, 4, 4]
    assert store.n_bytes <= store.max_bytes


def test_a_store_holds_what_random_sequences_have_in_common() -> None:
    numbers = random.Random(1)
    store, kept = PrefixStore(1 << 20), []
    for _ in range(300):
        ids = [numbers.randrange(3) for _ in range(numbers.randrange(1, 12))]
        best = max((common_length(ids, other) for other in kept), default=0)
        assert held(store, ids) == list(range(best))
        store.keep(ids, tensors)
        kept.append(ids)


@pytest.mark.parametrize(
    "sampling",
    [
        Sampling(0.7),
        Sampling(1.3, top_k=5),
        Sampling(1.0, top_p=0.6),
        Sampling(0.8, top_p=0.9, top_k=20, min_p=0.02),
        Sampling(1.0, min_p=0.3),
        Sampling(1.0, top_p=1e-6),
    ],
)
def test_filters_are_those_of_transformers_in_our_order(sampling: Sampling) -> None:
    logits = 4 * torch.randn(6, 300, generator=torch.Generator().manual_seed(2))
    processors = transformers.LogitsProcessorList([transformers.TemperatureLogitsWarper(sampling.temperature)])
    if sampling.top_k:
        processors.append(transformers.TopKLogitsWarper(sampling.top_k))
    if sampling.top_p < 1:
        processors.append(transformers.TopPLogitsWarper(sampling.top_p))
    if sampling.min_p:
        processors.append(transformers.MinPLogitsWarper(sampling.min_p))
    expected = processors(None, logits.clone()).softmax(-1)
    ours = filtered(logits, [Sampling(0.5, top_k=3), *[sampling] * 5])[1:]
    ours = ours / ours.sum(-1, keepdim=True)
    assert torch.allclose(ours, expected[1:], atol=1e-6)


def test_draws_follow_the_distribution_and_the_edges_hold() -> None:
    shares = torch.tensor([0.0, 0.2, 0.0, 0.5, 0.3, 0.0])
    logits = shares.log().repeat(3000, 1)
    numbers = [(n + 0.5) / 3000 for n in range(3000)]
    drawn = draw(logits, [Sampling(1.0)] * 3000, numbers)
    assert [drawn.count(token) for token in range(6)] == pytest.approx([0, 600, 0, 1500, 900, 0], abs=1)
    assert draw(logits[:2], [Sampling(1.0)] * 2, [0.0, 1 - 2**-53]) == [1, 4]


def test_log_probabilities_are_not_filtered() -> None:
    logits = torch.randn(2, 50, generator=torch.Generator().manual_seed(3))
    expected = logits.log_softmax(-1)
    for row, (value, top) in enumerate(log_probabilities(logits, [7, 9], 4)):
        assert value == pytest.approx(float(expected[row, (7, 9)[row]]))
        assert list(top.values()) == pytest.approx(expected[row].topk(4).values.tolist())


def made(config_name: str, more: dict[str, Any]) -> Any:
    torch.manual_seed(0)
    config = getattr(transformers, config_name)(**SHAPE | more)
    implementation = (
        "eager" if config_name in ("GptOssConfig", "Gemma2Config", "MambaConfig", "BloomConfig") else "sdpa"
    )
    model = transformers.AutoModelForCausalLM.from_config(config, attn_implementation=implementation).eval()
    with torch.no_grad():
        for weights in model.parameters():
            weights.mul_(3.0 if weights.dim() > 1 else 1.0)  # attention that matters
    return model


def expected_ids(model: Any, prompts: list[list[int]], n: int) -> list[list[int]]:
    found = []
    for prompt in prompts:
        ids = torch.tensor([prompt])
        out = model.generate(
            ids,
            attention_mask=torch.ones_like(ids),
            max_new_tokens=n,
            do_sample=False,
            eos_token_id=None,
            pad_token_id=0,
        )
        found.append(out[0].tolist())
    return found


def run(engine: Engine, prompts: list[list[int]], n: int) -> list[list[int]]:
    """All prompts in one batch, read in pieces of nine."""
    rows = [Row(Request(Continuation(()), 1), [*p], n, random.Random(0), n_prompt=len(p)) for p in prompts]
    with torch.inference_mode():
        for row in rows:
            engine.place(row)
        while work := [(row, min(9, row.n_pending)) for row in rows if len(row.new_ids) < n]:
            finished, logits = engine.step(work)
            if logits is not None:
                for row, token in zip(finished, logits.argmax(-1).tolist(), strict=True):
                    row.ids.append(token)
        for row in rows:
            engine.release(row, is_kept=True)
    return [row.ids for row in rows]


PROMPTS = [[random.Random(n).randrange(3, 99) for _ in range(n)] for n in (5, 40, 23, 12)]


@pytest.mark.parametrize("kind", RAGGED)
def test_ragged_rows_equal_generate(kind: str) -> None:
    """Read anew and from kept prefixes, each row by itself and all at once, behind windows of 16 tokens too."""
    model = made(*RAGGED[kind])
    expected = expected_ids(model, PROMPTS, 30)
    engine, why = choose_engine(model, model.config.to_dict(), Options(cache_gib=0.1), torch.device("cpu"), 256)
    assert why == ""
    for worth in (128, -1, None):
        engine.worth_one_by_one = worth  # type: ignore[attr-defined]
        assert run(engine, PROMPTS, 30) == expected
    forward = engine.n_forward_tokens
    assert run(engine, [expected[1][:60]], 10) == [expected[1]]
    assert engine.n_forward_tokens - forward == 10


@pytest.mark.parametrize("kind", PLAIN)
def test_other_models_run_one_by_one_and_say_so(kind: str) -> None:
    model = made(*PLAIN[kind])
    expected = expected_ids(model, PROMPTS, 12)
    engine, why = choose_engine(model, model.config.to_dict(), Options(), torch.device("cpu"), 256)
    assert kind in why
    assert run(engine, PROMPTS, 12) == expected


def test_angles_that_depend_on_the_longest_sequence_are_not_batched() -> None:
    rope = {"rope_type": "dynamic", "factor": 2.0, "rope_theta": 10000.0, "original_max_position_embeddings": 128}
    model = made("LlamaConfig", {"rope_parameters": rope})
    assert "dynamic" in choose_engine(model, model.config.to_dict(), Options(), torch.device("cpu"), 256)[1]
    assert choose_engine(model, model.config.to_dict(), Options(), torch.device("cpu"), 128)[1] == ""


def test_indices_of_the_last_tokens_suit_a_model_over_several_devices() -> None:
    """They meet results on the device of the last layer, where an index on the first one would be refused."""
    with torch.device("meta"):
        model: Any = transformers.Qwen3ForCausalLM(transformers.Qwen3Config(**SHAPE)).eval()
    transformers.AttentionInterface.register(NAME, attend)
    model.set_attn_implementation(NAME)
    given: dict[str, torch.Tensor] = {}
    model.register_forward_pre_hook(lambda module, args, named: given.update(named), with_kwargs=True)
    engine = RaggedEngine(model, torch.device("meta"), PrefixStore(0), 256)
    row = Row(Request(Continuation(()), 1), [5, 6, 7], 1, random.Random(0))
    with torch.inference_mode():
        engine.place(row)
        _, logits = engine.step([(row, 3)])
    assert logits is not None
    assert (logits.device.type, tuple(logits.shape)) == ("meta", (1, 99))
    assert (given["input_ids"].device.type, given["logits_to_keep"].device.type) == ("meta", "cpu")


def scheduled(engine: Engine, prompts: list[list[int]]) -> list[Row]:
    """Rows of two tokens each, all there before the first step; settled."""
    scheduler = Scheduler(engine, n_rows=16, eos_ids=frozenset(), decode=str)
    rows = [Row(Request(Continuation(()), 2), [*p], 2, random.Random(0), n_prompt=len(p)) for p in prompts]
    with scheduler._wake:
        for row in rows:
            scheduler.submit(row)
    wait([row.future for row in rows], 60)
    scheduler.close()
    return rows


def plain_engine() -> PlainEngine:
    return PlainEngine(made(*PLAIN["one of its own"]), torch.device("cpu"))


def test_rows_that_cannot_share_do_not_wait_for_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    engine, sizes = plain_engine(), []
    step = engine.step
    monkeypatch.setattr(engine, "step", lambda work: (sizes.append(len(work)), step(work))[1])
    rows = scheduled(engine, [[*range(3, 33), number] for number in range(3, 19)])
    assert all(len(row.future.result(0).ids) == 2 for row in rows)
    assert sizes == [16, 16]


def test_a_prompt_that_is_read_whole_is_given_up_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    engine, n_read = plain_engine(), []

    def full(module: Any, given: Any, named: Any) -> None:
        n_read.append(named["input_ids"].shape[1])
        raise torch.OutOfMemoryError("CUDA out of memory")

    engine.model.register_forward_pre_hook(full, with_kwargs=True)
    (row,) = scheduled(engine, [[3] * 100])
    assert "memory does not suffice for one sequence of 100 tokens" in str(row.future.exception(0))
    assert n_read == [100]
