"""The scripted models behind messages and text: controls, counts, faults and batches of a provider, by script."""

import asyncio
import dbm.dumb
from pathlib import Path

import pytest

from thinkcurve.backend import Batching, Chat, NativeBudgets, Request, Stop, Usage, Visibility
from thinkcurve.errors import BackendError
from thinkcurve.problem import Message
from thinkcurve_backends.scripted import Asked, AskedChat, ScriptedBatches, ScriptedChat, ScriptedText, improving
from thinkcurve_backends.scripted.words import words

QUESTION = (Message("user", "What is 6*7?"),)


def chat(max_tokens: int = 0, *, seed: int = 0, **how: object) -> Request:
    return Request(Chat(QUESTION, **how), max_tokens, seed=seed)  # type: ignore[arg-type]


def spent(asked: AskedChat) -> str:
    return f"after {asked.thinking_tokens}"


async def test_a_chat_thinks_as_long_as_it_likes_or_is_told() -> None:
    backend = ScriptedChat(spent, natural=100)
    for how, n in (
        ({}, 100),
        ({"budget_tokens": 30}, 30),
        ({"budget_tokens": 0}, 0),
        ({"budget_tokens": 400}, 100),
        ({"effort": "none"}, 0),
        ({"effort": "low"}, 25),
        ({"effort": "max"}, 200),
    ):
        made = await backend.generate(chat(**how))
        assert (made.text, made.stop) == (f"after {n}", Stop.EOS)
        assert len((made.thinking or "").split()) == n
        assert made.usage == Usage(7, 0, n, 2, "provider", n + 2)


async def test_budgets_are_overshot_by_rule() -> None:
    backend = ScriptedChat(spent, natural=1000, spends=lambda budget, rng: budget * 2 + rng.randrange(2))
    first, again = [await backend.generate(chat(budget_tokens=50, seed=3)) for _ in range(2)]
    assert first.usage.thinking_tokens in (100, 101)
    assert (first.usage, first.text) == (again.usage, again.text)


async def test_length_inside_the_thinking_gives_no_answer() -> None:
    backend = ScriptedChat(spent, natural=100)
    cut = await backend.generate(chat(40))
    assert (cut.text, cut.stop, cut.usage.thinking_tokens, cut.usage.generated_tokens) == ("", Stop.LENGTH, 40, 40)
    cut = await backend.generate(chat(101))
    assert (cut.text, cut.stop, cut.usage.answer_tokens) == ("after", Stop.LENGTH, 1)


@pytest.mark.parametrize(
    ("request_", "says"),
    [
        (chat(budget_tokens=63), "budget 63 is refused: at least 64 and at most 900"),
        (chat(budget_tokens=0), "budget 0 is refused"),
        (chat(effort="xhigh"), "effort 'xhigh' is none of low, high"),
        (chat(effort="low", budget_tokens=64), "exclude each other"),
        (chat(9000), "max_tokens 9000 is not between 0 and 8192"),
        (chat(prefix="<think>"), "continues nothing"),
    ],
)
async def test_what_the_model_does_not_take_is_refused(request_: Request, says: str) -> None:
    native = NativeBudgets(least=64, most=900, has_zero=False)
    backend = ScriptedChat(spent, native=native, scales={"low": 0.5, "high": 1})
    with pytest.raises(BackendError, match=says) as caught:
        await backend.generate(request_)
    assert not caught.value.is_retryable
    assert not caught.value.is_fatal


async def test_visibility_counts_and_charges_are_those_of_the_script() -> None:
    for visibility, shown in ((Visibility.SUMMARY, "It weighed the question."), (Visibility.ENCRYPTED, None)):
        made = await ScriptedChat(spent, visibility=visibility).generate(chat())
        assert (made.visibility, made.thinking) == (visibility, shown)
    uncounted = await ScriptedChat(spent, natural=5, counts=False, charge=lambda usage: 0.5).generate(chat())
    assert uncounted.usage == Usage(7, 0, generated_tokens=7, usd=0.5)


async def test_refusals_faults_and_hangs_are_scripted() -> None:
    declined = await ScriptedChat(lambda asked: None).generate(chat())
    assert (declined.text, declined.stop) == ("", Stop.REFUSAL)

    async def hang(asked: AskedChat) -> str:
        if asked.seed:
            raise BackendError("overloaded", is_retryable=True, retry_after_s=1)
        await asyncio.Event().wait()
        return ""

    backend = ScriptedChat(hang)
    with pytest.raises(BackendError, match="overloaded"):
        await backend.generate(chat(seed=1))
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(backend.generate(chat()), 0.01)


async def test_more_thinking_makes_right_more_often_and_never_wrong_again() -> None:
    backend = ScriptedChat(improving(lambda question: "42", half_tokens=64), natural=1000)
    right = []
    for budget in (0, 64, 512):
        said = [(await backend.generate(chat(budget_tokens=budget, seed=seed))).text for seed in range(60)]
        right.append({seed for seed, text in enumerate(said) if text == "42"})
    assert right[0] == set()
    assert right[1] < right[2]
    assert 20 <= len(right[1]) <= 40


async def test_batches_end_after_a_while_and_are_found_again_by_a_new_object(tmp_path: Path) -> None:
    def answer(asked: AskedChat) -> str | None:
        if asked.seed == 1:
            raise BackendError("expired")
        return "42"

    requests = {f"r{seed}": chat(seed=seed, budget_tokens=8) for seed in range(3)}
    with dbm.dumb.open(str(tmp_path / "batches")) as store:
        first = ScriptedBatches(answer, store=store, ends_after=2)
        assert isinstance(first, Batching)
        batch = await first.submit(requests)
        assert not (await first.status(batch)).is_ended
    with dbm.dumb.open(str(tmp_path / "batches")) as store:
        second = ScriptedBatches(answer, store=store, ends_after=2, begins=lambda request: request.seed != 2)
        with pytest.raises(BackendError, match="has not ended"):
            await second.collect(batch)
        assert (await second.status(batch)).is_ended
        came = await second.collect(batch)
        assert await second.submit(requests) != batch
    assert sorted(came) == ["r0", "r1"]
    assert str(came["r1"]) == "expired"
    assert getattr(came["r0"], "text", None) == "42"
    assert not isinstance(ScriptedChat(answer), Batching)


async def test_batch_calls_fail_by_script_and_strangers_are_refused() -> None:
    backend = ScriptedBatches(spent, faults=[BackendError("busy", is_retryable=True), None], most_in_batch=1)
    with pytest.raises(BackendError, match="busy"):
        await backend.submit({"a": chat()})
    await backend.submit({"a": chat()})
    with pytest.raises(BackendError, match="2 requests is refused: 1 to 1"):
        await backend.submit({"a": chat(), "b": chat()})
    with pytest.raises(BackendError, match="no batch 'other'"):
        await backend.status("other")


def thinker(asked: Asked) -> str:
    return "six  sevens,\nfour tens and two" if asked.wants_thinking else f"42 after {len(asked.thinking)}"


WHOLE = "<think>six  sevens,\nfour tens and two</think>42 after 30"


def text(prefix: str | None, max_tokens: int = 100, **how: object) -> Request:
    return Request(Chat(QUESTION, prefix=prefix), max_tokens, **how)  # type: ignore[arg-type]


async def test_text_is_gone_on_with_wherever_it_is_cut() -> None:
    backend = ScriptedText(thinker)
    tokens = words(WHOLE)
    assert "".join(tokens) == WHOLE
    for cut in range(len(tokens) + 1):
        begun = "".join(tokens[:cut])
        rest = await backend.generate(text(begun))
        assert (begun + rest.text, rest.stop) == (WHOLE, Stop.EOS)
        assert rest.usage.generated_tokens == len(tokens) - cut
        assert rest.usage.prompt_tokens == 7 + cut
        first = await backend.generate(text("", cut))
        assert (first.text, first.stop) == (begun, Stop.EOS if cut == len(tokens) else Stop.LENGTH)
        assert first.usage.generated_tokens == cut


async def test_stop_texts_end_a_text_and_are_not_part_of_it() -> None:
    for counts_stop in (False, True):
        backend = ScriptedText(thinker, counts_stop=counts_stop)
        made = await backend.generate(text("<think>", stop=("</think>",)))
        assert (made.text, made.stop) == ("six  sevens,\nfour tens and two", Stop.STOP)
        assert made.usage.generated_tokens == 6 + counts_stop
    answer = await backend.generate(text("<think>six</think>"))
    assert answer.text == "42 after 3"


async def test_text_without_a_prefix_is_a_chat_and_a_full_context_is_told() -> None:
    backend = ScriptedText(thinker, context_tokens=12)
    made = await backend.generate(text(None, 0))
    assert (made.text, made.stop, made.usage.generated_tokens) == ("", Stop.CONTEXT, 5)
    assert (await backend.generate(text("", 9))).stop is Stop.CONTEXT
    with pytest.raises(BackendError, match="no room"):
        await backend.generate(text(WHOLE, 9))
    whole = await ScriptedText(thinker).generate(text(None, 0))
    assert (whole.text, whole.thinking) == ("42 after 30", "six  sevens,\nfour tens and two")


@pytest.mark.parametrize("backend", [ScriptedChat(spent), ScriptedText(thinker), ScriptedBatches(spent)])
async def test_closing_is_final(backend: ScriptedChat | ScriptedText) -> None:
    await backend.aclose()
    await backend.aclose()
    with pytest.raises(BackendError, match="closed") as caught:
        await backend.generate(chat())
    assert caught.value.is_fatal
