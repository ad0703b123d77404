"""Figures as files. The suffix chooses the form; every form is complete in itself and needs no network."""

from __future__ import annotations

import html
import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from string import Template
from typing import Any

import msgspec

from thinkcurve.errors import UsageError
from thinkcurve.report.marks import FONT, THEMES, Theme

Spec = Mapping[str, Any]


def write_figure(spec: Spec, path: Path | str) -> Path:
    """Write ``spec`` to ``path`` as HTML, SVG, PNG, PDF or JSON, by its suffix, and return the path.

    The file is there whole or not at all. Raises `UsageError` for any other suffix and where the path cannot
    be written.
    """
    path = Path(path)
    write = _WRITERS.get(path.suffix.lower())
    if write is None:
        what = f"ends in {path.suffix!r}" if path.suffix else "has no suffix"
        raise UsageError(f"figure {str(path)!r} {what}; give one of {', '.join(_WRITERS)}")
    _check_folder(path)
    _replace(path, write(spec))
    return path


def page(spec: Spec) -> str:
    """``spec`` as one HTML page with its script inside: works offline, goes dark with the reader's screen."""
    import vl_convert

    return Template(_PAGE).substitute(
        title=html.escape(spec.get("title", {}).get("text", "thinkcurve")),
        description=html.escape(spec.get("description", "")),
        font=FONT,
        light=_css_variables(THEMES["dark" if _is_dark(spec) else "light"]),
        dark=_css_variables(THEMES["dark"]),
        swap=_dark_css(spec),
        spec=_script_json(spec),
        bundle=vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;"),
    )


def _script_json(spec: Spec) -> str:
    """JSON that nothing in it can end or change as it stands between script tags."""
    text = json.dumps(spec, ensure_ascii=True, allow_nan=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _is_dark(spec: Spec) -> bool:
    return bool(spec.get("background") == THEMES["dark"].paper)


def _css_variables(theme: Theme) -> str:
    return ";".join(f"--{name}:{color}" for name, color in msgspec.structs.asdict(theme).items())


def _dark_css(spec: Spec) -> str:
    """Rules that swap a light figure's colours on a dark screen; print stays light."""
    if _is_dark(spec):
        return ""
    old, new = (msgspec.structs.asdict(THEMES[name]) for name in ("light", "dark"))
    rules = [f"[{part}='{old[key]}']{{{part}:{new[key]}}}" for key in old for part in ("fill", "stroke")]
    return f"@media screen and (prefers-color-scheme:dark){{{''.join(rules)}}}"


def _html(spec: Spec) -> bytes:
    return page(spec).encode()


def _svg(spec: Spec) -> bytes:
    import vl_convert

    svg = vl_convert.vegalite_to_svg(dict(spec))
    start = svg.index(">", svg.index("<svg")) + 1
    return f"{svg[:start]}<style>{_dark_css(spec)}</style>{svg[start:]}".encode()


def _png(spec: Spec) -> bytes:
    import vl_convert

    return vl_convert.vegalite_to_png(dict(spec), scale=2)


def _pdf(spec: Spec) -> bytes:
    import vl_convert

    return vl_convert.vegalite_to_pdf(dict(spec))


def _json(spec: Spec) -> bytes:
    return (json.dumps(spec, indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode()


_WRITERS: dict[str, Callable[[Spec], bytes]] = {
    ".html": _html,
    ".svg": _svg,
    ".png": _png,
    ".pdf": _pdf,
    ".json": _json,
}


def _check_folder(path: Path) -> None:
    """Refuse before rendering, which takes a second, what could not be written anyway."""
    try:
        is_there = path.parent.is_dir()
    except OSError as error:
        raise _cannot_write(path, error) from error
    if not is_there:
        raise UsageError(f"cannot write {str(path)!r}: folder {str(path.parent)!r} does not exist; make it first")


def _replace(path: Path, content: bytes) -> None:
    """Put ``content`` at ``path`` in one step, by way of a file beside it."""
    draft = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        try:
            draft.write_bytes(content)
            draft.replace(path)
        finally:
            draft.unlink(missing_ok=True)
    except OSError as error:
        raise _cannot_write(path, error) from error


def _cannot_write(path: Path, error: OSError) -> UsageError:
    return UsageError(f"cannot write {str(path)!r}: {error.strerror or error}")


_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy"
 content="default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>$title</title>
<style>
:root { color-scheme: light dark; $light }
@media screen and (prefers-color-scheme: dark) { :root { $dark } }
body { margin: 0; background: var(--paper); color: var(--ink); font-family: $font; }
main { max-width: 960px; margin: 24px auto; padding: 0 12px; }
#figure, #figure svg { display: block; width: 100%; height: auto; }
#figure svg { background: var(--paper) !important; } /* Vega sets its own in the style attribute */
#vg-tooltip-element.vg-tooltip {
  background: var(--paper); color: var(--ink); border: 1px solid var(--grid); border-radius: 8px;
  box-shadow: 0 4px 16px rgb(0 0 0 / 16%); padding: 10px 12px; font: 12px $font;
  font-variant-numeric: tabular-nums;
}
#vg-tooltip-element.vg-tooltip td.key {
  color: var(--muted); max-width: none; text-align: left; padding: 1px 12px 1px 0;
}
#vg-tooltip-element.vg-tooltip td.value { max-width: 320px; padding: 1px 0; }
$swap
</style>
</head>
<body>
<main><div id="figure"></div><noscript>$description</noscript></main>
<script type="application/json" id="spec">$spec</script>
<script>$bundle</script>
<script>
vegaEmbed("#figure", JSON.parse(document.getElementById("spec").textContent),
  {renderer: "svg", actions: false, ast: true, defaultStyle: false});
</script>
</body>
</html>
"""
