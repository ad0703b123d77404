"""The report as it is written: the figures of ``show`` and ``compare``, whatever the run lacks, and nothing of users as
markup."""

import json
import re
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner

from report.run_report.made_runs import HOSTILE, a_run, fail, words
from thinkcurve.budget import Control
from thinkcurve.cli.main import cli
from thinkcurve.report.contrast_words import probability
from thinkcurve.report.run_report import gather
from thinkcurve.report.run_report.gather import contents_of
from thinkcurve.report.run_report.run_page import report_page
from thinkcurve.report.run_report.words import percent, signed, span
from thinkcurve.run import load_run
from thinkcurve.store import Records, read_manifest, write_manifest
from thinkcurve.tables import compact, read_records

LOGS = Path(__file__).parents[2] / "interop" / "imports" / "inspect_logs"


def page_of(*paths: Path, **options: Any) -> str:
    return report_page(contents_of([load_run(path) for path in paths]), **options)


def told(html: str) -> str:
    """What a reader sees of the body, without scripts and data."""
    body = re.sub(r"<(script|style)\b.*?</\1>", "", html, flags=re.S)
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", body))


def shown(*args: str) -> Any:
    return json.loads(CliRunner().invoke(cli, [*args, "--json"]).stdout)


def test_it_prints_the_figures_of_show(tmp_path: Path) -> None:
    path = a_run(tmp_path / "r", n=12, samples=3)
    text = told(page_of(path))
    found = shown("show", str(path), "--tables", "curve,surface,strata,axes")
    for point in found["curves"][0]["points"]:
        assert f"{percent(point['accuracy'])} {span(point['ci_low'], point['ci_high'])}" in text
    for cell in found["surface"][0]["cells"]:
        of = cell["accuracy"]["pass@k"]
        if cell["k"] in (1, 2, 3):
            assert f"{percent(of['value']).removesuffix(' %')} {span(of['ci_low'], of['ci_high'])}" in text
    for stratum in found["strata"][0]["strata"]:
        for cell in stratum["cells"]:
            of = cell["accuracy"]
            assert f"{percent(of['value']).removesuffix(' %')} {span(of['ci_low'], of['ci_high'])}" in text
    assert f"{found['axes'][0]['spending'][0]['ratio']:.2f}" in text


def test_it_prints_the_figures_of_compare(tmp_path: Path) -> None:
    base, new = a_run(tmp_path / "base", n=12), a_run(tmp_path / "new", n=12, seed=1)
    text = told(page_of(base, new))
    contrast = shown("compare", str(base), str(new))["comparisons"][0]
    for point in contrast["points"]:
        row = f"{percent(point['base'])} {percent(point['new'])} {signed(point['difference'])}"
        assert row in text
        assert (
            f"{probability(point['p'])} {probability(point['p_holm'])} {point['n_better']} / {point['n_worse']}" in text
        )
    assert f"p = {probability(contrast['p_curve'])}" in text


def test_two_models_of_one_run_are_compared(tmp_path: Path) -> None:
    text = told(page_of(a_run(tmp_path / "r", models=("small", "large"), n=8)))
    assert "large (new) against small (base)" in text
    assert "All 24 answers are the same" in text


def test_how_many_pairs_are_left_out_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = a_run(tmp_path / "r", models=("a", "b", "c", "d"), n=4, budgets=(0, 8))
    monkeypatch.setattr(gather, "MOST_PAIRS", 3)
    assert "pairs are shown" not in told(page_of(path))
    monkeypatch.setattr(gather, "MOST_PAIRS", 2)
    assert "2 of 3 pairs are shown; thinkcurve compare has the others." in told(page_of(path))


def test_runs_that_cannot_be_compared_say_why(tmp_path: Path) -> None:

    base, new = a_run(tmp_path / "base"), a_run(tmp_path / "new")
    manifest = read_manifest(new)
    changed = msgspec.structs.replace(manifest.tasks[0], version="2")
    write_manifest(new, msgspec.structs.replace(manifest, tasks=(changed,)))
    text = told(page_of(base, new))
    assert "Not compared:" in text
    assert "run both with one version of it" in text


def test_runs_of_one_name_are_told_apart(tmp_path: Path) -> None:
    text = told(page_of(a_run(tmp_path / "a" / "run"), a_run(tmp_path / "b" / "run", seed=2)))
    assert "run (1)" in text
    assert "run (2) (new) against run (1) (base)" in text


def test_no_path_of_this_machine_is_in_it(tmp_path: Path) -> None:
    assert str(tmp_path) not in page_of(a_run(tmp_path / "r"), a_run(tmp_path / "s"))


def test_it_is_the_same_each_time(tmp_path: Path) -> None:
    path = a_run(tmp_path / "r", samples=2)
    assert page_of(path) == page_of(path)


def test_it_asks_no_network(tmp_path: Path) -> None:
    html = page_of(a_run(tmp_path / "r"))
    assert "default-src 'none'" in html
    assert "unsafe" not in html.partition("</head>")[0].partition("<style>")[0]
    assert not re.search(r"(src|href)=\"(?!#)", html)


@pytest.mark.parametrize(
    "options",
    [
        {"n": 1, "budgets": (None,)},
        {"budgets": (8,)},
        {"budgets": (0, 8, None)},
        {"control": Control.NATIVE},
        {"control": Control.EFFORT, "budgets": (0, 2, 4)},
        {"has_questions": False},
        {"is_private": True},
        {"tasks": ("t", "u"), "models": ("m", "n"), "n": 2},
        {"text": lambda _: ""},
    ],
    ids=lambda options: "-".join(options),
)
def test_any_run_has_a_report(tmp_path: Path, options: Any) -> None:
    text = told(page_of(a_run(tmp_path / "r", **options)))
    for head in ("Accuracy against compute", "What it cost", "What went wrong", "Manifest", "How to reproduce"):
        assert head in text
    assert "None" not in text
    assert "nan" not in text.lower().split()


def test_what_another_tool_brought_has_a_report(tmp_path: Path) -> None:
    path = a_run(tmp_path / "r", samples=2)
    unknown = (
        "thinking_tokens",
        "answer_tokens",
        "generated_tokens",
        "total_tokens",
        "flops",
        "wall_s",
        "prompt_tokens",
    )
    records = Records()
    for attempt in read_records(path).attempts.values():
        records.add(msgspec.structs.replace(attempt, answer_ids=None, rung="", **dict.fromkeys(unknown)))
    compact(path, records)
    html = page_of(path)
    assert "Not known: thinking tokens, generated tokens" in told(html)
    assert '"axes":[]' in html


def test_the_commands_are_those_of_the_run(tmp_path: Path) -> None:
    text = told(page_of(a_run(tmp_path / "a run")))
    assert "thinkcurve run &#x27;results/a run/manifest.json&#x27;" in text
    assert "compare &#x27;results/a run&#x27; &#x27;results/a run-again&#x27; --exact" in text


def test_levels_of_effort_go_by_their_names(tmp_path: Path) -> None:
    text = told(page_of(a_run(tmp_path / "r", control=Control.EFFORT, budgets=(0, 2, 4))))
    assert "none low high" in " ".join(re.findall(r"\b(none|low|high)\b", text))


def test_a_run_that_is_not_finished_says_so(tmp_path: Path) -> None:
    text = told(page_of(a_run(tmp_path / "r", is_finished=False)))
    assert "This run is not finished." in text
    assert "not finished" not in told(page_of(a_run(tmp_path / "s")))
    assert "This run of r is not finished." in told(page_of(tmp_path / "r", tmp_path / "s"))


def test_missing_attempts_are_counted(tmp_path: Path) -> None:

    path = a_run(tmp_path / "r")
    manifest = read_manifest(path)
    write_manifest(path, msgspec.structs.replace(manifest, study=msgspec.structs.replace(manifest.study, samples=2)))
    assert "18 of 36 attempts are missing" in told(page_of(path))


def test_failures_are_told_with_their_errors(tmp_path: Path) -> None:
    path = a_run(tmp_path / "r")
    fail(path, error="HTTP 529 <overloaded>")
    html = page_of(path)
    assert "1 attempt failed and is not scored." in told(html)
    assert "HTTP 529 &lt;overloaded&gt;" in html


def test_a_run_of_failures_alone_has_a_report(tmp_path: Path) -> None:
    path = a_run(tmp_path / "r", n=0)
    fail(path)
    text = told(page_of(path))
    assert "no attempt came about" in text
    assert "HTTP 500" in text


def test_what_users_wrote_is_text(tmp_path: Path) -> None:
    html = page_of(a_run(tmp_path / "r", models=HOSTILE, tasks=("</title><script>pwn()</script>",), n=2))
    assert html.count("<script") == html.count("</script>") == 8
    assert "<img" not in html
    assert "\u202e" not in html
    assert "pwn()</script>" not in html.replace("&lt;/script&gt;", "")


@pytest.mark.slow
def test_ten_thousand_attempts_stay_below_two_megabytes(tmp_path: Path) -> None:
    path = a_run(tmp_path / "r", n=500, samples=4, budgets=(0, 8, 32, 64, 128), text=lambda seed: words(seed, 2000))
    run = load_run(path)
    assert len(run.attempts) == 10_000
    assert len(page_of(path).encode()) < 2_000_000


def test_a_line_of_a_megabyte_is_clipped(tmp_path: Path) -> None:
    path = a_run(tmp_path / "r", n=1, text=lambda seed: f"{seed}" + "x" * 1_000_000)
    assert len(page_of(path, most_bytes=None).encode()) < 2_000_000


def test_full_keeps_every_text(tmp_path: Path) -> None:
    path = a_run(tmp_path / "r", n=8, text=lambda seed: words(seed, 4000))
    full = page_of(path, most_bytes=None)
    assert '"reach">null<' in full
    assert '"reach">null<' not in page_of(path, most_bytes=len(full) - 2_000)


def test_the_command_writes_the_page(tmp_path: Path) -> None:
    path = a_run(tmp_path / "r")
    out = tmp_path / "page.html"
    found = CliRunner().invoke(cli, ["report", str(path), "-o", str(out), "--title", "Mine & <yours>"])
    assert (found.exit_code, found.stdout.strip()) == (0, str(out))
    assert "<title>Mine &amp; &lt;yours&gt; · thinkcurve</title>" in out.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("args", "told_in"),
    [
        (["{run}", "-o", "{tmp}/page.pdf"], "must end in .html"),
        (["{run}", "-o", "{tmp}/no/page.html"], "there is no folder"),
        (["{tmp}/nothing", "-o", "{tmp}/page.html"], "is not a run"),
    ],
)
def test_what_cannot_be_written_is_one_line(tmp_path: Path, args: list[str], told_in: str) -> None:
    path = a_run(tmp_path / "r")
    made = [arg.format(run=path, tmp=tmp_path) for arg in args]
    found = CliRunner().invoke(cli, ["report", *made])
    assert found.exit_code != 0
    assert told_in in str(found.exception)
    assert not (tmp_path / "page.html").exists()


def test_help_fits_a_screen() -> None:
    found = CliRunner().invoke(cli, ["report", "--help"], terminal_width=80)
    assert len(found.stdout.splitlines()) <= 24
    assert "Example: thinkcurve report" in found.stdout


def test_an_imported_run_names_its_tool_and_no_command_that_cannot_work(tmp_path: Path) -> None:
    log = next(iter(sorted(LOGS.glob("*.eval"))))
    made = CliRunner().invoke(cli, ["import", str(log), "--from", "inspect", "--budgets", "64", "-o", str(tmp_path)])
    assert made.exit_code == 0, made.output
    text = told(page_of(tmp_path))
    assert f"The attempts come from {log.name}, read by thinkcurve" in text
    assert "thinkcurve regrade" not in text
