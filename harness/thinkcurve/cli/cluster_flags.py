"""The flags of ``run`` that have a study carried out on a Ray cluster."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from thinkcurve.errors import UsageError

if TYPE_CHECKING:
    from thinkcurve.cluster.driver import Wish

Command = TypeVar("Command", bound=Callable[..., Any])
NAMES = ("cluster", "workers", "cpus_per_worker", "gpus_per_worker", "shards")


def cluster_flags(command: Command) -> Command:
    """``--cluster``, and what goes with it and has no room on the screen that the help of ``run`` takes."""
    number = click.FloatRange(min=0)
    options = [
        click.option("--cluster", metavar="ADDRESS", help="On Ray: auto, local, HOST:PORT (docs/cluster.md)."),
        click.option("--workers", hidden=True, metavar="N", help="Replicas of each model; auto: all that fit."),
        click.option("--cpus-per-worker", hidden=True, type=number, metavar="N", help="CPUs of a worker: 1."),
        click.option("--gpus-per-worker", hidden=True, type=number, metavar="N", help="GPUs of a worker: 0."),
        click.option("--shards", hidden=True, metavar="URL", help="Where workers write if they share no -o."),
    ]
    for decorate in reversed(options):
        command = decorate(command)
    return command


def wish_of(flags: dict[str, Any]) -> Wish | None:
    """What the flags ask of a cluster, taken out of ``flags``; ``None`` without ``--cluster``."""
    given = {name: flags.pop(name) for name in NAMES}
    if given["cluster"] is None:
        for name in NAMES[1:]:
            if given[name] is not None:
                raise UsageError(f"--{name.replace('_', '-')} is of a cluster: add --cluster auto, local or HOST:PORT")
        return None
    from thinkcurve.cluster.driver import Wish
    from thinkcurve.cluster.fleet import Share

    cpus, gpus = given["cpus_per_worker"], given["gpus_per_worker"]
    share = Share(1.0 if cpus is None else cpus, 0.0 if gpus is None else gpus)
    if share.gpus > 1 and not share.gpus.is_integer():
        raise UsageError(f"--gpus-per-worker {share.gpus:g}: a part of one GPU, or whole ones")
    return Wish(given["cluster"], _count(given["workers"]), share, given["shards"] or "")


def _count(text: str | None) -> int | None:
    if text is None or text == "auto":
        return None
    if not text.isdecimal() or int(text) < 1:
        raise UsageError(f"--workers {text!r} is not a number above 0, or auto")
    return int(text)
