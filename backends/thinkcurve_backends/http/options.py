"""What a user can set for an OpenAI-compatible server or provider."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from thinkcurve.errors import UsageError, did_you_mean
from thinkcurve.formats import Wish
from thinkcurve_backends.chat.extra import check_body, check_headers
from thinkcurve_backends.endpoint.options import LEAST, EndpointOptions
from thinkcurve_backends.options import read_options

APIS = ("auto", "ids", "completions", "chat")
"""How a server is asked: as well as it can be, by token ids, by text that is gone on with, or by messages."""


@dataclass(frozen=True, slots=True)
class Options(EndpointOptions):
    """Under ``model_options`` in a study; where and how patiently: `thinkcurve_backends.endpoint.options`.

    ``api`` is one of `APIS`. ``server`` says what answers where that is not seen: a name of presets.toml, such as
    ``mlx``. ``extra_body`` (JSON) is merged into every body, ``extra_headers`` (JSON) into the headers;
    ``key_variable`` names the variable of the key. ``budget_field``, ``effort_field`` and ``thinking_field`` are dotted
    paths in place of the server's own: where a token budget and a level of effort go, and where the thinking comes
    back. ``context_tokens`` and ``max_output_tokens`` are the model's, where the server does not say. ``checkpoint``
    (``revision``) is the folder or hub name of the model behind it: its chat template makes the prompts of text that is
    gone on with, its tokenizer counts thinking that nobody else counts; ``tokenizer`` is one for counting alone.
    ``thinking``, ``think_open``, ``think_close`` and ``cue`` are as for engines. ``region`` is that of Amazon Bedrock.
    """

    api: str = "auto"
    server: str = ""
    extra_body: str = ""
    extra_headers: str = ""
    key_variable: str = ""
    budget_field: str = ""
    effort_field: str = ""
    thinking_field: str = ""
    context_tokens: int = 0
    max_output_tokens: int = 0
    checkpoint: str = ""
    revision: str = ""
    tokenizer: str = ""
    thinking: str = ""
    think_open: str = ""
    think_close: str = ""
    cue: str = ""
    region: str = ""

    @property
    def wish(self) -> Wish:
        """What the user says of the model's thinking."""
        return Wish(self.thinking, self.think_open, self.think_close, self.cue)

    @property
    def body(self) -> dict[str, Any]:
        """``extra_body``, read."""
        return _object("extra_body", self.extra_body)

    @property
    def headers(self) -> dict[str, str]:
        """``extra_headers``, read."""
        found = _object("extra_headers", self.extra_headers)
        for name, value in found.items():
            if not isinstance(value, str):
                raise UsageError(
                    f"option extra_headers: the value of {name!r} is no text; it is written {{NAME: TEXT}}"
                )
        return found


def read(engine: str, options: Mapping[str, Any]) -> Options:
    """The options of a study, checked; what can be wrong with them is said before anything is asked."""
    chosen = read_options(engine, options, Options(), {**LEAST, "context_tokens": 0, "max_output_tokens": 0})
    if chosen.api not in APIS:
        raise UsageError(
            f"option api is {chosen.api!r}.{did_you_mean(chosen.api, APIS)} It is one of {', '.join(APIS)}"
        )
    remedy = "set the key in THINKCURVE_API_KEY, or in the variable that option key_variable names"
    check_body(engine, chosen.body, remedy)
    check_headers(engine, chosen.headers, remedy)
    return chosen


def region_of(options: Options) -> str:
    """The region of a cloud: option, else ``AWS_REGION``, else ``AWS_DEFAULT_REGION``."""
    found = options.region or os.environ.get("AWS_REGION", "") or os.environ.get("AWS_DEFAULT_REGION", "")
    if not found.replace("-", "").isalnum():
        raise UsageError(f"the region is {found!r}; set option region or AWS_REGION, such as us-east-1")
    return found


def _object(name: str, text: str) -> dict[str, Any]:
    if not text:
        return {}
    try:
        found = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeEncodeError) as error:
        raise UsageError(f'option {name} is no JSON ({error}); it is written {{"name": value}}') from error
    if not isinstance(found, dict):
        raise UsageError(f'option {name} is {text!r}; it must be a JSON object, such as {{"name": value}}')
    return found
