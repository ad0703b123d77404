"""Truncation where only text goes in and out, against the same model asked with token ids."""

from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scripts import Doubling
from thinkcurve.backend import Chat, Generation, Request, Stop, Usage
from thinkcurve.budget import Control, Cut, Ending, budget_key
from thinkcurve.errors import BackendError, UsageError
from thinkcurve.opened import Prompt
from thinkcurve.plan import Given
from thinkcurve.problem import Verdict
from thinkcurve.purse import spent
from thinkcurve.run import Run, load_run, sweep_async
from thinkcurve.spoken import TextSession, answer, cut, cuts, plan_traces, think
from thinkcurve.store import Trace
from thinkcurve.study import Study
from thinkcurve.tables import read_records
from thinkcurve.ways import open_model
from thinkcurve_backends.scripted import Asked, ScriptedText

STUDY = Study(models=("text",), tasks=("doubling",), budgets=(0, 3, 5, 8, 40), answer_tokens=16)
THOUGHTS = ["so", "we", "take", "the", "number", "and", "add", "it", "to", "itself", "once"]


def thinker(asked: Asked) -> str:
    """Thinks a few words, their number fixed by the question, and is right once it thought them all."""
    number = int(asked.prompt.split()[-1].split("<")[0])
    whole = "".join(f" {word}" for word in THOUGHTS[: number % 9])
    if asked.wants_thinking:
        return whole
    return f"\\boxed{{{2 * number if asked.thinking == whole else -1}}}"


class Counting(ScriptedText):
    """Counts what ended a reply, as servers do, and keeps what it was asked."""

    def __init__(self) -> None:
        super().__init__(thinker, counts_stop=True)
        self.heard: list[Request] = []

    async def generate(self, request: Request) -> Generation:
        self.heard.append(request)
        return await super().generate(request)


async def swept(path: Path, study: Study = STUDY, backend: Any = None) -> Run:
    return await sweep_async(study, path, Given({"text": backend or Counting()}, {"doubling": Doubling()}))


def said_of(run: Run) -> set[tuple[object, ...]]:
    attempts = run.records.attempts.values()
    return {(a.key, a.verdict, a.is_forced, a.thinking_tokens, a.answer, a.ending) for a in attempts}


async def test_one_trace_serves_the_ladder_and_equals_a_trace_for_each_budget(tmp_path: Path) -> None:
    shared = await swept(tmp_path / "shared")
    separate = await swept(tmp_path / "separate", msgspec.structs.replace(STUDY, traces="separate"))
    assert said_of(shared) == said_of(separate)
    assert shared.traces["generated_spent"].sum() < separate.traces["generated_spent"].sum()
    by_budget = {point.budget: (point.accuracy, point.forced) for point in shared.curves()[0].points}
    assert by_budget[0] == (3 / 20, 20)
    assert by_budget[40] == (1.0, 0)


async def test_a_trace_holds_the_text_and_where_it_can_be_cut(tmp_path: Path) -> None:
    run = await swept(tmp_path)
    trace = run.records.traces[("text", "doubling/test/7", 0, None)]
    assert trace.text == " so we take the number and add"
    assert (trace.thinking_tokens, trace.ending, trace.token_ids) == (7, Ending.CLOSED, ())
    assert [cut(trace, b).text for b in (0, 3, 5, 8)] == ["", " so we take", " so we take the number", trace.text]
    assert [cut(trace, b).is_forced for b in (0, 3, 5, 8, None)] == [True, True, True, False, False]
    with pytest.raises(ValueError, match="never cut at 4"):
        cut(trace, 4)


async def test_budgets_added_above_go_on_with_the_trace_and_those_within_branch_off(tmp_path: Path) -> None:
    await swept(tmp_path, msgspec.structs.replace(STUDY, budgets=(0, 5)))
    backend = Counting()
    run = await swept(tmp_path, msgspec.structs.replace(STUDY, budgets=(0, 3, 5, 8)), backend)
    whole = await swept(tmp_path / "whole", msgspec.structs.replace(STUDY, budgets=(0, 3, 5, 8)))
    assert said_of(run) == said_of(whole)
    trace = run.records.traces[("text", "doubling/test/8", 0, 3)]
    assert (trace.text, trace.thinking_tokens) == (" so we take", 3)
    again = Counting()
    await swept(tmp_path, msgspec.structs.replace(STUDY, budgets=(0, 3, 5, 8)), again)
    assert again.heard == []


async def test_the_model_is_made_to_think_on_in_text_as_well(tmp_path: Path) -> None:
    study = msgspec.structs.replace(STUDY, control=Control.EXTEND, budgets=(4, 40), limit=3)
    run = await swept(tmp_path, study)
    for trace in run.records.traces.values():
        assert trace.text.count("Wait") == len(trace.waits) == 2
        assert len(trace.wait_endings) == 2
    short = run.records.attempts[("text", "doubling/test/2", 0, 4)]
    assert short.thinking_tokens is not None
    assert short.thinking_tokens <= 4


class Limited(Counting):
    """Never generates more than five tokens, whatever is asked, and says that it stopped for length."""

    async def generate(self, request: Request) -> Generation:
        return await super().generate(msgspec.structs.replace(request, max_tokens=min(request.max_tokens, 5)))


class Uncounted(Counting):
    """Does not say how many tokens it generated."""

    async def generate(self, request: Request) -> Generation:
        return msgspec.structs.replace(await super().generate(request), usage=Usage())


async def test_a_server_with_a_limit_of_its_own_gives_failures_and_no_false_budget(tmp_path: Path) -> None:
    run = await swept(tmp_path, msgspec.structs.replace(STUDY, budgets=(0, 8)), Limited())
    assert all("a limit of its server's own" in error for error in run.failures["error"])
    assert len(run.failures) == 8, "the upper budget of the eight problems with five words or more, one for the marker"
    assert [point.n_problems for point in run.curves()[0].points] == [20, 12]


async def test_a_server_that_does_not_count_is_given_up_at_once(tmp_path: Path) -> None:
    with pytest.raises(BackendError, match="does not count"):
        await swept(tmp_path, backend=Uncounted())


async def test_a_natural_end_needs_a_bound(tmp_path: Path) -> None:
    study = msgspec.structs.replace(STUDY, budgets=(0, None))
    with pytest.raises(UsageError, match="max_output_tokens"):
        await swept(tmp_path / "no", study)
    run = await swept(tmp_path / "yes", msgspec.structs.replace(study, max_output_tokens=30))
    assert run.curves()[0].points[-1].accuracy == 1.0
    cut_off = await swept(tmp_path / "short", msgspec.structs.replace(study, max_output_tokens=2))
    assert {a.ending for a in cut_off.records.attempts.values() if a.budget is None} == {Ending.CONTEXT, Ending.CLOSED}


def session_of(study: Study) -> tuple[TextSession, Prompt]:
    session = open_model("text", Counting(), study)
    assert isinstance(session, TextSession)
    problem = Doubling().problems()[8]
    return session, session.prompt(problem, Doubling().prompt(problem))


async def test_a_cut_is_closed_in_the_words_of_the_model() -> None:
    session, _ = session_of(STUDY)
    form = msgspec.structs.replace(session.thinking, wrap_up="\nTime is up.\n", cue="So:")
    session = TextSession(**{f: getattr(session, f) for f in ("spec", "backend", "study", "sampling")}, thinking=form)
    close = form.close
    assert session.closing(Cut((), Ending.BUDGET, "so", 1)) == f"\nTime is up.\n{close}So:"
    assert session.closing(Cut((), Ending.BUDGET, "so\n", 1)) == f"Time is up.\n{close}So:"
    assert session.closing(Cut((), Ending.BUDGET, "", 0)) == f"{close}So:"
    assert session.closing(Cut((), Ending.CLOSED, "so", 1)) == close


@settings(max_examples=60, deadline=None)
@given(ladders=st.lists(st.lists(st.integers(0, 12), min_size=1, max_size=4, unique=True).map(sorted), max_size=4))
async def test_ladders_in_any_order_give_the_cuts_of_the_whole_thinking(ladders: list[list[int]]) -> None:
    session, prompt = session_of(STUDY)
    words = [f" {word}" for word in THOUGHTS[:8]]
    trace: Trace | None = None
    for ladder in ladders:
        shared, branched = plan_traces(trace, ladder)
        assert sorted([*shared, *branched], key=budget_key) == ladder
        if not shared:
            continue
        trace = (await think(session, prompt, 0, shared, known=trace)).trace
        for made, served in cuts(trace, shared):
            for budget in served:
                assert budget is not None
                assert made.text == "".join(words[:budget])
                assert made.is_forced == (budget <= 8)  # a natural end at exactly 8 is not seen
            generation = await answer(session, prompt, 0, made, separate=None)
            assert generation.stop in (Stop.EOS, Stop.STOP)


async def test_text_is_asked_for_in_messages_with_a_prefix(tmp_path: Path) -> None:
    backend = Counting()
    await swept(tmp_path, msgspec.structs.replace(STUDY, limit=1), backend)
    chats = [request.prompt for request in backend.heard]
    assert all(isinstance(chat, Chat) and chat.prefix is not None for chat in chats)


PRICES = {"input": 1.0, "output": 10.0}
LONG = [f" w{i}" for i in range(300)]


def rambler(asked: Asked) -> str:
    """Thinks 300 words, and is always right."""
    return "".join(LONG) if asked.wants_thinking else f"\\boxed{{{2 * int(asked.prompt.split()[-1].split('<')[0])}}}"


class Paid(ScriptedText):
    """Rambles, adds up what it charged, and makes of its requests by number, first is 1, what ``change`` says."""

    def __init__(self, change: Any = lambda n, made: made, **options: Any) -> None:
        super().__init__(rambler, **options)
        self.heard: list[Request] = []
        self.usd = 0.0
        self._change = change

    async def generate(self, request: Request) -> Generation:
        self.heard.append(request)
        made = self._change(len(self.heard), await super().generate(request))
        assert isinstance(made, Generation)
        assert made.usage.prompt_tokens is not None
        assert made.usage.generated_tokens is not None
        self.usd += (made.usage.prompt_tokens * 1.0 + made.usage.generated_tokens * 10.0) / 1e6
        return made


def failing_at(number: int, **how: Any) -> Any:
    def change(n: int, made: Generation) -> Generation:
        if n == number:
            raise BackendError("HTTP 400", **how)
        return made

    return change


async def test_a_failure_keeps_what_was_thought_and_fails_only_the_budgets_above(tmp_path: Path) -> None:
    study = msgspec.structs.replace(STUDY, budgets=(16, 64, 90), limit=1, prices={"text": PRICES}, max_usd=100.0)
    backend = Paid(failing_at(3))
    run = await swept(tmp_path, study, backend)
    assert [(point.budget, point.n_problems) for point in run.curves()[0].points] == [(16, 1), (64, 1), (90, 0)]
    assert [failure.budget for failure in run.records.failures.values()] == [90]
    assert spent(run.records) == pytest.approx(backend.usd)
    asked_before = len(backend.heard)
    run = await swept(tmp_path, study, backend)
    assert (len(run.records.failures), len(backend.heard) - asked_before) == (0, 2), "the last piece and its answer"
    assert spent(run.records) == pytest.approx(backend.usd)


async def test_each_piece_is_recorded_before_the_next_is_asked_for(tmp_path: Path) -> None:
    study = msgspec.structs.replace(STUDY, budgets=(16, 64), limit=1)
    with pytest.raises(BackendError):
        await swept(tmp_path, study, Paid(failing_at(2, is_fatal=True)))
    trace = read_records(tmp_path, lambda _: None).traces[("text", "doubling/test/0", 0, None)]
    assert (trace.thinking_tokens, trace.ending) == (16, Ending.BUDGET)


async def test_a_model_that_is_lost_is_asked_nothing_more(tmp_path: Path) -> None:
    study = msgspec.structs.replace(STUDY, models=("text", "other"), budgets=(0, 3, 8), limit=1, traces="separate")
    backend = Paid(failing_at(2, is_fatal=True))
    with pytest.raises(BackendError):
        await sweep_async(study, tmp_path, Given({"text": backend, "other": Counting()}, {"doubling": Doubling()}))
    assert len(backend.heard) == 2
    assert {a.model for a in load_run(tmp_path).records.attempts.values() if a.budget == 8} == {"other"}


@pytest.mark.parametrize("word", [Stop.CONTEXT, Stop.LENGTH])
async def test_thinking_leaves_the_answer_its_reserve_in_the_context(tmp_path: Path, word: Stop) -> None:
    def change(_: int, made: Generation) -> Generation:
        return msgspec.structs.replace(made, stop=word) if made.stop is Stop.CONTEXT else made

    study = msgspec.structs.replace(STUDY, budgets=(16, 83), limit=3)
    run = await swept(tmp_path, study, Paid(change, context_tokens=100))
    assert [(point.n_problems, point.accuracy) for point in run.curves()[0].points] == [(3, 1.0), (3, 1.0)]
    for attempt in run.records.attempts.values():
        if attempt.budget == 83:
            assert (attempt.ending, attempt.is_forced) == (Ending.CONTEXT, True)
            assert 60 < (attempt.thinking_tokens or 0) < 100 - 16 - 7


@pytest.mark.parametrize("word", [Stop.CONTEXT, Stop.LENGTH])
async def test_thinking_that_ate_the_reserve_of_a_prompt_longer_than_it_looked_is_asked_for_again(
    tmp_path: Path, word: Stop
) -> None:
    def change(_: int, made: Generation) -> Generation:
        assert made.usage.prompt_tokens is not None
        usage = msgspec.structs.replace(made.usage, prompt_tokens=made.usage.prompt_tokens + 50)
        return msgspec.structs.replace(made, usage=usage, stop=word if made.stop is Stop.CONTEXT else made.stop)

    backend = Paid(change, context_tokens=150)
    backend.model = msgspec.structs.replace(backend.model, context_tokens=200)  # of which the template takes 50
    study = msgspec.structs.replace(STUDY, budgets=(180,), limit=1, prices={"text": PRICES}, max_usd=100.0)
    run = await swept(tmp_path, study, backend)
    (attempt,) = run.records.attempts.values()
    assert (attempt.ending, attempt.verdict, len(backend.heard)) == (Ending.CONTEXT, Verdict.CORRECT, 3)
    assert 110 < (attempt.thinking_tokens or 0) < 200 - 57 - 16
    assert spent(run.records) == pytest.approx(backend.usd)


async def test_a_budget_that_fits_no_prompt_is_refused(tmp_path: Path) -> None:
    study = msgspec.structs.replace(STUDY, budgets=(16, 84))
    with pytest.raises(UsageError, match="budget 84 does not fit"):
        await swept(tmp_path, study, Paid(context_tokens=100))


async def test_a_budget_that_a_natural_end_would_not_reach_is_refused(tmp_path: Path) -> None:
    study = msgspec.structs.replace(STUDY, budgets=(16, 64, None), max_output_tokens=64, limit=1)
    with pytest.raises(UsageError, match="budget 64 is not below budget none"):
        await swept(tmp_path, study, Paid())
    run = await swept(tmp_path, msgspec.structs.replace(study, max_output_tokens=65), Paid())
    assert [point.thinking_tokens for point in run.curves()[0].points] == [16, 64, 65]


async def test_a_model_that_refuses_in_its_thinking_is_not_asked_for_an_answer(tmp_path: Path) -> None:
    def change(n: int, made: Generation) -> Generation:
        return msgspec.structs.replace(made, stop=Stop.REFUSAL, text="I cannot") if n == 2 else made

    study = msgspec.structs.replace(STUDY, budgets=(4, 8, 40), limit=1, prices={"text": PRICES}, max_usd=100.0)
    backend = Paid(change)
    run = await swept(tmp_path, study, backend)
    verdicts = {key[-1]: (a.verdict, a.reason) for key, a in run.records.attempts.items()}
    assert verdicts.pop(4)[0] is Verdict.CORRECT
    assert verdicts == dict.fromkeys((8, 40), (Verdict.NO_ANSWER, "refusal"))
    assert (len(backend.heard), run.records.failures) == (3, {})
    assert spent(run.records) == pytest.approx(backend.usd)


async def test_a_branch_took_its_part_of_the_time(tmp_path: Path) -> None:
    def change(_: int, made: Generation) -> Generation:
        return msgspec.structs.replace(made, wall_s=float(made.usage.generated_tokens or 0))

    study = msgspec.structs.replace(STUDY, budgets=(100, 250), limit=1)
    await swept(tmp_path, study, Paid(change))
    run = await swept(tmp_path, msgspec.structs.replace(study, budgets=(100, 110, 250)), Paid(change))
    assert [point.wall_s for point in run.curves()[0].points] == [101.0, 111.0, 251.0]


async def test_a_wait_that_ends_the_thinking_and_a_study_without_template_are_refused(tmp_path: Path) -> None:
    study = msgspec.structs.replace(STUDY, control=Control.EXTEND, wait="</think> Wait")
    with pytest.raises(UsageError, match="holds a thinking marker"):
        await swept(tmp_path, study)
    with pytest.raises(UsageError, match="chat_template=false"):
        await swept(tmp_path, msgspec.structs.replace(STUDY, chat_template=False))


async def test_a_reply_of_a_token_too_many_fails_alone(tmp_path: Path) -> None:
    def change(n: int, made: Generation) -> Generation:
        usage = msgspec.structs.replace(made.usage, generated_tokens=9)
        return msgspec.structs.replace(made, usage=usage) if n == 1 else made

    study = msgspec.structs.replace(STUDY, budgets=(8,), limit=3)
    run = await swept(tmp_path, study, Paid(change))
    assert [failure.error for failure in run.records.failures.values()] == [
        "text generated 9 tokens where 8 were allowed"
    ]
    assert len(run.records.attempts) == 2


async def test_all_budgets_of_a_trace_have_the_same_prompt(tmp_path: Path) -> None:
    run = await swept(tmp_path, msgspec.structs.replace(STUDY, limit=3))
    assert run.attempts.groupby("problem")["prompt_tokens"].nunique().tolist() == [1, 1, 1]
