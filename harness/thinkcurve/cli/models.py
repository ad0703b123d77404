"""``thinkcurve models``: the engines that are installed, and what a model spec looks like."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from thinkcurve.cli.flags import model_option

if TYPE_CHECKING:
    from thinkcurve.backend import NativeBudgets
    from thinkcurve.tariff import Tariff, Tier

WIDTH = 79
NO_MARKERS = "no markers found; --model-option thinking=ask asks it to think in <think> and </think>"
FORMAT_WIDTH = 12
"""Columns of the name of a thinking format."""
SPECS = {
    "embedded": ("embedded", "a tiny transformer that ships with thinkcurve; no key, no GPU"),
    "llamacpp": ("llamacpp:FILE.gguf", "any GGUF file, in process; or a llama-server: llamacpp:http://HOST:PORT"),
    "transformers": ("transformers:MODEL", "a folder or a hub's OWNER/NAME, on CUDA, ROCm, MPS or CPU"),
    "vllm": ("vllm:MODEL", "the same through vLLM in process; or a vllm serve: vllm:http://HOST:PORT"),
    "mlx": ("mlx:MODEL", "the same through MLX: Apple silicon, or a Linux CPU"),
    "openai": ("openai:NAME", "OpenAI, by Responses or Chat; key in OPENAI_API_KEY"),
    "anthropic": ("anthropic:NAME", "Anthropic; key in ANTHROPIC_API_KEY"),
    "gemini": ("gemini:NAME", "Google; key in GEMINI_API_KEY"),
    "http": ("http://HOST/v1#NAME", "any server that speaks as OpenAI's does, https:// too"),
    **{
        name: (f"{name}:NAME", f"{title}; key in {key}")
        for name, title, key in (
            ("bedrock", "Amazon Bedrock", "AWS_BEARER_TOKEN_BEDROCK"),
            ("deepseek", "DeepSeek", "DEEPSEEK_API_KEY"),
            ("fireworks", "Fireworks", "FIREWORKS_API_KEY"),
            ("groq", "Groq", "GROQ_API_KEY"),
            ("mistral", "Mistral", "MISTRAL_API_KEY"),
            ("moonshot", "Moonshot", "MOONSHOT_API_KEY"),
            ("nova", "Amazon Nova", "NOVA_API_KEY"),
            ("openrouter", "OpenRouter", "OPENROUTER_API_KEY"),
            ("qwen", "Alibaba Cloud", "DASHSCOPE_API_KEY"),
            ("together", "Together", "TOGETHER_API_KEY"),
            ("xai", "xAI", "XAI_API_KEY"),
        )
    },
    **{
        name: (f"{name}:NAME", f"a server of {title} on this machine")
        for name, title in (
            ("its_hub", "its_hub"),
            ("lmstudio", "LM Studio"),
            ("ollama", "Ollama"),
            ("optillm", "optillm"),
            ("sglang", "SGLang"),
        )
    },
    "synthetic": ("synthetic:", "no model at all: made-up tokens, to try how much the harness bears"),
    "replay": ("replay:RUN", "the answers of a finished run, no model needed"),
}


@click.command(name="models", epilog="Example: thinkcurve models llamacpp:model.gguf")
@click.argument("spec", required=False, metavar="[MODEL]")
@click.option("--model-option", "options", multiple=True, metavar="KEY=VALUE", help="An option of MODEL. Repeatable.")
@click.option("--formats", is_flag=True, help="List the thinking formats that are known.")
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def command(spec: str | None, options: tuple[str, ...], formats: bool, as_json: bool) -> None:
    """List the engines, or open MODEL and show what is known of it.

    A model's thinking format is found in its chat template and vocabulary; where that goes wrong,
    --model-option thinking=NAME takes one of --formats, for `run` too.
    """
    if formats:
        _print_formats(as_json)
    elif spec is None:
        _print_engines(as_json)
    else:
        _print_model(spec, dict(model_option(text) for text in options), as_json)


def _print_engines(as_json: bool) -> None:
    from thinkcurve.plugins import BACKENDS, names

    rows = [SPECS.get(name, (f"{name}:WHAT", "")) for name in names(BACKENDS)]
    if as_json:
        import msgspec

        click.echo(msgspec.json.encode([{"model": model, "description": text} for model, text in rows]))
        return
    _print_rows(rows)


def _print_formats(as_json: bool) -> None:
    from thinkcurve.formats import describe

    formats = describe()
    if as_json:
        import msgspec

        click.echo(msgspec.json.encode(formats))
        return
    for known in formats:
        words = known["cut"].removesuffix("\n").replace("\n", "\\n")
        shown = f"{known['open']} … {known['close']}".replace("\n", "\\n")
        lines = [*_wrapped(known["models"]), *_wrapped(shown)]
        if words != known["close"]:
            lines += _wrapped(f"cut: {words}")
        for number, line in enumerate(lines):
            click.echo(f"{'' if number else known['name']:<{FORMAT_WIDTH}} {line}".rstrip())


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(text, WIDTH - FORMAT_WIDTH - 1, subsequent_indent="  ", break_on_hyphens=False)


def _print_rows(rows: Sequence[tuple[str, str]]) -> None:
    """Names and what they are, wrapped to the screen."""
    width = max(len(name) for name, _ in rows)
    for name, text in rows:
        lines = textwrap.wrap(text, WIDTH - width - 2) or [""]
        for first, line in zip((name, *[""] * len(lines)), lines, strict=False):
            click.echo(f"{first:<{width}}  {line}".rstrip())


def _print_model(spec: str, options: dict[str, Any], as_json: bool) -> None:
    import asyncio

    import msgspec

    from thinkcurve.budget import Control
    from thinkcurve.plugins import open_backend
    from thinkcurve.prices import tariff_of
    from thinkcurve.study import Study

    backend = open_backend(spec, options)
    model = backend.model
    facts = {**msgspec.to_builtins(model), "controls": sorted(c.value for c in backend.controls)}
    asyncio.run(backend.aclose())
    tariff = tariff_of(spec, model, Study())
    if as_json:
        click.echo(msgspec.json.encode({**facts, "price": tariff if tariff.is_known else None}))
        return
    if model.provider is None:
        for key in ("provider", "native", "efforts", "max_output_tokens"):
            if not facts[key]:
                del facts[key]
    else:
        facts |= {"price": _price(tariff)}
    if model.thinking is None and Control.TRUNCATE in backend.controls:
        facts["thinking"] = NO_MARKERS
    if "efforts" in facts:
        facts["efforts"] = ", ".join(model.efforts) or None
    if model.native is not None:
        facts["native"] = _range(model.native)
    for key, value in facts.items():
        for number, line in enumerate(_lines(value)):
            click.echo(f"{'' if number else key:<18} {line}".rstrip())


def _range(native: NativeBudgets) -> list[str]:
    """Which budgets a provider takes, in words."""
    parts = [
        f"{native.least:,} tokens or more" if native.most is None else f"{native.least:,} to {native.most:,} tokens"
    ]
    parts += ["0 (no thinking)"] if native.has_zero else []
    parts += ["none (natural end)"] if native.has_natural else []
    return [", or ".join(parts)]


def _price(tariff: Tariff) -> list[str] | None:
    """A tariff in words, a line each part; ``None`` where it is unknown."""
    if not tariff.is_known:
        return None
    lines = [f"{_dollars(tariff)} a million tokens"]
    lines += [f"prompts above {tier.above:,} tokens: {_dollars(tier)}" for tier in tariff.tiers]
    lines += [f"${tariff.request:.6g} a request"] if tariff.request else []
    return [*lines, f"by {tariff.source}" + (f", on {tariff.date}" if tariff.date else "")]


def _dollars(prices: Tariff | Tier) -> str:
    from thinkcurve.tariff import TIERED

    known = [(key, getattr(prices, key)) for key in TIERED]
    return ", ".join(f"${usd:.6g} {key.replace('_', ' ')}" for key, usd in known if usd is not None)


def _lines(value: object) -> list[str]:
    """A fact in words, a line each part."""
    if isinstance(value, dict):
        shown = {key: item for key, item in value.items() if item not in ("", {}, None)}
        parts = [f"{key} = {_words(item) if isinstance(item, bool) else repr(item)}" for key, item in shown.items()]
    else:
        parts = [str(item) for item in value] if isinstance(value, (list, tuple)) and value else [_words(value)]
    width = WIDTH - 19
    return [line for part in parts for line in textwrap.wrap(part, width, subsequent_indent="  ")]


def _words(value: object) -> str:
    if value is None:
        return "unknown"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (list, tuple)):
        return ", ".join(map(str, value)) or "none"
    return f"{value:,}" if isinstance(value, int) else str(value)
