"""What a model behind the Messages API can do: read from ``models.retrieve`` at Anthropic, known of other servers.

Anthropic says for each model which types of thinking and which levels of effort it takes, and the most tokens that it
gives (https://platform.claude.com/docs/en/api/models/retrieve). vLLM and llama.cpp answer the same requests, but say
none of that: what is here of them was read in their sources and tried (vLLM 0.32, xllamacpp 2026.10).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol
from urllib.parse import quote

import msgspec

from thinkcurve.backend import NativeBudgets, Visibility
from thinkcurve.budget import EFFORTS, Control
from thinkcurve.errors import UsageError, did_you_mean
from thinkcurve_backends.anthropic.options import is_anthropic
from thinkcurve_backends.json_body import decoded

LEAST = 1024
"""The smallest ``budget_tokens`` but none, says the SDK's `ThinkingConfigEnabledParam`; vLLM 0.32 checks it too."""
SUMMARISED = {"type": "adaptive", "display": "summarized"}
"""Thinking as the model likes; without ``display`` models since Claude Opus 4.7 leave its text out."""
MODELS = "/v1/models"
RETIRED_REMEDY = "see https://platform.claude.com/docs/en/about-claude/model-deprecations for its successor"


class Abilities(msgspec.Struct, frozen=True):
    """What one model at one endpoint takes and shows."""

    is_own: bool = False
    """Whether Anthropic itself answers, or a gateway to it: its rules on budgets, sampling and summaries hold."""
    name: str = ""
    """The model's own id, where ``model`` in a request may be an alias."""
    engine: str = "Messages API"
    has_budgets: bool = True
    """Whether it takes ``thinking: {type: enabled, budget_tokens: N}``."""
    least: int = 1
    off: Mapping[str, Any] | None = None
    """What ``thinking`` has to say so that the model does not think; ``None`` where that cannot be said."""
    natural: Mapping[str, Any] | None = None
    """What it has to say so that the model thinks as long as it likes; ``None``: say nothing."""
    needs_budget: bool = False
    """Whether it thinks under a budget only: then as long as it likes is the largest budget that there is."""
    efforts: tuple[str, ...] = ()
    has_effort: bool = True
    max_tokens: int | None = None
    """More are refused."""
    default_tokens: int | None = None
    """What to ask for where a request leaves it open."""
    context_tokens: int | None = None
    has_batches: bool = False
    shows: Visibility = Visibility.FULL
    """What the text of its thinking is."""
    notes: tuple[str, ...] = ()

    @property
    def controls(self) -> frozenset[Control]:
        """The ways in which its thinking can be bounded."""
        found = {Control.PROMPT}
        found |= {Control.NATIVE} if self.has_budgets else set()
        found |= {Control.EFFORT} if self.has_effort else set()
        return frozenset(found)

    @property
    def native(self) -> NativeBudgets | None:
        """Which budgets it takes; ``None`` where it takes none."""
        if not self.has_budgets:
            return None
        most = None if self.max_tokens is None else self.max_tokens - 1
        return NativeBudgets(least=self.least, most=most, has_zero=self.off is not None)


class _Support(msgspec.Struct, frozen=True):
    supported: bool = False


class _Types(msgspec.Struct, frozen=True):
    adaptive: _Support = _Support()
    between_tools: _Support = _Support()
    disabled: _Support = _Support()
    enabled: _Support = _Support()


class _Thinking(msgspec.Struct, frozen=True):
    supported: bool = False
    types: _Types = _Types()


class _Capabilities(msgspec.Struct, frozen=True):
    thinking: _Thinking = _Thinking()
    effort: dict[str, _Support | bool | None] = {}
    batch: _Support = _Support()


class _Model(msgspec.Struct, frozen=True):
    """A model as ``GET /v1/models/NAME`` describes it (`anthropic.types.ModelInfo`)."""

    id: str
    type: str = ""
    capabilities: _Capabilities | None = None
    lifecycle: str = "active"
    retires_at: str | None = None
    max_tokens: int | None = None
    max_input_tokens: int | None = None


class Looks(Protocol):
    """Somebody who looks at a path of the API; ``None`` where nothing is there."""

    async def look(self, path: str) -> bytes | None:
        """What stands there."""
        ...


async def find_abilities(client: Looks, url: str, name: str, version: str) -> Abilities:
    """What model ``name`` can do at ``url``. Raises `UsageError` where it is not there, or no longer."""
    described = await client.look(f"{MODELS}/{quote(name, safe='')}")
    model = _model(described)
    if model is not None:
        return of_model(model, version)
    if described is not None and is_anthropic(url):
        return _own(name, version)  # it is there, and described in words that are new
    cards = _cards(await client.look(f"{MODELS}?limit=1000" if is_anthropic(url) else MODELS))
    if is_anthropic(url):
        names = [card.id for card in cards]
        raise UsageError(
            f"Anthropic has no model {name!r} for this key.{did_you_mean(name, names)} "
            f"It has: {', '.join(names) or 'none that it lists'}"
        )
    if "claude" in name.lower():
        return _own(name, version)  # a gateway to Anthropic that passes no descriptions on
    return of_server(cards, name)


def _model(raw: bytes | None) -> _Model | None:
    """A model in Anthropic's words; other servers have others, or none."""
    try:
        model: _Model = decoded(raw or b"", msgspec.json.Decoder(_Model).decode)
    except ValueError:
        return None
    return model if model.type == "model" else None


def of_model(model: _Model, version: str) -> Abilities:
    """What Anthropic says of a model. Raises `UsageError` for a retired one."""
    if model.lifecycle == "retired":
        raise UsageError(f"{model.id!r} is retired; {RETIRED_REMEDY}")
    notes = []
    if model.lifecycle == "deprecated":
        day = f", to be retired on {model.retires_at[:10]}" if model.retires_at else ""
        notes.append(f"{model.id} is deprecated{day}")
    known = msgspec.structs.replace(
        _own(model.id, version), max_tokens=model.max_tokens, context_tokens=model.max_input_tokens
    )
    if model.capabilities is None:
        return msgspec.structs.replace(known, notes=(*notes, *known.notes))
    types = model.capabilities.thinking.types
    efforts = _efforts(model.capabilities.effort)
    off = _off(types)
    if types.enabled.supported or types.adaptive.supported:
        notes.append("its thinking is shown as a summary by another model; its length is that of the thinking itself")
    return msgspec.structs.replace(
        known,
        has_budgets=types.enabled.supported,
        off=off,
        natural=SUMMARISED if types.adaptive.supported else None,
        needs_budget=types.enabled.supported and not types.adaptive.supported,
        efforts=("none", *efforts) if efforts and off else efforts,
        has_effort=bool(efforts),
        has_batches=model.capabilities.batch.supported,
        notes=tuple(notes),
    )


def _own(name: str, version: str) -> Abilities:
    """A model of Anthropic's of which nothing more is known than that it is one."""
    return Abilities(
        is_own=True,
        name=name,
        engine=f"Anthropic API {version}",
        least=LEAST,
        off={"type": "disabled"},
        shows=Visibility.SUMMARY,
        notes=(
            "what thinking it takes is not known, since nothing there says it; what it shows is taken for a summary",
        ),
    )


def _efforts(found: Mapping[str, Any]) -> tuple[str, ...]:
    if found.get("supported") is not True:
        return ()
    taken = {level for level, support in found.items() if isinstance(support, _Support) and support.supported}
    return tuple(level for level in EFFORTS if level in taken)


def _off(types: _Types) -> dict[str, Any] | None:
    """Without tools, ``between_tools`` is no thinking at all; Claude Sonnet 5.5 takes it in place of ``disabled``."""
    for name in ("disabled", "between_tools"):
        if getattr(types, name).supported:
            return {"type": name}
    return None


UNTOLD = "which budgets and levels of effort it honours it does not say: thinkcurve doctor --backend finds out"
SERVERS = {
    "llamacpp": Abilities(
        engine="llama.cpp, Messages API",
        off={"type": "enabled", "budget_tokens": 0},
        has_effort=False,
        notes=("no levels of effort: llama.cpp takes no notice of output_config.effort",),
    ),
    "vllm": Abilities(
        engine="vLLM, Messages API",
        least=LEAST,
        off={"type": "disabled"},
        notes=(
            "vLLM needs --reasoning-parser to tell thinking from the answer and --reasoning-config for budgets",
            "vLLM takes no budget under 1024 tokens on this API; vllm:URL takes any",
        ),
    ),
}
"""By ``owned_by`` in their list of models. llama.cpp honours a budget of 0 and ignores ``disabled``; vLLM refuses 0 and
turns ``disabled`` into a switch for the chat template, which not every template has."""


class _Card(msgspec.Struct, frozen=True):
    id: str
    owned_by: str = ""
    max_model_len: int | None = None
    meta: dict[str, Any] | None = None


class _Cards(msgspec.Struct, frozen=True):
    data: tuple[_Card, ...] = ()


def _cards(raw: bytes | None) -> Sequence[_Card]:
    try:
        found: _Cards = decoded(raw or b"", msgspec.json.Decoder(_Cards).decode)
    except ValueError:
        return ()
    return found.data


def of_server(cards: Sequence[_Card], name: str) -> Abilities:
    """What is known of another server with this list of models. Raises `UsageError` where ``name`` is not in it."""
    found = next((card for card in cards if card.id == name), None)
    kind = found.owned_by if found else cards[0].owned_by if cards else ""
    known = SERVERS.get(kind) or Abilities(off={"type": "disabled"}, notes=(UNTOLD,))
    if found is None and kind == "llamacpp":
        found = cards[0]
        served = f"llama.cpp serves its one model, {found.id[-80:]!r}, under any name"
        known = msgspec.structs.replace(known, notes=(*known.notes, served))
    if found is None and cards:
        names = [card.id for card in cards]
        listed = ", ".join(repr(one) for one in names[:8])
        raise UsageError(f"{name!r} is not served there.{did_you_mean(name, names)} Served: {listed}")
    context = found and (found.max_model_len or (found.meta or {}).get("n_ctx"))
    size = context if type(context) is int and context > 0 else None
    fits_all = size if kind == "llamacpp" else None  # vLLM refuses what does not fit beside the prompt
    return msgspec.structs.replace(known, context_tokens=size, default_tokens=fits_all)
