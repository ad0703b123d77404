"""The training of the embedded model: data, determinism, resuming, export. Needs the ``train`` extra."""

from __future__ import annotations

import json
import random
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("tokenizers")
pytest.importorskip("gguf")
pytest.importorskip("safetensors")

from thinkcurve.problem import FunctionTests, MathAnswer, Problem  # noqa: E402  (needs the extra)
from thinkcurve_tasks import arithmetic, induce  # noqa: E402
from training import data, tokenizer  # noqa: E402
from training.evaluate import Engine, evaluate, judge  # noqa: E402
from training.export import export  # noqa: E402
from training.model import Llama, Shape, rotary, rotate  # noqa: E402
from training.muon import orthogonal  # noqa: E402
from training.train import Recipe, Trainer, role_accuracy, train  # noqa: E402

SMALL = Recipe(tokens=20_000, batch_tokens=512)
EMBEDDED = Path(__file__).parents[2] / "backends/thinkcurve_backends/embedded"


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Training sets these for its whole process; other tests must not inherit them."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
    torch.set_flush_denormal(False)


def steps(trainer: Trainer, count: int) -> list[float]:
    return [trainer.step(batch) for _, batch in zip(range(count), trainer.batches(), strict=False)]


def weights(trainer: Trainer) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in trainer.model.state_dict().items()}


def samples() -> list[str]:
    """One text of every template, with markers, and some that no template makes."""
    rng = random.Random(1)
    texts = ["", " ", "héllo wörld\n\n\t x", "100200 3 -4.5e6", "it's a f(x)=3; {y}\r\n"]
    for level in range(1, 6):
        chain = arithmetic.draw(rng, arithmetic.STEPS[level][1])
        pieces = [rng.choice(induce.RULES) for _ in range(induce.TENS[level])]
        texts += [chain.question, data.think_chain(chain), f"\\boxed{{{chain.result}}}"]
        texts += [induce.question(pieces), data.think_pieces(pieces), data.answer_code(pieces)]
        texts.append(f"<|bos|><|user|>{chain.question}<|assistant|><think>{data.think_chain(chain)}</think>")
    return texts


@pytest.mark.slow
def test_fifty_steps_learn_something() -> None:
    losses = steps(Trainer(Recipe(tokens=60_000, batch_tokens=1024)), 50)
    assert sum(losses[-5:]) < 0.6 * sum(losses[:5])


def test_the_seeded_circuits_copy_by_key_before_any_training() -> None:
    accuracy = role_accuracy(Trainer(SMALL).model, 0, 2)
    assert min(accuracy["chain_op"], accuracy["chain_digit"], accuracy["code_copied"]) > 0.9


@pytest.mark.slow
def test_the_same_seed_gives_the_same_weights_bit_for_bit() -> None:
    first, second = Trainer(SMALL), Trainer(SMALL)
    assert steps(first, 8) == steps(second, 8)
    again = weights(second)
    assert all(torch.equal(value, again[name]) for name, value in weights(first).items())


def test_another_seed_gives_other_weights() -> None:
    assert steps(Trainer(SMALL), 2) != steps(Trainer(Recipe(tokens=20_000, batch_tokens=512, seed=1)), 2)


@pytest.mark.slow
def test_resuming_equals_never_having_stopped(tmp_path: Path) -> None:
    whole, part = Trainer(SMALL), Trainer(SMALL)
    losses = steps(whole, 12)
    head = steps(part, 5)
    part.save(tmp_path / "checkpoint.pt")
    resumed = Trainer.load(tmp_path / "checkpoint.pt")
    assert head + steps(resumed, 7) == losses
    again = weights(resumed)
    assert all(torch.equal(value, again[name]) for name, value in weights(whole).items())


def test_training_stops_at_the_token_cap_and_logs(tmp_path: Path) -> None:
    trainer = Trainer(Recipe(tokens=4000, batch_tokens=512))
    train(trainer, tmp_path, report_every=4, save_s=1e9)
    assert 4000 <= trainer.tokens < 4000 + 512
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert [line["steps"] for line in lines] == list(range(4, trainer.steps + 1, 4))
    assert {"tokens", "loss", "rate_scale", "tokens_per_s", "accuracy"} <= lines[0].keys()
    assert list(Trainer.load(tmp_path / "checkpoint.pt").batches()) == []


def test_written_thinking_ends_in_the_answer() -> None:
    chain = arithmetic.Chain(6, (arithmetic.Step("+", 4, 10), arithmetic.Step("*", 3, 30)))
    assert data.think_chain(chain) == "6; a +4=10; b *3=30;"
    rule = induce.Rule(5, 4, 2)
    assert data.think_pieces([rule]) == "102=17;101=9,8;100=5,4,2;101:4;102:2."
    assert "t={100:5,101:4,102:2}\n" in data.answer_code([rule])


def test_the_written_code_is_right_python() -> None:
    rng = random.Random(3)
    pieces = [rng.choice(induce.RULES) for _ in range(3)]
    source = data.answer_code(pieces).removeprefix("```python\n").removesuffix("```")
    namespace: dict[str, object] = {}
    exec(source, namespace)  # noqa: S102  (our own template, no model output)
    function = namespace["f"]
    assert callable(function)
    for case in induce.reference(pieces).cases:
        assert function(*json.loads(case.args)) == int(case.expected)


def test_nothing_is_learnt_on_questions_and_forced_markers() -> None:
    lesson = data.chain_lesson(random.Random(0), 2)
    marker = tokenizer.token_id(tokenizer.END_THINK)
    _, whole = data.sequence(lesson, None)
    _, cut = data.sequence(lesson, 5)
    first = len(lesson.prompt) - 1
    assert set(whole[:first]) == {data.IGNORED}
    assert marker in whole
    assert marker not in cut
    assert cut[first : first + 5] == lesson.thinking[:5]
    assert cut[-len(lesson.answer) - 1 :] == [*lesson.answer, tokenizer.token_id(tokenizer.END)]


def test_training_draws_only_from_its_side_of_the_split() -> None:
    rng = random.Random(0)
    asked = {data.chain_lesson(rng, 1).prompt[2:].__str__() for _ in range(2000)}
    held_out = {tokenizer.chat_ids(p.question)[2:].__str__() for p in arithmetic.Arithmetic().problems()}
    assert not asked & held_out


def test_every_template_is_cheap_in_tokens() -> None:
    chain = data.chain_lesson(random.Random(0), 5)
    code = data.code_lesson(random.Random(0), 5)
    assert len(chain.thinking) <= 158
    assert len(code.thinking) == 208
    assert len(code.prompt) + len(code.thinking) + len(code.answer) < 650


def test_rotary_scores_depend_on_distance_alone() -> None:
    cos, sin = rotary(64, 32)
    q, k = torch.randn(32), torch.randn(32)
    turned_q, turned_k = rotate(q.expand(64, 32), cos, sin), rotate(k.expand(64, 32), cos, sin)
    scores = turned_q @ turned_k.T
    assert torch.allclose(scores.diagonal(-7), scores[7, 0].expand(57), atol=1e-4)


def test_muon_updates_are_nearly_orthogonal() -> None:
    for shape in ((2, 16, 48), (2, 48, 16)):
        singular = torch.linalg.svdvals(orthogonal(torch.randn(shape, generator=torch.Generator().manual_seed(0))))
        assert singular.min() > 0.5
        assert singular.max() < 1.4


@pytest.mark.parametrize(
    ("answer", "right", "found"),
    [
        ("\\boxed{30}", True, True),
        ("\\boxed{31}", False, True),
        ("30", False, False),
        ("", False, False),
    ],
)
def test_judge_of_numbers(answer: str, right: bool, found: bool) -> None:
    assert judge(Problem("arithmetic", "test", 0, "", MathAnswer("30")), answer) == (right, found)


def test_judge_of_code() -> None:
    pieces = [induce.Rule(5, 4, 2), induce.Rule(1, 2, 1)]
    problem = Problem("induce", "test", 0, "", induce.reference(pieces))
    assert isinstance(problem.reference, FunctionTests)
    assert judge(problem, data.answer_code(pieces)) == (True, True)
    assert judge(problem, data.answer_code([pieces[0], induce.Rule(1, 2, 2)])) == (False, True)
    assert judge(problem, data.answer_code(pieces[:1])) == (False, True)
    assert judge(problem, "def f(x): return 1") == (False, False)


@pytest.mark.slow
def test_export_tokenises_as_llama_cpp_does_and_generates_as_torch_does(tmp_path: Path) -> None:
    pytest.importorskip("xllamacpp")
    trainer = Trainer(Recipe(tokens=60_000, batch_tokens=1024))
    steps(trainer, 20)
    export(trainer.model, tmp_path)
    engine = Engine(tmp_path / "thinkcurve-tiny.gguf", slots=2)
    for text in samples():
        assert llama_cpp_ids(engine, text) == tokenizer.shared().encode(text).ids
    prompt = tokenizer.chat_ids("Start with 6. Do 2 steps: a +4, b *3. What is the result?")
    assert engine.generate([prompt], 12)[0] == greedy(trainer.model, prompt, 12)


def llama_cpp_ids(engine: Engine, text: str) -> list[int]:
    body = json.dumps({"content": text, "parse_special": True, "add_special": True}).encode()
    request = urllib.request.Request(engine.server.listening_address + "/tokenize", body)
    with urllib.request.urlopen(request) as reply:
        found: list[int] = json.load(reply)["tokens"]
    return found


def greedy(model: Llama, prompt: list[int], count: int) -> list[int]:
    ids = list(prompt)
    for _ in range(count):
        with torch.no_grad():
            ids.append(int(model(torch.tensor([ids]))[0, -1].argmax()))
    return ids[len(prompt) :]


def test_chat_template_is_what_training_wrote(tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers")
    vocabulary = tokenizer.shared().get_vocab_size()
    export(Llama(Shape(vocabulary, layers=1)), tmp_path)
    loaded = transformers.AutoTokenizer.from_pretrained(tmp_path)
    messages = [{"role": "user", "content": "Start with 6. Do 2 steps: a +4, b *3. What is the result?"}]
    ids = loaded.apply_chat_template(messages, add_generation_prompt=True, return_dict=False)
    assert ids == tokenizer.chat_ids(messages[0]["content"])
    for text in samples():
        assert loaded.encode(text, add_special_tokens=False) == tokenizer.shared().encode(text).ids


@pytest.mark.slow
def test_the_shipped_model_thinks_its_way_up() -> None:
    engine = Engine(EMBEDDED / "thinkcurve-tiny.gguf")
    for task, top in ((arithmetic.Arithmetic(100), 0.8), (induce.Induce(100), 0.7)):
        scores = evaluate(engine, task.problems(), (0, 32, 128, 256))
        accuracy = [sum(s.is_correct for s in scores if s.budget == budget) / 100 for budget in (0, 32, 128, 256)]
        assert accuracy[0] <= 0.1
        assert accuracy == sorted(accuracy)
        assert accuracy[-1] >= top
        assert sum(not s.has_answer for s in scores) <= 0.02 * len(scores)
