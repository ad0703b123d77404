"""What Google knows of a model: its limits, its makers' sampling, and whether it thinks."""

from __future__ import annotations

from typing import Any

import msgspec

from thinkcurve.backend import ModelInfo, Sampling
from thinkcurve.errors import BackendError, ThinkcurveError, UsageError, did_you_mean
from thinkcurve_backends.endpoint.faults import one_line
from thinkcurve_backends.gemini.family import Way, way_of
from thinkcurve_backends.gemini.faults import UNREADABLE, Faults
from thinkcurve_backends.gemini.options import GeminiOptions
from thinkcurve_backends.gemini.sdk import VERSION, GoogleAuthError, Sdk, errors, types

PROVIDER = "google"
"""Its id in ``genai-prices``."""
GENERATES = "generateContent"
MOST_NAMES = 1000
UNCLEAR = (
    "its name does not tell how it is asked to think: it thinks as it likes, "
    "or give option thinking=budget or thinking=level"
)
LEGACY = "budgets are asked of a model that Google means to be asked by level: what they do is for the usage to show"
FILTERED = "top_k 0 is the provider's own here: the {} likeliest tokens"


class Found(msgspec.Struct, frozen=True):
    """A model, and how it is asked to think."""

    info: ModelInfo
    way: Way


async def find_model(sdk: Sdk, name: str, options: GeminiOptions, faults: Faults) -> Found:
    """The model ``name``. Raises `UsageError` where there is none, or where it writes no text."""
    try:
        model = await sdk.aio.models.get(model=name)
    except errors.APIError as error:
        fault = faults.of(error)
        if error.code != 404:
            raise fault from None
        raise await _unknown(sdk, name, fault) from None
    except UNREADABLE as error:
        raise faults.broken(error) from None
    except GoogleAuthError as error:
        raise faults.no_credentials(error) from None
    if model.supported_actions and GENERATES not in model.supported_actions:
        does = one_line(", ".join(model.supported_actions), ())
        raise UsageError(f"{name!r} writes no text: Google says that it does {does}")
    return _found(model, name, options)


async def _unknown(sdk: Sdk, name: str, fault: BackendError) -> ThinkcurveError:
    known: list[str] = []
    try:
        async for model in await sdk.aio.models.list(config={"page_size": MOST_NAMES}):
            known.append((model.name or "").removeprefix("models/"))
            if len(known) >= MOST_NAMES:
                break
    except (errors.APIError, *UNREADABLE, BackendError):
        return fault  # it is about the model; that there is no list of models either says nothing more
    near = did_you_mean(name, known)
    return UsageError(f"Google has no model {name!r}.{near} Its list has {len(known)}")


def _found(model: types.Model, name: str, options: GeminiOptions) -> Found:
    way = way_of(name, model.thinking, options.thinking)
    notes = []
    if way.native is None and not way.by_level and way.thinks is not False:
        notes.append(UNCLEAR)
    if options.thinking == "budget" and way_of(name, model.thinking, "").by_level:
        notes.append(LEGACY)
    if model.top_k:
        notes.append(FILTERED.format(model.top_k))
    info = ModelInfo(
        name=name,
        revision=model.version,
        fingerprint=model.version,
        context_tokens=_window(model),
        engine=f"google-genai {VERSION}" + (" · Vertex AI" if options.vertex else ""),
        sampling=_sampling(model),
        notes=tuple(notes),
        provider=PROVIDER,
        native=way.native,
        efforts=way.efforts,
        max_output_tokens=model.output_token_limit,
    )
    return Found(info, way)


def _sampling(model: types.Model) -> Sampling | None:
    if model.temperature is None:
        return None
    wished: dict[str, Any] = {"temperature": model.temperature, "top_p": model.top_p, "top_k": model.top_k}
    return Sampling(**{name: value for name, value in wished.items() if value is not None})


def _window(model: types.Model) -> int | None:
    """Google bounds prompt and output each by itself; together they bound all of it."""
    if model.input_token_limit is None or model.output_token_limit is None:
        return None
    return model.input_token_limit + model.output_token_limit
