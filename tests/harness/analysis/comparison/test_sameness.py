"""Runs of a task that ask other problems under the same ids stand apart, wherever several runs are put side by side."""

import asyncio
import json
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner

from thinkcurve.analysis.comparison.sameness import Asked, alike, alike_of, parted
from thinkcurve.analysis.items.abilities import Abilities
from thinkcurve.analysis.items.items import ItemTable
from thinkcurve.cli.main import cli
from thinkcurve.cli.sections import budgets, frontier, items, strata
from thinkcurve.plan import Given
from thinkcurve.questions import questions_path
from thinkcurve.report.leaderboard.entry import entries_of
from thinkcurve.report.leaderboard.site import site_of
from thinkcurve.report.run_report.gather import contents_of
from thinkcurve.run import Run, load_run, sweep_async
from thinkcurve.study import Study
from thinkcurve_backends.scripted import Asked as Asking
from thinkcurve_backends.scripted import ScriptedBackend


def asked(*prints: str, n: int | None = None, version: str = "1", fingerprint: str = "") -> Asked:
    """Problems ``0``, ``1``, ... with these fingerprints."""
    of = {str(i): print_ for i, print_ in enumerate(prints)}
    return Asked(version, len(prints) if n is None else n, fingerprint or "".join(prints), of)


def places(*given: Asked) -> list[tuple[int, ...]]:
    return [members for members, _ in parted(given)]


def test_parts_of_the_same_problems_are_together_whatever_their_number() -> None:
    assert places(asked("a", "b", "c"), asked("a", "b"), asked("a")) == [(0, 1, 2)]


def test_one_problem_that_differs_sets_a_run_apart_and_is_named() -> None:
    (first, remark), (second, other) = parted([asked("a", "b", "c"), asked("a", "x")])
    assert (first, second) == ((0,), (1,))
    assert remark == other == "1 run of a task of this name stands apart: 1 problem differs under one id (1)"


def test_a_run_must_agree_with_every_run_of_its_group() -> None:
    """The first run has only what the others agree on: with it alone all would go together."""
    assert places(asked("a"), asked("a", "b", "c"), asked("a", "x")) == [(0, 1), (2,)]


def test_another_version_stands_apart_whatever_the_problems() -> None:
    (_, remark), (_, other) = parted([asked("a"), asked("a", version="2")])
    assert "version 2 and not 1" in remark
    assert "version 1 and not 2" in other


def test_problems_drawn_otherwise_are_together_though_they_are_as_many() -> None:
    one = Asked("1", 2, "ab", {"0": "a", "1": "b"})
    assert places(one, Asked("1", 2, "bc", {"1": "b", "2": "c"})) == [(0, 1)]


def test_runs_that_do_not_say_go_by_the_fingerprint_of_all_where_they_are_as_many() -> None:
    assert places(asked(n=3, fingerprint="f"), asked(n=3, fingerprint="g"), asked(n=2, fingerprint="h")) == [
        (0, 2),
        (1,),
    ]
    assert places(asked("a", "b", fingerprint="f"), asked(n=2, fingerprint="g"), asked(n=1, fingerprint="h")) == [
        (0, 2),
        (1,),
    ]


def test_a_remark_counts_runs_and_problems() -> None:
    runs = [asked("a", "b", "c", "d", "e"), asked("a", "v", "w", "x", "y"), asked("z"), asked("a", version="2")]
    remark = parted(runs)[0][1]
    assert remark == (
        "3 runs of a task of this name stand apart: version 2 and not 1; 5 problems differ under one id (0, 1, 2, ...)"
    )


LINES = [{"question": f"double {i}", "answer": str(2 * i)} for i in range(12)]


def doubler(asked: Asking) -> str:
    """Thinks a little, and is right as often as not."""
    if asked.wants_thinking:
        return "so " * (asked.seed % 9)
    number = int(asked.prompt.split()[1])
    return f"\\boxed{{{2 * number + asked.seed % 2}}}"


def a_run(path: Path, data: Path, seed: int, limit: int | None = None) -> Run:
    study = Study(
        models=("adder",),
        tasks=(str(data),),
        budgets=(0, 64),
        answer_tokens=32,
        limit=limit,
        seed=seed,
        samples=2,
        temperature=1.0,
    )
    backends = {"adder": ScriptedBackend(doubler, name="adder")}
    return asyncio.run(sweep_async(study, path, Given(backends, {})))


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Three runs of one JSONL file, whose third and fourth problems were changed before the last."""
    folder = tmp_path_factory.mktemp("changed")
    data = folder / "sums.jsonl"
    data.write_text("".join(json.dumps(line) + "\n" for line in LINES))
    a_run(folder / "whole", data, 0)
    a_run(folder / "part", data, 1, limit=11)
    after = [*LINES[:2], *({"question": f"double {i}", "answer": str(2 * i)} for i in (30, 40)), *LINES[4:]]
    data.write_text("".join(json.dumps(line) + "\n" for line in after))
    a_run(folder / "after", data, 2, limit=10)
    return [folder / name for name in ("whole", "part", "after")]


REMARK = "2 problems differ under one id"


def test_a_file_that_was_changed_is_another_task_whatever_the_limit(runs: list[Path]) -> None:
    loaded = [load_run(path) for path in runs]
    groups = alike(loaded)
    assert [group.members for group in groups] == [(0, 1), (2,)]
    assert [group.remark[:42] for group in groups] == [
        "1 run of a task of this name stands apart:",
        "2 runs of a task of this name stand apart:",
    ]
    assert all(REMARK in group.remark for group in groups)
    assert alike_of(groups, groups[0].task, 1) is groups[0]
    assert alike_of(groups, "other", 1).members == (1,)


def test_every_section_sets_them_apart_and_says_so(runs: list[Path]) -> None:
    loaded = [load_run(path) for path in runs]
    frontiers = frontier.results(loaded)
    assert [len(found.curves) for found in frontiers] == [2, 1]
    (cascades,) = [one for one in budgets.results(loaded) if isinstance(one, budgets.Cascades)]
    assert [run for *_, run in cascades.curves] == ["whole", "part"]
    assert any(REMARK in str(line) for line in budgets.lines(cascades))
    found = items.results(loaded)
    ranked = [one for one in found if isinstance(one, Abilities)]
    assert [(one.n_problems, {ability.place for ability in one.ranking}) for one in ranked] == [(12, {1, 2})]
    tables = [one for one in found if isinstance(one, ItemTable)]
    assert [table.n_respondents for table in tables] == [4, 4, 2]
    by_difficulty = [one for one in strata.results(loaded) if one.by == "difficulty"]
    for notes in (
        *(one.notes for one in frontiers),
        cascades.notes,
        *(one.notes for one in ranked),
        *(one.notes for one in tables),
        *(one.notes for one in by_difficulty),
    ):
        assert any(REMARK in note for note in notes)


@pytest.mark.parametrize("name", ["frontier", "strata", "items"])
def test_it_is_printed_and_fits(runs: list[Path], name: str) -> None:
    found = CliRunner().invoke(cli, ["show", *map(str, runs), "--tables", name], env={"COLUMNS": "80"})
    assert found.exit_code == 0, found.output
    assert REMARK in " ".join(found.stdout.split())
    assert max(map(len, found.stdout.splitlines())) <= 80


def test_a_report_takes_no_difficulty_from_them_and_says_so(runs: list[Path]) -> None:
    contents = contents_of([load_run(path) for path in runs])
    notes = [one.notes for part in contents.parts for one in part.strata if one.by == "difficulty"]
    assert len(notes) == 3
    assert all(REMARK in note for (note,) in notes)


def test_a_leaderboard_has_a_board_for_each_and_says_so(runs: list[Path]) -> None:
    entries = [entry for path in runs for entry in entries_of(path)]
    site = site_of(entries)
    assert sorted(sorted(entry.run for entry in board.entries) for board in site.boards) == [
        ["after"],
        ["part", "whole"],
    ]
    assert len({board.slug for board in site.boards}) == 2
    assert all(REMARK in board.remark for board in site.boards)
    kept = msgspec.json.decode(msgspec.json.encode(entries), type=list[type(entries[0])])  # type: ignore[misc]
    assert [board.remark for board in site_of(kept).boards] == [board.remark for board in site.boards]


def test_runs_of_earlier_versions_go_together_as_they_did(runs: list[Path], tmp_path: Path) -> None:
    loaded = []
    for path in runs:
        run = load_run(path)
        loaded.append(Run(tmp_path / path.name, run.manifest, run.records))
        assert not questions_path(tmp_path / path.name).exists()
    assert [group.members for group in alike(loaded)] == [(0, 1, 2)]
