"""The ``vllm:`` backend over HTTP against our stand-in (`vllm_standin`): fields, budgets, refusals, faults.

The real vLLM is asked by the slow suites `test_vllm_serve` and `test_vllm_engine`.
"""

import asyncio
import contextlib
import importlib.util
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))
import vllm_standin
from conformance import conforms
from vllm_standin import Standin, running

from thinkcurve.backend import Continuation, Generation, Request, Sampling, Stop
from thinkcurve.budget import Control
from thinkcurve.errors import BackendError, UsageError
from thinkcurve.problem import Message
from thinkcurve.testing import Subject
from thinkcurve_backends.remote import KEY_VARIABLE
from thinkcurve_backends.vllm.backend import Vllm, open_backend
from thinkcurve_backends.vllm.budget import UNLIMITED

Change = Callable[..., Any]
QUESTION = (Message("user", "Start with 5. Do +3. What is the result?"),)


@pytest.fixture(scope="module")
def standin() -> Iterator[Standin]:
    with running() as server:
        yield server


@pytest.fixture
def change(standin: Standin, monkeypatch: pytest.MonkeyPatch) -> Change:
    """Settings of the stand-in, for one test."""
    return lambda **settings: [monkeypatch.setattr(standin, name, value) for name, value in settings.items()]


@pytest.fixture(scope="module")
def served(standin: Standin) -> Iterator[Vllm]:
    backend = open_backend(standin.address)
    yield backend
    asyncio.run(backend.aclose())


@pytest.fixture(scope="module")
def subject() -> Iterator[Subject]:
    with running() as server:
        backend = open_backend(server.address, slots=8)
        yield Subject(backend)
        asyncio.run(backend.aclose())


test_conformance = pytest.mark.slow(conforms("subject"))


def ask(backend: Vllm, max_tokens: int = 100, prompt: tuple[int, ...] = (), **fields: Any) -> Generation:
    ids = prompt or backend.tokenizer.render(QUESTION)
    return asyncio.run(backend.generate(Request(Continuation(ids), max_tokens, **fields)))


def test_the_model_is_what_the_server_says(served: Vllm, standin: Standin) -> None:
    model = served.model
    assert (model.name, model.context_tokens, model.engine) == ("tiny", 1024, "vllm 0.0.0+standin (server)")
    assert model.fingerprint is None
    assert model.thinking is not None
    assert model.thinking.template_opens
    assert served.controls == {Control.TRUNCATE, Control.EXTEND, Control.PROMPT, Control.SERVER}


def test_v1_may_be_written_and_a_checkpoint_described(standin: Standin) -> None:
    folder = Path(vllm_standin.__file__).parents[2] / "backends/thinkcurve_backends/embedded"
    backend = open_backend(f"{standin.address}/v1/#tiny", checkpoint=str(folder))
    assert (backend.model.layers, backend.model.width) == (4, 128)
    assert backend.model.fingerprint is not None
    assert not [note for note in backend.model.notes if "chat template" in note]
    asyncio.run(backend.aclose())


def test_nothing_is_left_to_the_servers_defaults(served: Vllm, standin: Standin) -> None:
    ask(served, 5, sampling=Sampling(0.0, 0.5, 7, 0.1), seed=2**63 + 5)
    sent = standin.asked[-1]
    assert (sent["temperature"], sent["top_p"], sent["top_k"], sent["min_p"]) == (0.0, 1.0, 0, 0.0)
    assert sent["seed"] == 5
    assert sent["return_token_ids"] is True
    ask(served, 5, sampling=Sampling(0.7, 0.5, 7, 0.1), seed=9)
    sent = standin.asked[-1]
    assert (sent["temperature"], sent["top_p"], sent["top_k"], sent["min_p"], sent["seed"]) == (0.7, 0.5, 7, 0.1, 9)


def test_a_budget_is_counted_from_the_marker_on(served: Vllm, standin: Standin) -> None:
    prompt = served.tokenizer.render(QUESTION)
    begun = prompt + served.tokenizer.encode("5;")
    free = ask(served, 40, begun).token_ids or ()
    cut = ask(served, 40, begun, thinking_budget=3).token_ids or ()
    assert standin.asked[-1]["thinking_token_budget"] == 3 + len(begun) - len(prompt)
    assert cut[:4] == free[:3] + served.tokenizer.encode("</think>")


@pytest.mark.parametrize("budget", [0, 1, 4, 200])
@pytest.mark.parametrize("format", [{}, {"cue": "So: "}])
def test_forced_ends_are_those_of_truncate(standin: Standin, budget: int, format: dict[str, str]) -> None:
    backend = open_backend(standin.address, **format)
    thinking = backend.model.thinking
    assert thinking is not None
    encode = backend.tokenizer.encode
    prompt = backend.tokenizer.render(QUESTION)
    close = encode("</think>")
    trace = ask(backend, budget + 1, stop_ids=close)
    ids = (trace.token_ids or ())[:budget]
    is_forced = trace.stop is not Stop.STOP
    closing = close + (encode(thinking.cue) if is_forced and thinking.cue else ())
    answer = ask(backend, 60, prompt + ids + closing)
    whole = ask(backend, budget + len(closing) + 60, thinking_budget=budget, top_logprobs=1)
    assert whole.token_ids == ids + closing + (answer.token_ids or ())
    assert whole.stop is answer.stop is Stop.EOS
    assert whole.text == backend.tokenizer.decode(whole.token_ids)
    assert whole.logprobs is not None
    assert len(whole.logprobs) == len(whole.token_ids)
    asyncio.run(backend.aclose())


def test_what_a_format_writes_around_a_cut_is_written_once(standin: Standin) -> None:
    backend = open_backend(standin.address)
    assert backend._forcing is not None
    encode = backend.tokenizer.encode
    backend._forcing = replace(
        backend._forcing,
        wrap_up_ids=encode("\nstop\n"),
        wrap_up_bare_ids=encode("stop\n"),
        empty_ids=encode("\n"),
        cue_ids=encode("So: "),
        drops_newline=True,
    )
    free = ask(backend, 3).token_ids or ()
    cut = ask(backend, 90, thinking_budget=3)
    assert cut.text.startswith(backend.tokenizer.decode(free) + "\nstop\n</think>So: ")
    assert ask(backend, 90, thinking_budget=0).text.startswith("\n</think>So: ")
    begun = backend.tokenizer.render(QUESTION) + encode("5\n")
    ended = ask(backend, 30, begun, thinking_budget=0)
    assert ended.text.startswith("\n</think>So: ")
    assert ask(backend, 6, thinking_budget=3).token_ids == (cut.token_ids or ())[:6]
    assert ask(backend, 6, thinking_budget=3).stop is Stop.LENGTH
    asyncio.run(backend.aclose())


def test_requests_with_and_without_a_budget_are_not_mixed(standin: Standin) -> None:
    """vLLM 0.32 gives what is left of one request's budget to another that has none: see `vllm.budget`."""
    backend = open_backend(standin.address, cue="So: ")
    ask(backend, 20)
    assert "thinking_token_budget" not in standin.asked[-1]
    ask(backend, 40, thinking_budget=2)
    assert [sent["thinking_token_budget"] for sent in standin.asked[-2:]] == [2, UNLIMITED]
    ask(backend, 20)
    assert standin.asked[-1]["thinking_token_budget"] == UNLIMITED
    asyncio.run(backend.aclose())


@pytest.mark.parametrize("budgets", ["refused", "ignored", "phrased"])
def test_budgets_are_offered_only_where_they_are_seen_to_work(standin: Standin, change: Change, budgets: str) -> None:
    change(budgets=budgets)
    backend = open_backend(standin.address)
    assert Control.SERVER not in backend.controls
    assert any("--reasoning-config" in note and "</think>" in note for note in backend.model.notes)
    with pytest.raises(BackendError, match="enforces no thinking budgets"):
        ask(backend, 5, thinking_budget=1)
    asyncio.run(backend.aclose())


def test_counts_that_are_not_told_are_unknown(standin: Standin, change: Change) -> None:
    change(tells_counts=False)
    backend = open_backend(standin.address)
    assert ask(backend, 3).usage.cached_tokens is None
    assert any("--enable-prompt-tokens-details" in note for note in backend.model.notes)
    asyncio.run(backend.aclose())


def test_a_limit_of_the_servers_own_is_not_taken_for_the_context(served: Vllm, change: Change) -> None:
    change(most_tokens=7)
    with pytest.raises(BackendError, match="max_new_tokens"):
        ask(served, 30)


@pytest.mark.parametrize(
    ("settings", "what", "reason"),
    [
        ({}, "{}#other", "serves no model 'other'.*It serves: tiny"),
        ({}, "{}#tinny", "Did you mean 'tiny'"),
        ({"names": ("a", "b")}, "{}", "more than one model.*a, b"),
        ({"is_vllm": False}, "{}", "no vLLM"),
        ({"key": "sk-1"}, "{}", f"set {KEY_VARIABLE}"),
        ({"gives_ids": False}, "{}", "gives no token ids"),
    ],
)
def test_a_server_that_cannot_be_used_is_refused(
    standin: Standin, change: Change, settings: dict[str, Any], what: str, reason: str
) -> None:
    change(**settings)
    with pytest.raises(UsageError, match=reason) as caught:
        open_backend(what.format(standin.address))
    assert "\n" not in str(caught.value)


def test_a_key_is_taken_from_the_environment(standin: Standin, change: Change, monkeypatch: pytest.MonkeyPatch) -> None:
    change(key="sk-1")
    monkeypatch.setenv(KEY_VARIABLE, "sk-1")
    backend = open_backend(standin.address)
    assert len(ask(backend, 3).token_ids or ()) == 3
    asyncio.run(backend.aclose())
    monkeypatch.setenv(KEY_VARIABLE, "sk-2")
    with pytest.raises(UsageError, match="is not accepted") as caught:
        open_backend(standin.address)
    assert "sk-2" not in str(caught.value)


def test_nobody_there_says_what_to_start() -> None:
    with pytest.raises(UsageError, match=r"cannot reach.*start one: vllm serve MODEL --port PORT"):
        open_backend(f"http://127.0.0.1:{free_port()}")


@pytest.mark.parametrize(
    ("what", "options", "reason"),
    [
        ("http://127.0.0.1:1", {"dtype": "float32"}, "option dtype of vllm is for a model in this process"),
        ("/nowhere", {"timeout_s": 5.0}, "option timeout_s of vllm is for a server"),
        ("http://127.0.0.1:1", {"slot": 4}, "Did you mean 'slots'"),
        ("http://127.0.0.1:1", {"slots": 0}, "the least is 1"),
        ("http://127.0.0.1:port", {}, "no address"),
        ("", {}, "vllm needs a model"),
        ("/nowhere", {}, "does not exist"),
    ],
)
def test_wrong_options_and_paths_are_refused(what: str, options: dict[str, Any], reason: str) -> None:
    with pytest.raises(UsageError, match=reason):
        open_backend(what, **options)


def test_without_a_chat_template_only_plain_text_is_rendered(standin: Standin, change: Change, tmp_path: Path) -> None:
    change(has_template=False)
    run = command(standin.server_port, tmp_path / "run")
    done = subprocess.run(run, capture_output=True, text=True, timeout=120)
    assert (done.returncode, "--no-chat-template" in done.stderr) == (2, True), done.stderr
    assert not (tmp_path / "run").exists()
    backend = open_backend(standin.address)
    try:
        with pytest.raises(UsageError, match=r"no chat template \(.*no longer allowed.*--no-chat-template"):
            backend.tokenizer.render(QUESTION)
        assert len(ask(backend, 3, backend.tokenizer.render(QUESTION, chat=False)).token_ids or ()) == 3
    finally:
        asyncio.run(backend.aclose())


def test_a_temperature_that_vllm_would_change_is_refused(served: Vllm) -> None:
    for temperature in (0.001, 2.5):
        with pytest.raises(BackendError, match="temperature"):
            ask(served, 5, sampling=Sampling(temperature))


@pytest.mark.skipif(importlib.util.find_spec("vllm") is not None, reason="vLLM is installed here")
def test_a_missing_extra_is_one_line() -> None:
    folder = Path(vllm_standin.__file__).parents[2] / "backends/thinkcurve_backends/embedded"
    with pytest.raises(UsageError, match=r'pip install "thinkcurve\[vllm\]"'):
        open_backend(str(folder))


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def command(port: int, folder: Path, *more: str) -> list[str]:
    model = f"vllm:http://127.0.0.1:{port}"
    return [
        *(sys.executable, "-m", "thinkcurve.cli.main", "run", "-m", model, "-t", "arithmetic", "--limit", "12"),
        *("--budgets", "0,16,64", "--answer-tokens", "32", "-o", str(folder), *more),
    ]


def attempts(folder: Path) -> set[tuple[str, int]]:
    text = (folder / "journal.jsonl").read_text()
    events = [json.loads(line) for line in text[: text.rfind("\n") + 1].splitlines()]
    return {(e["problem"], e["budget"]) for e in events if e.get("event") == "attempt"}


def wait_for_attempts(folder: Path, process: subprocess.Popen[str]) -> None:
    for _ in range(600):
        if (folder / "journal.jsonl").exists() and len(attempts(folder)) >= 3:
            return
        assert process.poll() is None, process.communicate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(0.05)
    raise AssertionError("nothing was graded")


def test_a_killed_server_ends_the_run_and_the_same_command_goes_on(tmp_path: Path) -> None:
    port, folder = free_port(), tmp_path / "run"
    with vllm_standin.process(port, delay_s=0.004) as server:
        run = subprocess.Popen(command(port, folder), stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        wait_for_attempts(folder, run)
        server.kill()
        _, said = run.communicate(timeout=120)
    assert run.returncode == 3, said
    assert f"cannot reach http://127.0.0.1:{port}" in said
    assert "Traceback" not in said
    before = attempts(folder)
    assert 3 <= len(before) < 36
    with vllm_standin.process(port):
        done = subprocess.run(command(port, folder), capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert len(attempts(folder)) == 36
    assert before < attempts(folder)


def test_a_silent_server_is_given_up_in_time(tmp_path: Path) -> None:
    port = free_port()
    with vllm_standin.process(port) as server:
        backend = open_backend(f"http://127.0.0.1:{port}", timeout_s=1.0)
        prompt = backend.tokenizer.render(QUESTION)
        os.kill(server.pid, signal.SIGSTOP)
        try:
            with pytest.raises(BackendError, match=r"gave no whole answer in 1 s \(option timeout_s\)") as caught:
                ask(backend, 5, prompt)
        finally:
            os.kill(server.pid, signal.SIGCONT)
        assert caught.value.is_retryable
        assert not caught.value.is_fatal
        assert len(ask(backend, 5, prompt).token_ids or ()) == 5
        asyncio.run(backend.aclose())
