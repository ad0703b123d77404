"""What answers at an address, and which models it serves, by what it alone says of itself."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

from thinkcurve.errors import BackendError, UsageError, did_you_mean
from thinkcurve_backends.chat.usage import at
from thinkcurve_backends.endpoint.api import Api
from thinkcurve_backends.endpoint.faults import LATER
from thinkcurve_backends.endpoint.wire import Call
from thinkcurve_backends.json_body import decoded

LOOK_S = 10.0
"""How long one look may take: what a server says of itself it says at once."""
SIGNS: tuple[tuple[str, str, str], ...] = (
    ("llamacpp", "/props", "default_generation_settings"),
    ("vllm", "/version", "version"),
    ("sglang", "/get_server_info", "model_path|version"),
    ("ollama", "/api/version", "version"),
    ("lmstudio", "/api/v0/models", "data"),
)
"""Kinds of servers, with a path that no other kind has and what stands in its answer."""
VERSIONS = {"llamacpp": "build_info", "vllm": "version", "sglang": "version", "ollama": "version"}
"""Where those answers hold the version."""
LENIENT = frozenset({"mlx", "optillm", "its_hub"})
"""Servers that take names beside those that they list; llama.cpp would, too, but has one model whatever its name."""
CONTEXT = (
    "max_model_len|context_length|max_context_length|context_window|max_context_window_tokens|loaded_context_length|"
    "top_provider.context_length|meta.n_ctx"
)
UNLISTED = "{} did not list its models when it was asked: whether this one is there was not checked"
OUTPUT = "top_provider.max_completion_tokens|max_completion_tokens|max_output_tokens|max_output_length"


@dataclass(frozen=True, slots=True)
class Seen:
    """One answer to a look at a server: status 0 where nothing came."""

    status: int
    headers: Mapping[str, str]
    document: Any


@dataclass(frozen=True, slots=True)
class Served:
    """What answers, its version, and the model that is asked with what is said of it."""

    kind: str
    version: str = ""
    model: str = ""
    card: Mapping[str, Any] = field(default_factory=dict)
    about: Mapping[str, Any] = field(default_factory=dict)
    """What the server says of itself where it was recognised."""

    @property
    def context_tokens(self) -> int | None:
        """The longest context, where it is said."""
        return whole(at(self.card, CONTEXT)) or whole(at(self.about, "default_generation_settings.n_ctx"))

    @property
    def max_output_tokens(self) -> int | None:
        """The most tokens of a reply, where it is said."""
        return whole(at(self.card, OUTPUT))


async def look(api: Api, url: str, headers: Mapping[str, str]) -> Seen:
    """What a GET of ``url`` answers in a short time, whatever its status. Raises `BackendError` where nothing comes."""
    try:
        async with asyncio.timeout(LOOK_S):
            return await _look(api, url, headers)
    except TimeoutError:
        raise BackendError(f"{url} did not answer in {LOOK_S:g} s", is_retryable=True) from None


async def _look(api: Api, url: str, headers: Mapping[str, str]) -> Seen:
    answer = await api.wire.send(Call("GET", url, dict(headers)))
    try:
        raw = b"".join([part async for part in answer.chunks()])
    finally:
        await answer.aclose()
    try:
        document = decoded(raw) if answer.status == 200 else None
    except ValueError:
        document = None
    return Seen(answer.status, answer.headers, document)


async def kind_of(api: Api, root: str, headers: Mapping[str, str]) -> Served:
    """What answers at ``root``, its model still unknown."""
    for kind, path, sign in SIGNS:
        seen = await _glance(api, root + path, headers)
        if seen.status in (401, 403):
            continue  # a key may be wanted for this alone; the first request will tell
        if isinstance(seen.document, dict) and at(seen.document, sign) is not None:
            version = at(seen.document, VERSIONS.get(kind, ""))
            return Served(kind, str(version or ""), about=seen.document)
    health = await _glance(api, root + "/health", headers)
    is_mlx = health.headers.get("server", "").startswith("BaseHTTP/") and health.document == {"status": "ok"}
    return Served("mlx" if is_mlx else "generic")


async def _glance(api: Api, url: str, headers: Mapping[str, str]) -> Seen:
    """`look`, where no answer is one too; only a server that cannot be reached at all ends it."""
    try:
        return await look(api, url, headers)
    except BackendError as error:
        if error.is_fatal:
            raise
        return Seen(0, {}, None)


async def lists_models(api: Api, base: str, headers: Mapping[str, str]) -> bool:
    """Whether there is a list of models at ``base``, for whoever asks so."""
    seen = await _glance(api, base + "/models", headers)
    return isinstance(seen.document, dict) and isinstance(seen.document.get("data"), list)


async def cards_of(api: Api, base: str, headers: Mapping[str, str]) -> tuple[list[dict[str, Any]], str]:
    """The models that ``/models`` lists, and a note where that cannot be had; none where there is no such list."""
    try:
        seen = await look(api, base + "/models", headers)
    except BackendError as error:
        if error.is_fatal:
            raise
        return [], UNLISTED.format(base)  # mlx_lm.server hangs up where its machine has no cache of the hub
    if seen.status in (401, 403):
        raise api.fault(seen.status, seen.headers, b"", "/models")
    if seen.status in LATER:
        return [], UNLISTED.format(base)
    listed = seen.document.get("data") if isinstance(seen.document, dict) else seen.document
    if not isinstance(listed, list):
        return [], ""
    return [card for card in listed if isinstance(card, dict) and isinstance(card.get("id"), str)], ""


def choose(kind: str, cards: list[dict[str, Any]], name: str, base: str) -> dict[str, Any]:
    """The card of the model that is meant: the one that is named, else the only one. Raises `UsageError`."""
    names = [card["id"] for card in cards]
    shown = ", ".join(names[:12]) + (", ..." if len(names) > 12 else "")
    if name:
        for wanted in (name, *_also(kind, name)):
            found = next((card for card in cards if wanted in _names_of(kind, card["id"])), None)
            if found is not None:
                return {**found, "id": name}
        is_variant = kind == "openrouter" and ":" in name
        if names and kind not in LENIENT and not is_variant:
            raise UsageError(f"{base} serves no model {name!r}.{did_you_mean(name, names)} It serves: {shown}")
        return {"id": name}
    if kind == "mlx":
        return {"id": "default_model"}
    own = [card for card in cards if card.get("parent") is None]
    if len(own) != 1:
        raise UsageError(f"{base} serves {'many models' if own else 'no model that it names'}; say which: {base}#NAME"
                         + (f", of: {shown}" if names else ""))  # fmt: skip
    return own[0]


def _names_of(kind: str, listed: str) -> tuple[str, ...]:
    """What a listed model may be called: llama.cpp lists the path of its file."""
    path = PurePosixPath(listed)
    return (listed, path.name, path.stem) if kind == "llamacpp" else (listed,)


def _also(kind: str, name: str) -> tuple[str, ...]:
    """Names by which a model may be listed beside its own: OpenRouter's variants, and Ollama's tags."""
    if kind == "openrouter" and ":" in name:
        return (name.partition(":")[0],)
    return (f"{name}:latest",) if kind == "ollama" else ()


def whole(value: object) -> int | None:
    """``value`` where it is a positive whole number."""
    return value if type(value) is int and value > 0 else None
