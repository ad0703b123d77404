"""Which problems of two runs are taken for the same: by what each run says it asked."""

from pathlib import Path

import pytest

from scripts import Doubling, changed, given, sweep
from thinkcurve.analysis.comparison.matches import matches_of
from thinkcurve.errors import UsageError
from thinkcurve.questions import questions_path


class Shifted(Doubling):
    """The same ids, but from problem 3 on another question is asked."""

    def problems(self):  # type: ignore[no-untyped-def]
        return [*super().problems()[:3], *Doubling(question="please double {}").problems()[3:]]


async def test_runs_of_other_sizes_are_compared_problem_by_problem(tmp_path: Path) -> None:
    base = await sweep(tmp_path / "base", changed(limit=8))
    new = await sweep(tmp_path / "new", changed(limit=5, seed=1))
    (match,) = matches_of(base, new)
    assert not [note for note in match.notes if "fingerprint" in note]


async def test_other_problems_under_the_same_ids_are_refused_and_named(tmp_path: Path) -> None:
    base = await sweep(tmp_path / "base", changed(limit=8))
    new = await sweep(tmp_path / "new", changed(limit=5), given(task=Shifted()))
    with pytest.raises(UsageError, match=r"2 problems of task 'doubling' differ.*doubling/test/3, doubling/test/4"):
        matches_of(base, new)


async def test_problems_that_only_one_run_has_need_not_agree(tmp_path: Path) -> None:
    base = await sweep(tmp_path / "base", changed(limit=3))
    new = await sweep(tmp_path / "new", changed(limit=8), given(task=Shifted()))
    assert len(matches_of(base, new)) == 1


async def test_runs_that_do_not_say_are_compared_by_their_prompts(tmp_path: Path) -> None:
    base = await sweep(tmp_path / "base", changed(limit=8))
    new = await sweep(tmp_path / "new", changed(limit=5), given(task=Shifted()))
    questions_path(tmp_path / "new").unlink()
    (match,) = matches_of(base, new)
    assert any("taken for the same" in note for note in match.notes)
