"""A submission looked at before it is let in: a run directory of a stranger, of which nothing is taken on trust.

Its files must be of the schema, its records agree with each other and with its manifest, its problems be those of the
task that is installed here, and its verdicts those that our own judge gives for a random sample of its answers.

No file, address or code that a submission names is opened: its tasks are judged only where they are tasks that are
installed here, by their plain name, without options of free text. What that leaves out is said.
"""

from __future__ import annotations

import random
from collections.abc import Container, Iterator, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import Any, Literal

import msgspec

from thinkcurve.answers import judged
from thinkcurve.budget import ThinkingFormat, with_think_tags
from thinkcurve.errors import ThinkcurveError, UsageError
from thinkcurve.plugins import TASKS, names
from thinkcurve.problem import REFUSAL, Problem, fingerprint
from thinkcurve.questions import questions_path
from thinkcurve.regrade import is_kept, reading_of
from thinkcurve.report.leaderboard.consistency import contradictions, missing, n_uncounted, strangers
from thinkcurve.segments import journal_parts, segments_path
from thinkcurve.selection import choose_of
from thinkcurve.store import Attempt, Manifest, ModelRecord, Records, TaskRecord, read_manifest
from thinkcurve.tables import (
    attempts_path,
    failures_path,
    is_read_from_tables,
    read_records,
    read_tables,
    records_of,
    traces_path,
)
from thinkcurve.verify.judge import Judge

Outcome = Literal["pass", "fail", "unknown"]
MOST_BYTES = 8 << 30
"""Bytes that the tables of a submission may unpack to: what is larger is not opened."""
LARGEST = 1_000_000
"""The largest number that is taken as an option of a task: some say how many problems are made."""
SHOWN = 5
"""Cases that a sentence names."""


class Check(msgspec.Struct, frozen=True):
    """One thing looked at. ``unknown`` is what could not be looked at here; ``words`` say what was found."""

    name: str
    outcome: Outcome
    words: str


class Mismatch(msgspec.Struct, frozen=True):
    """An answer that our judge sees otherwise than the submission."""

    model: str
    problem: str
    sample: int
    budget: int | None
    submitted: str
    ours: str


class Submission(msgspec.Struct, frozen=True):
    """What was found of a run directory; ``seed`` draws the same sample again."""

    run: str
    checks: tuple[Check, ...]
    seed: int
    n_attempts: int = 0
    n_regraded: int = 0
    mismatches: tuple[Mismatch, ...] = ()

    @property
    def outcome(self) -> Outcome:
        """``fail`` where any check fails, else ``unknown`` where any could not be made."""
        found = {check.outcome for check in self.checks}
        return "fail" if "fail" in found else "unknown" if "unknown" in found else "pass"


async def check_submission(
    run: Path, judge: Judge, *, sample: int = 200, seed: int = 0, data_dir: Path | None = None
) -> Submission:
    """Check the run directory of a submission; ``sample`` answers, drawn by ``seed``, are judged again."""
    try:
        manifest, records = read_submission(run)
    except ThinkcurveError as error:
        return Submission(run.name, (Check("schema", "fail", str(error)),), seed)
    checks = [
        Check("schema", "pass", f"{len(records.attempts):,} attempts, {len(records.traces):,} traces"),
        _of("complete", missing(manifest, records), "every attempt of the study is there"),
        _of("consistent", contradictions(manifest, records), "records agree with each other and with the manifest"),
        _models(manifest),
        _costs(manifest, records),
    ]
    problems: dict[str, Problem] = {}
    of_task: dict[str, dict[str, Problem]] = {}
    for record in manifest.tasks:
        found, own = _problems(manifest, record, data_dir)
        checks.append(found)
        problems |= {problem.id: problem for problem in own}
        if found.outcome == "pass":
            of_task[record.name] = {problem.id: problem for problem in own}
    if of_task:
        fine = "every attempt is at a problem of its task, of its level and group"
        checks.append(_of("problems", strangers(records, of_task), fine))
    if any(check.outcome == "fail" for check in checks):
        return Submission(run.name, tuple(checks), seed, len(records.attempts))
    drawn = draw(manifest, records, problems, sample, seed)
    found_again = await _regraded(manifest, problems, drawn, judge)
    n_able = len(able(records, problems))
    checks.append(_graded(len(records.attempts), n_able, found_again))
    mismatches = tuple(found_again.mismatches)
    return Submission(run.name, tuple(checks), seed, len(records.attempts), found_again.n_judged, mismatches)


def read_submission(run: Path) -> tuple[Manifest, Records]:
    """The manifest and records of a submission, as `thinkcurve.run.load_run` reads them. Raises `UsageError`."""
    manifest = read_manifest(run)
    tables = [attempts_path(run), traces_path(run), failures_path(run), questions_path(run)]
    journal = [segments_path(run), *journal_parts(run)]
    linked = next((path for path in [run / "manifest.json", *journal, *tables] if path.is_symlink()), None)
    if linked is not None:
        raise UsageError(f"{linked.name} is a link; a submission holds its files itself")
    is_of_tables = is_read_from_tables(run)
    if not is_of_tables and any(path.suffix == ".zst" for path in journal):
        raise UsageError("its journal is compressed and its tables do not hold it; `thinkcurve compact` writes them")
    plain = [path for path in journal if path.is_file() and not is_of_tables]
    size = sum(_unpacked(path) for path in tables) + sum(path.stat().st_size for path in plain)
    if size > MOST_BYTES:
        raise UsageError(f"its tables hold {size / 2**30:.0f} GiB; at most {MOST_BYTES / 2**30:.0f} GiB are opened")
    warned: list[str] = []
    records = records_of(read_tables(run)) if is_of_tables else read_records(run, warned.append)
    if warned:
        raise UsageError(warned[0])
    if not records.attempts:
        raise UsageError("it has no graded attempt")
    if is_of_tables:
        _no_row_twice(attempts_path(run), len(records.attempts))
    return manifest, records


def _unpacked(path: Path) -> int:
    """Bytes that a Parquet file says it unpacks to."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    if not path.exists():
        return 0
    try:
        about = pq.read_metadata(path)
    except (OSError, pa.ArrowException) as error:
        raise UsageError(f"cannot read {path.name}: {error}") from error
    return sum(int(about.row_group(i).total_byte_size) for i in range(about.num_row_groups))


def _no_row_twice(path: Path, n: int) -> None:
    import pyarrow.parquet as pq

    rows = int(pq.read_metadata(path).num_rows)
    if rows != n:
        raise UsageError(f"{path.name} has {rows:,} rows for {n:,} attempts: some are there twice")


def _of(name: str, wrong: Iterator[str], fine: str) -> Check:
    found = list(wrong)
    if not found:
        return Check(name, "pass", fine)
    more = f"; and {len(found) - SHOWN:,} more" if len(found) > SHOWN else ""
    return Check(name, "fail", "; ".join(found[:SHOWN]) + more)


def _models(manifest: Manifest) -> Check:
    nameless = [record.spec for record in manifest.models if not record.info.get("fingerprint")]
    if not nameless:
        prints = ", ".join(str(record.info["fingerprint"]) for record in manifest.models)
        return Check("model", "pass", f"fingerprint {prints}, which only its maker can check")
    return Check("model", "unknown", f"no fingerprint of {', '.join(nameless)}: another run may be of another model")


def _costs(manifest: Manifest, records: Records) -> Check:
    n, n_local = n_uncounted(manifest, records)
    if n:
        odd = f"; {n_local:,} are of a local model, of which a run of ours has them: ask why" if n_local else ""
        return Check("costs", "unknown", f"{n:,} attempts have no token ids: their costs are as submitted{odd}")
    return Check("costs", "pass", "thinking is counted by its token ids; seconds and joules are as submitted")


def _problems(manifest: Manifest, record: TaskRecord, data_dir: Path | None) -> tuple[Check, Sequence[Problem]]:
    """Whether the problems of a task are those that this installation has under its name."""
    name = f"task {record.name}"
    spec = record.spec or record.name
    if spec != record.name or spec not in names(TASKS):
        return Check(name, "unknown", f"{spec!r} is no task that is installed here by that name"), ()
    options = manifest.study.task_options.get(spec, {})
    risky = [key for key, value in options.items() if not is_harmless(value)]
    if risky:
        return Check(name, "unknown", f"options not taken from a submission: {', '.join(risky)}"), ()
    study = msgspec.structs.replace(manifest.study, limit=record.n_problems, system="")
    try:
        problems = choose_of(spec, study, {}, data_dir).problems
    except (ThinkcurveError, OSError) as error:
        return Check(name, "unknown", f"its problems cannot be had here: {error}"), ()
    ours = fingerprint(problems)
    if ours != record.fingerprint or len(problems) != record.n_problems:
        return Check(
            name, "fail", f"its problems are others than here (fingerprint {record.fingerprint}, ours {ours})"
        ), ()
    return Check(name, "pass", f"{len(problems):,} problems, fingerprint {ours}"), problems


def is_harmless(value: Any) -> bool:
    """Whether an option of a task may be taken from a stranger: a truth value, or a number that is not too large."""
    return isinstance(value, bool | int | float) and abs(value) <= LARGEST


def draw(
    manifest: Manifest, records: Records, problems: dict[str, Problem], n: int, seed: int
) -> list[tuple[Attempt, str]]:
    """A random sample of attempts that can be judged here, each with the text that the judge is given."""
    formats: dict[str, ThinkingFormat | None] = {record.spec: format_of(record) for record in manifest.models}
    choices = sorted(
        able(records, problems),
        key=lambda attempt: (
            attempt.model,
            attempt.problem,
            attempt.sample,
            attempt.budget is None,
            attempt.budget or 0,
        ),
    )
    chosen = random.Random(seed).sample(choices, min(n, len(choices)))
    return [(attempt, with_think_tags(attempt.answer, formats.get(attempt.model))) for attempt in chosen]


def able(records: Records, problems: Container[str]) -> list[Attempt]:
    """Attempts that can be judged here: those of known problems, but not refusals, of which no text can tell."""
    return [one for one in records.attempts.values() if one.problem in problems and one.reason != REFUSAL]


def format_of(record: ModelRecord) -> ThinkingFormat | None:
    """How a model marks its thinking. Raises `UsageError` where the manifest holds something else there."""
    try:
        return msgspec.convert(record.info.get("thinking"), ThinkingFormat | None)
    except msgspec.ValidationError as error:
        raise UsageError(f"model {record.spec!r}: thinking is no format: {error}") from error


class _Again(msgspec.Struct):
    """What came of judging a sample again; ``n_given_up`` are answers at which our judge gave up."""

    mismatches: list[Mismatch] = []
    n_judged: int = 0
    n_given_up: int = 0


async def _regraded(
    manifest: Manifest, problems: dict[str, Problem], drawn: Sequence[tuple[Attempt, str]], judge: Judge
) -> _Again:
    await judge.prepare(
        problem.reference for problem in {problems[a.problem].id: problems[a.problem] for a, _ in drawn}.values()
    )
    found = _Again()
    async with aclosing(judged(judge, ((problems[a.problem].reference, text) for a, text in drawn))) as judgements:
        waiting = iter(drawn)
        async for judgement in judgements:
            attempt, _ = next(waiting)
            if is_kept(attempt, judgement):
                found.n_given_up += 1
                continue
            found.n_judged += 1
            if judgement.verdict != attempt.verdict:
                found.mismatches.append(
                    Mismatch(
                        attempt.model,
                        attempt.problem,
                        attempt.sample,
                        attempt.budget,
                        str(reading_of(attempt).verdict),
                        str(judgement.verdict),
                    )
                )
    return found


def _graded(n_attempts: int, n_able: int, found: _Again) -> Check:
    """What the sample says of the ``n_able`` answers, of so many attempts, that can be judged here."""
    n, wrong = found.n_judged, found.mismatches
    gave_up = f"; at {found.n_given_up:,} more our judge gave up" if found.n_given_up else ""
    if wrong:
        return Check("verdicts", "fail", f"{len(wrong):,} of {n:,} answers are judged otherwise here{gave_up}")
    if not n:
        return Check("verdicts", "unknown", f"none of its answers can be judged here{gave_up}")
    if n >= n_attempts:
        return Check("verdicts", "pass", f"all {n:,} answers are judged the same here")
    of = f"{n_able:,}" if n_able == n_attempts else f"{n_able:,} that can be judged here, of {n_attempts:,}"
    words = f"{n:,} of {of} answers, drawn at random, are judged the same here"
    if gave_up:
        return Check("verdicts", "unknown", words + gave_up)
    least = 1 - 0.05 ** (1 / n)
    words += f": were {100 * least:.1f} % of {'them' if n_able == n_attempts else 'those'} wrong"
    return Check("verdicts", "pass", f"{words}, one would be found 95 times in 100")
