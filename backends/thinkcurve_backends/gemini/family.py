"""How each family of Gemini models is asked to think: by a number of tokens, by a level, or not at all.

Google's API does not tell which, so it goes by the name: https://ai.google.dev/gemini-api/docs/thinking and
https://docs.cloud.google.com/gemini-enterprise-agent-platform/models/thinking, as of November 2026. To ask for a budget
and a level in one request is refused there, and so is either of them by a model that does not think.
"""

from __future__ import annotations

import re

import msgspec

from thinkcurve.backend import NativeBudgets

LEVELS = ("minimal", "low", "medium", "high", "xhigh")
"""Those of `thinkcurve.budget.EFFORTS` that ``google.genai.types.ThinkingLevel`` has."""


class Way(msgspec.Struct, frozen=True):
    """How a model is asked to think: ``native`` by tokens, ``by_level`` by one of ``efforts`` (empty: not known which).

    ``thinks`` says that it does; ``None`` is unknown, and then it is asked nothing.
    """

    native: NativeBudgets | None = None
    by_level: bool = False
    efforts: tuple[str, ...] = ()
    thinks: bool | None = True


NEVER = Way(thinks=False)
BUDGETS = Way(native=NativeBudgets())
"""A model that takes budgets, nothing being known of their range."""
SOME_LEVELS = Way(by_level=True)

_FAMILIES: tuple[tuple[str, Way], ...] = (
    (r"gemini-.*(image|tts|live|audio|embedding|banana|computer-use|robotics)", Way(thinks=None)),
    (r"gemini-[12]\.0|gemini-1\.5", NEVER),
    (r"gemini-2\.5-pro", Way(native=NativeBudgets(least=128, most=32_768, has_zero=False))),
    (r"gemini-2\.5-flash-lite", Way(native=NativeBudgets(least=512, most=24_576))),
    (r"gemini-2\.5-flash", Way(native=NativeBudgets(least=1, most=24_576))),
    (r"gemini-3-pro", Way(by_level=True, efforts=("low", "high"))),
    (r"gemini-3\.1-pro|gemini-3\.8-flash(?!-lite)", Way(by_level=True, efforts=("low", "medium", "high"))),
    (r"gemini-3-flash|gemini-3\.1-flash-lite", Way(by_level=True, efforts=("minimal", "low", "medium", "high"))),
    (r"gemini-([3-9]|[1-9]\d)\b", SOME_LEVELS),
)


def way_of(name: str, thinks: bool | None, wish: str) -> Way:
    """How the model ``name`` is asked to think; ``thinks`` is what its provider says, ``wish`` the user's option."""
    short = name.rpartition("/")[2]
    found = next((way for pattern, way in _FAMILIES if re.match(pattern, short)), Way(thinks=thinks))
    if wish == "budget":
        return found if found.native else BUDGETS
    if wish == "level":
        return found if found.by_level else SOME_LEVELS
    return found
