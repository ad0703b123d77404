"""How a model thinks, found in its chat template and its vocabulary.

The template decides. Models of one family share a tokenizer, so the tokens ``<think>`` and ``</think>`` say little
(Qwen3-Instruct-2507 has them and never thinks); a template that shows no trace of them belongs to a model that does
not think. Only where there is no template does the vocabulary decide. The switch of a hybrid model is turned on, and
whether the template itself opens the thinking is seen by rendering it. What the families are is in
`thinkcurve.families`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from thinkcurve.budget import ThinkingFormat
from thinkcurve.errors import BackendError, UsageError, did_you_mean
from thinkcurve.families import ALL, NEVER_THINKS, PLAIN, Family, Switch
from thinkcurve.problem import Message

PROBE = (Message("user", "Hello"),)
"""What is rendered to see how a chat template begins the model's turn."""
FORMATS: dict[str, ThinkingFormat] = {family.format.name: family.format for family in (*ALL, PLAIN)}
"""Every format by name, as a user may ask for it; ``ask`` is for models that were not trained to think."""
FAMILIES: dict[str, str] = {family.format.name: family.models for family in (*ALL, PLAIN)}
"""Which models have a format."""
CUSTOM = "custom"
"""The name of a format whose markers the user gave."""
NONE = "none"
"""What a user wishes for a model that does not think, whatever its template says."""


class Wish(msgspec.Struct, frozen=True):
    """What a user says of a model's thinking: a format by name, or markers of its own, and a closing cue."""

    thinking: str = ""
    open: str = ""
    close: str = ""
    cue: str = ""


@dataclass(frozen=True, slots=True)
class _Shown:
    """What a model shows of itself."""

    tokens: Container[str]
    template: str
    render: Callable[..., str] | None
    name: str

    def rendered(self, **options: Any) -> str | None:
        """The probe as the template renders it, ``None`` where it refuses."""
        if self.render is None:
            return None
        try:
            return self.render(**options)
        except Exception as error:  # a template is a program of its own: it may raise whatever it likes
            if isinstance(error, BackendError) and (error.is_fatal or error.is_retryable):
                raise  # the engine failed, not the template
            return None


def find_format(
    *,
    tokens: Container[str],
    template: str,
    render: Callable[..., str] | None,
    name: str = "",
    wish: Wish | None = None,
) -> ThinkingFormat | None:
    """How a model thinks, or ``None`` where nothing shows that it does.

    ``tokens`` is its vocabulary, ``template`` its chat template as text; ``render(**template_options)`` renders
    `PROBE` with the generation prompt, ``None`` where there is no template; ``name`` is that of model or architecture
    (both, with a space between, tell most). Raises `UsageError` where ``wish`` names no known format.
    """
    wish = wish or Wish()
    shown = _Shown(tokens, template, render, name)
    if wish.thinking == NONE:
        return None
    family = _wished(wish)
    if family is not None:
        return _fitted(family, shown, wish)
    family = _recognised(shown)
    found = None if family is None else _fitted(family, shown, wish)
    if found is None or _is_closed(found, shown):
        return None
    return found


def describe() -> list[dict[str, str]]:
    """One row a format: ``name``, ``models``, ``open``, ``close``, ``cut`` (what is written at a cut), ``source``."""
    return [
        {
            "name": name,
            "models": FAMILIES[name],
            "open": known.open,
            "close": known.ends_with,
            "cut": known.wrap_up + known.close + known.cue,
            "source": known.source,
        }
        for name, known in FORMATS.items()
    ]


def _wished(wish: Wish) -> Family | None:
    """The family that a user asks for, by name or by markers."""
    if bool(wish.open) != bool(wish.close):
        raise UsageError("options think_open and think_close go together: give both markers or neither")
    if wish.open and wish.thinking:
        raise UsageError(f"options thinking ({wish.thinking!r}) and think_open exclude each other: give one of them")
    if wish.open:
        return Family(ThinkingFormat(CUSTOM, wish.open, wish.close, source="Markers given by the user."), "")
    if not wish.thinking:
        return None
    for family in (*ALL, PLAIN):
        if family.format.name == wish.thinking:
            return family
    raise UsageError(
        f"thinking format {wish.thinking!r} is not known.{did_you_mean(wish.thinking, FORMATS)} "
        f"Known: {', '.join(FORMATS)}; {NONE}, for a model that does not think; "
        "other markers: think_open and think_close"
    )


def _recognised(shown: _Shown) -> Family | None:
    """The family that a model shows: first by how its template ends, then by what stands in it."""
    candidates = [family for family in ALL if _fits(family, shown)]
    if any(not family.is_by_name for family in candidates):  # what a model shows goes before what it is called
        candidates = [family for family in candidates if not family.is_by_name]
    if shown.render is not None:
        for family in candidates:
            rendered = shown.rendered(**_switched_on(family.switches, shown))
            if rendered is not None and _tail(rendered, family.format.open) is not None:
                return family
    if re.search(NEVER_THINKS, shown.name, re.IGNORECASE):
        return None
    return candidates[0] if candidates else None


def _fits(family: Family, shown: _Shown) -> bool:
    if family.clues and not any(clue.fits(shown.name, shown.template, shown.tokens) for clue in family.clues):
        return False
    if family.is_by_name:
        return True
    markers = (family.format.open.strip(), family.format.ends_with.strip())
    has_tokens = bool(family.tokens) and all(token in shown.tokens for token in family.tokens)
    if not shown.template:
        return has_tokens
    mentioned = [marker in shown.template for marker in markers]
    if not has_tokens:
        return all(mentioned) and (not family.signs or any(sign in shown.template for sign in family.signs))
    return any(sign in shown.template for sign in family.signs) if family.signs else any(mentioned)


def _switched_on(switches: Sequence[Switch], shown: _Shown) -> dict[str, Any]:
    """The option that turns thinking on: the first that the template mentions and that changes what it renders."""
    for switch in switches:
        if re.search(rf"\b{switch.name}\b", shown.template):
            on = shown.rendered(**{switch.name: switch.on})
            if on is not None and on != shown.rendered(**{switch.name: switch.off}):
                return {switch.name: switch.on}
    return {}


def _tail(rendered: str, marker: str) -> str | None:
    """The white space after a marker at the end of a rendered prompt; ``None`` where it does not end in the marker.

    White space that belongs to the marker itself counts as written, whether or not the template writes it.
    """
    bare = marker.rstrip()
    text = rendered.rstrip()
    if not bare or not text.endswith(bare):
        return None
    return rendered[len(text) :].removeprefix(marker[len(bare) :])


def _fitted(family: Family, shown: _Shown, wish: Wish) -> ThinkingFormat:
    """The format of a family as this model's template has it."""
    known = family.format
    options = _switched_on(family.switches, shown)
    rendered = shown.rendered(**options)
    tail = None if rendered is None else _tail(rendered, known.open)
    empty = known.empty or _empty_by_template(known, options, family.switches, shown)
    return msgspec.structs.replace(
        known,
        template_opens=tail is not None,
        template_options=options,
        cue=wish.cue or known.cue,
        empty=empty.removeprefix(tail) if tail else empty,
    )


def _empty_by_template(
    known: ThinkingFormat, options: dict[str, Any], switches: Sequence[Switch], shown: _Shown
) -> str:
    """The white space that a hybrid model's template puts between the markers when thinking is off.

    SmolLM3 writes ``<think>``, a blank line, ``</think>``, and was trained on it: so a budget of 0 is written likewise.
    """
    for switch in switches:
        if options.get(switch.name) == switch.on:
            off = shown.rendered(**{switch.name: switch.off}) or ""
            before, _, after = off.rpartition(known.ends_with.strip())
            return "" if after.strip() else _tail(before, known.open) or ""
    return ""


def _is_closed(found: ThinkingFormat, shown: _Shown) -> bool:
    """Whether the template ends the thinking before the model can begin, whatever we say."""
    rendered = shown.rendered(**found.template_options)
    if rendered is None:
        return False
    text = rendered.rstrip()
    return text.endswith((found.ends_with.rstrip(), found.close.rstrip()))
