"""Gemini through Google's own SDK, on the wire that all remote backends share, with its limits and cassettes.

Streams unless told not to, asks for summaries of the thoughts, and takes every count from Google's usage. Google's own
servers were not reached when this was written: it is tried against a server of ours, made from the SDK's types.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from contextlib import aclosing
from typing import Any

from thinkcurve.backend import BatchStatus, Generation, ModelInfo, Request
from thinkcurve.budget import Control
from thinkcurve.errors import BackendError, UsageError
from thinkcurve_backends.endpoint.api import Api
from thinkcurve_backends.endpoint.events import Body
from thinkcurve_backends.endpoint.keys import Key, find_key
from thinkcurve_backends.endpoint.open import open_api
from thinkcurve_backends.gemini import batch as batching
from thinkcurve_backends.gemini.body import Asked, asked_of
from thinkcurve_backends.gemini.family import Way
from thinkcurve_backends.gemini.faults import UNREADABLE, WANT_KEY, Faults
from thinkcurve_backends.gemini.model import Found, find_model
from thinkcurve_backends.gemini.options import GeminiOptions, read_gemini_options
from thinkcurve_backends.gemini.reply import Reading
from thinkcurve_backends.gemini.sdk import GoogleAuthError, Sdk, Taken, address_of, errors

KEYS = ("GEMINI_API_KEY", "GOOGLE_API_KEY")
NAME = re.compile(r"[A-Za-z0-9][\w.@-]*(/[A-Za-z0-9][\w.@-]*)*", re.ASCII)
"""It becomes part of an address; tuned models and those of Google Cloud have slashes."""


class Gemini:
    """A Gemini model; `open_backend` opens one."""

    tokenizer = None

    def __init__(self, api: Api, sdk: Sdk, found: Found, faults: Faults, options: GeminiOptions) -> None:
        self._api = api
        self._sdk = sdk
        self._faults = faults
        self._way: Way = found.way
        self._options = options
        self._is_closed = False
        self.model: ModelInfo = found.info
        self.controls = _controls(found.way)
        self.concurrency = options.concurrency

    async def generate(self, request: Request) -> Generation:
        """The model's answer to messages."""
        asked = self._asked(request)
        start = time.perf_counter()
        reading = await self._api.run(self._read(asked))
        return reading.generation(time.perf_counter() - start)

    async def aclose(self) -> None:
        """Hang up everywhere."""
        if not self._is_closed:
            self._is_closed = True
            await self._api.run(self._sdk.aclose())
        await self._api.aclose()

    def _asked(self, request: Request) -> Asked:
        return asked_of(request, self.model, self._way, self._options.safety)

    async def _read(self, asked: Asked) -> Reading:
        reading = Reading()
        answer = await self._answer(asked)
        try:
            body = Body(answer, self._faults.inside, self._api.base_url, self.model.name)
            async with aclosing(await body.events(needs_done=False)) as pieces:
                async for piece in pieces:
                    reading.add(piece)
        finally:
            await answer.aclose()
        return reading

    async def _answer(self, asked: Asked) -> Taken:
        try:
            return await self._sdk.answer(self.model.name, asked.contents, asked.config, stream=self._options.stream)
        except errors.APIError as error:
            raise self._faults.of(error) from None  # its text is whatever the server wrote
        except UNREADABLE as error:
            raise self._faults.broken(error) from None
        except GoogleAuthError as error:
            raise self._faults.no_credentials(error) from None


class GeminiInBatches(Gemini):
    """A model of the Gemini API, which also takes batches; Google Cloud takes them only from its own storage."""

    most_in_batch = batching.MOST
    batch_factor = batching.FACTOR

    async def submit(self, requests: Mapping[str, Request]) -> str:
        """Hand over requests by names of ours; Google's name of the batch."""
        asked = {name: self._asked(request) for name, request in requests.items()}
        return await self._api.run(batching.submit(self._sdk, self.model.name, asked, self._faults))

    async def status(self, batch: str) -> BatchStatus:
        """How far a batch is."""
        return await self._api.run(batching.status(self._sdk, batch, self._faults))

    async def collect(self, batch: str) -> dict[str, Generation | BackendError]:
        """What became of each request of an ended batch."""
        return await self._api.run(batching.collect(self._sdk, batch, self._faults))


def open_backend(what: str, **options: Any) -> Gemini:
    """``what`` is a model's name, such as ``gemini-2.5-flash``; options are those of `GeminiOptions`.

    The key is in GEMINI_API_KEY or GOOGLE_API_KEY. Raises `UsageError` for bad options and where there is no key
    or no such model, and `BackendError` where Google does not know the key.
    """
    wished = read_gemini_options(options)
    name = what.strip().removeprefix("models/")
    if not NAME.fullmatch(name):
        raise UsageError(f"{what!r} is no name of a Gemini model; one is written gemini:gemini-2.5-flash")
    needs_key = not (wished.vertex or wished.replay)
    key = Key("") if wished.vertex else find_key(*KEYS, required=needs_key, remedy=WANT_KEY)
    api = open_api(address_of(wished), key, wished)
    faults = Faults(api, key)
    try:
        sdk, found = api.run_now(_open(api, key, name, wished, faults))
    except BaseException:
        api.close()
        raise
    return (Gemini if wished.vertex else GeminiInBatches)(api, sdk, found, faults, wished)


async def _open(api: Api, key: Key, name: str, options: GeminiOptions, faults: Faults) -> tuple[Sdk, Found]:
    sdk = Sdk(api, key.value, options)
    try:
        return sdk, await find_model(sdk, name, options, faults)
    except BaseException:
        await sdk.aclose()
        raise


def _controls(way: Way) -> frozenset[Control]:
    own = {Control.NATIVE: way.native is not None, Control.EFFORT: way.by_level, Control.PROMPT: True}
    return frozenset(control for control, has in own.items() if has)
