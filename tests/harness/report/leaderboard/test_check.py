"""Submissions: an honest one passes, and each way to cheat is found."""

from __future__ import annotations

import json
import shutil
from collections.abc import AsyncIterator, Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from msgspec.structs import replace

from thinkcurve.backend import ModelInfo
from thinkcurve.compute import flops
from thinkcurve.plan import Given
from thinkcurve.problem import REFUSAL, Judgement, Verdict
from thinkcurve.report.leaderboard.check import Submission, check_submission, is_harmless
from thinkcurve.run import sweep_async
from thinkcurve.store import Records, journal_path
from thinkcurve.study import Study
from thinkcurve.tables import compact, read_records
from thinkcurve.verify.judge import Judge
from thinkcurve_backends.scripted import Asked, ScriptedBackend

STUDY = Study(models=("adder",), tasks=("arithmetic",), budgets=(0, 4, 16), limit=8, answer_tokens=32)


def answers(asked: Asked) -> str:
    return "so many steps to take" if asked.wants_thinking else "\\boxed{5}"


@pytest.fixture(scope="module")
def honest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    import asyncio

    path = tmp_path_factory.mktemp("runs") / "honest"
    asyncio.run(sweep_async(STUDY, path, Given({"adder": ScriptedBackend(answers, name="adder")}, {})))
    return path


@pytest.fixture(scope="module")
def known(honest: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same run of a model whose size is known, so that its FLOPs are."""
    path = tmp_path_factory.mktemp("runs") / "known"
    shutil.copytree(honest, path)
    manifest = json.loads((path / "manifest.json").read_text())
    model = ModelInfo("adder", active_parameters=1000, layers=2, width=8)
    manifest["models"][0]["info"] |= {"active_parameters": 1000, "layers": 2, "width": 8}
    (path / "manifest.json").write_text(json.dumps(manifest))
    records = read_records(path)
    for key, attempt in list(records.attempts.items()):
        assert attempt.total_tokens is not None
        records.attempts[key] = replace(attempt, flops=flops(model, attempt.total_tokens))
    journal_path(path).unlink()
    compact(path, records)
    return path


@pytest_asyncio.fixture
async def judge() -> AsyncIterator[Judge]:
    made = Judge(workers=1)
    yield made
    await made.aclose()


def outcomes(found: Submission) -> dict[str, str]:
    return {check.name: check.outcome for check in found.checks}


def edited(honest: Path, tmp_path: Path, change: Callable[[Records], None]) -> Path:
    """A copy of the run whose tables were changed, without a journal that would tell."""
    path = tmp_path / "edited"
    shutil.copytree(honest, path)
    records = read_records(path)
    change(records)
    journal_path(path).unlink(missing_ok=True)
    compact(path, records)
    return path


def with_manifest(honest: Path, tmp_path: Path, change: Callable[[dict[str, Any]], None]) -> Path:
    path = tmp_path / "edited"
    shutil.copytree(honest, path)
    manifest = json.loads((path / "manifest.json").read_text())
    change(manifest)
    (path / "manifest.json").write_text(json.dumps(manifest))
    return path


def each(**fields: object) -> Callable[[Records], None]:
    def change(records: Records) -> None:
        for key, attempt in list(records.attempts.items()):
            records.attempts[key] = replace(attempt, **fields)

    return change


async def test_an_honest_run_passes(honest: Path, judge: Judge) -> None:
    found = await check_submission(honest, judge)
    assert found.n_regraded == found.n_attempts == 24
    assert {n: o for n, o in outcomes(found).items() if o == "fail"} == {}


async def test_a_verdict_that_is_not_ours_is_found(honest: Path, judge: Judge, tmp_path: Path) -> None:
    def cheat(records: Records) -> None:
        key = next(key for key, one in records.attempts.items() if one.verdict is Verdict.INCORRECT)
        records.attempts[key] = replace(records.attempts[key], verdict=Verdict.CORRECT)

    found = await check_submission(edited(honest, tmp_path, cheat), judge)
    assert outcomes(found)["verdicts"] == "fail"
    assert [(one.submitted, one.ours) for one in found.mismatches] == [("correct", "incorrect")]


@pytest.mark.parametrize(
    "change",
    [
        each(thinking_tokens=0, generated_tokens=1),
        each(thinking_tokens=1, answer_tokens=0, generated_tokens=1),
        each(generated_tokens=3),
        each(total_tokens=-5),
        each(control="native"),
        each(task="other"),
        each(model="other"),
    ],
)
async def test_records_that_contradict_are_found(
    honest: Path, judge: Judge, tmp_path: Path, change: Callable[[Records], None]
) -> None:
    found = await check_submission(edited(honest, tmp_path, change), judge)
    assert outcomes(found)["consistent"] == "fail"
    assert found.n_regraded == 0


async def test_dropped_attempts_are_found(honest: Path, judge: Judge, tmp_path: Path) -> None:
    def drop(records: Records) -> None:
        del records.attempts[next(iter(records.attempts))]

    found = await check_submission(edited(honest, tmp_path, drop), judge)
    assert outcomes(found)["complete"] == "fail"


async def test_other_problems_are_found(honest: Path, judge: Judge, tmp_path: Path) -> None:
    def change(manifest: dict[str, Any]) -> None:
        manifest["tasks"][0]["fingerprint"] = "0123456789abcdef"

    found = await check_submission(with_manifest(honest, tmp_path, change), judge)
    assert outcomes(found)["task arithmetic"] == "fail"


async def test_nothing_that_a_submission_names_is_opened(honest: Path, judge: Judge, tmp_path: Path) -> None:
    code = tmp_path / "evil.py"
    code.write_text(f"open({str(tmp_path / 'pwned')!r}, 'w')\ndef problems(): return []\n")
    for spec, options in (
        (str(code), {}),
        (f"file:{code}", {}),
        ("hf:someone/data", {}),
        ("lm-eval:" + str(code), {}),
        ("arithmetic", {"prompt_file": str(code)}),
        ("arithmetic", {"n": 10**12}),
    ):

        def change(manifest: dict[str, Any], spec: str = spec, options: dict[str, Any] = options) -> None:
            manifest["tasks"][0]["spec"] = spec
            manifest["study"]["tasks"] = [spec]
            manifest["study"]["task_options"] = {spec: options}

        shutil.rmtree(tmp_path / "edited", ignore_errors=True)
        found = await check_submission(with_manifest(honest, tmp_path, change), judge)
        assert outcomes(found)["task arithmetic"] == "unknown", spec
        assert found.outcome == "unknown"
    assert not (tmp_path / "pwned").exists()


@pytest.mark.parametrize("value", [True, 3, 0.5, -7])
def test_small_numbers_are_taken(value: object) -> None:
    assert is_harmless(value)


@pytest.mark.parametrize("value", ["x", 10**9, None, [1], {"a": 1}, float("nan"), float("inf")])
def test_all_else_is_not(value: object) -> None:
    assert not is_harmless(value)


@pytest.mark.parametrize("name", ["manifest.json", "attempts.parquet"])
async def test_damage_is_a_sentence(honest: Path, judge: Judge, tmp_path: Path, name: str) -> None:
    path = tmp_path / "damaged"
    shutil.copytree(honest, path)
    journal_path(path).unlink()
    (path / name).write_bytes(b"\xff\x00 no such thing")
    found = await check_submission(path, judge)
    assert outcomes(found) == {"schema": "fail"}


async def test_links_are_not_followed(honest: Path, judge: Judge, tmp_path: Path) -> None:
    path = tmp_path / "linked"
    shutil.copytree(honest, path)
    journal_path(path).unlink()
    (path / "journal.jsonl").symlink_to("/etc/passwd")
    found = await check_submission(path, judge)
    assert "is a link" in found.checks[0].words


async def test_a_sample_is_drawn_again_by_its_seed(honest: Path, judge: Judge) -> None:
    one, two = [await check_submission(honest, judge, sample=5, seed=3) for _ in range(2)]
    assert one == two
    assert one.n_regraded == 5
    assert "95 times in 100" in one.checks[-1].words


async def test_invented_problems_are_found(honest: Path, judge: Judge, tmp_path: Path) -> None:
    def invent(records: Records) -> None:
        for i, (key, attempt) in enumerate(list(records.attempts.items())):
            if attempt.verdict is Verdict.INCORRECT:
                new = replace(attempt, problem=f"arithmetic/test/{900000 + i}", verdict=Verdict.CORRECT)
                del records.attempts[key]
                records.attempts[new.key] = new
                if (new.model, new.problem, new.sample, None) not in records.traces:
                    trace = records.traces[(attempt.model, attempt.problem, attempt.sample, None)]
                    made = replace(trace, problem=new.problem)
                    records.traces[made.key] = made

    found = await check_submission(edited(honest, tmp_path, invent), judge)
    assert outcomes(found)["consistent"] == outcomes(found)["complete"] == "pass"
    assert outcomes(found)["problems"] == "fail"


@pytest.mark.parametrize(
    "change",
    [
        each(verdict=Verdict.CORRECT, reason=REFUSAL),
        each(thinking_source="provider"),
        each(thinking_source="provider", thinking_tokens=0),
        each(thinking_tokens=None, generated_tokens=None),
        each(total_tokens=None),
        each(flops=1.0),
    ],
)
async def test_forged_reasons_and_costs_are_found(
    known: Path, judge: Judge, tmp_path: Path, change: Callable[[Records], None]
) -> None:
    found = await check_submission(edited(known, tmp_path, change), judge)
    assert outcomes(found)["consistent"] == "fail"


async def test_unknown_flops_of_a_known_model_are_found(known: Path, judge: Judge, tmp_path: Path) -> None:
    assert outcomes(await check_submission(known, judge))["consistent"] == "pass"
    found = await check_submission(edited(known, tmp_path, each(flops=None)), judge)
    assert outcomes(found)["consistent"] == "fail"


async def test_traces_without_ids_leave_the_costs_unknown(honest: Path, judge: Judge, tmp_path: Path) -> None:
    def strip(records: Records) -> None:
        each(thinking_source="provider")(records)
        for key, trace in list(records.traces.items()):
            records.traces[key] = replace(trace, token_ids=(), thinking_source="provider")

    path = edited(honest, tmp_path, strip)
    found = await check_submission(path, judge)
    assert outcomes(found)["costs"] == "unknown"
    words = next(check.words for check in found.checks if check.name == "costs")
    assert words.endswith("24 are of a local model, of which a run of ours has them: ask why")
    manifest = json.loads((path / "manifest.json").read_text())
    manifest["models"][0]["info"]["is_local"] = False
    (path / "manifest.json").write_text(json.dumps(manifest))
    words = next(check.words for check in (await check_submission(path, judge)).checks if check.name == "costs")
    assert words.endswith("as submitted")


@pytest.mark.parametrize("fields", [{"level": 1}, {"group": "algebra"}])
async def test_levels_and_groups_are_those_of_the_task(
    honest: Path, judge: Judge, tmp_path: Path, fields: dict[str, Any]
) -> None:
    found = await check_submission(edited(honest, tmp_path, each(**fields)), judge)
    assert (outcomes(found)["consistent"], outcomes(found)["problems"]) == ("pass", "fail")
    assert "and the task says level" in " ".join(check.words for check in found.checks)


async def test_answers_at_which_the_judge_gives_up_are_not_passed(
    honest: Path, judge: Judge, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def gives_up(_: Judge, items: Iterable[object]) -> AsyncIterator[Judgement]:
        for i, _item in enumerate(items):
            yield Judgement(Verdict.UNVERIFIED, "timeout") if i else Judgement(Verdict.INCORRECT)

    monkeypatch.setattr("thinkcurve.report.leaderboard.check.judged", gives_up)
    last = (await check_submission(honest, judge)).checks[-1]
    assert last.outcome != "pass"
    assert "gave up" in last.words
