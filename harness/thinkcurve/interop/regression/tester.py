"""The object behind the ``thinkcurve`` fixture: it runs a study, and holds the run to the baseline of its test."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from thinkcurve.errors import ThinkcurveError
from thinkcurve.interop.pytest_plugin import PROPERTY
from thinkcurve.interop.regression import baselines, words
from thinkcurve.interop.regression.shared import locked, shared_run
from thinkcurve.interop.regression.studies import study_of

if TYPE_CHECKING:
    from thinkcurve.analysis.comparison.exact import Exactness
    from thinkcurve.analysis.gate.outcome import Decision
    from thinkcurve.run import Run
    from thinkcurve.study import Study

DEFAULT = ("accuracy@mean:5pp",)
"""What a run is held to where a test names no condition."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What the session says: where things lie, and what is to be done.

    ``runs`` holds the runs of this session, ``kept`` copies of them (``None``: none). Paths of models and tasks are
    those from ``root``. ``inconclusive`` is ``fail``, ``skip`` or ``pass``.
    """

    root: Path
    runs: Path
    is_update: bool = False
    kept: Path | None = None
    baselines: Path | None = None
    inconclusive: str = "fail"


@dataclass(slots=True)
class Tester:
    """What a test gets as ``thinkcurve``. `run` carries out a study, `check` gates it, `same` wants every token."""

    _item: Any
    _settings: Settings
    backends: Mapping[str, Any] = field(default_factory=dict)
    tasks: Mapping[str, Any] = field(default_factory=dict)
    _n_own: int = 0

    def run(
        self,
        study: Study | str | Path | None = None,
        *,
        backends: Mapping[str, Any] | None = None,
        task_objects: Mapping[str, Any] | None = None,
        **fields: Any,
    ) -> Run:
        """The run of a study: a `Study`, a file (TOML, or the manifest of a run), the marker's, with ``fields`` set.

        ``model`` and ``task`` stand for ``models`` and ``tasks`` of one. Tests of a session that ask for the same study
        share its run. ``backends`` and ``task_objects`` are objects of this test alone.
        """
        __tracebackhide__ = True
        own = {**(backends or {}), **(task_objects or {})}
        mark = ""
        if own:
            self._n_own += 1
            mark = f"{self._item.nodeid}#{self._n_own}"
        try:
            run = shared_run(
                study_of(study, fields, self._marked(), self._settings.root),
                self._settings.runs,
                root=self._settings.root,
                backends={**self.backends, **(backends or {})},
                tasks={**self.tasks, **(task_objects or {})},
                mark=mark,
            )
        except ThinkcurveError as error:
            pytest.fail(f"thinkcurve: {error}", pytrace=False)
        self._keep(run)
        return run

    def check(
        self, *conditions: str, run: Run | None = None, baseline: str | Path | None = None, alpha: float = 0.05
    ) -> Decision | None:
        """Hold a run (without one, the marker's) to the baseline, by conditions as those of ``compare --fail-if``.

        The test fails where one has regressed, where there is no baseline, and where attempts failed. Where the runs
        cannot tell it does what the setting ``thinkcurve_inconclusive`` says, unless every token, verdict and cost is
        what it was: then nothing has changed, however few the problems, and it passes. ``baseline`` is a name instead
        of the test's own, or the path of a run. With ``--thinkcurve-update`` the run becomes the baseline. Returns the
        decision, ``None`` where a baseline was written.
        """
        __tracebackhide__ = True
        from thinkcurve.analysis.gate.gate import gate
        from thinkcurve.analysis.gate.outcome import Outcome

        found, base = self._against(run, baseline)
        if base is None:
            return None
        try:
            decision = gate(base, found, self._conditions(conditions), alpha=alpha)
        except ThinkcurveError as error:
            pytest.fail(f"thinkcurve: {error}\n{self._how_to_accept()}", pytrace=False)
        if decision.outcome is Outcome.INCONCLUSIVE and words.is_nothing_changed(decision, base, found):
            self._note(f"pass: nothing changed, {len(found.attempts):,} attempts the same token for token")
            return decision
        self._note(words.summary(decision))
        if decision.outcome is Outcome.REGRESSED:
            pytest.fail(f"{words.failure(decision, base, found)}\n{self._how_to_accept()}", pytrace=False)
        if decision.outcome is Outcome.INCONCLUSIVE:
            self._is_open(decision, base, found)
        return decision

    def same(self, *, run: Run | None = None, baseline: str | Path | None = None) -> list[Exactness]:
        """Want every token, answer and verdict of the baseline again, and nothing else: for greedy, local models."""
        __tracebackhide__ = True
        from thinkcurve.analysis.comparison.exact import compare_exactly

        found, base = self._against(run, baseline)
        if base is None:
            return []
        try:
            exact = compare_exactly(base, found)
        except ThinkcurveError as error:
            pytest.fail(f"thinkcurve: {error}\n{self._how_to_accept()}", pytrace=False)
        self._note(words.exact_summary(exact))
        if not all(one.is_same for one in exact):
            pytest.fail(f"{words.exact_failure(exact, base, found)}\n{self._how_to_accept()}", pytrace=False)
        return exact

    def baseline_path(self, name: str | Path | None = None) -> Path:
        """Where the baseline of this test lies, or the one of that name; a path, from the root, is the run there."""
        if _is_path(name):
            return self._settings.root / Path(str(name)).expanduser()
        own = ".".join(part for part in self._item.nodeid.split("::")[1:] if part) or self._item.name
        chosen = name or self._marked().get("baseline") or own
        return baselines.baseline_path(self._item.path, str(chosen), self._settings.baselines)

    def _against(self, run: Run | None, name: str | Path | None) -> tuple[Run, Run | None]:
        """A whole run and its baseline; ``None`` where the run has become that."""
        __tracebackhide__ = True
        from thinkcurve.run import load_run

        found = self.run() if run is None else run
        if len(found.failures):
            pytest.fail(words.incomplete(found), pytrace=False)
        path = self.baseline_path(name)
        if self._settings.is_update and not isinstance(name, Path):
            self._update(found, path)
            return found, None
        if not baselines.exists(path):
            pytest.fail(
                f"thinkcurve: no baseline at {words.short(path)}\n{self._how_to_accept('Write it')}", pytrace=False
            )
        try:
            return found, load_run(path)
        except ThinkcurveError as error:
            pytest.fail(f"thinkcurve: {error}\n{self._how_to_accept()}", pytrace=False)

    def _update(self, run: Run, path: Path) -> None:
        __tracebackhide__ = True
        name = hashlib.blake2b(str(path).encode(), digest_size=8).hexdigest()
        try:
            with locked(self._settings.runs / f"{name}.lock"):  # another test may share the baseline
                self._note(baselines.update(run, path))
        except OSError as error:
            pytest.fail(
                f"thinkcurve: cannot write the baseline {words.short(path)}: {error.strerror or error}", pytrace=False
            )

    def _is_open(self, decision: Decision, base: Run, run: Run) -> None:
        """What a test does where the runs cannot tell."""
        __tracebackhide__ = True
        how = self._settings.inconclusive
        if how == "fail":
            pytest.fail(f"{words.failure(decision, base, run)}\n{words.HOW_TO_DECIDE}", pytrace=False)
        if how == "skip":
            pytest.skip(f"thinkcurve: {words.summary(decision)}")

    def _conditions(self, given: tuple[str, ...]) -> tuple[str, ...]:
        marked = tuple(argument for marker in self._item.iter_markers("thinkcurve") for argument in marker.args)
        return given or marked or DEFAULT

    def _marked(self) -> dict[str, Any]:
        """The keywords of the markers of a test, its own before those of its class and module."""
        found: dict[str, Any] = {}
        for marker in self._item.iter_markers("thinkcurve"):
            found = {**marker.kwargs, **found}
        return found

    def _keep(self, run: Run) -> None:
        if self._settings.kept is None:
            return
        with locked(self._settings.runs / f"{run.path.name}.kept.lock"):
            shutil.copytree(run.path, self._settings.kept / run.path.name, dirs_exist_ok=True)

    def _note(self, text: str) -> None:
        self._item.user_properties.append((PROPERTY, text))

    def _how_to_accept(self, what: str = "Accept what it gives now") -> str:
        return f'{what}: pytest "{self._item.nodeid}" --thinkcurve-update'


def _is_path(name: str | Path | None) -> bool:
    """Whether a baseline is named by the path of a run, which is never written to."""
    return isinstance(name, Path) or (name is not None and any(mark in name for mark in "/\\"))
