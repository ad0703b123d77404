"""The conformance kit through every kind of client on real servers with the tiny model; Gemini's server is ours.

A check is skipped where the protocol or the server has no place for what it tries. ``finds`` is what the kit has to say
of servers that take a parameter and do nothing with it. vLLM (`vllm_environment.md`), and whole replies in place of
streams, are tried by the slow suites.
"""

import asyncio
import importlib.util
import sys
from collections.abc import Callable, Iterator, Mapping, Set
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))
import llama_server
import vllm_real
from checkpoints import TINY_GGUF, tiny_folder
from conformance import NOTHING, conforms, kept
from http_servers import mlx

from thinkcurve.testing import CHAT_CHECKS, Subject

pytestmark = [
    pytest.mark.skipif(not TINY_GGUF.is_file(), reason="thinkcurve-tiny.gguf is not built in this checkout"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning:importlib", "ignore:builtin type Swig:DeprecationWarning"),
]
GONE_ON = frozenset({"text-continuation"})
EFFORT, BUDGET = frozenset({"effort"}), frozenset({"native-budget"})
GREEDY = '{{"temperature": 0}}'
"""Where an interface takes no seed: what is thought by chance tells nothing of a model as small as this one."""
NO_EFFECT = {"effort": "effort has no effect|effort none thought"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_folder(tmp_path_factory.mktemp("model") / "tiny")


@pytest.fixture(scope="module")
def llama() -> Iterator[str]:
    with llama_server.started(TINY_GGUF) as (address, _):
        yield address


@pytest.fixture(scope="module")
def mlx_server(folder: Path) -> Iterator[str]:
    with mlx(folder) as address:
        yield address


@pytest.fixture(scope="module")
def vllm(folder: Path) -> Iterator[str]:
    with vllm_real.serving(folder, *vllm_real.BUDGETS, *vllm_real.COUNTS, "--reasoning-parser", "deepseek_r1") as found:
        yield found[0]


def client(engine: str, server: str, what: str, **options: Any) -> Callable[..., Iterator[Subject]]:
    """A fixture that opens ``what`` with one of our clients; ``{server}`` and ``{folder}`` are filled in."""

    @pytest.fixture(scope="module")
    def opened(request: pytest.FixtureRequest, folder: Path) -> Iterator[Subject]:
        for package in NEEDS.get(engine, ()):
            if importlib.util.find_spec(package) is None:
                pytest.skip(f"the package {package} is not installed")
        known = {"server": request.getfixturevalue(server), "folder": folder, "gguf": TINY_GGUF}
        given = {k: v.format(**known) if isinstance(v, str) else v for k, v in options.items()}
        module = import_module(f"thinkcurve_backends.{engine}.backend")
        yield from kept(module.open_backend(what.format(**known), **given))

    return opened


NEEDS = {"openai": ("openai",), "anthropic": ("anthropic",), "gemini": ("google.genai",)}


def tries(fixture: str, skipped: Set[str], finds: Mapping[str, str] = NOTHING) -> Callable[..., None]:
    """A test of each check of chats."""
    return conforms(fixture, skipped, CHAT_CHECKS, finds)


llama_http = client("http", "llama", "{server}/v1", api="chat")
test_llama_http = tries("llama_http", GONE_ON | EFFORT | BUDGET)  # nobody counts its thinking

llama_http_whole = client("http", "llama", "{server}/v1", api="chat", stream=False, tokenizer="{folder}")
test_llama_http_whole = pytest.mark.slow(tries("llama_http_whole", GONE_ON | EFFORT))

llama_text = client("http", "llama", "{server}/v1", api="completions")
test_llama_text = tries("llama_text", EFFORT | BUDGET)

llama_text_rendered = client("http", "llama", "{server}/v1", api="completions", checkpoint="{folder}")
test_llama_text_rendered = pytest.mark.slow(tries("llama_text_rendered", EFFORT | BUDGET))

llama_openai = client("openai", "llama", "{gguf}", base_url="{server}/v1")
test_llama_openai = tries("llama_openai", GONE_ON | BUDGET, NO_EFFECT)

llama_openai_whole = client(
    "openai",
    "llama",
    "{gguf}",
    base_url="{server}/v1",
    stream=False,
    budget_field="thinking_budget_tokens",
    tokenizer="{folder}",
)
test_llama_openai_whole = pytest.mark.slow(tries("llama_openai_whole", GONE_ON, NO_EFFECT))

llama_responses = client("openai", "llama", "{gguf}", base_url="{server}/v1", api="responses", extra_body=GREEDY)
test_llama_responses = tries("llama_responses", GONE_ON | BUDGET, NO_EFFECT)

llama_anthropic = client("anthropic", "llama", "{gguf}", base_url="{server}", extra_body=GREEDY)
test_llama_anthropic = pytest.mark.slow(tries("llama_anthropic", GONE_ON | EFFORT | BUDGET))

llama_anthropic_whole = client(
    "anthropic", "llama", "{gguf}", base_url="{server}", stream=False, tokenizer="{folder}", extra_body=GREEDY
)
test_llama_anthropic_whole = pytest.mark.slow(tries("llama_anthropic_whole", GONE_ON | EFFORT))

mlx_http = client("http", "mlx_server", "{server}/v1", api="chat")
test_mlx_http = tries("mlx_http", GONE_ON | EFFORT | BUDGET)

mlx_openai = client("openai", "mlx_server", "{folder}", base_url="{server}/v1", tokenizer="{folder}")
test_mlx_openai = pytest.mark.slow(tries("mlx_openai", GONE_ON | BUDGET, NO_EFFECT))


@pytest.fixture(scope="module")
def gemini() -> Iterator[Subject]:
    pytest.importorskip("google.genai")
    from gemini_server import KEY, GeminiServer, tiny_writer

    from thinkcurve_backends.embedded import open_backend as open_embedded
    from thinkcurve_backends.gemini.backend import open_backend
    from thinkcurve_backends.llamacpp.backend import LlamaCpp

    model = open_embedded("")
    assert isinstance(model, LlamaCpp)
    with pytest.MonkeyPatch.context() as patch, GeminiServer(write=tiny_writer(model)) as server:
        patch.setenv("GEMINI_API_KEY", KEY)
        yield from kept(open_backend("gemini-2.5-flash", base_url=server.url))
    asyncio.run(model.aclose())


test_gemini = pytest.mark.slow(tries("gemini", GONE_ON | EFFORT))  # as test_gemini_tiny does

vllm_http = client("http", "vllm", "{server}/v1", api="chat", tokenizer="{folder}")
test_vllm_http = pytest.mark.slow(tries("vllm_http", GONE_ON, NO_EFFECT))

vllm_text = client("http", "vllm", "{server}/v1", api="completions", checkpoint="{folder}")
test_vllm_text = pytest.mark.slow(tries("vllm_text", EFFORT | BUDGET))

vllm_openai = client("openai", "vllm", "tiny", base_url="{server}/v1")
test_vllm_openai = pytest.mark.slow(tries("vllm_openai", GONE_ON | BUDGET, NO_EFFECT))

vllm_responses = client("openai", "vllm", "tiny", base_url="{server}/v1", api="responses", extra_body=GREEDY)
test_vllm_responses = pytest.mark.slow(tries("vllm_responses", GONE_ON | BUDGET, NO_EFFECT))

vllm_anthropic = client("anthropic", "vllm", "tiny", base_url="{server}", extra_body=GREEDY)
test_vllm_anthropic = pytest.mark.slow(tries("vllm_anthropic", GONE_ON | BUDGET | EFFORT))  # its least is 1,024
