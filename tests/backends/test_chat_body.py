"""A request as the body of a chat completion, in every dialect, and what a dialect has no word for."""

import msgspec
import pytest

from thinkcurve.backend import Chat, Continuation, Message, NativeBudgets, Request, Sampling
from thinkcurve.errors import BackendError
from thinkcurve_backends.chat.body import chat_body, merge, put
from thinkcurve_backends.chat.dialect import Dialect
from thinkcurve_backends.http.presets import presets

ASKED = (Message("system", "Be brief."), Message("user", "1+1?"))


def body(dialect: Dialect, *, prompt: Chat | None = None, **fields: object) -> dict[str, object]:
    request = Request(prompt or Chat(ASKED), **{"max_tokens": 100, "leaves_sampling": True, **fields})  # type: ignore[arg-type]
    return chat_body("m", request, dialect)


def refused(dialect: Dialect, **fields: object) -> BackendError:
    with pytest.raises(BackendError) as caught:
        body(dialect, **fields)  # type: ignore[arg-type]
    assert not caught.value.is_retryable
    return caught.value


def test_a_plain_request_says_nothing_that_was_not_asked_for() -> None:
    assert body(Dialect()) == {
        "model": "m",
        "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "1+1?"}],
        "max_tokens": 100,
        "seed": 0,
    }


def test_zero_tokens_are_left_out_where_that_means_the_most() -> None:
    assert "max_tokens" not in body(Dialect(), max_tokens=0)
    few = Dialect(name="it", default_is_most=False)
    assert body(msgspec.structs.replace(few, max_output_tokens=512), max_tokens=0)["max_tokens"] == 512
    error = refused(few, max_tokens=0)
    assert error.is_fatal
    assert "max_output_tokens" in str(error)


def test_sampling_is_sent_only_where_it_is_not_left_to_the_provider() -> None:
    drawn = Sampling(temperature=0.7, top_p=0.9)
    assert body(Dialect(), sampling=drawn, leaves_sampling=False).items() >= {"temperature": 0.7, "top_p": 0.9}.items()
    assert not body(Dialect(), sampling=drawn).keys() & {"temperature", "top_p"}


def test_a_server_with_defaults_of_its_own_is_told_all_of_it() -> None:
    own = Dialect(sampling=("temperature", "top_p", "top_k", "min_p"), sends_neutral=True)
    greedy = body(own, leaves_sampling=False)
    assert greedy.items() >= {"temperature": 0.0, "top_p": 1.0, "top_k": 0, "min_p": 0.0}.items()


def test_greedy_is_greedy_whatever_else_is_said() -> None:
    assert body(Dialect(), sampling=Sampling(0.0, 0.5, 7), leaves_sampling=False)["temperature"] == 0.0


@pytest.mark.parametrize("drawn", [Sampling(1.0, top_k=5), Sampling(1.0, min_p=0.1)])
def test_sampling_that_an_endpoint_does_not_take_is_refused(drawn: Sampling) -> None:
    assert "does not take" in str(refused(Dialect(), sampling=drawn, leaves_sampling=False))


@pytest.mark.parametrize("seed", [0, 2**31, 2**63 - 1])
def test_seeds_fit_into_31_bits(seed: int) -> None:
    assert body(Dialect(), seed=seed)["seed"] == seed % 2**31
    assert "seed" not in body(Dialect(seed=""), seed=seed)


def test_stop_texts_are_sent_or_refused() -> None:
    assert body(Dialect(), stop=("a", "b"))["stop"] == ["a", "b"]
    assert "no stop texts" in str(refused(Dialect(stop=""), stop=("a",)))
    assert "at most 1" in str(refused(Dialect(most_stops=1), stop=("a", "b")))


@pytest.mark.parametrize(
    "request_",
    [
        Request(Continuation((1, 2)), 5),
        Request(Chat(ASKED), 5, stop_ids=(1,)),
        Request(Chat(ASKED), 5, thinking_budget=3),
        Request(Chat(ASKED), 5, top_logprobs=2),
        Request(Chat(ASKED, prefix="<think>"), 5),
        Request(Chat(ASKED, budget_tokens=5), 5),
        Request(Chat(ASKED, budget_tokens=0), 5),
        Request(Chat(ASKED, effort="low"), 5),
    ],
)
def test_what_a_plain_endpoint_cannot_do_is_refused(request_: Request) -> None:
    with pytest.raises(BackendError):
        chat_body("m", request_, Dialect())


def test_a_prefix_is_the_last_message_and_asks_for_no_thinking() -> None:
    dialect = Dialect(
        prefill={"prefix": True}, prefill_body={"continue_final_message": True}, on={"thinking": {"type": "enabled"}}
    )
    made = body(dialect, prompt=Chat(ASKED, prefix="<think>so"))
    assert made["messages"][-1] == {"role": "assistant", "content": "<think>so", "prefix": True}  # type: ignore[index]
    assert made["continue_final_message"] is True
    assert "thinking" not in made
    assert len(body(dialect, prompt=Chat(ASKED, prefix=""))["messages"]) == 2  # type: ignore[arg-type]


def test_nothing_of_a_dialect_is_written_to() -> None:
    dialect = Dialect(on={"reasoning": {"enabled": True}}, budget="reasoning.max_tokens", native=NativeBudgets())
    first = body(dialect, prompt=Chat(ASKED, budget_tokens=5))
    assert first["reasoning"] == {"enabled": True, "max_tokens": 5}
    assert dialect.on == {"reasoning": {"enabled": True}}
    assert body(dialect)["reasoning"] == {"enabled": True}


def test_paths_make_objects_on_their_way_and_merging_keeps_what_is_there() -> None:
    made: dict[str, object] = {"a": 1}
    put(made, "a.b.c", 2)
    merge(made, {"a": {"b": {"d": 3}}})
    assert made == {"a": {"b": {"c": 2, "d": 3}}}


ROWS = [
    ("deepseek", {"effort": "high"}, {"reasoning_effort": "high", "thinking": {"type": "enabled"}}),
    ("deepseek", {"effort": "none"}, {"thinking": {"type": "disabled"}}),
    ("deepseek", {"budget_tokens": 0}, {"thinking": {"type": "disabled"}}),
    ("openrouter", {"budget_tokens": 2048}, {"reasoning": {"enabled": True, "max_tokens": 2048}}),
    ("openrouter", {"effort": "xhigh"}, {"reasoning": {"enabled": True, "effort": "xhigh"}}),
    ("openrouter", {"budget_tokens": 0}, {"reasoning": {"enabled": False}}),
    ("xai", {"effort": "low"}, {"reasoning_effort": "low", "max_completion_tokens": 100}),
    ("moonshot", {"effort": "max"}, {"reasoning_effort": "max"}),
    ("moonshot", {"effort": "none"}, {"thinking": {"type": "disabled"}}),
    ("moonshot", {"budget_tokens": 0}, {"thinking": {"type": "disabled"}}),
    ("qwen", {"budget_tokens": 500}, {"enable_thinking": True, "thinking_budget": 500}),
    ("qwen", {"budget_tokens": 0}, {"enable_thinking": False}),
    ("qwen", {}, {"enable_thinking": True}),
    ("mistral", {"effort": "none"}, {"reasoning_effort": "none", "random_seed": 0}),
    ("together", {"budget_tokens": 0}, {"reasoning": {"enabled": False}}),
    ("bedrock", {"effort": "medium"}, {"reasoning_effort": "medium"}),
    ("vllm", {"budget_tokens": 7}, {"thinking_token_budget": 7}),
    ("vllm", {"budget_tokens": 0}, {"chat_template_kwargs": {"enable_thinking": False}}),
    ("llamacpp", {"budget_tokens": 7}, {"thinking_budget_tokens": 7}),
    ("sglang", {"budget_tokens": 7}, {"custom_params": {"thinking_budget": 7}}),
    ("ollama", {"effort": "high"}, {"reasoning_effort": "high"}),
    ("ollama", {"effort": "none"}, {"reasoning_effort": "none"}),
    ("its_hub", {"budget_tokens": 8}, {"budget": 8}),
]


@pytest.mark.parametrize(("name", "asked", "expected"), ROWS)
def test_thinking_is_asked_for_in_each_providers_words(
    name: str, asked: dict[str, object], expected: dict[str, object]
) -> None:
    made = body(presets()[name].dialect, prompt=Chat(ASKED, **asked))  # type: ignore[arg-type]
    assert made.items() >= expected.items()


def test_a_level_that_a_provider_does_not_have_is_refused_with_those_that_it_has() -> None:
    error = refused(presets()["mistral"].dialect, prompt=Chat(ASKED, effort="low"))
    assert "it takes none, high" in str(error)
