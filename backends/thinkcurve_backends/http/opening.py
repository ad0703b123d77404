"""Opening a server: what answers, which model, what it can do, and how it will be asked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import Any

import msgspec

from thinkcurve.backend import Backend, ModelInfo, NativeBudgets
from thinkcurve.budget import Control
from thinkcurve.errors import UsageError
from thinkcurve_backends.chat.dialect import Dialect
from thinkcurve_backends.chat.usage import at
from thinkcurve_backends.endpoint.api import Api
from thinkcurve_backends.endpoint.keys import find_key
from thinkcurve_backends.endpoint.open import open_api
from thinkcurve_backends.http.backend import ENGINE, HttpModel, closing_on_error, open_by_ids
from thinkcurve_backends.http.continuation import Asker, Prefilled
from thinkcurve_backends.http.detect import Served, cards_of, choose, kind_of, lists_models
from thinkcurve_backends.http.options import Options, region_of
from thinkcurve_backends.http.presets import GENERIC, Preset, preset
from thinkcurve_backends.http.probe import effort_works, switch_works, template_opens
from thinkcurve_backends.http.text import Text, find_text, format_of, tokenizer_of
from thinkcurve_backends.remote import KEY_VARIABLE

UNCOUNTED = (
    "this server does not count thinking tokens: give option checkpoint or tokenizer to have them counted here, else "
    "they stay unknown"
)
NO_EFFORT = "its chat template takes no notice of levels of effort, so control effort is likely to change nothing"
LEAVES = ("mlx", "ollama", "lmstudio", "llamacpp")
"""Servers of which it is known that they count no thinking."""
PROMPT = frozenset({Control.PROMPT})


@dataclass(frozen=True, slots=True)
class Place:
    """Where a server is: the root of its address, and what stands between that and the paths of its API."""

    root: str
    prefix: str

    @property
    def base(self) -> str:
        """The address that a user gives."""
        return self.root + self.prefix


def place_of(address: str, usual: str = "/v1") -> Place:
    """The parts of an address; one that is a host alone has its API where it ``usual``ly is."""
    bare = address.rstrip("/")
    if bare.endswith("/v1"):
        return Place(bare.removesuffix("/v1"), "/v1")
    return Place(bare, usual if "/" not in bare.partition("://")[2] else "")


def open_at(address: str, name: str, options: Options, given: Mapping[str, Any], known: str) -> Backend:
    """The model at an address; ``known`` is the preset of its host or of option ``server``, if there is one."""
    if options.base_url:
        raise UsageError("option base_url is for providers by name; an address stands for itself")
    place = place_of(address)
    preset_known = preset(known) if known else None
    api, headers = _connect(place, preset_known or preset(GENERIC), options)
    with closing_on_error(api, address):
        served = Served(known) if preset_known else api.run_now(kind_of(api, place.root, headers))
        if served.kind == GENERIC and not place.prefix:
            _check_path(api, place, headers)
        found = preset(served.kind)
        if options.api == "ids" and not found.speaks_ids:
            raise UsageError(f"{found.title} at {place.base} takes no token ids; say api=completions or api=chat")
        if options.api in ("auto", "ids") and found.speaks_ids:
            if name and found.speaks_ids == "llamacpp":  # which answers whatever name it is asked by
                choose(served.kind, api.run_now(cards_of(api, place.base, headers))[0], name, place.base)
            engine = open_by_ids(found.speaks_ids, place.root, name, given)
            api.close()
            return engine
        return _open(api, place, found, served, name, options, headers)


def _check_path(api: Api, place: Place, headers: Mapping[str, str]) -> None:
    """`UsageError` where the path of an address lists no models, and the usual one on the same host does."""
    scheme, _, rest = place.root.partition("://")
    usual = f"{scheme}://{rest.partition('/')[0]}/v1"
    if not api.run_now(lists_models(api, place.base, headers)) and api.run_now(lists_models(api, usual, headers)):
        raise UsageError(f"nothing lists models at {place.base}, and {usual} does; give that address, with #NAME")


def open_preset_at(name: str, what: str, options: Options) -> HttpModel:
    """The model ``what`` of a preset."""
    found = preset(name)
    if not found.is_local and not what:
        raise UsageError(f"{name} needs a model: {name}:MODEL")
    if options.api == "ids":
        raise UsageError(f"{found.title} takes no token ids by this name; say api=completions or api=chat")
    address = options.base_url or found.base_url
    if not address:
        raise UsageError(f"{name} has no address of its own; use http://HOST:PORT/v1#MODEL with option server={name}")
    if "{region}" in address:
        address = address.replace("{region}", region_of(options))
    place = place_of(address, "/v1" if found.base_url.endswith("/v1") else "")
    api, headers = _connect(place, found, options)
    with closing_on_error(api, place.base):
        return _open(api, place, found, Served(name), what, options, headers)


def _connect(place: Place, found: Preset, options: Options) -> tuple[Api, dict[str, str]]:
    """A connection with the key, if there is one, and the headers of plain looks."""
    variables = (options.key_variable,) if options.key_variable else (found.keys or (KEY_VARIABLE,))
    remedy = f"make one at {found.key_page}" if found.key_page else ""
    required = (found.needs_key or bool(options.key_variable)) and not options.replay
    key = find_key(*variables, required=required, remedy=remedy)
    headers = {**({"authorization": f"Bearer {key.value}"} if key else {}), **options.headers}
    here = replace(options, base_url="")  # the place has it already
    return open_api(place.root, key, here, headers=headers), headers


def _open(
    api: Api, place: Place, found: Preset, served: Served, name: str, options: Options, headers: dict[str, str]
) -> HttpModel:
    cards, unlisted = api.run_now(cards_of(api, place.base, headers))
    card = choose(served.kind, cards, name, place.base)
    served = Served(served.kind, served.version, card["id"], card, served.about)
    dialect = _fitted(api, found.dialect, served, options)
    text = (
        Text(thinking=format_of(options)) if options.api == "chat" else find_text(api, place, served, dialect, options)
    )
    if _opens_unseen(api, served, dialect, text):
        dialect = msgspec.structs.replace(dialect, opens_unseen=True)
    asker = Asker(api, place.prefix + dialect.path, dialect, options.body, stream=options.stream)
    if options.api == "completions" and text.way is None:
        raise UsageError(f"{place.base} is not gone on with by text: {text.why}")
    if dialect.effort and api.run_now(effort_works(api, served.kind, served.model)) is False:
        text = replace(text, notes=(*text.notes, NO_EFFORT))
    if unlisted:
        text = replace(text, notes=(*text.notes, unlisted))
    encode = text.encode or tokenizer_of(options)
    controls = _controls(dialect)
    if options.api == "completions":
        controls = PROMPT if not isinstance(text.way, Prefilled) else frozenset()
    if text.way is not None:
        controls |= {Control.TRUNCATE, Control.EXTEND}
    return HttpModel(
        api,
        asker,
        _info(found, served, dialect, options, text, counts=encode is not None),
        dialect,
        controls=controls,
        concurrency=options.concurrency,
        asked_as=served.model,
        text=text.way,
        is_text_only=options.api == "completions",
        encode=encode,
        behind=text.behind,
    )


def _opens_unseen(api: Api, served: Served, dialect: Dialect, text: Text) -> bool:
    """Whether the chat template opens the thinking, by the checkpoint or by what the server renders."""
    if not dialect.open:
        return False
    if text.thinking is not None:
        return text.thinking.template_opens and text.thinking.open.strip() == dialect.open.strip()
    return api.run_now(template_opens(api, served.kind, served.model, dialect.open))


def _controls(dialect: Dialect) -> frozenset[Control]:
    found = set(PROMPT)
    if dialect.native is not None and dialect.budget:
        found.add(Control.NATIVE)
    if dialect.effort:
        found.add(Control.EFFORT)
    return frozenset(found)


def _fitted(api: Api, dialect: Dialect, served: Served, options: Options) -> Dialect:
    """The dialect as this server, this model and this user have it."""
    changes: dict[str, Any] = {}
    if served.kind == "openrouter" and served.card.get("supported_parameters"):
        changes |= _by_card(dialect, served.card)
    if dialect.off and api.run_now(switch_works(api, served.kind, served.model, dialect.off)) is False:
        has_zero = served.kind == "vllm"  # llama.cpp takes no notice of a budget of 0 (presets.toml)
        native = dialect.native and msgspec.structs.replace(dialect.native, has_zero=has_zero)
        changes |= {"off": None, "native": native}
    changes["max_output_tokens"] = options.max_output_tokens or _most(dialect, served, options)
    if options.budget_field:
        changes |= {"budget": options.budget_field, "native": dialect.native or NativeBudgets(has_zero=False)}
    if options.effort_field:
        changes |= {"effort": options.effort_field}
        changes |= {} if dialect.effort else {"efforts": {}}
    if options.thinking_field:
        changes |= {"thinking": (options.thinking_field,)}
    if options.think_open and not options.checkpoint:
        changes |= {"open": options.think_open, "close": options.think_close}
    return msgspec.structs.replace(dialect, **changes)


def _most(dialect: Dialect, served: Served, options: Options) -> int | None:
    """The most tokens of a reply: as the server says, else, where a server keeps no such bound, the context."""
    most = served.max_output_tokens or dialect.max_output_tokens
    return most or ((options.context_tokens or None) if served.kind == "mlx" else None)


def _by_card(dialect: Dialect, card: Mapping[str, Any]) -> dict[str, Any]:
    """What OpenRouter says of a model: whether it thinks, by which words, and which sampling it takes."""
    taken = card["supported_parameters"]
    if not isinstance(taken, list):
        return {}
    sampling = tuple(name for name in dialect.sampling if name in taken)
    changes: dict[str, Any] = {"sampling": sampling}
    changes |= {} if "seed" in taken else {"seed": ""}
    changes |= {} if "stop" in taken else {"stop": ""}
    if "reasoning" not in taken:
        return {**changes, "budget": "", "native": None, "effort": "", "efforts": {}, "on": {}, "off": None}
    about = card.get("reasoning")
    if not isinstance(about, dict):
        return changes
    if about.get("mandatory") is True:
        native = dialect.native and msgspec.structs.replace(dialect.native, has_zero=False)
        changes |= {"off": None, "native": native, "efforts": {k: v for k, v in dialect.efforts.items() if k != "none"}}
    if about.get("supports_max_tokens") is False:
        changes |= {"budget": "", "native": None}
    levels = about.get("supported_efforts")
    if isinstance(levels, list):
        changes["efforts"] = {k: v for k, v in dialect.efforts.items() if v in levels}
    return changes


def _info(found: Preset, served: Served, dialect: Dialect, options: Options, text: Text, *, counts: bool) -> ModelInfo:
    notes = [*found.notes, *text.notes]
    if served.kind in LEAVES and not counts:
        notes.append(UNCOUNTED)
    if not dialect.default_is_most and dialect.max_output_tokens is None:
        notes.append("how many tokens it gives at most is not known: set max_output_tokens")
    version = f" {served.version}" if served.version else ""
    chats = options.api != "completions"
    own: dict[str, Any] = {
        "name": PurePosixPath(served.model).stem if served.kind == "llamacpp" else served.model,
        "context_tokens": options.context_tokens or served.context_tokens,
        "thinking": text.thinking if text.way is not None else None,
        "engine": f"{found.title}{version} (server)",
        "is_local": found.is_local,
        "notes": tuple(dict.fromkeys(notes)),
        "provider": dialect.provider,
        "native": dialect.native if chats and dialect.budget else None,
        "efforts": _levels(dialect) if chats and dialect.effort else (),
        "max_output_tokens": options.max_output_tokens or served.max_output_tokens,
        "fingerprint": _fingerprint(served),
    }
    if text.info is None:
        return ModelInfo(**own)
    kept = ("fingerprint", "context_tokens", "revision", "active_parameters", "layers", "width", "sampling")
    known = {name: value for name in kept if (value := getattr(text.info, name)) is not None}
    if options.context_tokens:
        known.pop("context_tokens", None)
    return ModelInfo(**(own | known))


def _levels(dialect: Dialect) -> tuple[str, ...]:
    """The levels that it takes; ``none`` is among them where thinking can be turned off."""
    off = () if dialect.off is None or "none" in dialect.efforts or not dialect.efforts else ("none",)
    return (*off, *dialect.efforts)


def _fingerprint(served: Served) -> str | None:
    said = at(served.card, "root|digest|canonical_slug|hugging_face_id")
    return f"said:{said}" if isinstance(said, str) and said else None


__all__ = ["ENGINE", "Place", "open_at", "open_preset_at", "place_of"]
