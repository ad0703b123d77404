"""The checks of chats can fail: broken providers are noticed, in words; honest ones pass, for few requests."""

import asyncio
import re
import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from broken_chat import BROKEN_CHATS, BrokenChat
from broken_text import BROKEN_TEXTS, BrokenText, think
from toy_chat import echo, honest

from thinkcurve.backend import Chat, Generation, NativeBudgets, Request, Visibility
from thinkcurve.budget import Control
from thinkcurve.errors import BackendError
from thinkcurve.testing import CHAT_CHECKS, Outcome, most_requests, run_check, run_checks
from thinkcurve_backends.scripted import AskedChat, ScriptedBatches, ScriptedChat, ScriptedText

PATIENCE_S = 1.0
"""For what hangs; an honest request takes milliseconds."""


@pytest.mark.parametrize("broken", BROKEN_CHATS, ids=lambda broken: f"{broken.name}-{broken.check}")
async def test_a_broken_provider_is_noticed_by_its_check(broken: BrokenChat) -> None:
    outcome = await run_check(broken.check, broken.opens(), patience_s=PATIENCE_S)
    assert outcome.status == "failed", outcome
    assert re.search(broken.says, outcome.detail), outcome.detail


@pytest.mark.parametrize("broken", BROKEN_TEXTS, ids=lambda broken: broken.opens.__name__)
async def test_a_broken_endpoint_of_text_is_noticed(broken: BrokenText) -> None:
    outcome = await run_check("text-continuation", broken.opens(), patience_s=PATIENCE_S)
    assert outcome.status == "failed", outcome
    assert re.search(broken.says, outcome.detail), outcome.detail


def test_every_check_of_chats_is_proved_able_to_fail() -> None:
    assert {broken.check for broken in BROKEN_CHATS} | {"text-continuation"} == {*CHAT_CHECKS, "batch"}


def _problems(outcomes: list[Outcome]) -> dict[str, str]:
    return {outcome.name: outcome.detail for outcome in outcomes if outcome.status == "failed"}


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"visibility": Visibility.SUMMARY},
        {"visibility": Visibility.HIDDEN, "charge": lambda usage: 0.001},
        {"native": NativeBudgets(least=1024, has_zero=False), "natural": 20_000, "max_output_tokens": 64_000},
        {"context_tokens": 1024},
        {"natural": lambda question, seed: 500 + hash((question, seed)) % 300},
        {"natural": 0},
        {"scales": {"low": 0.4, "high": 1.0}, "concurrency": 1},
    ],
    ids=lambda options: "-".join(options) or "plain",
)
async def test_honest_providers_pass_every_check_within_the_requests_announced(options: dict[str, Any]) -> None:
    backend = honest(ScriptedBatches, **options)
    names = ["batch", *CHAT_CHECKS]
    outcomes = await run_checks(backend, names)
    assert _problems(outcomes) == {}
    for outcome in outcomes:
        assert outcome.spent.requests <= (most_requests(backend, [outcome.name]) or 0), outcome.name
    assert backend.n_requests <= (most_requests(backend, names) or 0) <= 90


async def test_an_honest_endpoint_of_text_passes_every_check() -> None:
    for counts_stop in (False, True):
        outcomes = await run_checks(ScriptedText(think, counts_stop=counts_stop))
        assert _problems(outcomes) == {}
        assert {outcome.name for outcome in outcomes if outcome.status == "skipped"} == {"native-budget", "effort"}


async def test_numbers_are_said_where_a_budget_is_kept_and_overshot() -> None:
    found = await run_check("native-budget", honest(ScriptedBatches))
    assert found.status == "passed"
    assert found.detail == "asked 64: spent 70, 70, 70; asked 1,024: spent 900, 900, 900; up to 9 % over; 0: none"
    assert found.spent.thinking_tokens == 3 * 70 + 3 * 900


async def test_levels_are_listed_as_taken_and_refused() -> None:
    class Untold(ScriptedChat):
        """Says nothing of its levels before it is asked."""

        def __init__(self) -> None:
            super().__init__(echo, natural=900, scales={"low": 0.3, "medium": 0.6, "high": 1.0})
            self.levels, self.model = self.model, _without_levels(self.model)

        async def generate(self, request: Request) -> Generation:
            self.model = self.levels
            try:
                return await super().generate(request)
            finally:
                self.model = _without_levels(self.model)

    found = await run_check("effort", Untold())
    assert found.status == "passed", found
    assert "effort low: spent 270, 270, 270; effort high: spent 900, 900, 900" in found.detail
    assert "taken: low, medium, high; refused: none, minimal, xhigh, max" in found.detail


def _without_levels(model: Any) -> Any:
    import msgspec

    return msgspec.structs.replace(model, efforts=())


async def test_uncounted_thinking_with_an_effect_is_skipped_and_says_why() -> None:
    found = await run_check("native-budget", ScriptedChat(echo, natural=900, counts=False))
    assert found.status == "skipped"
    assert "nobody counts the thinking, so a curve has no x" in found.detail


async def test_a_model_that_thinks_little_is_asked_for_less_than_that() -> None:
    found = await run_check("native-budget", ScriptedChat(echo, natural=40))
    assert (found.status, found.detail[:58]) == ("passed", "asked 10: spent 10, 10, 10; asked 1,024: spent 40, 40, 40;")
    without = ScriptedChat(echo, natural=40, spends=lambda budget, rng: 40)
    found = await run_check("native-budget", without)
    assert found.status == "failed"
    assert "budget_tokens has no effect: asked 10: spent 40, 40, 40; asked 1,024" in found.detail


async def test_an_effect_that_is_not_clear_is_looked_at_again() -> None:
    def drawn(question: str, seed: int) -> int:
        return 600 + 37 * (len(question) + 11 * seed) % 300

    weak = ScriptedChat(echo, natural=drawn, spends=lambda budget, rng: 8 * budget)
    found = await run_check("native-budget", weak)
    assert found.status == "passed", found
    assert found.detail.count(", ") >= 10
    assert found.spent.requests == 13


@pytest.mark.parametrize("check", ["native-budget", "effort"])
async def test_a_model_that_thinks_too_little_to_tell_is_skipped(check: str) -> None:
    found = await run_check(check, ScriptedChat(echo, natural=6))
    assert found.status == "skipped"
    assert "thinks too little" in found.detail


async def test_checks_that_do_not_fit_are_skipped_with_their_reason() -> None:
    chat = honest(ScriptedChat, controls=frozenset({Control.PROMPT}))  # type: ignore[type-var]
    for backend, check, says in (
        (chat, "native-budget", "does not offer control native"),
        (chat, "effort", "does not offer control effort"),
        (chat, "text-continuation", "goes on with no prefix"),
        (chat, "batch", "takes no batches"),
        (chat, "continuation", "gives no token ids"),
    ):
        outcome = await run_check(check, backend)
        assert outcome.status == "skipped"
        assert says in outcome.detail


async def test_batches_are_not_tried_unless_asked_for_by_name() -> None:
    backend = honest(ScriptedBatches)
    assert "batch" not in {outcome.name for outcome in await run_checks(backend)}
    assert not backend.store


async def test_chats_at_work_are_cancelled() -> None:
    async def slow(asked: AskedChat) -> str:
        await asyncio.sleep(0.05)
        return "75"

    outcome = await run_check("chat-cancellation", ScriptedChat(slow))
    assert (outcome.status, outcome.detail) == ("passed", "4 running ones")


class NeedsRoom(ScriptedBatches):
    """Takes budgets from 1,024 on, and nothing that leaves no room for that, as Anthropic's models up to Claude 4.6."""

    async def generate(self, request: Request) -> Generation:
        chat = request.prompt
        if isinstance(chat, Chat) and chat.budget_tokens != 0 and request.max_tokens <= 1024 and not self._is_closed:
            raise BackendError("max_tokens leaves too little for thinking")
        return await super().generate(request)


async def test_a_provider_with_a_large_least_budget_is_asked_for_no_less() -> None:
    options = {"native": NativeBudgets(least=1024), "natural": 20_000, "max_output_tokens": 64_000}
    backend = honest(NeedsRoom, controls=frozenset({Control.NATIVE, Control.PROMPT}), **options)
    outcomes = await run_checks(backend, ["batch", *CHAT_CHECKS])
    assert _problems(outcomes) == {}
    [found] = [outcome.detail for outcome in outcomes if outcome.name == "native-budget"]
    assert found.startswith("asked 1,024: spent 1,126, 1,126, 1,126; asked 16,384: spent 18,022, 18,022, 18,022;")
