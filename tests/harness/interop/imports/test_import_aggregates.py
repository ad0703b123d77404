"""Results of lm-eval without samples are refused in a sentence that says what is missing and how to get it."""

import json
import shlex
from pathlib import Path
from typing import Any

import pytest
from lm_eval_lines import line, write

from thinkcurve.errors import UsageError
from thinkcurve.interop.imports.write import import_files

RESULTS = {
    "results": {
        "gsm8k": {
            "alias": "gsm8k",
            "exact_match,strict-match": 0.7202,
            "exact_match_stderr,strict-match": 0.0124,
            "exact_match,flexible-extract": 0.75,
        }
    },
    "n-shot": {"gsm8k": 8},
    "config": {"model": "hf", "model_args": {"pretrained": "maker/model", "dtype": "float"}},
    "chat_template": "{{messages}}",
}


def complaint_of(path: Path) -> str:
    with pytest.raises(UsageError) as caught:
        import_files([path], "lm-eval")
    return str(caught.value)


def put(folder: Path, name: str = "results_2026-11-22T23-09-06.050762.json", **changes: Any) -> Path:
    path = folder / name
    path.write_text(json.dumps({**RESULTS, **changes}))
    return path


@pytest.mark.parametrize("name", ["results_2026-11-22T23-09-06.050762.json", "gsm8k.json", "results_[x]*.json"])
def test_means_alone_make_no_run_and_the_command_for_more_is_told(tmp_path: Path, name: str) -> None:
    said = complaint_of(put(tmp_path, name))
    assert "has means only (gsm8k exact_match,strict-match 0.7202, gsm8k exact_match,flexible-extract 0.75)" in said
    assert said.endswith(
        "evaluate again with lm_eval --model hf --model_args pretrained=maker/model,dtype=float --tasks gsm8k "
        "--num_fewshot 8 --apply_chat_template --log_samples --output_path DIR"
    )
    assert "\n" not in said


def test_a_folder_of_means_is_refused_alike(tmp_path: Path) -> None:
    (tmp_path / "maker__model").mkdir()
    put(tmp_path / "maker__model")
    assert "has means only (gsm8k" in complaint_of(tmp_path)


def test_the_command_holds_no_word_that_a_shell_would_take_otherwise(tmp_path: Path) -> None:
    evil = "x; rm -rf $HOME `id` 'q' \u202e\n"
    path = put(tmp_path, results={evil: {"acc,none": 1.0}}, config={"model": evil, "model_args": f"pretrained={evil}"})
    command = complaint_of(path).rpartition("evaluate again with ")[2]
    words = "lm_eval --num_fewshot 8 --apply_chat_template --log_samples --output_path DIR"
    assert command == words == shlex.join(shlex.split(command))


def test_the_command_is_one_that_lm_eval_takes(tmp_path: Path) -> None:
    from lm_eval._cli.harness import HarnessCLI
    from lm_eval.config.evaluate_config import EvaluatorConfig

    command = complaint_of(put(tmp_path)).rpartition("evaluate again with ")[2]
    arguments = HarnessCLI()._parser.parse_args(["run", *shlex.split(command)[1:]])
    config = EvaluatorConfig.from_cli(arguments)
    assert (config.model, config.num_fewshot, config.log_samples) == ("hf", 8, True)


@pytest.mark.parametrize(
    "changes",
    [{"results": {}}, {"results": None}, {"results": {"t": 3}}, {"config": None, "n-shot": [1]}],
)
def test_results_with_nothing_in_them_are_refused_too(tmp_path: Path, changes: dict[str, Any]) -> None:
    assert "--log_samples" in complaint_of(put(tmp_path, **changes))


def test_with_samples_beside_them_results_are_taken(tmp_path: Path) -> None:
    write(tmp_path, [line(0)])
    (results,) = tmp_path.glob("results_*.json")
    assert len(import_files([results], "lm-eval").records.attempts) == 1
