"""The model that ships: it opens, thinks between markers, and answers."""

from importlib.resources import files

import pytest

from thinkcurve.backend import Continuation, Request
from thinkcurve.errors import UsageError
from thinkcurve.problem import Message
from thinkcurve_backends.embedded import open_backend

pytestmark = pytest.mark.skipif(
    not (files("thinkcurve_backends.embedded") / "thinkcurve-tiny.gguf").is_file(),
    reason="thinkcurve-tiny.gguf is not built in this checkout",
)


async def test_embedded_model_thinks_and_answers() -> None:
    backend = open_backend("", slots=2)
    assert backend.model.name == "thinkcurve-tiny"
    assert backend.model.thinking is not None
    assert backend.model.thinking.template_opens
    close = backend.tokenizer.encode(backend.model.thinking.close)
    assert len(close) == 1
    prompt = backend.tokenizer.render([Message("user", "Start with 5. Do +3. What is the result?")])
    trace = await backend.generate(Request(Continuation(prompt), 64, stop_ids=close))
    assert trace.token_ids is not None
    answer = await backend.generate(Request(Continuation(prompt + trace.token_ids[:8] + close), 32))
    assert answer.text
    assert answer.usage.cached_tokens
    await backend.aclose()


def test_there_is_one_embedded_model() -> None:
    with pytest.raises(UsageError, match="llamacpp:other"):
        open_backend("other")
