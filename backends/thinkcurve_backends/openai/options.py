"""What a user can set for ``openai:NAME``, and what follows from where the API is."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import msgspec

from thinkcurve.errors import UsageError, did_you_mean
from thinkcurve_backends.chat.extra import check_body
from thinkcurve_backends.endpoint.options import LEAST, EndpointOptions
from thinkcurve_backends.endpoint.wire import LOOPBACK
from thinkcurve_backends.options import read_options

HOME = "https://api.openai.com/v1"
BASE_VARIABLE = "OPENAI_BASE_URL"
"""Where OpenAI's client itself looks for another address."""
RESPONSES, CHAT = "responses", "chat"
SUMMARIES = ("auto", "concise", "detailed", "none")
LARGEST_BATCH = 50_000
"""Requests that one batch may hold: https://developers.openai.com/api/docs/guides/batch (and the SDK's own words)."""


@dataclass(frozen=True, slots=True)
class OpenAiOptions(EndpointOptions):
    """What a user can set, under ``model_options`` in a study, beside what every remote API takes.

    ``api`` is ``responses`` (default at OpenAI) or ``chat`` (default elsewhere). ``summary`` asks the Responses API for
    another model's words on the thinking: auto, concise, detailed or none; where it is not given, auto where OpenAI
    allows it. ``encrypted`` asks for the thinking in a form that only OpenAI reads. ``extra_body`` is a JSON object
    that is merged into every request. ``budget_field`` is the dotted path of a token budget where a server has one
    (``thinking_token_budget`` of vLLM, ``thinking_budget_tokens`` of llama.cpp). ``tokenizer`` (a folder or
    a name on the hub) counts thinking that is shown and that the server does not count. ``max_output_tokens`` is
    sent where a study sets no bound. ``batches`` says that a server elsewhere has OpenAI's batches, of at most
    ``most_in_batch`` requests.
    """

    api: str = ""
    organization: str = ""
    project: str = ""
    service_tier: str = ""
    summary: str = ""
    encrypted: bool = False
    extra_body: str = ""
    budget_field: str = ""
    tokenizer: str = ""
    max_output_tokens: int = 0
    batches: bool = False
    most_in_batch: int = LARGEST_BATCH

    @property
    def address(self) -> str:
        """Where the API is: by option, by ``OPENAI_BASE_URL``, else OpenAI."""
        return (self.base_url or os.environ.get(BASE_VARIABLE, "").strip() or HOME).rstrip("/")

    @property
    def is_openai(self) -> bool:
        """Whether that is OpenAI itself, in whatever region."""
        host = urlsplit(self.address).hostname or ""
        return host == "api.openai.com" or host.endswith(".api.openai.com")

    @property
    def is_loopback(self) -> bool:
        """Whether it is a server on this machine."""
        return (urlsplit(self.address).hostname or "") in LOOPBACK

    @property
    def needs_key(self) -> bool:
        """Whether nothing can be asked without a key."""
        return not self.replay and not self.is_loopback

    @property
    def speech(self) -> str:
        """The interface to be used: ``responses`` or ``chat``."""
        return self.api or (RESPONSES if self.is_openai else CHAT)

    @property
    def has_batches(self) -> bool:
        """Whether many requests can be handed over at once."""
        return self.is_openai or self.batches

    @property
    def extra(self) -> dict[str, Any]:
        """What is merged into every request."""
        given: dict[str, Any] = msgspec.json.decode(self.extra_body) if self.extra_body else {}
        return {**({"service_tier": self.service_tier} if self.service_tier else {}), **given}


def read(options: Mapping[str, Any]) -> OpenAiOptions:
    """``options`` checked. Raises `UsageError` for what cannot be meant."""
    least = {**LEAST, "max_output_tokens": 0, "most_in_batch": 1}
    found = read_options("openai", options, OpenAiOptions(), least)
    _check_word("api", found.api, (RESPONSES, CHAT))
    _check_word("summary", found.summary, SUMMARIES)
    if found.most_in_batch > LARGEST_BATCH:
        raise UsageError(f"option most_in_batch of openai is {found.most_in_batch}; the most is {LARGEST_BATCH}")
    if found.speech == CHAT and (found.encrypted or found.summary not in ("", "none")):
        raise UsageError("options summary and encrypted of openai belong to the Responses API; set api=responses")
    if any(not part for part in found.budget_field.split(".")) and found.budget_field:
        raise UsageError(f"option budget_field of openai is {found.budget_field!r}; a path is written field or a.b.c")
    if found.budget_field and found.is_openai:
        raise UsageError(
            "option budget_field of openai is for servers elsewhere (base_url): OpenAI takes no token budgets; use "
            "control effort"
        )
    _check_extra(found.extra_body)
    return found


def _check_word(name: str, word: str, known: tuple[str, ...]) -> None:
    if word and word not in known:
        raise UsageError(f"option {name} of openai is {word!r}.{did_you_mean(word, known)} It takes {', '.join(known)}")


def _check_extra(text: str) -> None:
    if not text:
        return
    try:
        found = msgspec.json.decode(text)
    except msgspec.DecodeError as error:
        raise UsageError(f"option extra_body of openai is no JSON ({error}): {text[:80]!r}") from error
    if not isinstance(found, dict):
        raise UsageError(f"option extra_body of openai is {text[:80]!r}; it must be a JSON object")
    check_body("openai", found, "set the key in OPENAI_API_KEY")
