"""The ``thinkcurve`` command: finds a subcommand, imports only its file, turns errors into a line and an exit code.

Exit codes: 0 fine, 1 gate failed, 2 usage or configuration, 3 incomplete or inconclusive, 70 a bug of ours, 130
interrupted, 143 told to end (SIGTERM).
"""

from __future__ import annotations

import io
import os
import sys
from importlib import import_module
from typing import Any

import click

from thinkcurve import __version__
from thinkcurve.cli import stopping
from thinkcurve.cli.guard import guarded
from thinkcurve.errors import ThinkcurveError, UsageError, did_you_mean

COMMANDS = {
    "run": "Carry out a study: think once, cut at every budget, grade every answer.",
    "show": "Print the curves of a run as a table.",
    "compare": "Compare two runs, and gate on what got worse.",
    "plot": "Draw accuracy against measured compute (html, svg, png, pdf, json).",
    "report": "Write one page of a run: curves, problems, what went wrong.",
    "leaderboard": "Write a static site of any number of runs.",
    "watch": "Follow a run that is going on.",
    "export": "Write a run in the files of lm-eval, Every Eval Ever, Hugging Face; CSV.",
    "import": "Make a run of another tool's results.",
    "tasks": "List the tasks, or show one with a problem.",
    "models": "List the engines, and what MODEL may be.",
    "verify": "Judge answers of your own, no model needed.",
    "regrade": "Judge the stored answers of a run again, and say what changed.",
    "doctor": "Try what works here; what is missing for the rest, and what mends it.",
    "schema": "Print the JSON Schema of a study, of the files of a run, of a curve.",
    "compact": "Write a run's tables (Parquet) from its journal.",
}
CRASHED = 70
"""The exit code of a bug: EX_SOFTWARE of sysexits.h."""
MODULES = {"import": "import_run"}
"""The file of a command whose name no module can have."""


class Commands(click.Group):
    """A group that imports a command's file only when that command is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The commands, in the order a user meets them."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command, from the file of its name."""
        if cmd_name not in COMMANDS:
            return None
        command = getattr(import_module(f"thinkcurve.cli.{MODULES.get(cmd_name, cmd_name)}"), "command")  # noqa: B009 - typed as Any on purpose
        assert isinstance(command, click.Command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does, with the nearest name where there is no such command."""
        name = args[0] if args else ""
        if name and not name.startswith("-") and name not in COMMANDS:
            raise UsageError(f"no command {name!r}.{did_you_mean(name, COMMANDS)} Commands: {', '.join(COMMANDS)}")
        return super().resolve_command(ctx, args)

    def main(self, *args: Any, **kwargs: Any) -> Any:
        """As click does; what is written to a pipe holds no command of GitHub Actions."""
        with guarded():
            return super().main(*args, **kwargs)

    def invoke(self, ctx: click.Context) -> object:
        """As click does; a reader that went away (``| head``) is no error of ours, and gets what a shell calls it."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 141

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list of commands, without importing any of them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


EPILOG = """\b
Example:
  thinkcurve run              the embedded model on its tasks, no key, no GPU
  thinkcurve run -m llamacpp:model.gguf -t arithmetic --budgets 0,256,1024
"""


@click.group(
    cls=Commands,
    epilog=EPILOG,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(__version__, prog_name="thinkcurve")
def cli() -> None:
    """Accuracy against thinking: run verifiable problems at a ladder of thinking budgets and draw the curve."""


def main() -> None:
    """The entry point: never a traceback for what a user can mend."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal that cannot show a character shows a question mark
    stopping.listen()
    with guarded():
        code = _run()
    sys.exit(code if isinstance(code, int) else 0)


def _run() -> object:
    """Carry the command out; its exit code."""
    try:
        code = cli.main(standalone_mode=False)
    except click.exceptions.Abort:
        code = stopping.exit_code()
    except click.ClickException as error:
        error.show()
        code = error.exit_code
    except UsageError as error:
        code = complain(error, 2)
    except ThinkcurveError as error:
        code = complain(error, 3)
    except KeyboardInterrupt:
        code = stopping.exit_code()
    except Exception:  # a bug keeps its traceback, and is no gate's verdict (exit code 1)
        import traceback

        traceback.print_exc()
        code = CRASHED
    return code


def complain(error: ThinkcurveError, code: int) -> int:
    """Print one line of complaint to stderr and hand the exit code back."""
    from thinkcurve.cli.voice import emit, says_json

    if says_json():
        emit("error", text=str(error), exit=code)
    else:
        click.echo(f"error: {error}", err=True)
    return code


if __name__ == "__main__":
    main()
