"""The run on disk: manifest, journal and tables. Here a run is written, and here it is read back.

    results/<run>/manifest.json      the study, versions, hardware, fingerprints
    results/<run>/journal.jsonl      append-only, one line an event, one write() each; the truth while running
    results/<run>/attempts.parquet   one row an `Attempt`   (written by `tables`)
    results/<run>/traces.parquet     one row a `Trace`
    results/<run>/failures.parquet   one row a `Failure`, where there are any

Killed at any moment, nothing graded is lost: a torn last line is dropped, everything before it stands. The
columns of the tables are the fields of `Attempt`, `Trace` and `Failure` below, and nowhere else documented.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from thinkcurve.backend import Sampling, Visibility
from thinkcurve.budget import Budget, Ending
from thinkcurve.errors import ThinkcurveError, UsageError
from thinkcurve.problem import Message, Verdict
from thinkcurve.study import Study
from thinkcurve.tariff import Tariff

SCHEMA_VERSION = 1

Unit = tuple[str, str, int]
"""(model, problem, sample): what one trace belongs to."""
AttemptKey = tuple[str, str, int, Budget]
"""(model, problem, sample, budget): what one attempt is."""


class Trace(msgspec.Struct, frozen=True, tag_field="event", tag="trace"):
    """The thinking of one (problem, sample), up to the largest budget.

    ``budget`` is the budget that a separate trace was made for, ``None`` for a shared one; under control ``effort`` it
    is the place of the level in `thinkcurve.budget.EFFORTS`, and ``effort`` its name. ``token_ids`` exclude
    the markers. ``wall_s`` is seconds from request to end under the study's concurrency; it, ``generated_spent`` and
    ``flops_spent`` are sums over continuations. ``cached_tokens`` is what the engine took from its KV cache. ``waits``
    says after how many tokens the model ended its thinking (``wait_endings``: how) and was told to go on (control
    ``extend``), by ``wait_tokens`` tokens of ours, which are among ``token_ids``. ``thinking_source`` says who counted
    ``thinking_tokens``: ``ids`` (these), ``provider``, ``parser``, ``client`` or ``unknown``. Where only text goes in
    and out, ``marks`` holds by turns a number of tokens and of characters of ``text``: where it can be cut.
    ``visibility`` is how much of the thinking ``text`` is, ``served_by`` the version of the model that answered.
    ``usd_spent`` is what its generations cost; of one that held thinking and answer, all of it.
    """

    model: str
    task: str
    problem: str
    sample: int
    budget: int | None
    seed: int
    prompt_tokens: int | None
    prompt_digest: str
    thinking_tokens: int | None
    token_ids: tuple[int, ...]
    text: str
    ending: Ending
    cached_tokens: int | None
    generated_spent: int | None
    flops_spent: float | None
    wall_s: float | None
    waits: tuple[int, ...] = ()
    wait_endings: tuple[Ending, ...] = ()
    wait_tokens: int = 0
    effort: str | None = None
    thinking_source: str = "ids"
    visibility: Visibility = Visibility.FULL
    marks: tuple[int, ...] = ()
    served_by: str | None = None
    usd_spent: float | None = None

    @property
    def key(self) -> AttemptKey:
        """What this trace is the trace of."""
        return (self.model, self.problem, self.sample, self.budget)


class Attempt(msgspec.Struct, frozen=True, tag_field="event", tag="attempt"):
    """One graded answer: (model, problem, sample, budget).

    Token counts are those of this attempt *alone*: ``generated_tokens`` = thinking + answer, ``total_tokens`` adds
    the prompt and the markers. ``*_spent`` is what the run really used for it beyond its trace; an answer shared
    by several budgets past a natural end (``is_shared_answer``) was spent once. ``wall_s`` is the answer's latency
    under the study's concurrency, plus the trace's in proportion to the tokens kept. ``ending`` says how this
    attempt's thinking ended. Under control ``effort`` ``budget`` is the place of the level in
    `thinkcurve.budget.EFFORTS`, and ``effort`` its name. ``usd`` prices the attempt alone, nothing cached;
    ``usd_spent`` what the run paid for it beyond its trace. ``mean_logprob`` and ``self_certainty`` are how sure the
    model was of its answer (`thinkcurve.certainty`), where the study asks.
    """

    model: str
    task: str
    problem: str
    index: int
    level: int | None
    group: str | None
    sample: int
    budget: int | None
    control: str
    verdict: Verdict
    reason: str
    rung: str
    extracted: str | None
    is_forced: bool
    ending: Ending
    is_truncated_answer: bool
    is_shared_answer: bool
    answer: str
    answer_ids: tuple[int, ...] | None
    prompt_tokens: int | None
    thinking_tokens: int | None
    answer_tokens: int | None
    generated_tokens: int | None
    total_tokens: int | None
    cached_tokens: int | None
    generated_spent: int | None
    flops: float | None
    flops_spent: float | None
    wall_s: float | None
    joules: float | None
    usd: float | None
    verify_cpu_s: float
    seed: int
    effort: str | None = None
    thinking_source: str = "ids"
    usd_spent: float | None = None
    mean_logprob: float | None = None
    self_certainty: float | None = None

    @property
    def key(self) -> AttemptKey:
        """What this attempt is."""
        return (self.model, self.problem, self.sample, self.budget)


class Failure(msgspec.Struct, frozen=True, tag_field="event", tag="failure"):
    """An attempt that did not come about. Never scored; tried again on resume."""

    model: str
    task: str
    problem: str
    sample: int
    budget: int | None
    control: str
    stage: str
    error: str

    @property
    def key(self) -> AttemptKey:
        """The attempt that is missing."""
        return (self.model, self.problem, self.sample, self.budget)


Event = Trace | Attempt | Failure


class ModelRecord(msgspec.Struct, frozen=True):
    """What a run knows of one model: its spec, what it turned out to be, and how its tokens are drawn and priced.

    ``sampling`` is ``None`` where the provider draws by its own defaults.
    """

    spec: str
    info: dict[str, Any]
    sampling: Sampling | None = None
    tariff: Tariff | None = None


class TaskRecord(msgspec.Struct, frozen=True):
    """What a run knows of one task: version, and a fingerprint of the problems it used, by how many there were.

    ``spec`` is what the study calls it. ``prompt`` is the text that asked the problems, where it is one text with
    places for them; ``prompt_fingerprint`` covers every message of every problem, the system message and whether a chat
    template was used, each with its level and group. ``example`` is how the first problem was asked, worked examples
    and all, unless its authors ask not to show it. ``source``, ``revision`` and ``licence`` are those of the data.
    """

    name: str
    version: str
    n_problems: int
    fingerprint: str
    spec: str = ""
    prompt: str = ""
    prompt_fingerprint: str = ""
    example: tuple[Message, ...] = ()
    source: str = ""
    revision: str = ""
    licence: str = ""


class Sitting(msgspec.Struct, frozen=True):
    """One time that a run was worked on: a run that was stopped and gone on with elsewhere has several."""

    started: str
    versions: dict[str, str]
    hardware: dict[str, Any]
    verifier: dict[str, str]
    git_commit: str | None


class Manifest(msgspec.Struct, frozen=True):
    """Everything needed to say what a run was, and to make it again.

    ``sittings`` made its answers; ``regrades`` judged them again, the last of them with these verdicts.
    """

    schema: int
    study: Study
    models: tuple[ModelRecord, ...]
    tasks: tuple[TaskRecord, ...]
    sittings: tuple[Sitting, ...]
    finished: str | None = None
    regrades: tuple[Sitting, ...] = ()


class Records:
    """What a run holds in memory: traces, attempts and failures by key; the last word on a key wins."""

    def __init__(self) -> None:
        self.traces: dict[AttemptKey, Trace] = {}
        self.attempts: dict[AttemptKey, Attempt] = {}
        self.failures: dict[AttemptKey, Failure] = {}

    def add(self, event: Event) -> None:
        """Take one event in. An attempt clears the failure that it makes good."""
        if isinstance(event, Trace):
            self.traces[event.key] = event
        elif isinstance(event, Attempt):
            self.attempts[event.key] = event
            self.failures.pop(event.key, None)
        elif event.key not in self.attempts:
            self.failures[event.key] = event


Warn = Callable[[str], None]


def manifest_path(run: Path) -> Path:
    """Where the manifest of a run lies."""
    return run / "manifest.json"


def journal_path(run: Path) -> Path:
    """Where the journal of a run lies."""
    return run / "journal.jsonl"


def read_manifest(run: Path) -> Manifest:
    """The manifest of a run, or a `UsageError` that says why the directory is not a readable run."""
    path = manifest_path(run)
    try:
        raw = path.read_bytes()
    except FileNotFoundError as error:
        raise UsageError(f"{str(run)!r} is not a run: it has no manifest.json") from error
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from error
    try:
        version = msgspec.json.decode(raw, type=dict[str, Any]).get("schema")
        if version != SCHEMA_VERSION:
            raise UsageError(
                f"{path}: schema {version!r} is not {SCHEMA_VERSION}, the one read here; use a matching thinkcurve"
            )
        return msgspec.json.decode(raw, type=Manifest)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} is damaged: {error}") from error


def write_manifest(run: Path, manifest: Manifest) -> None:
    """Write the manifest atomically, indented for people."""
    data = msgspec.json.format(msgspec.json.encode(manifest), indent=2) + b"\n"
    replace(manifest_path(run), lambda path: path.write_bytes(data))


def read_journal(path: Path, warn: Warn = lambda _: None) -> Iterator[Event]:
    """The events of a journal, in order. What cannot be read is passed over, with one word to ``warn``."""
    decoder = msgspec.json.Decoder(Event)
    damaged: list[int] = []
    try:
        with path.open("rb") as journal:
            for number, line in enumerate(journal, 1):
                if not line.endswith(b"\n"):
                    warn(f"{path}: dropped line {number}, torn when the run was stopped")
                    continue
                try:
                    yield decoder.decode(line)
                except (msgspec.DecodeError, UnicodeDecodeError):
                    damaged.append(number)
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from error
    if damaged:
        more = f" and {len(damaged) - 1:,} more" if len(damaged) > 1 else ""
        warn(f"{path}: passed over line {damaged[0]}{more}, damaged; what stood there is made again on resume")


class Journal:
    """The append-only journal of a run that is being carried out, locked against a second writer.

    Every event is one ``write()``; what was written survives the death of the process. ``sync_s`` bounds what a
    loss of power can take. Raises `UsageError` when another process holds the run, `ThinkcurveError` when the disk
    refuses.
    """

    def __init__(self, run: Path, *, sync_s: float = 5.0) -> None:
        self.path = journal_path(run)
        self._sync_s = sync_s
        self._encoder = msgspec.json.Encoder()
        try:
            self._fd = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise UsageError(f"cannot write {self.path}: {error.strerror}") from error
        if not _lock(self._fd):
            os.close(self._fd)
            raise UsageError(f"run {str(run)!r} is being written by another process")
        self._size = self._drop_torn_tail()
        self._synced_at = 0.0

    def append(self, event: Event, now_s: float) -> None:
        """Write one event; ``now_s`` is a monotonic clock, used to space out ``fsync``."""
        line = self._encoder.encode(event) + b"\n"
        try:
            written = os.write(self._fd, line)
            if written != len(line):
                raise OSError(0, "the disk is full")
            self._size += written
            if now_s - self._synced_at >= self._sync_s:
                self._synced_at = now_s
                os.fsync(self._fd)
        except OSError as error:
            self._forget_torn_write()
            raise ThinkcurveError(
                f"cannot write {self.path}: {error.strerror}; all before it is safe: "
                "make room and give the same command to go on"
            ) from error

    def sync(self) -> None:
        """Bring everything to the disk."""
        if self._fd >= 0:
            os.fsync(self._fd)

    def close(self) -> None:
        """Bring everything to the disk and let the lock go; closing twice is harmless."""
        if self._fd >= 0:
            fd, self._fd = self._fd, -1
            try:
                os.fsync(fd)
            finally:
                os.close(fd)

    def _drop_torn_tail(self) -> int:
        size = os.fstat(self._fd).st_size
        end = size
        while end > 0:
            start = max(0, end - 65536)
            os.lseek(self._fd, start, os.SEEK_SET)
            chunk = os.read(self._fd, end - start)
            newline = chunk.rfind(b"\n")
            if newline >= 0:
                end = start + newline + 1
                break
            end = start
        if end != size:
            os.ftruncate(self._fd, end)
        return end

    def _forget_torn_write(self) -> None:
        with contextlib.suppress(OSError):  # where even that fails, the torn line stays; reading drops it
            os.ftruncate(self._fd, self._size)


def _lock(fd: int) -> bool:
    """Take the lock of a journal without waiting; where the system has no ``flock`` (Windows) there is none."""
    try:
        import fcntl
    except ImportError:
        return True
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def replace(path: Path, write: Callable[[Path], object]) -> None:
    """Write a file beside its place and move it there, so that no reader sees half of it."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        write(draft)
        os.replace(draft, path)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise UsageError(f"cannot write {path}: {error.strerror or error}") from error
