"""The life of a thinkcurve model in lm-eval: opened, closed, registered, launched from a command line."""

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from lm_eval.api.registry import get_model
from made_lm_eval import BOXED, N, arithmetic, doubling, request, scripted, usage_of, write_task

from thinkcurve.backend import Continuation, Request
from thinkcurve.errors import BackendError, UsageError
from thinkcurve.interop.lm_eval import ThinkcurveLM, main
from thinkcurve.interop.lm_eval_request import ChatText
from thinkcurve.run import Run
from thinkcurve_backends.scripted import Asked, ScriptedBackend


def test_answers_are_made_as_many_at_once_as_the_backend_takes() -> None:
    open_now, most = [], []

    async def slow(asked: Asked) -> str:
        open_now.append(asked)
        most.append(len(open_now))
        await asyncio.sleep(0.01)
        open_now.remove(asked)
        return "ok"

    lm = ThinkcurveLM(backend=ScriptedBackend(slow, concurrency=5), model="scripted", budget=4)
    lm.generate_until([request(f"q{i}") for i in range(20)])
    assert max(most) == 5


def test_a_model_opened_here_is_closed_here_and_a_given_one_is_not() -> None:
    class Closing(ScriptedBackend):
        is_closed = False

        async def aclose(self) -> None:
            self.is_closed = True

    given = Closing(doubling)
    ThinkcurveLM(backend=given, model="scripted", budget=4).close()
    assert not given.is_closed
    lm = ThinkcurveLM(model="embedded", budget="none", slots=1)
    assert lm.settings.budget is None
    backend = lm.backend
    lm.close()
    lm.close()
    with pytest.raises(BackendError, match="this model is closed"):
        asyncio.run(backend.generate(Request(Continuation(token_ids=(1,)), max_tokens=1)))
    with pytest.raises(RuntimeError, match="this event loop was closed"):
        lm.generate_until([])


async def test_a_notebook_may_evaluate_too() -> None:
    assert scripted(doubling).generate_until([request("double 1", until=["\n\n"])]) == ["2"]


def test_the_model_is_registered_beside_those_of_lm_eval() -> None:
    assert get_model("thinkcurve") is ThinkcurveLM
    assert get_model("dummy").__name__ == "DummyLM"


def test_chat_text_is_json_that_keeps_its_kind() -> None:
    text = scripted(doubling).apply_chat_template([{"role": "user", "content": "Grüße"}])
    assert isinstance(text, ChatText)
    assert json.loads(text) == [{"role": "user", "content": "Grüße"}]
    with pytest.raises(UsageError, match="read text only"):
        scripted(doubling).apply_chat_template([{"role": "user", "content": [{"type": "image"}]}])


def test_a_template_of_another_name_is_refused() -> None:
    with pytest.raises(UsageError, match="has its own template; give no name"):
        scripted(doubling).chat_template("tool_use")


def launch(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "thinkcurve.interop.lm_eval", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, env={**os.environ, **environment})


def test_the_command_line_of_lm_eval_knows_the_model(tmp_path: Path, ours: Run) -> None:
    folder = write_task(tmp_path / "tasks", "tc_arithmetic", arithmetic(), filter_list=BOXED)
    usage = tmp_path / "usage.jsonl"
    done = launch(
        *("--model", "thinkcurve", "--model_args", f"model=embedded,budget=64,slots=4,usage={usage}"),
        *("--tasks", "tc_arithmetic", "--include_path", str(folder), "--apply_chat_template"),
        *("--output_path", str(tmp_path / "out"), "--log_samples"),
        HF_HOME=str(tmp_path / "hf"),
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert "thinkcurve: embedded at budget 64: 20 answers" in done.stderr
    (stored,) = (tmp_path / "out").rglob("results_*.json")
    results = json.loads(stored.read_text())
    point = ours.curves()[0].points[1]
    assert results["results"]["tc_arithmetic"]["exact_match,boxed"] == pytest.approx(point.accuracy)
    assert results["config"]["thinkcurve"]["usage"]["requests"] == len(usage_of(usage)) == N


def test_the_launcher_complains_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse() -> None:
        raise UsageError("no such thing")

    monkeypatch.setattr("lm_eval.__main__.cli_evaluate", refuse)
    assert main() == 2
    assert capsys.readouterr().err == "error: no such thing\n"


def test_without_lm_eval_one_line_says_what_to_install() -> None:
    hide = "import sys; sys.modules['lm_eval'] = None; import runpy; "
    code = hide + "runpy.run_module('thinkcurve.interop.lm_eval', run_name='__main__')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (
        2,
        'error: lm-eval is not installed: pip install "thinkcurve[lm-eval]"\n',
    )


def test_importing_thinkcurve_does_not_import_lm_eval() -> None:
    code = "import sys, thinkcurve, thinkcurve.run, thinkcurve.interop; print('lm_eval' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "False\n"


@pytest.mark.parametrize(
    ("answer", "scored"),
    [
        (" 5", "5"),
        ("<think>The answer is 18.</think>\nThe answer is 5.", "The answer is 5."),
        ("The answer is 5. <think>or", ""),
    ],
)
def test_thinking_that_begins_again_is_not_scored(answer: str, scored: str) -> None:
    from thinkcurve.budget import THINK_TAGS, ThinkingFormat
    from thinkcurve.interop.lm_eval_request import Asked, scored_answer
    from thinkcurve.problem import MathAnswer, Problem

    problem = Problem("t", "test", 0, "?", MathAnswer("5"))
    asked = Asked(problem, (), 0, False, {})
    assert scored_answer(asked, answer, THINK_TAGS) == scored
    other = answer.replace("<think>", "[THINK]").replace("</think>", "[/THINK]")
    assert scored_answer(asked, other, ThinkingFormat("mistral", "[THINK]", "[/THINK]")) == scored
