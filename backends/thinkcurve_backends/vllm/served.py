"""Opening a running ``vllm serve``: which model, how it thinks, and what this server can do, all asked before a run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from thinkcurve.backend import ModelInfo, Sampling
from thinkcurve.budget import ThinkingFormat
from thinkcurve.errors import BackendError, UsageError, did_you_mean
from thinkcurve.formats import PROBE, Wish, find_format
from thinkcurve_backends.checkpoint import Checkpoint, open_checkpoint
from thinkcurve_backends.remote import Remote, check_address, key_from_environment
from thinkcurve_backends.vllm.budget import Forcing, forcing_of, probe
from thinkcurve_backends.vllm.call import Call
from thinkcurve_backends.vllm.server import Server, ServerTokenizer

if TYPE_CHECKING:
    from thinkcurve_backends.vllm.backend import Options

HOW_TO_BUDGET = """start it with --reasoning-config '{{"reasoning_start_str": "{}", "reasoning_end_str": "{}"}}'"""
NO_COUNTS = "this server does not say what it took from its cache; start it with --enable-prompt-tokens-details"
NO_TEMPLATE = (
    "this server does not show its chat template, so a switch that turns thinking on cannot be seen: start it with "
    "--enable-tokenizer-info-endpoint, or give option checkpoint"
)


class Card(msgspec.Struct):
    """One model of ``/v1/models``; ``parent`` is the model that an adapter belongs to."""

    id: str
    parent: str | None = None
    max_model_len: int | None = None


class Cards(msgspec.Struct):
    """What ``/v1/models`` answers."""

    data: list[Card]


class ServedTokens:
    """The vocabulary of a served model as far as it can be told: a text is in it if it is one token."""

    def __init__(self, tokenizer: ServerTokenizer) -> None:
        self._tokenizer = tokenizer

    def __contains__(self, text: object) -> bool:
        """Whether ``text`` is one token, and that token is this text."""
        if not isinstance(text, str) or not text:
            return False
        ids = self._tokenizer.encode(text)
        return len(ids) == 1 and self._tokenizer.decode(ids) == text


def open_server(what: str, options: Options) -> tuple[Server, ModelInfo, ServerTokenizer, Forcing | None]:
    """The model at ``http://HOST:PORT[/v1][#NAME]``. Raises `UsageError` where nothing usable answers there."""
    address, _, name = what.partition("#")
    base = check_address(address).removesuffix("/v1")
    described = open_checkpoint("vllm", options.checkpoint) if options.checkpoint else None
    remote = Remote(base, key=key_from_environment(), timeout_s=options.timeout_s)
    try:
        return _open(remote, name, options, described)
    except (BackendError, msgspec.ValidationError) as error:
        remote.close()
        hint = "; start one: vllm serve MODEL --port PORT" if "cannot reach" in str(error) else ""
        raise UsageError(f"no vLLM server can be used at {base}: {error}{hint}") from error
    except BaseException:
        remote.close()
        raise


def _open(
    remote: Remote, name: str, options: Options, described: Checkpoint | None
) -> tuple[Server, ModelInfo, ServerTokenizer, Forcing | None]:
    version = _optional(remote, "/version").get("version")
    if version is None:
        raise BackendError("what answers there is no vLLM (it has no /version)")
    cards = msgspec.convert(remote.get_now("/v1/models"), Cards).data
    card = _choose(cards, name, remote.base_url)
    context = next((c.max_model_len for c in cards if c.id in (card.id, card.parent) and c.max_model_len), None)
    if context is None:
        raise BackendError("it does not say how long a context it serves (max_model_len)")
    tokenizer = ServerTokenizer(remote, card.id)
    server = Server(remote, card.id)
    template = _template(remote, described)
    has_template = _renders(tokenizer)
    thinking = find_format(
        tokens=ServedTokens(tokenizer),
        template=template,
        render=(lambda **more: tokenizer.render_text(PROBE, **more)) if has_template else None,
        name=described.name if described else card.id,
        wish=Wish(options.thinking, options.think_open, options.think_close, options.cue),
    )
    tokenizer.template_options = dict(thinking.template_options) if thinking else {}
    prompt = tokenizer.render(PROBE, chat=has_template)
    first = remote.wait_for(server.ask(Call(prompt, 1, Sampling())))
    notes = [] if first.cached is not None else [NO_COUNTS]
    notes += [NO_TEMPLATE] if has_template and not template else []
    forcing, why = _forcing(remote, server, tokenizer, thinking, prompt)
    notes += [f"control server is not offered: {why}"] if why else []
    known: dict[str, Any] = {
        "context_tokens": context,
        "thinking": thinking,
        "engine": f"vllm {version} (server)",
        "notes": tuple(notes),
    }
    if described is None:
        return server, ModelInfo(name=card.id, is_local=True, **known), tokenizer, forcing
    parameters = described.active_parameters
    return server, described.info(active_parameters=parameters, **known), tokenizer, forcing


def _choose(cards: Sequence[Card], name: str, base: str) -> Card:
    names = [card.id for card in cards]
    served = ", ".join(names) or "none"
    if name:
        found = next((card for card in cards if card.id == name), None)
        if found is None:
            raise UsageError(f"{base} serves no model {name!r}.{did_you_mean(name, names)} It serves: {served}")
        return found
    bases = [card for card in cards if card.parent is None]
    if len(bases) != 1:
        raise UsageError(f"{base} serves more than one model, or none; say which: vllm:{base}#NAME, of: {served}")
    return bases[0]


def _optional(remote: Remote, path: str) -> dict[str, Any]:
    """What ``path`` answers, nothing where the server has no such thing."""
    try:
        found = remote.get_now(path)
    except BackendError as error:
        if error.is_retryable:
            raise
        return {}
    return found if isinstance(found, dict) else {}


def _template(remote: Remote, described: Checkpoint | None) -> str:
    """The chat template as text, where server or checkpoint show it."""
    if described is not None:
        path = described.folder / "chat_template.jinja"
        if path.is_file():
            return path.read_text(encoding="utf-8")
        settings = described.folder / "tokenizer_config.json"
        found = msgspec.json.decode(settings.read_bytes()).get("chat_template") if settings.is_file() else None
        if isinstance(found, str):
            return found
    return str(_optional(remote, "/tokenizer_info").get("chat_template") or "")


def _renders(tokenizer: ServerTokenizer) -> bool:
    """Whether the model has a chat template; where not, its tokenizer refuses to render from now on."""
    try:
        tokenizer.render(PROBE)
    except BackendError as error:
        if error.is_retryable or error.is_fatal:
            raise
        tokenizer.no_template = str(error.__cause__ or error)
        return False
    return True


def _forcing(
    remote: Remote,
    server: Server,
    tokenizer: ServerTokenizer,
    thinking: ThinkingFormat | None,
    prompt: tuple[int, ...],
) -> tuple[Forcing | None, str]:
    """How the server's own budgets are used, or why they are not."""
    if thinking is None:
        return None, ""
    found = forcing_of(thinking, tokenizer)
    if isinstance(found, str):
        return None, found
    opened = prompt if thinking.template_opens else prompt + found.open_ids
    why = remote.wait_for(probe(server, found, opened))
    return (None, f"{why}; {HOW_TO_BUDGET.format(thinking.open, thinking.close)}") if why else (found, "")
