"""What is asked of a vLLM engine and what it answers, whether in this process or behind a server.

Both ways end here: `settle` makes ids, text and the reason of a stop out of an answer, as the port to models wants it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from thinkcurve.backend import Sampling, Stop
from thinkcurve.errors import BackendError

SEEDS = 1 << 63
"""Seeds are 64-bit signed numbers in vLLM."""
COOLEST = 0.01
"""vLLM raises a smaller temperature to this one, silently but for its log (``_MAX_TEMP`` in sampling_params.py)."""
HOTTEST = 2.0
"""vLLM refuses a higher temperature."""


@dataclass(frozen=True, slots=True)
class Call:
    """One request to the engine. ``budget`` is its ``thinking_token_budget``, counted as vLLM counts."""

    prompt: tuple[int, ...]
    max_tokens: int
    sampling: Sampling
    seed: int = 0
    stop_ids: tuple[int, ...] = ()
    stop: tuple[str, ...] = ()
    logprobs: int | None = None
    budget: int | None = None


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back: ``ids`` with the stopping token, and ``tops`` with at least the likeliest ids of each place."""

    ids: tuple[int, ...]
    text: str
    finish: str
    stop_reason: int | str | None
    cached: int | None = None
    logprobs: tuple[float, ...] = ()
    tops: tuple[dict[int, float], ...] = ()


@dataclass(frozen=True, slots=True)
class Settled:
    """A reply without what stopped it."""

    ids: tuple[int, ...]
    text: str
    stop: Stop


class Engine(Protocol):
    """A vLLM engine, wherever it runs."""

    async def ask(self, call: Call) -> Reply:
        """Carry out one call, or raise `BackendError`."""
        ...

    async def decode(self, ids: Sequence[int]) -> str:
        """The text of ``ids``, markers included."""
        ...

    async def aclose(self) -> None:
        """Let go of the engine."""
        ...


def check_sampling(sampling: Sampling) -> None:
    """Refuse a temperature that vLLM would change or refuse."""
    if sampling.temperature > HOTTEST:
        raise BackendError(f"vLLM samples at temperatures up to {HOTTEST:g}; {sampling.temperature:g} is above it")
    if 0 < sampling.temperature < COOLEST:
        raise BackendError(
            f"vLLM would take temperature {sampling.temperature:g} for {COOLEST:g}; give 0 for greedy, or more"
        )


async def settle(engine: Engine, call: Call, reply: Reply) -> Settled:
    """Ids, text and stop of a reply.

    The text is that of the ids: vLLM's own leaves out half a character at the end. A stop text may lie across tokens:
    the ids are then those wholly before it. Raises `BackendError` where generation did not end as it should.
    """
    if reply.finish not in ("stop", "length"):
        raise BackendError(
            f"vLLM ended a generation early ({reply.finish or 'for no reason given'})", is_retryable=True
        )
    at = next((i for i, token in enumerate(reply.ids) if token in call.stop_ids), None)
    if at is not None:
        return Settled(reply.ids[:at], await engine.decode(reply.ids[:at]), Stop.STOP)
    is_text = isinstance(reply.stop_reason, str)
    is_eos = reply.finish == "stop" and not is_text
    ids = reply.ids[:-1] if is_eos else reply.ids
    text = await engine.decode(ids)
    places = [place for place in map(text.find, call.stop) if place >= 0]
    if places or is_text:
        cut = text[: min(places)] if places else reply.text
        return Settled(await _ids_before(engine, ids, len(cut)), cut, Stop.STOP)
    if is_eos:
        return Settled(ids, text, Stop.EOS)
    if len(ids) < call.max_tokens:
        raise BackendError(
            f"vLLM stopped after {len(ids)} of {call.max_tokens} tokens: the server has a limit of its own "
            "(max_new_tokens); start it with --generation-config vllm or without --override-generation-config"
        )
    return Settled(ids, text, Stop.LENGTH)


async def _ids_before(engine: Engine, ids: tuple[int, ...], length: int) -> tuple[int, ...]:
    """The ids that lie wholly within the first ``length`` characters; one that reaches over them is left out."""
    kept = len(ids)
    while kept and len(await engine.decode(ids[:kept])) > length:
        kept -= 1
    return ids[:kept]
