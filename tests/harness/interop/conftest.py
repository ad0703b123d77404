"""What every test of lm-eval shares: no network, and one run of our own to compare with."""

import sys
from pathlib import Path

import pytest

from thinkcurve.run import Run, sweep
from thinkcurve.study import Study

sys.path.insert(0, str(Path(__file__).parent))
from made_lm_eval import ANSWER_TOKENS, N


@pytest.fixture(autouse=True)
def _offline(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE"):
        monkeypatch.setenv(name, "1")


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Run:
    study = Study(tasks=("arithmetic",), budgets=(0, 64), limit=N, answer_tokens=ANSWER_TOKENS)
    return sweep(study, tmp_path_factory.mktemp("ours"))
