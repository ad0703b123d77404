"""``anthropic:NAME`` by the real SDK, against a server of ours made out of the SDK's types (`anthropic_server`)."""

import asyncio
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("anthropic")
pytest.importorskip("aiohttp")
sys.path.insert(0, str(Path(__file__).parent))
from anthropic_server import ANSWER, KEY, NATURAL_TOKENS, OVERSHOOT, THINKING, Server, serving
from conformance import conforms

from thinkcurve.backend import Chat, Continuation, Generation, Request, Sampling, Stop, Visibility
from thinkcurve.budget import Control
from thinkcurve.errors import BackendError, UsageError
from thinkcurve.problem import Message
from thinkcurve.testing import CHAT_CHECKS, Subject
from thinkcurve_backends.anthropic import client
from thinkcurve_backends.anthropic.abilities import find_abilities
from thinkcurve_backends.anthropic.backend import open_backend

GREEDY = Sampling()
QUESTION = "What is (6 + 4) * 3?"
WARM = Sampling(temperature=0.7)


@pytest.fixture(scope="module")
def running() -> Iterator[Server]:
    with serving() as server:
        yield server


@pytest.fixture
def server(running: Server, monkeypatch: pytest.MonkeyPatch) -> Server:
    monkeypatch.setenv("ANTHROPIC_API_KEY", KEY)
    running.bodies.clear()
    running.headers.clear()
    return running


@pytest.fixture
def subject(server: Server) -> Iterator[Subject]:
    backend = open_backend("both-1", base_url=server.url)
    yield Subject(backend)
    asyncio.run(backend.aclose())


test_conformance = conforms("subject", skipped={"text-continuation"}, checks=(*CHAT_CHECKS[:-1], "batch", "closing"))


def chat(text: str = QUESTION, **more: Any) -> Request:
    given = {name: more.pop(name) for name in ("budget_tokens", "effort", "prefix") if name in more}
    more = {"max_tokens": 4096, "leaves_sampling": True, **more}
    return Request(Chat((Message("user", text),), **given), **more)


def answer(server: Server, name: str, request: Request, **options: Any) -> Generation:
    async def ask() -> Generation:
        backend = open_backend(name, base_url=server.url, **options)
        try:
            return await backend.generate(request)
        finally:
            await backend.aclose()

    return asyncio.run(ask())


def opened(server: Server, name: str, **options: Any) -> Any:
    backend = open_backend(name, base_url=server.url, **options)
    asyncio.run(backend.aclose())
    return backend


def test_controls_are_those_that_the_capabilities_name(server: Server) -> None:
    found = {name: opened(server, name) for name in ("budgeted-1", "both-1", "adaptive-1", "always-1", "plain-1")}
    assert {name: sorted(backend.controls - {Control.PROMPT}) for name, backend in found.items()} == {
        "budgeted-1": [Control.NATIVE],
        "both-1": [Control.EFFORT, Control.NATIVE],
        "adaptive-1": [Control.EFFORT],
        "always-1": [Control.EFFORT],
        "plain-1": [],
    }
    assert all(Control.PROMPT in backend.controls for backend in found.values())


def test_budgets_begin_at_1024_and_end_below_the_most_tokens(server: Server) -> None:
    native = opened(server, "budgeted-1").model.native
    assert (native.least, native.most, native.has_zero) == (1024, 63_999, True)


def test_levels_of_effort_are_the_models_own_and_none_where_thinking_can_be_turned_off(server: Server) -> None:
    assert opened(server, "both-1").model.efforts == ("none", "low", "medium", "high")
    assert opened(server, "always-1").model.efforts == ("low", "medium", "high", "xhigh", "max")


def test_a_model_is_described_for_prices_and_limits(server: Server) -> None:
    model = opened(server, "both-1").model
    assert (model.name, model.fingerprint, model.provider) == ("both-1", "both-1", "anthropic")
    assert (model.max_output_tokens, model.context_tokens, model.is_local) == (64_000, 200_000, False)
    assert model.engine is not None
    assert model.engine.startswith("Anthropic API 20")


def test_a_retired_model_is_refused_and_a_deprecated_one_noted(server: Server) -> None:
    with pytest.raises(UsageError, match="'gone-1' is retired"):
        opened(server, "gone-1")
    assert any("deprecated, to be retired on 2027-01-01" in note for note in opened(server, "old-1").model.notes)


@pytest.mark.parametrize(
    ("name", "more", "thinking"),
    [
        ("budgeted-1", {"budget_tokens": 2048}, {"type": "enabled", "budget_tokens": 2048, "display": "summarized"}),
        ("budgeted-1", {"budget_tokens": 0}, {"type": "disabled"}),
        ("budgeted-1", {}, {"type": "enabled", "budget_tokens": 4095, "display": "summarized"}),
        ("both-1", {}, {"type": "adaptive", "display": "summarized"}),
        ("both-1", {"effort": "low"}, {"type": "adaptive", "display": "summarized"}),
        ("both-1", {"effort": "none"}, {"type": "disabled"}),
        ("adaptive-1", {"budget_tokens": 0}, {"type": "between_tools"}),
        ("plain-1", {}, None),
    ],
)
def test_thinking_is_asked_for_as_the_model_takes_it(
    server: Server, name: str, more: dict[str, Any], thinking: dict[str, Any] | None
) -> None:
    answer(server, name, chat(**more))
    assert server.bodies[-1].get("thinking") == thinking
    assert server.bodies[-1].get("output_config") == ({"effort": "low"} if more.get("effort") == "low" else None)


@pytest.mark.parametrize(
    ("name", "more", "message"),
    [
        ("budgeted-1", {"budget_tokens": 512}, "the budget is 512 tokens .* least that is taken is 1024"),
        ("budgeted-1", {"budget_tokens": 4096}, "a budget of 4096 tokens needs max_tokens above it"),
        ("budgeted-1", {"max_tokens": 900}, "max_tokens 900 leave 899 tokens for thinking"),
        ("budgeted-1", {"effort": "low"}, "budgeted-1 takes no levels of effort"),
        ("both-1", {"effort": "max"}, "no level of effort 'max'; it takes none, low, medium, high"),
        ("adaptive-1", {"budget_tokens": 2048}, "adaptive-1 takes no token budgets"),
        ("always-1", {"budget_tokens": 0}, "the thinking of always-1 cannot be turned off"),
        ("both-1", {"max_tokens": 64_001}, "64001 tokens are asked for; both-1 gives at most 64000"),
        ("both-1", {"prefix": "<think>a"}, "cannot go on inside"),
        ("both-1", {"stop_ids": (1,)}, "neither stop ids"),
        ("both-1", {"thinking_budget": 5}, "neither stop ids nor budgets"),
        ("both-1", {"top_logprobs": 1}, "no log-probabilities"),
    ],
)
def test_what_the_api_has_no_word_for_is_refused_before_it_is_asked(
    server: Server, name: str, more: dict[str, Any], message: str
) -> None:
    with pytest.raises(BackendError, match=message) as caught:
        answer(server, name, chat(**more))
    assert not server.bodies
    assert not caught.value.is_retryable


def test_plain_text_is_refused(server: Server) -> None:
    with pytest.raises(BackendError, match="takes messages"):
        answer(server, "both-1", Request(Continuation(text="a"), max_tokens=5, leaves_sampling=True))


@pytest.mark.parametrize("stream", [True, False])
def test_an_answer_comes_with_summary_usage_and_version(server: Server, stream: bool) -> None:
    found = answer(server, "both-1", chat(budget_tokens=2048), stream=stream)
    assert server.bodies[-1].get("stream", False) is stream
    assert (found.text, found.thinking, found.visibility) == (ANSWER, THINKING, Visibility.SUMMARY)
    assert (found.stop, found.served_by) == (Stop.EOS, "both-1-20261001")
    usage = found.usage
    assert (usage.prompt_tokens, usage.cached_tokens, usage.cache_write_tokens) == (5 + 3 + len(QUESTION.split()), 5, 3)
    assert (usage.thinking_tokens, usage.answer_tokens, usage.source) == (2048 + OVERSHOOT, 9, "provider")
    assert usage.generated_tokens == 2048 + OVERSHOOT + 9
    assert found.raw is not None
    assert found.raw["input_tokens"] == len(QUESTION.split())
    assert found.wall_s is not None
    assert found.wall_s > 0


def test_thinking_that_is_off_is_counted_as_none_and_hides_nothing(server: Server) -> None:
    found = answer(server, "both-1", chat(budget_tokens=0))
    assert (found.thinking, found.visibility, found.usage.thinking_tokens) == ("", Visibility.FULL, 0)


def test_a_model_that_thinks_though_told_not_to_is_found_out(server: Server) -> None:
    with pytest.raises(BackendError, match="was told not to think") as caught:
        answer(server, "both-1", chat("disobedient", budget_tokens=0))
    assert not caught.value.is_retryable


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize(
    ("text", "stop", "shown", "thinking", "answer_text"),
    [
        ("refuse", Stop.REFUSAL, Visibility.HIDDEN, None, ""),
        ("redacted", Stop.EOS, Visibility.ENCRYPTED, None, ANSWER),
        ("cut", Stop.LENGTH, Visibility.SUMMARY, THINKING, ""),
        ("window", Stop.CONTEXT, Visibility.SUMMARY, THINKING, ANSWER),
    ],
)
def test_ends_and_what_is_shown(
    server: Server, stream: bool, text: str, stop: Stop, shown: Visibility, thinking: str | None, answer_text: str
) -> None:
    found = answer(server, "both-1", chat(text), stream=stream)
    assert (found.stop, found.visibility, found.thinking, found.text) == (stop, shown, thinking, answer_text)
    assert found.usage.thinking_tokens == (4096 if text == "cut" else NATURAL_TOKENS)


def test_why_a_model_refused_is_kept(server: Server) -> None:
    raw = answer(server, "both-1", chat("refuse")).raw
    assert raw is not None
    assert raw["stop_details"]["category"] == "cyber"


def test_stop_texts_are_sent_and_known_as_such(server: Server) -> None:
    found = answer(server, "both-1", chat(stop=("\n\n", "Q:")))
    assert server.bodies[-1]["stop_sequences"] == ["\n\n", "Q:"]
    assert found.stop is Stop.STOP


def test_instructions_stand_beside_the_messages(server: Server) -> None:
    turns = (Message("system", "Be brief."), Message("user", "a"), Message("assistant", "b"), Message("user", "c"))
    answer(server, "both-1", Request(Chat(turns), max_tokens=4096, leaves_sampling=True))
    assert server.bodies[-1]["system"] == "Be brief."
    assert [turn["role"] for turn in server.bodies[-1]["messages"]] == ["user", "assistant", "user"]


def test_without_a_limit_the_models_own_most_is_asked_for(server: Server) -> None:
    answer(server, "adaptive-1", chat(max_tokens=0))
    assert server.bodies[-1]["max_tokens"] == 128_000
    answer(server, "adaptive-1", chat(max_tokens=0), max_tokens=5000)
    assert server.bodies[-1]["max_tokens"] == 5000


@pytest.mark.parametrize("sampling", [GREEDY, WARM, Sampling(1.0, top_p=0.9), Sampling(1.0, top_k=40)])
def test_sampling_is_refused_with_a_remedy_where_the_api_takes_none(server: Server, sampling: Sampling) -> None:
    with pytest.raises(BackendError, match=r"Anthropic cannot be told .* leave sampling to the provider") as caught:
        answer(server, "both-1", chat(leaves_sampling=False, sampling=sampling))
    assert caught.value.is_fatal


def test_sampling_that_changes_nothing_needs_no_word(server: Server) -> None:
    answer(server, "both-1", chat(leaves_sampling=False, sampling=Sampling(1.0)))
    assert "temperature" not in server.bodies[-1]


def test_an_older_version_of_the_api_takes_a_temperature_of_a_model_that_does_not_think(server: Server) -> None:
    off = chat(leaves_sampling=False, sampling=WARM, budget_tokens=0)
    answer(server, "budgeted-1", off, api_version="2023-06-01")
    assert server.bodies[-1]["temperature"] == 0.7
    assert server.headers[-1]["anthropic-version"] == "2023-06-01"
    with pytest.raises(BackendError, match=r"temperature 0\.7: a model that thinks does not take it"):
        answer(server, "budgeted-1", chat(leaves_sampling=False, sampling=WARM), api_version="2023-06-01")


def test_options_reach_body_and_headers(server: Server) -> None:
    answer(server, "both-1", chat(), betas="one-2026-01-01, two-2026-02-02", cache=True, extra_body='{"speed": "fast"}')
    assert server.bodies[-1]["cache_control"] == {"type": "ephemeral"}
    assert server.bodies[-1]["speed"] == "fast"
    assert server.headers[-1]["anthropic-beta"] == "one-2026-01-01,two-2026-02-02"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"extra_body": "{"}, "option extra_body of anthropic is no JSON"),
        ({"extra_body": "[1]"}, "must be a JSON object"),
        ({"extra_body": '{"thinking": {}}'}, "holds 'thinking', which each request says by itself"),
        ({"betas": "a b"}, "option betas of anthropic is 'a b'"),
        ({"max_token": 5}, "Did you mean 'max_tokens'"),
        ({"tokenizer": "somewhere"}, "Anthropic counts the thinking of its models itself"),
    ],
)
def test_options_are_checked_at_opening(server: Server, options: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        opened(server, "both-1", **options)


def test_no_name_is_refused() -> None:
    with pytest.raises(UsageError, match="anthropic:NAME"):
        open_backend("")


def test_without_a_key_the_remedy_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "ANTHROPIC_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(UsageError, match="set ANTHROPIC_API_KEY"):
        open_backend("claude-haiku-4-5")


def test_the_address_may_come_from_the_environment_with_its_version(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANTHROPIC_BASE_URL", f"{server.url}/v1/")
    backend = open_backend("both-1")
    asyncio.run(backend.aclose())
    assert backend.model.name == "both-1"


def test_a_gateway_that_describes_no_models_is_taken_for_anthropic_by_the_name() -> None:
    class Nothing:
        async def look(self, path: str) -> bytes | None:
            return b"{}" if path.endswith("/claude-new") else None

    can = asyncio.run(find_abilities(Nothing(), "https://gateway.example", "claude-haiku-4-5", "2026-10-21"))
    assert (can.is_own, can.least, can.shows) == (True, 1024, Visibility.SUMMARY)
    assert "is not known" in can.notes[0]
    other = asyncio.run(find_abilities(Nothing(), "https://gateway.example", "qwen", "2026-10-21"))
    assert (other.is_own, other.shows) == (False, Visibility.FULL)
    new = asyncio.run(find_abilities(Nothing(), "https://api.anthropic.com", "claude-new", "2026-10-21"))
    assert "is not known" in new.notes[0]
    with pytest.raises(UsageError, match="Anthropic has no model 'claude-9' for this key"):
        asyncio.run(find_abilities(Nothing(), "https://api.anthropic.com", "claude-9", "2026-10-21"))


def test_a_missing_or_old_sdk_is_said_with_the_line_that_mends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "anthropic._constants", None)
    with pytest.raises(UsageError, match=r'anthropic 2\.\d+\.\d+ is too old .* pip install -U "thinkcurve\[apis\]"'):
        open_backend("claude-haiku-4-5")

    def missing(name: str) -> str:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(client, "version", missing)
    with pytest.raises(UsageError, match=r'needs the SDK of Anthropic: pip install "thinkcurve\[apis\]"'):
        open_backend("claude-haiku-4-5")
