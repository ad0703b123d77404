"""Whether a model is there, asked once when it is opened, and what the server says of it."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Any

import msgspec

from thinkcurve.errors import BackendError, UsageError, did_you_mean
from thinkcurve_backends.openai.client import Client, Unreadable, document
from thinkcurve_backends.openai.faults import Missing

MANY = 8
"""More names than these are not listed in an error."""
PARSERS = frozenset({"vllm", "sglang"})
"""Owners (``owned_by``) of models whose thinking tokens are counted by the server's parser of the output."""


class Known(msgspec.Struct, frozen=True):
    """What a server says of a model; ``name`` is how it wants it called."""

    name: str
    owner: str = ""
    context_tokens: int | None = None
    notes: tuple[str, ...] = ()

    @property
    def thinking_source(self) -> str:
        """Who counts its thinking."""
        return "parser" if self.owner in PARSERS else "provider"


def find_model(client: Client, name: str) -> Known:
    """The model called ``name``. Raises `UsageError` where the key, the address or the name is wrong."""
    try:
        found = client.run_now(lambda sdk: sdk.models.with_streaming_response.retrieve(name), document)
        entries = _entries(found)  # mlx_lm.server lists all that it has, whatever it is asked for
        if entries is None:
            return _known(name, found)
    except (Missing, Unreadable):
        entries = _listed(client)
    except BackendError as error:
        if error.is_fatal or not error.is_retryable:
            raise _at_once(error) from error
        return Known(name, notes=(f"whether {name!r} is there was not checked: {error}",))
    for entry in entries:
        if name in _names(entry):
            return _known(str(entry.get("id", name)), entry)
    names = [str(entry["id"]) for entry in entries if isinstance(entry.get("id"), str)]
    if not names:
        return Known(name, notes=(f"{client.api.base_url} lists no models: whether {name!r} is there was not checked",))
    serves = f" It serves: {', '.join(names)}" if len(names) <= MANY else ""
    raise UsageError(f"{client.api.base_url} has no model {name!r}.{did_you_mean(name, names)}{serves}")


def _listed(client: Client) -> list[dict[str, Any]]:
    try:
        found = client.run_now(lambda sdk: sdk.models.with_streaming_response.list(), document)
    except (Missing, Unreadable):  # mlx_lm.server sends nothing at all where there is no cache of the hub
        return []
    except BackendError as error:
        raise _at_once(error) from error
    return _entries(found) or []


def _entries(found: Any) -> list[dict[str, Any]] | None:
    """The models in a list of them; ``None`` where it is no list."""
    data = found.get("data") if isinstance(found, dict) else None
    return [entry for entry in data if isinstance(entry, dict)] if isinstance(data, list) else None


def _at_once(error: BackendError) -> Exception:
    """What stands in the way of every request is for the user to mend before any is sent."""
    return UsageError(str(error)) if error.is_fatal else error


def _names(entry: dict[str, Any]) -> set[str]:
    """What a model may be called: llama.cpp and mlx_lm.server name one by the path of its file or folder."""
    identity, aliases = str(entry.get("id", "")), entry.get("aliases")
    names = {identity, *map(str, aliases if isinstance(aliases, list) else ())}
    if identity.startswith(("/", "\\")) or identity[1:3] == ":\\":
        file = PurePosixPath(identity.replace("\\", "/"))
        names |= {file.name, file.stem}
    return names


def _known(name: str, entry: Any) -> Known:
    said = entry if isinstance(entry, dict) else {}
    meta = said.get("meta")
    context = said.get("max_model_len") or (meta.get("n_ctx") if isinstance(meta, dict) else None)
    owner = said.get("owned_by")
    return Known(
        name,
        owner=owner if isinstance(owner, str) else "",
        context_tokens=context if isinstance(context, int) and context > 0 else None,
    )
