"""What decides whether two imports may be compared is kept, and a comparison says where it differs."""

import json
from pathlib import Path
from typing import Any

import pytest
from exported import content, wishes
from lm_eval_lines import line, write

from thinkcurve.analysis.comparison.compare import compare
from thinkcurve.errors import UsageError
from thinkcurve.interop.exports.lm_eval import write as export
from thinkcurve.interop.imports.item import Wishes
from thinkcurve.interop.imports.write import import_files, write_run
from thinkcurve.run import load_run

LOGS = Path(__file__).parent / "inspect_logs"
PROMPT = "Question: {{question}}\nAnswer:"


def evaluated(folder: Path, shots: int | None = None, n: int = 3, **said: Any) -> Path:
    """Samples of lm-eval whose prompts are not in them, so that only the results file can tell how they were asked."""
    lines = [{**line(i, float(i > 0)), "arguments": {}} for i in range(n)]
    samples = write(folder, lines)
    (results,) = folder.glob("results_*.json")
    raw = json.loads(results.read_text())
    raw["configs"]["sums"]["doc_to_text"] = PROMPT
    if shots is not None:
        raw["n-shot"] = {"sums": shots}
    results.write_text(json.dumps({**raw, **said}))
    return samples


def brought_in(folder: Path, samples: Path, **given: Any) -> Path:
    write_run(import_files([samples], "lm-eval", wishes=Wishes(**given)), folder)
    return folder


def remarks(tmp_path: Path, base: dict[str, Any], new: dict[str, Any]) -> list[str]:
    """What a comparison of two evaluations says beside its figures."""
    runs = [
        brought_in(tmp_path / f"run-{name}", evaluated(tmp_path / name, **given))
        for name, given in (("base", base), ("new", new))
    ]
    (found,) = compare(*runs).comparisons
    return [note for note in found.notes if "seed" not in note]


def test_two_imports_asked_alike_are_compared_without_a_remark(tmp_path: Path) -> None:
    assert remarks(tmp_path, {"shots": 8}, {"shots": 8}) == []


@pytest.mark.parametrize(
    ("base", "new", "remark"),
    [
        ({"shots": 0}, {"shots": 8}, "lm-eval:sums: fewshot differs: 0 in base, 8 in new"),
        ({}, {"shots": 8}, "lm-eval:sums: fewshot differs: not set in base, 8 in new"),
        ({"shots": 0}, {"shots": 8, "n": 2}, "lm-eval:sums: fewshot differs: 0 in base, 8 in new"),
        (
            {"chat_template": None},
            {"chat_template": "{{x}}", "chat_template_sha": "aa"},
            "chat_template differs: False in base, True in new",
        ),
        (
            {"chat_template": "{{x}}", "chat_template_sha": "aa"},
            {"chat_template": "{{y}}", "chat_template_sha": "bb"},
            "maker/model: the chat template differs: aa in base, bb in new",
        ),
        (
            {"system_instruction": "Be brief."},
            {"system_instruction": None},
            "system differs: 'Be brief.' in base, '' in new",
        ),
        (
            {"system_instruction_sha": "aa"},
            {"system_instruction_sha": "bb"},
            "system differs: 'sha256:aa' in base, 'sha256:bb' in new",
        ),
    ],
)
def test_a_comparison_says_what_was_asked_otherwise(
    tmp_path: Path, base: dict[str, Any], new: dict[str, Any], remark: str
) -> None:
    assert remark in remarks(tmp_path, base, new)


def test_prompts_that_differ_are_remarked_though_no_setting_tells(tmp_path: Path) -> None:
    for name, text in (("a", "Q: {}"), ("b", "Examples first. Q: {}")):
        lines = [line(i, arguments={"gen_args_0": {"arg_0": text.format(i), "arg_1": {}}}) for i in range(2)]
        brought_in(tmp_path / f"run-{name}", write(tmp_path / name, lines))
    (found,) = compare(tmp_path / "run-a", tmp_path / "run-b").comparisons
    assert any("are asked otherwise in new than in base" in note for note in found.notes)


def test_two_filters_of_one_evaluation_are_not_compared_without_a_remark(tmp_path: Path) -> None:
    samples = write(tmp_path / "out", [line(i, filter=name) for i in range(2) for name in ("strict", "loose")])
    runs = [brought_in(tmp_path / name, samples, filter=name) for name in ("strict", "loose")]
    (found,) = compare(*runs).comparisons
    told = "lm-eval 0.4.13: strict, exact_match in base, lm-eval 0.4.13: loose, exact_match in new"
    assert f"scored by others: {told}" in found.notes


def test_points_of_other_prompts_make_no_curve(tmp_path: Path) -> None:
    low, high = evaluated(tmp_path / "low", shots=0), evaluated(tmp_path / "high", shots=8)
    with pytest.raises(UsageError, match="asked 'lm-eval:sums' otherwise: fewshot is 0 in one, 8 in the other; import"):
        import_files([low, high], "lm-eval", budgets="1,2")
    low = evaluated(tmp_path / "a", chat_template=None)
    high = evaluated(tmp_path / "b", chat_template="{{x}}")
    with pytest.raises(UsageError, match="the use of a chat template is False in one, True in the other"):
        import_files([low, high], "lm-eval", budgets="1,2")


def test_a_part_of_a_task_is_said_to_be_one(tmp_path: Path) -> None:
    sizes: dict[str, Any] = {"n-samples": {"sums": {"original": 1319, "effective": 3}}}
    found = import_files([evaluated(tmp_path / "a", **sizes)], "lm-eval")
    assert found.notes == ["lm-eval:sums: a part of the task was asked, 3 of 1,319 problems"]
    assert found.manifest.study.limit == 3
    sizes = {"n-samples": {"sums": {"original": 3, "effective": 3}}}
    whole: dict[str, Any] = {**sizes, "config": {"limit": 100, "model": "m"}}
    found = import_files([evaluated(tmp_path / "b", **whole)], "lm-eval")
    assert (found.notes, found.manifest.study.limit) == ([], None)


@pytest.mark.parametrize(("limit", "part"), [(3, 3), (100, None), (0.5, None), (None, None)])
def test_of_files_without_sizes_the_limit_tells_where_it_was_reached(
    tmp_path: Path, limit: float | None, part: int | None
) -> None:
    found = import_files([evaluated(tmp_path, config={"limit": limit, "model": "m"})], "lm-eval")
    assert found.manifest.study.limit == part


def test_the_settings_of_an_import_go_out_again(tmp_path: Path) -> None:
    samples = evaluated(tmp_path / "a", shots=8, system_instruction="Be brief.")
    run = load_run(brought_in(tmp_path / "run", samples))
    export(content(run), tmp_path / "out", wishes())
    (results,) = (tmp_path / "out").rglob("results_*.json")
    said = json.loads(results.read_text())
    assert said["n-shot"] == {"lm-eval_sums": 8}
    assert said["system_instruction"] == "Be brief."
    assert said["configs"]["lm-eval_sums"]["doc_to_text"] == PROMPT


def logged(path: Path, asked: int | None = None, **arguments: Any) -> Path:
    """A log of inspect whose task had arguments; ``asked`` problems of 40, of which it holds 4."""
    log = json.loads((LOGS / "failing.json").read_text())
    log["eval"] |= {"task_args": arguments, "dataset": {"samples": asked or 4, "sample_ids": [1, 2, 3, 4]}}
    path.write_text(json.dumps(log))
    return path


def test_arguments_of_an_inspect_task_are_its_options(tmp_path: Path) -> None:
    for shots in (0, 8):
        log = logged(tmp_path / f"{shots}.json", fewshot=shots, nothing=None, many=[1], name="<b>")
        write_run(import_files([log], "inspect"), tmp_path / f"run-{shots}")
    (found,) = compare(tmp_path / "run-0", tmp_path / "run-8").comparisons
    assert "inspect:failing: fewshot differs: 0 in base, 8 in new" in found.notes
    assert load_run(tmp_path / "run-8").manifest.study.task_options == {
        "inspect:failing": {"fewshot": 8, "name": "<b>"}
    }


def test_arguments_that_a_ladder_varies_are_remarked_and_not_kept(tmp_path: Path) -> None:
    logs = [logged(tmp_path / f"{n}.json", budget=n, fewshot=2) for n in (1, 2)]
    found = import_files(logs, "inspect", budgets="1,2")
    assert found.manifest.study.task_options == {"inspect:failing": {"fewshot": 2}}
    assert "inspect:failing: the files differ in the options budget" in found.notes


def test_a_part_of_an_inspect_data_set_is_said_to_be_one(tmp_path: Path) -> None:
    found = import_files([logged(tmp_path / "log.json", asked=40)], "inspect")
    assert "inspect:failing: a part of the task was asked, 4 of 40 problems" in found.notes
    assert found.manifest.study.limit == 4
