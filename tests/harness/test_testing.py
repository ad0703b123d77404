"""The kit as a user meets it: outcomes, names, listeners, patience, and what its ways of comparing let pass."""

import asyncio
import hashlib
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent / "testing"))
from toy import Toy

from thinkcurve.backend import Generation, Request
from thinkcurve.errors import BackendError, UsageError
from thinkcurve.testing import TOKEN_CHECKS, Failure, Outcome, Subject, run_check, run_checks
from thinkcurve_backends.scripted import Asked, ScriptedBackend


def scripted(asked: Asked) -> str:
    """Plain words, fixed by what was asked, and by the seed where there is a temperature."""
    seed = asked.seed if asked.temperature > 0 else 0
    before = "" if asked.wants_thinking else asked.thinking
    digest = hashlib.sha256(f"{asked.prompt} {before} {seed}".encode()).hexdigest()
    return " ".join(digest[i : i + 5] for i in range(0, 40, 5)) + " é"


NOT_SCRIPTED = {"filters", "closing", "unicode"}
"""The scripted backend draws nothing, is never closed, and reads its prefix as text, so never half a character."""


@pytest.mark.parametrize("check", [name for name in TOKEN_CHECKS if name not in NOT_SCRIPTED])
async def test_the_scripted_backend_conforms(check: str) -> None:
    outcome = await run_check(check, ScriptedBackend(scripted))
    assert outcome.status == ("skipped" if check == "logprobs" else "passed"), outcome


async def test_the_outcome_is_raised_only_where_it_failed() -> None:
    for status in ("passed", "skipped"):
        Outcome("seeds", status, "why", 0.1).raise_if_failed()  # type: ignore[arg-type]
    with pytest.raises(AssertionError, match="seeds: why"):
        Outcome("seeds", "failed", "why", 0.1).raise_if_failed()


async def test_a_listener_hears_of_each_check_as_it_ends() -> None:
    heard: list[Outcome] = []
    outcomes = await run_checks(Toy(), ["greedy", "max-tokens"], listener=heard.append)
    assert heard == outcomes
    assert [outcome.name for outcome in outcomes] == ["greedy", "max-tokens"]


async def test_an_unknown_check_is_refused_with_the_nearest() -> None:
    with pytest.raises(UsageError, match="Did you mean 'seeds'"):
        await run_check("seed", Toy())


async def test_a_backend_without_ids_is_skipped_and_says_why() -> None:
    backend = Toy()
    backend.tokenizer = None  # type: ignore[assignment]
    outcomes = {outcome.name: outcome for outcome in await run_checks(backend, TOKEN_CHECKS)}
    assert outcomes["continuation"] == Outcome(
        "continuation", "skipped", "it gives no token ids", outcomes["continuation"].seconds
    )
    assert outcomes["closing"].status == "passed"
    assert not [outcome for outcome in outcomes.values() if outcome.status == "failed"]


class Fails(Toy):
    """Every request ends in the same error."""

    error: Exception

    async def generate(self, request: Request) -> Generation:
        raise self.error


async def test_any_other_error_than_a_backend_error_is_a_broken_promise() -> None:
    backend = Fails()
    backend.error = KeyError("token_ids")
    outcome = await run_check("continuation", backend)
    assert outcome.status == "failed"
    assert "raised KeyError ('token_ids'); only BackendError is promised" in outcome.detail
    backend.error = BackendError("the server is gone", is_fatal=True)
    assert "was refused: the server is gone" in (await run_check("continuation", backend)).detail


class Busy(Toy):
    """Refuses every request once."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[Request] = []

    async def generate(self, request: Request) -> Generation:
        if not any(known is request for known in self.seen):
            self.seen.append(request)
            raise BackendError("busy", is_retryable=True, retry_after_s=0.0)
        return await super().generate(request)


async def test_what_may_be_tried_again_is_tried_again() -> None:
    outcomes = await run_checks(Busy(), ["continuation", "stop-ids", "budgets", "company"])
    assert {outcome.status for outcome in outcomes} == {"passed"}


class Stubborn(Toy):
    """Hangs, and does not let itself be cancelled."""

    async def generate(self, request: Request) -> Generation:
        while not self.is_closed:
            try:
                await asyncio.sleep(0.05)
            except asyncio.CancelledError:
                continue
        return await super().generate(request)


async def test_patience_ends_even_with_what_cannot_be_cancelled() -> None:
    backend = Stubborn()
    outcome = await run_check("continuation", backend, patience_s=0.2)
    assert outcome.status == "failed"
    assert "had not ended after 0 s" in outcome.detail
    await backend.aclose()
    await asyncio.sleep(0.15)


class Tied(Toy):
    """Two tokens, as likely as each other to ``gap``: which of them comes first changes with every request."""

    gap = 0.0
    n = 0

    async def serve(self, prompt: tuple[int, ...], request: Request) -> Generation:
        self.n += 1
        return await super().serve(prompt, request)

    def chances(self, ids: tuple[int, ...], request: Request) -> dict[int, float]:
        told = super().chances(ids, request)
        first, second, *_ = sorted(told, key=lambda token: -told[token])
        if len(ids) % 7 == 0 and self.n % 2:
            told[first], told[second] = told[first] - self.gap / 2, told[first] + self.gap / 2
        return told


async def test_greedy_runs_may_part_at_a_near_tie_and_nowhere_else() -> None:
    for gap, is_near in ((0.01, True), (0.2, False)):
        backend = Tied()
        backend.gap = gap
        subject = Subject(backend)
        prompt = subject.question(1)
        backend.n = 0
        runs = [subject.ids_of(await subject.ask(prompt, 16)) for _ in range(2)]
        assert runs[0] != runs[1]
        backend.n = 0
        if is_near:
            assert "near tie" in await subject.same(prompt, runs[0], runs[1], "it")
        else:
            with pytest.raises(Failure, match="they part at token"):
                await subject.same(prompt, runs[0], runs[1], "it")


async def test_the_same_seed_is_asked_of_a_model_that_is_very_sure() -> None:
    class Sure(Toy):
        def chances(self, ids: tuple[int, ...], request: Request) -> dict[int, float]:
            told = super().chances(ids, request)
            best = max(told, key=lambda token: told[token])
            return {token: value if token == best else value - 4 for token, value in told.items()}

    outcome = await run_check("seeds", Sure())
    assert outcome.status == "passed", outcome


async def test_a_model_that_ends_every_answer_at_once_is_said_to() -> None:
    backend = ScriptedBackend(lambda asked: "")
    outcome = await run_check("continuation", backend)
    assert outcome.status == "skipped"
    assert "nothing to cut" in outcome.detail
    assert (await run_check("company", backend)).status == "passed"


def test_the_kit_imports_no_pytest_and_no_backend() -> None:
    code = "import sys, thinkcurve.testing; print(*{m.split('.')[0] for m in sys.modules})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"pytest", "thinkcurve_backends", "torch", "xllamacpp"} & set(done.stdout.split())
