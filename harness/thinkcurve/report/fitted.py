"""A fitted form in a curve figure: its line and band over the measured range, and where asked dashed and paler beyond.

Only drawn where a caller gives it. The points of the curve then stand with bars and no line of their own, so that one
line is one claim.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from textwrap import wrap
from typing import Any

import msgspec

from thinkcurve.analysis.fitting.bands import Band
from thinkcurve.analysis.fitting.fits import Extrapolated, Fits, FormFit
from thinkcurve.report.look import Look
from thinkcurve.report.marks import Spec, dash_encoding, emphasis

BEST = "best"
"""What is asked for instead of a form: the identifiable one of the largest weight."""
WORTH_SAYING = 0.005
"""Scatter beyond sampling error that is told: half a point."""
_NOTE_CHARS = 118
_CHAR_PX, _KEY_PX, _GAP_PX, _KEY_UP_PX = 5.9, 22, 16, 12
_DASH, _SPARSE = (5, 4), (1.5, 4)  # the second where curves are told apart by dashes


class Fitted(msgspec.Struct, frozen=True):
    """What is drawn of one curve: the fit of a form, or no line and the ``reason`` why not.

    ``left_out`` says which points and problems of the curve the fit does not count, ``scatter`` how far the points lie
    off the best form beyond their sampling error (`Fits`).
    """

    fit: FormFit | None
    reason: str | None = None
    left_out: tuple[str, ...] = ()
    scatter: float = 0.0

    @property
    def band(self) -> Band | None:
        """The line and its band, ``None`` where nothing is drawn."""
        return None if self.fit is None else self.fit.band


def chosen(fits: Fits, form: str) -> Fitted:
    """The fit of one form, by name, or of the `BEST`; one that is not identifiable is not drawn."""
    name = fits.best if form == BEST else form
    found = next((fit for fit in fits.forms if fit.form == name), None)
    if found is None:
        reasons = {fit.reason for fit in fits.forms if fit.reason}
        why = reasons.pop() if len(reasons) == 1 else "the points do not tell the parameters of any form"
        return Fitted(None, f"no form is identifiable: {why}", fits.left_out)
    if found.reason is not None:
        return Fitted(None, f"{found.form} is not identifiable: {found.reason}", fits.left_out)
    return Fitted(found, None, fits.left_out, fits.scatter)


def bands_of(fitted: Sequence[Fitted]) -> list[Band]:
    """The bands that are drawn."""
    return [one.band for one in fitted if one.band is not None]


def fit_data(fitted: Sequence[Fitted]) -> dict[str, list[dict[str, Any]]]:
    """Inline data: ``fits`` over what was measured, ``beyond`` after it, from the last measured x on."""
    data: dict[str, list[dict[str, Any]]] = {"fits": [], "beyond": []}
    for i, one in enumerate(fitted):
        if one.band is None:
            continue
        columns = (one.band.x, one.band.y, one.band.ci_low, one.band.ci_high)
        rows = [
            {"curve": f"c{i}", "x": x, "accuracy": y, "low": low, "high": high}
            for x, y, low, high in zip(*columns, strict=True)
        ]
        inside = len(rows) - sum(one.band.is_extrapolated)
        data["fits"] += rows[:inside]
        data["beyond"] += rows[inside - 1 :] if inside < len(rows) else []
    return {name: rows for name, rows in data.items() if rows}


def fit_layers(data: Mapping[str, object], n_curves: int, look: Look) -> list[Spec]:
    """Bars of the points, then bands and lines, from back to front; ``data`` is that of `fit_data`."""
    band = 0.16 if n_curves <= 2 else 0.12 if n_curves <= 4 else 0.09
    span = {"y": {"field": "low", "type": "quantitative"}, "y2": {"field": "high"}}
    width = 2.25 * look.mark**0.5
    layers: list[Spec] = []
    for name, paler in (("beyond", 0.6), ("fits", 1.0)):
        if name in data:
            opacity = emphasis(round(band * paler, 3), round(band * paler / 3, 3))
            mark: Spec = {"type": "area", "tooltip": None}
            layers.append({"data": {"name": name}, "mark": mark, "encoding": {**span, "opacity": opacity}})
    bars = {"type": "rule", "strokeWidth": 1.25 * look.mark**0.5}
    layers.append({"mark": bars, "encoding": {**span, "opacity": emphasis(0.75, 0.15)}})
    order = {"order": {"field": "x", "type": "quantitative"}, "opacity": emphasis(1, 0.2)}
    if "beyond" in data:
        mark = {"type": "line", "strokeWidth": 0.8 * width, "strokeDash": list(_dash(look, n_curves))}
        layers.append({"data": {"name": "beyond"}, "mark": mark, "encoding": order})
    if "fits" in data:
        mark = {"type": "line", "strokeWidth": width}
        layers.append({"data": {"name": "fits"}, "mark": mark, "encoding": {**order, **dash_encoding(n_curves, look)}})
    return layers


def _dash(look: Look, n_curves: int) -> tuple[float, float]:
    return _SPARSE if look.is_dashed(n_curves) else _DASH


def key_layers(fitted: Sequence[Fitted], width: float, look: Look) -> list[Spec]:
    """What line and dashes are, in words above the plot at its right end."""
    forms = {one.fit.form for one in fitted if one.fit is not None}
    if not forms:
        return []
    has_beyond = any(band.is_extrapolated[-1] for band in bands_of(fitted))
    named = f"{next(iter(forms))} fit" if len(forms) == 1 else "fit"
    words = [named, *["extrapolated"] * has_beyond]
    if _key_px(words) > width - 40:
        words[0] = "fit"
    x = width - _key_px(words)
    layers: list[Spec] = []
    for text, dash in zip(words, ((), _dash(look, len(fitted))), strict=False):
        layers += _key(text, x, dash, look)
        x += _key_px([text]) + _GAP_PX
    return layers


def _key_px(words: Sequence[str]) -> float:
    return sum(_KEY_PX + 6 + _CHAR_PX * len(word) for word in words) + _GAP_PX * (len(words) - 1)


def _key(text: str, x: float, dash: tuple[float, ...], look: Look) -> list[Spec]:
    y = {"value": -_KEY_UP_PX - 5.5}
    rule: Spec = {"type": "rule", "strokeWidth": (1.8 if dash else 2.25) * look.mark**0.5}
    if dash:
        rule["strokeDash"] = list(dash)
    place = {"x": {"value": x}, "x2": {"value": x + _KEY_PX}, "y": y}
    words = {"type": "text", "align": "left", "baseline": "bottom", "fontSize": 12, "text": text}
    at = {"x": {"value": x + _KEY_PX + 6}, "y": {"value": -_KEY_UP_PX}, "color": {"value": look.theme.muted}}
    return [
        {"data": {"values": [{}]}, "mark": rule, "encoding": {**place, "color": {"value": look.theme.muted}}},
        {"data": {"values": [{}]}, "mark": words, "encoding": at},
    ]


def fit_notes(named: Sequence[tuple[str, Fitted]], axis: str) -> list[str]:
    """How to read the line, where it goes beyond what was measured, and which curves have none; in wrapped lines.

    ``named`` are the curves' names with their fits, ``axis`` the name of what was spent.
    """

    def of(name: str) -> str:
        return f"{name}: " if len(named) > 1 else ""

    drawn = [(name, one.fit) for name, one in named if one.fit is not None]
    said: list[str] = []
    if drawn:
        forms = "; ".join(f"{of(name)}{fit.form}, {fit.formula}" for name, fit in drawn)
        said.append(f"Line: fitted form with its 95 % band over resamples of the problems ({forms}).")
    ends = [f"{of(name)}{_end_words(fit.extrapolated, axis)}" for name, fit in drawn if fit.extrapolated is not None]
    if ends:
        is_cut = any(fit.extrapolated is not None and fit.extrapolated.value == 1 for _, fit in drawn)
        said.append(
            f"Dashed: extrapolated, which no point has tested ({'; '.join(ends)}). The paler band takes in every form "
            f"that fits about as well{'; lines are cut at 100 %' if is_cut else ''}."
        )
    for name, one in named:
        whose = f" of {name}" if len(named) > 1 else ""
        if one.fit is not None and one.scatter >= WORTH_SAYING:
            off = f"{100 * one.scatter:.1f} points off the best of them, beyond sampling error"
            said.append(f"No form describes the points{whose}: they lie {off}.")
        if one.reason is not None:
            said.append(f"No line{whose}: {one.reason}.")
    said += list(dict.fromkeys(f"In the fit: {words}." for _, one in named for words in one.left_out))
    return [line for text in said for line in wrap(text, _NOTE_CHARS)]


def _end_words(at: Extrapolated, axis: str) -> str:
    value, low, high = (100 * (end or 0.0) for end in (at.value, at.ci_low, at.ci_high))
    cost = f"{at.x:,.0f}" if at.x >= 100 and at.x < 1e6 else f"{at.x:.3g}"
    return f"{value:.1f} % ({low:.1f} to {high:.1f}) at {cost} {axis}"
