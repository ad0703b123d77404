"""Which format wins where a model's name, its template and its user say different things."""

import pytest

from chat_templates import MODELS, Model
from thinkcurve.budget import Control, Cut, Ending
from thinkcurve.formats import FORMATS, NONE, Wish
from thinkcurve.session import open_session
from thinkcurve.study import Study
from thinkcurve_backends.scripted import ScriptedBackend


@pytest.mark.parametrize("name", ["s1-3-qwen3-ft", "my s1 3b", "models/s1.1-7B"])
def test_what_a_template_shows_goes_before_a_name(name: str) -> None:
    qwen = MODELS["qwen3"]
    found = Model(qwen.template, qwen.tokens, name).find()
    assert found is not None
    assert (found.open.strip(), found.close) == ("<think>", "</think>")


def test_a_user_may_say_that_a_model_does_not_think() -> None:
    assert MODELS["qwen3"].find(Wish(thinking=NONE)) is None


@pytest.mark.parametrize(
    ("thinking", "written"),
    [("so", "\n<|im_start|>answer\nFinal Answer:"), ("so\n", "<|im_start|>answer\nFinal Answer:")],
)
def test_s1_is_closed_by_a_newline_where_none_is_its_marker_and_its_words(thinking: str, written: str) -> None:
    """Budget forcing as in the evaluation code of arXiv 2501.19393; a natural end has the marker alone."""
    backend = ScriptedBackend(lambda asked: "", thinking=FORMATS["s1"])
    session = open_session("s1", backend, Study(models=("s1",), control=Control.EXTEND))
    ids = session.tokenizer.encode(thinking)
    assert session.tokenizer.decode(session.closing(Cut(ids, Ending.BUDGET))) == written
    assert session.tokenizer.decode(session.closing(Cut(ids, Ending.CLOSED))) == "<|im_start|>answer"
