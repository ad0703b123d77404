"""HTML as Python writes it: elements whose children are text unless they were made here. No user writes markup."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence

from thinkcurve.report.web.page import attribute, text, visible


class Markup(str):
    """HTML that is ours."""

    __slots__ = ()


Child = object
"""`Markup` as it is, ``None`` left out, a list child by child, and anything else as text."""


def h(tag: str, *children: Child, **attributes: object) -> Markup:
    """An element. A trailing underscore of an attribute's name is dropped, others are hyphens; ``True`` is a bare
    attribute, ``None`` and ``False`` are left out.

    >>> h("p", "1 < 2", class_="num")
    '<p class="num">1 &lt; 2</p>'
    """
    written = "".join(_attribute(name, value) for name, value in attributes.items())
    return Markup(f"<{tag}{written}>{''.join(_parts(children))}</{tag}>")


def joined(children: Iterable[Child]) -> Markup:
    """Children one after the other, without an element around them."""
    return Markup("".join(_parts(children)))


def _attribute(name: str, value: object) -> str:
    if value is None or value is False:
        return ""
    key = name.rstrip("_").replace("_", "-")
    return f" {key}" if value is True else f' {key}="{attribute(value)}"'


def _parts(children: Iterable[Child]) -> Iterable[str]:
    for child in children:
        if child is None:
            continue
        if isinstance(child, Markup):
            yield child
        elif isinstance(child, list | tuple):
            yield from _parts(child)
        else:
            words = str(child)
            yield html.escape(visible(words)) if words.isascii() else text(words)


def table(label: str, heads: Sequence[Child], rows: Iterable[Sequence[Child]], *, note: Child = None) -> Markup:
    """A table whose first column names the row and whose others are figures, in a box that scrolls by itself.

    ``label`` says what it holds to those who cannot see it, ``note`` stands below it. A head that is a ``th`` already,
    and a cell that is a ``td``, stay as they are.
    """
    head = h("tr", [_head(each, is_first=not i) for i, each in enumerate(heads)])
    body = [h("tr", h("th", row[0], scope="row"), [_cell(cell) for cell in row[1:]]) for row in rows]
    whole = h("table", h("thead", head), h("tbody", body))
    box = h("div", whole, class_="scroll", tabindex="0", role="region", aria_label=label)
    return joined([box, h("p", note, class_="muted note") if note is not None else None])


def _head(head: Child, *, is_first: bool) -> Markup:
    is_made = isinstance(head, Markup) and head.startswith("<th")
    return Markup(head) if is_made else h("th", head, scope="col", class_=None if is_first else "num")


def _cell(cell: Child) -> Markup:
    return cell if isinstance(cell, Markup) and cell.startswith("<td") else h("td", cell, class_="num")


def pairs(rows: Iterable[tuple[Child, Child]]) -> Markup:
    """Names and values, as a list of definitions; those without a value are left out."""
    kept = [(name, value) for name, value in rows if value not in (None, "", (), [])]
    return h("dl", [[h("dt", name), h("dd", value)] for name, value in kept], class_="pairs")


def tabs(label: str, panels: Sequence[tuple[str, Markup]]) -> Markup:
    """Panels of which a script shows one at a time; without it all stand below each other, each under its name."""
    if len(panels) == 1:
        return panels[0][1]
    made = [
        h("div", h("h3", name, class_="panel-name"), body, class_="panel", data_name=visible(name))
        for name, body in panels
    ]
    return h("div", made, class_="tabs", data_label=label)
