"""Servers that are busy, slow or say little of themselves, and models that they do not list."""

import json
import sys
import time
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from http_expectations import ask, opened
from http_servers import reply, told

from thinkcurve.backend import Chat, Request, Stop
from thinkcurve.budget import Control
from thinkcurve.errors import BackendError, UsageError
from thinkcurve.problem import Message
from thinkcurve_backends.http import detect
from thinkcurve_backends.http.detect import choose
from thinkcurve_backends.http.presets import presets

ASKED = (Message("user", "1+1?"),)
CHAT = "/v1/chat/completions"
MODELS = {"data": [{"id": "m-1"}, {"id": "m-2"}]}


def test_a_server_that_is_busy_is_told_from_one_that_fails() -> None:
    for status, is_busy in ((429, True), (500, False)):
        with told({"/v1/models": MODELS, CHAT: status}) as server, opened(f"{server.address}#m-1") as backend:
            with pytest.raises(BackendError) as caught:
                ask(backend, Request(Chat(ASKED), 5))
            assert (caught.value.is_retryable, caught.value.is_busy) == (True, is_busy)


def test_a_model_that_is_not_listed_is_refused_wherever_there_is_a_list() -> None:
    with told({"/v1/models": MODELS}) as server, opened(f"{server.address}#m-3", expect=UsageError) as error:
        assert "It serves: m-1, m-2" in str(error)
    for kind, name in (("mlx", "other"), ("optillm", "moa-m-1"), ("its_hub", "x"), ("openrouter", "new/m:free")):
        assert choose(kind, MODELS["data"], name, "http://s")["id"] == name
    with pytest.raises(UsageError, match="Did you mean"):
        choose("together", MODELS["data"], "m-l", "http://s")


def test_a_list_of_models_that_fails_is_a_note() -> None:
    with (
        told({"/v1/models": 503, CHAT: reply()}) as server,
        opened(f"{server.address}#m-3", stream=False) as backend,
    ):
        assert "was not checked" in " ".join(backend.model.notes)
        assert ask(backend, Request(Chat(ASKED), 5)).text == "42"


def test_a_look_that_is_not_answered_soon_gives_way_to_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(detect, "LOOK_S", 0.2)

    def slow(body: Any) -> int:
        time.sleep(1)
        return 404

    answers = {"/props": slow, "/version": slow, "/api/version": {"version": "0.40"}, "/v1/models": MODELS}
    started = time.monotonic()
    with told(answers) as server, opened(f"{server.address}#m-1") as backend:
        assert backend.model.engine.startswith("Ollama")
        assert time.monotonic() - started < 2


def test_a_template_that_opens_the_thinking_is_seen_in_what_llama_cpp_renders() -> None:
    answers = {
        "/props": {"default_generation_settings": {"n_ctx": 99}},
        "/apply-template": {"prompt": "user: 1+1?\nassistant: <think>\n"},
        "/v1/models": {"data": [{"id": "m-1"}]},
        CHAT: reply("2+2 so", finish_reason="length"),
    }
    with told(answers) as server, opened(server.address, api="chat", stream=False) as backend:
        made = ask(backend, Request(Chat(ASKED), 5))
        assert (made.text, made.thinking, made.stop) == ("", "2+2 so", Stop.LENGTH)


def test_lm_studio_has_levels_only_where_a_user_says_so() -> None:
    assert not presets()["lmstudio"].dialect.effort
    answers = {"/api/v0/models": {"data": []}, "/v1/models": MODELS, CHAT: reply()}
    with told(answers) as server:
        with opened(f"{server.address}#m-1") as backend:
            assert Control.EFFORT not in backend.controls
        with opened(f"{server.address}#m-1", effort_field="reasoning_effort", stream=False) as backend:
            ask(backend, Request(Chat(ASKED, effort="low"), 5))
            assert json.dumps(server.bodies(CHAT)[-1]).count("low") == 1


def test_budget_zero_that_is_not_kept_is_said() -> None:
    answers = {"/v1/models": MODELS, CHAT: reply(message={"reasoning": "hm"})}
    options = {"server": "vllm", "api": "chat", "stream": False}
    with (
        told(answers) as server,
        opened(f"{server.address}#m-1", **options) as backend,
        pytest.raises(BackendError, match=r"enable_thinking.* has no effect"),
    ):
        ask(backend, Request(Chat(ASKED, budget_tokens=0), 50))
