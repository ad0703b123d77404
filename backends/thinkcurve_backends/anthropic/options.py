"""Options of ``anthropic:NAME``, and where it is asked with which key."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import msgspec

from thinkcurve.errors import UsageError
from thinkcurve_backends.endpoint.options import LEAST, EndpointOptions
from thinkcurve_backends.options import read_options

BASE_URL = "https://api.anthropic.com"
BASE_VARIABLE = "ANTHROPIC_BASE_URL"
KEY_VARIABLES = ("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN")
KEY_REMEDY = "get one at https://platform.claude.com/settings/keys"
LOOPBACK = ("localhost", "127.0.0.1", "::1")
RESERVED = frozenset({"model", "messages", "system", "stream", "thinking", "output_config", "max_tokens"})
"""What the requests themselves say, and ``extra_body`` therefore may not."""


@dataclass(frozen=True, slots=True)
class AnthropicOptions(EndpointOptions):
    """What a user can set, under ``model_options`` in a study, beside what every remote API takes.

    ``base_url`` is that of another server which speaks the Messages API, or of a gateway (else ANTHROPIC_BASE_URL).
    ``max_tokens`` is how many tokens to ask for where a run leaves it open (else the most that the model gives).
    ``betas`` are names of beta features with commas between them. ``cache`` asks for the prompt to be cached: worth it
    for long questions with many samples. ``api_version`` is an older version of the API, such as 2023-06-01, whose
    models still take a temperature. ``extra_body`` is a JSON object that is written into every request. ``tokenizer``
    is the folder of the checkpoint that another server runs, to count the thinking that it shows.
    """

    max_tokens: int = 0
    betas: str = ""
    cache: bool = False
    api_version: str = ""
    extra_body: str = ""
    tokenizer: str = ""

    @property
    def extra(self) -> dict[str, Any]:
        """``extra_body``, read."""
        found: dict[str, Any] = msgspec.json.decode(self.extra_body) if self.extra_body else {}
        return found

    @property
    def headers(self) -> dict[str, str]:
        """Headers of every request."""
        found = {"anthropic-version": self.api_version} if self.api_version else {}
        betas = ",".join(name.strip() for name in self.betas.split(",") if name.strip())
        return {**found, "anthropic-beta": betas} if betas else found


def read(options: Mapping[str, Any]) -> AnthropicOptions:
    """Options as given, checked. Raises `UsageError`."""
    found = read_options("anthropic", options, AnthropicOptions(), {**LEAST, "max_tokens": 0})
    _check_extra(found.extra_body)
    for name, value in found.headers.items():
        if not all("!" <= letter <= "~" for letter in value):
            option = "betas" if name == "anthropic-beta" else "api_version"
            raise UsageError(
                f"option {option} of anthropic is {value!r}; it may hold no blanks, nor letters beyond ASCII"
            )
    return found


def address(options: AnthropicOptions) -> str:
    """Where the API is, without the ``/v1`` that the SDK appends."""
    given = options.base_url or os.environ.get(BASE_VARIABLE, "") or BASE_URL
    return given.strip().rstrip("/").removesuffix("/v1")


def is_anthropic(url: str) -> bool:
    """Whether an address is Anthropic's own."""
    host = urlsplit(url).hostname or ""
    return host == "anthropic.com" or host.endswith(".anthropic.com")


def is_loopback(url: str) -> bool:
    """Whether an address is on this machine, where no key is needed."""
    return (urlsplit(url).hostname or "") in LOOPBACK


def _check_extra(text: str) -> None:
    if not text:
        return
    try:
        found = msgspec.json.decode(text)
    except msgspec.DecodeError as error:
        raise UsageError(f"option extra_body of anthropic is no JSON ({error}): {text[:80]!r}") from error
    if not isinstance(found, dict):
        raise UsageError(f"option extra_body of anthropic is {text[:80]!r}; it must be a JSON object")
    if taken := sorted(RESERVED & set(found)):
        raise UsageError(f"option extra_body of anthropic holds {taken[0]!r}, which each request says by itself")
