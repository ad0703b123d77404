"""What OpenAI's client raises, and what OpenAI says when it refuses, as one clear `BackendError` each.

Most is judged as with any remote API (`thinkcurve_backends.endpoint.faults`). OpenAI's own are a level of effort that a
model does not have, and sampling where a reasoning model takes none.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import msgspec
import openai

from thinkcurve.budget import EFFORTS
from thinkcurve.errors import BackendError
from thinkcurve_backends.endpoint.api import Api
from thinkcurve_backends.endpoint.faults import STATUS_BY_NAME
from thinkcurve_backends.endpoint.sdk import cause_of

SAMPLING = frozenset({"temperature", "top_p", "top_k", "min_p"})
PASSING = frozenset({"vector_store_timeout"})
"""Codes of failed responses that may go well another time (`openai.types.responses.ResponseError`), beside those that
any API has; others are about the one request."""


class Refused(BackendError):
    """A request whose ``parameter`` was refused: the request itself is wrong, not this moment."""

    def __init__(self, message: str, parameter: str, *, is_fatal: bool = False) -> None:
        super().__init__(message, is_fatal=is_fatal)
        self.parameter = parameter


class Missing(BackendError):
    """A path, or the model that it names, that is not there."""

    def __init__(self, message: str, *, is_fatal: bool = True) -> None:
        super().__init__(message, is_fatal=is_fatal)


def fault_of(error: openai.OpenAIError, api: Api) -> BackendError:
    """What the client raised, without anything of the request in it."""
    if isinstance(error, openai.APIStatusError):
        response = error.response
        return refusal(error.status_code, response.headers, response.content, response.request.url.path, api)
    known = cause_of(error)
    if known is not None:
        return known
    return BackendError(f"the exchange with {api.base_url} broke off ({type(error).__name__})", is_retryable=True)


def refusal(status: int, headers: Mapping[str, str], raw: bytes, path: str, api: Api) -> BackendError:
    """An answer that is no success."""
    said = _said(raw)
    parameter, message = str(said.get("param") or ""), str(said.get("message") or "")
    if status == 400 and parameter.endswith("effort"):
        return Refused(_no_such_level(message), parameter)
    if status == 400 and parameter in SAMPLING:
        return Refused(
            f"this model draws tokens as its provider sets it, and takes no {parameter}: leave temperature, top_p, "
            "top_k and min_p out of the study",
            parameter,
            is_fatal=True,
        )
    found = api.fault(status, {name.lower(): value for name, value in headers.items()}, raw, path)
    if status == 404:
        return Missing(str(found), is_fatal=found.is_fatal)
    is_about_it = status == 400 and parameter and not found.is_fatal
    return Refused(f"{found} (parameter {api.line(parameter)})", parameter) if is_about_it else found


def failed(error: object, api: Api, path: str) -> BackendError:
    """What a response failed of: ``error`` as it stands in one, or in an event of its stream."""
    said = error if isinstance(error, dict) else {}
    code = str(said.get("code") or "no code").lower()
    reason = f"{code}: {said.get('message') or 'no reason given'}"
    if code in STATUS_BY_NAME or code == "no code" or re.fullmatch(r"[345]\d\d", code):
        return api.fault_inside({"error": {**said, "message": reason}}, path)
    return BackendError(f"{api.base_url} gave an answer up ({api.line(reason)})", is_retryable=code in PASSING)


def _said(raw: bytes) -> Mapping[str, Any]:
    try:
        found = msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return {}
    inner = found.get("error", found) if isinstance(found, dict) else None
    return inner if isinstance(inner, dict) else {}


def _no_such_level(message: str) -> str:
    """The levels are read out of OpenAI's own words; nothing else of them is shown."""
    quoted = re.findall(r"'([a-z]{1,10})'", message)
    listed = re.findall(r"'([a-z]{1,10})'", message.partition("upported values are")[2])
    wrong = next((word for word in quoted if word in EFFORTS and word not in listed), "")
    known = [level for level in EFFORTS if level in listed]
    takes = f"it takes {', '.join(known)}" if known else "OpenAI's page on the model says which ones it takes"
    return (
        f"this model has no level of effort {wrong!r}; {takes}"
        if wrong
        else f"this level of effort is refused; {takes}"
    )
