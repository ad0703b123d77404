"""A llama-server elsewhere: the same tokens as in process; every way in which it can be wrong or go away."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest

from thinkcurve.backend import Continuation, Request, Sampling
from thinkcurve.errors import BackendError, UsageError
from thinkcurve.problem import Message
from thinkcurve.retry import RetryPolicy, with_retries
from thinkcurve.run import load_run
from thinkcurve_backends.embedded import open_backend as open_embedded
from thinkcurve_backends.llamacpp.backend import LlamaCpp, open_backend
from thinkcurve_backends.llamacpp.remote import NOT_READ, Watched
from thinkcurve_backends.remote import KEY_VARIABLE

sys.path.insert(0, str(Path(__file__).parent))
import llama_server
import tiny_gguf
from checkpoints import TINY_GGUF

QUESTION = [Message("user", "Start with 5. Do +3. Do *2. What is the result?")]


def prompt_of(backend: LlamaCpp) -> Continuation:
    return Continuation(backend.tokenizer.render(QUESTION))


async def test_a_server_gives_what_the_same_file_gives_in_process() -> None:
    shipped = open_embedded(slots=2)
    with llama_server.started(TINY_GGUF, slots=2) as (address, _):
        backend = open_backend(address)
        model = backend.model
        assert (model.name, model.width, model.context_tokens) == ("thinkcurve-tiny", 128, 1024)
        assert (model.thinking, backend.concurrency) == (shipped.model.thinking, 2)
        assert model.fingerprint is not None
        assert model.fingerprint.startswith("said:")
        assert (model.active_parameters, model.layers) == (None, None)  # it says neither
        assert model.notes == (NOT_READ,)
        prompt, close = prompt_of(shipped), shipped.tokenizer.encode("</think>")
        assert prompt_of(backend) == prompt
        for request in (
            Request(prompt, 60),
            Request(prompt, 60, stop_ids=close),
            Request(prompt, 60, stop=("x{", "d{")),
            Request(prompt, 60, Sampling(1.2, top_p=0.95, top_k=50, min_p=0.02), seed=3),
            Request(prompt, 60, top_logprobs=2),
        ):
            ours, theirs = await backend.generate(request), await shipped.generate(request)
            assert (ours.token_ids, ours.text, ours.stop) == (theirs.token_ids, theirs.text, theirs.stop)
            assert ours.logprobs == (None if theirs.logprobs is None else pytest.approx(theirs.logprobs, abs=1e-4))
        again = await backend.generate(Request(prompt, 4))
        assert prompt.token_ids is not None
        assert again.usage.cached_tokens == len(prompt.token_ids) - 1
        await backend.aclose()
        await backend.aclose()
        with pytest.raises(BackendError, match="closed") as caught:
            await backend.generate(Request(prompt, 4))
        assert caught.value.is_fatal
    await shipped.aclose()


def test_the_key_comes_from_the_environment_and_stays_there(monkeypatch: pytest.MonkeyPatch) -> None:
    with llama_server.started(TINY_GGUF, key="sesame-1234") as (address, _):
        with pytest.raises(UsageError, match=f"set {KEY_VARIABLE}"):
            open_backend(address)
        monkeypatch.setenv(KEY_VARIABLE, "wrong-5678")
        with pytest.raises(UsageError, match="is not accepted") as caught:
            open_backend(address)
        assert "wrong-5678" not in str(caught.value)
        monkeypatch.setenv(KEY_VARIABLE, "sesame-1234")
        backend = open_backend(f"{address}/v1")
        assert asyncio.run(backend.generate(Request(prompt_of(backend), 5))).token_ids
        asyncio.run(backend.aclose())


def test_wrong_addresses_and_options_are_refused_in_one_line() -> None:
    for what, options, says in [
        (f"http://127.0.0.1:{llama_server.free_port()}", {}, "cannot be used: cannot reach .* is the server running"),
        ("http://", {}, "is no address of a server"),
        ("http://127.0.0.1:1", {"threads": 2}, "unknown option 'threads' of a llamacpp server"),
        ("http://127.0.0.1:1", {"timeout_s": 0}, "the least is 0.1"),
    ]:
        with pytest.raises(UsageError, match=says) as caught:
            open_backend(what, **options)  # type: ignore[arg-type]  # a table
        assert "\n" not in str(caught.value)


def test_another_kind_of_server_is_told_apart() -> None:
    class Other(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = b'{"object": "list", "data": []}'
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None: ...

    with HTTPServer(("127.0.0.1", 0), Other) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        with pytest.raises(UsageError, match="is no llama-server with one model"):
            open_backend(f"http://127.0.0.1:{server.server_port}")
        server.shutdown()
        thread.join()


async def test_a_stalled_server_is_given_up_and_taken_again() -> None:
    with llama_server.started(TINY_GGUF) as (address, process):
        backend = open_backend(address, timeout_s=0.5)
        request = Request(prompt_of(backend), 60)
        before = await backend.generate(request)
        os.kill(process.pid, signal.SIGSTOP)
        started = time.monotonic()
        with pytest.raises(BackendError, match=r"stalls: no answer, and not even /health does") as caught:
            await backend.generate(request)
        assert caught.value.is_retryable
        assert not caught.value.is_fatal
        assert time.monotonic() - started < 5
        os.kill(process.pid, signal.SIGCONT)
        assert (await backend.generate(request)).token_ids == before.token_ids
        await backend.aclose()


async def test_a_long_silence_is_no_stall_while_the_server_says_that_it_lives(tmp_path: Path) -> None:
    path = tiny_gguf.write(tmp_path / "slow.gguf", context=1024)
    with llama_server.started(path, slots=1) as (address, _):
        backend = open_backend(address, slots=14)
        assert isinstance(backend._wire, Watched)
        backend._wire._timeout_s = 0.2  # how long it waits before it asks; the server has its minute to say so
        prompt = Continuation((tiny_gguf.USER, 300, tiny_gguf.ASSISTANT))
        requests = [Request(prompt, 900, Sampling(1.0), seed=seed) for seed in range(14)]
        ended = await asyncio.gather(*map(backend.generate, requests))
        assert max(end.wall_s or 0 for end in ended) > 0.6
        await backend.aclose()


async def test_another_model_after_a_restart_ends_the_run(tmp_path: Path) -> None:
    port = llama_server.free_port()
    with llama_server.started(TINY_GGUF, port=port) as (address, process):
        backend = open_backend(address)
        idle = open_backend(address)
        request = Request(prompt_of(backend), 10)
        assert (await backend.generate(request)).token_ids
        process.kill()
        process.wait()
        with pytest.raises(BackendError) as caught:
            await backend.generate(request)
        assert caught.value.is_retryable
    with llama_server.started(tiny_gguf.write(tmp_path / "other.gguf"), port=port):
        for each in (backend, idle):  # one that saw the fault, and one that had nothing open
            with pytest.raises(BackendError, match=r"has another model now \(other.gguf, before thinkcurve") as caught:
                await with_retries(lambda each=each: each.generate(request), RetryPolicy(first_wait_s=0.01))
            assert caught.value.is_fatal
    with llama_server.started(TINY_GGUF, port=port):
        assert (await backend.generate(request)).token_ids
    await backend.aclose()
    await idle.aclose()


def test_a_run_whose_server_is_killed_is_resumed(tmp_path: Path) -> None:
    port, out = llama_server.free_port(), tmp_path / "run"
    command = [sys.executable, "-c", "from thinkcurve.cli.main import main; main()", "run"]
    command += ["-m", f"llamacpp:http://127.0.0.1:{port}", "-t", "arithmetic", "--limit", "20"]
    command += ["--budgets", "0,16,64", "--answer-tokens", "32", "-o", str(out)]
    journal = out / "journal.jsonl"
    with llama_server.started(TINY_GGUF, port=port) as (_, process):
        run = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        while run.poll() is None and not (journal.exists() and journal.read_text().count("\n") > 10):
            time.sleep(0.02)
        process.kill()
        _, said = run.communicate(timeout=120)
    assert run.returncode == 3
    assert "is the server running there?" in said
    assert "the same command goes on from there" in said
    assert "Traceback" not in said
    n_before = journal.read_text().count('"attempt"')
    assert 0 < n_before < 60
    with llama_server.started(TINY_GGUF, port=port):
        again = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert again.returncode == 0, again.stderr
    assert "attempts left" in again.stderr
    resumed = load_run(out).attempts
    assert len(resumed) == 60
    whole = tmp_path / "whole"
    with llama_server.started(TINY_GGUF, port=port):
        subprocess.run([*command[:-1], str(whole)], capture_output=True, timeout=300, check=True)
    keys = ["problem", "budget"]
    one, other = (a.sort_values(keys)["answer"].tolist() for a in (resumed, load_run(whole).attempts))
    assert one == other
