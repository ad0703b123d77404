"""Many requests at once, answered within a day at half the price: https://ai.google.dev/gemini-api/docs/batch-api.

Small batches go in the request itself, larger ones in a file of JSON lines; each request carries our name for it, and
answers come back in order with that name. Nothing here keeps Google from making a batch twice where its answer to
`submit` was lost: its interface has no keys of idempotency.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

import msgspec

from thinkcurve.backend import BatchStatus, Generation
from thinkcurve.errors import BackendError
from thinkcurve_backends.gemini.body import Asked, json_of, plain
from thinkcurve_backends.gemini.faults import UNREADABLE, Faults
from thinkcurve_backends.gemini.reply import Reading
from thinkcurve_backends.gemini.sdk import Sdk, errors, types

FACTOR = 0.5
"""https://ai.google.dev/gemini-api/docs/pricing: a batch costs half."""
MOST = 20_000
"""A number of ours: Google bounds a batch by the size of its file (2 GB) and by the tokens that wait."""
INLINE_BYTES = 20_000_000 - 100_000
"""20 MB is the most for a request with all that it holds; the rest is for the frame around it."""
NAME = "key"
"""What our name of a request is called, in metadata and in files, as in Google's examples."""
FAILED = "JOB_STATE_FAILED"
ENDED = frozenset(
    ("JOB_STATE_SUCCEEDED", FAILED, "JOB_STATE_CANCELLED", "JOB_STATE_EXPIRED", "JOB_STATE_PARTIALLY_SUCCEEDED")
)


async def submit(sdk: Sdk, model: str, asked: Mapping[str, Asked], faults: Faults) -> str:
    """Hand over requests by name; the name of the batch."""
    lines = [msgspec.json.encode({NAME: name, "request": json_of(one)}) for name, one in asked.items()]
    try:
        source: Any
        if sum(map(len, lines)) <= INLINE_BYTES:
            source = [
                types.InlinedRequest(contents=one.contents, config=one.config, metadata={NAME: name})
                for name, one in asked.items()
            ]
        else:
            upload = types.UploadFileConfig(mime_type="jsonl")
            source = (await sdk.aio.files.upload(file=io.BytesIO(b"\n".join(lines)), config=upload)).name
        made = await sdk.aio.batches.create(model=model, src=source)
    except errors.APIError as error:
        raise faults.of(error) from None
    except UNREADABLE as error:
        raise faults.broken(error) from None
    if not made.name:
        raise BackendError("Google took the batch and gave it no name")
    return made.name


async def status(sdk: Sdk, name: str, faults: Faults) -> BatchStatus:
    """How far a batch is; Google's SDK does not pass on how many requests are done."""
    job = await _job(sdk, name, faults)
    return BatchStatus(is_ended=_state(job) in ENDED)


async def collect(sdk: Sdk, name: str, faults: Faults) -> dict[str, Generation | BackendError]:
    """What became of each request; none of a batch that was cancelled or came too late before it was begun."""
    job = await _job(sdk, name, faults)
    if _state(job) not in ENDED:
        raise BackendError(f"batch {name} is not done ({_state(job)})", is_retryable=True)
    if _state(job) == FAILED:
        raise BackendError(f"batch {name} failed as a whole at Google, which does not say why; submit it again")
    found: dict[str, Generation | BackendError] = {}
    if job.dest is not None and job.dest.inlined_responses:
        for one in job.dest.inlined_responses:
            error = one.error and faults.said(one.error.code or 0, one.error.message or "no reason given")
            found[_name_of(one.metadata, name)] = error or _read(one.response and plain(one.response))
    elif job.dest is not None and job.dest.file_name:
        for line in await _lines(sdk, job.dest.file_name, faults):
            found[_name_of(line, name)] = _read_line(line, faults)
    return found


async def _job(sdk: Sdk, name: str, faults: Faults) -> types.BatchJob:
    try:
        return await sdk.aio.batches.get(name=name)
    except errors.APIError as error:
        raise faults.of(error) from None
    except UNREADABLE as error:
        raise faults.broken(error) from None


def _state(job: types.BatchJob) -> str:
    return str(job.state.value) if job.state is not None else "no state"


def _name_of(labels: Mapping[str, Any] | None, batch: str) -> str:
    name = (labels or {}).get(NAME)
    if not isinstance(name, str):
        raise BackendError(f"batch {batch} holds an answer that does not say to which request")
    return name


def _read(document: object) -> Generation | BackendError:
    reading = Reading()
    try:
        reading.add(document)
        return reading.generation()
    except BackendError as error:
        return error


async def _lines(sdk: Sdk, name: str, faults: Faults) -> list[dict[str, Any]]:
    try:
        document = await sdk.aio.files.download(file=name)
        return [msgspec.json.decode(line, type=dict[str, Any]) for line in document.splitlines() if line.strip()]
    except errors.APIError as error:
        raise faults.of(error) from None
    except UNREADABLE as error:
        raise faults.broken(error) from None


def _read_line(line: Mapping[str, Any], faults: Faults) -> Generation | BackendError:
    """One answer of a file: a response, or ``google.rpc.Status`` under ``error`` or ``status``."""
    said = line.get("error") or line.get("status")
    if isinstance(said, dict) and said.get("code"):
        code = said["code"] if isinstance(said["code"], int) else 0
        return faults.said(code, said.get("message", "no reason given"))
    return _read(line.get("response"))
