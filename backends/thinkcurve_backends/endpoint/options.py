"""Options that every backend with a remote API has; its own options inherit from them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class EndpointOptions:
    """Where an API is, how patiently it is asked, and which cassette is written or played.

    ``concurrency`` is the most requests that are open at once. ``connect_s`` bounds reaching the server, ``idle_s`` its
    longest silence, ``total_s`` one whole answer; 0 is no bound. ``record`` and ``replay`` are files (`cassette`).
    """

    base_url: str = ""
    concurrency: int = 32
    connect_s: float = 10.0
    idle_s: float = 600.0
    total_s: float = 7200.0
    record: str = ""
    replay: str = ""
    stream: bool = True


LEAST: Mapping[str, float] = {"concurrency": 1, "connect_s": 0, "idle_s": 0, "total_s": 0}
"""The smallest values, for `thinkcurve_backends.options.read_options`."""
