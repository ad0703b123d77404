"""The controls beside plain truncation: s1's "Wait", the engine's own budget, a budget told in words."""

import hashlib
from pathlib import Path

import msgspec
import pytest
from hypothesis import given as for_all
from hypothesis import strategies as st

from scripts import STUDY, Asked, Doubling, adder, changed, given, said, sweep, thinking_of
from thinkcurve.backend import Continuation, Request
from thinkcurve.budget import THINK_TAGS, Control, Cut, Ending, ThinkingFormat
from thinkcurve.errors import UsageError
from thinkcurve.pipeline import answer, cuts, think
from thinkcurve.plan import Given
from thinkcurve.problem import Message, Verdict
from thinkcurve.run import Run
from thinkcurve.served import serve
from thinkcurve.session import Session, open_session
from thinkcurve_backends.scripted import CLOSE_ID, ByteTokenizer, ScriptedBackend

EXTEND = changed(control=Control.EXTEND, answer_tokens=200)
SERVER = changed(control=Control.SERVER)
TOLD = changed(control=Control.PROMPT, budgets=(0, 8, 64, None))
QWEN = ThinkingFormat("q", "<think>", "</think>", wrap_up="\nTime is up.\n", empty="\n", cue="\n\nAnswer: ")


def doubter(asked: Asked) -> str:
    """Thinks 0 to 39 bytes, and after each "Wait" a dozen more, another length each time; answers with its thinking."""
    if not asked.wants_thinking:
        return f"\\boxed{{{asked.thinking.count('Wait')}}} after {asked.thinking}"
    parts = asked.thinking.split("Wait")
    more = hashlib.sha256(asked.prompt.encode() + bytes([len(parts)])).hexdigest()
    if len(parts) == 1:
        return thinking_of(asked.prompt)
    return asked.thinking.removesuffix(parts[-1]) + more[: int(more[:2], 16) % 13]


def facts(run: Run) -> set[tuple[object, ...]]:
    """What an attempt is, without its seed and what the run spent on it."""
    return {
        (a.key, a.verdict, a.answer_ids, a.thinking_tokens, a.is_forced, a.ending, a.total_tokens)
        for a in run.records.attempts.values()
    }


def session_of(study: object = STUDY, function: object = adder, thinking: ThinkingFormat = THINK_TAGS) -> Session:
    backend = ScriptedBackend(function, thinking=thinking)  # type: ignore[arg-type]
    return open_session("adder", backend, study)  # type: ignore[arg-type]


def s1(prompt: str, budget: int | None, waits: int) -> tuple[str, bool]:
    """The thinking of s1's procedure by its letter: a trace of the budget's own, "Wait" in place of each early end."""
    text, n = thinking_of(prompt), 0
    while n < waits and (budget is None or len(text) + len("Wait") < budget):
        n += 1
        text += "Wait"
        asked = Asked(prompt, text, True, text, 0, 0, 0.0)
        text += doubter(asked).removeprefix(text)
    return (text, False) if budget is None or len(text) <= budget else (text[:budget], True)


@pytest.mark.parametrize("waits", [0, 1, 2, 5])
async def test_extend_is_the_procedure_of_s1_at_every_budget(tmp_path: Path, waits: int) -> None:
    ladder = (*range(60), 100, None)
    run = await sweep(tmp_path, changed(EXTEND, waits=waits, budgets=ladder), given(doubter))
    assert len(run.attempts) == 20 * len(ladder)
    for attempt in run.records.attempts.values():
        prompt = f"double {attempt.index}"
        text, is_forced = s1(prompt, attempt.budget, waits)
        assert attempt.answer.partition(" after ")[2] == text, (prompt, attempt.budget)
        assert (attempt.is_forced, attempt.thinking_tokens) == (is_forced, len(text))


async def test_an_extended_trace_serves_all_budgets_as_traces_of_their_own_would(tmp_path: Path) -> None:
    study = changed(EXTEND, budgets=(0, 4, 16, 17, 18, 19, 20, 21, 22, 30, 64))
    shared = await sweep(tmp_path / "shared", study, given(doubter))
    separate = await sweep(tmp_path / "separate", changed(study, traces="separate"), given(doubter))
    assert facts(shared) == facts(separate)
    assert len(shared.traces) == 20


async def test_a_larger_budget_goes_on_with_a_trace_that_had_ended(tmp_path: Path) -> None:
    await sweep(tmp_path / "grown", changed(EXTEND, budgets=(0, 8, 20)), given(doubter))
    grown = await sweep(tmp_path / "grown", changed(EXTEND, budgets=(0, 8, 20, 64)), given(doubter))
    whole = await sweep(tmp_path / "whole", changed(EXTEND, budgets=(0, 8, 20, 64)), given(doubter))
    assert facts(grown) == facts(whole)
    waits = {t.key: t.waits for t in whole.records.traces.values()}
    assert {t.key: t.waits for t in grown.records.traces.values()} == waits
    assert max(map(len, waits.values())) == 2


async def test_an_extended_answer_is_closed_as_s1_closes(tmp_path: Path) -> None:
    """A natural end has its marker only; a cut has a newline, where there is none, the marker and the cue."""
    s1_format = ThinkingFormat("s1", "<think>", "</think>", wrap_up="\n", cue="Final Answer:")
    session = session_of(EXTEND, doubter, s1_format)
    encode = session.tokenizer.encode
    assert session.closing(Cut(encode("so"), Ending.CLOSED)) == (CLOSE_ID,)
    assert session.closing(Cut(encode("so"), Ending.BUDGET)) == encode("\n</think>Final Answer:")
    assert session.closing(Cut(encode("so\n"), Ending.BUDGET)) == encode("</think>Final Answer:")
    assert session.closing(Cut((), Ending.BUDGET)) == encode("</think>Final Answer:")


@for_all(st.text(alphabet="ab\n", max_size=6), st.integers(0, 6))
def test_a_cut_is_wrapped_up_and_an_empty_one_has_its_own_words(text: str, budget: int) -> None:
    session = session_of(thinking=QWEN)
    made = Cut(session.tokenizer.encode(text[:budget]), Ending.BUDGET)
    words = "\n</think>" if not made.thinking_ids else "\nTime is up.\n</think>"
    words = words[1:] if text[:budget].endswith("\n") else words
    assert session.tokenizer.decode(session.closing(made)) == words + "\n\nAnswer: "


@pytest.mark.parametrize("thinking", [THINK_TAGS, QWEN], ids=["plain", "worded"])
async def test_the_engines_own_budget_gives_what_our_cut_gives(thinking: ThinkingFormat) -> None:
    truncate, server = session_of(STUDY, thinking=thinking), session_of(SERVER, thinking=thinking)
    for problem in Doubling().problems():
        asked = truncate.prompt(problem, [Message("user", problem.question)])
        for budget in (0, 1, 7, 8, 30, 64, None):
            trace = await think(truncate, asked, 0, budget)
            ((made, _),) = cuts(trace, [budget])
            ours = await answer(truncate, asked, 0, made)
            served = await serve(server, asked, 0, budget)
            assert served.made.thinking_ids == made.thinking_ids
            assert served.answer.token_ids == ours.token_ids
            assert served.answer.stop == ours.stop
            exactly = budget == len(thinking_of(problem.question)) and not (thinking.cue or thinking.wrap_up)
            assert served.made.is_forced == (made.is_forced or exactly)


async def test_server_runs_are_whole_and_separate(tmp_path: Path) -> None:
    objects = given()
    run = await sweep(tmp_path, SERVER, objects)
    truncated = await sweep(tmp_path / "truncated")
    assert objects.backends["adder"].n_requests == 20 * 5 == len(run.traces)  # type: ignore[attr-defined]
    same = {"answer_ids", "thinking_tokens", "verdict", "total_tokens"}
    ours, theirs = (
        {a.key: {name: getattr(a, name) for name in same} for a in one.records.attempts.values()}
        for one in (run, truncated)
    )
    assert ours == theirs
    assert set(run.attempts["control"]) == {"server"}


async def test_a_served_answer_keeps_to_its_reserve() -> None:
    session = session_of(changed(SERVER, answer_tokens=5), lambda asked: "hm" if asked.wants_thinking else "x" * 99)
    problem = Doubling(1).problems()[0]
    served = await serve(session, session.prompt(problem, [Message("user", "q")]), 0, 50)
    assert served.answer.text == "xxxxx"
    assert served.answer.stop == "length"


class Hasty(ScriptedBackend):
    """Ends its turn within the thinking of every third problem, without a closing marker."""

    async def _script(self, prompt: tuple[int, ...], request: Request) -> tuple[int, ...]:
        ids = await super()._script(prompt, request)
        number = int(self.tokenizer.decode(prompt).partition("double ")[2].split("<")[0])
        if number % 3 == 0 and CLOSE_ID not in prompt and CLOSE_ID in ids:
            return (*ids[: ids.index(CLOSE_ID)], 260)
        return ids


def hasty() -> Given:
    return Given({"adder": Hasty(adder, name="adder")}, {"doubling": Doubling()})


async def test_a_served_turn_that_ends_while_thinking_is_closed_and_answered_as_a_trace_is(tmp_path: Path) -> None:
    ladder = (0, 8, 64)
    served = await sweep(tmp_path / "server", changed(SERVER, budgets=ladder), hasty())
    truncated = await sweep(tmp_path / "truncate", changed(budgets=ladder), hasty())
    same = ("answer_ids", "thinking_tokens", "verdict", "total_tokens")
    ours, theirs = (
        {a.key: [getattr(a, name) for name in same] for a in run.records.attempts.values()}
        for run in (served, truncated)
    )
    assert ours == theirs
    assert (truncated.attempts["ending"] == "eos").sum() > 0


async def test_a_turn_that_ended_before_a_wait_keeps_that_ending(tmp_path: Path) -> None:
    study = changed(EXTEND, budgets=(0, 4, 10, 16, 22, 28, 34, 40, 64))
    shared = await sweep(tmp_path / "shared", study, hasty())
    separate = await sweep(tmp_path / "separate", changed(study, traces="separate"), hasty())
    assert facts(shared) == facts(separate)
    assert "eos" in set(shared.attempts["ending"])


async def test_all_that_a_served_generation_cost_is_in_the_ledger() -> None:
    session = session_of(changed(SERVER, answer_tokens=5), lambda asked: "hm" if asked.wants_thinking else "x" * 99)
    problem = Doubling(1).problems()[0]
    served = await serve(session, session.prompt(problem, [Message("user", "q")]), 0, 50)
    n_generated = 50 + session.markers.longest + 5
    assert served.trace.generated_spent + len(served.answer.token_ids or ()) == n_generated


async def test_a_budget_in_words_is_told_and_not_enforced(tmp_path: Path) -> None:
    seen: set[str] = set()

    def obedient(asked: Asked) -> str:
        seen.add(asked.prompt)
        words = asked.prompt.partition("at most ")[2].partition(" ")[0]
        if asked.wants_thinking:
            return "t" * (int(words) + 1 if words else 99)
        return "\\boxed{1}"

    run = await sweep(tmp_path, TOLD, given(obedient))
    assert "double 3\n\nThink for at most 8 tokens." in seen
    assert "double 3" in seen
    assert len(run.traces) == 20 * 4
    by_budget = run.attempts.assign(budget=run.attempts["budget"].fillna(-1)).groupby("budget")["thinking_tokens"]
    assert by_budget.mean().to_dict() == {-1: 99, 0: 1, 8: 9, 64: 65}
    assert not run.attempts["is_forced"].any()


async def test_a_run_told_in_words_is_gone_on_with(tmp_path: Path) -> None:
    def brief(asked: Asked) -> str:
        return thinking_of(asked.prompt) if asked.wants_thinking else f"\\boxed{{{len(asked.thinking)}}}"

    await sweep(tmp_path, changed(TOLD, budgets=(0, 64)), given(brief))
    run = await sweep(tmp_path, TOLD, given(brief))
    assert len(run.attempts) == 80
    assert said(run) == said(await sweep(tmp_path / "whole", TOLD, given(brief)))


async def test_a_plain_model_is_asked_to_think(tmp_path: Path) -> None:
    asks = ThinkingFormat("ask", "<think>", "</think>", ask="Think between <think> and </think>.")
    prompts: set[str] = set()

    def noting(asked: Asked) -> str:
        prompts.add(asked.prompt)
        return adder(Asked("double 3", asked.thinking, asked.wants_thinking, asked.written, 0, 0, 0.0))

    backend = ScriptedBackend(noting, name="adder", thinking=asks)
    run = await sweep(tmp_path, changed(limit=4), Given({"adder": backend}, {"doubling": Doubling()}))
    assert prompts == {f"double {i}\n\nThink between <think> and </think>." for i in range(4)}
    assert run.attempts["verdict"].eq(Verdict.CORRECT).sum() > 0


async def test_a_control_that_a_model_cannot_do_is_refused(tmp_path: Path) -> None:
    class Plain(ScriptedBackend):
        controls = frozenset({Control.TRUNCATE})

    with pytest.raises(UsageError, match="cannot do control 'server'; it can do: truncate"):
        open_session("adder", Plain(adder), SERVER)


async def test_an_answer_with_a_beginning_of_ours_needs_truncate() -> None:
    session = session_of(SERVER)
    problem = msgspec.structs.replace(Doubling(1).problems()[0], answer_prefix="It is ")
    with pytest.raises(UsageError, match="use control truncate"):
        await serve(session, session.prompt(problem, [Message("user", "q")]), 0, 8)


async def test_a_forced_budget_asks_for_the_close_at_exactly_the_budget() -> None:
    backend = ScriptedBackend(adder)
    prompt = backend.tokenizer.render([Message("user", "double 4")])
    whole = thinking_of("double 4")
    for budget in range(len(whole) + 3):
        request = Request(Continuation(prompt), max_tokens=500, thinking_budget=budget)
        ids = (await backend.generate(request)).token_ids or ()
        assert ids.index(CLOSE_ID) == min(budget, len(whole))


async def test_a_served_marker_may_be_spelled_with_other_tokens() -> None:
    """A marker that is no token of its own is known by its text, as where we cut ourselves."""
    spelled = ThinkingFormat("asked", "<think>", "</thought>")

    class Speller(ScriptedBackend):
        async def _script(self, prompt: tuple[int, ...], request: Request) -> tuple[int, ...]:
            return (*b"so", 300, *b"42", 260)

    class Tokens:
        """Bytes, and one token that holds the marker with a letter before it."""

        def __init__(self, inner: ByteTokenizer) -> None:
            self.inner = inner
            self.render, self.encode = inner.render, inner.encode

        def decode(self, ids: tuple[int, ...]) -> str:
            return "".join("!</thought>" if token == 300 else chr(token) for token in ids)

    backend = Speller(adder, thinking=spelled)
    backend.tokenizer = Tokens(backend.tokenizer)  # type: ignore[assignment]
    session = open_session("adder", backend, SERVER)
    problem = Doubling(1).problems()[0]
    served = await serve(session, session.prompt(problem, [Message("user", "q")]), 0, 50)
    assert (served.made.thinking_ids, served.made.ending) == (tuple(b"so"), Ending.CLOSED)
    assert served.answer.text == "42"


SPELLED = ThinkingFormat("spelled", "<think>", "</thought>")
"""A closing marker of ten tokens: its bytes."""


class SpellingBackend(ScriptedBackend):
    """Reads a spelled marker as the end of the thinking, as a model that learnt it as text does."""

    async def _script(self, prompt: tuple[int, ...], request: Request) -> tuple[int, ...]:
        text = self.tokenizer.decode(prompt).partition("<think>")[2]
        if SPELLED.close in text:
            thought = text.partition(SPELLED.close)[0]
            return (*f"{len(thought)} bytes".encode(), 260)
        return (*f"so it is 42.{SPELLED.close}".encode()[len(text) :], *b" answer", 260)


def spelling() -> Given:
    return Given({"adder": SpellingBackend(adder, name="adder", thinking=SPELLED)}, {"doubling": Doubling(3)})


async def test_a_marker_of_several_tokens_is_never_cut_in_two(tmp_path: Path) -> None:
    """At every budget round the natural end: one trace, separate runs and a trace gone on with say the same."""
    ladder = (0, 5, *range(10, 26), 64)
    study = changed(budgets=ladder)
    shared = await sweep(tmp_path / "shared", study, spelling())
    separate = await sweep(tmp_path / "separate", changed(study, traces="separate"), spelling())
    assert facts(shared) == facts(separate)
    for top in (10, 12, 13, 17, 22):
        await sweep(tmp_path / f"grown{top}", changed(study, budgets=(0, top)), spelling())
        grown = await sweep(tmp_path / f"grown{top}", study, spelling())
        assert facts(grown) == facts(shared)
    assert {(a.budget or 0) >= 12 for a in shared.records.attempts.values() if not a.is_forced} == {True}
    assert {a.answer for a in shared.records.attempts.values() if not a.is_forced} == {"12 bytes"}


def test_a_wait_that_closes_the_thinking_is_refused() -> None:
    with pytest.raises(UsageError, match="holds a thinking marker of model 'adder'"):
        session_of(changed(EXTEND, wait="Wait</think>"))
