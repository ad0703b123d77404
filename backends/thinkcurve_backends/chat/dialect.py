"""How one endpoint's chat protocol differs from the others, as data.

Paths are dotted: ``reasoning.max_tokens`` is the field ``max_tokens`` of the object ``reasoning``. An empty path is a
field that the endpoint does not have.
"""

from __future__ import annotations

from typing import Any

import msgspec

from thinkcurve.backend import NativeBudgets, Visibility


class Fields(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where an endpoint's usage object holds its counts; the first path of several (``a|b``) that is there counts."""

    prompt: str = "prompt_tokens"
    cached: str = "prompt_tokens_details.cached_tokens"
    cache_write: str = ""
    generated: str = "completion_tokens"
    thinking: str = "completion_tokens_details.reasoning_tokens"
    total: str = "total_tokens"
    usd: str = ""
    usd_unit: float = 1.0
    """What one of the provider's units of cost is in US dollars."""


class Dialect(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All that has to be known to ask an endpoint and to read what it answers.

    ``budget`` is where a token budget goes and ``native`` which ones it takes (``None``: it has none); ``effort`` is
    where a level goes and ``efforts`` our levels in its words (empty: unknown, ours are sent as they are). ``on`` is
    merged into the body of every request that may think, ``off`` into one that must not (``None``: it cannot be turned
    off), ``extra`` into all.
    """

    name: str = "openai"
    provider: str | None = None
    """Who is paid, by the id that ``genai-prices`` has for it."""
    max_tokens: str = "max_tokens"
    default_is_most: bool = True
    """Whether a request without ``max_tokens`` may use all that the model can give."""
    max_output_tokens: int | None = None
    """The most that the model gives: sent for ``max_tokens`` 0 where leaving it out means less."""
    budget: str = ""
    native: NativeBudgets | None = None
    effort: str = ""
    efforts: dict[str, Any] = {}
    on: dict[str, Any] = {}
    off: dict[str, Any] | None = None
    extra: dict[str, Any] = {}
    sampling: tuple[str, ...] = ("temperature", "top_p")
    """Which fields of `thinkcurve.backend.Sampling` it takes."""
    sends_neutral: bool = False
    """Whether fields of sampling are sent even where they change nothing: the server has defaults of its own."""
    seed: str = "seed"
    seeds_greedy: bool = True
    """Whether a seed does no harm where none is needed."""
    stop: str = "stop"
    most_stops: int | None = None
    has_stream: bool = True
    has_stream_usage: bool = True
    """Whether a stream ends with usage only where ``stream_options.include_usage`` asks for it."""
    prefill: dict[str, Any] | None = None
    """What the assistant's message that is to be gone on with bears beside its content; ``None``: it cannot be done."""
    prefill_body: dict[str, Any] = {}
    """What goes into the body of a request that goes on with one."""
    path: str = "/chat/completions"
    prefill_path: str = ""
    """Where such requests go, if not where all others do."""
    completions: dict[str, Any] | None = None
    """What goes into the body of a plain text completion, so that markers are read and shown; ``None``: it has none."""
    has_raw: bool = False
    """Whether text is gone on with by Ollama's own ``/api/generate``."""
    stops_are_tokens: bool = False
    """Whether only stop texts of one token end a reply."""
    stops_in_stream: bool = True
    """Whether stop texts do no harm to a streamed reply; where they do, it is asked for as a whole."""
    names_stop: bool = False
    """Whether a reply says which stop text ended it; else an end by one is not told from the model's own."""
    thinking: tuple[str, ...] = ("reasoning_content", "reasoning")
    """Where a message (or delta) holds the thinking."""
    visibility: Visibility = Visibility.FULL
    """What those fields hold; `HIDDEN` where most models show no thinking: a reply without it may have had some."""
    thinking_source: str = "provider"
    """Who counts the thinking tokens in its usage: ``provider`` or ``parser``."""
    open: str = ""
    close: str = ""
    """Markers of thinking that stands in the content itself, where the server does not take it apart."""
    opens_unseen: bool = False
    """Whether the chat template writes ``open``, so that content begins within the thinking."""
    usage: Fields = Fields()


GENERIC = Dialect(name="generic")
"""A server of which nothing is known but that it speaks the protocol."""
