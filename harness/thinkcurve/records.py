"""The records of a run: the trace, the attempt and the failure, whose fields are the columns of its tables.

A line of the journal is one of them (an event), and so is a row of a table. Columns are documented here and nowhere
else.
"""

from __future__ import annotations

import msgspec

from thinkcurve.backend import Visibility
from thinkcurve.budget import Budget, Ending
from thinkcurve.problem import Verdict

Unit = tuple[str, str, int]
"""(model, problem, sample): what one trace belongs to."""
AttemptKey = tuple[str, str, int, Budget]
"""(model, problem, sample, budget): what one attempt is."""


class Trace(msgspec.Struct, frozen=True, gc=False, tag_field="event", tag="trace"):
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


class Attempt(msgspec.Struct, frozen=True, gc=False, tag_field="event", tag="attempt"):
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


class Failure(msgspec.Struct, frozen=True, gc=False, tag_field="event", tag="failure"):
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
