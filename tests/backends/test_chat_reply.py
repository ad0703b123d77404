"""What chat endpoints answer, as a generation or as an error; each row is a reply that some server sends."""

import asyncio
import contextlib
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parent))
from http_servers import reply

from thinkcurve.backend import Chat, Generation, Message, Request, Stop, Usage, Visibility
from thinkcurve.errors import BackendError
from thinkcurve_backends.chat import reply as replies
from thinkcurve_backends.chat.body import chat_body
from thinkcurve_backends.chat.dialect import Dialect
from thinkcurve_backends.chat.thinking import Habits, count_thinking, split
from thinkcurve_backends.endpoint.faults import Faults
from thinkcurve_backends.http.presets import presets

PLAIN = Dialect()
TAGS = Dialect(open="<think>", close="</think>")
ASKED = Request(Chat((Message("user", "1+1?"),)), 100)
FAULTS = Faults("http://s", key_variable="", has_key=False, secrets=())


def inside(document: Any) -> BackendError:
    return FAULTS.inside(document, "/chat")


def read_reply(
    document: Any, dialect: Dialect, request: Request | None = None, habits: Habits | None = None
) -> Generation:
    return replies.read_reply(document, dialect, request, fault=inside, habits=habits)


def stream(*events: Any, dialect: Dialect = PLAIN, request: Request | None = None) -> Generation:
    async def send() -> AsyncIterator[Any]:
        for event in events:
            yield event

    return asyncio.run(replies.read_stream(send(), dialect, request, fault=inside))


def part(finish: str | None = None, **delta: Any) -> dict[str, Any]:
    return {"model": "m-1", "choices": [{"delta": delta, "finish_reason": finish}]}


def counts(n: int) -> dict[str, Any]:
    return {"choices": [], "usage": {"completion_tokens": n}}


def fault(document: Any, dialect: Dialect = PLAIN) -> BackendError:
    with pytest.raises(BackendError) as caught:
        read_reply(document, dialect)
    return caught.value


def test_a_whole_reply() -> None:
    made = read_reply(
        reply("4", message={"reasoning_content": "2+2"}, usage={"completion_tokens_details": {"reasoning_tokens": 3}}),
        PLAIN,
    )
    assert (made.text, made.thinking, made.stop, made.served_by) == ("4", "2+2", Stop.EOS, "m-1")
    assert made.usage == Usage(10, None, 3, 2, "provider", 5)
    assert made.visibility is Visibility.FULL


def test_a_stream_gives_what_the_whole_reply_gives() -> None:
    usage = reply()["usage"]
    made = stream(
        part(role="assistant", content=""),
        part(reasoning_content="2"),
        part(reasoning_content="+2"),
        part(content="4"),
        part("stop"),
        {"model": "m-1", "choices": [], "usage": usage},
    )
    assert made == read_reply(reply("4", message={"reasoning_content": "2+2"}), PLAIN)


def test_a_lone_document_in_place_of_a_stream_is_read() -> None:
    assert stream(reply("4")) == read_reply(reply("4"), PLAIN)


BROKEN = [
    {}, [], None, "text", {"choices": []}, {"choices": [None]}, {"choices": [{}]},
    {"choices": [{"finish_reason": "stop"}]},
    {"choices": [{"message": {"content": "4"}}]}, {"choices": [{"message": {"content": "4"}, "finish_reason": None}]},
    {"choices": [{"message": None, "finish_reason": "stop"}]},
    {"error": {"message": "overloaded", "code": 529}}, {"error": "no"}, {"choices": [{"error": {"code": 502}}]},
    reply(finish_reason="error"), reply(finish_reason="insufficient_system_resource"),
]  # fmt: skip


@pytest.mark.parametrize("document", BROKEN)
def test_what_is_no_whole_answer_may_be_asked_again(document: Any) -> None:
    assert fault(document).is_retryable


def test_a_stream_without_an_end_is_no_answer() -> None:
    with pytest.raises(BackendError) as caught:
        stream(part(content="4"), {"choices": [], "usage": reply()["usage"]})
    assert caught.value.is_retryable
    with pytest.raises(BackendError, match="after the end"):
        stream(part(content="4"), part("stop"), part(content="2"))


def test_a_stream_that_repeats_itself_is_no_answer() -> None:
    events = [part(content="4"), part(content="2"), part("stop"), counts(2)]
    assert stream(*events).text == "42"
    with pytest.raises(BackendError, match="twice"):
        stream(*(event for event in events for _ in range(2)))
    twice_said = [
        part(content="4"),
        part(content="4"),
        part("stop"),
        {"choices": [], "usage": {"completion_tokens": 2}},
    ]
    assert stream(*twice_said).text == "44"


def test_a_providers_filter_is_not_the_models_refusal() -> None:
    error = fault(reply("", finish_reason="content_filter"))
    assert not error.is_retryable
    assert not error.is_fatal
    assert read_reply(reply("", message={"refusal": "I cannot."}), PLAIN).stop is Stop.REFUSAL


@pytest.mark.parametrize(
    ("code", "retryable", "fatal"), [(429, True, False), ("401", False, True), (400, False, False)]
)
def test_an_error_in_a_good_reply_is_judged_by_its_code(code: Any, retryable: bool, fatal: bool) -> None:
    error = fault({"error": {"code": code, "message": "x"}})
    assert (error.is_retryable, error.is_fatal) == (retryable, fatal)


@pytest.mark.parametrize(
    ("finish", "stop"),
    [
        ("stop", Stop.EOS),
        ("length", Stop.LENGTH),
        ("model_length", Stop.CONTEXT),
        ("tool_calls", Stop.EOS),
        ("STOP", Stop.EOS),
        ("MAX_TOKENS", Stop.LENGTH),
    ],
)
def test_why_it_ended(finish: str, stop: Stop) -> None:
    assert read_reply(reply(finish_reason=finish), PLAIN).stop is stop


def test_an_unknown_end_is_named() -> None:
    assert "'because'" in str(fault(reply(finish_reason="because")))


def test_a_stop_text_is_told_where_the_server_tells() -> None:
    assert read_reply(reply(stop_reason="boxed"), PLAIN).stop is Stop.STOP
    assert read_reply(reply(matched_stop=151645), PLAIN).stop is Stop.EOS


def test_a_full_context_is_told_from_a_reached_limit() -> None:
    short = reply(finish_reason="length")
    assert read_reply(short, PLAIN, ASKED).stop is Stop.CONTEXT
    assert read_reply(short, PLAIN, msgspec.structs.replace(ASKED, max_tokens=5)).stop is Stop.LENGTH
    assert read_reply(short, PLAIN, msgspec.structs.replace(ASKED, max_tokens=0)).stop is Stop.LENGTH


def test_a_length_stop_inside_the_thinking_leaves_no_answer() -> None:
    made = read_reply(reply(None, finish_reason="length", message={"content": None, "reasoning": "2+"}), PLAIN)
    assert (made.text, made.thinking, made.stop) == ("", "2+", Stop.LENGTH)


USAGE = [
    ("openrouter", {"cost": 0.25, "prompt_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 2}},
     Usage(10, 4, None, None, "unknown", 5, 2, 0.25)),
    ("deepseek", {"prompt_cache_hit_tokens": 4, "completion_tokens_details": {"reasoning_tokens": 5}},
     Usage(10, 4, 5, 0, "provider", 5)),
    ("xai", {"completion_tokens": 1, "total_tokens": 15, "completion_tokens_details": {"reasoning_tokens": 4},
             "cost_in_usd_ticks": 5_000_000}, Usage(10, None, 4, 1, "provider", 5, None, 0.0005)),
    ("moonshot", {"cached_tokens": 3}, Usage(10, 3, None, None, "unknown", 5)),
    ("vllm", {"completion_tokens_details": {"reasoning_tokens": 4}}, Usage(10, None, 4, 1, "parser", 5)),
    ("sglang", {"reasoning_tokens": 4}, Usage(10, None, 4, 1, "parser", 5)),
    ("llamacpp", {"prompt_tokens_details": {"cached_tokens": 9}}, Usage(10, 9, None, None, "unknown", 5)),
    ("generic", {"prompt_tokens": "ten", "completion_tokens": -1}, Usage(None, None, None, None, "unknown", None)),
    ("generic", {"prompt_tokens_details": None, "completion_tokens": True}, Usage(10)),
]  # fmt: skip


@pytest.mark.parametrize(("name", "usage", "expected"), USAGE)
def test_usage_in_each_providers_fields(name: str, usage: dict[str, Any], expected: Usage) -> None:
    assert read_reply(reply(usage=usage), presets()[name].dialect).usage == expected


def test_no_usage_is_unknown_and_not_zero() -> None:
    assert read_reply({**reply(), "usage": None}, PLAIN).usage == Usage()


def test_a_count_of_zero_beside_shown_thinking_is_not_believed() -> None:
    usage = {"completion_tokens_details": {"reasoning_tokens": 0}}
    made = read_reply(reply(message={"reasoning": "2+2"}, usage=usage), PLAIN)
    assert (made.usage.thinking_tokens, made.usage.source) == (None, "unknown")
    assert read_reply(reply(usage=usage), PLAIN).usage.thinking_tokens == 0


VISIBLE = [
    ({"reasoning": "so", "reasoning_details": [{"type": "reasoning.summary"}]}, 3, "so", Visibility.SUMMARY),
    ({"reasoning": "so", "reasoning_details": [{"type": "reasoning.text"}]}, 3, "so", Visibility.FULL),
    ({"reasoning_details": [{"type": "reasoning.encrypted", "data": "x"}]}, 3, None, Visibility.ENCRYPTED),
    ({}, 3, None, Visibility.HIDDEN),
    ({}, 0, "", Visibility.FULL),
]


@pytest.mark.parametrize(("message", "n", "thinking", "visibility"), VISIBLE)
def test_how_much_of_the_thinking_is_shown(
    message: dict[str, Any], n: int, thinking: str | None, visibility: Visibility
) -> None:
    usage = {"completion_tokens_details": {"reasoning_tokens": n}}
    made = read_reply(reply(message=message, usage=usage), PLAIN)
    assert (made.thinking, made.visibility) == (thinking, visibility)


def test_mistrals_content_comes_in_parts() -> None:
    content = [
        {"type": "thinking", "thinking": [{"type": "text", "text": "2+2"}]},
        {"type": "text", "text": "4"},
    ]
    made = read_reply(reply(message={"content": content}), presets()["mistral"].dialect)
    assert (made.text, made.thinking) == ("4", "2+2")


SPLITS = [
    ("<think>a</think>b", TAGS, False, ("a", "b")),
    ("<think>\na\n</think>\n\nb", TAGS, False, ("a", "b")),
    ("b", TAGS, False, ("", "b")),
    ("<think>a", TAGS, True, ("a", "")),
    ("a</think>b", TAGS, False, ("a", "b")),
    ("write <think>a</think>", TAGS, False, ("", "write <think>a</think>")),
    ("a</think>b", msgspec.structs.replace(TAGS, opens_unseen=True), False, ("a", "b")),
    ("a", msgspec.structs.replace(TAGS, opens_unseen=True), True, ("a", "")),
    ("b", msgspec.structs.replace(TAGS, opens_unseen=True), False, ("", "b")),
    ("<think>a</think>b", PLAIN, False, ("", "<think>a</think>b")),
]


@pytest.mark.parametrize(("text", "dialect", "is_cut", "expected"), SPLITS)
def test_thinking_in_the_content_is_taken_apart(
    text: str, dialect: Dialect, is_cut: bool, expected: tuple[str, str]
) -> None:
    assert split(text, dialect, is_cut=is_cut) == expected


def test_a_continuation_is_returned_as_it_is() -> None:
    request = Request(Chat(ASKED.prompt.messages, prefix="<think>"), 100)  # type: ignore[union-attr]
    made = read_reply(reply("2+2</think>4"), TAGS, request)
    assert (made.text, made.thinking) == ("2+2</think>4", None)
    with pytest.raises(BackendError, match="takes the thinking out"):
        read_reply(reply("4", message={"reasoning": "2+2"}), TAGS, request)


def test_thinking_is_counted_here_only_where_all_of_it_is_seen_and_nobody_did() -> None:
    shown = read_reply(reply(message={"reasoning": "a b"}), PLAIN)
    counted = count_thinking(shown, lambda text: range(len(text.split())))
    assert (counted.usage.thinking_tokens, counted.usage.answer_tokens, counted.usage.source) == (2, 3, "client")
    for other in (
        read_reply(reply(message={"reasoning": "s", "reasoning_details": [{"type": "reasoning.summary"}]}), PLAIN),
        read_reply(reply(usage={"completion_tokens_details": {"reasoning_tokens": 3}}), PLAIN),
    ):
        assert count_thinking(other, lambda text: range(99)) is other


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["choices", "message", "delta", "content", "usage", "error", "finish_reason", "text", "type"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=20,
)


@given(JSON)
def test_whatever_comes_is_a_generation_or_a_backend_error(document: Any) -> None:
    for dialect in (PLAIN, TAGS):
        with contextlib.suppress(BackendError):
            assert isinstance(read_reply(document, dialect), Generation)


def test_body_and_reply_cost_little() -> None:
    raw = msgspec.json.encode(reply("4" * 200, message={"reasoning_content": "2+2 " * 100}))
    dialect = presets()["openrouter"].dialect

    def once() -> None:
        msgspec.json.encode(chat_body("m", ASKED, dialect))
        read_reply(msgspec.json.decode(raw), dialect, ASKED)

    best = min(_cpu_s(once) for _ in range(20))
    assert best < 0.0003


def _cpu_s(work: Any) -> float:
    started = time.process_time()
    for _ in range(20):
        work()
    return (time.process_time() - started) / 20
