"""Any OpenAI-compatible server by its address (``http://HOST:PORT/v1#MODEL``), and providers by name (`presets`).

What answers is found out. Where it is a vLLM or a llama.cpp, whose servers take token ids, the engine's own backend
asks it, so that its curve is the one in process; else text is gone on with where that can be done exactly, and else
the server's own controls are all there is (option ``api``: `options`).
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from thinkcurve.backend import Backend, Chat, Generation, ModelInfo, Request, Stop, Tokenizer, Usage
from thinkcurve.budget import Control
from thinkcurve.errors import BackendError, UsageError
from thinkcurve_backends.chat.body import chat_body
from thinkcurve_backends.chat.dialect import Dialect
from thinkcurve_backends.chat.thinking import count_thinking
from thinkcurve_backends.endpoint.api import Api
from thinkcurve_backends.http.continuation import Asker, Completions, Continues, Encode, OllamaRaw
from thinkcurve_backends.http.options import Options, read

ENGINE = "http"
BY_IDS = {"concurrency": "slots", "idle_s": "timeout_s"}
"""Options of an engine that is asked with ids, by their names here."""
SHARED = ("thinking", "think_open", "think_close", "cue")
ONLY_BY_IDS = {"vllm": ("checkpoint",), "llamacpp": ("context_tokens",)}
ALSO = ("api", "server")
"""Options that decide who is asked, and are then done with."""


class HttpModel:
    """A model behind an OpenAI-compatible endpoint (a `thinkcurve.backend.Backend`)."""

    tokenizer: Tokenizer | None = None

    def __init__(
        self,
        api: Api,
        asker: Asker,
        model: ModelInfo,
        dialect: Dialect,
        *,
        controls: frozenset[Control],
        concurrency: int,
        asked_as: str,
        text: Continues | None = None,
        is_text_only: bool = False,
        encode: Encode | None = None,
        behind: Backend | None = None,
    ) -> None:
        self.model = model
        self.controls = controls
        self.concurrency = concurrency
        self.dialect = dialect
        self._api = api
        self._asker = asker
        self._name = asked_as
        self._text = text
        self._is_text_only = is_text_only
        self._encode = encode
        self._behind = behind
        self._is_closed = False

    async def generate(self, request: Request) -> Generation:
        """One reply. Raises `BackendError` for all that is no answer of the model."""
        if self._is_closed:
            raise BackendError("this model is closed", is_fatal=True)
        started = time.perf_counter()
        chat = request.prompt
        if isinstance(chat, Chat) and chat.prefix is not None:
            made = await self._go_on(request)
        elif self._is_text_only:
            made = await self._answer_in_text(request)
        else:
            body = chat_body(self._name, request, self.dialect, stream=self._asker.streams(request))
            made = await self._asker.ask(body, request)
            if self._encode is not None:
                made = count_thinking(made, self._encode)
        return msgspec.structs.replace(made, wall_s=time.perf_counter() - started)

    async def aclose(self) -> None:
        """Hang up."""
        self._is_closed = True
        await self._api.aclose()
        if self._behind is not None:
            await self._behind.aclose()

    async def _go_on(self, request: Request) -> Generation:
        if self._text is None:
            raise BackendError(f"{self.model.name} cannot go on with text; its notes say why")
        if request.max_tokens <= 0:
            return Generation(text="", stop=Stop.LENGTH, usage=Usage(generated_tokens=0))
        return await self._text.go_on(request)

    async def _answer_in_text(self, request: Request) -> Generation:
        """A whole reply where nothing but text goes in and out: the model's markers tell thinking from answer."""
        chat = request.prompt
        if not isinstance(self._text, Completions | OllamaRaw) or not isinstance(chat, Chat):
            raise BackendError(f"{self.model.name} goes on with text; it is not asked otherwise")
        if chat.budget_tokens is not None or chat.effort is not None:
            raise BackendError(f"{self.model.name} is asked with text alone: it takes neither budgets nor levels")
        return self._text.rendered.apart(await self._text.go_on(request))


def open_backend(what: str, **options: str | int | float | bool) -> Backend:
    """The model at ``http(s)://HOST[:PORT][/PATH][#MODEL]``. Raises `UsageError` where it cannot be used."""
    from thinkcurve_backends.http.presets import preset_at

    if not what.startswith(("http://", "https://")):
        raise UsageError(f"{what!r} is no address of a server; it is written http://HOST:PORT/v1#MODEL")
    address, _, name = what.partition("#")
    chosen = read(ENGINE, options)
    known = chosen.server or preset_at(address)
    from thinkcurve_backends.http.opening import open_at

    return open_at(address, name, chosen, options, known)


def open_named(preset: str, what: str, options: Mapping[str, Any]) -> HttpModel:
    """The model ``what`` of a provider or server by its name. Raises `UsageError` where it cannot be used."""
    from thinkcurve_backends.http.opening import open_preset_at

    return open_preset_at(preset, what, read(preset, options))


def open_by_ids(engine: str, root: str, name: str, options: Mapping[str, Any]) -> Backend:
    """The engine backend that asks the server at ``root`` with token ids. Raises `UsageError`."""
    own = (*BY_IDS, *SHARED, *ALSO, *ONLY_BY_IDS[engine])
    for option in options:
        if option not in own:
            raise UsageError(
                f"option {option} does nothing for a server that is asked with token ids ({engine}); with it, say "
                "api=chat or api=completions"
            )
    given = {BY_IDS.get(key, key): value for key, value in options.items() if key not in ALSO}
    if engine == "vllm":
        from thinkcurve_backends.vllm.backend import open_backend as open_vllm

        return open_vllm(f"{root}#{name}" if name else root, **given)
    from thinkcurve_backends.llamacpp.backend import open_backend as open_llamacpp

    return open_llamacpp(root, **given)


@contextlib.contextmanager
def closing_on_error(api: Api, where: str) -> Iterator[None]:
    """Hang up where opening fails, and say it in one line."""
    try:
        yield
    except BackendError as error:
        api.close()
        raise UsageError(f"{where} cannot be used: {error}") from error
    except BaseException:
        api.close()
        raise


__all__ = ["HttpModel", "Options", "closing_on_error", "open_backend", "open_by_ids", "open_named"]
