"""The Responses API through OpenAI's own client, against a server of ours (`openai_server`)."""

import asyncio
import json
import logging
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("openai")
pytest.importorskip("aiohttp")

sys.path.insert(0, str(Path(__file__).parent))
import openai_server as ours
from openai_server import KEY, SNAPSHOT, Reply, Served, error, message, reasoning, refused, response, text

from thinkcurve.backend import Chat, Continuation, Generation, Request, Sampling, Stop, Visibility
from thinkcurve.budget import EFFORTS, Control
from thinkcurve.errors import BackendError, UsageError
from thinkcurve.problem import Message
from thinkcurve_backends.openai.backend import OpenAi, open_backend

QUESTION = (Message("system", "Be short."), Message("user", "What is 6*7?"))
ANSWERED = message(text("42"))


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    with ours.serving() as server:
        yield server


Open = Callable[..., OpenAi]


@pytest.fixture(params=[True, False], ids=["stream", "whole"])
def opened(served: Served, request: pytest.FixtureRequest) -> Iterator[Open]:
    found: list[OpenAi] = []

    def open_it(**options: Any) -> OpenAi:
        given = {"base_url": served.url, "api": "responses", "stream": request.param, "summary": "auto", **options}
        found.append(open_backend("gpt-5.1", **given))
        return found[-1]

    yield open_it
    for backend in found:
        asyncio.run(backend.aclose())


def ask(backend: OpenAi, most: int = 0, **chat: Any) -> Generation:
    request = Request(Chat(QUESTION, **chat), most, leaves_sampling=True, seed=7)
    return asyncio.run(backend.generate(request))


def says(served: Served, *replies: Reply) -> None:
    left = list(replies)
    served.say = lambda path, body: left.pop(0) if len(left) > 1 else left[0]


def failure(backend: OpenAi, **chat: Any) -> BackendError:
    with pytest.raises(BackendError) as caught:
        ask(backend, **chat)
    assert KEY not in str(caught.value)
    return caught.value


def test_a_summary_and_an_answer_come_apart(served: Served, opened: Open) -> None:
    says(served, Reply(response(reasoning("Six sevens.", "Easy."), ANSWERED, thinking=64)))
    came = ask(opened(), 500)
    assert (came.text, came.thinking, came.visibility) == ("42", "Six sevens.\n\nEasy.", Visibility.SUMMARY)
    assert (came.stop, came.served_by) == (Stop.EOS, SNAPSHOT)
    usage = came.usage
    assert (usage.prompt_tokens, usage.cached_tokens, usage.cache_write_tokens) == (30, 10, 4)
    assert (usage.thinking_tokens, usage.answer_tokens, usage.generated_tokens) == (64, 5, 69)
    assert usage.source == "provider"
    assert came.wall_s is not None
    assert came.raw is not None
    assert came.raw["output_tokens_details"] == {"reasoning_tokens": 64}


def test_what_is_sent_is_what_was_asked(served: Served, opened: Open) -> None:
    ask(opened(encrypted=True, service_tier="flex", extra_body='{"reasoning": {"mode": "pro"}}'), 500, effort="low")
    body = served.bodies("/responses")[-1]
    assert body.pop("stream", False) in (True, False)
    assert body == {
        "model": "gpt-5.1",
        "input": [
            {"type": "message", "role": "system", "content": "Be short."},
            {"type": "message", "role": "user", "content": "What is 6*7?"},
        ],
        "store": False,
        "reasoning": {"effort": "low", "summary": "auto", "mode": "pro"},
        "include": ["reasoning.encrypted_content"],
        "max_output_tokens": 500,
        "service_tier": "flex",
    }


def test_nothing_is_sent_for_the_most_that_there_is_and_no_summary_where_nothing_is_thought(
    served: Served, opened: Open
) -> None:
    ask(opened(), 0, effort="none")
    body = served.bodies("/responses")[-1]
    assert body["reasoning"] == {"effort": "none"}
    assert "max_output_tokens" not in body


@pytest.mark.parametrize("level", EFFORTS)
def test_every_level_is_sent_by_its_name(served: Served, opened: Open, level: str) -> None:
    ask(opened(), effort=level)
    assert served.bodies("/responses")[-1]["reasoning"]["effort"] == level


def test_thinking_that_is_not_shown_is_said_to_be_hidden(served: Served, opened: Open) -> None:
    backend = opened()
    says(served, Reply(response(reasoning(encrypted="gAAAA"), ANSWERED, thinking=9)))
    assert (ask(backend).thinking, ask(backend).visibility) == (None, Visibility.ENCRYPTED)
    says(served, Reply(response(ANSWERED, thinking=9)))
    assert (ask(backend).thinking, ask(backend).visibility) == (None, Visibility.HIDDEN)
    says(served, Reply(response(ANSWERED, thinking=0)))
    assert (ask(backend).thinking, ask(backend).visibility) == ("", Visibility.FULL)


def test_a_count_of_nothing_beside_thinking_that_is_shown_is_no_count(served: Served, opened: Open) -> None:
    says(served, Reply(response(reasoning(raw="six sevens"), ANSWERED, thinking=0, answer=9)))
    came = ask(opened())
    assert (came.thinking, came.visibility) == ("six sevens", Visibility.FULL)
    assert (came.usage.thinking_tokens, came.usage.source, came.usage.generated_tokens) == (None, "unknown", 9)


def test_only_the_final_answer_is_the_answer(served: Served, opened: Open) -> None:
    on_the_way = message(text("Let me compute."), phase="commentary")
    says(served, Reply(response(on_the_way, message(text("4"), text("2"), phase="final_answer"))))
    assert ask(opened()).text == "42"


def test_a_refusal_is_the_models_and_a_filter_is_not(served: Served, opened: Open) -> None:
    backend = opened()
    says(served, Reply(response(message(refused("I can't help with that.")))))
    came = ask(backend)
    assert (came.stop, came.text) == (Stop.REFUSAL, "")
    filtered = response(status="incomplete", incomplete_details={"reason": "content_filter"})
    says(served, Reply(filtered))
    fault = failure(backend)
    assert "filter" in str(fault)
    assert (fault.is_retryable, fault.is_fatal) == (False, False)


def test_a_bound_reached_while_thinking_is_length_with_no_answer(served: Served, opened: Open) -> None:
    cut = response(
        reasoning("Hm."), thinking=64, answer=0, status="incomplete", incomplete_details={"reason": "max_output_tokens"}
    )
    says(served, Reply(cut))
    came = ask(opened(), 64)
    assert (came.stop, came.text, came.usage.thinking_tokens) == (Stop.LENGTH, "", 64)


def test_a_response_without_any_text_is_the_models(served: Served, opened: Open) -> None:
    says(served, Reply(response()))
    assert (ask(opened()).text, ask(opened()).stop) == ("", Stop.EOS)


@pytest.mark.parametrize(
    ("code", "is_retryable"),
    [("server_error", True), ("rate_limit_exceeded", True), ("invalid_prompt", False), ("bio_policy", False)],
)
def test_a_failed_response_is_no_answer(served: Served, opened: Open, code: str, is_retryable: bool) -> None:
    half = message(text("4"))
    says(served, Reply(response(half, status="failed", error={"code": code, "message": "It failed."})))
    fault = failure(opened())
    assert (fault.is_retryable, fault.is_fatal) == (is_retryable, False)
    assert code in str(fault)


def test_a_level_that_the_model_lacks_is_named_with_those_it_has(served: Served, opened: Open) -> None:
    said = (
        "Unsupported value: 'minimal' is not supported with the 'gpt-5.1' model. Supported values are: 'none', 'low', "
    )
    says(served, error(400, said + "'medium', and 'high'.", "unsupported_value", "reasoning.effort"))
    fault = failure(opened(), effort="minimal")
    assert str(fault) == "this model has no level of effort 'minimal'; it takes none, low, medium, high"
    assert (fault.is_retryable, fault.is_fatal) == (False, False)


def test_sampling_that_is_refused_stops_the_run(served: Served, opened: Open) -> None:
    said = "Unsupported parameter: 'temperature' is not supported with this model."
    says(served, error(400, said, "unsupported_parameter", "temperature"))
    backend = opened()
    with pytest.raises(BackendError, match="leave temperature, top_p, top_k and min_p out of the study") as caught:
        asyncio.run(backend.generate(Request(Chat(QUESTION), 0, Sampling(0.7))))
    assert caught.value.is_fatal
    assert served.bodies("/responses")[-1]["temperature"] == 0.7


UNVERIFIED = (400, "Your organization must be verified to generate reasoning summaries.", "unsupported_value")


def test_summaries_that_are_refused_are_done_without_where_nobody_asked(served: Served, opened: Open) -> None:
    def say(path: str, body: dict[str, Any]) -> Reply:
        if "summary" in body.get("reasoning", {}):
            return error(*UNVERIFIED, param="reasoning.summary")
        return Reply(response(ANSWERED, thinking=9))

    served.say = say
    fault = failure(opened(summary="auto"))
    assert "reasoning.summary" in str(fault)
    assert not fault.is_retryable
    backend = opened(summary="")
    backend._speech.summary = "auto"  # as at OpenAI, where it is the default
    assert ask(backend, effort="low").visibility is Visibility.HIDDEN
    assert served.bodies("/responses")[-1]["reasoning"] == {"effort": "low"}
    n_asked = len(served.heard)
    ask(backend)
    assert len(served.heard) == n_asked + 1


@pytest.mark.parametrize(
    ("reply", "is_retryable", "is_fatal", "words"),
    [
        (error(401, "Incorrect API key provided", "invalid_api_key"), False, True, "OPENAI_API_KEY"),
        (error(403, "Project does not have access"), False, True, "key"),
        (error(404, "The model does not exist", "model_not_found"), False, True, "check address and name"),
        (error(400, "Too long.", "context_length_exceeded"), False, False, "Too long."),
        (error(422, "No."), False, False, "refused"),
        (error(429, "Slow down.", "rate_limit_exceeded", retry_after="3"), True, False, "429"),
        (error(429, "You exceeded your quota", "insufficient_quota"), False, True, "credit"),
        (error(500, "Oops."), True, False, "500"),
        (error(503, "Busy."), True, False, "503"),
        (Reply(raw=b"<html>Bad gateway", status=502, kind="text/html"), True, False, "502"),
        (Reply(raw=b"<html>Log in</html>", kind="text/html"), True, False, "no JSON"),
        (Reply(raw=b'{"object": "resp'), True, False, "no JSON"),
        (Reply(raw=b'{"object": "response"}'), True, False, "output"),
        (Reply(raw=b"", events=[]), True, False, ""),
    ],
)
def test_what_is_no_answer_says_whose_fault_it_is(
    served: Served, opened: Open, reply: Reply, is_retryable: bool, is_fatal: bool, words: str
) -> None:
    says(served, reply)
    fault = failure(opened())
    assert (fault.is_retryable, fault.is_fatal) == (is_retryable, is_fatal)
    assert words in str(fault)
    assert fault.retry_after_s == (3 if "retry-after" in reply.headers else None)
    assert len(served.bodies("/responses")) == 1  # the client itself does not retry


def test_a_stream_that_breaks_off_is_no_answer(served: Served) -> None:
    whole = ours.streamed(response(message(text("42")), thinking=3))
    backend = open_backend("gpt-5.1", base_url=served.url, api="responses")
    for n in range(len(whole)):
        says(served, Reply(events=whole[:n]))
        assert failure(backend).is_retryable
    said = {"type": "error", "code": "server_error", "message": "It broke.", "param": None, "sequence_number": 3}
    says(served, Reply(events=[*whole[:3], said]))
    assert "It broke." in str(failure(backend))
    empty = {**whole[-1], "response": {**whole[-1]["response"], "output": []}}
    says(served, Reply(events=[*whole[:-1], empty]))
    assert ask(backend).text == "42"  # of the items that were done before
    says(served, Reply(events=[event for event in whole for _ in range(2)]))
    assert ask(backend).text == "42"
    asyncio.run(backend.aclose())


def test_an_answer_that_its_end_does_not_hold_is_no_answer(served: Served) -> None:
    backend = open_backend("gpt-5.1", base_url=served.url, api="responses")
    *_, end = ours.streamed(response())
    delta = {"type": "response.output_text.delta", "delta": "42"}
    cut = ours.streamed(response({**ANSWERED, "status": "incomplete"}))
    for events in ([delta, end], cut):
        says(served, Reply(events=events))
        assert failure(backend).is_retryable
    empty = b"data:\n\ndata: " + json.dumps(ours.streamed(response(ANSWERED))[-1]).encode() + b"\n\n"
    says(served, Reply(raw=empty, kind="text/event-stream"))
    assert ask(backend).text == "42"  # after an empty event
    asyncio.run(backend.aclose())


def test_what_this_interface_has_no_word_for_is_refused(opened: Open) -> None:
    backend = opened()
    for request, words in (
        (Request(Continuation(text="a"), 5), "takes messages"),
        (Request(Chat(QUESTION, budget_tokens=64), 5), "takes no token budgets"),
        (Request(Chat(QUESTION, budget_tokens=0), 5), "cannot turn thinking off"),
        (Request(Chat(QUESTION, prefix="So"), 5), "prefix"),
        (Request(Chat(QUESTION), 5, stop=("x",), leaves_sampling=True), "stop texts"),
        (Request(Chat(QUESTION), 5, Sampling(1.0, top_k=5)), "top_k"),
    ):
        with pytest.raises(BackendError, match=words) as caught:
            asyncio.run(backend.generate(request))
        assert (caught.value.is_retryable, caught.value.is_fatal) == (False, False)


def test_a_request_that_is_given_up_is_hung_up_and_the_next_one_works(served: Served, opened: Open) -> None:
    backend = opened()
    says(served, Reply(response(ANSWERED), wait_s=1.5), Reply(response(ANSWERED)))

    async def give_up() -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await backend.generate(Request(Chat(QUESTION), 0, leaves_sampling=True))
        assert (await backend.generate(Request(Chat(QUESTION), 0, leaves_sampling=True))).text == "42"

    asyncio.run(give_up())


def test_nobody_hears_the_key(
    served: Served, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.DEBUG)
    backend = open_backend("gpt-5.1", base_url=served.url, api="responses")
    ask(backend)
    assert served.heard[-1][2]["authorization"] == f"Bearer {KEY}"
    says(served, error(400, f"Your key {KEY} is odd.", "odd", KEY), error(500, f"{KEY}"))
    shown = [repr(backend), str(backend.model), str(failure(backend)), str(failure(backend)), caplog.text]
    asyncio.run(backend.aclose())
    monkeypatch.setenv("OPENAI_API_KEY", KEY + "-wrong")
    with pytest.raises(UsageError, match="the key in OPENAI_API_KEY is not accepted") as caught:
        open_backend("gpt-5.1", base_url=served.url)
    assert KEY not in json.dumps([*shown, str(caught.value), repr(caught.value)])


def test_controls_follow_from_what_the_server_has(opened: Open) -> None:
    assert opened().controls == {Control.EFFORT, Control.PROMPT}
    with_budget = opened(budget_field="thinking_budget_tokens")
    assert with_budget.controls == {Control.EFFORT, Control.PROMPT, Control.NATIVE}
    assert with_budget.model.native is not None
    assert with_budget.tokenizer is None
