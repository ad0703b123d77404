"""A request as the SDK's types, and as the JSON that Google's REST interface takes of it in a file of a batch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from thinkcurve.backend import Chat, ModelInfo, Request
from thinkcurve.errors import BackendError
from thinkcurve.problem import Message
from thinkcurve_backends.gemini.family import LEVELS, Way
from thinkcurve_backends.gemini.sdk import types
from thinkcurve_backends.json_body import json_body

ROLES = {"user": "user", "assistant": "model"}
MOST_STOPS = 5
"""https://ai.google.dev/api/generate-content#generationconfig."""
HARMS = (
    types.HarmCategory.HARM_CATEGORY_HARASSMENT,
    types.HarmCategory.HARM_CATEGORY_HATE_SPEECH,
    types.HarmCategory.HARM_CATEGORY_SEXUALLY_EXPLICIT,
    types.HarmCategory.HARM_CATEGORY_DANGEROUS_CONTENT,
)
"""The filters that a user of text may turn off: https://ai.google.dev/gemini-api/docs/safety-settings."""
NOT_GENERATION = {"system_instruction", "safety_settings", "automatic_function_calling", "automatic_continuation"}
"""Fields of the SDK's config that stand beside ``generationConfig`` in JSON, or are the SDK's own."""


class Asked(msgspec.Struct, frozen=True):
    """One request in the SDK's words."""

    contents: list[Any]
    config: Any


def asked_of(request: Request, model: ModelInfo, way: Way, safety: str) -> Asked:
    """What is asked of Gemini. Raises `BackendError` for what it cannot be asked."""
    chat = request.prompt
    if not isinstance(chat, Chat) or chat.prefix is not None:
        raise BackendError("Gemini takes messages and goes on with no prefix")
    if request.top_logprobs is not None:
        raise BackendError("Gemini is not asked for log-probabilities: its thinking models give none")
    if len(request.stop) > MOST_STOPS:
        raise BackendError(f"Gemini takes at most {MOST_STOPS} stop texts, not {len(request.stop)}")
    json_body([*(message.content for message in chat.messages), *request.stop])  # the SDK would send half characters
    system = "\n\n".join(message.content for message in chat.messages if message.role == "system")
    config = types.GenerateContentConfig(
        system_instruction=system or None,
        max_output_tokens=_max_tokens(request.max_tokens, model.max_output_tokens),
        stop_sequences=list(request.stop) or None,
        seed=request.seed & 0x7FFF_FFFF,  # 32 bits with a sign
        thinking_config=_thinking(chat, way, model.name),
        safety_settings=_OFF if safety == "off" else None,
        automatic_function_calling=_NO_CALLS,
        automatic_continuation=False,
        **_sampling(request),
    )
    return Asked(_contents(chat.messages), config)


def json_of(asked: Asked) -> dict[str, Any]:
    """A request as ``GenerateContentRequest``: what stands in the file of a batch."""
    config: types.GenerateContentConfig = asked.config
    generation = plain(config, exclude=NOT_GENERATION)
    body: dict[str, Any] = {"contents": [plain(content) for content in asked.contents], "generationConfig": generation}
    if config.system_instruction:
        body["systemInstruction"] = {"parts": [{"text": config.system_instruction}], "role": "user"}
    if config.safety_settings:
        body["safetySettings"] = [plain(setting) for setting in config.safety_settings]
    return body


_NO_CALLS = types.AutomaticFunctionCallingConfig(disable=True)
_OFF = [types.SafetySetting(category=harm, threshold=types.HarmBlockThreshold.OFF) for harm in HARMS]


def plain(value: Any, exclude: set[str] | None = None) -> dict[str, Any]:
    """One of the SDK's types as the JSON that Google reads and writes."""
    document: dict[str, Any] = value.model_dump(mode="json", by_alias=True, exclude_none=True, exclude=exclude)
    return document


def _contents(messages: Sequence[Message]) -> list[types.Content]:
    contents = []
    for message in messages:
        if message.role == "system":
            continue
        if message.role not in ROLES:
            raise BackendError(f"Gemini knows no messages of {message.role!r}; roles: system, {', '.join(ROLES)}")
        contents.append(types.Content(role=ROLES[message.role], parts=[types.Part(text=message.content)]))
    if not contents:
        raise BackendError("Gemini is asked by a message of the user; there is none")
    return contents


def _max_tokens(wished: int, most: int | None) -> int | None:
    """Thinking counts towards ``maxOutputTokens``; without it the model's most holds, and more is refused."""
    if not wished:
        return None
    return min(wished, most) if most else wished


def _sampling(request: Request) -> dict[str, Any]:
    if request.leaves_sampling:
        return {}
    sampling = request.sampling
    if sampling.min_p:
        raise BackendError("Gemini has no min_p; leave it 0, or leave sampling to the provider")
    fields: dict[str, Any] = {"temperature": sampling.temperature, "top_p": sampling.top_p}
    return fields | ({"top_k": sampling.top_k} if sampling.top_k else {})


def _thinking(chat: Chat, way: Way, name: str) -> types.ThinkingConfig | None:
    if chat.budget_tokens is not None:
        return _budget(chat.budget_tokens, way, name)
    if chat.effort is not None:
        return _level(chat.effort, way, name)
    if way.native is not None:  # -1 is as long as it likes: some models would not think without it
        return types.ThinkingConfig(include_thoughts=True, thinking_budget=-1)
    return types.ThinkingConfig(include_thoughts=True) if way.thinks else None


def _budget(tokens: int, way: Way, name: str) -> types.ThinkingConfig:
    native = way.native
    if native is None:
        raise BackendError(f"{name} takes no thinking budget; option thinking=budget asks it all the same")
    if tokens == 0 and native.has_zero:
        return types.ThinkingConfig(thinking_budget=0)  # to show no thoughts and ask for them is refused
    if tokens < native.least or (native.most is not None and tokens > native.most):
        span = f"{'0 or ' if native.has_zero else ''}{native.least} to {native.most or 'its most'}"
        raise BackendError(f"{name} takes thinking budgets of {span} tokens, not {tokens}")
    return types.ThinkingConfig(include_thoughts=True, thinking_budget=tokens)


def _level(effort: str, way: Way, name: str) -> types.ThinkingConfig:
    if not way.by_level:
        raise BackendError(f"{name} takes no level of thinking; option thinking=level asks it all the same")
    levels = way.efforts or LEVELS
    if effort not in levels:
        raise BackendError(f"{name} has no level of thinking {effort!r}; levels: {', '.join(levels)}")
    return types.ThinkingConfig(include_thoughts=True, thinking_level=types.ThinkingLevel[effort.upper()])
