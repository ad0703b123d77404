"""Chat Completions as OpenAI and servers elsewhere speak it, in the words of `thinkcurve_backends.chat`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import msgspec

from thinkcurve.backend import Generation, NativeBudgets, Request, Visibility
from thinkcurve_backends.chat.body import chat_body
from thinkcurve_backends.chat.dialect import GENERIC, Dialect, Fields
from thinkcurve_backends.chat.reply import read_reply, read_stream
from thinkcurve_backends.chat.thinking import Habits
from thinkcurve_backends.endpoint.api import Api
from thinkcurve_backends.openai.options import OpenAiOptions

USAGE = Fields(cache_write="prompt_tokens_details.cache_write_tokens")
OPENAI = Dialect(
    name="OpenAI",
    provider="openai",
    max_tokens="max_completion_tokens",
    effort="reasoning_effort",
    most_stops=4,
    visibility=Visibility.HIDDEN,
    usage=USAGE,
)
"""https://developers.openai.com/api/reference/resources/chat: the thinking is counted, and never shown."""
ELSEWHERE = msgspec.structs.replace(GENERIC, effort="reasoning_effort", usage=USAGE, open="<think>", close="</think>")
"""``max_tokens`` where OpenAI says ``max_completion_tokens``: some servers know the old name alone."""


class Completions:
    """How this API is spoken: what goes out and how to read what comes back."""

    path = "/chat/completions"

    def __init__(self, name: str, options: OpenAiOptions, api: Api, thinking_source: str) -> None:
        self._name = name
        self._how: Any = {"fault": lambda said: api.fault_inside(said, self.path), "habits": Habits()}
        self._dialect = msgspec.structs.replace(
            OPENAI if options.is_openai else ELSEWHERE,
            name="OpenAI" if options.is_openai else api.base_url,
            budget=options.budget_field,
            native=NativeBudgets() if options.budget_field else None,
            max_output_tokens=options.max_output_tokens or None,
            default_is_most=not options.max_output_tokens,
            extra=options.extra,
            thinking_source=thinking_source,
        )

    def body(self, request: Request, *, stream: bool) -> dict[str, Any]:
        """What asks for ``request``. Raises `BackendError` for what this API has no word for."""
        return chat_body(self._name, request, self._dialect, stream=stream)

    def does_without(self, parameter: str) -> bool:
        """Nothing is sent that nobody asked for."""
        return False

    async def read_events(self, events: AsyncIterator[Any], request: Request | None) -> Generation:
        """The answer that a stream is. Raises `BackendError` where it has no end."""
        seen: list[str] = []
        generation = await read_stream(_watched(events, seen), self._dialect, request, **self._how)
        return _stamped(generation, seen)

    def read(self, response: Any, request: Request | None) -> Generation:
        """A whole answer. Raises `BackendError` where none came about."""
        seen: list[str] = []
        _look(response, seen)
        return _stamped(read_reply(response, self._dialect, request, **self._how), seen)


async def _watched(events: AsyncIterator[Any], seen: list[str]) -> AsyncIterator[Any]:
    async for event in events:
        if not seen:
            _look(event, seen)
        yield event


def _look(document: Any, seen: list[str]) -> None:
    found = document.get("system_fingerprint") if isinstance(document, dict) else None
    if isinstance(found, str) and found:
        seen.append(found)


def _stamped(generation: Generation, seen: list[str]) -> Generation:
    """``generation`` with the fingerprint of the system that made it beside the model's name."""
    if not seen:
        return generation
    served_by = " ".join(part for part in (generation.served_by, seen[0]) if part)
    return msgspec.structs.replace(generation, served_by=served_by)
