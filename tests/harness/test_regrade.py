"""Stored answers judged again: what changed is recorded, and nothing else is touched."""

import asyncio
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path

import msgspec
import pytest

from corrupt import bytes_of, corrupt, flipped
from scripts import Doubling, changed, given, requests, sweep
from thinkcurve.errors import UsageError
from thinkcurve.plan import Given
from thinkcurve.problem import Judgement, Reference, Verdict
from thinkcurve.regrade import Regrade, regrade
from thinkcurve.run import load_run
from thinkcurve.store import Attempt, Journal, journal_path, manifest_path, read_manifest
from thinkcurve.verify.judge import Judge

REFERENCE = Path(__file__).parents[2] / "results" / "reference" / "embedded"
TASKS = {"doubling": Doubling()}
JUDGED = ("verdict", "reason", "rung", "extracted", "verify_cpu_s")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = tmp_path_factory.mktemp("made") / "run"
    asyncio.run(sweep(run))
    return run


@pytest.fixture
def run(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "run"))


async def again(run: Path, judge: Judge | None = None, **options: bool) -> Regrade:
    return await regrade(run, judge or Judge(), tasks=TASKS, warn=pytest.fail, **options)


def attempts(run: Path) -> dict[object, Attempt]:
    return dict(load_run(run, warn=pytest.fail).records.attempts)  # type: ignore[arg-type]


def said(run: Path) -> list[tuple[object, Verdict, str, str | None]]:
    return [(key, a.verdict, a.reason, a.extracted) for key, a in sorted(attempts(run).items(), key=str)]


class Saying(Judge):
    """Says the same of every answer, and counts them."""

    def __init__(self, judgement: Judgement) -> None:
        super().__init__()
        self.judgement, self.n = judgement, 0

    async def judge(self, reference: Reference, answer: str) -> Judgement:
        self.n += 1
        return self.judgement


LOST = Judgement(Verdict.UNVERIFIED, "sandbox")


async def test_a_run_judged_by_the_same_rules_has_no_changes(run: Path) -> None:
    found = await again(run)
    assert (found.changes, found.n_other_rung, found.kept.total()) == ([], 0, 0)


async def test_wrong_verdicts_are_set_right(made: Path, run: Path) -> None:
    n = corrupt(run, every=3)
    assert said(run) != said(made)
    found = await again(run)
    assert len(found.changes) == n
    assert said(run) == said(made)


async def test_the_tables_are_set_right_too(made: Path, run: Path) -> None:
    corrupt(run)
    await again(run)
    journal_path(run).unlink()
    assert said(run) == said(made)


async def test_a_change_says_what_was_and_what_is(run: Path) -> None:
    corrupt(run, every=100)
    (change,) = (await again(run)).changes
    assert change.before.verdict != change.after.verdict
    assert change.model == "adder"
    assert change.problem.startswith("doubling/test/")


async def test_nothing_but_the_judged_fields_is_touched(made: Path, run: Path) -> None:
    corrupt(run)
    await again(run)
    before, after = attempts(made), attempts(run)
    assert before.keys() == after.keys()
    names = [name for name in Attempt.__struct_fields__ if name not in JUDGED]
    assert all(getattr(before[key], name) == getattr(after[key], name) for key in before for name in names)


async def test_the_same_answer_to_a_problem_is_judged_once(run: Path) -> None:
    judge = Saying(LOST)
    found = await again(run, judge, is_dry=True)
    different = {(a.problem, a.answer) for a in attempts(run).values()}
    assert any(a.is_shared_answer for a in attempts(run).values())
    assert judge.n == found.n_judged == len(different) < found.n_attempts == len(attempts(run))


async def test_a_dry_regrade_reports_the_same_and_changes_no_byte(run: Path) -> None:
    corrupt(run, every=2)
    before = bytes_of(run)
    dry = await again(run, is_dry=True)
    assert bytes_of(run) == before
    assert dry.changes == (await again(run)).changes != []


async def test_a_run_that_has_only_its_tables_is_regraded(made: Path, run: Path) -> None:
    n = corrupt(run)
    journal_path(run).unlink()
    assert len((await again(run)).changes) == n
    assert said(run) == said(made)


async def test_a_dry_regrade_of_tables_only_writes_no_journal(run: Path) -> None:
    journal_path(run).unlink()
    before = bytes_of(run)
    await again(run, is_dry=True)
    assert bytes_of(run) == before


class Refusing(Judge):
    """A judge that has no sandbox of the level that was asked."""

    async def prepare(self, references: Iterable[Reference]) -> None:
        raise UsageError("no sandbox of this level here")


@pytest.mark.parametrize("has_journal", [True, False])
async def test_a_judge_that_cannot_work_leaves_the_run_alone(run: Path, has_journal: bool) -> None:
    if not has_journal:
        journal_path(run).unlink()
    before = bytes_of(run)
    with pytest.raises(UsageError, match="no sandbox"):
        await again(run, Refusing())
    assert bytes_of(run) == before


async def test_a_run_that_is_being_written_is_left_alone(run: Path) -> None:
    held = Journal(run)
    before = bytes_of(run)
    with pytest.raises(UsageError, match="being written by another process"):
        await again(run)
    held.close()
    assert bytes_of(run) == before


@pytest.mark.parametrize("has_journal", [True, False])
async def test_a_task_with_other_problems_is_refused(run: Path, has_journal: bool) -> None:
    if not has_journal:
        journal_path(run).unlink()
    before = bytes_of(run)
    with pytest.raises(UsageError, match="task 'doubling' has other problems than this run began with"):
        await regrade(run, Judge(), tasks={"doubling": Doubling(question="twice {}")})
    assert bytes_of(run) == before


async def test_a_task_that_grew_is_no_hindrance(run: Path) -> None:
    found = await regrade(run, Judge(), tasks={"doubling": Doubling(30)})
    assert found.changes == []


async def test_an_unknown_task_is_refused(run: Path) -> None:
    with pytest.raises(UsageError, match="unknown task 'doubling'"):
        await regrade(run, Judge())


async def test_an_earlier_verdict_stands_where_the_sandbox_failed(made: Path, run: Path) -> None:
    found = await again(run, Saying(LOST))
    assert found.kept == {"sandbox": 100}
    assert (said(run), found.changes) == (said(made), [])


async def test_what_was_unverified_takes_any_later_word(run: Path) -> None:
    corrupt(run, lambda a: msgspec.structs.replace(a, verdict=Verdict.UNVERIFIED, reason="timeout"), every=10)
    found = await again(run, Saying(LOST))
    assert len(found.changes) == 10
    assert found.kept.total() == 90


async def test_rules_that_read_an_answer_no_more_do_overwrite(run: Path) -> None:
    found = await again(run, Saying(Judgement(Verdict.UNVERIFIED, "parse")))
    assert (len(found.changes), found.kept.total()) == (100, 0)


async def test_another_rung_is_recorded_and_is_no_change(made: Path, run: Path) -> None:
    corrupt(run, lambda a: msgspec.structs.replace(a, rung="guess"), every=4)
    found = await again(run)
    assert (found.changes, found.n_other_rung) == ([], 25)
    assert {key: a.rung for key, a in attempts(run).items()} == {key: a.rung for key, a in attempts(made).items()}


async def test_the_old_verdicts_stay_in_the_journal(run: Path) -> None:
    corrupt(run)
    before = journal_path(run).read_bytes()
    await again(run)
    assert journal_path(run).read_bytes().startswith(before)


async def test_the_manifest_says_when_and_by_which_verifier(run: Path) -> None:
    old = read_manifest(run)
    await again(run)
    new = read_manifest(run)
    assert "sympy" in new.regrades[0].verifier
    assert new.regrades[0].started >= old.sittings[0].started
    assert msgspec.structs.replace(new, regrades=()) == old


async def test_a_manifest_from_before_regrades_still_loads(run: Path) -> None:
    raw = msgspec.json.decode(manifest_path(run).read_bytes())
    del raw["regrades"]
    manifest_path(run).write_bytes(msgspec.json.encode(raw))
    assert read_manifest(run).regrades == ()
    assert (await again(run)).changes == []


async def test_a_regraded_run_goes_on_and_remembers(run: Path) -> None:
    corrupt(run, every=5)
    await again(run)
    objects = given()
    await sweep(run, objects=objects)
    assert requests(objects) == 0
    more = given()
    await sweep(run, changed(budgets=(0, 2, 4, 8, 16, 64)), more)
    assert requests(more) > 0
    assert len(read_manifest(run).regrades) == 1


async def test_a_run_without_attempts_is_refused_and_gets_no_journal(run: Path) -> None:
    for name in bytes_of(run).keys() - {"manifest.json"}:
        (run / name).unlink()
    with pytest.raises(UsageError, match="no graded attempt yet"):
        await again(run)
    assert list(bytes_of(run)) == ["manifest.json"]


async def test_stopped_midway_it_keeps_what_was_judged(made: Path, run: Path) -> None:
    n = corrupt(run)

    def stop(done: int, total: int) -> None:
        if done == total // 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        await regrade(run, Judge(), tasks=TASKS, listener=stop)
    found = await again(run)
    assert 0 < len(found.changes) < n
    assert said(run) == said(made)


SLOW = """
import asyncio, sys
from pathlib import Path
sys.path.insert(0, {here!r})
from scripts import Doubling
from thinkcurve.regrade import regrade
from thinkcurve.verify.judge import Judge

class Slow(Judge):
    async def judge(self, reference, answer):
        await asyncio.sleep(0.05)
        return await super().judge(reference, answer)

def listen(done, total):
    print(done, flush=True)
    import time
    time.sleep(0.005)

asyncio.run(regrade(Path({run!r}), Slow(), tasks={{"doubling": Doubling()}}, listener=listen))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_killed_at_random_moments_it_loses_nothing(made: Path, run: Path) -> None:
    rng = random.Random(0)
    kills = 0
    while kills < 6:
        corrupt(run, every=2)
        before = journal_path(run).read_bytes()
        code = SLOW.format(here=str(Path(__file__).parent), run=str(run))
        process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(rng.uniform(0, 0.5))
        process.kill()
        process.stdout.close()
        kills += process.wait() == -signal.SIGKILL
        assert journal_path(run).read_bytes().startswith(before)
        assert attempts(run).keys() == attempts(made).keys()
        asyncio.run(again(run))
        assert said(run) == said(made)


async def test_of_several_models_and_samples_each_keeps_its_own(tmp_path: Path) -> None:
    two = Given({"adder": given().backends["adder"], "other": given().backends["adder"]}, dict(TASKS))
    study = changed(models=("adder", "other"), samples=2, temperature=1.0)
    await sweep(tmp_path, study, two)
    one = next(iter(attempts(tmp_path).values())).key
    corrupt(tmp_path, lambda a: flipped(a) if a.key == one else a)
    (change,) = (await again(tmp_path)).changes
    assert (change.model, change.problem, change.sample, change.budget) == one


@pytest.mark.slow  # test_readme does it by the command line
async def test_the_reference_run_stands(tmp_path: Path) -> None:
    copy = Path(shutil.copytree(REFERENCE, tmp_path / "embedded"))
    judge = Judge()
    try:
        found = await regrade(copy, judge, warn=pytest.fail)
    finally:
        await judge.aclose()
    assert (found.n_attempts, found.changes, found.kept.total()) == (2400, [], 0)
