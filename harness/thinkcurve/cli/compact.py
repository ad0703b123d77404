"""``thinkcurve compact``: write a run's tables from its journal, also of a run that was stopped."""

from __future__ import annotations

from pathlib import Path

import click


@click.command(name="compact", epilog="Example: thinkcurve compact results/embedded")
@click.argument("run", type=click.Path(path_type=Path), metavar="RUN")
def command(run: Path) -> None:
    """Write attempts.parquet and traces.parquet of RUN from its journal."""
    from thinkcurve.store import read_manifest
    from thinkcurve.tables import compact, read_records

    read_manifest(run)
    records = read_records(run, lambda text: click.echo(text, err=True))
    compact(run, records)
    click.echo(f"{len(records.attempts)} attempts, {len(records.traces)} traces", err=True)
