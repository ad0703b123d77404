"""Keys of idempotency: one for all tries of a request, so that a server may answer a repeated one from its memory."""

from __future__ import annotations

import hashlib

HEADER = "idempotency-key"


def idempotency_key(nonce: bytes, body: bytes, seed: int | None) -> str:
    """The key of one request: the same for its retries, another for a second sample with an equal body.

    ``nonce`` is drawn once for each backend, so that no other run is given this one's answers.
    """
    head = b"%d:%s%d:" % (len(nonce), nonce, -1 if seed is None else seed)
    return hashlib.sha256(head + hashlib.sha256(body).digest()).hexdigest()[:48]
