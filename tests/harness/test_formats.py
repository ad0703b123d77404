"""How a model thinks is found in its template and vocabulary: family by family, and what is written at a cut."""

from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jinja2.exceptions import TemplateError
from tokenizers import Regex, Tokenizer, models, pre_tokenizers, trainers

from chat_templates import MODELS, QWEN, TAGS, Model
from thinkcurve.budget import THINK_TAGS, ThinkingFormat, with_think_tags
from thinkcurve.errors import BackendError, UsageError
from thinkcurve.families import ALL, PLAIN, QWEN_WORDS, SEED_NONE, SEED_OVER, Family
from thinkcurve.formats import FAMILIES, FORMATS, Wish, describe, find_format

ON = {"enable_thinking": True}
SEED_REFLECTS = "<seed:cot_budget_reflect>{}</seed:cot_budget_reflect>\n"
FINAL = "<|end|><|start|>assistant<|channel|>final<|message|>"
RESPONSE = "<|close|>think<|sep|><|open|>response<|sep|>"

QWEN_PATTERN = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
"""How tokenizer.json of Qwen3 splits text before its merges."""

FOUND: list[tuple[str, str, dict[str, Any], str, str]] = [
    # model, format, options, the model's turn where "So" was cut, and at a budget of 0
    ("qwen3", "qwen", ON, f"<think>So\n\n{QWEN_WORDS}\n</think>\n\n", "<think>\n\n</think>\n\n"),
    ("qwen3-thinking", "qwen", {}, f"<think>\nSo\n\n{QWEN_WORDS}\n</think>\n\n", "<think>\n\n</think>\n\n"),
    ("deepseek-r1", "deepseek", {}, "<think>\nSo</think>", "<think>\n\n</think>"),
    ("deepseek-v3.1", "deepseek", {"thinking": True}, "<think>So</think>", "<think>\n\n</think>"),
    ("glm-4.6", "think", ON, "<think>So</think>", "<think></think>"),
    ("nemotron-nano-2", "nemotron", {}, "<think>\nSo.\n</think>\n\n", "<think>\n</think>\n\n"),
    ("nemotron-3", "nemotron", ON, "<think>\nSo.\n</think>\n\n", "<think>\n</think>\n\n"),
    ("llama-nemotron", "think", {}, "<think>So</think>", "<think></think>"),
    ("smollm3", "think", ON, "<think>So</think>", "<think>\n\n</think>"),
    ("exaone-4", "think", ON, "<think>\nSo</think>", "<think>\n\n</think>"),
    ("granite-3.3", "think", {"thinking": True}, "<think>So</think>", "<think></think>"),
    ("phi-4", "think", {}, "<think>So</think>", "<think></think>"),
    (
        "seed",
        "seed",
        {},
        f"<seed:think>So\n{SEED_REFLECTS.format(SEED_OVER)}</seed:think>",
        f"<seed:think>{SEED_REFLECTS.format(SEED_NONE)}</seed:think>",
    ),
    ("magistral", "mistral", {}, "[THINK]So[/THINK]", "[THINK][/THINK]"),
    ("mistral-small-4", "mistral", {"reasoning_effort": "high"}, "[THINK]So[/THINK]", "[THINK][/THINK]"),
    (
        "gpt-oss",
        "harmony",
        {},
        f"<|channel|>analysis<|message|>So{FINAL}",
        f"<|channel|>analysis<|message|>{FINAL}",
    ),
    ("gemma-4", "gemma", ON, "<|channel>thought\nSo\n<channel|>", "<|channel>thought\n<channel|>"),
    ("gemma-4-small", "gemma", ON, "<|channel>thought\nSo\n<channel|>", "<|channel>thought\n<channel|>"),
    (
        "cohere",
        "cohere",
        {"reasoning": True},
        "<|START_THINKING|>So<|END_THINKING|><|START_RESPONSE|>",
        "<|START_THINKING|><|END_THINKING|><|START_RESPONSE|>",
    ),
    (
        "cohere-text",
        "cohere-text",
        {"reasoning": True},
        "<|START_THINKING|>So<|END_THINKING|><|START_TEXT|>",
        "<|START_THINKING|><|END_THINKING|><|START_TEXT|>",
    ),
    (
        "kimi-k3",
        "kimi-k3",
        {"thinking": True},
        f"<|open|>think<|sep|>So{RESPONSE}",
        f"<|open|>think<|sep|>{RESPONSE}",
    ),
    (
        "minimax-m3",
        "minimax",
        {"thinking_mode": "enabled"},
        "<mm:think>So</mm:think>",
        "<mm:think></mm:think>",
    ),
    ("apertus", "apertus", ON, "<|inner_prefix|>So<|inner_suffix|>", "<|inner_prefix|><|inner_suffix|>"),
    (
        "solar",
        "solar",
        {},
        "<|think|>So<|end|><|begin|>assistant<|content|>",
        "<|think|><|end|><|begin|>assistant<|content|>",
    ),
    ("hunyuan", "hunyuan", ON, "<think>\nSo\n</think>\n<answer>\n", "<think>\n\n</think>\n<answer>\n"),
    ("exaone-deep", "exaone-deep", {}, "<thought>\nSo</thought>", "<thought>\n</thought>"),
    (
        "apriel",
        "apriel",
        {},
        "Here are my reasoning steps:\nSo\n[BEGIN FINAL RESPONSE]\n",
        "Here are my reasoning steps:\n[BEGIN FINAL RESPONSE]\n",
    ),
    ("reka", "reka", {}, "<reasoning>So</reasoning>", "<reasoning></reasoning>"),
    (
        "s1",
        "s1",
        {},
        "<|im_start|>thinkSo\n<|im_start|>answer\nFinal Answer:",
        "<|im_start|>think\n<|im_start|>answer\nFinal Answer:",
    ),
]
PLAIN_MODELS = (
    "plain",
    "qwen3-instruct",
    "qwen3-instruct-kept",
    "mistral-instruct",
    "closed",
    "closed-hybrid",
    "closed-cohere",
    "guarding",
)


def written(model: Model, found: ThinkingFormat, thinking: str = "") -> str:
    """The prompt with what the model thought and what is written at a cut, as `thinkcurve.session` joins them."""
    before = found.empty
    if thinking:
        before = found.wrap_up.removeprefix("\n") if thinking.endswith("\n") else found.wrap_up
    opened = "" if found.template_opens else found.open
    return model.render(**found.template_options) + opened + thinking + before + found.close + found.cue


@pytest.mark.parametrize(("model", "name", "options", "cut", "none"), FOUND, ids=[row[0] for row in FOUND])
def test_a_family_is_found_and_cut_as_its_makers_say(
    model: str, name: str, options: dict[str, Any], cut: str, none: str
) -> None:
    found = MODELS[model].find()
    assert (found.name, found.template_options) == (name, options)
    assert written(MODELS[model], found, "So").endswith(cut)
    assert written(MODELS[model], found).endswith(none)
    opened = written(MODELS[model], found, "So").count(found.open.strip())
    assert opened == (2 if model in ("magistral", "phi-4", "granite-3.3") else 1)  # once in the system prompt


def test_every_family_of_the_table_has_a_model_here() -> None:
    unseen = {"longcat", "ifm", "plamo"}  # known from one parser each: markers and nothing else
    assert {row[1] for row in FOUND} | unseen == {family.format.name for family in ALL}


@pytest.mark.parametrize("name", PLAIN_MODELS)
def test_a_model_whose_template_never_thinks_does_not_think(name: str) -> None:
    assert MODELS[name].find() is None


@pytest.mark.parametrize("name", PLAIN_MODELS)
def test_a_model_that_does_not_think_can_be_asked_to(name: str) -> None:
    found = MODELS[name].find(Wish(thinking="ask"))
    assert (found.name, found.open, found.close) == ("ask", "<think>\n", "</think>")
    assert "<think>" in found.ask
    assert not found.template_opens
    assert found.template_options == {}


def test_off_is_what_the_makers_template_writes_for_no_thinking() -> None:
    for name in ("qwen3", "glm-4.6", "gemma-4"):
        model = MODELS[name]
        off = model.render(enable_thinking=False)
        assistant = off.rindex({"qwen3": "<think>", "glm-4.6": "<think>", "gemma-4": "<|channel>"}[name])
        assert written(model, model.find()).endswith(off[assistant:])


def test_the_embedded_model_thinks_in_an_opened_tag() -> None:
    header = pytest.importorskip("thinkcurve_backends.llamacpp.header")
    package = Path(header.__file__).parents[1]
    read = header.read_header(package / "embedded" / "thinkcurve-tiny.gguf")
    model = Model(read.metadata["tokenizer.chat_template"], frozenset(read.tokens), "thinkcurve-tiny llama")
    found = model.find()
    assert found == msgspec.structs.replace(FORMATS["think"], template_opens=True)


@pytest.mark.parametrize(
    ("tokens", "name", "says"),
    [
        (TAGS, "", "think"),
        (QWEN, "", "qwen"),
        (QWEN, "Qwen3-8B-Base", "qwen"),
        (QWEN, "MiMo-7B-Base", "think"),
        (TAGS | {"<｜Assistant｜>"}, "", "deepseek"),
        (frozenset({"[THINK]", "[/THINK]"}), "", "mistral"),
        (frozenset({"<think>"}), "", None),
        (frozenset({"<|im_start|>"}), "", None),
        (frozenset(), "Qwen3", None),
    ],
)
def test_without_a_template_the_vocabulary_decides(tokens: frozenset[str], name: str, says: str | None) -> None:
    found = Model("", tokens, name).find()
    assert (found and found.name) == says
    assert not (found and found.template_opens)


@pytest.mark.parametrize(
    ("name", "is_s1"),
    [
        ("s1-32B", True),
        ("simplescaling/s1.1-7B qwen2", True),
        ("qwen2 S1.1 32B", True),
        ("models/s1.1-7b-q4_k_m.gguf", True),
        ("some-s1k-1.1-7B", False),
        ("Qwen2.5-VL-S1-7B", False),
        ("gpts1-32B", False),
    ],
)
def test_s1_is_known_by_its_name_alone(name: str, is_s1: bool) -> None:
    found = Model(MODELS["s1"].template, MODELS["s1"].tokens, name).find()
    assert (found is not None and found.name == "s1") == is_s1


def test_the_end_of_the_template_decides_between_families_of_one_vocabulary() -> None:
    tokens = frozenset(token for family in ALL for token in family.tokens)
    both = "{# <seed:think> </seed:think> [THINK] #}{% for m in messages %}{{ m.content }}{% endfor %}"
    assert Model(both + "{{ '[THINK]' }}", tokens).find().name == "mistral"
    assert Model(both + "{{ '<think>\n' }}", tokens).find().name == "think"
    assert Model(both, tokens).find().name == "seed"


@pytest.mark.parametrize("name", ["qwen3", "gemma-4", "plain", "seed"])
def test_markers_of_ones_own_win(name: str) -> None:
    found = MODELS[name].find(Wish(open="<a>", close="</a>", cue="So:"))
    assert (found.name, found.open, found.close, found.cue, found.wrap_up) == ("custom", "<a>", "</a>", "So:", "")
    assert found.template_options == (ON if name in ("qwen3", "gemma-4") else {})


def test_markers_that_the_template_opens_are_not_written_twice() -> None:
    model = Model("{% for m in messages %}{{ m.content }}{% endfor %}<think:6124c78e>\n")
    assert model.find(Wish(open="<think:6124c78e>", close="</think:6124c78e>")).template_opens


def test_a_format_by_name_wins_over_what_is_found() -> None:
    found = MODELS["qwen3"].find(Wish(thinking="think"))
    assert (found.name, found.wrap_up, found.cue, found.template_options) == ("think", "", "", ON)
    assert MODELS["qwen3-instruct"].find(Wish(thinking="qwen")).name == "qwen"
    assert MODELS["closed"].find(Wish(thinking="think")).name == "think"


def test_a_cue_of_ones_own_replaces_only_the_cue() -> None:
    usual = MODELS["qwen3"].find()
    assert MODELS["qwen3"].find(Wish(cue="\n\nFinal Answer:")) == msgspec.structs.replace(
        usual, cue="\n\nFinal Answer:"
    )
    assert MODELS["plain"].find(Wish(cue="So:")) is None


@pytest.mark.parametrize(
    ("wish", "says"),
    [
        (Wish(thinking="quen"), "'quen' is not known. Did you mean 'qwen'\\?.*Known: seed, mistral.*ask"),
        (Wish(thinking="xyz"), "Known: seed"),
        (Wish(open="<a>"), "go together"),
        (Wish(close="</a>"), "go together"),
        (Wish(thinking="qwen", open="<a>", close="</a>"), "exclude each other"),
    ],
)
def test_a_wish_that_cannot_be_is_refused_in_one_line(wish: Wish, says: str) -> None:
    with pytest.raises(UsageError, match=says) as raised:
        MODELS["plain"].find(wish)
    assert "\n" not in str(raised.value)


def test_tags_in_the_words_of_a_template_are_not_taken_for_an_empty_thought() -> None:
    words = "{{ 'Write <think> </think>' if enable_thinking else 'Never write <think> </think>' }}"
    found = Model(words + "{% for m in messages %}{{ m.content }}{% endfor %}<|im_start|>", TAGS).find()
    assert (found.name, found.template_options, found.empty) == ("think", ON, "")


def test_a_switch_that_changes_nothing_is_not_thrown() -> None:
    model = Model("{% for m in messages %}{{ m.thinking }}{{ m.content }}{% endfor %}<think>\n", TAGS)
    assert model.find().template_options == {}


def test_a_template_that_refuses_a_switch_keeps_its_default() -> None:
    refusing = "{% if enable_thinking is defined %}{{ raise_exception('no such switch') }}{% endif %}"
    found = Model(refusing + "{% for m in messages %}{{ m.content }}{% endfor %}<think>\n", TAGS).find()
    assert (found.name, found.template_opens, found.template_options) == ("think", True, {})


def test_a_template_that_refuses_the_probe_is_read_as_text() -> None:
    model = Model("{{ raise_exception('no') }}<think></think>", TAGS)
    with pytest.raises(TemplateError):
        model.render()
    assert model.find() == FORMATS["think"]


def test_a_dead_engine_is_not_taken_for_a_refusing_template() -> None:
    def dead(**options: Any) -> str:
        raise BackendError("the server is gone", is_fatal=True)

    with pytest.raises(BackendError, match="gone"):
        MODELS["qwen3"].find(render=dead)


PIECES = st.sampled_from(
    [f.open for f in FORMATS.values()]
    + [f.close for f in FORMATS.values()]
    + ["enable_thinking", "thinking", " reasoning ", "\n", "{{", "%}", "<answer>", "<｜Assistant｜>", "x", "</"]
)
TEXTS = st.lists(PIECES | st.text(max_size=5), max_size=8).map("".join)


@given(
    template=TEXTS,
    tokens=st.frozensets(PIECES),
    renders=st.lists(TEXTS | st.none(), min_size=1, max_size=4),
    name=st.sampled_from(["", "qwen3", "s1-7B", "nemotron", "hunyuan", "(["]),
)
def test_garbage_never_raises(template: str, tokens: frozenset[str], renders: list[str | None], name: str) -> None:
    calls = iter(range(10**6))

    def render(**options: Any) -> str:
        text = renders[(next(calls) if options else 0) % len(renders)]
        if text is None:
            raise ValueError("a template may raise anything")
        return text

    found = find_format(tokens=tokens, template=template, render=render, name=name)
    assert found is None or found.name in FORMATS
    if found is not None and found.template_opens and not found.template_options:
        assert (renders[0] or "").rstrip().endswith(found.open.rstrip())


@pytest.mark.parametrize("found", FORMATS.values(), ids=FORMATS)
def test_a_thought_that_ends_in_a_newline_is_closed_as_one_that_does_not(found: ThinkingFormat) -> None:
    model = MODELS["plain"]
    if found.wrap_up.startswith("\n"):
        assert written(model, found, "So\n") == written(model, found, "So")
    assert "\n\n\n" not in written(model, found, "So\n") + written(model, found, "So") + written(model, found)


def trained(special: set[str]) -> Tokenizer:
    """A byte-level BPE that splits as Qwen's, trained on the texts that are written, so that it merges all it can."""
    parts = [(f.open, f.empty, f.close, f.wrap_up, f.cue) for f in FORMATS.values()]
    texts = [text for part in parts for text in part]
    texts += [joined for o, e, c, w, q in parts for joined in (w + c + q, o + e + c + q)]
    made = Tokenizer(models.BPE())
    split = pre_tokenizers.Split(Regex(QWEN_PATTERN), "isolated")
    made.pre_tokenizer = pre_tokenizers.Sequence(
        [split, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]
    )
    trainer = trainers.BpeTrainer(vocab_size=4000, special_tokens=sorted(special), show_progress=False)
    made.train_from_iterator(texts * 20, trainer)
    return made


@pytest.fixture(scope="module")
def with_tokens() -> Tokenizer:
    return trained({token for family in ALL for token in family.tokens} | {"<|im_start|>", "<seed:cot_budget_reflect>"})


@pytest.fixture(scope="module")
def without_tokens() -> Tokenizer:
    return trained(set())


@pytest.mark.parametrize("family", [*ALL, PLAIN], ids=FORMATS)
def test_what_is_written_is_encoded_the_same_joined_as_apart(
    family: Family, with_tokens: Tokenizer, without_tokens: Tokenizer
) -> None:
    found = family.format
    tokenizer = with_tokens if family.tokens or found.name == "s1" else without_tokens

    def is_same(*texts: str) -> bool:
        apart = [token for text in texts for token in tokenizer.encode(text).ids]
        return apart == tokenizer.encode("".join(texts)).ids

    assert is_same("So", found.wrap_up, found.close, found.cue)
    # plain text: these join the opening tag and what follows it at a budget of 0
    assert is_same(found.open, found.empty, found.close, found.cue) == (found.name not in ("hunyuan", "plamo", "reka"))


def test_every_format_says_where_it_is_documented_and_for_whom() -> None:
    rows = describe()
    assert [row["name"] for row in rows] == list(FORMATS) == list(FAMILIES)
    assert all(row["source"].endswith(".") and len(row["source"]) > 30 and row["models"] for row in rows)
    silent = [row["name"] for row in rows if row["cut"] == FORMATS[row["name"]].close]
    assert all("ecommendation" in FORMATS[name].source or "nothing else" in FORMATS[name].source for name in silent)
    assert len(FORMATS) == len({family.format.name for family in (*ALL, PLAIN)}) == len(ALL) + 1


def test_the_general_format_is_that_of_the_tags() -> None:
    assert msgspec.structs.replace(FORMATS["think"], source="") == THINK_TAGS
    assert with_think_tags("x [THINK]y[/THINK]z", FORMATS["mistral"]) == "x <think>y</think>z"
