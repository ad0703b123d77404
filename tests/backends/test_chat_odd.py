"""Odd replies of chat endpoints: counted wrong, sent twice, thought unseen, or thought although it was turned off."""

import asyncio
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

sys.path.insert(0, str(Path(__file__).parent))
from http_servers import reply

from thinkcurve.backend import Chat, Generation, Request, Stop, Usage, Visibility
from thinkcurve.errors import BackendError
from thinkcurve.problem import Message
from thinkcurve_backends.chat.dialect import Dialect
from thinkcurve_backends.chat.reply import read_reply, read_stream
from thinkcurve_backends.chat.thinking import Habits, count_thinking
from thinkcurve_backends.chat.usage import count, merged
from thinkcurve_backends.endpoint.api import Api
from thinkcurve_backends.http.presets import presets

KEY = "sk-secret-123456"
PLAIN = Dialect()
TAGS = Dialect(open="<think>", close="</think>", off={"think": False})
ASKED = Request(Chat((Message("user", "1+1?"),)), 100)
OFF = Request(Chat((Message("user", "1+1?"),), budget_tokens=0), 100)


def inside(document: Any) -> BackendError:
    api = Api("http://127.0.0.1:9", headers={"authorization": f"Bearer {KEY}"}, key_variable="MY_KEY")
    try:
        return api.fault_inside(document, "/chat")
    finally:
        api.close()


def whole(
    document: Any, dialect: Dialect = PLAIN, request: Request = ASKED, habits: Habits | None = None
) -> Generation:
    return read_reply(document, dialect, request, fault=inside, habits=habits)


def stream(*events: Any) -> Generation:
    async def send() -> AsyncIterator[Any]:
        for event in events:
            yield event

    return asyncio.run(read_stream(send(), PLAIN, ASKED, fault=inside))


def part(finish: str | None = None, index: int | None = 0, **delta: Any) -> dict[str, Any]:
    return {"choices": [{"index": index, "delta": delta, "finish_reason": finish}]}


def usage(**counts: Any) -> dict[str, Any]:
    return {"choices": [], "usage": counts}


def broken(*events: Any) -> str:
    with pytest.raises(BackendError) as caught:
        stream(*events)
    assert caught.value.is_retryable
    return str(caught.value)


def test_an_error_in_a_stream_is_judged_by_its_name_and_says_no_key() -> None:
    with pytest.raises(BackendError, match="MY_KEY") as caught:
        stream(part(content="4"), {"error": {"message": f"bad key {KEY}", "code": "invalid_api_key"}})
    assert (caught.value.is_fatal, caught.value.is_retryable) == (True, False)
    assert KEY not in repr(caught.value)
    with pytest.raises(BackendError) as caught:
        stream(part(content="4"), {"error": {"code": "rate_limit_exceeded"}})
    assert caught.value.is_busy


@pytest.mark.parametrize(
    ("value", "expected"),
    [(0, 0), (7, 7), (7.0, 7), (7.5, None), (-1, None), (10**30, None), (1e30, None), (True, None), ("7", None),
     (float("nan"), None), (float("inf"), None)],
)  # fmt: skip
def test_a_count_that_cannot_be_meant_is_none(value: Any, expected: int | None) -> None:
    assert count(value) == expected


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({"completion_tokens_details": {"reasoning_tokens": 500}}, Usage(10, None, 500, None, "provider", None)),
        ({"prompt_tokens_details": {"cached_tokens": 500}}, Usage(10, None, None, None, "unknown", 5)),
        ({"completion_tokens": 0}, Usage(10)),
    ],
)
def test_counts_that_contradict_each_other_are_unknown(said: dict[str, Any], expected: Usage) -> None:
    assert whole(reply(usage=said)).usage == expected


def test_usage_in_several_chunks_is_one_and_no_zero_undoes_it() -> None:
    made = stream(
        {**part(content="42"), "usage": {"prompt_tokens": 10, "completion_tokens": 5}},
        part("stop"),
        usage(prompt_tokens=0, completion_tokens=None, completion_tokens_details={"reasoning_tokens": 2}),
    )
    assert made.usage == Usage(10, None, 2, 3, "provider", 5)
    assert merged({"a": 1}, {"a": 2, "b": 0}) == {"a": 2, "b": 0}


def test_nothing_shown_and_nothing_counted_is_hidden_until_thinking_was_shown() -> None:
    habits = Habits()
    hidden = whole(reply(), habits=habits)
    assert (hidden.thinking, hidden.visibility, hidden.usage.thinking_tokens) == (None, Visibility.HIDDEN, None)
    assert count_thinking(hidden, lambda text: [1]) is hidden
    assert whole(reply(), request=OFF).thinking == ""
    whole(reply(message={"reasoning": "2+2"}), habits=habits)
    assert (whole(reply(), habits=habits).thinking, whole(reply(), habits=habits).visibility) == ("", Visibility.FULL)
    assert whole(reply(), presets()["xai"].dialect, habits=habits).visibility is Visibility.HIDDEN


def test_a_text_far_shorter_than_what_was_generated_leaves_the_thinking_unknown() -> None:
    made = whole(reply(usage={"completion_tokens": 400}), habits=Habits(shows=True))
    counted = count_thinking(made, lambda text: range(300))
    assert (counted.thinking, counted.visibility, counted.usage.thinking_tokens) == (None, Visibility.HIDDEN, None)
    assert count_thinking(made, lambda text: range(395)).usage.thinking_tokens == 0


def test_a_second_end_that_is_another_is_no_answer() -> None:
    assert "two ends" in broken(part(content="42"), part("length"), part("stop"))
    assert stream(part(content="42"), part("stop"), part("stop")).text == "42"


def test_choices_that_nobody_asked_for_are_left_out() -> None:
    assert stream(part(index=1, content="X"), part(index=None, content="42"), part("stop")).text == "42"
    assert "no end" in broken(part(content="42"), part("stop", index=1))


def test_a_long_chunk_that_comes_twice_in_a_row_is_no_answer() -> None:
    assert "twice" in broken(part(content="The answer is 4"), part(content="The answer is 4"), part("stop"))
    assert stream(part(content="ha"), part(content="ha"), part("stop")).text == "haha"


@pytest.mark.parametrize(
    "more",
    [
        {"message": {"reasoning": "2+2"}},
        {"usage": {"completion_tokens": 500, "completion_tokens_details": {"reasoning_tokens": 300}}},
    ],
)
def test_thinking_although_it_was_turned_off_is_said_with_the_parameter_that_did_nothing(more: dict[str, Any]) -> None:
    with pytest.raises(BackendError, match=r'budget 0.*\{"think": false\} has no effect') as caught:
        whole(reply(**more), TAGS, OFF)
    assert (caught.value.is_retryable, caught.value.is_fatal) == (False, False)


def test_a_cut_reply_is_thinking_once_replies_closed_what_they_had_not_opened() -> None:
    habits, cut = Habits(), reply("2+2 so \\boxed{5} but", finish_reason="length")
    assert whole(cut, TAGS, habits=habits).text.startswith("2+2")
    assert whole(reply("2+2</think>4"), TAGS, habits=habits).text == "4"
    made = whole(cut, TAGS, msgspec.structs.replace(ASKED, max_tokens=5), habits)
    assert (made.text, made.thinking, made.stop) == ("", "2+2 so \\boxed{5} but", Stop.LENGTH)
    assert whole(cut, TAGS, OFF, habits).text.startswith("2+2")
