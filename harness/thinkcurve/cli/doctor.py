"""``thinkcurve doctor``: what this machine can do, tried and not assumed: above all, how well it isolates code.

With ``--backend`` it is an engine or a provider that is tried instead: `doctor_backend`.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from thinkcurve.cli.verify import sandbox_option
from thinkcurve.errors import UsageError

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from thinkcurve.cli.doctor_ways import Way
    from thinkcurve.verify.probes import Finding
    from thinkcurve.verify.worker import Equality

JSON_SCHEMA = 1
WIDTH = 80


EPILOG = """\b
Examples:
  thinkcurve doctor --sandbox strict
  thinkcurve doctor --backend llamacpp:model.gguf --backend-option slots=2
"""


@click.command(name="doctor", epilog=EPILOG)
@sandbox_option("level", help_text="Exit 1 where code can be isolated less than this: strict, standard or weak.")
@click.option("--backend", "spec", metavar="MODEL", help="Try an engine or a provider instead: does it keep its word?")
@click.option(
    "--backend-option", "options", multiple=True, metavar="KEY=VALUE", help="An option of that engine; repeatable."
)
@click.option("--check", "checks", multiple=True, metavar="NAME", help="Only this check of it; repeatable.")
@click.option("--cluster", metavar="ADDRESS", help="Try every node of a Ray cluster instead: auto, or HOST:PORT.")
@click.option("--json", "as_json", is_flag=True, help="Print what was found as JSON.")
def command(
    level: str,
    spec: str | None,
    options: tuple[str, ...],
    checks: tuple[str, ...],
    cluster: str | None,
    as_json: bool,
) -> None:
    """Try this machine: what works here, what is missing for the rest and the command that mends it, and every
    sandbox with a set of hostile programs. Exit 1 where something fails that every install should do.

    strict needs tier A (namespaces), standard A or B (Landlock), weak is content with any. The sandbox with the
    best tier is the one that `run`, `verify` and `regrade` use.

    With --backend MODEL, try an engine or a provider: is it exact, do budgets and effort change what it spends, does
    it keep stops and seeds and bear many requests at once. What it asks of a provider is paid for. A line a check;
    exit 0 if none failed. MODEL is as for `run`.
    """
    if spec is not None:
        from thinkcurve.cli.doctor_backend import try_backend

        sys.exit(try_backend(spec, options, checks, as_json=as_json))
    if cluster is not None:
        from thinkcurve.cli.doctor_cluster import try_cluster

        sys.exit(try_cluster(cluster, level, as_json=as_json))
    if options or checks:
        raise UsageError(f"{'--backend-option' if options else '--check'} needs --backend MODEL, the engine to try")
    _try_machine(level, as_json=as_json)


def _try_machine(level: str, *, as_json: bool) -> None:
    import asyncio

    from thinkcurve.verify.isolation import LEVELS

    found = asyncio.run(_try_everything(LEVELS[level]))
    if as_json:
        _print_json(found, level)
    else:
        _print(found, level)
    sys.exit(0 if all(way.works for way in found.ways if way.is_core) else 1)


@dataclass(frozen=True, slots=True)
class _Found:
    """What was tried on this machine: every wall and the best of them, the maths worker, what a user may want to do."""

    walls: list[Finding]
    best: Finding | None
    is_enough: bool
    maths: Equality
    ways: list[Way]


async def _try_everything(least_tier: str) -> _Found:
    from thinkcurve.cli.doctor_ways import all_ways
    from thinkcurve.verify.probes import try_all
    from thinkcurve.verify.worker import MathWorkers

    workers = MathWorkers(1)
    try:
        maths = await workers.compare([r"\frac{1}{2}"], [r"\frac{2}{4}"])
    finally:
        await workers.aclose()
    walls = await try_all()
    best = min((wall for wall in walls if wall.tier), key=lambda wall: wall.tier, default=None)
    is_enough = best is not None and best.tier <= least_tier
    return _Found(walls, best, is_enough, maths, await all_ways(best, maths, is_enough=is_enough))


def _print_json(found: _Found, level: str) -> None:
    import msgspec

    from thinkcurve.cli.doctor_cluster import ray_version
    from thinkcurve.provenance import hardware, versions

    best = found.best
    document: dict[str, Any] = {
        "schema": JSON_SCHEMA,
        "versions": versions(),
        "hardware": hardware(),
        "ways": found.ways,
        "maths_worker": found.maths.equal is True,
        "ray": ray_version(),
        "sandbox": {"wall": best.wall if best else None, "tier": best.tier if best else None},
        "level": level,
        "is_enough": found.is_enough,
        "walls": found.walls,
    }
    click.echo(msgspec.json.encode(document))


def _print(found: _Found, level: str) -> None:
    from rich.console import Console

    from thinkcurve.cli.doctor_ways import print_ways

    console = Console(highlight=False)
    console.width = min(console.width, WIDTH)
    _print_machine(console)
    print_ways(console, found.ways)
    console.print()
    console.print(_table(found.walls, found.best))
    for wall in found.walls:
        if wall.problem:
            console.print(f"{wall.wall}: {wall.problem}", style="yellow", markup=False)
    if found.best:
        _print_gaps(console, found.best)
    met = "met" if found.is_enough else "not met: code answers are refused"
    advice = "" if found.is_enough else ". Install bubblewrap, or see --sandbox weak"
    console.print(f"Level {level}: {met}{advice}", style="green" if found.is_enough else "red")


def _print_machine(console: Console) -> None:
    from thinkcurve.provenance import hardware, versions

    known, facts = versions(), hardware()
    memory = f", {facts['memory_gib']} GiB" if "memory_gib" in facts else ""
    console.print(
        f"thinkcurve {known.get('thinkcurve', '?')}, Python {known['python']}, {facts['system']} {facts['machine']}, "
        f"{facts['cores']} cores{memory}\n",
        markup=False,
    )


def _table(findings: Sequence[Finding], best: Finding | None) -> Table:
    """One row a probe, one column a wall: what hostile programs got."""
    from rich.table import Table

    from thinkcurve.verify.probes import PROBES

    tried = [finding for finding in findings if finding.tier]
    table = Table(title="What a hostile answer cannot do", title_justify="left", box=None, pad_edge=False)
    table.add_column("")
    for finding in tried:
        chosen = " *" if finding is best else ""
        table.add_column(f"{finding.tier}{chosen}\n{finding.wall}", justify="center", no_wrap=True)
    for probe in PROBES:
        marks = ("[green]refused[/]" if f.refused[probe.name] else "[red]allowed[/]" for f in tried)
        table.add_row(probe.what, *marks)
    return table


def _print_gaps(console: Console, best: Finding) -> None:
    from thinkcurve.verify.isolation import GAPS

    console.print(f"\n* in use: tier {best.tier}, {best.wall}. It does not cover:", markup=False)
    for tier in "ABC"[: "ABC".index(best.tier) + 1]:
        for gap in GAPS[tier]:
            console.print(f"  - {gap}", markup=False)
