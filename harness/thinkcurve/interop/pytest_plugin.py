"""The pytest plugin: a ``thinkcurve`` fixture and marker, by which a test of a model is a few lines.

    @pytest.mark.thinkcurve("accuracy@mean:5pp", model="llamacpp:model.gguf", task="arithmetic", samples=4)
    def test_sums(thinkcurve):
        thinkcurve.check()

Loaded by every pytest of an environment that holds thinkcurve, so this file imports nothing of it at the top; what a
test then does is in `thinkcurve.interop.regression`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from thinkcurve.interop.regression.tester import Tester

MARKER = (
    "thinkcurve(*conditions, baseline=None, study=None, **fields): the conditions that `thinkcurve.check()` holds a "
    "run to, and the study that it is made of (model=, task=, budgets=, limit=, ... or study=FILE)"
)
INCONCLUSIVE = ("fail", "skip", "pass")
"""What a test may do where the runs cannot tell whether a condition holds; the first is what it does unless told."""
PROPERTY = "thinkcurve"
"""The user property of a test's report that carries what came of a check, across processes too."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Two flags and two settings."""
    group = parser.getgroup("thinkcurve", "thinkcurve: model regression tests")
    group.addoption(
        "--thinkcurve-update",
        action="store_true",
        help="Write what runs give now as the baselines of the tests, instead of comparing with them.",
    )
    group.addoption("--thinkcurve-runs", metavar="DIR", help="Keep the runs that tests make in DIR, by their names.")
    parser.addini("thinkcurve_baselines", "Directory of the baselines (default: __thinkcurve__ beside each test).")
    parser.addini(
        "thinkcurve_inconclusive",
        f"What a test does that the runs cannot decide: {', '.join(INCONCLUSIVE)} (default: {INCONCLUSIVE[0]}).",
        default=INCONCLUSIVE[0],
    )


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known, and refuse a setting that is none."""
    config.addinivalue_line("markers", MARKER)
    chosen = config.getini("thinkcurve_inconclusive")
    if chosen not in INCONCLUSIVE:
        raise pytest.UsageError(f"thinkcurve_inconclusive is {chosen!r}; choose {', '.join(INCONCLUSIVE)}")


@pytest.fixture(scope="session")
def thinkcurve_backends() -> Mapping[str, Any]:
    """Backends of your own by the name that tests call them; override it in a ``conftest.py``."""
    return {}


@pytest.fixture(scope="session")
def thinkcurve_tasks() -> Mapping[str, Any]:
    """Tasks of your own by their names; override it in a ``conftest.py``."""
    return {}


@pytest.fixture
def thinkcurve(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    thinkcurve_backends: Mapping[str, Any],
    thinkcurve_tasks: Mapping[str, Any],
) -> Tester:
    """Runs models and holds them to baselines: see `thinkcurve.interop.regression.tester.Tester`."""
    from thinkcurve.interop.regression.shared import runs_directory
    from thinkcurve.interop.regression.tester import Settings, Tester

    config = request.config
    named, kept = config.getini("thinkcurve_baselines"), config.getoption("thinkcurve_runs")
    settings = Settings(
        root=config.rootpath,
        runs=runs_directory(tmp_path_factory, config),
        is_update=bool(config.getoption("thinkcurve_update")),
        kept=config.invocation_params.dir / kept if kept else None,
        baselines=config.rootpath / named if named else None,
        inconclusive=config.getini("thinkcurve_inconclusive"),
    )
    return Tester(request.node, settings, backends=thinkcurve_backends, tasks=thinkcurve_tasks)


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """A line for each check, whatever came of its test."""
    lines: list[tuple[str, str]] = []
    for reports in terminalreporter.stats.values():
        for report in reports:
            if getattr(report, "when", None) == "call":
                lines += [(report.nodeid, text) for name, text in report.user_properties if name == PROPERTY]
    if not lines:
        return
    terminalreporter.section("thinkcurve")
    for nodeid, text in sorted(dict.fromkeys(lines)):
        terminalreporter.write_line(f"{nodeid}: {text}")
