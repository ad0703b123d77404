"""What a run through a paid provider shows and stops at: a scripted chat in the place of one, real command line."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from msgspec.structs import replace

from records import a_trace, an_attempt
from scripts import Doubling
from thinkcurve import plan as plans
from thinkcurve import plugins
from thinkcurve.backend import Generation, NativeBudgets, Request, Stop, Usage, Visibility
from thinkcurve.budget import Control
from thinkcurve.cli.models import command as models_command
from thinkcurve.cli.progress import Progress
from thinkcurve.cli.regrade import _list as changes_table
from thinkcurve.cli.run import command as run_command
from thinkcurve.cli.show import command as show_command
from thinkcurve.problem import Verdict
from thinkcurve.regrade import Change, Reading
from thinkcurve.report import write
from thinkcurve.study import Study
from thinkcurve_backends.scripted import AskedChat, ScriptedChat

SPEC = "paid:model"
PRICE = ["--price", f"{SPEC}:input=1,output=10"]
Run = Callable[..., Result]


def answer(asked: AskedChat) -> str:
    number = int(asked.question.split()[-1])
    return f"\\boxed{{{2 * number if asked.thinking_tokens >= 100 else 0}}}"


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    """``thinkcurve run -o DIR/run`` with a scripted chat; keywords are its options."""

    Given = plans.Given

    def go(*flags: str, command: Any = run_command, **options: Any) -> Result:
        chat = {"provider": "someone", "is_local": False, "name": "model", **options}
        given = Given({SPEC: ScriptedChat(answer, **chat)}, {"doubling": Doubling(4)})
        monkeypatch.setattr(plans, "Given", lambda **_: given)
        monkeypatch.setattr(write, "write_figure", lambda spec, path: path.write_text(json.dumps(spec)))  # at once
        base = ["-m", SPEC, "-t", "doubling", "-o", str(tmp_path / "run")] if command is run_command else []
        return CliRunner().invoke(command, [*base, *flags], env={"COLUMNS": "80", "NO_COLOR": "1"})

    return go


EFFORT = ["--control", "effort", "--budgets", "low,medium,high"]
LOW, MEDIUM, HIGH = 50, 100, 200  # words that the scripted chat thinks, beside an answer of 1 and a prompt of 6
ALL = 4 * 3 * 6e-6 + 4 * (LOW + MEDIUM + HIGH + 3) * 10e-6
"""What the whole ladder costs by `PRICE`."""


def lines(done: Result) -> list[str]:
    return done.stderr.splitlines()


def test_a_ladder_of_efforts_is_shown_by_its_levels(run: Run, tmp_path: Path) -> None:
    done = run(*EFFORT, *PRICE)
    assert done.exit_code == 0, done.output
    rows = [line.split() for line in done.stdout.splitlines() if "%" in line]
    assert [row[0] for row in rows[1:]] == ["low", "medium", "high"]
    assert rows[0][:2] == ["effort", "thinking"]
    assert "thinking: counted by the provider" in done.stdout
    assert "sampled by its provider's defaults" in done.stderr
    assert max(map(len, done.stdout.splitlines())) <= 80
    points = json.loads(run(str(tmp_path / "run"), "--json", command=show_command).stdout)["curves"][0]["points"]
    assert [(point["budget"], point["effort"]) for point in points] == [(2, "low"), (3, "medium"), (4, "high")]
    assert [point["usd"] for point in points] == pytest.approx(
        [(6 + 10 * (thought + 1)) / 1e6 for thought in (LOW, MEDIUM, HIGH)]
    )


def test_levels_go_on_as_levels_from_a_run_and_from_a_file(run: Run, tmp_path: Path) -> None:
    assert run("--control", "effort", "--budgets", "low,high").exit_code == 0
    done = run("--json")
    assert [p["effort"] for p in json.loads(done.stdout)["curves"][0]["points"]] == ["low", "high"]
    done = run("--budgets", "medium,max", "--json")
    assert [p["effort"] for p in json.loads(done.stdout)["curves"][0]["points"]] == ["low", "medium", "high", "max"]
    study = tmp_path / "study.toml"
    study.write_text('control = "effort"\nbudgets = ["none", "low"]\n')
    done = run(str(study), "--json", "-o", str(tmp_path / "other"))
    assert [p["effort"] for p in json.loads(done.stdout)["curves"][0]["points"]] == ["none", "low"]


def test_levels_are_named_by_level_of_difficulty_too(run: Run, tmp_path: Path) -> None:
    run(*EFFORT)
    done = run(str(tmp_path / "run"), "--by", "level", command=show_command)
    assert "level   problems   low   medium   high" in done.stdout
    (table,) = json.loads(run(str(tmp_path / "run"), "--by", "level", "--json", command=show_command).stdout)["tables"]
    assert (table["budgets"], table["efforts"]) == ([2, 3, 4], ["low", "medium", "high"])


def test_what_a_regrade_changed_is_listed_by_level() -> None:
    before, after = (Reading(verdict, "", "exact", "4") for verdict in (Verdict.INCORRECT, Verdict.CORRECT))
    table = changes_table([Change(SPEC, "t/test/0", 0, 2, before, after)], "effort", 80)
    assert list(table.columns[1].cells) == ["low"]


@pytest.mark.parametrize(
    ("flags", "complaint"),
    [
        (["--budgets", "low,high"], "'low' is a level of effort, not a number of tokens; add --control effort"),
        (["--control", "effort"], "--control effort takes levels, such as low,medium,high, not 0,16,32"),
        (["--control", "effort", "--budgets", "low,hihg"], "'hihg' is no level of effort. Did you mean 'high'?"),
        (["--control", "effort", "--budgets", "0,64"], "'0' is no level of effort"),
        (["--control", "effort", "--budgets", "high,low"], "list each level once, lowest first: none, minimal, low"),
        (["--control", "effort", "--budgets", "low,low"], "list each level once"),
        (["--price", "input=1,outptu=4"], "unknown price 'outptu'. Did you mean 'output'?"),
        (["--price", "input=1"], "lack 'output'"),
        (["--price", "input=cheap,output=1"], "input=cheap is no price in dollars"),
        (["--price", "openai:x:input=1,output=1"], "names no model of the study: paid:model"),
        (["--price", "input"], "--price 'input' is not KEY=VALUE"),
        (["--set", "prices=1"], "--set 'prices': that is no plain value"),
        (["--max-usd", "0"], "max_usd is 0"),
        (["--max-usd", "1"], "so --max-usd 1 cannot be kept; give dollars a million tokens (--price 'paid:model:input"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(run: Run, flags: list[str], complaint: str) -> None:
    done = run(*(flags if "--control" in flags or "--budgets" in flags else [*EFFORT, *flags]))
    error = str(done.exception)
    assert complaint in error, error
    assert "\n" not in error


def test_a_price_without_a_model_is_that_of_all(run: Run) -> None:
    done = run(*EFFORT, "--price", "input=0,output=0")
    assert "Spent $0.00; each attempt alone: $0.00." in done.stderr


def test_a_run_stops_at_its_allowance_and_a_larger_one_goes_on(run: Run, tmp_path: Path) -> None:
    done = run(*EFFORT, *PRICE, "--max-usd", "0.008")
    assert done.exit_code == 3, done.output
    last = lines(done)[-1]
    assert last.startswith("Stopped at $0.00")
    assert last.endswith("of 12 attempts left, a larger one goes on.")
    assert "of --max-usd 0.008; " in last
    spent = float(last.split("$")[1].split()[0])
    assert 0.004 < spent <= 0.008
    assert (tmp_path / "run" / "attempts.parquet").exists()
    again = run(*EFFORT, *PRICE, "--max-usd", str(spent))
    assert (again.exit_code, f"Stopped at ${spent}" in again.stderr) == (3, True)
    whole = run(*EFFORT, *PRICE, "--max-usd", "1")
    assert whole.exit_code == 0, whole.output
    assert "Spent $0.014; each attempt alone: $0.014." in whole.stderr
    assert f"{ALL:.3f}" == "0.014"


def test_what_a_provider_says_that_it_charges_is_what_was_spent(run: Run) -> None:
    done = run(*EFFORT, provider="openrouter", charge=lambda _: 0.25)
    assert "Spent $3.00; each attempt alone: price unknown." in done.stderr


def test_an_allowance_holds_by_the_charges_that_a_provider_reports(run: Run) -> None:
    done = run(*EFFORT, "--max-usd", "1.1", provider="openrouter", charge=lambda _: 0.25)
    assert (done.exit_code, lines(done)[-1].partition(";")[0]) == (3, "Stopped at $1.00 of --max-usd 1.1")


def test_a_reply_without_tokens_or_charge_stops_what_cannot_be_counted(run: Run) -> None:
    done = run(*EFFORT, "--max-usd", "1", provider="openrouter")
    assert done.exit_code == 3
    assert "what a reply cost is not known, so the rest cannot be counted; " in lines(done)[-1]
    assert "a reply came without a charge, and its model has no prices (--price): drop --max-usd" in lines(done)[-1]
    assert lines(done)[-1].endswith(", or give prices and another directory with -o.")


def test_where_tokens_are_missing_no_prices_are_asked_for(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    real = ScriptedChat.generate

    async def uncounted(self: ScriptedChat, request: Request) -> Generation:
        return replace(await real(self, request), usage=Usage())

    monkeypatch.setattr(ScriptedChat, "generate", uncounted)
    done = run(*EFFORT, "--max-usd", "1", provider="openrouter")
    assert done.exit_code == 3, done.exception
    assert lines(done)[-1].endswith("a charge and without all the token counts that its price needs: drop --max-usd.")


def test_what_may_be_spent_is_said_by_each_command(run: Run, tmp_path: Path) -> None:
    assert run(*EFFORT, *PRICE, "--max-usd", "0.008").exit_code == 3
    done = run()
    assert done.exit_code == 0, done.output
    study = json.loads((tmp_path / "run" / "manifest.json").read_text())["study"]
    assert (study["max_usd"], study["batch"], study["prices"][SPEC]["output"]) == (None, False, 10.0)


def test_a_price_is_said_to_be_unknown_only_where_somebody_is_paid(run: Run) -> None:
    assert "Price unknown." in run(*EFFORT).stderr
    for nobody in ({"provider": None}, {"is_local": True}):
        done = run(*EFFORT, **nobody)
        assert done.exit_code == 0
        assert "$" not in done.stderr
        assert "rice unknown" not in done.stderr


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"visibility": Visibility.FULL}, "thinking: counted by the provider"),
        ({"counts": False}, "thinking: counted by nobody"),
    ],
)
def test_how_thinking_was_counted_is_said(run: Run, options: dict[str, Any], words: str) -> None:
    assert words in run(*EFFORT, **options).stdout


def test_thinking_that_nobody_counted_is_a_dash_and_the_figure_takes_what_is_known(run: Run, tmp_path: Path) -> None:
    done = run(*EFFORT, counts=False)
    assert done.exit_code == 0, done.output
    rows = [line.split() for line in done.stdout.splitlines() if line.strip().startswith("low")]
    assert rows[0][:3] == ["low", "–", "57"]
    assert rows[0][-1] == "–", "nor is it known whether it was forced"
    assert "thinking: counted by nobody, so what was forced is not known" in done.stdout
    assert "Mean generated tokens per attempt" in (tmp_path / "run" / "curve.html").read_text()
    assert "Spent 1,412 tokens; each attempt alone: 1,412." in done.stderr


def test_versions_that_answered_and_refusals_are_remarked(run: Run, tmp_path: Path, monkeypatch: Any) -> None:
    assert run(*EFFORT, "--limit", "3", served_by="m-0301").exit_code == 0
    assert "answered by" not in run(str(tmp_path / "run"), command=show_command).stdout
    real = ScriptedChat.generate

    async def refusing(self: ScriptedChat, request: Request) -> Generation:
        return replace(await real(self, request), text="", stop=Stop.REFUSAL)

    monkeypatch.setattr(ScriptedChat, "generate", refusing)
    shown = run(*EFFORT, "--limit", "4", served_by="m-[red]0906").stdout
    assert "answered by m-0301 (9) and m-[red]0906 (3): not by one version throughout" in shown
    assert "no answer: 1 at low, 1 at medium, 1 at high" in shown
    assert "of these, refused by the model: 1 at low, 1 at medium, 1 at high" in shown
    (curve,) = json.loads(run(str(tmp_path / "run"), "--json", command=show_command).stdout)["curves"]
    assert (curve["served_by"], curve["points"][0]["refused"]) == ({"m-0301": 9, "m-[red]0906": 3}, 1)


def dry(run: Run, *flags: str, **options: Any) -> Any:
    done = run(*flags, "--dry-run", "--json", **options)
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def test_a_dry_run_bounds_what_can_be_bounded(run: Run) -> None:
    native = ["--control", "native", "--budgets", "0,64,1024"]
    found = dry(run, *native, *PRICE, "--set", "max_output_tokens=2000")
    assert (found["requests_at_most"], found["traces"], found["thinking_tokens_at_most"]) == (12, 12, 12 * 2000)
    assert found["thinking_tokens_asked"] == 4 * 1088
    assert (found["prompt_tokens"], found["is_prompt_exact"]) == (12 * 6, False)
    assert found["usd_at_most"] == pytest.approx(12 * (6 + 10 * 2000) / 1e6)
    assert (found["generated_tokens_expected"], found["usd_expected"]) == (None, None)
    found = dry(run, *EFFORT, *PRICE, "--set", "max_output_tokens=2000")
    assert (found["thinking_tokens_at_most"], found["answer_tokens_at_most"]) == (24_000, 24_000)
    found = dry(run, *EFFORT, max_output_tokens=None)
    assert (found["thinking_tokens_at_most"], found["answer_tokens_at_most"], found["usd_at_most"]) == (None,) * 3


def test_a_finished_run_takes_no_more_dollars(run: Run) -> None:
    assert run(*EFFORT, *PRICE).exit_code == 0
    found = dry(run, *EFFORT, *PRICE)
    assert (found["requests_at_most"], found["usd_at_most"], found["usd_expected"]) == (0, 0.0, 0.0)


def test_a_dry_run_tells_from_what_was_spent_what_the_rest_will(run: Run) -> None:
    assert run(*EFFORT, *PRICE, "--limit", "2").exit_code == 0
    found = dry(run, *EFFORT, *PRICE, "--limit", "4")
    assert found["attempts_done"] == 6
    assert found["usd_expected"] == pytest.approx(ALL / 2)
    assert found["generated_tokens_expected"] == 2 * (LOW + MEDIUM + HIGH + 3)
    assert dry(run, *EFFORT, *PRICE, "--budgets", "low,max")["usd_expected"] is None  # nothing tells what max costs


def test_a_dry_run_is_read_by_people_too(run: Run) -> None:
    done = run(*EFFORT, *PRICE, "--dry-run")
    shown = dict(line.rsplit("  ", 1) for line in done.stdout.splitlines())
    found = {name.strip(): value.strip() for name, value in shown.items()}
    assert found["prompt tokens"] == "about 72"
    assert found["dollars, at most"] == "about $0.98"
    assert found["dollars, expected"] == "unknown"
    assert "dollars" not in run(*EFFORT, "--dry-run", is_local=True).stdout


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """``thinkcurve models MODEL`` of a scripted chat."""

    def show(*flags: str, **options: Any) -> str:
        chat = ScriptedChat(answer, **{"is_local": False, **options})
        monkeypatch.setattr(plugins, "open_backend", lambda *_, **__: chat)
        return CliRunner().invoke(models_command, ["x:m", *flags]).stdout

    return show


def test_a_model_card_says_who_is_paid_how_much_and_what_it_takes(shown: Callable[..., str]) -> None:
    pytest.importorskip("genai_prices")
    native = NativeBudgets(least=128, most=32768, has_zero=False)
    card = shown(provider="google", name="gemini-2.5-pro", native=native)
    assert "provider           google" in card
    assert "native             128 to 32,768 tokens, or none (natural end)" in card
    assert "efforts            none, minimal, low, medium, high, xhigh, max" in card
    assert "max_output_tokens  8,192" in card
    words = " ".join(card.split())
    assert (
        "price $1.25 input, $10 output, $0.125 cached input a million tokens prompts above 200,000 tokens: $2.5"
        in words
    )
    assert "by genai-prices 0." in words
    assert max(map(len, card.splitlines())) <= 80
    price = json.loads(shown("--json", provider="google", name="gemini-2.5-pro"))["price"]
    assert (price["input"], price["tiers"][0]["above"]) == (1.25, 200_000)


def test_a_model_card_says_what_is_not_known(shown: Callable[..., str]) -> None:
    card = shown(provider="somebody", scales={})
    assert "price              unknown" in card
    assert "efforts            unknown" in card
    assert json.loads(shown("--json", provider="somebody"))["price"] is None
    assert "price" not in shown(is_local=True)


async def test_the_status_of_a_run_says_what_it_costs(tmp_path: Path) -> None:
    study = Study(models=(SPEC,), tasks=("doubling",), budgets=(2, 4), control=Control.EFFORT, max_usd=2.0)
    study = replace(study, prices={SPEC: {"input": 1.0, "output": 4.0}})
    chat = ScriptedChat(answer, is_local=False, provider="someone")
    given = plans.Given({SPEC: chat}, {"doubling": Doubling(2)})
    plan = await plans.prepare(study, tmp_path / "run", given=given)
    try:
        progress = Progress(plan)
        assert "$" not in progress._status()
        progress.listen(replace(a_trace(), model=SPEC, usd_spent=0.4))
        progress.listen(replace(an_attempt(), model=SPEC, usd_spent=0.02))
        assert "$0.42 of $2.00" in progress._status()
        progress.listen(replace(a_trace(), model=SPEC, usd_spent=0.5))  # the same trace, thought on
        progress.listen(replace(an_attempt(budget=16), model=SPEC, usd_spent=None, is_shared_answer=True))
        assert "$0.52 of $2.00" in progress._status()
        progress.listen(replace(an_attempt(1), model=SPEC, usd_spent=None))
        assert "over $0.52 of $2.00" in progress._status()
    finally:
        await plan.aclose()
