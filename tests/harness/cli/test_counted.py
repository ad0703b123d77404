"""How far counted work is: lines of a log, a line drawn in place, or events; silence where it is short."""

import itertools
import json
import re
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from thinkcurve.cli import counted, report
from thinkcurve.cli.counted import Counted
from thinkcurve.cli.voice import speak_json

REFERENCE = Path(__file__).parents[3] / "results" / "reference" / "embedded"


def test_short_work_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with Counted("answers", "plain") as shown:
        for i in range(100):
            shown.step(i, 100)
    assert capsys.readouterr() == ("", "")


def test_long_work_says_whole_lines_ever_more_seldom(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock_s = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: clock_s[0])
    shown = Counted("answers", "plain")
    for i in range(3000):
        clock_s[0] = float(i)
        shown.step(i, 3000, "judging")
    lines = capsys.readouterr().err.splitlines()
    assert re.fullmatch(r"\d\d:\d\d:\d\d   10 of 3,000 answers   judging   0:10", lines[0])
    assert all(line.isprintable() for line in lines)
    seconds = [int(line.split()[1].replace(",", "")) for line in lines]
    gaps = [b - a for a, b in itertools.pairwise(seconds)]
    assert gaps == sorted(gaps)
    assert (gaps[0], gaps[-1]) == (10, 60)


def test_a_line_comes_also_while_nothing_does(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(counted, "FIRST_LINES_S", 0.0)
    with Counted("steps", "plain") as shown:
        shown.step(2, 4, "the page")
        capsys.readouterr()
        time.sleep(1.5)
    assert "2 of 4 steps   the page   0:01" in capsys.readouterr().err


def test_what_is_drawn_is_wiped(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counted, "DRAWN_EVERY_S", 0.0)
    with Counted("answers", "live") as shown:
        shown.step(3, 4)
        shown.say("a word")
    text = capsys.readouterr().err
    assert "\r\x1b[K3 of 4 answers   0:00" in text
    assert "\r\x1b[Ka word\n" in text
    assert text.endswith("\r\x1b[K")


def test_a_report_says_its_steps_as_events(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counted, "JSON_EVERY_S", 0.0)
    monkeypatch.setattr("thinkcurve.report.run_report.gather.contents_of", lambda runs, title: runs)
    monkeypatch.setattr("thinkcurve.report.run_report.run_page.report_page", lambda runs, most_bytes: f"{len(runs)}")
    try:
        args = [str(REFERENCE), "-o", str(tmp_path / "r.html"), "--progress", "json"]
        done = CliRunner().invoke(report.command, args, catch_exceptions=False)
    finally:
        speak_json(False)
    events = [json.loads(line) for line in done.stderr.splitlines()]
    steps = [event["doing"] for event in events]
    assert list(dict.fromkeys(steps)) == [f"reading {REFERENCE}", "curves and comparisons", "the page"]
    assert {event["total"] for event in events} == {3}
    assert (tmp_path / "r.html").read_text() == "1"
