"""A run of a model behind messages played back: the recorded replies of an API, without key, network or money.

Replies are known by what was asked (the digest of the messages that each trace has) and by the seed, which names
problem, sample and budget. What the run does not hold is a `BackendError`, never an invention.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import msgspec

from thinkcurve.backend import Chat, Generation, ModelInfo, Request, Stop, Tokenizer, Usage
from thinkcurve.budget import Control, Ending
from thinkcurve.errors import BackendError
from thinkcurve.problem import REFUSAL
from thinkcurve.store import Attempt, AttemptKey, Trace


class ReplayChat:
    """The replies of a run played back (a `thinkcurve.backend.Backend` without a tokenizer)."""

    concurrency = 32
    tokenizer: Tokenizer | None = None

    def __init__(
        self, model: ModelInfo, control: Control, traces: Iterable[Trace], attempts: Iterable[Attempt]
    ) -> None:
        self.model = msgspec.structs.replace(model, is_local=True)  # nobody is paid, and nothing is waited for
        self.controls = frozenset({control})
        self._traces: dict[tuple[str, int], Trace] = {(trace.prompt_digest, trace.seed): trace for trace in traces}
        self._attempts: dict[AttemptKey, Attempt] = {attempt.key: attempt for attempt in attempts}

    async def generate(self, request: Request) -> Generation:
        """The reply that the run recorded for this request. Raises `BackendError` where it recorded none."""
        if not isinstance(request.prompt, Chat):
            raise BackendError("this run was made of messages, and is replayed to messages only")
        digest = hashlib.blake2b(msgspec.json.encode(request.prompt.messages), digest_size=8).hexdigest()
        trace = self._traces.get((digest, request.seed))
        attempt = None if trace is None else self._attempts.get(trace.key)
        if trace is None or attempt is None:
            raise BackendError("the replayed run has no reply to these messages at this budget and seed")
        return Generation(
            text=attempt.answer,
            stop=_stop(trace, attempt),
            thinking=trace.text or None,
            usage=Usage(
                prompt_tokens=trace.prompt_tokens,
                cached_tokens=trace.cached_tokens,
                thinking_tokens=attempt.thinking_tokens,
                answer_tokens=attempt.answer_tokens,
                generated_tokens=attempt.generated_tokens,
                source=trace.thinking_source,
            ),
            visibility=trace.visibility,
            served_by=trace.served_by,
        )

    async def aclose(self) -> None:
        """Nothing is held."""


def _stop(trace: Trace, attempt: Attempt) -> Stop:
    if attempt.reason == REFUSAL:
        return Stop.REFUSAL
    if trace.ending is Ending.CONTEXT:
        return Stop.CONTEXT
    return Stop.LENGTH if attempt.is_truncated_answer else Stop.EOS
