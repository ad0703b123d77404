"""What a user may want to do, whether it works on this machine, and the one command that mends what does not.

What the core install is for is tried: the embedded model is asked, a figure is drawn. Of an extra it is only looked
whether its packages are there, and of a key whether its variable is set: engines take long to import, and a provider
is paid. ``doctor --backend MODEL`` tries those.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, requires, version
from typing import TYPE_CHECKING

import msgspec

from thinkcurve.errors import ThinkcurveError

if TYPE_CHECKING:
    from packaging.requirements import Requirement
    from rich.console import Console

    from thinkcurve.verify.probes import Finding
    from thinkcurve.verify.worker import Equality
OWN = "thinkcurve"
NAME_WIDTH = 18
"""Columns of the name of a way."""
KEYS = {
    "openai:NAME": ("OPENAI_API_KEY",),
    "anthropic:NAME": ("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN"),
    "gemini:NAME": ("GEMINI_API_KEY", "GOOGLE_API_KEY"),
}
"""Models behind a maker's own SDK, and the variables that may hold the key."""


class Way(msgspec.Struct, frozen=True):
    """One thing that a user may want to do; ``mend`` is the command that makes it work where it does not.

    ``is_core`` is what every install should be able to do.
    """

    name: str
    works: bool
    found: str
    mend: str = ""
    is_core: bool = False


async def all_ways(best: Finding | None, maths: Equality, *, is_enough: bool) -> list[Way]:
    """Every way, in the order of the README; ``best`` is the sandbox in use, ``is_enough`` if it meets the level."""
    return [
        await _first_curve(),
        _own_gguf(),
        _own_server(),
        *(_maker(name, keys) for name, keys in KEYS.items()),
        _extra("transformers:MODEL", "transformers"),
        _extra("vllm:MODEL", "vllm"),
        _extra("mlx:MODEL", "mlx"),
        _own_task(maths),
        _code(best, is_enough=is_enough),
        _published(),
        _extra("gym:NAME", "gym"),
        _extra("lm-eval:NAME", "lm-eval"),
        Way("gate, leaderboard", True, "compare, report and leaderboard need nothing more", is_core=True),
        _figure(),
        _extra("many machines", "cluster"),
    ]


def print_ways(console: Console, ways: Sequence[Way]) -> None:
    """A line a way, and below what does not work the command that mends it."""
    from rich.markup import escape
    from rich.table import Table

    table = Table(title="What works here", title_justify="left", box=None, pad_edge=False, show_header=False)
    table.add_column(no_wrap=True)
    table.add_column(width=NAME_WIDTH, no_wrap=True)
    table.add_column()
    for way in ways:
        mark = "[green]✓[/]" if way.works else "[red]✗[/]" if way.is_core else "[yellow]–[/]"
        mend = f"\n[bold]{escape(way.mend)}[/]" if way.mend else ""
        table.add_row(mark, escape(way.name), escape(way.found) + mend)
    console.print(table)


async def _first_curve() -> Way:
    """The embedded model is opened and says a few tokens."""
    from thinkcurve.backend import Continuation, Request
    from thinkcurve.plugins import open_backend
    from thinkcurve.problem import Message

    name, mend = "first curve", _install("xllamacpp")
    try:
        backend = open_backend("embedded")
        try:
            assert backend.tokenizer is not None  # it continues token ids
            prompt = backend.tokenizer.render([Message("user", "1+1?")])
            made = await backend.generate(Request(Continuation(token_ids=prompt), max_tokens=4))
        finally:
            await backend.aclose()
    except (ThinkcurveError, ImportError, OSError) as error:
        return Way(name, False, f"the embedded model does not run: {error}", mend, is_core=True)
    n_tokens = len(made.token_ids or ())
    return Way(name, n_tokens > 0, f"the embedded model answers ({n_tokens} tokens): thinkcurve run", is_core=True)


def _own_gguf() -> Way:
    found = _version("xllamacpp")
    said = f"llamacpp:FILE.gguf, by xllamacpp {found}" if found else "xllamacpp is not installed"
    return Way("your GGUF file", bool(found), said, "" if found else _install("xllamacpp"), is_core=True)


def _own_server() -> Way:
    name, found = "your server", _version("aiohttp")
    if not found:
        return Way(name, False, "aiohttp is not installed", _install("aiohttp"), is_core=True)
    has_key = bool(os.environ.get("THINKCURVE_API_KEY", "").strip())
    return Way(
        name, True, f"http://HOST:PORT/v1#NAME; {'a' if has_key else 'no'} THINKCURVE_API_KEY is set", is_core=True
    )


def _maker(name: str, keys: tuple[str, ...]) -> Way:
    """A maker's own SDK, and its key. The keyring is not asked: that may open a window."""
    if lacking := _lacking("apis"):
        return Way(name, False, _not_there(lacking), _install_extra("apis"))
    held = next((key for key in keys if os.environ.get(key, "").strip()), None)
    if held is None:
        said = f"no {keys[0]} is set; the keyring was not asked"
        return Way(name, False, said, f"export {keys[0]}=...")
    return Way(name, True, f"its SDK is installed, {held} is set")


def _extra(name: str, extra: str) -> Way:
    """What needs the packages of an extra and nothing else."""
    if lacking := _lacking(extra):
        return Way(name, False, _not_there(lacking), _install_extra(extra))
    has = ", ".join(f"{one.name} {_version(one.name)}" for one in _wanted(extra))
    return Way(name, True, f"{has}: installed, not tried")


def _own_task(maths: Equality) -> Way:
    name = "your task"
    if maths.equal is not True:
        said = f"the maths worker does not work: {maths.reason}"
        return Way(name, False, said, _install("sympy"), is_core=True)
    return Way(name, True, f"-t FILE.jsonl; the maths worker (sympy {_version('sympy')}) works", is_core=True)


def _code(best: Finding | None, *, is_enough: bool) -> Way:
    said = f"answers are run in a sandbox of tier {best.tier}, {best.wall}" if best else "no sandbox works here"
    mend = "" if is_enough or sys.platform != "linux" else "apt install bubblewrap"
    return Way("code tasks", is_enough, said, mend, is_core=True)


def _published() -> Way:
    """Tasks whose data lies on a hub: it is not asked."""
    name = "published tasks"
    if os.environ.get("THINKCURVE_DATA", "").strip():
        return Way(name, True, "THINKCURVE_DATA is set: local copies, then the hub")
    if os.environ.get("HF_HUB_OFFLINE", "").strip().lower() in ("1", "true", "yes", "on"):
        said = "HF_HUB_OFFLINE is set: only what was fetched before, or --data-dir DIR"
        return Way(name, False, said, "unset HF_HUB_OFFLINE")
    return Way(name, True, "from their hub (not asked), or --data-dir DIR")


def _figure() -> Way:
    """One small figure is drawn, as SVG, PNG and PDF."""
    name = "paper figure"
    try:
        import vl_convert

        spec = {"data": {"values": [{"x": 1}]}, "mark": "point", "encoding": {"x": {"field": "x"}}}
        svg = vl_convert.vegalite_to_svg(spec)
        drawn = (svg, vl_convert.svg_to_png(svg), vl_convert.svg_to_pdf(svg))
    except (ImportError, ValueError) as error:
        return Way(name, False, f"nothing can be drawn: {error}", _install("vl-convert-python"), is_core=True)
    return Way(name, all(drawn), "plot: HTML, SVG, PNG and PDF are drawn", is_core=True)


def _wanted(extra: str) -> list[Requirement]:
    """What an extra of this distribution asks for on this machine."""
    from packaging.requirements import Requirement

    rows = map(Requirement, requires(OWN) or ())
    return [one for one in rows if one.marker and one.marker.evaluate({"extra": extra}) and "extra" in str(one.marker)]


def _lacking(extra: str) -> list[str]:
    """The packages of an extra that are missing or too old, in words."""
    found = [(one, _version(one.name)) for one in _wanted(extra)]
    return [
        one.name if has is None else f"{one.name} {has} (not {one.specifier})"
        for one, has in found
        if has is None or not one.specifier.contains(has, prereleases=True)
    ]


def _not_there(lacking: Sequence[str]) -> str:
    return f"not installed: {', '.join(lacking)}"


def _install_extra(extra: str) -> str:
    return f'pip install "{OWN}[{extra}]"'


def _install(package: str) -> str:
    """What installs a package of the core again."""
    from packaging.requirements import Requirement

    rows = (Requirement(row) for row in requires(OWN) or ())
    wanted = next((one for one in rows if one.name == package and not one.marker), None)
    return f'pip install --force-reinstall "{package}{wanted.specifier if wanted else ""}"'


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
