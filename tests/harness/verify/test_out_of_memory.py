"""Deaths that the machine brought about: never a verdict on the answer."""

import itertools
from pathlib import Path

import pytest

from thinkcurve.problem import Case, FunctionTests, Verdict
from thinkcurve.verify import out_of_memory
from thinkcurve.verify.sandbox import judge_code
from verify.sandboxes import strongest

DIES = "import os, signal\ndef f(x):\n    os.kill(os.getpid(), signal.SIGKILL)"
BY_CASES = FunctionTests("f", (Case("[1]", "2"),))
BY_TEST = FunctionTests("f", (), test="def check(f):\n    for i in range(3):\n        assert f(i) == i + 1\n")


def test_the_kernels_count_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(out_of_memory, "VMSTAT", tmp_path / "vmstat")
    assert out_of_memory.n_kills() == 0
    (tmp_path / "vmstat").write_text("nr_free_pages 12\noom_kill 7\ndrop_pagecache 0\n")
    assert out_of_memory.n_kills() == 7


@pytest.mark.parametrize("reference", [BY_CASES, BY_TEST], ids=["cases", "test"])
@pytest.mark.parametrize("is_full", [False, True])
async def test_an_answer_killed_while_the_machine_had_no_memory_is_unverified(
    monkeypatch: pytest.MonkeyPatch, reference: FunctionTests, is_full: bool
) -> None:
    numbers = itertools.count()
    monkeypatch.setattr(out_of_memory, "n_kills", (lambda: next(numbers)) if is_full else lambda: 3)
    sandbox = await strongest()
    outcome = await judge_code(sandbox, reference, DIES)
    await sandbox.aclose()
    expected = (Verdict.UNVERIFIED, "sandbox") if is_full else (Verdict.INCORRECT, "killed")
    assert (outcome.verdict, outcome.reason) == expected
