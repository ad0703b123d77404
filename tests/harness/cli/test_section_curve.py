"""The section ``curve`` and the options of ``show``: what stands below a curve, at 80 columns and in the JSON."""

import io
import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from msgspec.structs import replace
from rich.console import Console

from records import a_failure, an_attempt
from thinkcurve.analysis.curve import Curve, curves_of
from thinkcurve.cli import show
from thinkcurve.cli.sections import Section, curve
from thinkcurve.errors import UsageError
from thinkcurve.frames import frame_of
from thinkcurve.problem import Verdict
from thinkcurve.store import Attempt, Failure

RIGHT, WRONG, UNVERIFIED = Verdict.CORRECT, Verdict.INCORRECT, Verdict.UNVERIFIED


def curve_of(attempts: list[Attempt], failures: list[Failure] | None = None) -> Curve:
    (found,) = curves_of(frame_of(attempts, Attempt), frame_of(failures or [], Failure))
    return found


def text(found: Curve) -> str:
    out = io.StringIO()
    console = Console(file=out, width=80, highlight=False)
    for line in curve.lines(found):
        console.print(line)
    assert max(map(len, out.getvalue().splitlines())) <= 80
    return " ".join(out.getvalue().split())


def test_points_of_other_problems_are_said_to_be_so_and_counted_in_the_title() -> None:
    rows = [an_attempt(i, 8) for i in range(30)] + [an_attempt(i, 16) for i in range(20)]
    said = text(curve_of(rows, [a_failure(i, 16) for i in range(20, 30)]))
    assert "20 to 30 problems" in said
    assert "the points rest on different problems" in said
    assert "30 at 8, 20 at 16" in said


def test_points_of_the_same_problems_say_nothing_of_it() -> None:
    said = text(curve_of([an_attempt(i, b) for i in range(3) for b in (8, 16)]))
    assert "· 3 problems" in said
    assert "rest on" not in said


def test_a_budget_at_which_all_failed_is_no_other_set_of_problems() -> None:
    said = text(curve_of([an_attempt(i, 8) for i in range(3)], [a_failure(i, 16) for i in range(3)]))
    assert "· 3 problems" in said
    assert "different problems" not in said
    assert "nan" not in said
    assert "failed, not scored: 3 at 16" in said


def test_a_curve_that_failed_everywhere_has_no_problems() -> None:
    found = curves_of(frame_of([an_attempt()], Attempt).iloc[:0], frame_of([a_failure()], Failure))
    assert "· 0 problems" in text(found[0])


def test_what_the_unverified_leave_open_is_said_with_its_interval() -> None:
    verdicts = [RIGHT] * 4 + [WRONG] * 4 + [UNVERIFIED] * 2
    rows = [an_attempt(i, 8, verdict) for i, verdict in enumerate(verdicts)]
    rows += [an_attempt(i, 16, RIGHT) for i in range(10)]
    found = curve_of(rows)
    said = text(found)
    bounds = found.points[0].bounds
    assert bounds is not None
    assert "unverified, counted as not correct: 2 at 8" in said
    assert "accuracy were they right: 60.0 % at 8" in said
    assert "accuracy without them: 50.0 % at 8" in said
    assert f"whichever they are: {100 * bounds.ci_low:.1f} – {100 * bounds.ci_high:.1f} at 8" in said
    assert "at 16" not in said


def test_where_all_are_unverified_none_is_left_without_them() -> None:
    said = text(curve_of([an_attempt(i, 8, UNVERIFIED) for i in range(3)]))
    assert "accuracy without them: – at 8" in said


def test_a_curve_of_efforts_names_them() -> None:
    rows = [replace(an_attempt(0, place), control="effort", effort=name) for place, name in ((2, "low"), (4, "high"))]
    said = text(curve_of([*rows, replace(an_attempt(1, 4, UNVERIFIED), control="effort", effort="high")]))
    assert "1 at low, 2 at high" in said


SAMPLE = Path(__file__).parents[3] / "results" / "reference" / "embedded"


def shown(*args: str) -> str:
    done = CliRunner().invoke(show.command, [str(SAMPLE), *args], catch_exceptions=False)
    assert done.exit_code == 0
    return done.output


def test_the_curve_is_the_same_beside_other_tables() -> None:
    alone, beside = json.loads(shown("--json")), json.loads(shown("--json", "--tables", "curve,diagnostics"))
    assert alone["curves"] == beside["curves"]
    assert shown().splitlines()[:6] == shown("--tables", "curve,diagnostics").splitlines()[1:7]


@pytest.mark.parametrize(
    ("args", "complaint"),
    [
        (["--axis", "money"], "--axis 'money' is not one of thinking_tokens"),
        (["--axis", "usd"], "--axis is not for curve; ask for --tables "),
        (["--reference", "a,b"], "--reference is not for curve; ask for --tables "),
    ],
)
def test_an_option_that_nothing_takes_is_refused(
    args: list[str], complaint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    taking = Section(lambda runs: [], lambda record: [], ("axis", "reference"))
    plain = Section(lambda runs: [], lambda record: [])
    monkeypatch.setattr(show, "section", lambda name: taking if name == "frontier" else plain)
    with pytest.raises(UsageError) as refused:
        CliRunner().invoke(show.command, [str(SAMPLE), *args], catch_exceptions=False, standalone_mode=False)
    assert complaint in str(refused.value)
    if args != ["--axis", "money"]:
        assert str(refused.value).endswith("--tables frontier")


def test_options_reach_the_tables_that_take_them_and_only_these(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[dict[str, object]] = []

    def results(_: object, **options: object) -> list[Curve]:
        seen.append(options)
        return []

    both, axis, none = (Section(results, lambda record: [], o) for o in (("axis", "reference"), ("axis",), ()))
    made = {"frontier": both, "budgets": axis, "items": none}
    monkeypatch.setattr(show, "section", lambda name: made[name])
    shown("--tables", "frontier,budgets,items", "--axis", "flops", "--reference", " a-1B, a-2B,")
    shown("--tables", "frontier,budgets,items")
    assert seen == [{"axis": "flops", "reference": ("a-1B", "a-2B")}, {"axis": "flops"}, {}, {}, {}, {}]
