"""Tables and lines of the section ``budgets``, for a terminal of 80 columns."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from rich.markup import escape
from rich.table import Table
from rich.text import Text

from thinkcurve.analysis.allocation.demand import Demand
from thinkcurve.analysis.allocation.headroom import Headroom
from thinkcurve.analysis.allocation.router import Routed, Router
from thinkcurve.analysis.allocation.uses import Allocation
from thinkcurve.analysis.basis.interval import Interval
from thinkcurve.budget import Control, format_budget
from thinkcurve.cli.sections.axes import WORDS
from thinkcurve.cli.show import new_table, short_model, short_task
from thinkcurve.report.labels import plain
from thinkcurve.report.run_report.words import PREFIXES, amount, three_digits

if TYPE_CHECKING:
    from rich.console import RenderableType

    from thinkcurve.cli.sections.budgets import Budgets, Cascades

MOST_POINTS = 6
"""Points of a router's frontier that are printed; all are in the JSON."""
HOUR = 3600
SIGNAL_WORDS = {
    "agreement": "agreement of votes",
    "logprob": "log-probability",
    "ended": "natural end",
    "level": "level",
}


def of_curve(found: Budgets) -> Iterator[RenderableType]:
    """All of one curve."""
    allocation = found.allocation
    samples = "" if allocation.n_samples <= 1 else f" x {allocation.n_samples} samples"
    yield Text.from_markup(
        f"[bold]{escape(short_task(found.task))}[/] · {escape(short_model(found.model))} · {escape(found.control)} · "
        f"{allocation.n_problems} problems{samples}"
    )
    yield _spending(allocation, found.control)
    yield from _remarks(allocation)
    yield from _headroom(found.headroom, found.control)
    for i, router in enumerate(found.routers):
        yield from _router(router, is_first=i == 0)
    yield from _no_router(found.no_router)
    yield from _demand(found.demand, found.control)


def of_task(found: Cascades) -> Iterator[RenderableType]:
    """The routers over several curves of a task."""
    yield Text.from_markup(f"[bold]{escape(short_task(found.task))}[/] · cascades over {len(found.curves)} curves")
    for note in found.notes:
        yield _warning(plain(note))
    for i, (model, control, run) in enumerate(found.curves):
        yield Text(f"  {_letter(i)}  {short_model(model)} · {control} · {run}")
    for i, router in enumerate(found.routers):
        yield from _router(router, is_joint=True, is_first=i == 0)
        if router.axis.endswith("tokens"):
            yield _dim("a token of one model is counted as one of another: no price or FLOPs are known for all")
    yield from _no_router(found.no_router)


def _spending(allocation: Allocation, control: str) -> Table:
    table = _table(_budget_head(control), "b*", "beyond b*", "futile", "starved", "right→wrong", "wrong→right")
    for one in allocation.budgets:
        shares = (one.overthinking, one.futile, one.starved, one.lost, one.gained)
        table.add_row(format_budget(one.budget, control), _percent(one.needed.value), *map(share, shares))
    return table


def _remarks(found: Allocation) -> Iterator[Text]:
    unit = _unit(found.axis)
    yield _dim("b*: % of problems for which this budget is the first that is enough for good;")
    yield _dim(f"starved: % that need more; beyond b*, futile (never solved): % of {unit};")
    yield _dim("the last two: % of samples that turned since the budget before")
    yield _line("right at no budget: ", share(found.never), " % of problems")
    lapsed = share(found.budgets[-1].lapsed) if found.budgets else Text("–")
    yield _line("right at some, not to the largest: ", share(found.lapsed), " % of problems, ", lapsed, f" % of {unit}")
    yield _line("right, but not to the largest budget: ", share(found.regressed), " % of samples")
    if found.n_left_out:
        yield _warning(f"{found.n_left_out:,} problems lack an attempt at some budget and are left out of this")
    if not found.is_in_line:
        yield _warning("samples are drawn anew at each budget: what turned may be the chance of a draw")
    if not found.budgets or found.budgets[-1].cost is None:
        yield _warning(f"the {unit} of some attempts are unknown, and with them where they went")
    held = found.crossfit
    if held is None:
        yield _warning("one sample a problem: b* is told by the answer it is scored on, and flatters")
        return
    words = f" % ({held.n_splits} split{'s' * (held.n_splits > 1)})"
    chose = Text(_percent(held.right_at_chosen.value) + " %")
    yield _line("right at b*: samples that chose it ", chose, ", others ", share(held.right_at_held_out), words)
    beyond, futile = share(held.overthinking[-1]), share(held.futile[-1])
    yield _line("the others confirm, at the largest budget: beyond b* ", beyond, ", futile ", futile, " %")


def _headroom(found: Headroom, control: str) -> Iterator[RenderableType]:
    if not found.points:
        unit = _unit(found.axis)
        yield _warning(f"allocation: unknown, as no problem has an attempt and its {unit} at every budget")
        return
    is_planned = found.n_planned > 0
    unit = _unit(found.axis)
    names = (_budget_head(control), unit, "for all", "oracle", "gain", "spared", *["held out"] * is_planned)
    table = _table(*names)
    for one in found.points:
        held = [signed(one.planned_gain)] if is_planned else []
        table.add_row(
            format_budget(one.budget, control),
            amount(one.cost_per_problem, found.axis),
            share(one.uniform),
            share(one.oracle),
            signed(one.gain),
            share(one.saving),
            *held,
        )
    yield table
    yield _dim(f"{unit}: of a sample, problems weighing alike; accuracy, %: one budget for all;")
    yield _dim("the best for each, in hindsight, at the same cost; its gain; spared: % of the")
    yield _dim("cost it spares at the accuracy of one for all")
    if is_planned:
        yield _dim("held out: its gain where half of the samples choose and the other half score")
        if found.n_planned < found.n_problems:
            yield _dim(f"(of the {found.n_planned:,} of {found.n_problems:,} problems with all their samples)")
    if found.n_left_out:
        yield _warning(f"{found.n_left_out:,} problems lack an attempt at some budget and are left out of this")


def _router(router: Router, *, is_joint: bool = False, is_first: bool = True) -> Iterator[RenderableType]:
    yield Text.from_markup(
        f"[bold]router by {SIGNAL_WORDS[router.signal]}[/], cross-validated "
        f"({router.n_repeats} x {router.n_folds} folds of {router.n_problems:,} problems)"
    )
    names = (_unit(router.axis), "router", "blind", "gain", "won", "own", "same")
    rows = [
        (
            Text(amount(point.cost.value, router.axis)),
            share(point.accuracy),
            Text(_percent(point.blind)),
            signed(point.gain),
            Text(_percent(point.efficiency.value)),
            Text(amount(point.own_cost, router.axis)),
            Text(_percent(point.agreement)),
        )
        for point in _spread(router.points)
    ]
    used = sum(1 + max(len(name), *(row[i].cell_len for row in rows)) for i, name in enumerate(names))
    table = _table(*names)
    table.add_column("by level" if router.signal == "level" else "steps", overflow="fold", max_width=78 - used)
    for row, point in zip(rows, _spread(router.points), strict=True):
        table.add_row(*row, _steps(router, point, is_joint=is_joint))
    yield table
    if is_first:
        yield _dim("steps: what all problems choose, at a cost of its own; others choose for those")
        yield _dim("held out, and the same for so many %: what these got is what is scored here;")
        yield _dim("blind: the best for all at this cost; won: % of what hindsight gains over it;")
        yield _dim("a cascade goes on while its signal is below the threshold")
    n_better = sum(point.is_better for point in router.points)
    if n_better:
        where = "" if n_better == len(router.points) else f" at {n_better} of {len(router.points)} costs"
        yield Text(f"better than the same for all{where}, all costs taken together", style="green")
    else:
        yield _warning("no better than the same for all that cost as much")
    if router.n_left_out:
        yield _warning(f"{router.n_left_out:,} problems lack what a step needs and are left out")


def _spread(points: tuple[Routed, ...]) -> list[Routed]:
    """A few points, the ends among them."""
    last = len(points) - 1
    places = (
        range(last + 1) if last < MOST_POINTS else [round(i * last / (MOST_POINTS - 1)) for i in range(MOST_POINTS)]
    )
    return [points[i] for i in places]


def _steps(router: Router, point: Routed, *, is_joint: bool) -> Text:
    """``3x64 → 256`` with the threshold of the signal, or for levels a step each."""

    def name(place: int) -> str:
        step = router.steps[place]
        times = f"{step.k}x" if step.k > 1 else ""
        return times + f"{_letter(step.curve)}:" * is_joint + format_budget(step.budget, step.control)

    if point.by_level is not None:
        return Text(" ".join(name(place) for place in point.by_level.values()))
    if point.cascade is None:
        return Text("–")
    chain = " → ".join(map(name, point.cascade.steps))
    is_chain = len(point.cascade.steps) > 1
    return Text(chain + (f" <{_threshold(router.signal, point.cascade.threshold)}" if is_chain else ""))


def _threshold(signal: str, value: float) -> str:
    return f"{100 * value:.0f}%" if signal == "agreement" else f"{value:.2g}"


def _letter(place: int) -> str:
    """A, B, ..., Z, A1, B1, ...: short names of curves."""
    return chr(ord("A") + place % 26) + (str(place // 26) if place >= 26 else "")


def _no_router(why: dict[str, str]) -> Iterator[Text]:
    for signal, reason in why.items():
        yield _dim(f"no router by {SIGNAL_WORDS[signal]}: {reason}")


def _demand(found: tuple[Demand, ...], control: str) -> Iterator[RenderableType]:
    if not found:
        return
    yield Text.from_markup(f"[bold]{found[0].volume:,.0f} requests[/] like these problems, nothing cached")
    knows_device = any(one.accelerator_s.value is not None for one in found)
    table = _table(
        _budget_head(control), "median", "95th", "tokens", "dollars", "device h" if knows_device else "hours"
    )
    for one in found:
        table.add_row(
            format_budget(one.budget, control),
            amount(one.tokens_p50.value, "generated_tokens"),
            amount(one.tokens_p95.value, "generated_tokens"),
            total(one.generated_tokens),
            total(one.usd, "$"),
            total(one.accelerator_s if knows_device else one.wall_s, per=HOUR),
        )
    yield table
    yield _dim(
        "tokens generated by one (median, 95th percentile) and by all; "
        + ("device h: the" if knows_device else "hours: those that")
    )
    if knows_device:
        yield _dim("hours that each took, summed, over how many ran at once")
    else:
        yield _dim("each took, summed; --concurrency for hours of a device, --volume, --price")
    if any(one.usd_source == "unknown" for one in found):
        yield _dim("dollars: the price is unknown" + ("" if _is_all_unknown(found) else " at some budgets"))


def _is_all_unknown(found: tuple[Demand, ...]) -> bool:
    return all(one.usd_source == "unknown" for one in found)


def share(one: Interval) -> Text:
    """A share and its interval in per cent: ``31 26–36``; one decimal below ten."""
    return _figure(one, _percent, _percent, "–")


def signed(one: Interval) -> Text:
    """A difference in percentage points: ``+3.1 −1.0…7.2``."""
    return _figure(one, _points, lambda end: _points(end, ""), "…")


def _figure(one: Interval, value: Callable[[float], str], end: Callable[[float], str], between: str) -> Text:
    """A figure and, behind it, its interval; that of a figure that no resample changes is left out."""
    if one.value is None:
        return Text("–")
    text = Text(value(one.value))
    if one.ci_low is not None and one.ci_high is not None and not one.ci_low == one.value == one.ci_high:
        text.append(f" {end(one.ci_low)}{between}{end(one.ci_high)}", style="dim")
    return text


def total(one: Interval, sign: str = "", *, per: float = 1.0) -> Text:
    """An amount of three digits, the ends of its interval in the same unit: ``72.9 M 66.3–79.7``."""
    if one.value is None:
        return Text("–")
    value = one.value / per
    size, prefix = next(((s, p) for s, p in PREFIXES if value >= s * 0.9995), (1.0, ""))
    text = Text(sign + three_digits(value / size) + (f" {prefix}" if prefix else ""))
    if one.ci_low is not None and one.ci_high is not None:
        low, high = (three_digits(end / per / size) for end in (one.ci_low, one.ci_high))
        text.append(f" {low}–{high}" if low != high else "", style="dim")
    return text


def _percent(value: float | None) -> str:
    if value is None:
        return "–"
    points = 100 * value
    digits = f"{points:.1f}" if abs(points) < 9.95 else f"{points:.0f}"
    return "0" if float(digits) == 0 else digits.replace("-", "−")


def _points(value: float, plus: str = "+") -> str:
    points = 100 * value
    digits = f"{abs(points):.1f}" if abs(points) < 9.95 else f"{abs(points):.0f}"
    return "0" if float(digits) == 0 else (plus if points > 0 else "−") + digits


def _unit(axis: str) -> str:
    """The name of an axis where it heads a column or stands in a sentence."""
    return (
        "tokens" if axis == "generated_tokens" else f"{WORDS[axis]} tokens" if axis.endswith("tokens") else WORDS[axis]
    )


def _budget_head(control: str) -> str:
    return "effort" if control == Control.EFFORT else "budget"


def _table(*names: str) -> Table:
    table = new_table()
    table.padding = (0, 1, 0, 0)
    for name in names:
        table.add_column(name, justify="right", no_wrap=True)
    return table


def _line(*parts: str | Text) -> Text:
    return Text("").join(part if isinstance(part, Text) else Text(part) for part in parts)


def _dim(words: str) -> Text:
    return Text(words, style="dim")


def _warning(words: str) -> Text:
    return Text(words, style="yellow")
