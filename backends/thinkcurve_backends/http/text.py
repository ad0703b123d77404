"""Which way text is gone on with at a server, if there is one that is exact."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from thinkcurve.backend import Backend, ModelInfo
from thinkcurve.budget import ThinkingFormat
from thinkcurve.errors import UsageError
from thinkcurve.formats import PROBE, find_format
from thinkcurve_backends.chat.dialect import Dialect
from thinkcurve_backends.checkpoint import Checkpoint, open_checkpoint
from thinkcurve_backends.endpoint.api import Api
from thinkcurve_backends.http.backend import open_by_ids
from thinkcurve_backends.http.continuation import Asker, Completions, Continues, Encode, OllamaRaw, Prefilled, Rendered
from thinkcurve_backends.http.detect import Served
from thinkcurve_backends.http.options import Options
from thinkcurve_backends.http.presets import preset
from thinkcurve_backends.http.probe import check_prefilled, check_rendered

if TYPE_CHECKING:
    from thinkcurve_backends.http.opening import Place

UNTOLD = "this server does not say which stop text ended a reply: an end in the thinking counts as the model's marker"


@dataclass(frozen=True, slots=True)
class Text:
    """A way to go on with text, or why there is none."""

    way: Continues | None = None
    thinking: ThinkingFormat | None = None
    info: ModelInfo | None = None
    encode: Encode | None = None
    notes: tuple[str, ...] = ()
    why: str = "it takes neither plain completions nor the beginning of a reply"
    behind: Backend | None = None
    """A backend of ours whose chat template is used."""


def find_text(api: Api, place: Place, served: Served, dialect: Dialect, options: Options) -> Text:
    """How text is gone on with. Raises `UsageError` where a checkpoint that is given cannot be read."""
    if preset(served.kind).no_text:
        return Text(why=preset(served.kind).no_text)
    if options.checkpoint and (dialect.completions is not None or dialect.has_raw):
        return _by_checkpoint(api, place, served, dialect, options)
    wants = options.api == "completions"
    engine = preset(served.kind).speaks_ids
    if wants and engine:
        return _by_server(api, place, served, dialect, options, engine)
    if dialect.prefill is not None and (options.thinking or options.think_open):
        return _by_prefix(api, place, served, dialect, options)
    if dialect.completions is not None or dialect.has_raw:
        return Text(why="its prompts are rendered here, by option checkpoint: the folder or hub name of its model")
    if dialect.prefill is not None:
        return Text(why="how its model thinks is not known; give option thinking, such as thinking=think")
    return Text()


def tokenizer_of(options: Options) -> Encode | None:
    """The tokenizer that counts thinking, where one is named."""
    what = options.tokenizer or options.checkpoint
    if not what:
        return None
    from thinkcurve_backends.hf_tokenizer import load_tokenizer

    return load_tokenizer(open_checkpoint("http", what, options.revision, weights=()).folder).encode


def format_of(options: Options) -> ThinkingFormat | None:
    """How the model of option checkpoint thinks; ``None`` where there is none, or nothing shows that it does."""
    if not options.checkpoint:
        return None
    described, tokenizer = _loaded(options)
    return _format(described, tokenizer, options) if tokenizer.template else None


def _loaded(options: Options) -> tuple[Checkpoint, Any]:
    try:
        from thinkcurve_backends.hf_tokenizer import load_tokenizer

        described = open_checkpoint("http", options.checkpoint, options.revision, weights=())
        return described, load_tokenizer(described.folder)
    except ModuleNotFoundError as error:
        raise UsageError(
            f'option checkpoint needs transformers: pip install "thinkcurve[transformers]" ({error})'
        ) from error


def _format(described: Checkpoint, tokenizer: Any, options: Options) -> ThinkingFormat | None:
    return find_format(
        tokens=tokenizer.inner.get_vocab(),
        template=tokenizer.template,
        render=lambda **more: tokenizer.render_text(PROBE, **more),
        name=described.name,
        wish=options.wish,
    )


def _by_checkpoint(api: Api, place: Place, served: Served, dialect: Dialect, options: Options) -> Text:
    described, tokenizer = _loaded(options)
    if not tokenizer.template:
        return Text(encode=tokenizer.encode, why=f"{described.name} has no chat template")
    form = _format(described, tokenizer, options)
    tokenizer.template_options = dict(form.template_options) if form else {}
    rendered = Rendered(tokenizer.render_text, form, tokenizer.encode)
    bos = tokenizer.inner.bos_token or ""
    return _checked(api, place, served, dialect, options, rendered, bos, _info(described))


def _by_server(api: Api, place: Place, served: Served, dialect: Dialect, options: Options, engine: str) -> Text:
    """Prompts rendered by the server's own template, where it shows what it renders."""
    shared = {name: getattr(options, name) for name in ("thinking", "think_open", "think_close", "cue")}
    behind: Any = open_by_ids(engine, place.root, served.model if engine == "vllm" else "", shared)
    rendered = Rendered(behind.tokenizer.render_text, behind.model.thinking, behind.tokenizer.encode)
    return _checked(api, place, served, dialect, options, rendered, "", behind.model, behind)


def _checked(
    api: Api,
    place: Place,
    served: Served,
    dialect: Dialect,
    options: Options,
    rendered: Rendered,
    bos: str,
    info: ModelInfo,
    behind: Backend | None = None,
) -> Text:
    way: Completions | OllamaRaw
    if dialect.has_raw:
        way = OllamaRaw(api, served.model, dialect, rendered, options.body)
    else:
        asker = Asker(api, place.prefix + "/completions", dialect, options.body, stream=options.stream)
        way = Completions(asker, served.model, dialect, rendered)
    why = api.run_now(check_rendered(way, bos))
    if why:
        note = f"text is not gone on with (controls truncate and extend): {why}"
        return Text(None, rendered.form, info, rendered.encode, (note,), why, behind)
    notes = () if dialect.names_stop else (UNTOLD,)
    return Text(way, rendered.form, info, rendered.encode, notes, behind=behind)


def _by_prefix(api: Api, place: Place, served: Served, dialect: Dialect, options: Options) -> Text:
    form = find_format(tokens=(), template="", render=None, wish=options.wish)
    if form is None:
        return Text(why="its model does not think, as option thinking says")
    path = dialect.prefill_path or place.prefix + dialect.path
    # always streamed: llama.cpp puts the prefix before a reply that it sends as a whole
    way = Prefilled(Asker(api, path, dialect, options.body, stream=True), served.model, dialect)
    why = api.run_now(check_prefilled(way, form))
    if why:
        return Text(notes=(f"text is not gone on with (controls truncate and extend): {why}",), why=why)
    return Text(way, form, notes=() if dialect.names_stop else (UNTOLD,))


def _info(described: Checkpoint) -> ModelInfo:
    """What a checkpoint says, whether or not its weights are there."""
    if described.weight_files():
        return described.info(active_parameters=described.active_parameters)
    config = described.text_config
    return ModelInfo(
        name=described.name,
        revision=described.revision,
        layers=config.get("num_hidden_layers"),
        width=config.get("hidden_size"),
        context_tokens=described.context_tokens,
        sampling=described.sampling,
    )
