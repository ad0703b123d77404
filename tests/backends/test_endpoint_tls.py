"""A server that nobody vouches for is not talked to."""

import asyncio
import shutil
import ssl
import subprocess
from pathlib import Path

import pytest

from thinkcurve.errors import BackendError
from thinkcurve_backends.endpoint import wire
from thinkcurve_backends.endpoint.keys import Key
from thinkcurve_backends.endpoint.open import open_api
from thinkcurve_backends.endpoint.options import EndpointOptions

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl makes the certificate")
KEY = "sk-very-secret-0123"


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[str, str]:
    """A certificate of 127.0.0.1, signed by itself, and its key."""
    files = str(tmp_path / "cert.pem"), str(tmp_path / "key.pem")
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=here"
    more = ["-addext", "subjectAltName=IP:127.0.0.1", "-out", files[0], "-keyout", files[1]]
    subprocess.run([*command.split(), *more], check=True, capture_output=True)
    return files


async def ask(certificate: tuple[str, str]) -> list[bytes]:
    """What a server with that certificate hears when it is asked for something; it answers ``{}``."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    heard: list[bytes] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Type: application/json\r\n\r\n{}")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0, ssl=context) as server:
        url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
        api = open_api(url, Key(KEY), EndpointOptions(), headers={"authorization": f"Bearer {KEY}"})
        try:
            assert await api.get("/models") == {}
        finally:
            api.close()
    return heard


async def test_a_certificate_that_nobody_signed_ends_the_run_before_the_key_is_sent(
    certificate: tuple[str, str],
) -> None:
    with pytest.raises(BackendError, match=r"(?i)certificate") as caught:
        await ask(certificate)
    assert caught.value.is_fatal
    assert not caught.value.is_retryable
    assert KEY not in str(caught.value)


async def test_a_certificate_of_ones_own_is_trusted_where_the_environment_says_so(
    certificate: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", certificate[0])
    wire._trusted.cache_clear()
    try:
        assert (await ask(certificate))[0].startswith(b"GET /v1/models HTTP/1.1")
    finally:
        wire._trusted.cache_clear()
