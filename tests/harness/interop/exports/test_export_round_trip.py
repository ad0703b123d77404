"""Out as lm-eval's files and back in as a run: every score, token and cost of every attempt is as it was."""

import math
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner
from exported import content, wishes

from thinkcurve.cli.import_run import command
from thinkcurve.interop.exports.lm_eval import write
from thinkcurve.run import Run, load_run
from thinkcurve.store import Attempt


def same(mine: object, other: object) -> bool:
    """Whether two fields are equal; means over the same attempts in another order may differ in the last bits."""
    if isinstance(mine, float) and isinstance(other, float):
        return math.isclose(mine, other, rel_tol=1e-12)
    if isinstance(mine, dict) and isinstance(other, dict):
        return mine.keys() == other.keys() and all(same(mine[key], other[key]) for key in mine)
    return mine == other


@pytest.mark.parametrize("name", ["plain", "failed", "private", "hostile", "effort"])
def test_a_run_comes_back_as_it_went(name: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    run: Run = request.getfixturevalue(name)
    sent = content(run)
    write(sent, tmp_path / "out", wishes(**({"metric": "exact_match"} if name == "failed" else {})))
    files = sorted(str(path) for path in (tmp_path / "out").rglob("samples_*.jsonl"))
    done = CliRunner().invoke(command, [*files, "--from", "lm-eval", "-o", str(tmp_path / "back")])
    assert done.exit_code in (0, 3), done.output
    back = load_run(tmp_path / "back")
    assert back.records.attempts == {(a.model, a.problem, a.sample, a.budget): a for a in sent.every_attempt()}
    for mine, other in zip(run.curves(), back.curves(), strict=True):
        for before, after in zip(mine.points, other.points, strict=True):
            fields = msgspec.to_builtins(before), msgspec.to_builtins(after)
            assert same(*fields), {key: (fields[0][key], fields[1][key]) for key in fields[0]}
    assert {type(attempt) for attempt in back.records.attempts.values()} == {Attempt}
