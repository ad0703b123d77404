"""The Responses API: a `Request` as its body, and its answers, whole or as events, as a `Generation`.

https://developers.openai.com/api/reference/resources/responses/methods/create. It takes levels of effort, no token
budget, no seed and no stop texts. Of the thinking it shows another model's summary, or nothing; servers elsewhere that
speak it (vLLM, llama.cpp) show the thinking itself.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

import msgspec

from thinkcurve.backend import Chat, Generation, NativeBudgets, Request, Stop, Usage, Visibility
from thinkcurve.errors import BackendError
from thinkcurve_backends.chat.body import ask_to_think, chat_of, draw, end, limit, merge, put
from thinkcurve_backends.chat.dialect import Dialect
from thinkcurve_backends.chat.thinking import asks_off, check_off
from thinkcurve_backends.chat.usage import at, count, sensible
from thinkcurve_backends.endpoint.api import Api
from thinkcurve_backends.openai.faults import failed
from thinkcurve_backends.openai.options import OpenAiOptions

ENCRYPTED = "reasoning.encrypted_content"
ENDS = frozenset({"response.completed", "response.incomplete", "response.failed"})
"""Events that hold the whole response."""
DELTAS = frozenset({"response.output_text.delta", "response.refusal.delta"})
"""Events that hold a part of the answer."""


class Responses:
    """How this API is spoken: what goes out and how to read what comes back."""

    path = "/responses"

    def __init__(self, name: str, options: OpenAiOptions, api: Api, thinking_source: str) -> None:
        self._name = name
        self._options = options
        self._api = api
        self._dialect = Dialect(
            name="the Responses API",
            max_tokens="max_output_tokens",
            max_output_tokens=options.max_output_tokens or None,
            default_is_most=not options.max_output_tokens,
            budget=options.budget_field,
            native=NativeBudgets() if options.budget_field else None,
            effort="reasoning.effort",
            extra=options.extra,
            seed="",
            stop="",
            thinking_source=thinking_source,
        )
        self._has_shown = False
        self.summary = options.summary or ("auto" if options.is_openai else "none")

    def body(self, request: Request, *, stream: bool) -> dict[str, Any]:
        """What asks for ``request``. Raises `BackendError` for what this API has no word for."""
        chat = chat_of(request, self._dialect)
        turns = [{"type": "message", "role": turn.role, "content": turn.content} for turn in chat.messages]
        body: dict[str, Any] = {"model": self._name, "input": turns, "store": False}
        ask_to_think(body, chat, self._dialect)
        if self.asks_summary(chat):
            put(body, "reasoning.summary", self.summary)
        if self._options.encrypted:
            body["include"] = [ENCRYPTED]
        limit(body, request, self._dialect)
        draw(body, request, self._dialect)
        end(body, request, self._dialect)
        if stream:
            body["stream"] = True
        merge(body, self._dialect.extra)
        return body

    def asks_summary(self, chat: Chat) -> bool:
        """Whether a summary of the thinking is asked for, where there may be thinking."""
        return self.summary != "none" and chat.effort != "none"

    def does_without(self, parameter: str) -> bool:
        """Whether a refused parameter, which nobody had asked for, is left out from now on.

        Summaries are not for every model and organization. Where they were only our default, it is done without them,
        and what is recorded says that the thinking was hidden.
        """
        is_ours = parameter == "reasoning.summary" and not self._options.summary
        self.summary = "none" if is_ours else self.summary
        return is_ours

    async def read_events(self, events: AsyncIterator[Any], request: Request | None) -> Generation:
        """The response that a stream ends with. Raises a retryable `BackendError` where it has no end."""
        items: dict[int, Any] = {}
        has_deltas = False
        async for event in events:
            kind = event.get("type") if isinstance(event, dict) else None
            if kind in ENDS:
                response = event.get("response")
                if isinstance(response, dict) and not response.get("output") and items:
                    response = {**response, "output": [items[place] for place in sorted(items)]}
                if has_deltas and isinstance(response, dict) and response.get("output") == []:
                    raise self._broken("parts of an answer that its end does not hold")
                return self.read(response, request)
            if kind == "response.output_item.done":
                place = event.get("output_index")
                items[place if isinstance(place, int) else len(items)] = event.get("item")
            elif kind in DELTAS:
                has_deltas = True
            elif kind == "error":
                raise failed(event.get("error") or event, self._api, self.path)
            elif isinstance(event, dict) and event.get("object") == "response":
                return self.read(event, request)  # one document in place of a stream
        raise self._broken("a stream without its end")

    def read(self, response: Any, request: Request | None) -> Generation:
        """A whole response. Raises `BackendError` where no answer came about."""
        if not isinstance(response, dict) or not isinstance(response.get("output"), list):
            raise self._broken("no response" if not isinstance(response, dict) else "a response without output")
        usage = self._usage(response.get("usage"))
        most = request.max_tokens if request is not None else response.get("max_output_tokens")
        shows = not self._options.is_openai and (self._has_shown or asks_off(request))
        thinking, visibility = _thinking(response["output"], usage, shows=shows)
        self._has_shown = self._has_shown or (visibility is Visibility.FULL and bool(thinking))
        if visibility is Visibility.FULL and thinking and usage.thinking_tokens == 0:
            usage = msgspec.structs.replace(usage, thinking_tokens=None, answer_tokens=None, source="unknown")
        made = Generation(
            text="".join(_texts(response["output"])),
            stop=self._stop(response, usage, most if isinstance(most, int) else 0),
            thinking=thinking,
            usage=usage,
            raw=response.get("usage"),
            visibility=visibility,
            served_by=response["model"] if isinstance(response.get("model"), str) else None,
        )
        check_off(made, request, self._dialect)
        return made

    def _stop(self, response: dict[str, Any], usage: Usage, most: int) -> Stop:
        status = response.get("status")
        if status == "failed" or response.get("error"):
            raise failed(response.get("error"), self._api, self.path)
        if status == "incomplete":
            return self._cut(at(response, "incomplete_details.reason"))
        if status != "completed":
            raise self._broken(f"a response with status {self._api.line(str(status))!r}")
        if any(isinstance(item, dict) and item.get("status") == "incomplete" for item in response["output"]):
            raise self._broken("a response that is completed and holds a part that is not")
        if not self._options.is_openai and 0 < most <= (usage.generated_tokens or 0):
            return Stop.LENGTH  # llama.cpp calls a response completed that max_output_tokens ended
        return Stop.REFUSAL if any(_parts(response["output"], "refusal")) else Stop.EOS

    def _cut(self, reason: object) -> Stop:
        if reason == "max_output_tokens":
            return Stop.LENGTH
        if reason == "content_filter":
            raise BackendError(f"the filter of {self._api.base_url} took the answer away (content_filter)")
        raise self._broken(f"a response that is incomplete for a reason not known: {self._api.line(str(reason))!r}")

    def _usage(self, found: Any) -> Usage:
        if not isinstance(found, dict):
            return Usage()
        thinking = count(at(found, "output_tokens_details.reasoning_tokens"))
        return sensible(
            Usage(
                prompt_tokens=count(at(found, "input_tokens")),
                cached_tokens=count(at(found, "input_tokens_details.cached_tokens")),
                cache_write_tokens=count(at(found, "input_tokens_details.cache_write_tokens")),
                generated_tokens=count(at(found, "output_tokens")),
                thinking_tokens=thinking,
                source="unknown" if thinking is None else self._dialect.thinking_source,
            )
        )

    def _broken(self, what: str) -> BackendError:
        return BackendError(f"{self._api.base_url} answered {self.path} with {what}", is_retryable=True)


def _thinking(output: list[Any], usage: Usage, *, shows: bool) -> tuple[str | None, Visibility]:
    """What is shown of the thinking: itself, a summary, a box that only its provider opens, or nothing.

    ``shows`` says that the server shows thinking, so that where none is there was none.
    """
    items = [item for item in output if isinstance(item, dict) and item.get("type") == "reasoning"]
    raw = "".join(text for item in items for text in _text_of(item.get("content")))
    if raw:
        return raw, Visibility.FULL
    summary = "\n\n".join(text for item in items for text in _text_of(item.get("summary")))
    if summary:
        return summary, Visibility.SUMMARY
    if any(item.get("encrypted_content") for item in items):
        return None, Visibility.ENCRYPTED
    if usage.thinking_tokens == 0 or (shows and usage.thinking_tokens is None):
        return "", Visibility.FULL
    return None, Visibility.HIDDEN


def _texts(output: list[Any]) -> list[str]:
    """The answer; where a model names its final one, what it said on the way is left out."""
    messages = [item for item in output if isinstance(item, dict) and item.get("type") == "message"]
    final = [item for item in messages if item.get("phase") == "final_answer"]
    return [part["text"] for part in _parts(final or messages, "output_text") if isinstance(part.get("text"), str)]


def _parts(items: list[Any], kind: str) -> Iterator[dict[str, Any]]:
    for item in items:
        parts = item.get("content") if isinstance(item, dict) else None
        for part in parts if isinstance(parts, list) else ():
            if isinstance(part, dict) and part.get("type") == kind:
                yield part


def _text_of(parts: Any) -> list[str]:
    found = parts if isinstance(parts, list) else ()
    return [part["text"] for part in found if isinstance(part, dict) and isinstance(part.get("text"), str)]
