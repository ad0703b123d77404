"""Two runs attempt by attempt: where they part is known, as the test parted them."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from scripts import Doubling, changed, given, sweep, thinking_of
from thinkcurve.analysis.comparison.causes import Step
from thinkcurve.analysis.comparison.exact import Exactness, compare_exactly, difference
from thinkcurve.errors import UsageError
from thinkcurve.plan import Given
from thinkcurve.problem import Verdict
from thinkcurve.run import Run, load_run
from thinkcurve.store import Attempt, AttemptKey, Manifest, Records, Trace
from thinkcurve_backends.scripted import ScriptedChat, improving

Change = Callable[[Attempt], Attempt]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return asyncio.run(sweep(tmp_path_factory.mktemp("made") / "run"))


def altered(
    run: Run,
    attempts: dict[AttemptKey, Attempt] | None = None,
    traces: dict[AttemptKey, Trace] | None = None,
    **manifest: object,
) -> Run:
    records = Records()
    records.traces = {**run.records.traces, **(traces or {})}
    records.attempts = {**run.records.attempts, **(attempts or {})}
    return Run(run.path, msgspec.structs.replace(run.manifest, **manifest), records)


def an_attempt(run: Run, index: int, budget: int) -> Attempt:
    return run.records.attempts["adder", f"doubling/test/{index}", 0, budget]


def changing(run: Run, index: int, budget: int, **fields: object) -> dict[AttemptKey, Attempt]:
    attempt = msgspec.structs.replace(an_attempt(run, index, budget), **fields)
    return {attempt.key: attempt}


def only(base: Run, new: Run) -> Exactness:
    (found,) = compare_exactly(base, new)
    return found


def test_a_run_is_the_same_as_itself(made: Run) -> None:
    found = only(made, made)
    assert found.is_same
    assert found.n_attempts == 100
    assert (found.partings, found.causes, found.n_other_prompts) == ((), (), 0)
    assert [(rung.budget, rung.n_attempts, rung.answers) for rung in found.rungs] == [
        (budget, 20, 0) for budget in (0, 4, 8, 16, 64)
    ]


def test_the_same_study_again_gives_the_same_tokens(made: Run, tmp_path: Path) -> None:
    again = asyncio.run(sweep(tmp_path / "again"))
    assert only(made, load_run(again.path)).is_same


def test_another_answer_parts_at_its_first_other_token(made: Run) -> None:
    before = an_attempt(made, 3, 8)
    assert before.answer_ids is not None
    ids = (*before.answer_ids[:5], 1, *before.answer_ids[6:])
    found = only(made, altered(made, changing(made, 3, 8, answer=before.answer + "!", answer_ids=ids)))
    (parting,) = found.partings
    assert (parting.problem, parting.budget, parting.step) == ("doubling/test/3", 8, Step.ANSWER)
    assert parting.place == 5
    assert (parting.base, parting.new) == (before.answer, before.answer + "!")
    assert [rung.answers for rung in found.rungs] == [0, 0, 1, 0, 0]
    assert not found.is_same


def test_answers_without_ids_part_at_a_character(made: Run) -> None:
    base = altered(made, changing(made, 3, 8, answer="a" * 100 + "b", answer_ids=None))
    new = altered(made, changing(made, 3, 8, answer="a" * 100 + "c", answer_ids=None))
    (parting,) = only(base, new).partings
    assert parting.place == 100
    assert (parting.base, parting.new) == ("…" + "a" * 24 + "b", "…" + "a" * 24 + "c")


def test_thinking_parts_only_where_a_budget_reaches(made: Run) -> None:
    """A trace that differs at token 6 has the same first 4, and other 8."""
    index = next(i for i in range(20) if len(thinking_of(f"double {i}")) > 16)
    trace = made.records.traces["adder", f"doubling/test/{index}", 0, None]
    ids = (*trace.token_ids[:6], 1, *trace.token_ids[7:])
    other = msgspec.structs.replace(trace, token_ids=ids, text=trace.text[:6] + "#" + trace.text[7:])
    found = only(made, altered(made, traces={other.key: other}))
    assert [(p.budget, p.step, p.place) for p in found.partings] == [(b, Step.THINKING, 6) for b in (8, 16, 64)]
    assert [rung.thinking for rung in found.rungs] == [0, 0, 1, 1, 1]


def test_another_verdict_on_the_same_answer_is_told_apart_from_another_answer(made: Run) -> None:
    right = next(a for a in made.records.attempts.values() if a.verdict is Verdict.CORRECT)
    lost = msgspec.structs.replace(right, verdict=Verdict.UNVERIFIED, reason="timeout", extracted=None)
    found = only(made, altered(made, {lost.key: lost}))
    (parting,) = found.partings
    assert (parting.step, parting.place) == (Step.VERDICT, None)
    assert (parting.is_lost, parting.is_gained) == (True, False)
    assert parting.new == "unverified (timeout)"
    assert sum(rung.lost for rung in found.rungs) == sum(rung.verdicts for rung in found.rungs) == 1
    back = only(altered(made, {lost.key: lost}), made)
    assert (back.partings[0].is_gained, sum(rung.gained for rung in back.rungs)) == (True, 1)


def test_another_price_is_no_other_run(made: Run) -> None:
    found = only(made, altered(made, changing(made, 3, 8, usd=0.25)))
    assert found.is_same
    (parting,) = found.partings
    assert (parting.step, parting.base, parting.new) == (Step.COST, "usd unknown", "usd 0.25")


def test_seconds_are_never_compared(made: Run) -> None:
    assert not only(made, altered(made, changing(made, 3, 8, wall_s=1e9, joules=5.0, verify_cpu_s=9.0))).partings


def test_attempts_of_one_run_only_are_counted_and_are_not_the_same(made: Run, tmp_path: Path) -> None:
    study = changed(limit=5, budgets=(0, 8, 32))
    found = only(made, asyncio.run(sweep(tmp_path / "few", study)))
    assert (found.n_attempts, found.n_only_base, found.n_only_new) == (10, 90, 5)
    assert not found.partings
    assert not found.is_same


def test_other_problems_under_the_same_ids_are_refused(made: Run, tmp_path: Path) -> None:
    other = asyncio.run(sweep(tmp_path / "other", objects=given(task=Doubling(question="twice {}"))))
    with pytest.raises(UsageError, match="run both on one revision of its data"):
        compare_exactly(made, other)


def test_a_chat_has_no_ids_and_its_text_is_compared(tmp_path: Path) -> None:
    study = changed(control="effort", budgets=("low", "high"), answer_tokens=256)
    runs = []
    for name in ("one", "two"):
        objects = Given({"adder": ScriptedChat(improving(str), name="adder")}, given().tasks)
        runs.append(asyncio.run(sweep(tmp_path / name, study, objects)))
    assert only(*runs).is_same
    key, attempt = next(iter(runs[0].records.attempts.items()))
    trace = runs[1].records.traces[key]
    other = msgspec.structs.replace(trace, text=trace.text + " more")
    (parting,) = only(runs[0], altered(runs[1], traces={other.key: other})).partings
    assert (parting.problem, parting.step, parting.place) == (attempt.problem, Step.THINKING, len(trace.text))


@pytest.mark.parametrize(
    ("base", "new", "place"),
    [
        ("", "a", 0),
        ("abc", "abd", 2),
        ("abc", "ab", 2),
        ("abc", "abcd", 3),
        ("x" * 1_000_000 + "a", "x" * 1_000_000 + "b", 1_000_000),
    ],
)
def test_the_first_difference_is_found(base: str, new: str, place: int) -> None:
    found = difference(None, None, base, new)
    assert found is not None
    assert found.place == place
    assert len(found.base) < 60


def test_ids_are_compared_before_text() -> None:
    assert difference((1, 2), (1, 2), "a", "b") is None
    found = difference((1, 2), (1, 3), "same", "same")
    assert found is not None
    assert found.place == 1


def test_one_side_without_ids_is_compared_by_text() -> None:
    assert difference((1, 2), None, "same", "same") is None


def causes(base: Manifest, new: Manifest) -> dict[str, tuple[str | None, str | None, tuple[Step, ...]]]:
    from thinkcurve.analysis.comparison.causes import causes_of

    found = causes_of(base, new, ("adder", "adder"), "doubling")
    return {cause.what: (cause.base, cause.new, cause.steps) for cause in found}


def test_every_recorded_difference_is_a_cause_of_what_it_can_act_on(made: Run) -> None:
    manifest = made.manifest
    (model,), (sitting,) = manifest.models, manifest.sittings
    info = {**model.info, "fingerprint": "ffff", "engine": "xllamacpp 2 · F16 · CPU"}
    versions = {**sitting.versions, "xllamacpp": "0", "torch": "0", "sympy": "0"}
    other = msgspec.structs.replace(
        manifest,
        study=msgspec.structs.replace(manifest.study, seed=9, model_options={"adder": {"dtype": "float16"}}),
        models=(msgspec.structs.replace(model, info=info),),
        sittings=(msgspec.structs.replace(sitting, versions=versions, git_commit="0", hardware={"processor": "x"}),),
    )
    found = causes(manifest, other)
    tokens = (Step.THINKING, Step.ANSWER)
    assert found["weights"][1:] == ("ffff", tokens)
    assert found["engine"][1:] == ("xllamacpp 2 · F16 · CPU", tokens)
    assert found["seed"] == ("0", "9", tokens)
    assert found["model option dtype"] == (None, "float16", tuple(Step))
    assert found["xllamacpp"][1:] == ("0", tokens)
    assert found["sympy"][1:] == ("0", (Step.VERDICT,))
    assert found["processor"][1:] == ("x", tokens)
    assert "torch" not in found  # not what this engine runs on
    assert causes(manifest, manifest) == {}


def test_the_versions_of_all_sittings_count(made: Run) -> None:
    (sitting,) = made.manifest.sittings
    second = msgspec.structs.replace(sitting, versions={**sitting.versions, "thinkcurve": "9"})
    both = msgspec.structs.replace(made.manifest, sittings=(sitting, second))
    assert causes(made.manifest, both)["thinkcurve"][:2] == (
        sitting.versions["thinkcurve"],
        f"{sitting.versions['thinkcurve']} and 9",
    )


def test_what_an_earlier_version_did_not_record_of_the_thinking_is_no_cause(made: Run) -> None:
    (model,) = made.manifest.models
    thinking = {key: value for key, value in model.info["thinking"].items() if key in ("name", "open", "close")}
    old = msgspec.structs.replace(
        made.manifest, models=(msgspec.structs.replace(model, info={**model.info, "thinking": thinking}),)
    )
    assert causes(old, made.manifest) == {}
