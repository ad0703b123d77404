"""A run as results and a card of the Hugging Face hub, read by huggingface_hub and a renderer of Markdown."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from exported import Make, content, plain_run, wishes
from huggingface_hub import EvalResult, ModelCard, ModelCardData, metadata_load, parse_eval_result_entries
from huggingface_hub._eval_results import eval_result_entries_to_yaml
from markdown_it import MarkdownIt

from thinkcurve.interop.exports.content import Written
from thinkcurve.interop.exports.hugging_face import card, escaped, write
from thinkcurve.run import Run


def exported(run: Run, output: Path, **fields: Any) -> Written:
    return write(content(run), output, wishes(**fields))


def rendered(text: str) -> str:
    """The HTML of a card below its metadata, by a renderer that lets HTML through."""
    return MarkdownIt("commonmark", {"html": True}).enable("table").render(text.split("---\n", 2)[2])


def test_every_point_is_a_result_that_huggingface_hub_reads(tmp_path: Path, plain: Run) -> None:
    run = plain
    written = exported(run, tmp_path / "out", benchmarks={"doubling": "me/doubles#easy"})
    files = [Path(name) for name in written.files if name.endswith(".yaml")]
    assert [file.name for file in files] == [f"doubling_budget-{budget}.yaml" for budget in ("0", "8", "none")]
    assert {file.parent.name for file in files} == {".eval_results"}
    for file, point in zip(files, run.curves()[0].points, strict=True):
        raw = yaml.safe_load(file.read_text())
        (entry,) = parse_eval_result_entries(raw)
        assert eval_result_entries_to_yaml([entry]) == raw, "nothing stands there that the hub does not know"
        assert (entry.dataset_id, entry.task_id) == ("me/doubles", "easy")
        assert point.accuracy is not None
        assert entry.value == pytest.approx(100 * point.accuracy)
        assert entry.notes is not None
        assert ("natural end" if point.budget is None else f"budget of {point.budget} ") in entry.notes
        assert "2 samples of 20 problems" in entry.notes


def test_a_task_of_no_hub_gets_a_card_only_and_a_word(tmp_path: Path, plain: Run) -> None:
    written = exported(plain, tmp_path / "out")
    assert [Path(name).name for name in written.files] == ["README.md"]
    assert any("--benchmark doubling=OWNER/NAME" in words for words in written.left_out)


def test_a_part_of_a_benchmark_is_said_to_be_one(tmp_path: Path, make: Make) -> None:
    run = make(plain_run, limit=3)
    written = exported(run, tmp_path / "out", benchmarks={"doubling": "me/doubles"})
    assert any("a part of the problems" in words for words in written.left_out)
    assert "a part of the benchmark" in Path(written.files[0]).read_text()


def test_the_card_is_one_and_its_index_holds_the_scores(tmp_path: Path, plain: Run) -> None:
    run = plain
    written = exported(run, tmp_path / "out", model_ids={"adder": "org/adder"})
    readme = Path(written.files[-1])
    data = ModelCard.load(readme).data
    assert data.model_name == "org/adder"
    results: list[EvalResult] = data.eval_results
    assert [result.metric_value for result in results] == [
        pytest.approx(100 * (point.accuracy or 0)) for point in run.curves()[0].points
    ]
    assert [result.metric_args["budget"] for result in results if result.metric_args] == ["0", "8", "none"]
    own = ModelCardData(model_name="org/adder", eval_results=results).to_dict()
    assert own["model-index"] == metadata_load(readme)["model-index"]


def test_the_table_has_a_row_a_budget(tmp_path: Path, plain: Run) -> None:
    run = plain
    html = rendered(card(content(run), "adder", wishes()))
    assert html.count("<tr>") == 4
    point = run.curves()[0].points[1]
    assert f'">{100 * (point.accuracy or 0):.1f}</td>' in html


def test_levels_of_effort_are_called_by_their_names(tmp_path: Path, effort: Run) -> None:
    run = effort
    written = exported(run, tmp_path / "out", benchmarks={"doubling": "me/doubles"})
    assert [Path(name).name for name in written.files[:-1]] == [
        f"doubling_effort-{level}.yaml" for level in ("minimal", "low", "high")
    ]
    html = rendered(Path(written.files[-1]).read_text())
    assert '<td style="text-align:right">minimal</td>' in html
    assert "–" in html, "what nobody counted is a dash"


def test_hostile_names_are_text_in_card_and_results(tmp_path: Path, hostile: Run) -> None:
    run = hostile
    (task,) = [task.name for task in run.manifest.tasks]
    written = exported(run, tmp_path / "out", benchmarks={task: "me/bad"})
    for name in written.files:
        assert Path(name).resolve().is_relative_to((tmp_path / "out").resolve())
    readme = Path(written.files[-1]).read_text()
    html = rendered(readme)
    assert "<script" not in html
    assert "<b>" not in html
    assert "\u202e" not in readme
    assert html.count("<table>") == 1
    assert html.count("<tr>") == 3
    assert len(ModelCard(readme).data.eval_results) == 2
    (entry,) = parse_eval_result_entries(yaml.safe_load(Path(written.files[0]).read_text()))
    assert entry.dataset_id == "me/bad"


@pytest.mark.parametrize(
    "text",
    [
        "<script>x</script>",
        "a|b",
        "[x](javascript:y)",
        "**bold** _it_ `code` ~~s~~",
        "# head",
        "&lt;b&gt;",
        "\n\n- x\n",
        "$x$",
    ],
)
def test_escaped_text_renders_as_itself(text: str) -> None:
    rows = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
    html = rows.render(f"| {escaped(text)} |\n| - |\n| x |\n")
    head = html.partition("<th>")[2].partition("</th>")[0]
    assert "<" not in head
    import html as entities

    assert entities.unescape(head) == " ".join(text.split())
