"""A real ``vllm serve`` as an OpenAI-compatible server: its chat, text that is gone on with, and the curve by ids.

Slow, and only where ``THINKCURVE_VLLM`` names the Python of an environment with vLLM (`vllm_environment.md`).
"""

import asyncio
import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
import checkpoints
from http_expectations import (
    ASKED,
    THINKING,
    ask,
    assert_chat,
    assert_continues,
    assert_hangs_up,
    assert_stops,
    opened,
)
from test_http_curve import attempts_of, by_problem
from vllm_real import BUDGETS, COUNTS, needs_vllm, serving

from thinkcurve.backend import Chat, Request
from thinkcurve.budget import Control
from thinkcurve.errors import UsageError
from thinkcurve_backends.http.backend import open_backend
from thinkcurve_backends.llamacpp.backend import open_backend as open_llamacpp
from thinkcurve_backends.vllm.backend import Vllm

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # transformers, and the bindings of llama.cpp
]
PARSER = ("--reasoning-parser", "deepseek_r1")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    needs_vllm()
    return checkpoints.tiny_folder(tmp_path_factory.mktemp("model") / "tiny")


@pytest.fixture(scope="module")
def address(folder: Path) -> Iterator[str]:
    with serving(folder, *BUDGETS, *COUNTS, *PARSER) as (url, _):
        yield url


def test_what_answers_is_seen(address: str) -> None:
    with opened(f"{address}/v1#tiny", api="chat") as backend:
        assert backend.model.engine.startswith("vLLM 0.")
        assert backend.model.context_tokens == 1024
        assert {Control.NATIVE, Control.EFFORT, Control.PROMPT} == backend.controls
        assert "takes no notice of levels of effort" in " ".join(backend.model.notes)
    with opened(f"{address}/v1#other", api="chat", expect=UsageError) as error:
        assert "It serves: tiny" in str(error)


@pytest.mark.parametrize("stream", [True, False])
def test_chat(address: str, stream: bool) -> None:
    with opened(address, api="chat", stream=stream) as backend:
        assert_chat(backend)
        assert_stops(backend)  # with this parser a streamed reply would be garbled, and is not streamed


def test_hanging_up_frees_the_server(address: str) -> None:
    with opened(address, api="chat") as backend:
        asyncio.run(assert_hangs_up(backend))


@pytest.mark.parametrize("budget", [0, 1, 5])
def test_a_budget_is_kept(address: str, folder: Path, budget: int) -> None:
    with opened(address, api="chat", tokenizer=str(folder)) as backend:
        made = ask(backend, Request(Chat(ASKED, budget_tokens=budget), 200))
    assert made.usage.thinking_tokens == budget
    assert THINKING.startswith(made.thinking or "")


def test_a_false_count_of_thinking_is_not_passed_on(address: str) -> None:
    with opened(address, api="chat") as backend:
        made = ask(backend, Request(Chat(ASKED), 200))
    assert made.thinking == THINKING
    assert made.raw is not None
    if made.raw["completion_tokens_details"]["reasoning_tokens"] == 0:  # vLLM 0.32, where the template opens it
        assert (made.usage.thinking_tokens, made.usage.source) == (None, "unknown")
    else:
        assert (made.usage.thinking_tokens, made.usage.source) == (14, "parser")


@pytest.mark.parametrize("is_rendered_here", [True, False])
def test_text_is_gone_on_with(address: str, folder: Path, is_rendered_here: bool) -> None:
    options = {"checkpoint": str(folder)} if is_rendered_here else {}
    with opened(address, api="completions", **options) as backend:
        assert_continues(backend)


def test_the_curve_by_ids_is_the_one_in_process(address: str, tmp_path: Path) -> None:
    if importlib.util.find_spec("xllamacpp") is None:
        pytest.skip("the package xllamacpp is not installed")
    backend = open_backend(f"{address}/v1#tiny", concurrency=8)
    assert isinstance(backend, Vllm)
    served = attempts_of(backend, tmp_path / "served")
    own = open_llamacpp(str(checkpoints.TINY_GGUF), slots=4, threads=1, context_tokens=1024)
    in_process = attempts_of(own, tmp_path / "in_process")
    columns = ("answer_ids", "answer", "thinking_tokens", "verdict", "ending")
    assert by_problem(served, *columns) == by_problem(in_process, *columns)


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    needs_vllm()
    folder = checkpoints.tiny_folder(tmp_path_factory.mktemp("plain") / "tiny")
    template = "{{ bos_token }}{% for m in messages %}<|{{ m.role }}|>{{ m.content }}{% endfor %}"
    template += "{% if add_generation_prompt %}<|assistant|>{% endif %}"
    (folder / "chat_template.jinja").write_text(template)
    with serving(folder, *COUNTS) as (url, _):
        yield url


def test_a_message_of_the_assistant_is_gone_on_with(plain: str) -> None:
    from thinkcurve_backends.http.opening import open_preset_at
    from thinkcurve_backends.http.options import read

    backend = open_preset_at("vllm", "tiny", read("http", {"base_url": f"{plain}/v1", "thinking": "think"}))
    try:
        assert backend.controls >= {Control.TRUNCATE, Control.EXTEND, Control.NATIVE}
        begun = ask(backend, Request(Chat(ASKED, prefix="<think>"), 200, stop=("</think>",)))
        assert begun.text == THINKING
        for n in (1, 5):
            piece = ask(backend, Request(Chat(ASKED, prefix="<think>"), n))
            rest = ask(backend, Request(Chat(ASKED, prefix="<think>" + piece.text), 200))
            assert piece.usage.generated_tokens == n
            assert piece.text + rest.text == THINKING + "</think>\\boxed{50}"
    finally:
        asyncio.run(backend.aclose())
