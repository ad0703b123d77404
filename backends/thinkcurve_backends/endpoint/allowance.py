"""How much an API says is left, as its providers write it in the headers of answers.

Three families, alike in that a name holding ``remaining`` has a sister holding ``reset``: OpenAI's
``x-ratelimit-remaining-requests`` (reset ``6m0s``, ``20ms``; others write seconds or a Unix time there), Anthropic's
``anthropic-ratelimit-tokens-remaining`` (reset in RFC 3339) and ``ratelimit-remaining`` of the drafts of the IETF
(reset in seconds), whose later ones write ``ratelimit: "name";r=50;t=30``
(https://datatracker.ietf.org/doc/draft-ietf-httpapi-ratelimit-headers/).
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from thinkcurve_backends.endpoint.faults import retry_after_s

UNIT_S = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9, "d": 86400.0}
DURATION = re.compile(r"(?:\d+(?:\.\d+)?(?:ms|us|µs|ns|[dhms]))+", re.ASCII)
PART = re.compile(r"(\d+(?:\.\d+)?)(ms|us|µs|ns|[dhms])", re.ASCII)
UNIX_FROM = 1e9
"""A larger number is a point in time, in seconds since 1970: no reset is thirty years away."""
UNIX_MS_FROM = 1e11


@dataclass(frozen=True, slots=True)
class Allowance:
    """``remaining`` of something, until it is full again in ``reset_s`` seconds. ``is_requests`` tells from tokens."""

    name: str
    remaining: float
    reset_s: float
    is_requests: bool


def allowances(headers: Mapping[str, str], now: float) -> Iterator[Allowance]:
    """What the headers of one answer say; ``now`` is Unix time. What cannot be read is left out."""
    for name, text in headers.items():
        if "ratelimit" not in name:
            continue
        if name in ("ratelimit", "x-ratelimit"):
            yield from _structured(text)
            continue
        head, word, tail = name.partition("remaining")
        if not word:
            continue
        remaining = _number(text)
        reset_s = seconds_until(headers.get(f"{head}reset{tail}", ""), now)
        if remaining is not None and remaining >= 0 and reset_s is not None:  # -1 means no limit
            yield Allowance(name, remaining, reset_s, "token" not in name)


def seconds_until(text: str, now: float) -> float | None:
    """Seconds from ``now`` (Unix time): a duration, a number of seconds, a Unix time, or a date; ``None`` is none."""
    text = text.strip()
    if DURATION.fullmatch(text):
        seconds = sum(float(number) * UNIT_S[unit] for number, unit in PART.findall(text))
        return seconds if math.isfinite(seconds) else None
    number = _number(text)
    if number is not None:
        if number >= UNIX_FROM:
            number = number / (1000 if number >= UNIX_MS_FROM else 1) - now
        return max(0.0, number)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return retry_after_s(text, now)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, moment.timestamp() - now)


def _structured(text: str) -> Iterator[Allowance]:
    for item in text.split(","):
        label, *parameters = (part.strip() for part in item.split(";"))
        values = {name: value for name, _, value in (part.partition("=") for part in parameters)}
        remaining, reset_s = _number(values.get("r", "")), _number(values.get("t", ""))
        if remaining is not None and reset_s is not None:
            yield Allowance(f"ratelimit {label}", remaining, max(0.0, reset_s), "token" not in label)


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None
