"""``thinkcurve compact``: write a run's tables from its journal, also of a run that was stopped."""

from __future__ import annotations

from pathlib import Path

import click


@click.command(name="compact", epilog="Example: thinkcurve compact results/embedded")
@click.argument("run", type=click.Path(path_type=Path), metavar="RUN")
def command(run: Path) -> None:
    """Write attempts.parquet and traces.parquet of RUN from its journal."""
    from thinkcurve.merge import compact_run
    from thinkcurve.store import held, read_manifest

    read_manifest(run)
    with held(run):
        rows = compact_run(run, lambda text: click.echo(text, err=True))
    click.echo(f"{rows.attempts} attempts, {rows.traces} traces", err=True)
