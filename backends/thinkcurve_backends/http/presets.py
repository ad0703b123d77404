"""Providers and servers by name, as data: `presets.toml` beside this file holds them, each claim with its source.

``deepseek:MODEL`` is a model of a provider; a server that is found at an address speaks the dialect of its kind.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from functools import lru_cache, partial
from importlib.resources import files
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import msgspec

from thinkcurve.errors import UsageError, did_you_mean
from thinkcurve_backends.chat.dialect import Dialect

if TYPE_CHECKING:
    from thinkcurve_backends.http.backend import HttpModel

GENERIC = "generic"
"""The server of which nothing is known."""


class Preset(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One provider or kind of server.

    ``base_url`` may hold ``{region}``. ``keys`` are the environment variables of its key, the first that is set counts;
    ``key_page`` is where one is made. ``sources`` says for each claim of ``dialect`` where it is documented, or that
    it is not verified. ``speaks_ids`` names the engine of ours that asks it by token ids; ``no_text`` is why its
    text is not gone on with although it could be.
    """

    title: str
    base_url: str = ""
    keys: tuple[str, ...] = ()
    needs_key: bool = True
    key_page: str = ""
    is_local: bool = False
    speaks_ids: str = ""
    no_text: str = ""
    notes: tuple[str, ...] = ()
    dialect: Dialect = Dialect()
    sources: dict[str, str] = {}


@lru_cache(maxsize=1)
def presets() -> dict[str, Preset]:
    """All presets by name."""
    text = (files("thinkcurve_backends.http") / "presets.toml").read_text(encoding="utf-8")
    raw = tomllib.loads(text)
    for name, entry in raw.items():
        entry.setdefault("dialect", {}).setdefault("name", entry.get("title", name))
    return msgspec.convert(raw, dict[str, Preset])


def preset(name: str) -> Preset:
    """The preset of that name. Raises `UsageError` with the nearest one where there is none."""
    known = presets()
    if name not in known:
        raise UsageError(f"no preset is called {name!r}.{did_you_mean(name, known)} Known: {', '.join(known)}")
    return known[name]


def preset_at(url: str) -> str:
    """The name of the provider whose host an address has; empty where it is none that is known."""
    host = urlsplit(url).hostname or ""
    for name, found in presets().items():
        theirs = urlsplit(found.base_url.replace("{region}", "region")).hostname or ""
        if found.is_local or not theirs:
            continue
        if host == theirs or ("{region}" in found.base_url and _is_regional(host, theirs)):
            return name
    return ""


def open_preset(name: str, what: str, **options: str | int | float | bool) -> HttpModel:
    """The model ``what`` of the provider or server of that name. Raises `UsageError` where it cannot be used."""
    from thinkcurve_backends.http.backend import open_named

    return open_named(name, what, options)


def _is_regional(host: str, pattern: str) -> bool:
    before, _, after = pattern.partition("region")
    return host.startswith(before) and host.endswith(after)


def __getattr__(name: str) -> Callable[..., Any]:
    """A factory for each preset, for entry points: ``thinkcurve_backends.http.presets:deepseek``."""
    if name.startswith("_") or name not in presets():
        raise AttributeError(name)
    return partial(open_preset, name)
