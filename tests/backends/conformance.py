"""Every conformance check as one parametrised test of an engine, each check in an event loop of its own.

from conformance import conforms, opened

@pytest.fixture(scope="module")
def small_model() -> Iterator[Subject]:
    yield from opened("llamacpp:model.gguf", slots=4)

test_small_model = conforms("small_model", skipped={"server"})
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from types import MappingProxyType
from typing import Any

import pytest

from thinkcurve.backend import Backend
from thinkcurve.plugins import open_backend
from thinkcurve.testing import TOKEN_CHECKS, Subject, run_check

NOTHING: Mapping[str, str] = MappingProxyType({})


def opened(spec: str, *, size: int = 24, patience_s: float = 120.0, **options: Any) -> Iterator[Subject]:
    """The subject of a model spec, closed at the end: the body of a fixture."""
    yield from kept(open_backend(spec, options), size=size, patience_s=patience_s)


def kept(backend: Backend, *, size: int = 24, patience_s: float = 120.0) -> Iterator[Subject]:
    """The subject of an open backend, closed at the end."""
    yield Subject(backend, size=size, patience_s=patience_s)
    asyncio.run(backend.aclose())


def conforms(
    fixture: str,
    skipped: Set[str] = frozenset(),
    checks: Sequence[str] = TOKEN_CHECKS,
    finds: Mapping[str, str] = NOTHING,
) -> Callable[..., None]:
    """A test of each check, in order, on the subject of a fixture. No check but those named may be skipped.

    ``finds`` are checks that have to fail, since it is the server that does not do what it is asked, each with words of
    what is said of it.
    """

    @pytest.mark.parametrize("check", checks)
    def test_conformance(check: str, request: pytest.FixtureRequest) -> None:
        outcome = asyncio.run(run_check(check, request.getfixturevalue(fixture)))
        if check in finds:
            assert outcome.status == "failed", outcome
            assert re.search(finds[check], outcome.detail), outcome.detail
            return
        outcome.raise_if_failed()
        if outcome.status == "skipped":
            assert check in skipped, outcome.detail
            pytest.skip(outcome.detail)

    return test_conformance
