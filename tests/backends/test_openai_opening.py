"""Opening ``openai:NAME``: keys, addresses, names, options; and chat completions by OpenAI's own client."""

import asyncio
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("openai")
pytest.importorskip("aiohttp")

sys.path.insert(0, str(Path(__file__).parent))
import openai_server as ours
from http_servers import reply, told
from openai_server import KEY, SNAPSHOT, Reply, Served, chunks, completion, error

from thinkcurve.backend import Batching, Chat, Generation, Request, Sampling, Stop, Visibility
from thinkcurve.errors import BackendError, UsageError
from thinkcurve.problem import Message
from thinkcurve_backends.openai.backend import OpenAi, open_backend
from thinkcurve_backends.openai.completions import Completions
from thinkcurve_backends.openai.options import CHAT, HOME, RESPONSES, OpenAiOptions, read

QUESTION = (Message("user", "What is 6*7?"),)


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    with ours.serving() as server:
        server.say = lambda path, body: Reply(completion("42", thinking=7))
        yield server


@pytest.fixture(params=[True, False], ids=["stream", "whole"])
def backend(served: Served, request: pytest.FixtureRequest) -> Iterator[OpenAi]:
    found = open_backend("o4-mini", base_url=served.url, stream=request.param)
    yield found
    asyncio.run(found.aclose())


def ask(backend: OpenAi, most: int = 0, **chat: Any) -> Generation:
    return asyncio.run(backend.generate(Request(Chat(QUESTION, **chat), most, leaves_sampling=True, seed=7)))


def close(backend: OpenAi) -> None:
    asyncio.run(backend.aclose())


def test_a_wrong_name_is_found_out_before_anything_is_spent(served: Served) -> None:
    with pytest.raises(UsageError, match=r"no model 'gpt-5.1-mni'. Did you mean 'gpt-5.1-mini'\?") as caught:
        open_backend("gpt-5.1-mni", base_url=served.url)
    assert "It serves: gpt-5.1, gpt-5.1-mini, o4-mini" in str(caught.value)
    assert not served.bodies("/chat/completions")


def test_a_wrong_key_is_found_out_before_anything_is_spent(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-wrong-but-long")
    with pytest.raises(UsageError, match="the key in OPENAI_API_KEY is not accepted") as caught:
        open_backend("o4-mini", base_url=served.url)
    assert "sk-wrong-but-long" not in str(caught.value)
    monkeypatch.delenv("OPENAI_API_KEY")
    with pytest.raises(UsageError, match="set OPENAI_API_KEY"):
        open_backend("o4-mini", base_url=served.url)


def test_openai_itself_needs_a_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    with pytest.raises(UsageError, match=r"set OPENAI_API_KEY.*platform.openai.com/api-keys"):
        open_backend("gpt-5.1")


def test_nobody_at_the_address_is_said_at_once(served: Served) -> None:
    with pytest.raises(UsageError, match=r"cannot reach|nobody|connect|refused"):
        open_backend("o4-mini", base_url="http://127.0.0.1:9/v1")


def test_a_server_that_lists_no_models_is_taken_at_its_word(served: Served) -> None:
    served.has_models = False
    backend = open_backend("whatever", base_url=served.url)
    assert "was not checked" in backend.model.notes[0]
    assert ask(backend).text == "42"
    close(backend)


def test_the_interface_follows_from_the_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    for options, speech, address, is_openai in (
        ({}, RESPONSES, HOME, True),
        ({"base_url": "https://eu.api.openai.com/v1/"}, RESPONSES, "https://eu.api.openai.com/v1", True),
        ({"base_url": "https://api.openai.com.example.org/v1"}, CHAT, "https://api.openai.com.example.org/v1", False),
        ({"api": "chat"}, CHAT, HOME, True),
        ({"base_url": "http://localhost:8000/v1", "api": "responses"}, RESPONSES, "http://localhost:8000/v1", False),
    ):
        found = read(options)
        assert (found.speech, found.address, found.is_openai) == (speech, address, is_openai)
        assert found.has_batches == is_openai
    assert not read({"base_url": "http://127.0.0.1:8000/v1"}).needs_key
    assert not read({"replay": "a.jsonl"}).needs_key
    assert read({"base_url": "http://192.168.0.2:8000/v1"}).needs_key
    monkeypatch.setenv("OPENAI_BASE_URL", "http://localhost:1/v1")
    assert (read({}).speech, read({}).address) == (CHAT, "http://localhost:1/v1")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"api": "respones"}, r"'respones'. Did you mean 'responses'\?"),
        ({"summary": "long"}, "auto, concise, detailed, none"),
        ({"api": "chat", "summary": "auto"}, "set api=responses"),
        ({"extra_body": "{"}, "no JSON"),
        ({"extra_body": "[1]"}, "must be a JSON object"),
        ({"budget_field": "a..b"}, "a path is written"),
        ({"base_url": HOME, "budget_field": "thinking"}, "OpenAI takes no token budgets; use control effort"),
        ({"most_in_batch": 60_000}, "the most is 50000"),
        ({"concurency": 3}, r"Did you mean 'concurrency'\?"),
        ({"base_url": "localhost:8000"}, "no address of a server"),
    ],
)
def test_options_that_cannot_be_meant_are_refused(served: Served, options: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        open_backend("o4-mini", **{"base_url": served.url, **options})


def test_a_model_is_needed() -> None:
    with pytest.raises(UsageError, match="openai:NAME"):
        open_backend("")


def test_a_chat_completion_is_read_whole(backend: OpenAi) -> None:
    came = ask(backend)
    assert (came.text, came.stop, came.served_by) == ("42", Stop.EOS, f"{SNAPSHOT} fp_1")
    usage = came.usage
    assert (usage.thinking_tokens, usage.answer_tokens, usage.generated_tokens) == (7, 5, 12)
    assert (usage.prompt_tokens, usage.cached_tokens, usage.source) == (30, 10, "provider")
    assert came.visibility is Visibility.HIDDEN


def test_a_chat_is_asked_by_level_and_bound(served: Served, backend: OpenAi) -> None:
    ask(backend, 300, effort="high")
    body = served.bodies("/chat/completions")[-1]
    body.pop("stream", None), body.pop("stream_options", None)
    assert body == {
        **{"model": "o4-mini", "messages": [{"role": "user", "content": "What is 6*7?"}], "max_tokens": 300},
        **{"reasoning_effort": "high", "seed": 7},
    }


def test_openai_is_asked_by_its_own_name_of_the_bound() -> None:
    body = Completions("o4-mini", OpenAiOptions(), "OpenAI", "provider").body(
        Request(Chat(QUESTION, effort="low"), 300, Sampling(1.0)), stream=False
    )
    assert (body["max_completion_tokens"], body["reasoning_effort"]) == (300, "low")
    assert "max_tokens" not in body
    assert body["temperature"] == 1.0


def test_refusal_filter_and_bound_are_told_apart_in_a_chat(served: Served, backend: OpenAi) -> None:
    said: list[dict[str, Any]] = [
        completion(None, refusal="I can't."),
        completion("", thinking=20, answer=0, finish_reason="length"),
        completion("4", finish_reason="content_filter"),
    ]
    served.say = lambda path, body: Reply(said.pop(0))
    assert (ask(backend).stop) is Stop.REFUSAL
    cut = ask(backend, 20)
    assert (cut.stop, cut.text, cut.usage.thinking_tokens) == (Stop.LENGTH, "", 20)
    with pytest.raises(BackendError, match="filter") as caught:
        ask(backend)
    assert (caught.value.is_retryable, caught.value.is_fatal) == (False, False)


@pytest.mark.parametrize(
    ("reply", "is_retryable", "is_fatal"),
    [
        (error(401, f"Incorrect key {KEY}", "invalid_api_key"), False, True),
        (error(404, "No such model", "model_not_found"), False, True),
        (error(400, "Bad.", "bad", "messages"), False, False),
        (error(429, "Slow.", retry_after="2"), True, False),
        (error(500, "Oops."), True, False),
        (error(529, "Overloaded."), True, False),
        (Reply(raw=b"<html>", kind="text/html"), True, False),
        (Reply(raw=b'{"object": "chat.completion", "choices": []}'), True, False),
    ],
)
def test_what_is_no_completion_says_whose_fault_it_is(
    served: Served, backend: OpenAi, reply: Reply, is_retryable: bool, is_fatal: bool
) -> None:
    served.say = lambda path, body: reply
    with pytest.raises(BackendError) as caught:
        ask(backend)
    assert (caught.value.is_retryable, caught.value.is_fatal) == (is_retryable, is_fatal)
    assert KEY not in str(caught.value)
    assert caught.value.retry_after_s == (2 if "retry-after" in reply.headers else None)


def test_a_chat_that_breaks_off_is_no_answer(served: Served) -> None:
    backend = open_backend("o4-mini", base_url=served.url)
    whole = chunks(completion("42", thinking=7))
    for n in range(len(whole) - 1):
        served.say = lambda path, body, n=n: Reply(events=whole[:n])
        with pytest.raises(BackendError) as caught:
            ask(backend)
        assert caught.value.is_retryable
    close(backend)


def test_the_field_of_a_budget_goes_where_it_was_said(served: Served) -> None:
    options: dict[str, Any] = {"budget_field": "chat_template_kwargs.thinking_budget", "extra_body": '{"top_k": 20}'}
    backend = open_backend("o4-mini", base_url=served.url, **options)
    for budget in (0, 64):
        ask(backend, budget_tokens=budget)
        body = served.bodies("/chat/completions")[-1]
        assert (body["chat_template_kwargs"], body["top_k"]) == ({"thinking_budget": budget}, 20)
    close(backend)


def test_a_list_that_fails_is_a_note_and_thinking_in_the_content_is_no_answer(served: Served) -> None:
    with told({"/v1/models/m": 503, "/v1/chat/completions": reply("<think>\n40+2\n</think>\n\n42")}) as server:
        backend = open_backend("m", base_url=f"{server.address}/v1", stream=False)
        assert "was not checked" in " ".join(backend.model.notes)
        assert (ask(backend).text, ask(backend).thinking) == ("42", "40+2")
        close(backend)


def test_an_error_in_a_stream_says_no_key_and_is_judged_by_its_name(served: Served) -> None:
    backend = open_backend("o4-mini", base_url=served.url)
    bad = {"error": {"message": f"bad key {KEY}", "code": "invalid_api_key"}}
    for events in ([bad], [{"choices": [{"index": 0, **bad}]}]):
        served.say = lambda path, body, events=events: Reply(events=events)
        with pytest.raises(BackendError, match=r"\*\*\*.*OPENAI_API_KEY") as caught:
            ask(backend)
        assert (caught.value.is_fatal, caught.value.is_retryable) == (True, False)
        assert KEY not in repr(caught.value)
    close(backend)


def test_connections_are_used_again(served: Served, backend: OpenAi) -> None:
    for _ in range(5):
        ask(backend)
    assert served.n_connections == 1


def test_batches_are_offered_only_where_they_are(served: Served, backend: OpenAi) -> None:
    assert not isinstance(backend, Batching)
    with_batches = open_backend("o4-mini", base_url=served.url, batches=True)
    assert isinstance(with_batches, Batching)
    close(with_batches)


def test_a_cassette_plays_without_key_and_server(
    served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cassette = str(tmp_path / "openai.jsonl")
    first = open_backend("o4-mini", base_url=served.url, record=cassette)
    said = [ask(first), ask(first, effort="low")]
    close(first)
    kept = Path(cassette).read_text()
    assert KEY not in kept
    monkeypatch.delenv("OPENAI_API_KEY")
    n_asked = len(served.heard)
    second = open_backend("o4-mini", base_url=served.url, replay=cassette)
    again = [ask(second), ask(second, effort="low")]
    assert [(came.text, came.usage) for came in again] == [(came.text, came.usage) for came in said]
    with pytest.raises(BackendError):
        ask(second, effort="high")
    close(second)
    assert len(served.heard) == n_asked


def test_after_closing_nothing_is_asked(backend: OpenAi) -> None:
    close(backend)
    close(backend)
    with pytest.raises(BackendError, match="closed") as caught:
        ask(backend)
    assert caught.value.is_fatal
