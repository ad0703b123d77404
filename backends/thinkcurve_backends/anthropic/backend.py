"""Anthropic's models, ``anthropic:NAME``, and whatever else speaks the Messages API, by the official SDK.

What a model can do is asked at opening (`abilities`), not known by its name. Anthropic's models take token budgets (up
to Claude 4.6), levels of effort, or both; they show a summary of their thinking at most, and cannot go on inside of
it, so the controls ``truncate`` and ``extend`` are not theirs: a prefilled reply continues the answer alone,
and newer models refuse even that. There is no seed. Since version 2026-10-21 the API takes no temperature either.

An answer is streamed, so that no long think hits a timeout on the way, and its bytes are read by `reply`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec

from thinkcurve.backend import BatchStatus, Generation, ModelInfo, Request, Visibility
from thinkcurve.errors import BackendError, UsageError
from thinkcurve_backends.anthropic import batch as batches
from thinkcurve_backends.anthropic.abilities import Abilities, find_abilities
from thinkcurve_backends.anthropic.body import WITH_SAMPLING, Settings, asks_off, message_body
from thinkcurve_backends.anthropic.client import EVENTS, MESSAGES, Client, version_of_api
from thinkcurve_backends.anthropic.options import KEY_REMEDY, KEY_VARIABLES, address, is_loopback, read
from thinkcurve_backends.anthropic.reply import count_thinking, read_events, read_message
from thinkcurve_backends.endpoint.api import Api
from thinkcurve_backends.endpoint.keys import find_key
from thinkcurve_backends.endpoint.open import open_api
from thinkcurve_backends.json_body import json_body

Encode = Callable[[str], Sequence[int]]
NO_SEED = "it takes no seed: its samples cannot be had again"
NO_SAMPLING = "it takes no temperature, top_p or top_k: its provider draws tokens as it likes"
OFF_IGNORED = "was told not to think (budget 0), and thought: it takes no notice; leave budget 0 out of the ladder"


def open_backend(what: str, **options: Any) -> Anthropic:
    """Open the model ``what``. Raises `UsageError` where it is not there, options are wrong or the SDK is missing."""
    if not what:
        raise UsageError("which model? It is written anthropic:NAME, such as anthropic:claude-haiku-4-5")
    sdk_version = version_of_api()
    given = read(options)
    url = address(given)
    version = given.api_version or sdk_version
    key = find_key(*KEY_VARIABLES, required=not given.replay and not is_loopback(url), remedy=KEY_REMEDY)
    api = open_api(url, key, replace(given, base_url=url), headers=given.headers)
    try:
        client = Client(api, key, given)
        can = api.run_now(find_abilities(client, url, what, version))
        settings = Settings(what, version, given.max_tokens, given.cache, given.extra)
        if given.cache and not can.is_own:
            raise UsageError("option cache is for Anthropic's own API: other servers keep the cache that they have")
        encode = _encoder(given.tokenizer, can)
        kind = BatchingAnthropic if can.has_batches else Anthropic
        return kind(api, client, settings, can, concurrency=given.concurrency, streams=given.stream, encode=encode)
    except BaseException:
        api.close()
        raise


class Anthropic:
    """One model behind the Messages API."""

    def __init__(
        self,
        api: Api,
        client: Client,
        settings: Settings,
        can: Abilities,
        *,
        concurrency: int = 32,
        streams: bool = True,
        encode: Encode | None = None,
    ) -> None:
        self.api, self.client, self.settings, self.can = api, client, settings, can
        self.controls = can.controls
        self.concurrency = concurrency
        self.tokenizer = None
        self.model = _info(settings, can, is_local=not can.is_own and is_loopback(api.base_url))
        self._streams = streams
        self._encode = encode

    async def generate(self, request: Request) -> Generation:
        """Answer one request, or raise `BackendError`."""
        body = message_body(self.settings, request, self.can)
        if self._streams:
            body["stream"] = True
        content = json_body(body)
        began = time.perf_counter()
        found = await self.api.run(self._ask(content, body["max_tokens"]))
        wall_s = time.perf_counter() - began
        if asks_off(request) and (found.thinking or found.visibility in (Visibility.ENCRYPTED, Visibility.HIDDEN)):
            raise BackendError(f"{self.api.base_url} {OFF_IGNORED}")
        found = msgspec.structs.replace(found, wall_s=wall_s)
        return found if self._encode is None else count_thinking(found, self._encode)

    async def aclose(self) -> None:
        """Hang up; closing twice is harmless."""
        await self.api.aclose()

    def fault(self, document: dict[str, Any]) -> BackendError:
        """The error that stands in an answer, or in the middle of one."""
        return self.api.fault_inside(document, MESSAGES)

    async def _ask(self, content: bytes, max_tokens: int) -> Generation:
        async with self.client.opened("POST", MESSAGES, content) as response:
            if EVENTS in response.headers.get("content-type", ""):
                return await read_events(response.aiter_bytes(), self.can, max_tokens, self.fault)
            return read_message(await response.aread(), self.can, max_tokens, self.fault)


class BatchingAnthropic(Anthropic):
    """A model whose endpoint also takes many requests at half the price (`thinkcurve.backend.Batching`)."""

    @property
    def most_in_batch(self) -> int:
        """How many requests one batch may hold."""
        return batches.MOST_REQUESTS

    @property
    def batch_factor(self) -> float:
        """What a token in a batch costs, as a part of what it costs otherwise."""
        return batches.HALF_PRICE

    async def submit(self, requests: Mapping[str, Request]) -> str:
        """Hand over requests by names of ours; Anthropic's id of them."""
        content = batches.body_of({name: message_body(self.settings, one, self.can) for name, one in requests.items()})
        return await self.api.run(batches.submit(self.client, content))

    async def status(self, batch: str) -> BatchStatus:
        """How far a batch is, whoever submitted it and when."""
        return await self.api.run(batches.status(self.client, batch))

    async def collect(self, batch: str) -> dict[str, Generation | BackendError]:
        """What became of each request of an ended batch, by our name; one that was never begun is missing."""

        def read(message: bytes) -> Generation:
            return read_message(message, self.can, 0, self.fault)

        return await self.api.run(batches.collect(self.client, batch, read, self.fault))


def _info(settings: Settings, can: Abilities, *, is_local: bool) -> ModelInfo:
    has_sampling = not can.is_own or settings.version <= WITH_SAMPLING
    return ModelInfo(
        name=settings.model,
        fingerprint=can.name or None,
        engine=can.engine,
        context_tokens=can.context_tokens,
        is_local=is_local,
        provider="anthropic" if can.is_own else None,
        native=can.native,
        efforts=can.efforts,
        max_output_tokens=settings.max_tokens or can.max_tokens or can.default_tokens,
        notes=(*can.notes, NO_SEED) if has_sampling else (*can.notes, NO_SEED, NO_SAMPLING),
    )


def _encoder(folder: str, can: Abilities) -> Encode | None:
    """The tokenizer that counts thinking; ``None`` where nobody asks for one."""
    if not folder:
        return None
    if can.is_own:
        raise UsageError("option tokenizer is for other servers: Anthropic counts the thinking of its models itself")
    try:
        from thinkcurve_backends.hf_tokenizer import load_tokenizer
    except ImportError as error:
        raise UsageError('option tokenizer needs transformers: pip install "thinkcurve[transformers]"') from error
    path = Path(folder)
    is_gguf = path.suffix == ".gguf"
    return load_tokenizer(path.parent if is_gguf else path, path.name if is_gguf else "").encode
