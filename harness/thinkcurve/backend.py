"""The port to models: what a backend must offer, and the records that go in and out.

A backend is one file outside the engine, reached by an entry point. It answers one request per coroutine;
batching, connection pools and retries of single connections are its own business.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any, Protocol, runtime_checkable

import msgspec

from thinkcurve.budget import Control, ThinkingFormat
from thinkcurve.errors import BackendError
from thinkcurve.problem import Message


class Sampling(msgspec.Struct, frozen=True):
    """How tokens are drawn. Temperature 0 is true greedy, whatever the rest says; 0, 1, 0 and 0 change nothing else."""

    temperature: float = 0.0
    top_p: float = 1.0
    top_k: int = 0
    min_p: float = 0.0


class NativeBudgets(msgspec.Struct, frozen=True):
    """Which token budgets a provider takes (control ``native``): 0 (no thinking) where it can, else least to most.

    ``has_natural`` says that it may be left to think as long as it likes.
    """

    least: int = 1
    most: int | None = None
    has_zero: bool = True
    has_natural: bool = True


class ModelInfo(msgspec.Struct, frozen=True):
    """What a backend knows of its model; ``None`` is unknown, never a default.

    ``fingerprint`` is a hash of the weights, or the provider's own version string. ``active_parameters``,
    ``layers`` and ``width`` (d_model) feed the FLOPs estimate. ``context_tokens`` bounds prompt + thinking + answer.
    """

    name: str
    revision: str | None = None
    fingerprint: str | None = None
    active_parameters: int | None = None
    layers: int | None = None
    width: int | None = None
    context_tokens: int | None = None
    thinking: ThinkingFormat | None = None
    engine: str | None = None
    """Engine and version, such as ``xllamacpp 2026.10.1``."""
    is_local: bool = False
    """Whether tokens cost nothing but time, so that a dry run may generate a few to measure the speed."""
    sampling: Sampling | None = None
    """How its makers say that it should be sampled (``generation_config.json``); ``None`` where they say nothing."""
    notes: tuple[str, ...] = ()
    """What a user of it should know, a sentence each: an engine's fault that is routed round, say."""
    provider: str | None = None
    """Who is paid for its tokens, by the id that ``genai-prices`` has for it; ``None`` where nobody is, or unknown."""
    native: NativeBudgets | None = None
    """Which token budgets its provider takes."""
    efforts: tuple[str, ...] = ()
    """Which levels of effort it takes, of `thinkcurve.budget.EFFORTS`; empty is unknown: ask, and see what it says."""
    max_output_tokens: int | None = None
    """The most tokens that its provider gives for thinking and answer together."""


class Continuation(msgspec.Struct, frozen=True, tag="continuation"):
    """A prefix to be continued exactly: token ids, or text where an endpoint has no ids."""

    token_ids: tuple[int, ...] | None = None
    text: str | None = None


class Chat(msgspec.Struct, frozen=True, tag="chat"):
    """Messages for a model behind an interface of messages.

    ``budget_tokens`` (control ``native``) is the provider's own budget, 0 turns thinking off; ``effort`` (control
    ``effort``) is one of `thinkcurve.budget.EFFORTS`; with neither it thinks as it likes. ``prefix`` is the beginning
    of the reply, markers and thinking included, to be gone on with exactly (controls ``truncate`` and ``extend`` where
    only text goes in and out): the reply then holds what comes after it, markers included, all in ``text``.
    """

    messages: tuple[Message, ...]
    budget_tokens: int | None = None
    effort: str | None = None
    prefix: str | None = None


class Request(msgspec.Struct, frozen=True):
    """One generation. ``stop_ids`` and ``stop`` end it; the stopping token or text is not part of the result.

    ``thinking_budget`` is for engines that enforce budgets in their own sampler (control ``server``): after so many
    tokens of thinking the engine writes the end of the model's `ThinkingFormat` (``wrap_up``, ``close``, ``cue``, or
    ``empty``, ``close``, ``cue`` for 0), and the result holds all of it: thinking, what closed it, and answer.
    """

    prompt: Continuation | Chat
    max_tokens: int
    """Of a chat without prefix: for thinking and answer together, and 0 is the most that its provider gives."""
    sampling: Sampling = Sampling()
    leaves_sampling: bool = False
    """Whether the provider draws tokens by its own defaults, and ``sampling`` says nothing."""
    seed: int = 0
    thinking_budget: int | None = None
    stop_ids: tuple[int, ...] = ()
    stop: tuple[str, ...] = ()
    top_logprobs: int | None = None


class Stop(StrEnum):
    """Why a generation ended."""

    STOP = "stop"
    """A stop id or stop text was produced."""
    EOS = "eos"
    """The model ended its turn."""
    LENGTH = "length"
    """``max_tokens`` was reached."""
    CONTEXT = "context"
    """The context window was full."""
    REFUSAL = "refusal"
    """The model declined to answer, and its provider says so."""


class Visibility(StrEnum):
    """How much of its thinking a provider shows."""

    FULL = "full"
    SUMMARY = "summary"
    """Another model's words on it."""
    ENCRYPTED = "encrypted"
    """It came back, readable for its provider alone."""
    HIDDEN = "hidden"
    """Nothing came back but, perhaps, its length."""


class Usage(msgspec.Struct, frozen=True):
    """Token counts of one generation as the engine or provider reported them; ``None`` is not reported.

    ``prompt_tokens`` are all of the prompt, of which ``cached_tokens`` were read from a cache and
    ``cache_write_tokens`` written to one. ``generated_tokens`` are thinking and answer together. ``source`` says who
    counted the thinking: ``provider``, ``parser``, ``client`` or ``unknown``. ``usd`` is what the provider says that
    it charges.
    """

    prompt_tokens: int | None = None
    cached_tokens: int | None = None
    thinking_tokens: int | None = None
    answer_tokens: int | None = None
    source: str = "unknown"
    generated_tokens: int | None = None
    cache_write_tokens: int | None = None
    usd: float | None = None


class Generation(msgspec.Struct, frozen=True):
    """What came back. ``text`` is the continuation, or the answer where a provider keeps ``thinking`` apart.

    ``token_ids`` excludes the stopping token; ``logprobs`` are natural logs, one a generated token.
    ``wall_s`` runs from sending the request to its end, queueing in the engine included; ``raw`` is the
    provider's own usage object.
    """

    text: str
    stop: Stop
    token_ids: tuple[int, ...] | None = None
    thinking: str | None = None
    usage: Usage = Usage()
    logprobs: tuple[float, ...] | None = None
    top_logprobs: tuple[dict[int, float], ...] | None = None
    wall_s: float | None = None
    raw: dict[str, Any] | None = None
    visibility: Visibility = Visibility.FULL
    """How much of the thinking ``thinking`` is."""
    served_by: str | None = None
    """The version of the model that answered, as the provider names it."""


class Tokenizer(Protocol):
    """A model's own tokenizer, for backends that continue token ids."""

    def render(self, messages: Sequence[Message], *, chat: bool = True) -> tuple[int, ...]:
        """The chat prompt as ids, ending where the assistant begins (or its thinking, if the template opens it).

        Without ``chat`` no template is applied: the contents as plain text, `raw_text`, with nothing added but the
        begin-of-sequence token of a model that wants one.
        """
        ...

    def encode(self, text: str) -> tuple[int, ...]:
        """``text`` as ids, markers read as special tokens, with no begin-of-sequence token added."""
        ...

    def decode(self, token_ids: Sequence[int]) -> str:
        """The text of ``token_ids``, markers included."""
        ...


def raw_text(messages: Sequence[Message]) -> str:
    """The contents of messages as the prompt of a model without a chat template, a blank line between them."""
    return "\n\n".join(message.content for message in messages)


class Backend(Protocol):
    """A model that can be asked. ``tokenizer`` is ``None`` where only text goes in and out."""

    @property
    def model(self) -> ModelInfo:
        """What is known of the model."""
        ...

    @property
    def controls(self) -> frozenset[Control]:
        """The ways in which budgets can be enforced on it."""
        ...

    @property
    def concurrency(self) -> int:
        """How many requests may be open at once."""
        ...

    @property
    def tokenizer(self) -> Tokenizer | None:
        """The model's own tokenizer."""
        ...

    async def generate(self, request: Request) -> Generation:
        """Answer one request, or raise `thinkcurve.errors.BackendError`."""
        ...

    async def aclose(self) -> None:
        """Let go of everything held; closing twice is harmless."""
        ...


class BatchStatus(msgspec.Struct, frozen=True):
    """How far a batch is: ``is_ended`` says that every request of it has come to an end, good or bad."""

    is_ended: bool
    n_done: int | None = None
    n_all: int | None = None


@runtime_checkable
class Batching(Protocol):
    """What a backend offers too where its provider takes many requests at once and answers within a day."""

    @property
    def most_in_batch(self) -> int:
        """How many requests one batch may hold."""
        ...

    @property
    def batch_factor(self) -> float:
        """What a token in a batch costs, as a part of what it costs otherwise."""
        ...

    async def submit(self, requests: Mapping[str, Request]) -> str:
        """Hand over requests by our names (at most 64 letters, digits, ``-``, ``_``); the provider's id of them."""
        ...

    async def status(self, batch: str) -> BatchStatus:
        """How far a batch is, whoever submitted it and when."""
        ...

    async def collect(self, batch: str) -> dict[str, Generation | BackendError]:
        """What became of each request of an ended batch, by our name; one that the provider never began is missing."""
        ...
