"""A run judged again without being held: the same as of records in memory, and no more memory for more attempts."""

import asyncio
import functools
import tempfile
import tracemalloc
import zlib
from collections import Counter
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given as drawn
from hypothesis import settings
from hypothesis import strategies as st

from corrupt import bytes_of
from scripts import Doubling, changed, given, sweep
from thinkcurve import merge
from thinkcurve import regrade as module
from thinkcurve.errors import UsageError
from thinkcurve.plan import Given
from thinkcurve.problem import Judgement, Reference, Verdict
from thinkcurve.regrade import Change, Regrade, is_kept, reading_of, regrade
from thinkcurve.run import Run
from thinkcurve.store import Journal, Records, journal_path, read_manifest
from thinkcurve.tables import read_records, row_order
from thinkcurve.verify.judge import Judge

N_PROBLEMS = 3
JUDGEMENTS = (
    Judgement(Verdict.CORRECT, "", "number", "4"),
    Judgement(Verdict.CORRECT, "", "other", "4"),
    Judgement(Verdict.INCORRECT, "wrong", "number", "5"),
    Judgement(Verdict.UNVERIFIED, "timeout"),
    Judgement(Verdict.UNVERIFIED, "parse"),
)


class Fickle(Judge):
    """Says anything, but always the same of the same answer to the same problem; later ones may be told earlier."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[tuple[Reference, str]] = []

    async def judge(self, reference: Reference, answer: str) -> Judgement:
        self.asked.append((reference, answer))
        if len(self.asked) % 3 == 0:
            await asyncio.sleep(0)
        return verdict_of(reference, answer)


class Lost(Judge):
    """A judge whose sandbox fails, so that every verdict stands."""

    async def judge(self, reference: Reference, answer: str) -> Judgement:
        return Judgement(Verdict.UNVERIFIED, "sandbox")


def verdict_of(reference: Reference, answer: str) -> Judgement:
    return JUDGEMENTS[zlib.crc32(repr((reference, answer)).encode()) % len(JUDGEMENTS)]


TASK = Doubling(N_PROBLEMS)
REFERENCES = {problem.id: problem.reference for problem in TASK.problems()}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two models, two samples, three problems."""
    run = tmp_path_factory.mktemp("made") / "run"
    backend = given().backends["adder"]
    study = changed(models=("adder", "other"), samples=2, temperature=1.0, budgets=(0, 8, None), limit=N_PROBLEMS)
    asyncio.run(sweep(run, study, Given({"adder": backend, "other": backend}, {"doubling": TASK})))
    return run


def brute_force(before: Records) -> tuple[Records, dict[str, Any]]:
    """Every attempt judged by itself."""
    after, changes, kept, n_other_rung = Records(), [], Counter[str](), 0
    after.traces, after.failures = before.traces, before.failures
    for old in sorted(before.attempts.values(), key=row_order):
        after.add(old)
        judgement = verdict_of(REFERENCES[old.problem], old.answer)
        if old.reason == "refusal":
            continue
        if is_kept(old, judgement):
            kept[judgement.reason] += 1
            continue
        names = ("verdict", "reason", "rung", "extracted")
        new = msgspec.structs.replace(old, **{name: getattr(judgement, name) for name in names})
        after.add(new)
        if any(getattr(old, name) != getattr(new, name) for name in names if name != "rung"):
            changes.append(Change(*old.key, reading_of(old), reading_of(new)))
        else:
            n_other_rung += old.rung != new.rung
    return after, {"changes": changes, "kept": kept, "n_other_rung": n_other_rung}


def accuracies(run: Path, records: Records) -> dict[Any, float | None]:
    curves = Run(run, read_manifest(run), records).curves()
    return {(c.model, c.task, c.control, p.budget): p.accuracy for c in curves for p in c.points}


def again(run: Path, judge: Judge, **options: Any) -> Regrade:
    return asyncio.run(regrade(run, judge, tasks={"doubling": TASK}, warn=pytest.fail, **options))


readings = st.sampled_from([*JUDGEMENTS, Judgement(Verdict.NO_ANSWER, "refusal")])
rewritten = st.tuples(st.integers(0, 35), st.sampled_from(["4", "5", "6"]), readings)


@settings(max_examples=12, deadline=None)
@drawn(
    told=st.lists(rewritten, max_size=50), chunk_bytes=st.sampled_from([1, 3_000, 1 << 20]), source=st.integers(0, 2)
)
def test_a_run_gone_through_is_judged_as_records_are(
    made: Path, told: list[tuple[int, str, Judgement]], chunk_bytes: int, source: int
) -> None:
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "Problems", functools.partial(merge.Problems, chunk_bytes=chunk_bytes))
        run = rewrite(made, Path(folder), told)
        if source == 1:  # its tables hold all
            merge.compact_run(run)
        if source == 2:  # and it has nothing else
            merge.compact_run(run)
            journal_path(run).unlink()
        before = read_records(run)
        after, expected = brute_force(before)
        judge, lying = Fickle(), bytes_of(run)
        steps: list[tuple[int, int]] = []
        dry = again(run, judge, is_dry=True, listener=lambda done, total: steps.append((done, total)))
        assert bytes_of(run) == lying
        assert {name: getattr(dry, name) for name in expected} == expected
        different = {(REFERENCES[a.problem], a.answer) for a in before.attempts.values() if a.reason != "refusal"}
        assert sorted(map(str, judge.asked)) == sorted(map(str, different))
        assert steps == [(i + 1, len(different)) for i in range(len(different))]
        assert (dry.n_judged, dry.n_attempts) == (len(different), len(before.attempts))
        for tally, records in ((dry.before, before), (dry.after, after)):
            assert +tally.verdicts == Counter(a.verdict for a in records.attempts.values())
        was, now = accuracies(run, before), accuracies(run, after)
        assert {(m.model, m.task, m.control, m.budget): (m.before, m.after) for m in dry.moved} == {
            cell: (pytest.approx(was[cell]), pytest.approx(now[cell])) for cell in was if was[cell] != now[cell]
        }
        found = again(run, Fickle())
        assert (found.changes, found.moved) == (dry.changes, dry.moved)
        assert {a.key: reading_of(a) for a in read_records(run).attempts.values()} == {
            a.key: reading_of(a) for a in after.attempts.values()
        }


def rewrite(made: Path, folder: Path, told: list[tuple[int, str, Judgement]]) -> Path:
    """A copy of the run some of whose attempts have other answers and readings, the last word behind the first."""
    records = read_records(made)
    keys = sorted(records.attempts, key=str)
    (folder / "manifest.json").write_bytes((made / "manifest.json").read_bytes())
    journal = Journal(folder)
    for event in (*records.traces.values(), *records.attempts.values()):
        journal.append(event, 0.0)
    for place, answer, reading in told:
        fields = {name: getattr(reading, name) for name in ("verdict", "reason", "rung", "extracted")}
        attempt = records.attempts[keys[place % len(keys)]]
        journal.append(msgspec.structs.replace(attempt, answer=answer, **fields), 0.0)
    journal.close()
    return folder


def test_memory_does_not_grow_with_the_attempts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An attempt takes some 2 kB as a record; where nothing changes, nothing of it stays."""
    monkeypatch.setattr(module, "Problems", functools.partial(merge.Problems, chunk_bytes=200_000))
    monkeypatch.setattr(merge, "READ_BYTES", 200_000)
    peaks = [peak(tmp_path / str(n), n) for n in (100, 600)]
    assert (peaks[1] - peaks[0]) / (500 * 8) < 350


def peak(run: Path, n_problems: int) -> int:
    """The most that is held while a run of so many problems, with eight attempts each, is judged."""
    task = Doubling(n_problems)
    asyncio.run(sweep(run, changed(budgets=(0, 8), limit=n_problems), given(task=task)))
    attempts = list(read_records(run).attempts.values())
    journal = Journal(run)
    for sample in range(1, 4):
        for attempt in attempts:
            journal.append(msgspec.structs.replace(attempt, sample=sample), 0.0)
    journal.close()
    tracemalloc.start()
    try:
        found = asyncio.run(regrade(run, Lost(), tasks={"doubling": task}, is_dry=True))
        assert found.kept == {"sandbox": n_problems * 8}
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_what_is_put_aside_of_a_dry_run_lies_among_temporary_files(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = rewrite(made, tmp_path, [])
    journal_path(run).chmod(0o400)
    seen: list[object] = []
    real = tempfile.TemporaryFile

    def watched(*args: Any, **how: Any) -> Any:
        seen.append(how.get("dir"))
        return real(*args, **how)

    monkeypatch.setattr(tempfile, "TemporaryFile", watched)
    again(run, Fickle(), is_dry=True)
    assert seen == [None]


def test_no_room_to_put_attempts_aside_is_one_line(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = rewrite(made, tmp_path, [])
    before = bytes_of(run)

    def full(*args: Any, **how: Any) -> Any:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(tempfile, "TemporaryFile", full)
    with pytest.raises(UsageError, match=r"cannot put attempts aside, No space left on device, .*TMPDIR"):
        again(run, Fickle(), is_dry=True)
    with pytest.raises(UsageError, match=f"cannot put attempts aside, No space left on device, in {run}"):
        again(run, Fickle())
    assert bytes_of(run) == before
