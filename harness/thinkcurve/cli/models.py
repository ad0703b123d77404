"""``thinkcurve models``: the engines that are installed, and what a model spec looks like."""

from __future__ import annotations

import click

SPECS = {
    "embedded": ("embedded", "a tiny transformer that ships with thinkcurve; no key, no GPU"),
    "llamacpp": ("llamacpp:FILE.gguf", "any GGUF file, in process"),
    "replay": ("replay:RUN", "the answers of a finished run, no model needed"),
}


@click.command(name="models", epilog="Example: thinkcurve models llamacpp:model.gguf")
@click.argument("spec", required=False, metavar="[MODEL]")
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def command(spec: str | None, as_json: bool) -> None:
    """List the engines, or open MODEL and show what is known of it."""
    if spec is None:
        _print_engines(as_json)
    else:
        _print_model(spec, as_json)


def _print_engines(as_json: bool) -> None:
    from thinkcurve.plugins import BACKENDS, names

    rows = [SPECS.get(name, (f"{name}:WHAT", "")) for name in names(BACKENDS)]
    if as_json:
        import msgspec

        click.echo(msgspec.json.encode([{"model": model, "description": text} for model, text in rows]))
        return
    width = max(len(model) for model, _ in rows)
    for model, text in rows:
        click.echo(f"{model:<{width}}  {text}".rstrip())


def _print_model(spec: str, as_json: bool) -> None:
    import asyncio

    import msgspec

    from thinkcurve.plugins import open_backend

    backend = open_backend(spec)
    facts = {**msgspec.to_builtins(backend.model), "controls": sorted(c.value for c in backend.controls)}
    asyncio.run(backend.aclose())
    if as_json:
        click.echo(msgspec.json.encode(facts))
        return
    for key, value in facts.items():
        click.echo(f"{key:<18} {_words(value)}")


def _words(value: object) -> str:
    if value is None:
        return "unknown"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict):
        return ", ".join(f"{key}={item!r}" for key, item in value.items())
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    return f"{value:,}" if isinstance(value, int) else str(value)
