"""``openai:NAME``: OpenAI's models, or any server that OpenAI's own client can talk to (option ``base_url``).

Thinking is asked for by levels of effort, or by tokens where a server has a field for it. OpenAI shows a summary of it
at most. The interface has no idempotency keys (`openai` 3.54 sends none), so none are sent.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any, Protocol

import httpx2
import msgspec

from thinkcurve.backend import Generation, ModelInfo, NativeBudgets, Request
from thinkcurve.budget import Control
from thinkcurve.errors import UsageError
from thinkcurve_backends.chat.thinking import count_thinking
from thinkcurve_backends.endpoint.api import Api
from thinkcurve_backends.endpoint.keys import find_key
from thinkcurve_backends.endpoint.open import open_api
from thinkcurve_backends.openai.options import RESPONSES, OpenAiOptions, read

try:
    import openai

    from thinkcurve_backends.openai.client import Client, document
    from thinkcurve_backends.openai.completions import Completions
    from thinkcurve_backends.openai.faults import Refused
    from thinkcurve_backends.openai.models import Known, find_model
    from thinkcurve_backends.openai.responses import Responses
except ImportError as missing:
    if (missing.name or "").partition(".")[0] not in ("openai", "aiohttp"):
        raise
    raise UsageError('openai needs the packages openai and aiohttp: pip install "thinkcurve[apis]"') from missing

KEY_VARIABLE = "OPENAI_API_KEY"
KEY_REMEDY = "keys are made at https://platform.openai.com/api-keys"


class Speech(Protocol):
    """One of OpenAI's two interfaces."""

    path: str

    def body(self, request: Request, *, stream: bool) -> dict[str, Any]:
        """What asks for ``request``."""
        ...

    async def read_events(self, events: AsyncIterator[Any], request: Request | None) -> Generation:
        """The answer that a stream is."""
        ...

    def read(self, response: Any, request: Request | None) -> Generation:
        """A whole answer."""
        ...

    def does_without(self, parameter: str) -> bool:
        """Whether a refused parameter, which nobody had asked for, is left out from now on."""
        ...


class OpenAi:
    """A model at OpenAI, or at a server that speaks as OpenAI does (a `thinkcurve.backend.Backend`)."""

    def __init__(
        self,
        client: Client,
        speech: Speech,
        options: OpenAiOptions,
        model: ModelInfo,
        encode: Callable[[str], Sequence[int]] | None = None,
    ) -> None:
        self._client = client
        self._speech = speech
        self._options = options
        self._encode = encode
        self._model = model

    def __repr__(self) -> str:
        return f"OpenAi({self._model.name!r}, {self._client.api.base_url!r})"

    @property
    def model(self) -> ModelInfo:
        """What is known of the model."""
        return self._model

    @property
    def controls(self) -> frozenset[Control]:
        """Effort and words; token budgets where a field for them was given."""
        native = {Control.NATIVE} if self._options.budget_field else set[Control]()
        return frozenset({Control.EFFORT, Control.PROMPT, *native})

    @property
    def concurrency(self) -> int:
        """How many requests may be open at once."""
        return self._options.concurrency

    @property
    def tokenizer(self) -> None:
        """There is none: only text goes in and out."""
        return

    async def generate(self, request: Request) -> Generation:
        """Answer one request, or raise `thinkcurve.errors.BackendError`."""
        try:
            return await self._generate(request)
        except Refused as refused:
            if not self._speech.does_without(refused.parameter):
                raise
        return await self._generate(request)

    async def aclose(self) -> None:
        """Hang up; closing twice is harmless."""
        await self._client.api.aclose()

    async def _generate(self, request: Request) -> Generation:
        body = self._speech.body(request, stream=self._options.stream)
        begun = time.perf_counter()

        async def read(response: httpx2.Response) -> Generation:
            if self._options.stream:
                return await self._client.streamed(response, lambda events: self._speech.read_events(events, request))
            return self._speech.read(await document(response), request)

        generation = await self._client.post(self._speech.path, body, read)
        generation = msgspec.structs.replace(generation, wall_s=time.perf_counter() - begun)
        return count_thinking(generation, self._encode) if self._encode else generation


def open_backend(what: str, **options: Any) -> OpenAi:
    """The model called ``what``. Raises `UsageError` where key, address, name or options are wrong."""
    if not what:
        raise UsageError("openai needs a model: openai:NAME, such as openai:gpt-5.6")
    given = read(options)
    key = find_key(KEY_VARIABLE, required=given.needs_key, remedy=KEY_REMEDY if given.is_openai else "")
    bearer = {"authorization": f"Bearer {key.value}"} if key else {}
    api = open_api(given.address, key, given, headers=bearer)
    try:
        return _opened(what, given, Client(api, key, given), api)
    except BaseException:
        api.close()
        raise


def _opened(what: str, given: OpenAiOptions, client: Client, api: Api) -> OpenAi:
    known = find_model(client, what)
    speech: Speech = (
        Responses(known.name, given, api, known.thinking_source)
        if given.speech == RESPONSES
        else Completions(known.name, given, api, known.thinking_source)
    )
    encode = None
    if given.tokenizer:
        from thinkcurve_backends.openai.tokenizer import find_encode

        encode = find_encode(given.tokenizer)
    return _kind(given)(client, speech, given, _info(what, given, known), encode)


def _kind(given: OpenAiOptions) -> type[OpenAi]:
    if not given.has_batches:
        return OpenAi
    from thinkcurve_backends.openai.batch import OpenAiBatches

    return OpenAiBatches


def _info(what: str, given: OpenAiOptions, known: Known) -> ModelInfo:
    notes = list(known.notes)
    if given.service_tier not in ("", "auto", "default"):
        notes.append(f"service tier {given.service_tier!r} has prices of its own, which the usual ones do not show")
    return ModelInfo(
        name=what,
        context_tokens=known.context_tokens,
        engine=f"openai {openai.__version__} ({given.speech})",
        is_local=given.is_loopback,
        provider="openai" if given.is_openai else None,
        native=NativeBudgets() if given.budget_field else None,
        max_output_tokens=given.max_output_tokens or None,
        notes=tuple(notes),
    )
