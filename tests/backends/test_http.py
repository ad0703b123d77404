"""Opening servers and providers by what they say of themselves, options, keys, and what is sent; the server is ours and
answers as the documentation of each kind has it (`http_servers.told`).
"""

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from http_expectations import ask, opened
from http_servers import reply, told

from thinkcurve.backend import Backend, Chat, Message, NativeBudgets, Request, Sampling, Stop
from thinkcurve.budget import Control
from thinkcurve.errors import BackendError, UsageError
from thinkcurve_backends.http import presets as by_name
from thinkcurve_backends.http.options import read
from thinkcurve_backends.http.presets import open_preset, preset_at, presets

ASKED = (Message("user", "1+1?"),)
KEY = "sk-very-secret-0123"
CHAT = "/v1/chat/completions"
MODELS = {"data": [{"id": "m-1"}]}


def served(**more: Any) -> dict[str, Any]:
    return {"/v1/models": MODELS, CHAT: reply(), **more}


def closed(backend: Backend) -> Backend:
    asyncio.run(backend.aclose())
    return backend


KINDS = [
    ("SGLang", {"/get_server_info": {"model_path": "m", "version": "0.5.12"}}),
    ("Ollama", {"/api/version": {"version": "0.40.1"}}),
    ("LM Studio", {"/api/v0/models": {"data": []}}),
    ("this server", {}),
]


@pytest.mark.parametrize(("title", "answers"), KINDS)
def test_what_answers_is_seen_by_what_it_alone_says(title: str, answers: dict[str, Any]) -> None:
    with told(served(**answers)) as server, opened(f"{server.address}/v1", stream=False) as backend:
        assert backend.model.engine.startswith(title)
        assert backend.model.name == "m-1"
        assert ask(backend, Request(Chat(ASKED), 5)).text == "42"


def test_a_path_that_lists_no_models_is_told_where_they_are() -> None:
    with (
        told(served()) as server,
        pytest.raises(UsageError, match=rf"at {server.address}/v2, and {server.address}/v1 "),
        opened(f"{server.address}/v2#m-1"),
    ):
        pass


def test_a_path_of_its_own_is_not_mistaken_for_a_wrong_one() -> None:
    answers = {"/v1/models": MODELS, "/serving/models": MODELS, "/serving/chat/completions": reply()}
    with told(answers) as server, opened(f"{server.address}/serving", stream=False) as backend:
        assert ask(backend, Request(Chat(ASKED), 5)).text == "42"


def test_an_address_without_a_path_has_its_api_under_v1() -> None:
    with told(served()) as server, opened(server.address, stream=False) as backend:
        assert ask(backend, Request(Chat(ASKED), 5)).text == "42"
        assert server.bodies(CHAT) == [
            {"model": "m-1", "messages": [{"role": "user", "content": "1+1?"}], "max_tokens": 5, "seed": 0,
             "temperature": 0.0}
        ]  # fmt: skip


def test_an_address_with_a_path_is_taken_as_it_is() -> None:
    answers = {"/gateway/models": MODELS, "/gateway/chat/completions": reply()}
    with told(answers) as server, opened(f"{server.address}/gateway", stream=False) as backend:
        assert ask(backend, Request(Chat(ASKED), 5)).text == "42"


def test_a_model_is_named_where_there_are_several() -> None:
    several = {"data": [{"id": "m-1"}, {"id": "m-2"}]}
    with told(served(**{"/v1/models": several})) as server:
        with opened(server.address, expect=UsageError) as error:
            assert "many models" in str(error)
            assert "m-1, m-2" in str(error)
        with opened(f"{server.address}#m-2", stream=False) as backend:
            ask(backend, Request(Chat(ASKED), 5))
        assert server.bodies(CHAT)[0]["model"] == "m-2"


def test_ollamas_tags_are_part_of_its_names() -> None:
    tagged = {"data": [{"id": "m:latest"}, {"id": "m:8b"}]}
    answers = served(**{"/api/version": {"version": "0.40"}, "/v1/models": tagged})
    with told(answers) as server:
        for name in ("m", "m:8b"):
            with opened(f"{server.address}#{name}") as backend:
                assert backend.model.name == name
        with opened(f"{server.address}#m:70b", expect=UsageError) as error:
            assert "It serves: m:latest, m:8b" in str(error)


def test_streams_are_asked_for_with_their_usage() -> None:
    events = [{"choices": [{"delta": {"content": "4"}}]}, {"choices": [{"delta": {}, "finish_reason": "stop"}]},
              {"choices": [], "usage": {"completion_tokens": 1}}]  # fmt: skip
    with told(served(**{CHAT: events})) as server, opened(server.address) as backend:
        made = ask(backend, Request(Chat(ASKED), 5))
        assert (made.text, made.usage.generated_tokens) == ("4", 1)
        assert server.bodies(CHAT)[0]["stream_options"] == {"include_usage": True}


def test_body_and_headers_of_a_user_go_with_every_request() -> None:
    options = {
        "extra_body": json.dumps({"optillm_approach": "moa", "reasoning": {"exclude": True}}),
        "extra_headers": json.dumps({"HTTP-Referer": "https://example.org"}),
        "budget_field": "reasoning.max_tokens",
        "effort_field": "reasoning.effort",
        "thinking_field": "thoughts",
    }
    answers = served(**{CHAT: reply(message={"thoughts": "so"})})
    with told(answers) as server, opened(server.address, stream=False, **options) as backend:
        assert backend.controls == {Control.NATIVE, Control.EFFORT, Control.PROMPT}
        assert ask(backend, Request(Chat(ASKED, budget_tokens=7), 50)).thinking == "so"
        ask(backend, Request(Chat(ASKED, effort="xhigh"), 50))
        first, second = server.bodies(CHAT)
        assert first["optillm_approach"] == "moa"
        assert first["reasoning"] == {"exclude": True, "max_tokens": 7}
        assert second["reasoning"] == {"exclude": True, "effort": "xhigh"}
        assert all(headers["http-referer"] == "https://example.org" for _, headers, _ in server.asked)


WRONG = [
    ({"api": "chats"}, "Did you mean 'chat'"),
    ({"extra_body": "{"}, "is no JSON"),
    ({"extra_body": "[1]"}, "must be a JSON object"),
    ({"extra_headers": '{"a": 1}'}, "is no text"),
    ({"extra_headers": '{"X-Api-Key": "abc"}'}, "set the key in THINKCURVE_API_KEY"),
    ({"extra_body": '{"n": 4}'}, "asked for one by one"),
    ({"extra_body": '{"api_key": "abc"}'}, "may be a secret"),
    ({"concurrency": 0}, "the least is 1"),
    ({"nonsense": 1}, "unknown option 'nonsense'"),
    ({"server": "vlm"}, "Did you mean 'vllm'"),
    ({"base_url": "http://x"}, "for providers by name"),
    ({"think_open": "<a>"}, "go together"),
]


@pytest.mark.parametrize(("options", "said"), WRONG)
def test_wrong_options_are_refused_before_anything_is_asked(options: dict[str, Any], said: str) -> None:
    with told({}) as server:
        with opened(server.address, **options, expect=UsageError) as error:
            assert said in str(error)
        assert not server.asked


def test_the_key_is_sent_and_never_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_KEY", KEY)
    answers = served(**{CHAT: 401})
    with told(answers) as server, opened(server.address, key_variable="MY_KEY") as backend:
        with pytest.raises(BackendError) as caught:
            ask(backend, Request(Chat(ASKED), 5))
        assert caught.value.is_fatal
        assert "MY_KEY" in str(caught.value)
        assert KEY not in str(caught.value)
        assert KEY not in repr(backend.model)
        assert {headers.get("authorization") for _, headers, _ in server.asked} == {f"Bearer {KEY}"}


@pytest.mark.parametrize("stream", [True, False])
def test_a_server_that_says_the_key_aloud_is_not_repeated(monkeypatch: pytest.MonkeyPatch, stream: bool) -> None:
    monkeypatch.setenv("MY_KEY", KEY)
    for bad in ({"error": {"message": f"wrong key {KEY}"}}, {"choices": [{"error": {"message": f"no: {KEY}"}}]}):
        answers = served(**{CHAT: [bad] if stream else bad})
        with told(answers) as server, opened(server.address, key_variable="MY_KEY", stream=stream) as backend:
            with pytest.raises(BackendError) as caught:
                ask(backend, Request(Chat(ASKED), 5))
            assert "***" in str(caught.value)
            assert KEY not in repr(caught.value)
            assert caught.value.__cause__ is None


def test_a_cassette_stands_in_for_server_and_key(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MY_KEY", KEY)
    tape = tmp_path / "tape.jsonl"
    request = Request(Chat(ASKED), 5)
    with told(served(**{CHAT: reply(f"42 {KEY}")})) as server:
        address = server.address
        with opened(address, key_variable="MY_KEY", record=str(tape), stream=False) as backend:
            first = ask(backend, request)
    assert KEY not in tape.read_text()
    monkeypatch.delenv("MY_KEY")
    with opened(address, key_variable="MY_KEY", replay=str(tape), stream=False) as backend:
        again = ask(backend, request)
    assert again.usage == first.usage
    assert again.text == "42 ***"


def test_a_key_that_is_not_set_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DEEPSEEK_API_KEY", raising=False)
    with pytest.raises(UsageError, match=r"set DEEPSEEK_API_KEY.*https://platform\.deepseek\.com"):
        open_preset("deepseek", "deepseek-reasoner")


def test_a_list_of_models_that_lets_nobody_in_ends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEEPSEEK_API_KEY", KEY)
    with told({"/models": 401}) as server, pytest.raises(UsageError, match="right key") as caught:
        open_preset("deepseek", "deepseek-reasoner", base_url=server.address)
    assert KEY not in str(caught.value)


def test_an_unknown_model_ends_the_run() -> None:
    answers = served(**{CHAT: 404})
    with told(answers) as server, opened(server.address) as backend:
        with pytest.raises(BackendError) as caught:
            ask(backend, Request(Chat(ASKED), 5))
        assert caught.value.is_fatal


def test_nothing_goes_on_after_the_end() -> None:
    with told(served()) as server:
        with opened(server.address) as backend:
            pass
        with pytest.raises(BackendError, match="closed") as caught:
            ask(backend, Request(Chat(ASKED), 5))
    assert caught.value.is_fatal


CARD = {
    "id": "maker/m", "context_length": 4096, "top_provider": {"max_completion_tokens": 1024},
    "supported_parameters": ["reasoning", "temperature", "top_p", "seed", "max_tokens"],
    "canonical_slug": "maker/m-2026",
}  # fmt: skip


def openrouter(server: Any, monkeypatch: pytest.MonkeyPatch, what: str = "maker/m", **options: Any) -> Backend:
    monkeypatch.setenv("OPENROUTER_API_KEY", KEY)
    return by_name.openrouter(what, base_url=f"{server.address}/api/v1", stream=False, **options)  # type: ignore[attr-defined]


def test_openrouters_model_object_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    path = "/api/v1/chat/completions"
    with told({"/api/v1/models": {"data": [CARD]}, path: reply(usage={"cost": 0.5})}) as server:
        backend = openrouter(server, monkeypatch, "maker/m:nitro")
        model = backend.model
        assert (model.context_tokens, model.max_output_tokens, model.provider) == (4096, 1024, "openrouter")
        assert model.fingerprint == "said:maker/m-2026"
        assert backend.controls == {Control.NATIVE, Control.EFFORT, Control.PROMPT}
        assert model.native == NativeBudgets(1024)
        made = ask(backend, Request(Chat(ASKED, budget_tokens=2048), 5, leaves_sampling=True))
        assert made.usage.usd == 0.5
        with pytest.raises(BackendError, match="does not take min_p"):
            ask(backend, Request(Chat(ASKED), 5, sampling=Sampling(1.0, min_p=0.1)))
        with pytest.raises(BackendError, match="no stop texts"):
            ask(backend, Request(Chat(ASKED), 5, stop=("a",)))
        closed(backend)
        assert server.bodies(path)[0]["model"] == "maker/m:nitro"


@pytest.mark.parametrize(
    ("more", "controls"),
    [
        ({"supported_parameters": ["temperature"]}, {Control.PROMPT}),
        ({"reasoning": {"supports_max_tokens": False}}, {Control.EFFORT, Control.PROMPT}),
        ({"reasoning": {"mandatory": True}}, {Control.NATIVE, Control.EFFORT, Control.PROMPT}),
    ],
)
def test_a_model_of_openrouter_is_offered_what_it_takes(
    monkeypatch: pytest.MonkeyPatch, more: dict[str, Any], controls: set[Control]
) -> None:
    with told({"/api/v1/models": {"data": [{**CARD, **more}]}}) as server:
        backend = closed(openrouter(server, monkeypatch))
        assert backend.controls == controls
        if more.get("reasoning", {}).get("mandatory"):
            assert backend.model.native is not None
            assert not backend.model.native.has_zero
            assert "none" not in backend.model.efforts


def test_ollama_goes_on_with_raw_text(tmp_path: Path) -> None:
    pytest.importorskip("transformers")
    import checkpoints

    from thinkcurve_backends.hf_tokenizer import load_tokenizer

    folder = checkpoints.tiny_folder(tmp_path / "tiny")

    tokenizer = load_tokenizer(folder)

    def generate(body: dict[str, Any]) -> dict[str, Any]:
        n = len(tokenizer.encode(body["prompt"]))
        most = body["options"]["num_predict"]
        done = {"done": True, "done_reason": "length", "eval_count": most, "prompt_eval_count": n}
        return {"model": "m-1", "response": "5; a", **done}

    answers = served(**{"/api/version": {"version": "0.40"}, "/api/generate": generate})
    with told(answers) as server, opened(server.address, api="completions", checkpoint=str(folder)) as backend:
        made = ask(backend, Request(Chat(ASKED, prefix="5"), 3, sampling=Sampling(0.5), seed=7, stop=("</think>",)))
        assert (made.text, made.stop, made.usage.generated_tokens) == ("5; a", Stop.LENGTH, 3)
        last = server.bodies("/api/generate")[-1]
        assert last["raw"] is True
        assert last["prompt"].endswith("<think>5")
        assert (
            last["options"].items() >= {"num_predict": 3, "temperature": 0.5, "seed": 7, "stop": ["</think>"]}.items()
        )


def test_deepseek_goes_on_with_a_prefix_at_its_beta_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEEPSEEK_API_KEY", KEY)

    def words(body: dict[str, Any]) -> dict[str, Any]:
        last = body["messages"][-1]
        n = 10 + len(last["content"].split()) if last.get("prefix") else 10
        usage = {"prompt_tokens": n, "completion_tokens": body["max_tokens"], "total_tokens": 0}
        return {**reply("x", finish_reason="length"), "usage": usage}

    with told({"/models": MODELS, "/beta/chat/completions": words}) as server:
        options = {"base_url": server.address, "thinking": "think", "stream": False}
        backend = open_preset("deepseek", "m-1", **options)
        assert Control.TRUNCATE in backend.controls
        assert backend.model.thinking is not None
        assert not backend.model.thinking.template_opens
        ask(backend, Request(Chat(ASKED, prefix="<think> a"), 4))
        closed(backend)
        last = server.bodies("/beta/chat/completions")[-1]["messages"][-1]
        assert last == {"role": "assistant", "content": "<think> a", "prefix": True}


def test_a_server_that_begins_anew_or_does_not_count_is_not_gone_on_with() -> None:
    def anew(body: dict[str, Any]) -> dict[str, Any]:
        n = sum(3 + len(turn["content"].split()) for turn in body["messages"])
        usage = {"prompt_tokens": n, "completion_tokens": body["max_tokens"], "total_tokens": 0}
        return {**reply("x", finish_reason="length"), "usage": usage}

    for answer, said in ((anew, "begins anew"), ({**reply(), "usage": None}, "does not count")):
        answers = served(**{"/get_server_info": {"version": "1"}, CHAT: answer})
        with told(answers) as server, opened(server.address, thinking="think", stream=False) as backend:
            assert Control.TRUNCATE not in backend.controls
            assert said in " ".join(backend.model.notes)


def test_every_preset_can_be_opened_by_its_entry_point_and_names_its_sources() -> None:
    for name, found in presets().items():
        assert callable(getattr(by_name, name))
        if found.base_url and not found.is_local:
            assert preset_at(found.base_url.replace("{region}", "us-east-1")) == name
            assert found.keys
            assert found.key_page.startswith("https://")
        assert found.sources or name == "generic"
    with pytest.raises(AttributeError):
        _ = by_name.nobody  # type: ignore[attr-defined]


def test_prices_are_looked_up_by_ids_that_exist() -> None:
    data = pytest.importorskip("genai_prices.data")
    unlisted = {"alibaba", "nova"}  # paid, at prices that a study has to give
    known = {provider.id for provider in data.providers} | unlisted
    assert {found.dialect.provider for found in presets().values()} - {None} <= known


def test_bedrock_is_in_a_region(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_BEARER_TOKEN_BEDROCK", KEY)
    monkeypatch.setenv("AWS_REGION", "evil.example/")
    with pytest.raises(UsageError, match=r"the region is 'evil\.example/'"):
        open_preset("bedrock", "openai.gpt-oss-120b")
    assert read("bedrock", {"region": "us-west-2"}).region == "us-west-2"
