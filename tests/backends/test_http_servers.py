"""One set of expectations of a chat endpoint, held against real servers with the tiny model; llama.cpp and mlx_lm here,
vLLM in `test_http_vllm`.
"""

import asyncio
import importlib.util
import json
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
import checkpoints
import llama_server
from http_expectations import (
    ASKED,
    THINKING,
    ask,
    assert_chat,
    assert_continues,
    assert_hangs_up,
    assert_stops,
    assert_streams_alike,
    opened,
)
from http_servers import mlx

from thinkcurve.backend import Chat, Request
from thinkcurve.budget import Control
from thinkcurve.errors import BackendError, UsageError
from thinkcurve_backends.llamacpp.client import LlamaCpp

pytestmark = pytest.mark.filterwarnings(
    "ignore::DeprecationWarning:importlib", "ignore:builtin type Swig:DeprecationWarning"
)
KINDS = ("llamacpp", "mlx")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return checkpoints.tiny_folder(tmp_path_factory.mktemp("model") / "tiny")


@pytest.fixture(scope="module")
def llama() -> Iterator[str]:
    if importlib.util.find_spec("xllamacpp") is None:
        pytest.skip("the package xllamacpp is not installed")
    with llama_server.started(checkpoints.TINY_GGUF) as (address, _):
        yield address


@pytest.fixture(scope="module")
def mlx_server(folder: Path) -> Iterator[str]:
    with mlx(folder) as address:
        yield address


@pytest.fixture(params=KINDS)
def address(request: pytest.FixtureRequest) -> str:
    return str(request.getfixturevalue("llama" if request.param == "llamacpp" else "mlx_server"))


@pytest.fixture
def tokenizer(folder: Path) -> str:
    if importlib.util.find_spec("transformers") is None:
        pytest.skip("the package transformers is not installed")
    return str(folder)


def test_what_answers_is_seen(address: str, request: pytest.FixtureRequest) -> None:
    with opened(f"{address}/v1", api="chat") as backend:
        is_llama = "llamacpp" in request.node.name
        assert backend.model.engine.startswith("llama.cpp" if is_llama else "mlx_lm.server")  # type: ignore[union-attr]
        assert backend.model.is_local
        assert backend.model.context_tokens == (1024 if is_llama else None)
        assert (Control.NATIVE in backend.controls) is is_llama
        assert any("does not count thinking tokens" in note for note in backend.model.notes)


@pytest.mark.parametrize("stream", [True, False])
def test_chat(address: str, stream: bool) -> None:
    with opened(address, api="chat", stream=stream, max_output_tokens=512) as backend:
        assert_chat(backend)


def test_thinking_that_the_server_leaves_in_the_content_is_taken_apart(llama: str) -> None:
    with opened(llama, api="chat", extra_body='{"reasoning_format": "none"}') as backend:
        assert_chat(backend)


def test_a_stream_says_what_a_whole_reply_says(address: str) -> None:
    assert_streams_alike(address)


def test_thinking_is_counted_here_where_a_tokenizer_is_named(address: str, tokenizer: str) -> None:
    with opened(address, api="chat", tokenizer=tokenizer) as backend:
        usage = ask(backend, Request(Chat(ASKED), 200)).usage
    assert (usage.thinking_tokens, usage.answer_tokens, usage.source) == (14, 6, "client")


def test_hanging_up_frees_the_server(address: str) -> None:
    with opened(address, api="chat") as backend:
        asyncio.run(assert_hangs_up(backend))


def test_text_is_gone_on_with(llama: str, tokenizer: str) -> None:
    with opened(llama, api="completions", checkpoint=tokenizer) as backend:
        assert backend.controls == {Control.TRUNCATE, Control.EXTEND, Control.PROMPT}
        assert backend.model.fingerprint
        assert_continues(backend)


def test_llama_cpp_renders_prompts_itself(llama: str) -> None:
    with opened(llama, api="completions") as backend:
        assert_continues(backend)


def test_options_that_do_nothing_for_ids_are_refused(llama: str) -> None:
    with opened(llama, stream=False, expect=UsageError) as error:
        assert "api=chat or api=completions" in str(error)


def test_stop_texts_end_the_answer(llama: str) -> None:
    for stream in (True, False):
        with opened(llama, api="chat", stream=stream) as backend:
            assert_stops(backend)


def test_llama_cpp_keeps_a_budget_and_says_that_it_knows_no_zero(llama: str) -> None:
    with opened(llama, api="chat") as backend:
        made = ask(backend, Request(Chat(ASKED, budget_tokens=5), 200))
        assert THINKING.startswith(made.thinking or "none")
        assert made.usage.generated_tokens == 5 + 6  # the engine's own closing marker is among them
        native = backend.model.native
        assert native is not None
        assert (native.least, native.has_zero) == (1, False)
        with pytest.raises(BackendError, match="cannot turn thinking off"):
            ask(backend, Request(Chat(ASKED, budget_tokens=0), 200))


def test_llama_cpp_is_asked_with_ids_where_nothing_else_is_said(llama: str) -> None:
    with opened(f"{llama}/v1") as backend:
        assert isinstance(backend, LlamaCpp)
        assert backend.tokenizer is not None


def test_a_prefix_that_the_template_adds_to_is_not_gone_on_with(llama: str) -> None:
    from thinkcurve_backends.http.opening import open_preset_at
    from thinkcurve_backends.http.options import read
    from thinkcurve_backends.http.presets import preset

    assert preset("llamacpp").dialect.prefill is not None
    options = read("http", {"base_url": f"{llama}/v1", "thinking": "think"})
    backend = open_preset_at("llamacpp", "", options)
    asyncio.run(backend.aclose())
    assert Control.TRUNCATE not in backend.controls
    assert "so the reply begins anew" in " ".join(backend.model.notes)


def test_mlx_is_not_given_stop_texts_that_it_would_cut_out_of_the_answer(mlx_server: str) -> None:
    with opened(mlx_server, api="chat") as backend, pytest.raises(BackendError, match="one token"):
        ask(backend, Request(Chat(ASKED), 200, stop=("boxed",)))


def test_a_server_without_a_way_to_text_or_ids_is_refused_by_these_names(mlx_server: str, tokenizer: str) -> None:
    with opened(mlx_server, api="completions", checkpoint=tokenizer, expect=UsageError) as error:
        assert "use mlx:FOLDER" in str(error)
    with opened(mlx_server, api="ids", expect=UsageError) as error:
        assert "takes no token ids" in str(error)


def test_the_checkpoint_of_another_model_is_found_out_by_its_count(llama: str, tmp_path: Path, tokenizer: str) -> None:
    other = tmp_path / "other"
    shutil.copytree(tokenizer, other)
    known = json.loads((other / "tokenizer.json").read_text())
    known["added_tokens"] = [token for token in known["added_tokens"] if token["content"] != "<|user|>"]
    (other / "tokenizer.json").write_text(json.dumps(known))
    with opened(llama, api="completions", checkpoint=str(other), expect=UsageError) as error:
        assert "the checkpoint is that of another model" in str(error)


def test_nothing_listens(tmp_path: Path) -> None:
    del tmp_path
    port = llama_server.free_port()
    with opened(f"http://127.0.0.1:{port}/v1", expect=UsageError) as error:
        assert "cannot reach" in str(error)
