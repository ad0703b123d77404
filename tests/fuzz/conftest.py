"""How long each target is fuzzed, from which seed, and a table of what was tried at the end.

``THINKCURVE_FUZZ_S`` seconds are shared by all targets chosen; without it each gets 0.4. ``THINKCURVE_FUZZ_SEED``
starts from that seed; without it a short run starts from 0, so that it repeats itself, and a long one from chance.
"""

import os
import secrets
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from hammer import Hammer

SHORT_S = 0.4  # a target, in the default run
HAMMERS = pytest.StashKey[list[Hammer]]()


@pytest.fixture
def hammer(request: pytest.FixtureRequest) -> Callable[..., Hammer]:
    """``hammer(check, strategy, ...)`` is the `Hammer` of this test, with its share of the time."""
    targets = [item for item in request.session.items if "hammer" in getattr(item, "fixturenames", ())]
    total_s = os.environ.get("THINKCURVE_FUZZ_S")
    share_s = float(total_s) / len(targets) if total_s else SHORT_S
    seed = os.environ.get("THINKCURVE_FUZZ_SEED")
    start = int(seed) if seed else secrets.randbits(32) if total_s else 0

    def make(*arguments: object, **options: object) -> Hammer:
        made = Hammer(request.node.name, share_s, start, *arguments, **options)  # type: ignore[arg-type]
        request.config.stash.setdefault(HAMMERS, []).append(made)
        return made

    return make


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    hammers = config.stash.get(HAMMERS, [])
    if hammers:
        terminalreporter.write_sep("-", "fuzzed")
    for found in hammers:
        terminalreporter.write_line(str(found))
