"""What a reply cost, as its server counts it: a count that cannot be meant is unknown, and nothing is guessed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from thinkcurve.backend import Usage
from thinkcurve_backends import json_body
from thinkcurve_backends.chat.dialect import Dialect

DEEPEST = 3
"""How far into objects within a usage object fields are merged."""


def count(value: object) -> int | None:
    """``value`` where it can be a count of tokens; a whole number that is written ``10.0`` is one too."""
    return json_body.count(int(value) if isinstance(value, float) and value.is_integer() else value)


def at(found: object, path: str) -> Any:
    """What stands at a dotted path, at the first of several (``a|b``) where anything does; else ``None``."""
    for way in path.split("|") if path else ():
        here = found
        for name in way.split("."):
            here = here.get(name) if isinstance(here, dict) else None
        if here is not None:
            return here
    return None


def merged(before: Mapping[str, Any] | None, more: Mapping[str, Any], deepest: int = DEEPEST) -> dict[str, Any]:
    """Usage that comes in several chunks, as one: the last of a field counts, but neither null nor a 0 undoes it."""
    found = dict(before or {})
    for name, value in more.items():
        known = found.get(name)
        if isinstance(value, dict) and isinstance(known, dict) and deepest > 0:
            found[name] = merged(known, value, deepest - 1)
        elif name not in found or not (value is None or (value == 0 and known)):
            found[name] = value
    return found


def sensible(usage: Usage) -> Usage:
    """``usage`` without counts that contradict each other, the answer's worked out where it can be.

    What was thought is a part of what was generated, and what was cached a part of the prompt.
    """
    generated, thinking, prompt = usage.generated_tokens, usage.thinking_tokens, usage.prompt_tokens
    if generated is not None and thinking is not None and thinking > generated:
        generated = None
    cached, written = (
        None if part is not None and prompt is not None and part > prompt else part
        for part in (usage.cached_tokens, usage.cache_write_tokens)
    )
    return msgspec.structs.replace(
        usage,
        cached_tokens=cached,
        cache_write_tokens=written,
        generated_tokens=generated,
        answer_tokens=None if generated is None or thinking is None else generated - thinking,
    )


def read_usage(found: Mapping[str, Any] | None, dialect: Dialect, *, has_text: bool) -> Usage:
    """A usage object, in the fields of the endpoint; a count of 0 beside text that came is none."""
    if found is None:
        return Usage()
    names = dialect.usage
    prompt, generated, thinking, total, cached, written = (
        count(at(found, path))
        for path in (names.prompt, names.generated, names.thinking, names.total, names.cached, names.cache_write)
    )
    if thinking and generated is not None and total == (prompt or 0) + generated + thinking:
        generated += thinking  # xAI counts the thinking beside its completion
    if generated == 0 and has_text:
        generated = None
    usd = at(found, names.usd)
    return sensible(
        Usage(
            prompt_tokens=prompt,
            cached_tokens=cached,
            cache_write_tokens=written,
            generated_tokens=generated,
            thinking_tokens=thinking,
            source="unknown" if thinking is None else dialect.thinking_source,
            usd=usd * names.usd_unit if isinstance(usd, (int, float)) and not isinstance(usd, bool) else None,
        )
    )
