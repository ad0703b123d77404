"""inspect's logs as runs, against what inspect's own reader makes of them."""

import json
import math
import shutil
import subprocess
import zipfile
from pathlib import Path
from typing import Any

import pytest

from inspect_ai_here import PYTHON, needs_inspect
from thinkcurve.errors import UsageError
from thinkcurve.interop.imports.assemble import Imported
from thinkcurve.interop.imports.inspect_archive import ZSTANDARD, read_archive
from thinkcurve.interop.imports.item import Wishes
from thinkcurve.interop.imports.write import import_files, write_run
from thinkcurve.questions import read_questions
from thinkcurve.run import Run, load_run
from thinkcurve.store import Attempt

HERE = Path(__file__).parent
LOGS = HERE / "inspect_logs"
SUMS = (LOGS / "sums-1024.eval", LOGS / "sums-2048.eval")


def imported(*logs: Path, **wishes: Any) -> Imported:
    return import_files(logs, "inspect", wishes=Wishes(**wishes))


def run_of(folder: Path, *logs: Path, **wishes: Any) -> Run:
    write_run(imported(*logs, **wishes), folder)
    return load_run(folder)


def check_against_inspect(folder: Path) -> None:
    """Every sample of the logs in a folder, read by us, is what inspect read in it."""
    expected = json.loads((folder / "expected.txt").read_text())
    n_samples = 0
    for name, log in expected.items():
        for place, ours in by_place(
            imported(folder / name, metric="odd" if name.startswith("judged") else None)
        ).items():
            theirs = log["samples"][place]
            n_samples += 1
            if theirs["error"]:
                assert ours is None
                continue
            assert ours is not None
            check_sample(ours, theirs)
    assert n_samples == sum(len(log["samples"]) for log in expected.values()) == 24


def by_place(found: Imported) -> dict[str, Attempt | None]:
    """The attempts by inspect's name of their sample, ``None`` for those that failed."""
    keys = {"What is 0+0?": "sum/0", "What is 1+1?": "sum/1"}
    name = {q.problem: keys.get(q.question or "", str(q.index)) for q in found.questions}
    rows = {f"{name[a.problem]} {a.sample + 1}": a for a in found.records.attempts.values()}
    return {**rows, **{f"{name[f.problem]} {f.sample + 1}": None for f in found.records.failures.values()}}


def check_sample(ours: Attempt, theirs: dict[str, Any]) -> None:
    score = theirs["scores"].get("match", theirs["scores"].get("odd"))
    is_refusal = ours.reason == "refusal"
    words = {"C": "correct", "I": "no_answer" if is_refusal else "incorrect", "N": "no_answer", None: "unverified"}
    assert ours.verdict == words[score]
    assert ours.answer == theirs["answer"]
    usage = theirs["usage"]
    assert ours.thinking_tokens == usage["reasoning_tokens"]
    assert ours.generated_tokens == usage["output_tokens"]
    assert ours.total_tokens == usage["total_tokens"]
    assert ours.prompt_tokens == usage["input_tokens"] + usage["input_tokens_cache_read"]
    assert ours.cached_tokens == usage["input_tokens_cache_read"]
    assert ours.answer_tokens == usage["output_tokens"] - usage["reasoning_tokens"]
    assert ours.usd is None


def test_our_reader_reads_what_inspect_reads() -> None:
    check_against_inspect(LOGS)


@needs_inspect
def test_our_reader_reads_what_the_installed_inspect_writes(tmp_path: Path) -> None:
    script = shutil.copy(HERE / "make_inspect_logs.py", tmp_path)
    subprocess.run([PYTHON or "", script, "logs"], cwd=tmp_path, check=True, capture_output=True)
    check_against_inspect(tmp_path / "logs")


def test_logs_at_two_budgets_are_one_curve(tmp_path: Path) -> None:
    run = run_of(tmp_path / "run", *SUMS)
    (curve,) = run.curves()
    assert (curve.model, curve.task, curve.control) == ("mockllm/model", "inspect:sums", "native")
    assert [(p.budget, p.accuracy, p.n_problems, p.n_samples) for p in curve.points] == [
        (1024, 0.5, 4, 2),
        (2048, 1, 4, 2),
    ]
    assert [p.usd for p in curve.points] == [p.flops for p in curve.points] == [None, None]
    assert [p.thinking_tokens for p in curve.points] == [515.5, 1027.5]
    assert curve.thinking_source == {"provider": 16}
    study = run.manifest.study
    assert (study.temperature, study.max_output_tokens, study.samples, study.control) == (0.8, 4096, 2, "native")
    assert run.manifest.tasks[0].version == "2"


def test_thinking_and_questions_can_be_read_in_a_report(tmp_path: Path) -> None:
    run = run_of(tmp_path / "run", *SUMS)
    thinking = set(run.traces["text"])
    assert thinking == {"short", "so 2+2 is four; " * 8}
    questions = {q.index: q for q in read_questions(run.path)}
    assert questions[7].question == "What is 3+4? <script>alert(1)</script>"
    assert questions[8].question == "so 2+2 is four; " * 8
    assert questions[8].reference == "4"
    assert {(q.level, q.group) for q in questions.values()} == {(1, "even"), (2, "even"), (None, None)}


def test_what_went_wrong_is_told_apart(tmp_path: Path) -> None:
    run = run_of(tmp_path / "run", LOGS / "judged.json", metric="odd")
    attempts = run.attempts.set_index("index")
    reasons = {row.answer: (str(row.verdict), row.reason) for row in attempts.itertuples()}
    assert reasons == {
        "ANSWER: 0": ("correct", ""),
        "": ("no_answer", "no_answer"),
        "ANSWER: 7": ("unverified", "unscored"),
        "I will not.": ("no_answer", "refusal"),
    }
    cut = attempts[attempts["answer"] == ""].iloc[0]
    assert cut["is_truncated_answer"]
    assert cut["is_forced"]
    assert cut["ending"] == "budget"
    assert sorted(run.traces["visibility"]) == ["encrypted", "full", "full", "summary"]
    assert "gibberish" not in set(run.traces["text"])
    assert set(attempts["effort"]) == {"high"}


def test_samples_that_failed_are_failures_and_are_not_scored(tmp_path: Path) -> None:
    run = run_of(tmp_path / "run", LOGS / "failing.json")
    (point,) = run.curves()[0].points
    assert (point.n_attempts, point.failures, point.accuracy) == (1, 3, 1.0)
    assert "the server is gone </script>" in set(run.failures["error"].str.slice(14, -2))


def test_a_score_is_chosen_among_several_and_parts_of_one() -> None:
    with pytest.raises(UsageError, match="scored by odd, parts; choose with --metric"):
        imported(LOGS / "judged.json")
    with pytest.raises(UsageError, match=r"its score has parts \(right, style\); choose one with --metric SCORER.PART"):
        imported(LOGS / "judged.json", metric="parts")
    with pytest.raises(UsageError, match=r"no scorer 'parts\.rihgt'\. Did you mean 'parts\.right'"):
        imported(LOGS / "judged.json", metric="parts.rihgt")
    found = imported(LOGS / "judged.json", metric="parts.style", right_from=0.2)
    assert {attempt.verdict for attempt in found.records.attempts.values()} == {"correct"}


def test_a_folder_is_all_its_logs(tmp_path: Path) -> None:
    for log in SUMS:
        shutil.copy(log, tmp_path)
    (tmp_path / "other.json").write_text("{}")
    assert len(imported(tmp_path).records.attempts) == 16
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match=r"holds no \.eval log"):
        imported(tmp_path / "empty")


def test_a_log_twice_is_refused_or_becomes_further_samples(tmp_path: Path) -> None:
    again = Path(shutil.copy(SUMS[0], tmp_path / "again.eval"))
    with pytest.raises(UsageError, match=r"both answer inspect:sums/.* \(sample 0, budget 1024\); say"):
        imported(SUMS[0], again)
    found = import_files((SUMS[0], again), "inspect", more_samples=True)
    assert sorted({a.sample for a in found.records.attempts.values()}) == [0, 1, 2, 3]


def rewritten(log: Path, target: Path, kind: int, **changes: bytes) -> Path:
    """A log with some of its parts changed, compressed otherwise."""
    header, samples = read_archive(log)
    parts = {"header.json": json.dumps(header).encode()}
    parts |= {where.rpartition(": ")[2]: json.dumps(sample).encode() for where, sample in samples}
    with zipfile.ZipFile(target, "w", kind) as archive:
        for name, data in parts.items():
            archive.writestr(name, changes.get(name, data))
    return target


@pytest.mark.parametrize("kind", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_older_ways_of_compression_are_read_too(tmp_path: Path, kind: int) -> None:
    log = rewritten(SUMS[0], tmp_path / "old.eval", kind)
    mine, first = imported(log), imported(SUMS[0])
    assert mine.records.attempts == first.records.attempts
    with zipfile.ZipFile(SUMS[0]) as archive:
        assert {info.compress_type for info in archive.infolist()} == {ZSTANDARD}


def test_damage_is_one_sentence(tmp_path: Path) -> None:
    data = bytearray(SUMS[0].read_bytes())
    for at in (400, 3000):
        data[at] ^= 0xFF
    (tmp_path / "bad.eval").write_bytes(data)
    with pytest.raises(UsageError, match="is damaged"):
        imported(tmp_path / "bad.eval")
    (tmp_path / "short.eval").write_bytes(SUMS[0].read_bytes()[:5000])
    with pytest.raises(UsageError, match="is not valid JSON"):
        imported(tmp_path / "short.eval")
    with zipfile.ZipFile(tmp_path / "other.zip", "w") as archive:
        archive.writestr("a.txt", "a")
    with pytest.raises(UsageError, match=r"is no log of inspect: it has no header\.json"):
        imported(tmp_path / "other.zip")


def test_a_zip_bomb_is_not_unpacked(tmp_path: Path) -> None:
    bomb = rewritten(SUMS[0], tmp_path / "bomb.eval", zipfile.ZIP_DEFLATED)
    data = bytearray(bomb.read_bytes())
    with zipfile.ZipFile(bomb) as archive:
        info = archive.getinfo("samples/sum/0_epoch_1.json")
    place = data.index(b"PK\x01\x02", 0)
    while data[place + 46 : place + 46 + len(info.filename)] != info.filename.encode():
        place = data.index(b"PK\x01\x02", place + 1)
    data[place + 24 : place + 28] = (2**31).to_bytes(4, "little")
    bomb.write_bytes(data)
    with pytest.raises(UsageError, match="would be 2,147,483,648 bytes"):
        imported(bomb)
    data[place + 24 : place + 28] = (10).to_bytes(4, "little")
    bomb.write_bytes(data)
    with pytest.raises(UsageError, match="is damaged"):
        imported(bomb)


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"id": None}, "id is None; it must be a number or a text"),
        ({"epoch": 0}, "epoch is 0; it must be a whole number from 1 on"),
        ({"scores": {"match": {"value": "P"}}}, "match: score 'P' is neither right"),
        ({"scores": {}}, "has no score; judge it first with: inspect score"),
    ],
)
def test_a_sample_that_cannot_be_meant_is_refused(tmp_path: Path, changes: dict[str, Any], complaint: str) -> None:
    log = json.loads((LOGS / "judged.json").read_text())
    for sample in log["samples"]:
        sample["scores"] = {"match": {"value": "C"}}
        sample |= changes
    (tmp_path / "log.json").write_text(json.dumps(log))
    with pytest.raises(UsageError, match=complaint):
        imported(tmp_path / "log.json")


def test_parts_of_a_sample_that_are_no_tables_are_passed_over(tmp_path: Path) -> None:
    log = json.loads((LOGS / "judged.json").read_text())
    odd: list[dict[str, Any]] = [
        {"output": None, "messages": None, "metadata": None, "model_usage": None, "attachments": 3},
        {"output": {"choices": [3], "usage": {"output_tokens": math.nan}}, "messages": [None, {"role": "assistant"}]},
        {"output": {"choices": [{"message": {"content": [None, {"type": "text", "text": 3}]}}]}, "input": [None, {}]},
        {"target": {"a": [1]}, "choices": [1, None], "working_time": "long"},
    ]
    for sample, changes in zip(log["samples"], odd, strict=True):
        sample |= {"scores": {"match": True}, **changes}
    (tmp_path / "log.json").write_text(json.dumps(log))
    found = imported(tmp_path / "log.json")
    assert [attempt.verdict for attempt in found.records.attempts.values()] == ["correct"] * 4
