"""What a user can set for a Gemini model, under ``model_options`` in a study, and what is wrong with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from thinkcurve.errors import UsageError, did_you_mean
from thinkcurve_backends.endpoint.options import LEAST, EndpointOptions
from thinkcurve_backends.options import read_options

SAFETY = ("default", "off")
THINKING = ("budget", "level")


@dataclass(frozen=True, slots=True)
class GeminiOptions(EndpointOptions):
    """Beside what every endpoint takes.

    ``api_version`` is the one that the SDK takes where it is empty (v1). ``vertex`` asks Google Cloud in place of the
    Gemini API, with the credentials that google-auth finds (no key), for ``project`` at ``location``: that way was
    written by Google's documentation and never run. ``safety`` is default, or off: then no content filter that can be
    turned off stays on. ``thinking`` says how the model is asked to think where its name does not tell: by budget, as
    Gemini 2.5, or by level, as Gemini 3.
    """

    api_version: str = ""
    vertex: bool = False
    project: str = ""
    location: str = ""
    safety: str = "default"
    thinking: str = ""


def read_gemini_options(options: Mapping[str, Any]) -> GeminiOptions:
    """The options of a user, checked."""
    wished = read_options("gemini", options, GeminiOptions(), LEAST)
    for name, value, known in (("safety", wished.safety, SAFETY), ("thinking", wished.thinking, THINKING)):
        if value and value not in known:
            near = did_you_mean(value, known)
            raise UsageError(f"option {name} of gemini is {value!r}.{near} Known: {', '.join(known)}")
    if (wished.project or wished.location) and not wished.vertex:
        raise UsageError("options project and location of gemini are for Google Cloud; add vertex=true")
    if wished.vertex and not wished.project:
        raise UsageError("option vertex of gemini needs a project of Google Cloud: add project=NAME")
    return wished
