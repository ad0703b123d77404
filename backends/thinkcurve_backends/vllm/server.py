"""A running ``vllm serve`` as engine and tokenizer: ids in, ids out, over its completions and tokenize endpoints.

Every field of sampling is sent, so that nothing of the server's own defaults (its generation config) slips in. No
tokenizer is needed here. vLLM 0.32 is what this was read and run against; ``return_token_ids`` came with 0.10.2.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import msgspec

from thinkcurve.backend import Sampling, raw_text
from thinkcurve.errors import BackendError, UsageError
from thinkcurve.problem import Message
from thinkcurve_backends.remote import Remote
from thinkcurve_backends.vllm.call import SEEDS, Call, Reply

LEAST_LOGPROB = -9999.0
"""What the server writes for a probability of zero."""


class LogProbs(msgspec.Struct):
    """Log-probabilities of a choice; the rivals are keyed ``token_id:N``."""

    token_logprobs: list[float | None] = []
    top_logprobs: list[dict[str, float] | None] = []


class Choice(msgspec.Struct):
    """What was generated; ``token_ids`` is absent from servers that are too old."""

    text: str
    finish_reason: str | None = None
    stop_reason: int | str | None = None
    token_ids: list[int] | None = None
    logprobs: LogProbs | None = None


class Details(msgspec.Struct):
    """Where the prompt came from."""

    cached_tokens: int | None = None


class Counts(msgspec.Struct):
    """The server's counts."""

    prompt_tokens_details: Details | None = None


class Completion(msgspec.Struct):
    """The answer of ``/v1/completions``."""

    choices: list[Choice]
    usage: Counts | None = None


class ServerTokenizer:
    """The tokenizer and chat template of a served model, asked over HTTP."""

    def __init__(self, remote: Remote, name: str) -> None:
        self.template_options: dict[str, Any] = {}
        self.no_template = ""
        """Why the chat template cannot be applied; empty where it can."""
        self._remote = remote
        self._name = name
        self._encode = lru_cache(maxsize=1024)(self._encode_now)

    def render(self, messages: Sequence[Message], *, chat: bool = True) -> tuple[int, ...]:
        """The prompt as ids; a template writes its own begin-of-sequence token, plain text gets the tokenizer's."""
        if not chat:
            return self._encode_now(raw_text(messages), add_special=True)
        return self._render(messages, self.template_options)

    def render_text(self, messages: Sequence[Message], **options: Any) -> str:
        """The chat prompt as text, the generation prompt added."""
        return self.decode(self._render(messages, {**self.template_options, **options}))

    def encode(self, text: str) -> tuple[int, ...]:
        """``text`` as ids, markers read as special tokens, nothing added."""
        return self._encode(text)

    def decode(self, token_ids: Sequence[int]) -> str:
        """The text of ``token_ids``, markers included; bytes that are not UTF-8 become U+FFFD."""
        if not token_ids:
            return ""
        return str(self._post("/detokenize", {"tokens": list(token_ids)}).get("prompt", ""))

    def _render(self, messages: Sequence[Message], options: dict[str, Any]) -> tuple[int, ...]:
        if self.no_template:
            raise UsageError(
                f"this model has no chat template ({self.no_template}): ask with --no-chat-template, as plain text"
            )
        turns = [{"role": message.role, "content": message.content} for message in messages]
        body = {"messages": turns, "add_generation_prompt": True, "chat_template_kwargs": options}
        try:
            return tuple(self._post("/tokenize", body)["tokens"])
        except BackendError as error:
            if error.is_fatal or error.is_retryable:
                raise
            raise BackendError(f"the chat template of the model cannot be applied: {error}") from error

    def _encode_now(self, text: str, add_special: bool = False) -> tuple[int, ...]:
        if not text:
            return ()
        return tuple(self._post("/tokenize", {"prompt": text, "add_special_tokens": add_special})["tokens"])

    def _post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        content = {"model": self._name, **body}
        try:
            return dict(self._remote.post_now(path, content))
        except BackendError as error:
            if not error.is_retryable or error.is_fatal:
                raise
        return dict(self._remote.post_now(path, content))  # callers of a tokenizer do not retry


class Server:
    """The engine behind an address (a `thinkcurve_backends.vllm.call.Engine`)."""

    def __init__(self, remote: Remote, name: str) -> None:
        self._remote = remote
        self._name = name

    async def ask(self, call: Call) -> Reply:
        """One completion."""
        return self._reply(await self._remote.post("/v1/completions", self._body(call)), call)

    async def decode(self, ids: Sequence[int]) -> str:
        """The text of ``ids``, markers included."""
        if not ids:
            return ""
        content = {"model": self._name, "tokens": list(ids)}
        return str((await self._remote.post("/detokenize", content))["prompt"])

    async def aclose(self) -> None:
        """Hang up."""
        await self._remote.aclose()

    def _body(self, call: Call) -> dict[str, Any]:
        sampling = call.sampling if call.sampling.temperature > 0 else Sampling()
        body: dict[str, Any] = {
            "model": self._name,
            "prompt": call.prompt,
            "max_tokens": call.max_tokens,
            "min_tokens": 0,
            "n": 1,
            "temperature": sampling.temperature,
            "top_p": sampling.top_p,
            "top_k": sampling.top_k,
            "min_p": sampling.min_p,
            "repetition_penalty": 1.0,
            "presence_penalty": 0.0,
            "frequency_penalty": 0.0,
            "seed": call.seed % SEEDS,
            "stop": call.stop,
            "stop_token_ids": call.stop_ids,
            "include_stop_str_in_output": False,
            "ignore_eos": False,
            "skip_special_tokens": False,
            "spaces_between_special_tokens": False,
            "return_token_ids": True,
            "stream": False,
        }
        if call.logprobs is not None:
            body |= {"logprobs": call.logprobs, "return_tokens_as_token_ids": True}
        if call.budget is not None:
            body["thinking_token_budget"] = call.budget
        return body

    def _reply(self, content: object, call: Call) -> Reply:
        try:
            found = msgspec.convert(content, Completion)
            choice = found.choices[0]
        except (msgspec.ValidationError, IndexError) as error:
            reason = f"{self._remote.base_url} answered with no completion: {error}"
            raise BackendError(reason, is_retryable=True) from error
        if choice.token_ids is None:
            raise BackendError("this server gives no token ids back; vLLM does from 0.10.2", is_fatal=True)
        odds = choice.logprobs or LogProbs()
        cached = found.usage and found.usage.prompt_tokens_details
        return Reply(
            ids=tuple(choice.token_ids),
            text=choice.text,
            finish=choice.finish_reason or "",
            stop_reason=choice.stop_reason,
            cached=cached.cached_tokens if cached else None,
            logprobs=tuple(_logprob(value) for value in odds.token_logprobs) if call.logprobs is not None else (),
            tops=tuple(_top(top or {}) for top in odds.top_logprobs) if call.logprobs is not None else (),
        )


def _logprob(value: float | None) -> float:
    return math.nan if value is None else -math.inf if value <= LEAST_LOGPROB else value


def _top(top: dict[str, float]) -> dict[int, float]:
    return {int(name.removeprefix("token_id:")): _logprob(value) for name, value in top.items()}
