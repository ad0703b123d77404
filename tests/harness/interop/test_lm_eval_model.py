"""lm-eval with a thinkcurve model: its answers are ours, the budget is kept, and nothing is silently another's."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from made_lm_eval import (
    BOXED,
    answers,
    arithmetic,
    doubling,
    doublings,
    evaluate,
    request,
    scripted,
    usage_of,
    write_task,
)

from thinkcurve.interop.lm_eval import ThinkcurveLM
from thinkcurve.run import Run, sweep
from thinkcurve.study import Study, seed_of
from thinkcurve_backends.scripted import Asked, ScriptedBackend


@pytest.mark.parametrize("budget", [0, 64])
def test_lm_eval_gets_the_answers_and_the_score_of_our_own_run(ours: Run, tmp_path: Path, budget: int) -> None:
    folder = write_task(tmp_path, "arithmetic", arithmetic(), filter_list=BOXED)
    lm = ThinkcurveLM(model="embedded", budget=budget, usage=str(tmp_path / "usage.jsonl"))
    results = evaluate(lm, folder, "arithmetic", apply_chat_template=True)
    attempts = sorted((a for a in ours.records.attempts.values() if a.budget == budget), key=lambda a: a.index)
    assert answers(results, "arithmetic") == [a.answer for a in attempts]
    point = next(p for p in ours.curves()[0].points if p.budget == budget)
    assert results["results"]["arithmetic"]["exact_match,boxed"] == pytest.approx(point.accuracy)
    for line, attempt in zip(usage_of(tmp_path / "usage.jsonl"), attempts, strict=True):
        for name in ("prompt_tokens", "thinking_tokens", "answer_tokens", "is_forced", "ending", "seed", "flops"):
            assert line[name] == getattr(attempt, name), (attempt.problem, name)
    totals = results["config"]["thinkcurve"]["usage"]
    assert totals["thinking_tokens"] == sum(a.thinking_tokens for a in attempts)
    assert totals["forced"] == sum(a.is_forced for a in attempts)


def test_thinking_pays_on_the_embedded_model(ours: Run) -> None:
    first, last = ours.curves()[0].points
    assert last.accuracy > first.accuracy + 0.2  # so the two scores compared above are different ones


def test_a_replayed_run_scores_the_same_through_lm_eval(ours: Run, tmp_path: Path) -> None:
    folder = write_task(tmp_path, "arithmetic", arithmetic(), filter_list=BOXED)
    lm = ThinkcurveLM(model=f"replay:{ours.path}", budget="64")
    results = evaluate(lm, folder, "arithmetic", apply_chat_template=True)
    attempts = sorted((a for a in ours.records.attempts.values() if a.budget == 64), key=lambda a: a.index)
    assert answers(results, "arithmetic") == [a.answer for a in attempts]


def test_drawn_answers_have_the_seeds_of_our_own_run(tmp_path: Path) -> None:
    def echo(asked: Asked) -> str:
        return f"{asked.seed}"

    backend = ScriptedBackend(echo)
    study = Study(models=("scripted",), tasks=("arithmetic",), budgets=(16,), limit=3, temperature=0.8)
    own = sweep(study, tmp_path / "run", backends={"scripted": backend})
    sampled = {"until": [], "do_sample": True, "temperature": 0.8}
    folder = write_task(tmp_path, "arithmetic", arithmetic()[:3], generation_kwargs=sampled)
    lm = ThinkcurveLM(backend=backend, model="scripted", budget=16)
    results = evaluate(lm, folder, "arithmetic", apply_chat_template=True)
    assert answers(results, "arithmetic") == [a.answer for a in own.records.attempts.values()]


def test_every_repeat_has_a_seed_of_its_own(tmp_path: Path) -> None:
    def echo(asked: Asked) -> str:
        return "" if asked.wants_thinking else f"{asked.seed} at {asked.temperature}"

    sampled = {"until": [], "do_sample": True, "temperature": 0.7}
    keep = [{"name": "all", "filter": [{"function": "take_first_k", "k": 3}]}]
    bypass = {"metric_list": [{"metric": "bypass"}]}
    folder = write_task(tmp_path, "t", doublings(4), repeats=3, generation_kwargs=sampled, filter_list=keep, **bypass)
    results = evaluate(scripted(echo, usage=str(tmp_path / "u.jsonl")), folder, "t")
    said = [text for sample in results["samples"]["t"] for text in sample["resps"][0]]
    assert len(set(said)) == 12
    assert {text.split()[-1] for text in said} == {"0.7"}
    assert said[1] == f"{seed_of(0, 't/test/0', 1, '0')} at 0.7"
    assert [line["sample"] for line in usage_of(tmp_path / "u.jsonl")] == [0, 1, 2] * 4


def test_thinking_never_reaches_lm_eval_and_stop_texts_never_end_it(tmp_path: Path) -> None:
    def model(asked: Asked) -> str:
        return "first STOP\n\nsecond" if asked.wants_thinking else "  \n\nfine STOP and more"

    lm = scripted(model, budget=None, usage=str(tmp_path / "u.jsonl"))
    stops = {"until": ["STOP", "\n\n"]}
    chat = lm.apply_chat_template([{"role": "user", "content": "q"}])
    assert lm.generate_until([request(chat, **stops), request("q", **stops)]) == ["fine ", "fine "]
    for line in usage_of(tmp_path / "u.jsonl"):
        assert (line["thinking_tokens"], line["ending"], line["is_forced"]) == (18, "closed", False)
        assert not line["is_truncated_answer"]


def test_a_whole_task_is_scored_from_raw_text_and_from_chat(tmp_path: Path) -> None:
    stops = {"until": ["\n\n"], "do_sample": False}
    folder = write_task(tmp_path, "t", doublings(), generation_kwargs=stops)
    for options in ({}, {"apply_chat_template": True}):
        results = evaluate(scripted(doubling), folder, "t", **options)
        assert answers(results, "t") == [str(2 * i) for i in range(6)]
        assert results["results"]["t"]["exact_match,none"] == 1.0


def said_prompt(asked: Asked) -> str:
    return "" if asked.wants_thinking else f"{asked.prompt}|{asked.written}"


def test_a_raw_prompt_is_the_context_and_nothing_else() -> None:
    class Recording(ScriptedBackend):
        async def generate(self, asked: Any) -> Any:
            seen.append(self.tokenizer.decode(asked.prompt.token_ids))
            return await super().generate(asked)

    seen: list[str] = []
    lm = ThinkcurveLM(backend=Recording(lambda asked: "ok"), model="scripted", budget=8)
    lm.generate_until([request("Q: 1\nA: 2\n\nQ: 3\nA:")])
    assert seen == ["Q: 1\nA: 2\n\nQ: 3\nA:<think>", "Q: 1\nA: 2\n\nQ: 3\nA:<think>ok</think>"]


def test_system_message_and_few_shot_turns_reach_the_template(tmp_path: Path) -> None:
    rows = doublings(3)
    shots = {"num_fewshot": 1, "fewshot_split": "test", "fewshot_config": {"sampler": "first_n"}}
    folder = write_task(tmp_path, "t", rows[1:], **shots)
    seen: list[Sequence[Any]] = []

    class Watching(ThinkcurveLM):
        def generate_until(self, requests: Sequence[Any], disable_tqdm: bool = False) -> list[str]:
            seen.extend(json.loads(request.args[0]) for request in requests)
            return super().generate_until(requests, disable_tqdm)

    lm = Watching(backend=ScriptedBackend(said_prompt), model="scripted", budget=0)
    results = evaluate(lm, folder, "t", apply_chat_template=True, fewshot_as_multiturn=True, system_instruction="Be.")
    assert [turn["role"] for turn in seen[0]] == ["system", "user", "assistant", "user"]
    assert answers(results, "t")[0] == "Be.\ndouble 2\n4\ndouble 1|"


def test_a_beginning_given_by_the_task_stands_after_the_thinking(tmp_path: Path) -> None:
    def model(asked: Asked) -> str:
        return "hm" if asked.wants_thinking else "Result: " + str(2 * int(asked.prompt.split()[-1])) + "\nand more"

    stops = {"until": ["\n"], "do_sample": False}
    folder = write_task(tmp_path, "t", doublings(3), gen_prefix="Result:", generation_kwargs=stops)
    results = evaluate(scripted(model), folder, "t", apply_chat_template=True)
    assert answers(results, "t") == [" 0", " 2", " 4"]


def test_an_answer_cut_off_by_its_reserve_is_counted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lm = scripted(lambda asked: "" if asked.wants_thinking else " " * 40, usage=str(tmp_path / "u.jsonl"))
    assert lm.generate_until([request("q", max_gen_toks=8)]) == [""]
    (line,) = usage_of(tmp_path / "u.jsonl")
    assert (line["is_truncated_answer"], line["is_empty_answer"], line["answer_tokens"]) == (True, True, 8)
    assert "1 answers; " in capsys.readouterr().err
