"""What Google's Gemini API answers, in the types of its SDK: for the server of ours in `gemini_server`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from google.genai import types


@dataclass
class Asked:
    """What a client asked, checked."""

    model: str
    contents: list[types.Content]
    system: str
    config: types.GenerationConfig
    budget: int | None
    """None is as long as the model likes; words, or the tokens of a real model."""

    @property
    def prompt(self) -> str:
        """The text of all messages."""
        return " ".join(part.text or "" for content in self.contents for part in content.parts or [])


@dataclass
class Written:
    """What the model wrote, as pieces of one token each."""

    thinking: list[str]
    answer: list[str]
    prompt_tokens: int = 7
    cached_tokens: int = 0
    finish: str = "STOP"
    block: str = ""
    """Why a filter blocked the prompt, if one did."""
    signature: bytes = b""


def cut(asked: Asked, written: Written) -> Written:
    """What is left under ``maxOutputTokens``, which thoughts count towards."""
    most = asked.config.max_output_tokens
    if most is None or most >= len(written.thinking) + len(written.answer):
        return written
    thinking = written.thinking[:most]
    answer = written.answer[: most - len(thinking)]
    return Written(thinking, answer, written.prompt_tokens, written.cached_tokens, "MAX_TOKENS", "", written.signature)


def response_json(asked: Asked, so_far: Written, parts: list[types.Part], finish: str | None) -> bytes:
    """One response, or a piece of one, by the SDK's type; Google leaves zeros out."""
    thoughts, answer = len(so_far.thinking), len(so_far.answer)
    candidate: dict[str, Any] = {"index": 0, "content": types.Content(role="model", parts=parts or None)}
    if finish:
        candidate["finish_reason"] = types.FinishReason(finish)
    response = types.GenerateContentResponse(
        candidates=[types.Candidate(**candidate)],
        model_version=f"{asked.model}-001",
        response_id="r-1",
        usage_metadata=types.GenerateContentResponseUsageMetadata(
            prompt_token_count=so_far.prompt_tokens,
            cached_content_token_count=so_far.cached_tokens or None,
            thoughts_token_count=thoughts or None,
            candidates_token_count=answer or None,
            total_token_count=so_far.prompt_tokens + thoughts + answer,
        ),
    )
    return response.model_dump_json(by_alias=True, exclude_none=True).encode()


def blocked_json(asked: Asked, written: Written) -> bytes:
    """What comes in place of an answer where a filter blocked the prompt."""
    feedback = types.GenerateContentResponsePromptFeedback(block_reason=types.BlockedReason(written.block))
    response = types.GenerateContentResponse(prompt_feedback=feedback, model_version=f"{asked.model}-001")
    return response.model_dump_json(by_alias=True, exclude_none=True).encode()


async def pieces(asked: Asked, written: Written) -> AsyncIterator[bytes]:
    """The events of a stream: each token a piece, the counts so far with each, the reason with an empty last one."""
    if written.block:
        yield blocked_json(asked, written)
        return
    written = cut(asked, written)
    shows = bool(asked.config.thinking_config and asked.config.thinking_config.include_thoughts)
    so_far = Written([], [], written.prompt_tokens, written.cached_tokens)
    for token in written.thinking:
        so_far.thinking.append(token)
        if shows:
            yield response_json(asked, so_far, [types.Part(text=token, thought=True)], None)
    for token in written.answer:
        so_far.answer.append(token)
        yield response_json(asked, so_far, [types.Part(text=token)], None)
    signed = [types.Part(text="", thought_signature=written.signature)] if written.signature else []
    yield response_json(asked, so_far, signed, written.finish)


def whole(asked: Asked, written: Written) -> bytes:
    """The response in one."""
    if written.block:
        return blocked_json(asked, written)
    written = cut(asked, written)
    shows = bool(asked.config.thinking_config and asked.config.thinking_config.include_thoughts)
    parts = [types.Part(text="".join(written.thinking), thought=True)] if shows and written.thinking else []
    if written.answer:
        parts.append(types.Part(text="".join(written.answer), thought_signature=written.signature or None))
    return response_json(asked, written, parts, written.finish)
