"""A page that is whole in itself: it asks no network for anything, and nothing in it runs but what we wrote.

What a model, a provider or a submitter wrote travels in two ways only: as JSON in data blocks, which a script of ours
puts on the page as text, and as text in the body by `text`. The content security policy names the hash of each style
and script, so that anything else does nothing (https://www.w3.org/TR/CSP3/#match-element-to-source-list).
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import html
import json
import unicodedata
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from string import Template

import msgspec

from thinkcurve.report.look import FONT, THEMES

_CONTROLS = {"Cc", "Cf", "Cs", "Zl", "Zp"}
"""Kinds of characters that show nothing: controls, marks of direction, halves of pairs, which no file can hold."""


def text(value: object) -> str:
    """Anything as HTML text: escaped, isolated from the direction of what stands beside it, controls made visible."""
    return f"<bdi>{html.escape(visible(str(value)))}</bdi>"


def attribute(value: object) -> str:
    """Anything as the value of an attribute in double quotes."""
    return html.escape(visible(str(value)), quote=True)


def visible(value: str) -> str:
    """Text with each control and mark of direction in place of which its code stands, but for line ends and tabs."""
    return "".join(
        f"[U+{ord(char):04X}]" if char not in "\n\t" and unicodedata.category(char) in _CONTROLS else char
        for char in value
    )


def script_json(value: object) -> str:
    """JSON that nothing in it can end or change as it stands between script tags."""
    dumped = json.dumps(value, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return dumped.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def packed(value: object) -> str:
    """JSON as gzip in base64, for large tables; ``TC.unpack(id)`` reads it back in the browser."""
    dumped = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return base64.b64encode(gzip.compress(dumped.encode("utf-8", "surrogatepass"), mtime=0)).decode("ascii")


def page(
    title: str,
    body: str,
    *,
    data: Mapping[str, object] | None = None,
    large: Mapping[str, object] | None = None,
    styles: Sequence[str] = (),
    scripts: Sequence[str] = (),
    is_served: bool = False,
) -> str:
    """One HTML page. ``body`` is HTML of ours (names of users by `text`); ``data`` and ``large`` are JSON by the id of
    their block, ``large`` compressed. ``styles`` and ``scripts`` are ours, after those of every
    page. A page that ``is_served`` may ask its own server, and nobody else."""
    sheets = [look(), *styles]
    code = [asset("core.js"), *scripts]
    blocks = [
        f'<script type="application/json" id="{name}">{script_json(v)}</script>' for name, v in (data or {}).items()
    ]
    blocks += [f'<script type="application/gzip" id="{name}">{packed(v)}</script>' for name, v in (large or {}).items()]
    return Template(_SHELL).substitute(
        policy=policy(sheets, code) + ("; connect-src 'self'" if is_served else ""),
        title=html.escape(visible(title)),
        styles="".join(f"<style>{sheet}</style>" for sheet in sheets),
        body=body,
        data="\n".join(blocks),
        scripts="".join(f"<script>{script}</script>" for script in code),
    )


def policy(styles: Sequence[str], scripts: Sequence[str]) -> str:
    """The content security policy of a page with these styles and scripts, and nothing else."""
    return (
        f"default-src 'none'; style-src {_hashes(styles)}; script-src {_hashes(scripts)}; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )


@cache
def asset(name: str) -> str:
    """The text of a file that lies beside this one."""
    return files("thinkcurve.report.web").joinpath(name).read_text(encoding="utf-8")


@cache
def look() -> str:
    """The style of every page: the theme's colours, light and dark, and what all pages share."""
    light, dark = (
        ";".join(f"--{name}:{color}" for name, color in msgspec.structs.asdict(THEMES[name_]).items())
        for name_ in ("light", "dark")
    )
    rules: list[str] = [
        f":root{{--font:{FONT};color-scheme:light;{light}}}",
        f":root[data-theme=dark]{{color-scheme:dark;{dark}}}",
        f"@media screen and (prefers-color-scheme:dark){{:root:not([data-theme=light]){{color-scheme:dark;{dark}}}}}",
    ]
    return "".join(rules) + asset("base.css")


def _hashes(parts: Sequence[str]) -> str:
    found = [base64.b64encode(hashlib.sha256(part.encode()).digest()).decode("ascii") for part in parts]
    return " ".join(f"'sha256-{digest}'" for digest in found) or "'none'"


_SHELL = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="$policy">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<title>$title</title>
$styles
</head>
<body>
<a class="skip" href="#main">Skip to the content</a>
$body
$data
$scripts
</body>
</html>
"""
