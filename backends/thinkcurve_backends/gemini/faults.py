"""What Google and its SDK say when something is wrong, as a `BackendError`: whose fault it is decides what follows.

Google names a wrong key with 400, and says in the body how long to wait and which quota is used up:
https://ai.google.dev/gemini-api/docs/troubleshooting.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from thinkcurve.errors import BackendError
from thinkcurve_backends.endpoint import faults
from thinkcurve_backends.endpoint.api import Api
from thinkcurve_backends.endpoint.faults import BUSY, LATER, LONGEST_WISH_S, too_long, wished_wait_s
from thinkcurve_backends.endpoint.keys import Key, all_writings
from thinkcurve_backends.endpoint.sdk import cause_of
from thinkcurve_backends.gemini.sdk import errors

UNREADABLE = (ValueError, TypeError, KeyError, AttributeError, IndexError)
"""What the SDK raises where a reply is not what it expects; a broken reply is broken in many ways."""
HTTP_OF_RPC = {3: 400, 4: 504, 5: 404, 7: 403, 8: 429, 9: 400, 10: 409, 11: 400, 12: 501, 13: 500, 14: 503, 16: 401}
"""https://github.com/googleapis/googleapis/blob/master/google/rpc/code.proto; in batches errors have those codes."""
WANT_KEY = "get one at https://aistudio.google.com/apikey"


class Faults:
    """Turns what the SDK raises into errors that never show ``key``, which is empty with credentials of Google Cloud.

    ``inside`` are the faults of what is read without the SDK.
    """

    def __init__(self, api: Api, key: Key) -> None:
        self._api = api
        self._key = f"the key in {key.variable}" if key.variable else "what google-auth found"
        self.inside = faults.Faults(
            api.base_url, key_variable=key.variable, has_key=True, secrets=all_writings([key.value])
        )

    def of(self, error: errors.APIError) -> BackendError:
        """The error that an answer of another status than 200 is, or an error in the middle of a stream."""
        status = error.code if isinstance(error.code, int) else 0
        headers = getattr(error.response, "headers", None) or {}
        document = error.details if isinstance(error.details, dict) else {}
        wish = wished_wait_s(headers, document, time.time())
        return self.said(status, error.message or error.status or "no reason given", document, wish)

    def said(
        self, status: int, message: object, document: Mapping[str, Any] | None = None, wish_s: float | None = None
    ) -> BackendError:
        """The error that ``status`` is, an HTTP status or a code of Google's RPC."""
        status = HTTP_OF_RPC.get(status, status)
        reason = self._api.line(str(message))
        said = f"{self._api.base_url} said {status}: {reason}"
        details = _details(document or {})
        is_key = any(detail.get("reason") == "API_KEY_INVALID" for detail in details)
        if status == 401 or is_key or (status == 400 and "api key" in reason.lower()):
            return BackendError(f"{said}; {self._key} is not accepted: {WANT_KEY}", is_fatal=True)
        if status == 403:
            return BackendError(f"{said}; {self._key} may not use this model or API", is_fatal=True)
        if status == 404:
            return BackendError(f"{said}; check the model's name and, if set, base_url", is_fatal=True)
        if status == 400 and "location is not supported" in reason.lower():
            return BackendError(said, is_fatal=True)
        if status == 429 and _is_used_up(details):
            return BackendError(f"{said}; when the quota is there again, the same command goes on", is_fatal=True)
        if status in LATER and wish_s is not None and wish_s > LONGEST_WISH_S:
            return too_long(said, wish_s)
        if status in LATER or status < 300:
            is_busy = status in BUSY or (status == 503 and wish_s is not None)
            return BackendError(said, is_retryable=True, retry_after_s=wish_s, is_busy=is_busy)
        if status < 400:
            return BackendError(f"{said}; it redirects: give that address as base_url", is_fatal=True)
        return BackendError(said)

    def no_credentials(self, error: Exception) -> BackendError:
        """The error that stands for credentials of Google Cloud which are not there or not accepted."""
        return BackendError(
            f"google-auth has no credentials ({self._api.line(str(error))}): run gcloud auth application-default login",
            is_fatal=True,
        )

    def broken(self, error: Exception) -> BackendError:
        """The error that a reply is which the SDK cannot read, or that the network raised underneath it."""
        return cause_of(error) or BackendError(
            f"{self._api.base_url} sent what is no reply of Gemini's: {type(error).__name__}: "
            f"{self._api.line(str(error))}",
            is_retryable=True,
        )


def _details(document: Mapping[str, Any]) -> list[dict[str, Any]]:
    """``error.details`` of a refusal, as far as it has the form that Google documents."""
    found = document.get("error", document)
    found = found.get("details") if isinstance(found, dict) else None
    return [detail for detail in (found if isinstance(found, list) else ()) if isinstance(detail, dict)]


def _is_used_up(details: list[dict[str, Any]]) -> bool:
    """Whether ``google.rpc.QuotaFailure`` speaks of a day's quota or of none at all: no wait of ours helps."""
    for detail in details:
        violations = detail.get("violations")
        for violation in violations if isinstance(violations, list) else ():
            if isinstance(violation, dict) and (
                "PerDay" in str(violation.get("quotaId", "")) or str(violation.get("quotaValue", "")) == "0"
            ):
                return True
    return False
