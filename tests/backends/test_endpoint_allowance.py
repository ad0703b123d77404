"""What providers say is left, in the headers of their answers."""

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thinkcurve_backends.endpoint.allowance import allowances, seconds_until

NOW = 1_790_000_000.0  # 2026-09-21T14:13:20Z


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("6m0s", 360),
        ("20ms", 0.02),
        ("1h2m3.5s", 3723.5),
        ("1d", 86400),
        ("250µs", 0.00025),
        ("0s", 0),
        ("12", 12),
        ("0.5", 0.5),
        (" 7 ", 7),
        ("-3", 0),
        ("1790000060", 60),
        ("1790000060000", 60),
        ("2026-09-21T14:14:20Z", 60),
        ("2026-09-21T16:14:20.5+02:00", 60.5),
        ("2026-09-21T14:14:20", 60),
        ("2026-09-21T14:00:00Z", 0),
        ("Mon, 21 Sep 2026 14:14:20 GMT", 60),
        ("", None),
        ("soon", None),
        ("nan", None),
        ("inf", None),
        ("6m0", None),
        ("s", None),
        ("9" * 400 + "s", None),
    ],
)
def test_resets_are_read_as_providers_write_them(text: str, seconds: float | None) -> None:
    found = seconds_until(text, NOW)
    assert found == (None if seconds is None else pytest.approx(seconds))


@given(st.text(max_size=20))
def test_no_reset_text_breaks_anything(text: str) -> None:
    found = seconds_until(text, NOW)
    assert found is None or 0 <= found < float("inf")


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        (
            {
                "x-ratelimit-limit-requests": "60",
                "x-ratelimit-remaining-requests": "59",
                "x-ratelimit-reset-requests": "1s",
            },
            [(59, 1, True)],
        ),
        ({"x-ratelimit-remaining-tokens": "149984", "x-ratelimit-reset-tokens": "6m0s"}, [(149984, 360, False)]),
        (
            {
                "anthropic-ratelimit-requests-limit": "50",
                "anthropic-ratelimit-requests-remaining": "0",
                "anthropic-ratelimit-requests-reset": "2026-09-21T14:13:30Z",
                "anthropic-ratelimit-input-tokens-remaining": "2000",
                "anthropic-ratelimit-input-tokens-reset": "2026-09-21T14:13:21Z",
            },
            [(0, 10, True), (2000, 1, False)],
        ),
        ({"ratelimit-limit": "100", "ratelimit-remaining": "0", "ratelimit-reset": "50"}, [(0, 50, True)]),
        ({"ratelimit": '"burst";r=50;t=30, "tokens";r=0;t=5'}, [(50, 30, True), (0, 5, False)]),
        ({"x-ratelimit-remaining": "3", "x-ratelimit-reset": "1790000002000"}, [(3, 2, True)]),
        ({"x-ratelimit-remaining-requests": "-1", "x-ratelimit-reset-requests": "1s"}, []),
        ({"x-ratelimit-remaining-requests": "3"}, []),
        ({"x-ratelimit-remaining-requests": "many", "x-ratelimit-reset-requests": "1s"}, []),
        ({"ratelimit": "nonsense;r;t=x"}, []),
        ({"content-type": "application/json"}, []),
    ],
)
def test_what_is_left_is_read_from_every_family(
    headers: Mapping[str, str], expected: list[tuple[float, float, bool]]
) -> None:
    found = [(one.remaining, one.reset_s, one.is_requests) for one in allowances(headers, NOW)]
    assert found == [(left, pytest.approx(reset), kind) for left, reset, kind in expected]
