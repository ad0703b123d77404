"""The SDKs of the providers on our wire: our limits, our cassettes, our errors."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

sys.path.insert(0, str(Path(__file__).parent))
from fault_server import MOST_TOKENS, Script, answer_to, fault_server

from thinkcurve.errors import BackendError
from thinkcurve_backends.endpoint.api import Api
from thinkcurve_backends.endpoint.keys import Key
from thinkcurve_backends.endpoint.open import open_api
from thinkcurve_backends.endpoint.options import EndpointOptions
from thinkcurve_backends.endpoint.sdk import cause_of, transport

openai = pytest.importorskip("openai")
KEY = "sk-very-secret-0123"


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with fault_server(Script(fault_rate=0, final_rate=0)) as address:
        yield address


async def ask(api: Api, number: int, **more: Any) -> Any:
    """What openai's client makes of request ``number``."""

    async def work() -> Any:
        async with httpx2.AsyncClient(transport=transport(api)) as http:
            client = openai.AsyncOpenAI(api_key=KEY, base_url=api.base_url, max_retries=0, http_client=http)
            messages = [{"role": "user", "content": f"#{number}#"}]
            made = await client.chat.completions.create(
                model="faulty", messages=messages, max_tokens=MOST_TOKENS, **more
            )
            return [chunk async for chunk in made] if more else made

    return await api.run(work())


async def test_whole_answers_and_streams_come_through(url: str) -> None:
    api = open_api(url, Key(KEY), EndpointOptions())
    made = await ask(api, 7)
    assert made.choices[0].message.content == answer_to(7)
    chunks = await ask(api, 8, stream=True)
    assert "".join(c.choices[0].delta.content or "" for c in chunks if c.choices) == answer_to(8)
    assert api.wire._limiter.n_open == 0  # type: ignore[attr-defined]
    api.close()


async def test_what_an_sdk_says_is_recorded_without_its_key_and_replayed(url: str, tmp_path: Path) -> None:
    tape = tmp_path / "tape"
    api = open_api(url, Key(KEY), EndpointOptions(record=str(tape)))
    said = (await ask(api, 1)).choices[0].message.content
    chunks = [chunk.to_dict() for chunk in await ask(api, 2, stream=True)]
    api.close()
    assert KEY.encode() not in tape.read_bytes()
    assert len(tape.read_bytes().splitlines()) == 2
    replayed = open_api("http://127.0.0.1:1/v1", Key(""), EndpointOptions(replay=str(tape)))
    assert (await ask(replayed, 1)).choices[0].message.content == said
    assert [chunk.to_dict() for chunk in await ask(replayed, 2, stream=True)] == chunks
    with pytest.raises((openai.APIConnectionError, BackendError)) as caught:
        await ask(replayed, 3)
    found = cause_of(caught.value)
    assert found is not None
    assert not found.is_fatal  # others were found: this one alone was not recorded
    replayed.close()


async def test_faults_of_the_network_are_found_in_what_an_sdk_raises() -> None:
    api = open_api("http://127.0.0.1:1/v1", Key(KEY), EndpointOptions())
    with pytest.raises((openai.APIConnectionError, BackendError)) as caught:
        await ask(api, 1)
    found = cause_of(caught.value)
    assert isinstance(found, BackendError)
    assert "cannot reach http://127.0.0.1:1" in str(found)
    assert found.is_retryable
    assert cause_of(ValueError("another")) is None
    api.close()


async def test_refusals_are_the_sdks_own_errors_with_status_and_headers(tmp_path: Path) -> None:
    with fault_server(Script(fault_rate=1, faults=("429 and when",), retry_after="7")) as url:
        api = open_api(url, Key(KEY), EndpointOptions())
        with pytest.raises(openai.RateLimitError) as caught:
            await ask(api, 1)
        response = caught.value.response
        found = api.fault(response.status_code, response.headers, response.content, "/chat/completions")
        api.close()
    assert found.is_busy
    assert found.retry_after_s == 7
