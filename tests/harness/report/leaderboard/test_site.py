"""A site on disk: which entries stand together, what its files hold, and that only what changed is written."""

from __future__ import annotations

import csv
import io
import json
import shutil
from pathlib import Path
from xml.etree import ElementTree

import msgspec
import pandas as pd
import pytest
from msgspec.structs import replace

from analysis.simulated import a_run
from report.leaderboard.simulated_entries import an_entry, many
from thinkcurve.budget import format_budget
from thinkcurve.errors import UsageError
from thinkcurve.interop.exports.spreadsheet import STARTS
from thinkcurve.report.leaderboard.blocks import matrix_block
from thinkcurve.report.leaderboard.entry import Entry, clipped, entries_of, entries_of_run, model_of, without_folders
from thinkcurve.report.leaderboard.files import badge, badges, csv_of, tables
from thinkcurve.report.leaderboard.site import Site, labels_of, site_of, slug
from thinkcurve.report.leaderboard.write import is_ours, leaderboard, site_files
from thinkcurve.run import Run, load_run

REFERENCE = Path(__file__).parents[4] / "results/reference/embedded"


def files_of(site: Site) -> dict[str, bytes]:
    return dict(tables(site))


def test_a_task_of_another_version_stands_apart() -> None:
    one, other = an_entry(), an_entry("b")
    other = replace(other, task=replace(other.task, version="2"))
    site = site_of([one, other])
    assert [len(board.entries) for board in site.boards] == [1, 1]
    assert len({board.slug for board in site.boards}) == 2
    assert all("version" in board.title for board in site.boards)


def test_the_same_number_of_other_problems_stands_apart() -> None:
    other = an_entry("b")
    site = site_of([an_entry(), replace(other, task=replace(other.task, fingerprint="ffff"))])
    assert len(site.boards) == 2


def test_a_part_of_the_problems_stands_with_the_whole() -> None:
    other = an_entry("b", n=20)
    site = site_of([an_entry(), replace(other, task=replace(other.task, fingerprint="ffff"))])
    assert len(site.boards) == 1
    assert site.boards[0].task.n_problems == 50


def test_models_of_one_name_are_told_apart_by_their_weights() -> None:
    one, other = an_entry(), an_entry(seed=2)
    site = site_of([one, replace(other, model=replace(other.model, fingerprint="ffff"))])
    assert len({page.slug for page in site.models}) == len({page.title for page in site.models}) == 2


def test_labels_say_what_differs() -> None:
    site = site_of([an_entry("a"), an_entry("b", control="extend"), an_entry("b", run="one"), an_entry("b", run="two")])
    titles = {page.model.identity: page.title for page in site.models}
    assert sorted(labels_of(site.boards[0], titles)) == ["a", "b · extend", "b · truncate · one", "b · truncate · two"]


def test_the_order_of_runs_changes_nothing() -> None:
    entries = many(5, 2)
    assert site_of(entries) == site_of(entries[::-1])


@pytest.mark.parametrize("name", ["a/b", "A/B", "..", "con", "", "é" * 500, "\ud800", "a\x00b"])
def test_a_slug_is_a_file_name_anywhere(name: str) -> None:
    made = slug(name)
    assert made.isascii()
    assert set(made) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")
    assert 8 <= len(made) <= 49


def test_slugs_differ_where_names_do() -> None:
    assert len({slug("a", "b"), slug("ab"), slug("A", "b"), slug("a b"), slug("a", "b", "")}) == 5


def test_files_hold_the_very_figures() -> None:
    entries = many(3, 2)
    made = files_of(site_of(entries))
    table = pd.read_parquet(io.BytesIO(made["points.parquet"]))
    rows = list(csv.DictReader(io.StringIO(made["points.csv"].decode())))
    nested = json.loads(made["leaderboard.json"])["points"]
    points = {(e.key, format_budget(p.budget, e.curve.control)): p for e in entries for p in e.curve.points}
    assert len(table) == len(rows) == len(nested) == len(points)
    for row, line, item in zip(table.to_dict("records"), rows, nested, strict=True):
        point = points[row["entry"], row["budget"]]
        assert row["budget"] == line["budget"] == item["budget"]
        assert row["accuracy"] == float(line["accuracy"]) == item["accuracy"] == point.accuracy
        assert row["flops"] == float(line["flops"]) == item["flops"] == point.flops
        assert line["usd"] == ""
        assert item["usd"] is None


@pytest.mark.parametrize(("control", "budgets"), [("truncate", (0, 64, None)), ("effort", (1, 2, 3))])
def test_a_budget_is_written_as_in_an_export(control: str, budgets: tuple[int | None, ...]) -> None:
    made = files_of(site_of([an_entry(control=control, budgets=budgets)]))
    (board,) = site_of([an_entry(control=control, budgets=budgets)]).boards
    assert {row["model"] for row in csv.DictReader(io.StringIO(made["points.csv"].decode()))} == {"org/Model-1B"}
    found = [row["budget"] for row in csv.DictReader(io.StringIO(made["points.csv"].decode()))]
    assert found == (["0", "64", "none"] if control == "truncate" else [format_budget(b, "effort") for b in budgets])
    ranks = list(csv.DictReader(io.StringIO(made["ranks.csv"].decode())))
    costs = [one.cost for made in board.rankings.values() for each in made for one in each.standings]
    assert [float(row["cost"]) for row in ranks] == costs


def test_a_spreadsheet_finds_no_formula() -> None:
    made = csv_of(
        [{"model": "=HYPERLINK(1)", "x": -1.0}, {"model": "+1", "x": None}, {"model": "a\x00b\ud800", "x": 1}]
    )
    assert [row["model"] for row in csv.DictReader(io.StringIO(made.decode()))][:2] == ["'=HYPERLINK(1)", "+1"]
    starts = [f"{start}cmd" for start in STARTS if start != "\r"]
    rows = csv.DictReader(io.StringIO(csv_of([{"model": start} for start in starts]).decode(), newline=""))
    assert [row["model"] for row in rows] == [f"'{start}" for start in starts]


@pytest.mark.parametrize("name", ["plain", "<script>1</script>", '"><x', "\x00\u202e", "n" * 10_000, "]]>&amp;"])
def test_a_badge_is_well_formed_whatever_its_name(name: str) -> None:
    made = badge(name, "50.0 % at 240 tokens")
    root = ElementTree.fromstring(made)
    assert "script" not in {element.tag.rpartition("}")[2] for element in root.iter()}
    assert len(made) < 3000


def test_every_model_has_a_badge_on_every_task_it_ran() -> None:
    assert len(dict(badges(site_of(many(4, 3))))) == 12


def test_across_tasks_says_who_may_be_first() -> None:
    site = site_of([an_entry("good", skill=0.95), an_entry("bad", skill=0.1), an_entry("bad", "other", skill=0.1)])
    rows = {site.models[row[0]].title: row for row in matrix_block(site)["rows"]}
    assert rows["good"][1:3] == [1, 1]
    assert rows["bad"][1:3] == [1, 2]


def test_across_tasks_too_little_data_is_no_merit() -> None:
    made = []
    for t, task in enumerate(("a", "b", "c", "d")):
        made.append(an_entry("good/A", task, skill=0.95, n=200, seed=t))
        made.append(an_entry("good/B", task, skill=0.85, n=200, seed=10 + t))
        made.append(an_entry("tiny", task, skill=0.99, n=3, seed=20 + t))
    made.append(an_entry("choosy", "a", skill=1.0, n=200, seed=40))
    site = site_of(made)
    rows = [(site.models[row[0]].title, row[1]) for row in matrix_block(site)["rows"]]
    assert [name for name, _ in rows] == ["good/A", "good/B", "choosy", "tiny"]
    assert dict(rows)["tiny"] == 0
    assert dict(rows)["good/A"] >= 3
    assert any(n for name, n in rows if name == "choosy")


def test_folders_of_somebody_are_not_published() -> None:
    assert without_folders("llamacpp:/home/me/secret/m.gguf") == "llamacpp:m.gguf"
    assert without_folders("llamacpp:C:\\Users\\me\\m.gguf") == "llamacpp:m.gguf"
    assert without_folders("transformers:./m/") == "transformers:m"
    assert without_folders("transformers:org/model") == "transformers:org/model"
    assert without_folders("http://localhost:8000/v1#a/b") == "http://localhost:8000/v1#a/b"
    assert without_folders("embedded") == "embedded"


def test_long_texts_are_cut_and_stay_apart() -> None:
    one, other = clipped("x" * 10**6), clipped("x" * 10**6 + "y")
    assert len(one) < 200
    assert one != other


def test_entries_are_the_curves_of_the_run() -> None:
    run, entries = load_run(REFERENCE), entries_of(REFERENCE)
    assert [entry.curve for entry in entries] == run.curves()
    assert {entry.run for entry in entries} == {"embedded"}


def test_what_a_submitter_calls_a_model_names_no_folder_of_theirs() -> None:
    (grid,) = a_run("llamacpp:/home/me/m.gguf", (0.1, 0.2, 0.3, 0.4)).grids
    assert grid.model == "llamacpp:/home/me/m.gguf"
    run = a_run("llamacpp:/home/me/m.gguf", (0.1, 0.2, 0.3, 0.4))
    (entry,) = entries_of_run(run, "d")
    assert "/home" not in msgspec.json.encode(entry).decode()
    record = replace(run.manifest.models[0], info={"name": "/home/me/m"})
    assert model_of(record).name == "m"


@pytest.mark.parametrize(
    "run",
    [
        a_run("one", (0.5,), n=1, budgets=(64,)),
        a_run("natural", (0.1, 0.2, 0.5), budgets=(0, 64, None)),
        a_run("effort", (0.2, 0.4, 0.6), budgets=(1, 2, 4), control="effort"),
        a_run("failed", (0.2, 0.3), n=3, budgets=(0, 9), fail=[(i, b) for i in range(3) for b in (0, 9)]),
        a_run("gaps", (0.2, 0.3), n=3, budgets=(0, 9), fail=[(0, 0), (1, 9)]),
    ],
    ids=lambda run: str(run.manifest.models[0].spec),
)
def test_odd_runs_have_pages(run: Run) -> None:
    entries = [*entries_of_run(run, "d"), *entries_of_run(a_run("other", (0.1, 0.2, 0.3, 0.4)), "e")]
    again = msgspec.json.decode(msgspec.json.encode(entries), type=list[Entry])
    assert again == entries
    assert dict(site_files(site_of(again))).keys() == dict(site_files(site_of(entries))).keys()


def test_runs_of_one_name_are_both_kept(tmp_path: Path) -> None:
    one, other, site = a_copy(tmp_path / "a", "run", 1), a_copy(tmp_path / "b", "run", 2), tmp_path / "site"
    assert leaderboard([one, other], site).n_runs == 2
    third = a_copy(tmp_path, "third", 3)
    assert leaderboard([third], site, is_adding=True).n_runs == 3
    shutil.rmtree(one)
    changed = a_copy(tmp_path / "a", "run", 4)
    assert leaderboard([changed], site, is_adding=True).n_runs == 3


def a_copy(folder: Path, name: str, seed: int) -> Path:
    """The reference run as another one, by its manifest."""
    made = folder / name
    shutil.copytree(REFERENCE, made)
    manifest = json.loads((made / "manifest.json").read_text())
    manifest["study"]["seed"] = seed
    (made / "manifest.json").write_text(json.dumps(manifest))
    return made


def test_only_what_changed_is_written(tmp_path: Path) -> None:
    one, other, site = a_copy(tmp_path, "one", 1), a_copy(tmp_path, "other", 2), tmp_path / "site"
    first = leaderboard([one], site)
    assert (first.read, first.unchanged) == (1, 0)
    again = leaderboard([one], site)
    assert (again.read, again.written, again.removed) == (0, 0, 0)
    both = leaderboard([one, other], site)
    assert (both.read, both.n_runs) == (1, 2)
    assert both.written > 0
    shutil.rmtree(other)
    added = leaderboard([one], site, is_adding=True)
    assert (added.n_runs, added.read, added.written) == (2, 0, 0)
    less = leaderboard([one], site)
    assert less.n_runs == 1
    assert less.removed == 1  # what was kept of the other run
    (site / "index.html").unlink()
    assert leaderboard([one], site).written == 1


def test_a_page_that_somebody_changed_is_as_it_was_on_the_next_write(tmp_path: Path) -> None:
    one, site = a_copy(tmp_path, "one", 1), tmp_path / "site"
    leaderboard([one], site)
    page = site / "index.html"
    before = page.read_bytes()
    page.write_bytes(before.replace(b"Leaderboard", b"Laederboard"))
    assert leaderboard([one], site).written == 1
    assert page.read_bytes() == before
    page.unlink()
    (tmp_path / "elsewhere").write_bytes(before)
    page.symlink_to(tmp_path / "elsewhere")
    assert leaderboard([one], site).written == 1
    assert not page.is_symlink()


def test_rankings_of_another_rule_are_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    (board,) = site_of(many(3, 1)).boards
    (same,) = site_of(many(3, 1)).boards
    assert board.digest == same.digest
    monkeypatch.setattr("thinkcurve.report.leaderboard.site.RANKING", 2)
    (other,) = site_of(many(3, 1)).boards
    assert other.digest != board.digest


def test_a_folder_of_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("mine")
    with pytest.raises(UsageError, match="no leaderboard"):
        leaderboard([REFERENCE], tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_a_ledger_cannot_make_us_delete_elsewhere(tmp_path: Path) -> None:
    site, mine = tmp_path / "site", tmp_path / "mine.txt"
    mine.write_text("mine")
    leaderboard([REFERENCE], site)
    ledger = json.loads((site / "site.json").read_text())
    ledger["files"] |= {"../mine.txt": "0", str(mine): "0"}
    (site / "site.json").write_text(json.dumps(ledger))
    leaderboard([REFERENCE], site)
    assert mine.exists()
    assert not any(map(is_ours, ["../x", "/x", "a/../x", "C:x", "a\\b", "a/b/c"]))


def test_a_run_that_is_none_is_said(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is not a run"):
        leaderboard([tmp_path / "nothing"], tmp_path / "site")
    assert not (tmp_path / "site").exists()
