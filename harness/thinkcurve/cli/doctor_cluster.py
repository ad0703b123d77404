"""``thinkcurve doctor --cluster``: whether a Ray cluster is reached, and what each of its nodes can do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from thinkcurve.cluster.visit import Visit


def ray_version() -> str | None:
    """The version of Ray that is installed; nothing is imported."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("ray")
    except PackageNotFoundError:
        return None


def try_cluster(address: str, level: str, *, as_json: bool) -> int:
    """Visit every node, and say what was found; 1 where one of them cannot be used at that level of isolation."""
    import asyncio

    from thinkcurve.cluster.visit import visit_all
    from thinkcurve.verify.isolation import LEVELS

    visits = asyncio.run(visit_all(address))
    is_enough = [not v.problem and tier_of(v) <= LEVELS[level] for v in visits]
    if as_json:
        _print_json(address, visits, level, is_enough)
    else:
        _print(address, visits, level, is_enough)
    return 0 if all(is_enough) else 1


def tier_of(visit: Visit) -> str:
    """The tier of the sandbox of a node, which its judge names first; ``Z`` where there is none."""
    return str(visit.ready.verifier.get("sandbox", "Z"))[:1]


def _facts(visit: Visit) -> dict[str, Any]:
    resources = visit.node.resources
    return {
        "cpus": resources.get("CPU", 0.0),
        "gpus": resources.get("GPU", 0.0),
        "sandbox": visit.ready.verifier.get("sandbox"),
        "hardware": dict(visit.ready.hardware),
        "problem": visit.problem or None,
    }


def _print_json(address: str, visits: Sequence[Visit], level: str, is_enough: Sequence[bool]) -> None:
    import json

    nodes = [_facts(visit) | {"is_enough": enough} for visit, enough in zip(visits, is_enough, strict=True)]
    click.echo(json.dumps({"schema": 1, "cluster": address, "ray": ray_version(), "level": level, "nodes": nodes}))


def _print(address: str, visits: Sequence[Visit], level: str, is_enough: Sequence[bool]) -> None:
    from rich import box
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    console = Console(highlight=False)
    console.width = min(console.width, 80)
    console.print(f"Ray {ray_version()}, cluster {address}: {len(visits)} nodes", markup=False)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in ("node", "CPUs", "GPUs", "sandbox", f"level {level}"):
        table.add_column(name, justify="right" if name in ("CPUs", "GPUs") else "left")
    for number, (visit, enough) in enumerate(zip(visits, is_enough, strict=True), 1):
        facts = _facts(visit)
        met = "[green]met[/]" if enough else "[red]not met[/]"
        sandbox = escape(str(facts["sandbox"] or visit.problem))
        table.add_row(str(number), f"{facts['cpus']:g}", f"{facts['gpus']:g}", sandbox, met)
    console.print(table)
