"""OpenAI's batches: a file of requests goes up, two files of answers come down within a day, at half the price.

https://developers.openai.com/api/docs/guides/batch. The files stay at OpenAI, so a batch can be collected by whoever
has the key, as often as wanted, until OpenAI deletes them.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any

import httpx2
import msgspec

from thinkcurve.backend import BatchStatus, Generation, Request
from thinkcurve.errors import BackendError
from thinkcurve_backends.chat.thinking import count_thinking
from thinkcurve_backends.json_body import json_body
from thinkcurve_backends.openai.backend import OpenAi
from thinkcurve_backends.openai.client import document
from thinkcurve_backends.openai.faults import refusal
from thinkcurve_backends.openai.responses import Responses

FACTOR = 0.5
"""https://help.openai.com/en/articles/9197833-batch-api-faq: "50% cost discount vs. the synchronous APIs"."""
LARGEST_FILE_BYTES = 200 * 10**6
"""https://developers.openai.com/api/docs/guides/batch: "up to 200 MB in size"."""
ENDED = frozenset({"completed", "failed", "expired", "cancelled"})
NEVER_BEGUN = frozenset({"batch_expired", "batch_cancelled"})
"""Codes of requests that the batch did not come to: they may be asked again."""


class OpenAiBatches(OpenAi):
    """A model that takes many requests at once (a `thinkcurve.backend.Batching`)."""

    @property
    def most_in_batch(self) -> int:
        """How many requests one batch may hold."""
        return self._options.most_in_batch

    @property
    def batch_factor(self) -> float:
        """What a token in a batch costs, as a part of what it costs otherwise."""
        return FACTOR

    async def submit(self, requests: Mapping[str, Request]) -> str:
        """Hand over requests by names of ours; OpenAI's id of the batch."""
        lines = b"".join(json_body(self._line(name, request)) + b"\n" for name, request in requests.items())
        if len(lines) > LARGEST_FILE_BYTES or len(requests) > self.most_in_batch:
            raise BackendError(
                f"a batch of {len(requests)} requests and {len(lines) / 1e6:.0f} MB is too large: OpenAI takes "
                f"{self.most_in_batch} and 200 MB; set option most_in_batch to fewer"
            )
        file = ("thinkcurve.jsonl", lines, "application/jsonl")
        sent = await self._client.run(
            lambda sdk: sdk.files.with_streaming_response.create(file=file, purpose="batch"), document
        )
        upload = self._id(sent)
        made = await self._client.run(
            lambda sdk: sdk.batches.with_streaming_response.create(
                input_file_id=upload, endpoint=self._endpoint, completion_window="24h"
            ),
            document,
        )
        return self._id(made)

    async def status(self, batch: str) -> BatchStatus:
        """How far a batch is, whoever submitted it and when."""
        found = await self._batch(batch)
        counts = found.get("request_counts")
        n = counts if isinstance(counts, dict) else {}
        n_all = n.get("total")
        return BatchStatus(
            is_ended=found.get("status") in ENDED,
            n_done=n["completed"] + n["failed"] if n.keys() >= {"completed", "failed"} else None,
            n_all=n_all if n_all else None,  # 0 while OpenAI is still counting
        )

    async def collect(self, batch: str) -> dict[str, Generation | BackendError]:
        """What became of each request of an ended batch, by our name; one that OpenAI never began is missing."""
        found = await self._batch(batch)
        if found.get("status") not in ENDED:
            raise BackendError(f"batch {batch!r} is not at its end ({found.get('status')})", is_retryable=True)
        files = [found[name] for name in ("output_file_id", "error_file_id") if found.get(name)]
        if found.get("status") == "failed" and not files:
            raise BackendError(f"batch {batch!r} was refused: {self._reasons(found)}")
        results: dict[str, Generation | BackendError] = {}
        for file in files:
            for name, came in (await self._read_file(file)).items():
                if came is not None:
                    results[name] = came
        return results

    @property
    def _endpoint(self) -> Any:
        return f"/v1{self._speech.path}"

    def _line(self, name: str, request: Request) -> dict[str, Any]:
        speech = self._speech
        body = speech.body(request, stream=False)
        if isinstance(speech, Responses) and not self._options.summary:
            reasoning = {key: value for key, value in body.get("reasoning", {}).items() if key != "summary"}
            # A summary that this organization may not have would fail every request of the batch, a day later.
            body = {key: value for key, value in body.items() if key != "reasoning"}
            body |= {"reasoning": reasoning} if reasoning else {}
        return {"custom_id": name, "method": "POST", "url": self._endpoint, "body": body}

    async def _batch(self, batch: str) -> dict[str, Any]:
        found = await self._client.run(lambda sdk: sdk.batches.with_streaming_response.retrieve(batch), document)
        if not isinstance(found, dict):
            raise self._unclear("a batch")
        return found

    async def _read_file(self, file: str) -> dict[str, Generation | BackendError | None]:
        async def read(response: httpx2.Response) -> dict[str, Generation | BackendError | None]:
            found: dict[str, Generation | BackendError | None] = {}
            async for line in _lines(response.aiter_bytes()):
                name, came = self._result(line)
                found[name] = came
            return found

        return await self._client.run(lambda sdk: sdk.files.with_streaming_response.content(file), read)

    def _result(self, line: bytes) -> tuple[str, Generation | BackendError | None]:
        """Our name of one request, and what became of it; ``None`` where it was never begun."""
        try:
            found = msgspec.json.decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError) as torn:
            raise self._unclear("the answers of a batch") from torn
        name = found.get("custom_id") if isinstance(found, dict) else None
        if not isinstance(name, str):
            raise self._unclear("the answers of a batch")
        error, response = found.get("error"), found.get("response")
        if isinstance(error, dict) and error.get("code") in NEVER_BEGUN:
            return name, None
        if not isinstance(response, dict):
            line_of = self._client.api.line
            said = error if isinstance(error, dict) else {}
            reason = f"{line_of(str(said.get('code')))}: {line_of(str(said.get('message')))}"
            return name, BackendError(f"a request of a batch failed ({reason})", is_retryable=True)
        try:
            return name, self._generation(response)
        except BackendError as fault:
            return name, fault

    def _generation(self, response: dict[str, Any]) -> Generation:
        status, body = response.get("status_code"), response.get("body")
        if status != 200:
            number = status if isinstance(status, int) and status >= 300 else 500
            raise refusal(number, {}, msgspec.json.encode(body), self._speech.path, self._client.api)
        generation = self._speech.read(body, None)
        return count_thinking(generation, self._encode) if self._encode else generation

    def _reasons(self, found: dict[str, Any]) -> str:
        errors = found.get("errors")
        data = errors.get("data") if isinstance(errors, dict) else None
        said = [str(entry.get("message")) for entry in data or () if isinstance(entry, dict)]
        return self._client.api.line("; ".join(said[:3]) or "no reason given")

    def _id(self, found: Any) -> str:
        name = found.get("id") if isinstance(found, dict) else None
        if not isinstance(name, str) or not name:
            raise self._unclear("an upload")
        return name

    def _unclear(self, what: str) -> BackendError:
        return BackendError(f"{self._client.api.base_url} answered with no {what} that can be read", is_retryable=True)


async def _lines(parts: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    rest = b""
    async for part in parts:
        *whole, rest = (rest + part).split(b"\n")
        for line in whole:
            if line.strip():
                yield line
    if rest.strip():
        yield rest
