"""``thinkcurve plot``: the figure, in the format that the file's ending names."""

from __future__ import annotations

from pathlib import Path

import click


@click.command(name="plot", epilog="Example: thinkcurve plot results/embedded -o curve.svg")
@click.argument("runs", nargs=-1, required=True, metavar="RUN...")
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, metavar="FIG.(html|svg|png|pdf|json)")
@click.option("--x", "axis", metavar="AXIS", help="What was spent.  [default: thinking_tokens]")
@click.option("--title", metavar="TEXT", help="A title of your own.")
def command(runs: tuple[str, ...], output: Path, axis: str | None, title: str | None) -> None:
    """Draw accuracy against measured compute, with 95 % intervals.

    AXIS is thinking_tokens, generated_tokens, total_tokens, flops, wall_s, joules or usd. Where a provider does not
    count its thinking, the default is the next of them that is known.
    """
    from thinkcurve.report.figure import curve_spec, known_axes
    from thinkcurve.report.write import write_figure
    from thinkcurve.run import load_run

    def warn(text: str) -> None:
        click.echo(text, err=True)

    curves = [curve for run in runs for curve in load_run(run, warn=warn).curves()]
    if axis is None:
        axis = next(iter(known_axes(curves)), "thinking_tokens")
        if axis != "thinking_tokens":
            warn(f"thinking_tokens are not known for every curve: drawn against {axis}; --x takes another")
    write_figure(curve_spec(curves, axis=axis, title=title), output)
    click.echo(str(output))
