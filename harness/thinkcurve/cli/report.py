"""``thinkcurve report``: one page of one or more runs, for a browser without a network."""

from __future__ import annotations

from pathlib import Path

import click

from thinkcurve.cli.counted import Counted, progress_option
from thinkcurve.cli.voice import speak_json
from thinkcurve.errors import UsageError


@click.command(name="report", epilog="Example: thinkcurve report results/base results/new -o report.html")
@click.argument("runs", nargs=-1, required=True, metavar="RUN...")
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, metavar="FILE.html")
@click.option("--title", default="", metavar="TEXT", help="A title of your own.")
@progress_option
@click.option("--full", is_flag=True, help="Keep every text whole, however large the page gets.")
def command(runs: tuple[str, ...], output: Path, title: str, full: bool, progress: str) -> None:
    """Write one page of a run: curves, problems, what went wrong.

    The page is whole in itself: it needs no network, and stays below 2 MB by leaving out the middles of long texts.
    With several runs every curve is compared with the first of its task.
    """
    from thinkcurve.report.labels import plain
    from thinkcurve.report.run_report.gather import contents_of
    from thinkcurve.report.run_report.run_page import MOST_BYTES, report_page
    from thinkcurve.run import load_run
    from thinkcurve.store import replace

    if output.suffix.lower() not in (".html", ".htm"):
        raise UsageError(f"a report is a page: -o {str(output)!r} must end in .html")
    if not output.parent.is_dir():
        raise UsageError(f"cannot write {output}: there is no folder {str(output.parent)!r}")

    speak_json(progress == "json")
    n = len(runs) + 2
    with Counted("steps", progress) as shown:
        loaded = []
        for i, run in enumerate(runs):
            shown.step(i, n, f"reading {plain(run)}")
            loaded.append(load_run(run, warn=shown.say))
        shown.step(n - 2, n, "curves and comparisons")
        contents = contents_of(loaded, title=title)
        shown.step(n - 1, n, "the page")
        html = report_page(contents, most_bytes=None if full else MOST_BYTES)
    replace(output, lambda draft: draft.write_text(html, encoding="utf-8"))
    click.echo(str(output))
