"""What goes wrong at a remote API, as one clear `BackendError` each.

Whose fault it is decides what follows. Reset, silent, overloaded (429) and broken (5xx) servers may do better later:
those errors are retryable, with the server's own ``Retry-After`` where it gives one. A server that cannot be reached
is retryable too, but fatal when retries are used up: nobody is there for the next request either. A wrong key, a
wrong address, an empty account and a redirect are fatal at once. Any other refusal is about one request alone.
"""

from __future__ import annotations

import email.utils
import math
import re
import time
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

import msgspec

from thinkcurve.errors import BackendError, UsageError
from thinkcurve_backends.endpoint.keys import hide
from thinkcurve_backends.json_body import decoded

LONGEST_REASON = 300
LATER = frozenset({408, 425, 429, *range(500, 600)} - {501, 505})
"""Statuses that say "not now"; 529 is Anthropic's "overloaded"."""
BUSY = frozenset({429, 529})
"""The statuses that mean "too many at once"; 500 and the like mean a fault, which fewer requests do not mend."""
STATUS_BY_NAME = {
    "authentication_error": 401,
    "invalid_api_key": 401,
    "unauthenticated": 401,
    "billing_error": 402,
    "insufficient_quota": 402,
    "permission_error": 403,
    "permission_denied": 403,
    "not_found_error": 404,
    "not_found": 404,
    "model_not_found": 404,
    "timeout_error": 408,
    "request_too_large": 413,
    "rate_limit_error": 429,
    "rate_limit_exceeded": 429,
    "resource_exhausted": 429,
    "api_error": 500,
    "server_error": 500,
    "internal": 500,
    "unavailable": 503,
    "deadline_exceeded": 504,
    "overloaded_error": 529,
    "invalid_request_error": 400,
    "invalid_argument": 400,
    "failed_precondition": 400,
    "invalid_prompt": 400,
    "context_length_exceeded": 400,
    "content_filter": 400,
}
"""What the errors are called that come inside of a stream, or of an answer with status 200 (OpenAI's, Anthropic's and
Google's documentation of errors). An unknown name is the server's own fault: 500."""
STATUS_BY_WORDS = (
    (re.compile(r"\bmodel\b.*\b(not found|does not exist|not exist)\b|\b(unknown|no such) model\b"), 404),
    (re.compile(r"\b(invalid|incorrect|wrong|missing|no) api[ _-]?key\b|\bunauthori[sz]ed\b"), 401),
    (re.compile(r"\brate limit|\btoo many requests\b"), 429),
)
"""What an error without a name, or with an unknown one, says in words (Ollama's and gateways')."""
ERROR_WORDS = frozenset({"code", "detail", "event_id", "message", "param", "sequence_number", "status", "request_id"})
"""A document with a reason and nothing but these is an error, though it does not say so."""
LONGEST_WISH_S = 600.0
"""A server that asks to wait for longer means a quota of hours: a run that waited would stand still without a sign."""
NO_MONEY = frozenset({"insufficient_quota", "billing_error", "billing_not_active", "insufficient_balance"})


def check_address(url: str, key_variable: str = "THINKCURVE_API_KEY") -> str:
    """``url`` without a trailing slash. Raises `UsageError` where it is no address of a server, or holds a secret."""
    try:
        parts = urlsplit(url.strip())
        is_address = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        parts, is_address = urlsplit(""), False
    if not is_address:
        shown = url.rpartition("@")[2]  # what stands before it may be a secret
        raise UsageError(f"{shown!r} is no address of a server; it is written http://HOST:PORT")
    if parts.username or parts.password:
        raise UsageError(f"the address of {parts.hostname} holds a name or password; set {key_variable} instead")
    if parts.query or parts.fragment:
        shown = f"{parts.scheme}://{parts.netloc}{parts.path}"  # what follows may be a key
        raise UsageError(f"the address of a server ends before any ? or #: {shown!r}; a key is set in {key_variable}")
    return url.strip().rstrip("/")


def one_line(text: str, secrets: Iterable[str]) -> str:
    """``text`` of a stranger as one short line that never holds a secret."""
    text = hide(text, secrets)[: 4 * LONGEST_REASON]
    shown = text if text.isprintable() else "".join(c if c.isprintable() else " " for c in text)
    return " ".join(shown.split())[:LONGEST_REASON]


class Faults:
    """The faults of one API: ``key_variable`` says in them where its key comes from, ``secrets`` never appear."""

    def __init__(self, base_url: str, *, key_variable: str, has_key: bool, secrets: Iterable[str]) -> None:
        self._base_url = base_url
        self._variable = key_variable
        self._has_key = has_key
        self._secrets = tuple(secrets)
        self.has_answered = False
        """Whether a request was answered well: mlx_lm.server says 404 to one that its chat template refuses."""

    def line(self, text: str) -> str:
        """``text`` of the server as one short line without secrets."""
        return one_line(text, self._secrets)

    def refusal(self, status: int, headers: Mapping[str, str], raw: bytes, path: str) -> BackendError:
        """What an answer with ``status`` 300 and above is, by its body ``raw``."""
        document = _decoded(raw)
        reason = _message(document) if document is not None else raw[: 4 * LONGEST_REASON].decode("utf-8", "replace")
        wish = wished_wait_s(headers, document, time.time())
        return self._of(status, _names(document), reason, path, wish, headers.get("location", "elsewhere"))

    def inside(self, document: Any, path: str) -> BackendError:
        """What an error is that stands in a stream, or in an answer with status 200."""
        names = _names(document)
        code = next((int(name) for name in names if re.fullmatch(r"[345]\d\d", name)), None)
        reason = _message(document) or msgspec.json.encode(document).decode()
        status = code or next((STATUS_BY_NAME[name] for name in names if name in STATUS_BY_NAME), 0)
        status = status or _status_by_words(reason)
        return self._of(status, names, reason, path, wished_wait_s({}, document, time.time()), "elsewhere")

    def _of(
        self, status: int, names: frozenset[str], reason: str, path: str, wish: float | None, location: str
    ) -> BackendError:
        said = f"{status}: {self.line(reason) or _phrase(status)}"
        if status == 402 or names & NO_MONEY:
            return BackendError(f"{self._base_url} gives nothing more for this key ({said}): add credit", is_fatal=True)
        if status in LATER and wish is not None and wish > LONGEST_WISH_S:
            return too_long(f"{self._base_url} said {said}", wish)
        if status in LATER:
            is_busy = status in BUSY or (status == 503 and wish is not None)
            return BackendError(f"{self._base_url} said {said}", is_retryable=True, retry_after_s=wish, is_busy=is_busy)
        if status in (401, 403):
            named = f"the key in {self._variable}" if self._variable else "its key"
            remedy = f"{named} is not accepted" if self._has_key else f"set {self._variable or 'a key'}"
            return BackendError(
                f"{self._base_url} lets nobody in without a right key ({said}): {remedy}", is_fatal=True
            )
        if status == 404 and not self.has_answered:
            return BackendError(
                f"{self._base_url} has no {self.line(path)} for this ({said}); check address and name", is_fatal=True
            )
        if 300 <= status < 400:
            there = self.line(location)
            return BackendError(f"{self._base_url} redirects to {there}; give that address itself", is_fatal=True)
        return BackendError(f"{self._base_url} refused a request ({said})")


def wished_wait_s(headers: Mapping[str, str], document: object, now: float) -> float | None:
    """Seconds that a refusal asks to wait; ``now`` is Unix time. Google says it in the body (``RetryInfo``)."""
    try:
        milliseconds = float(headers.get("retry-after-ms", ""))
        if math.isfinite(milliseconds):
            return max(0.0, milliseconds / 1000)
    except ValueError:
        pass
    if "retry-after" in headers:
        return retry_after_s(headers["retry-after"], now)
    error = document.get("error") if isinstance(document, Mapping) else None
    details = error.get("details") if isinstance(error, Mapping) else None
    for detail in details if isinstance(details, list) else []:
        delay = detail.get("retryDelay") if isinstance(detail, Mapping) else None
        if isinstance(delay, str) and delay.endswith("s"):
            return retry_after_s(delay[:-1], now)
    return None


def retry_after_s(text: str, now: float) -> float | None:
    """Seconds to wait by a ``Retry-After`` header, a number or an HTTP date; ``now`` is Unix time."""
    try:
        seconds = float(text)
    except ValueError:
        try:
            seconds = email.utils.parsedate_to_datetime(text).timestamp() - now
        except (ValueError, TypeError, OverflowError):
            return None
    return max(0.0, seconds) if math.isfinite(seconds) else None


def is_error(document: object) -> bool:
    """Whether a document, or an event, of an answer with status 200 is an error."""
    found = document[0] if isinstance(document, list) and document else document
    if not isinstance(found, dict):
        return False
    if found.get("error") or "error" in (found.get("type"), found.get("object")):
        return True
    return bool(found.get("message") or found.get("detail")) and found.keys() <= ERROR_WORDS


def too_long(said: str, wish_s: float) -> BackendError:
    """The error that a refusal is which asks to wait for longer than anybody would."""
    wait = f"{wish_s / 3600:.1f} h" if wish_s >= 5400 else f"{wish_s / 60:.0f} min"
    return BackendError(
        f"{said}; it asks to wait {wait}: the same command goes on after that", is_fatal=True, retry_after_s=wish_s
    )


def _status_by_words(reason: str) -> int:
    lower = reason[: 4 * LONGEST_REASON].lower()
    return next((status for words, status in STATUS_BY_WORDS if words.search(lower)), 500)


def _decoded(raw: bytes) -> Any:
    try:
        return decoded(raw)
    except ValueError:
        return None


def _message(document: object) -> str:
    """The reason in the body of a refusal, as the servers of this field give it."""
    found = document[0] if isinstance(document, list) and document else document
    for name in ("error", "message", "detail"):
        while isinstance(found, dict) and name in found:
            found = found[name]
    if isinstance(found, str):
        return found
    return "" if document is None else msgspec.json.encode(document)[: 4 * LONGEST_REASON].decode("utf-8", "replace")


def _names(document: object) -> frozenset[str]:
    """What an error calls itself, in small letters: types, codes and statuses."""
    found = document[0] if isinstance(document, list) and document else document
    names: set[str] = set()
    while isinstance(found, dict):
        names |= {str(found[name]).lower() for name in ("type", "code", "status") if found.get(name) is not None}
        found = found.get("error")
    return frozenset(names)


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "no reason given"
