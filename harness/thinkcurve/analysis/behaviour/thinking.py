"""What the traces of one (model, task) show of how it thinks: words of self-correction, loops, repeats, other scripts.

Read from the text of traces that were shown in full; what was hidden, or is another model's summary, is not judged.
A trace is read whole, up to the largest budget: nothing says where in a text a smaller budget cut it.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Hashable, Mapping
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from thinkcurve.analysis.basis.grid import Floats, outer_groups
from thinkcurve.analysis.basis.interval import FEWEST_UNITS, Interval, intervals, n_units
from thinkcurve.analysis.basis.resample import bootstrap, ratio_over
from thinkcurve.analysis.behaviour.scripts import foreign, home_of, script_letters
from thinkcurve.analysis.behaviour.text_signs import KINDS, loop, markers, pieces, repeat_share
from thinkcurve.backend import Visibility
from thinkcurve.budget import Control, effort_of

if TYPE_CHECKING:
    import pandas as pd

MIXED_SHARE, MIXED_LETTERS = 0.01, 8
"""A trace is mixed from this share of letters in another script on, and so many of them: more than a name."""
PER_TOKENS = 1000
NO_EVENTS = -math.log(0.025)
"""3.69: how many events must be expected for none to come 1 time in 40. Over what was read it is the upper end of the
exact 95 % interval of a rate of 0 (Garwood 1936, Biometrika 28:437-442)."""


class Thinking(msgspec.Struct, frozen=True):
    """What traces show. ``budget`` is that of separate traces, ``None`` too for one trace that serves the whole ladder
    (``is_shared``) or for a separate one to the natural end; ``effort`` its name where it is a level of effort.

    ``n_shown`` of ``n_traces`` have text to read; of the others all below is unknown. ``markers`` counts words of
    self-correction by kind, without those that we wrote ("Wait"); ``markers_per_1k`` is per 1,000 thinking tokens of
    the ``n_counted`` shown traces whose length is known, with an interval by problems or their groups (`_rate`);
    ``None`` where there are no tokens. ``n_loops`` end in a loop, of ``loop_share`` of
    their text on average. ``repeat_share`` is the mean share of 4-grams that stood before, in ``repeat_unit``s.
    ``scripts`` counts letters of words, ``home_script`` has most; ``n_mixed`` traces mix in another.
    """

    budget: int | None
    effort: str | None
    is_shared: bool
    n_traces: int
    n_shown: int
    n_counted: int
    thinking_tokens: int
    markers: dict[str, int]
    markers_per_1k: Interval | None
    n_loops: int
    loop_share: float | None
    repeat_share: float | None
    repeat_unit: str | None
    scripts: dict[str, int]
    home_script: str | None
    n_mixed: int


def thinking_of(
    traces: pd.DataFrame, groups: Mapping[str, Hashable] | None = None, control: str = Control.TRUNCATE
) -> list[Thinking]:
    """What the traces of one (model, task) show: one record for all, or one a budget where each has its own.

    ``groups`` names the outer group (a contest) of each problem; one that is not in it is a group of its own.
    """
    budgets = traces["budget"].to_numpy(dtype=float, na_value=np.nan)
    known = sorted({int(budget) for budget in budgets[~np.isnan(budgets)]})
    parts: list[tuple[int | None, pd.DataFrame]] = [(budget, traces[budgets == budget]) for budget in known]
    natural = traces[np.isnan(budgets)]
    parts += [(None, natural)] if len(natural) else []
    return [
        _thinking(part, groups or {}, budget, effort_of(budget, control), is_shared=not known) for budget, part in parts
    ]


class _Signs(msgspec.Struct, frozen=True):
    """Of one trace."""

    problem: str
    n_tokens: int | None
    markers: dict[str, int]
    loop_share: float | None
    repeat_share: float | None
    letters: dict[str, int]


def _thinking(
    traces: pd.DataFrame, groups: Mapping[str, Hashable], budget: int | None, effort: str | None, *, is_shared: bool
) -> Thinking:
    is_shown = (traces["visibility"] == Visibility.FULL).to_numpy(dtype=bool)
    shown = traces[is_shown]
    has_ids = len(shown) > 0 and all(len(_listed(ids)) > 0 or not text for ids, text in _pairs(shown))
    signs = [
        _signs(row, has_ids=has_ids) for row in shown.to_dict("records") if row["text"] or row["thinking_tokens"] == 0
    ]
    counted = [each for each in signs if each.n_tokens is not None]
    letters: Counter[str] = Counter()
    for each in signs:
        letters.update(each.letters)
    home = home_of(letters)
    loops = [each.loop_share for each in signs if each.loop_share is not None]
    repeats = [each.repeat_share for each in signs if each.repeat_share is not None]
    return Thinking(
        budget=budget,
        effort=effort,
        is_shared=is_shared,
        n_traces=len(traces),
        n_shown=len(signs),
        n_counted=len(counted),
        thinking_tokens=sum(each.n_tokens or 0 for each in counted),
        markers={kind: sum(each.markers[kind] for each in signs) for kind in KINDS},
        markers_per_1k=_rate(counted, groups),
        n_loops=len(loops),
        loop_share=float(np.mean(loops)) if loops else None,
        repeat_share=float(np.mean(repeats)) if repeats else None,
        repeat_unit=("token" if has_ids else "word") if repeats else None,
        scripts=dict(letters.most_common()),
        home_script=home,
        n_mixed=sum(home is not None and _is_mixed(each.letters, home) for each in signs),
    )


def _pairs(traces: pd.DataFrame) -> list[tuple[Any, str]]:
    return list(zip(traces["token_ids"], traces["text"], strict=True))


def _listed(ids: Any) -> Any:
    """Token ids; none where a table has nothing there."""
    return () if ids is None or isinstance(ids, float) else ids


def _signs(row: Mapping[Any, Any], *, has_ids: bool) -> _Signs:
    text = row["text"] or ""
    found = markers(text)
    ours = len(_listed(row["waits"]))
    found["doubt"] = max(0, found["doubt"] - ours)
    ended = loop(text)
    tokens = row["thinking_tokens"]
    return _Signs(
        problem=str(row["problem"]),
        n_tokens=None if tokens is None or tokens != tokens else int(tokens),
        markers=found,
        loop_share=ended.n_chars / len(text) if ended else None,
        repeat_share=repeat_share(_listed(row["token_ids"]) if has_ids else pieces(text)),
        letters=script_letters(text),
    )


def _is_mixed(letters: dict[str, int], home: str) -> bool:
    n = foreign(letters, home)
    return n >= max(MIXED_LETTERS, MIXED_SHARE * sum(letters.values()))


def _rate(signs: list[_Signs], groups: Mapping[str, Hashable]) -> Interval | None:
    """Words of self-correction per 1,000 tokens, sums over sums.

    BCa bootstrap over problems, or over groups by the rule of `outer_groups`. No word at all cannot be resampled: the
    upper end is then that of a rate of which none were seen, as if words came one by one.
    """
    places: dict[str, int] = {}
    where = np.array([places.setdefault(each.problem, len(places)) for each in signs], dtype=int)
    words = np.bincount(where, [sum(each.markers.values()) for each in signs], len(places)).astype(float)
    tokens = np.bincount(where, [each.n_tokens or 0 for each in signs], len(places)).astype(float)
    if not tokens.sum() > 0:
        return None
    of_group: dict[Hashable, int] = {}
    keys = [("group", groups[name]) if name in groups else ("problem", name) for name in places]
    drawn = outer_groups(np.array([of_group.setdefault(key, len(of_group)) for key in keys]))
    if not words.sum() and len(places) >= FEWEST_UNITS:
        return Interval(0.0, 0.0, PER_TOKENS * NO_EVENTS / float(tokens.sum()))

    def ratio(weights: Floats) -> Floats:
        return PER_TOKENS * ratio_over(weights, words, tokens)

    return intervals(bootstrap(ratio, len(places), groups=drawn), n_units(len(places), drawn))[0]
