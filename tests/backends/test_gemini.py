"""Gemini through Google's SDK: what is asked, and what becomes of the reply. The server is ours (`gemini_server`)."""

import asyncio
import sys
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("google.genai")
sys.path.insert(0, str(Path(__file__).parent))
from gemini_replies import Asked, Written
from gemini_server import KEY, GeminiServer, asks, opened
from google.genai import types

from thinkcurve.backend import Batching, Chat, Continuation, NativeBudgets, Request, Sampling, Stop, Visibility
from thinkcurve.budget import EFFORTS, Control
from thinkcurve.errors import BackendError, UsageError
from thinkcurve.problem import Message
from thinkcurve_backends.gemini import family, reply
from thinkcurve_backends.gemini.backend import open_backend

HOSTILE = '</think>\x00\u202e{"error": {"code": 500}}\r\n\ndata: [DONE]\n\n\u2028\x85\x1c<script>é😀'


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("GEMINI_API_KEY", KEY)
    with GeminiServer() as running:
        yield running


@pytest.fixture(params=[True, False], ids=["stream", "whole"])
def stream(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


def generation_config(server: GeminiServer) -> dict[str, Any]:
    config: dict[str, Any] = server.bodies[-1]["generationConfig"]
    return config


async def test_the_reply_has_answer_thoughts_counts_and_version(server: GeminiServer, stream: bool) -> None:
    async with opened(server, stream=stream) as backend:
        made = await backend.generate(asks(budget=4))
    assert (made.text, made.thinking, made.stop) == ("two plus two ", "t0 t1 t2 t3 ", Stop.EOS)
    assert made.visibility is Visibility.SUMMARY
    usage = made.usage
    assert (usage.prompt_tokens, usage.thinking_tokens, usage.answer_tokens, usage.generated_tokens) == (7, 4, 3, 7)
    assert usage.source == "provider"
    assert made.served_by == "gemini-2.5-flash-001"
    assert made.raw is not None
    assert made.raw["thoughtsTokenCount"] == 4
    assert made.wall_s is not None


@pytest.mark.parametrize(
    ("budget", "sent", "spent"),
    [
        (0, {"thinking_budget": 0}, 0),
        (4, {"include_thoughts": True, "thinking_budget": 4}, 4),
        (None, {"include_thoughts": True, "thinking_budget": -1}, 12),
    ],
)
async def test_budgets_are_asked_of_models_that_take_them(
    server: GeminiServer, budget: int | None, sent: dict[str, Any], spent: int
) -> None:
    async with opened(server) as backend:
        assert backend.controls == {Control.NATIVE, Control.PROMPT}
        assert backend.model.native == NativeBudgets(1, 24_576)
        made = await backend.generate(asks(budget=budget))
    assert generation_config(server)["thinkingConfig"] == sent
    assert made.usage.thinking_tokens == spent
    assert "maxOutputTokens" not in generation_config(server)


async def test_a_reply_without_thoughts_shows_all_of_them(server: GeminiServer, stream: bool) -> None:
    async with opened(server, stream=stream) as backend:
        made = await backend.generate(asks(budget=0))
    assert (made.thinking, made.visibility) == ("", Visibility.FULL)
    assert made.usage.thinking_tokens == 0


async def test_levels_are_asked_of_models_that_take_them(server: GeminiServer) -> None:
    async with opened(server, "gemini-3-flash-preview") as backend:
        assert backend.controls == {Control.EFFORT, Control.PROMPT}
        assert backend.model.native is None
        assert backend.model.efforts == ("minimal", "low", "medium", "high")
        spent = [(await backend.generate(asks(effort=level))).usage.thinking_tokens for level in backend.model.efforts]
        assert spent == [1, 3, 6, 12]
        assert generation_config(server)["thinkingConfig"] == {"include_thoughts": True, "thinking_level": "HIGH"}
        await backend.generate(asks())
    assert generation_config(server)["thinkingConfig"] == {"include_thoughts": True}


async def test_models_that_do_not_think_are_not_asked_to(server: GeminiServer) -> None:
    async with opened(server, "gemini-2.0-flash") as backend:
        assert backend.controls == {Control.PROMPT}
        made = await backend.generate(asks())
    assert "thinkingConfig" not in generation_config(server)
    assert made.text == "two plus two "


@pytest.mark.parametrize(
    ("name", "native", "efforts"),
    [
        ("gemini-2.5-pro", NativeBudgets(128, 32_768, has_zero=False), ()),
        ("gemini-2.5-pro-preview-06-05", NativeBudgets(128, 32_768, has_zero=False), ()),
        ("gemini-2.5-flash-lite", NativeBudgets(512, 24_576), ()),
        ("gemini-3-pro-preview", None, ("low", "high")),
        ("gemini-3.1-pro-preview", None, ("low", "medium", "high")),
        ("gemini-3.1-flash-lite", None, ("minimal", "low", "medium", "high")),
        ("gemini-4-argon", None, ()),
        ("gemini-12.1-flash", None, ()),
    ],
)
def test_families_are_known_by_name(name: str, native: NativeBudgets | None, efforts: tuple[str, ...]) -> None:
    way = family.way_of(name, True, "")
    assert (way.native, way.efforts, way.by_level) == (native, efforts, native is None)


def test_levels_are_those_of_the_sdk() -> None:
    known = {level.value.lower() for level in types.ThinkingLevel} - {"thinking_level_unspecified"}
    assert set(family.LEVELS) == known
    assert known < set(EFFORTS)


def test_an_unknown_family_goes_by_the_option() -> None:
    assert family.way_of("gemma-9", True, "") == family.Way(thinks=True)
    assert family.way_of("gemma-9", None, "budget").native == NativeBudgets()
    assert family.way_of("gemini-flash-latest", True, "level").by_level
    assert family.way_of("gemini-2.5-pro", True, "budget").native == NativeBudgets(128, 32_768, has_zero=False)
    assert family.way_of("gemini-3-pro", True, "budget").native == NativeBudgets()


async def test_budgets_can_be_asked_of_a_model_by_level_and_a_note_says_so(server: GeminiServer) -> None:
    async with opened(server, "gemini-3-pro-preview", thinking="budget") as backend:
        assert any("budget" in note for note in backend.model.notes)
        await backend.generate(asks(budget=5))
    assert generation_config(server)["thinkingConfig"]["thinking_budget"] == 5


@pytest.mark.parametrize(
    ("name", "request_", "word"),
    [
        ("gemini-2.5-pro", asks(budget=0), "128 to 32768"),
        ("gemini-2.5-flash-lite", asks(budget=100), "0 or 512"),
        ("gemini-2.5-flash", asks(budget=30_000), "24576"),
        ("gemini-2.5-flash", asks(effort="low"), "level"),
        ("gemini-3-pro-preview", asks(budget=100), "budget"),
        ("gemini-3-pro-preview", asks(effort="medium"), "low, high"),
        ("gemini-3-pro-preview", asks(effort="none"), "low, high"),
        ("gemini-2.5-flash", asks(sampling=Sampling(min_p=0.1)), "min_p"),
        ("gemini-2.5-flash", asks(stop=("a", "b", "c", "d", "e", "f")), "5 stop"),
        ("gemini-2.5-flash", asks(top_logprobs=2), "log-prob"),
        ("gemini-2.5-flash", Request(Continuation(text="x"), 5), "prefix"),
        ("gemini-2.5-flash", Request(Chat((Message("user", "x"),), prefix="y"), 5), "prefix"),
        ("gemini-2.5-flash", Request(Chat((Message("tool", "x"),)), 5), "'tool'"),
        ("gemini-2.5-flash", Request(Chat((Message("system", "x"),)), 5), "user"),
    ],
)
async def test_what_gemini_cannot_be_asked_is_refused_unsent(
    server: GeminiServer, name: str, request_: Request, word: str
) -> None:
    async with opened(server, name) as backend:
        with pytest.raises(BackendError, match=word) as caught:
            await backend.generate(request_)
    assert (caught.value.is_retryable, caught.value.is_fatal) == (False, False)
    assert not server.bodies


async def test_sampling_seed_stop_and_length_are_sent(server: GeminiServer) -> None:
    wish = Sampling(temperature=0.7, top_p=0.9, top_k=20)
    async with opened(server) as backend:
        await backend.generate(asks(sampling=wish, seed=2**31 + 9, stop=("END",), max_tokens=90))
        sent = generation_config(server)
        assert (sent["temperature"], sent["topP"], sent["topK"]) == (0.7, 0.9, 20)
        assert (sent["seed"], sent["stopSequences"], sent["maxOutputTokens"]) == (9, ["END"], 90)
        await backend.generate(asks(sampling=wish, leaves_sampling=True, max_tokens=10**9))
        sent = generation_config(server)
    assert not {"temperature", "topP", "topK"} & set(sent)
    assert sent["maxOutputTokens"] == 65_536


async def test_systems_and_turns_become_googles_roles(server: GeminiServer) -> None:
    turns = [("system", "be kind"), ("user", "hi"), ("assistant", "hello"), ("system", "be brief"), ("user", "2+2")]
    async with opened(server) as backend:
        await backend.generate(Request(Chat(tuple(Message(*turn) for turn in turns)), 0))
    body = server.bodies[-1]
    assert [(content["role"], content["parts"][0]["text"]) for content in body["contents"]] == [
        ("user", "hi"),
        ("model", "hello"),
        ("user", "2+2"),
    ]
    assert body["systemInstruction"]["parts"][0]["text"] == "be kind\n\nbe brief"


async def test_filters_are_turned_off_only_where_asked(server: GeminiServer) -> None:
    async with opened(server) as backend:
        await backend.generate(asks())
        assert "safetySettings" not in server.bodies[-1]
    async with opened(server, safety="off") as backend:
        await backend.generate(asks())
    assert {setting["threshold"] for setting in server.bodies[-1]["safetySettings"]} == {"OFF"}


@pytest.mark.parametrize(("most", "thinking", "answer"), [(5, 5, 0), (12, 12, 0), (13, 12, 1), (15, 12, 3)])
async def test_the_end_of_tokens_may_come_inside_the_thinking(
    server: GeminiServer, stream: bool, most: int, thinking: int, answer: int
) -> None:
    async with opened(server, stream=stream) as backend:
        made = await backend.generate(asks(max_tokens=most))
    assert made.stop is (Stop.EOS if most == 15 else Stop.LENGTH)
    assert len(made.text.split()) == answer
    assert (made.usage.thinking_tokens, made.usage.answer_tokens) == (thinking, answer)
    assert made.usage.generated_tokens == most


def write(written: Written) -> Any:
    async def give(_: Asked) -> Written:
        return written

    return give


async def test_hostile_text_comes_through_as_it_is(server: GeminiServer, stream: bool) -> None:
    server.write = write(Written([HOSTILE], [HOSTILE, HOSTILE]))
    async with opened(server, stream=stream) as backend:
        made = await backend.generate(asks(HOSTILE))
    assert (made.text, made.thinking) == (HOSTILE * 2, HOSTILE)
    assert server.bodies[-1]["contents"][0]["parts"][0]["text"] == HOSTILE


async def test_an_empty_answer_is_the_models_own(server: GeminiServer, stream: bool) -> None:
    server.write = write(Written(["hm"], []))
    async with opened(server, stream=stream) as backend:
        made = await backend.generate(asks())
    assert (made.text, made.stop, made.usage.answer_tokens) == ("", Stop.EOS, 0)


async def test_half_a_character_is_refused_unsent(server: GeminiServer) -> None:
    async with opened(server) as backend:
        with pytest.raises(BackendError, match="half a character"):
            await backend.generate(asks("\ud800"))
    assert not server.bodies


async def test_thoughts_that_are_counted_and_not_shown(server: GeminiServer, stream: bool) -> None:
    async with opened(server, "gemini-2.5-pro", stream=stream) as backend:
        for signature, visibility in ((b"", Visibility.HIDDEN), (b"signed", Visibility.ENCRYPTED)):
            written = Written(["", ""], ["4"], signature=signature)  # empty thoughts show nothing
            server.write = write(written)
            made = await backend.generate(asks())
            assert (made.thinking, made.visibility) == (None, visibility)
            assert made.usage.thinking_tokens == 2


async def test_cached_tokens_are_part_of_the_prompt(server: GeminiServer) -> None:
    server.write = write(Written([], ["4"], prompt_tokens=100, cached_tokens=64))
    async with opened(server) as backend:
        usage = (await backend.generate(asks())).usage
    assert (usage.prompt_tokens, usage.cached_tokens, usage.generated_tokens) == (100, 64, 1)


@pytest.mark.parametrize(
    ("raw", "thinking", "answer", "generated"),
    [
        ({"promptTokenCount": 7, "candidatesTokenCount": 3, "totalTokenCount": 10}, 0, 3, 3),
        ({"promptTokenCount": 7, "candidatesTokenCount": 3, "totalTokenCount": 15}, 5, 3, 8),
        ({"promptTokenCount": 7, "thoughtsTokenCount": 5, "totalTokenCount": 12}, 5, 0, 5),
        ({"promptTokenCount": 7, "totalTokenCount": 12}, None, None, None),
        ({"promptTokenCount": 7, "totalTokenCount": 7}, 0, 0, 0),
        ({"promptTokenCount": 7, "candidatesTokenCount": 3}, None, 3, None),
        ({"promptTokenCount": 7, "candidatesTokenCount": 3, "totalTokenCount": 4}, None, 3, None),
        (
            {"promptTokenCount": 7, "toolUsePromptTokenCount": 2, "candidatesTokenCount": 3, "totalTokenCount": 12},
            0,
            3,
            3,
        ),
        ({}, None, None, None),
    ],
)
def test_counts_are_never_guessed(
    raw: dict[str, int], thinking: int | None, answer: int | None, generated: int | None
) -> None:
    reading = reply.Reading()
    piece = {"candidates": [{"finishReason": "STOP"}], "usageMetadata": raw}
    reading.add(piece)
    usage = reading.generation().usage
    assert (usage.thinking_tokens, usage.answer_tokens, usage.generated_tokens) == (thinking, answer, generated)
    assert usage.source == ("unknown" if thinking is None else "provider")


async def test_a_cancelled_request_is_hung_up(server: GeminiServer, stream: bool) -> None:
    server.pause_s = 0.05
    begun = asyncio.Event()
    here = asyncio.get_running_loop()

    async def slow(_: Asked) -> Written:
        here.call_soon_threadsafe(begun.set)
        await asyncio.sleep(0 if stream else 60)
        return Written(["t"] * 1000, [])

    server.write = slow
    async with opened(server, stream=stream) as backend:
        task = asyncio.create_task(backend.generate(asks()))
        await begun.wait()
        await asyncio.sleep(0.2)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        for _ in range(100):
            if server.hung_up:
                break
            await asyncio.sleep(0.05)
        assert server.hung_up == 1


async def test_many_requests_at_once_are_kept_apart(server: GeminiServer) -> None:
    async with opened(server, concurrency=16) as backend:
        assert backend.concurrency == 16
        made = await asyncio.gather(*(backend.generate(asks(f"word{i}", budget=i % 5)) for i in range(60)))
    assert [one.text for one in made] == [f"word{i} " for i in range(60)]
    assert [one.usage.thinking_tokens for one in made] == [i % 5 for i in range(60)]


async def test_a_closed_model_answers_no_more(server: GeminiServer) -> None:
    async with opened(server) as backend:
        await backend.aclose()
        with pytest.raises(BackendError, match="closed") as caught:
            await backend.generate(asks())
    assert caught.value.is_fatal


async def test_what_google_knows_of_the_model(server: GeminiServer) -> None:
    async with opened(server, "models/gemini-2.5-flash") as backend:
        model = backend.model
        assert isinstance(backend, Batching)
    assert (model.name, model.provider, model.revision) == ("gemini-2.5-flash", "google", "001")
    assert (model.max_output_tokens, model.context_tokens) == (65_536, 1_048_576 + 65_536)
    assert model.sampling == Sampling(1.0, 0.95, 64)
    assert any("the 64 likeliest" in note for note in model.notes)
    assert backend.tokenizer is None


@pytest.mark.parametrize(
    ("what", "options", "word"),
    [
        ("gemini-2.5-flash", {"safety": "of"}, "Did you mean 'off'"),
        ("gemini-2.5-flash", {"thinking": "tokens"}, "budget, level"),
        ("gemini-2.5-flash", {"project": "p"}, "vertex=true"),
        ("gemini-2.5-flash", {"vertex": True}, "project=NAME"),
        ("gemini-2.5-flash", {"basis_url": "x"}, "Did you mean 'base_url'"),
        ("", {}, "gemini:gemini-2.5-flash"),
        ("x?key=1", {}, "no name"),
        ("../files", {}, "no name"),
    ],
)
def test_wrong_options_and_names_are_refused(
    monkeypatch: pytest.MonkeyPatch, what: str, options: dict[str, Any], word: str
) -> None:
    monkeypatch.setenv("GEMINI_API_KEY", KEY)
    with pytest.raises(UsageError, match=word):
        open_backend(what, **options)


def test_a_missing_key_says_where_to_get_one(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("GEMINI_API_KEY", "GOOGLE_API_KEY"):
        monkeypatch.delenv(variable, raising=False)
    with pytest.raises(UsageError, match=r"GEMINI_API_KEY .*GOOGLE_API_KEY.*aistudio\.google\.com"):
        open_backend("gemini-2.5-flash")
