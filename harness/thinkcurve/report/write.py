"""Figures as files. The suffix chooses the form; every form is complete in itself and needs no network."""

from __future__ import annotations

import base64
import html
import json
import re
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from pathlib import Path
from string import Template
from types import ModuleType
from typing import Any

import msgspec

from thinkcurve.errors import UsageError
from thinkcurve.report.look import FONT, THEMES, Theme
from thinkcurve.segments import draft_of

Spec = Mapping[str, Any]
FONTS = Path(__file__).parent / "fonts"
FACES = {400: "regular", 600: "semibold"}
"""Weights of type, and how their files in `FONTS` end."""


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
    return Template(_PAGE).substitute(
        title=html.escape(spec.get("title", {}).get("text") or _meta(spec).get("title") or "thinkcurve"),
        font_source=" font-src data:;" if _is_embedded(spec) else "",
        faces=_font_faces(_weights(json.dumps(spec)), spec),
        description=html.escape(spec.get("description", "")),
        font=FONT,
        light=_css_variables(THEMES["dark" if _is_dark(spec) else "light"]),
        dark=_css_variables(THEMES["light" if "width_in" in _meta(spec) else "dark"]),
        swap=_dark_css(spec),
        most=round(min(960, 192 * _meta(spec).get("width_in", 5))),  # a column of paper at twice its size
        spec=_script_json(spec),
        bundle=_bundle(),
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
    """Rules that swap a light figure's colours on a dark screen; print, and a figure for paper, stay light."""
    if _is_dark(spec) or "width_in" in _meta(spec):
        return ""
    old, new = (msgspec.structs.asdict(THEMES[name]) for name in ("light", "dark"))
    rules = [f"[{part}='{old[key]}']{{{part}:{new[key]}}}" for key in old for part in ("fill", "stroke")]
    return f"@media screen and (prefers-color-scheme:dark){{{''.join(rules)}}}"


def _meta(spec: Spec) -> Mapping[str, Any]:
    """What a spec says of itself (`thinkcurve.report.look.Look.meta`); nothing in one of another maker."""
    meta = spec.get("usermeta", {}).get("thinkcurve", {})
    return meta if isinstance(meta, dict) else {}


def _is_embedded(spec: Spec) -> bool:
    return _meta(spec).get("is_embedded") is True


def _weights(text: str) -> list[int]:
    """The weights of type that a rendered figure, or a spec, asks for."""
    return [400, 600] if re.search(r"(font-weight=\"|fontWeight\": ?)600|\"title\": ?{\"text", text) else [400]


def _font_faces(weights: Iterable[int], spec: Spec) -> str:
    """CSS that carries the figure's own type with it."""
    if not _is_embedded(spec):
        return ""
    family = str(spec["config"]["font"]).split("'")[1]
    kind = family.rsplit(" ", 1)[-1].lower()
    faces = []
    for weight in weights:
        data = base64.b64encode((FONTS / f"{kind}-{FACES[weight]}.ttf").read_bytes()).decode()
        faces.append(
            f"@font-face{{font-family:'{family}';font-weight:{weight};"
            f"src:url(data:font/ttf;base64,{data}) format('truetype')}}"
        )
    return "".join(faces)


@cache
def _renderer() -> ModuleType:
    """vl-convert with the types of the package: one figure on every machine, and letters where there is no type."""
    import vl_convert

    vl_convert.register_font_directory(str(FONTS))
    return vl_convert


def _html(spec: Spec) -> bytes:
    return page(spec).encode()


@cache
def _bundle() -> str:
    """The script that draws a spec on a page; putting it together takes a second."""
    return str(_renderer().javascript_bundle("window.vegaEmbed = vegaEmbed;"))


def _svg(spec: Spec) -> bytes:
    svg = _renderer().vegalite_to_svg(dict(spec))
    start = svg.index(">", svg.index("<svg")) + 1
    head, body = _sized(svg[:start], spec, "in"), svg[start:]
    css = _font_faces(_weights(body), spec) + _dark_css(spec)
    return f"{head}<style>{css}</style>{body}".encode()


def _sized(head: str, spec: Spec, unit: str) -> str:
    """The opening tag of an SVG with the width that the figure has on paper: in inches, or in points for a PDF."""
    width_in = _meta(spec).get("width_in")
    if not width_in:
        return head
    width, height = (float(n) for n in re.findall(r"(?:width|height)=\"([\d.]+)\"", head)[:2])
    wide = width_in * (1 if unit == "in" else 72)
    suffix = unit if unit == "in" else ""
    sizes = iter((f'width="{wide:g}{suffix}"', f'height="{wide * height / width:.5g}{suffix}"'))
    return re.sub(r"(?:width|height)=\"[\d.]+\"", lambda _: next(sizes), head, count=2)


PRINT_PPI = 300
"""Pixels an inch of a PNG for paper; one for a screen has two a pixel of the layout."""


def _png(spec: Spec) -> bytes:
    width_in = _meta(spec).get("width_in")
    if not width_in:
        return bytes(_renderer().vegalite_to_png(dict(spec), scale=2))
    return bytes(_renderer().svg_to_png(_on_paper(spec), scale=1, ppi=PRINT_PPI))


def _pdf(spec: Spec) -> bytes:
    if _meta(spec).get("width_in"):
        return bytes(_renderer().svg_to_pdf(_on_paper(spec)))
    return bytes(_renderer().vegalite_to_pdf(dict(spec)))


def _on_paper(spec: Spec) -> str:
    """The SVG in points, which a PDF counts in."""
    svg = str(_renderer().vegalite_to_svg(dict(spec)))
    start = svg.index(">", svg.index("<svg")) + 1
    return _sized(svg[:start], spec, "pt") + svg[start:]


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
    draft = draft_of(path)
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
 content="default-src 'none';$font_source script-src 'unsafe-inline'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>$title</title>
<style>
$faces
:root { color-scheme: light dark; $light }
@media screen and (prefers-color-scheme: dark) { :root { $dark } }
body { margin: 0; background: var(--paper); color: var(--ink); font-family: $font; }
main { max-width: ${most}px; margin: 24px auto; padding: 0 12px; }
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
