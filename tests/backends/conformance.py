"""Every conformance check as one parametrised test of an engine, each check in an event loop of its own.

from conformance import conforms, opened

@pytest.fixture(scope="module")
def small_model() -> Iterator[Subject]:
    yield from opened("llamacpp:model.gguf", slots=4)

test_small_model = conforms("small_model", skipped={"server"})
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Set
from typing import Any

import pytest

from thinkcurve.plugins import open_backend
from thinkcurve.testing import CHECKS, Subject, run_check


def opened(spec: str, *, size: int = 24, patience_s: float = 120.0, **options: Any) -> Iterator[Subject]:
    """The subject of a model spec, closed at the end: the body of a fixture."""
    backend = open_backend(spec, options)
    yield Subject(backend, size=size, patience_s=patience_s)
    asyncio.run(backend.aclose())


def conforms(fixture: str, skipped: Set[str] = frozenset()) -> Callable[..., None]:
    """A test of each check, in order, on the subject of a fixture. No check but those named may be skipped."""

    @pytest.mark.parametrize("check", CHECKS)
    def test_conformance(check: str, request: pytest.FixtureRequest) -> None:
        outcome = asyncio.run(run_check(check, request.getfixturevalue(fixture)))
        outcome.raise_if_failed()
        if outcome.status == "skipped":
            assert check in skipped, outcome.detail
            pytest.skip(outcome.detail)

    return test_conformance
