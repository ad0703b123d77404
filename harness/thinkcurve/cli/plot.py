"""``thinkcurve plot``: the figure, in the format that the file's ending names."""

from __future__ import annotations

from pathlib import Path

import click


@click.command(name="plot", epilog="Example: thinkcurve plot results/embedded -o curve.svg")
@click.argument("runs", nargs=-1, required=True, metavar="RUN...")
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, metavar="FIG.(html|svg|png|pdf|json)")
@click.option("--x", "axis", default="thinking_tokens", show_default=True, metavar="AXIS", help="What was spent.")
@click.option("--title", metavar="TEXT", help="A title of your own.")
def command(runs: tuple[str, ...], output: Path, axis: str, title: str | None) -> None:
    """Draw accuracy against measured compute, with 95 % intervals.

    AXIS is thinking_tokens, generated_tokens, total_tokens, flops, wall_s, joules or usd.
    """
    from thinkcurve.report.figure import curve_spec
    from thinkcurve.report.write import write_figure
    from thinkcurve.run import load_run

    def warn(text: str) -> None:
        click.echo(text, err=True)

    curves = [curve for run in runs for curve in load_run(run, warn=warn).curves()]
    write_figure(curve_spec(curves, axis=axis, title=title), output)
    click.echo(str(output))
