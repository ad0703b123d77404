"""Any GGUF file through llama.cpp: in this process (``llamacpp:FILE.gguf``), or behind a llama-server that is running
somewhere (``llamacpp:http://HOST:PORT``). Token ids in, token ids out, many requests at once.

In process the engine is the native server of xllamacpp (https://github.com/xorbitsai/xllamacpp), which batches
continuously over ``slots`` and keeps each slot's KV cache, so that answers reuse the prefix of their trace. It is
asked over its loopback address with a key of its own: a request can be hung up on there.

Repeatability: float32 KV cache, one KV stream a slot, flash attention off, no repacked weights. That leaves
one known source of differences between batches, the rounding of matrix products of one and of many columns.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from thinkcurve.backend import ModelInfo
from thinkcurve.errors import UsageError
from thinkcurve_backends.host_memory import free_host_bytes
from thinkcurve_backends.llamacpp import engine
from thinkcurve_backends.llamacpp.budget import find_budget
from thinkcurve_backends.llamacpp.client import LlamaCpp
from thinkcurve_backends.llamacpp.file import GgufFile, open_adapter, open_gguf
from thinkcurve_backends.llamacpp.memory import check_fits
from thinkcurve_backends.llamacpp.options import Options, read_options, read_remote_options
from thinkcurve_backends.llamacpp.tokenizer import GgufTokenizer, thinking_of

LARGEST_DEFAULT_CONTEXT = 8192
"""Every slot holds a KV cache of its own; a longer one is for the user to ask for."""
NO_BUDGET = "this build of llama.cpp does not end its thinking as thinkcurve does, so it has no control server"


def open_backend(what: str, **options: str | int | float | bool) -> LlamaCpp:
    """The GGUF file at path ``what`` loaded, or the server at address ``what``.

    Raises `UsageError` before loading where file, address or options are wrong. Options: `options`.
    """
    if not what:
        raise UsageError("llamacpp needs a GGUF file or a server: llamacpp:PATH or llamacpp:http://HOST:PORT")
    if what.startswith(("http://", "https://")):
        from thinkcurve_backends.llamacpp.remote import open_remote

        return open_remote(what, read_remote_options(options))
    return open_file(Path(what).expanduser(), read_options(options), name=Path(what).stem)


def open_file(path: Path, options: Options, *, name: str) -> LlamaCpp:
    """The model in a GGUF file, loaded, under a name for people."""
    engine.check(options)
    file = open_gguf(path)
    header = file.header
    context = _context(file, options)
    adapter = open_adapter(Path(options.lora), file) if options.lora else ""
    cards = engine.devices()
    if not options.any_size and not cards:
        check_fits(file, options.slots, context, engine.cache_type(options), free_host_bytes())
    end_of_turn = _end_of_turn(file)
    server, wire = engine.start(file, options, context, end_of_turn)
    tokenizer = GgufTokenizer(wire, file.template)
    names = (header.metadata.get("general.name"), header.metadata.get("general.architecture"), path.stem)
    thinking = thinking_of(tokenizer, set(header.tokens), " ".join(str(n) for n in names if n), options)
    budget = find_budget(wire, tokenizer, thinking, end_of_turn) if thinking else None
    notes = file.notes
    if adapter:
        notes += (f"with the LoRA adapter {Path(options.lora).name} at scale {options.lora_scale:g}",)
    model = ModelInfo(
        name=name,
        revision=header.metadata.get("general.version"),
        fingerprint=_fingerprint(file, adapter, options.lora_scale),
        active_parameters=header.active_parameters,
        layers=header.of_architecture("block_count"),
        width=header.of_architecture("embedding_length"),
        context_tokens=context,
        thinking=thinking,
        engine=f"xllamacpp {engine.version()} · {file.kind} · {', '.join(cards) or 'CPU'}",
        is_local=True,
        sampling=file.sampling,
        notes=notes if budget or not thinking else (*notes, NO_BUDGET),
    )
    return LlamaCpp(wire, tokenizer, model, slots=options.slots, budget=budget, writes_markers=True, engine=server)


def _context(file: GgufFile, options: Options) -> int:
    """Tokens that one request may use: as asked for, never more than the model was made for."""
    trained = file.header.of_architecture("context_length")
    if not isinstance(trained, int):
        raise UsageError(f"model file {str(file.path)!r} does not say its context length; it is no language model")
    if options.context_tokens > trained:
        raise UsageError(
            f"option context_tokens is {options.context_tokens}; {file.path.name} was made for at most {trained}"
        )
    return options.context_tokens or min(trained, LARGEST_DEFAULT_CONTEXT)


def _end_of_turn(file: GgufFile) -> str:
    """The token that ends the model's turn, as text; empty where the file names none."""
    number = file.header.metadata.get("tokenizer.ggml.eos_token_id", -1)
    return file.header.tokens[number] if 0 <= number < len(file.header.tokens) else ""


def _fingerprint(file: GgufFile, adapter: str, scale: float) -> str:
    own = file.fingerprint()
    return hashlib.sha256(f"{own} {adapter} {scale}".encode()).hexdigest()[:16] if adapter else own


__all__ = ["LlamaCpp", "Options", "open_backend", "open_file", "read_options"]
