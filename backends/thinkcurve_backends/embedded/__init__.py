"""The model that ships with thinkcurve: small enough to run anywhere, so that a first curve needs no download.

How it was trained is in ``backends/training``.
"""

from __future__ import annotations

from importlib.resources import as_file, files

from thinkcurve.errors import UsageError
from thinkcurve_backends.llamacpp.backend import LlamaCpp, Options, open_file, read_options

NAME = "thinkcurve-tiny"
DEFAULTS = Options(slots=16, threads=1)
"""One thread: on a model this small the work of a step is shorter than handing it over."""


def open_backend(what: str = "", **options: str | int | float | bool) -> LlamaCpp:
    """The shipped model, loaded; options are those of `thinkcurve_backends.llamacpp.Options`."""
    if what not in ("", NAME):
        raise UsageError(f"there is one embedded model, 'embedded'; for a file of your own use 'llamacpp:{what}'")
    chosen = read_options(options, DEFAULTS)
    resource = files(__name__) / f"{NAME}.gguf"
    if not resource.is_file():
        raise UsageError("the embedded model is missing from this installation; install thinkcurve again")
    with as_file(resource) as path:
        return open_file(path, chosen, name=NAME)
