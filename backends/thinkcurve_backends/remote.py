"""JSON over HTTP to a model server that is running somewhere, with one bound on the time of a whole answer.

It is an `Api` without limits and cassettes: a server of one's own says itself when it is full.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Coroutine
from typing import Any, TypeVar

from thinkcurve.errors import BackendError
from thinkcurve_backends.endpoint import keys
from thinkcurve_backends.endpoint.api import Api
from thinkcurve_backends.endpoint.faults import check_address, retry_after_s
from thinkcurve_backends.endpoint.wire import Network, Patience

__all__ = ["KEY_VARIABLE", "Remote", "check_address", "check_key", "key_from_environment", "retry_after_s"]

T = TypeVar("T")
KEY_VARIABLE = "THINKCURVE_API_KEY"
"""The environment variable with the key of a server that asks for one; there is no other way to give it."""


def key_from_environment(variable: str = KEY_VARIABLE) -> str:
    """The key for a server that asks for one, empty where none is set. Raises `UsageError` where it can be no key."""
    return check_key(os.environ.get(variable, "").strip(), variable)


def check_key(key: str, variable: str = KEY_VARIABLE) -> str:
    """``key`` where it can stand in a header; the `UsageError` where it cannot does not show it."""
    return keys.check_key(key, variable)


class Remote:
    """One server. Coroutines use ``post`` and ``get`` from any event loop, plain functions the ``_now`` ones.

    ``key`` is sent as a bearer token and appears in no error; ``key_variable`` says in errors where it comes from. An
    answer that is not whole after ``timeout_s`` is given up. Cancelling a call hangs up, which makes model servers drop
    the request. Paths begin with a slash and are appended to ``base_url``.
    """

    def __init__(
        self, base_url: str, *, key: str = "", timeout_s: float = 600, key_variable: str = KEY_VARIABLE
    ) -> None:
        self.base_url = check_address(base_url)
        self.timeout_s = timeout_s
        bearer = {"authorization": f"Bearer {check_key(key, key_variable)}"} if key else {}
        self._api = Api(
            self.base_url,
            headers=bearer,
            key_variable=key_variable,
            secrets=(key,),
            wire=Network(Patience(idle_s=0, total_s=0)),  # bounded here, by a time that may change
        )

    async def post(self, path: str, content: object) -> Any:
        """The decoded answer to JSON ``content``."""
        return await self._api.run(self._ask("POST", path, content))

    async def get(self, path: str) -> Any:
        """The decoded answer to a GET."""
        return await self._api.run(self._ask("GET", path))

    def post_now(self, path: str, content: object) -> Any:
        """`post`, blocking."""
        return self._api.run_now(self._ask("POST", path, content))

    def get_now(self, path: str) -> Any:
        """`get`, blocking."""
        return self._api.run_now(self._ask("GET", path))

    def wait_for(self, work: Coroutine[Any, Any, T]) -> T:
        """The result of several exchanges, blocking."""
        return self._api.run_now(work)

    async def aclose(self) -> None:
        """`close`; it does not wait for any server, so it may stand in a coroutine."""
        self.close()

    def close(self) -> None:
        """Hang up everywhere; calls that are open, or come later, end with a fatal `BackendError`."""
        self._api.close()

    async def _ask(self, method: str, path: str, content: object = None) -> Any:
        """One exchange, inside the own loop."""
        try:
            async with asyncio.timeout(self.timeout_s):
                return await self._api.exchange(method, path, content)
        except TimeoutError as error:
            raise BackendError(
                f"{self.base_url} gave no whole answer in {self.timeout_s:g} s (option timeout_s)", is_retryable=True
            ) from error
