"""What lm-eval may ask of a thinkcurve model: settings, errors, caches, each refused or kept apart in one line."""

from pathlib import Path
from typing import Any

import pytest
from lm_eval.api.model import CachingLM
from lm_eval.caching import cache as requests_cache
from made_lm_eval import answers, doubling, doublings, evaluate, request, scripted, usage_of, write_task

from thinkcurve.errors import BackendError, UsageError
from thinkcurve.interop.lm_eval import ThinkcurveLM
from thinkcurve_backends.scripted import Asked, ScriptedBackend


def test_model_args_stand_above_generation_kwargs() -> None:
    def model(asked: Asked) -> str:
        return "" if asked.wants_thinking else f"{asked.max_tokens} {asked.temperature}"

    greedy = {"do_sample": False, "temperature": 0.9, "max_gen_toks": 7}
    assert scripted(model).generate_until([request("q", **greedy)]) == ["7 0.0"]
    assert scripted(model, temperature=0.6, answer_tokens=9).generate_until([request("q", **greedy)]) == ["9 0.6"]
    assert scripted(model).generate_until([request("q", do_sample=True)]) == ["256 1.0"]


def test_an_error_that_stays_is_raised_and_never_an_empty_answer(tmp_path: Path) -> None:
    def broken(asked: Asked) -> str:
        if asked.prompt == "double 3":
            raise BackendError("HTTP 400")
        return doubling(asked)

    lm = scripted(broken, usage=str(tmp_path / "u.jsonl"))
    with pytest.raises(BackendError, match=r"no answer to request 3 \(t/test/3\): HTTP 400"):
        evaluate(lm, write_task(tmp_path, "t", doublings()), "t")
    assert 3 not in [line["request"] for line in usage_of(tmp_path / "u.jsonl")]


def test_an_error_that_passes_is_tried_again() -> None:
    failed = []

    def shaky(asked: Asked) -> str:
        if not failed:
            failed.append(asked)
            raise BackendError("HTTP 503", is_retryable=True, retry_after_s=0.0)
        return doubling(asked)

    assert scripted(shaky).generate_until([request("double 4", until=["\n\n"])]) == ["8"]


def test_likelihoods_are_refused_in_one_line(tmp_path: Path) -> None:
    choices = {"output_type": "multiple_choice", "doc_to_choice": ["0", "2"], "doc_to_target": 0}
    metrics = {"metric_list": [{"metric": "acc"}], "generation_kwargs": None}
    folder = write_task(tmp_path, "t", doublings(2), **choices, **metrics)
    with pytest.raises(UsageError, match=r"no log-likelihoods; take the generate_until variant"):
        evaluate(scripted(doubling), folder, "t")
    with pytest.raises(UsageError, match="no log-likelihoods"):
        scripted(doubling).loglikelihood_rolling([])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"budget": 8}, "model_args: model is missing"),
        ({"model": "embedded"}, "model_args: budget is missing; give budget=1024"),
        ({"model": "embedded", "budget": "many"}, "budget 'many' is not a whole number"),
        ({"model": "embedded", "budget": -1}, "budget -1 is negative"),
        ({"model": "embedded", "budget": True}, "model_args: Expected 'int | null', got 'bool' - at 'budget'"),
        ({"model": "embedded", "budget": 8, "temperature": 9.0}, "temperature 9.0 is outside 0 to 5"),
        ({"model": "embedded", "budget": 8, "slotz": 2}, "unknown option 'slotz' of llamacpp. Did you mean 'slots'"),
        ({"model": "embeded", "budget": 8}, "unknown model 'embeded'"),
        ({"model": "embedded", "budget": 8, "usage": "/nowhere/at/all"}, "cannot write usage file '/nowhere/at/all'"),
        ({"model": "embedded", "budget": 8, "backend": "llamacpp"}, "the backend is named by model"),
    ],
)
def test_wrong_model_args_are_refused_before_anything_is_generated(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError) as error:
        ThinkcurveLM(**arguments)
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("generation", "message"),
    [
        ({"num_beams": 4}, "num_beams=4 is nothing that a thinkcurve model can do"),
        ({"n": 4}, "n=4 is nothing that a thinkcurve model can do; for several answers a problem set repeats"),
        ({"temprature": 1.0}, "'temprature' is nothing that a thinkcurve model can do. Did you mean 'temperature'?"),
        ({"until": [3]}, "until is [3]"),
        ({"do_sample": "no"}, "do_sample is 'no'; it must be true or false"),
        ({"max_gen_toks": "many"}, "generation_kwargs of the task: Expected 'int', got 'str' - at 'answer_tokens'"),
        ({"max_gen_toks": 40000}, "budget 16 does not fit model 'scripted'"),
    ],
)
def test_wrong_generation_kwargs_are_refused(generation: dict[str, Any], message: str) -> None:
    lm = scripted(doubling)
    with pytest.raises(UsageError) as error:
        lm.generate_until([request("double 1", **generation)])
    assert message in str(error.value)
    assert lm.backend.n_requests == 0


def test_neutral_generation_kwargs_are_taken() -> None:
    greedy = {"num_beams": 1, "top_p": 0.95, "top_k": -1, "do_sample": False, "until": ["\n\n"]}
    assert scripted(doubling).generate_until([request("double 1", **greedy)]) == ["2"]


def test_a_response_cache_serves_its_own_model_and_budget_only(tmp_path: Path) -> None:
    folder = write_task(tmp_path, "t", doublings(), generation_kwargs={"until": ["\n\n"], "do_sample": False})
    cache = str(tmp_path / "cache")
    first, again = scripted(doubling, budget=4), scripted(doubling, budget=4)
    said = answers(evaluate(first, folder, "t", use_cache=cache), "t")
    assert answers(evaluate(again, folder, "t", use_cache=cache), "t") == said
    assert (first.backend.n_requests, again.backend.n_requests) == (12, 0)
    with pytest.raises(UsageError, match="holds answers of another model, budget or option; name another file"):
        evaluate(scripted(doubling, budget=8), folder, "t", use_cache=cache)


def test_answers_before_a_failure_are_in_the_response_cache(tmp_path: Path) -> None:
    def broken(asked: Asked) -> str:
        if asked.prompt == "double 5":
            raise BackendError("HTTP 400")
        return doubling(asked)

    backend = ScriptedBackend(broken, concurrency=1)
    lm = ThinkcurveLM(backend=backend, model="scripted", budget=4)
    cached = CachingLM(lm, str(tmp_path / "cache.db"))
    requests = [request(f"double {i}") for i in range(6)]
    with pytest.raises(BackendError):
        cached.generate_until(requests)
    kept = CachingLM(ThinkcurveLM(backend=backend, model="scripted", budget=4), str(tmp_path / "cache.db"))
    before = backend.n_requests
    assert len(kept.generate_until(requests[:5])) == 5
    assert backend.n_requests == before


def test_drawn_answers_are_never_cached_unseen(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="would repeat drawn answers"):
        CachingLM(scripted(doubling, temperature=0.8), str(tmp_path / "a.db"))
    cached = CachingLM(scripted(doubling), str(tmp_path / "b.db"))
    with pytest.raises(UsageError, match=r"would repeat answers drawn at temperature 0\.5"):
        cached.generate_until([request("double 1", temperature=0.5)])
    sampled = request("double 1", temperature=0.5, do_sample=True, until=["\n\n"])
    assert cached.generate_until([sampled]) == ["2"]


def test_a_request_cache_does_not_carry_a_budget_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def model(asked: Asked) -> str:
        return "x" * 50 if asked.wants_thinking else str(len(asked.thinking))

    monkeypatch.setattr(requests_cache, "PATH", str(tmp_path / "requests"))
    folder = write_task(tmp_path, "t", doublings(2))
    for options in ({}, {"apply_chat_template": True}):
        for budget in (4, 9):
            results = evaluate(scripted(model, budget=budget), folder, "t", cache_requests=True, **options)
            assert answers(results, "t") == [str(budget)] * 2
    assert len(list((tmp_path / "requests").iterdir())) == 3  # raw text is the same for every model
