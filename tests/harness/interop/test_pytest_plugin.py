"""The pytest plugin as a user meets it: in a repository with its own ``tasks.py`` and ``backends/``."""

import subprocess
import sys
from pathlib import Path

import pytest

# What inner sessions use is imported before them, once for all.
import thinkcurve.analysis.gate.gate
import thinkcurve.interop.regression.tester  # noqa: F401
import thinkcurve_backends.scripted  # noqa: F401
import thinkcurve_tasks.files  # noqa: F401
from thinkcurve.run import load_run

pytest_plugins = ["pytester"]
PLUGIN = ("-p", "thinkcurve.interop.pytest_plugin", "-p", "no:cacheprovider")

TASKS = """
def problems():
    return [{"id": str(i), "question": f"double {i}", "answer": str(2 * i)} for i in range(40)]
"""
BACKEND = '''
"""Doubles numbers once it has thought a little; WORSE makes it wrong where it thinks longer."""
import os
from pathlib import Path
from thinkcurve_backends.scripted import ScriptedBackend

def answer(asked):
    number = int("".join(c for c in asked.prompt.split("double")[1] if c.isdigit())[:4])
    if asked.wants_thinking:
        with Path(os.environ["THOUGHT"]).open("a") as count:
            count.write("x")
        return f"{number:04}"
    is_wrong = number % 3 == 0 and len(asked.thinking) >= 4 and "WORSE" in os.environ
    words = " as ever" if "WORDY" in os.environ else ""
    return f"\\\\boxed{{{2 * number + is_wrong if asked.thinking else 'none'}}}{words}"

def make():
    return ScriptedBackend(answer, name="doubler")
'''
CONFTEST = """
import pytest
from backends.doubler import make

@pytest.fixture(scope="session")
def thinkcurve_backends():
    return {"doubler": make()}
"""
STUDY = 'model="doubler", task="tasks.py", budgets=(0, 2, 8), limit=30'
TESTS = f"""
import pytest
import tasks

assert len(tasks.problems()) == 40

@pytest.mark.thinkcurve("accuracy:5pp", {STUDY})
def test_doubling(thinkcurve):
    thinkcurve.check()
"""


@pytest.fixture
def repo(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")  # with the entry point installed or not
    monkeypatch.setenv("THOUGHT", str(pytester.path / "thought"))
    monkeypatch.syspath_prepend(pytester.path)
    pytester.makeini("[pytest]\npythonpath = .\naddopts = --strict-markers\n")
    pytester.makepyfile(tasks=TASKS)
    (pytester.mkpydir("backends") / "doubler.py").write_text(BACKEND)
    tests = pytester.mkdir("tests")
    (tests / "conftest.py").write_text(CONFTEST)
    (tests / "test_model.py").write_text(TESTS)
    return pytester


def ran(repo: pytest.Pytester, *args: str) -> pytest.RunResult:
    return repo.runpytest_inprocess(*PLUGIN, *args)


def baseline(repo: pytest.Pytester, name: str = "test_doubling") -> Path:
    return Path(repo.path) / "tests" / "__thinkcurve__" / "test_model" / name


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_without_a_baseline_a_test_fails_and_says_how_to_write_one(repo: pytest.Pytester) -> None:
    result = ran(repo)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "thinkcurve: no baseline at tests/__thinkcurve__/test_model/test_doubling",
            'Write it: pytest "tests/test_model.py::test_doubling" --thinkcurve-update',
        ]
    )
    assert not baseline(repo).exists()


def test_a_baseline_is_a_run_that_the_next_session_is_held_to(
    repo: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran(repo, "--thinkcurve-update").assert_outcomes(passed=1)
    assert set(files(baseline(repo))) == {"manifest.json", "attempts.parquet", "traces.parquet", "problems.parquet"}
    assert [point.accuracy for point in load_run(baseline(repo)).curves()[0].points] == [0, 1, 1]
    same = ran(repo)
    same.assert_outcomes(passed=1)
    same.stdout.fnmatch_lines(["*test_doubling: pass: nothing changed, 90 attempts the same token for token"])

    monkeypatch.setenv("WORSE", "1")
    worse = ran(repo)
    worse.assert_outcomes(failed=1)
    text = worse.stdout.str()
    worse.stdout.fnmatch_lines(
        [
            "thinkcurve: regressed against the baseline tests/__thinkcurve__/test_model/test_doubling",
            "*✗*accuracy:5pp*tasks.py*8*100.0 %*66.7 %*+33.3*",
            "*8: 10 worse, 0 better: tasks.py/test/0, tasks.py/test/3, tasks.py/test/6,*and 2 more",
            "Accept what it gives now: pytest *--thinkcurve-update",
        ]
    )
    assert "Traceback" not in text
    assert "tester.py" not in text
    ran(repo, "--thinkcurve-update").assert_outcomes(passed=1)
    ran(repo).assert_outcomes(passed=1)


def test_an_update_that_says_nothing_new_touches_no_file(repo: pytest.Pytester) -> None:
    ran(repo, "--thinkcurve-update")
    before = files(baseline(repo))
    result = ran(repo, "--thinkcurve-update")
    result.stdout.fnmatch_lines(["*test_doubling: baseline unchanged"])
    assert files(baseline(repo)) == before


def test_what_cannot_be_decided_fails_unless_it_is_to_be_skipped_or_passed(
    repo: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran(repo, "--thinkcurve-update")
    monkeypatch.setenv("WORDY", "1")  # other answers, the same verdicts: 30 problems cannot rule out 5 points
    failed = ran(repo)
    failed.assert_outcomes(failed=1)
    failed.stdout.fnmatch_lines(
        ["thinkcurve: inconclusive*", "Not decided is not passed.*", "*thinkcurve_inconclusive = skip (or pass)"]
    )
    assert "Accept what it gives now" not in failed.stdout.str()
    skipped = ran(repo, "-rs", "-o", "thinkcurve_inconclusive=skip")
    skipped.assert_outcomes(skipped=1)
    skipped.stdout.fnmatch_lines(["SKIPPED*inconclusive: accuracy:5pp*would decide"])
    ran(repo, "-o", "thinkcurve_inconclusive=pass").assert_outcomes(passed=1)
    refused = ran(repo, "-o", "thinkcurve_inconclusive=maybe")
    assert refused.ret == pytest.ExitCode.USAGE_ERROR
    refused.stderr.fnmatch_lines(["*thinkcurve_inconclusive is 'maybe'; choose fail, skip, pass"])


def test_the_same_wants_every_token(repo: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    text = f"def test_same(thinkcurve):\n    thinkcurve.same(run=thinkcurve.run({STUDY}))\n"
    (repo.path / "tests" / "test_model.py").write_text(text)
    ran(repo, "--thinkcurve-update").assert_outcomes(passed=1)
    ran(repo).assert_outcomes(passed=1)
    monkeypatch.setenv("WORDY", "1")
    result = ran(repo)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "thinkcurve: not the same: 90 of 90 attempts differ; baseline tests/*",
            "*tasks.py/test/0 · sample 0 · 0 · answer at *",
            "*new  *boxed{none} as ever",
            "*and 82 more of tasks.py",
            "Nothing that is recorded of the two differs. Not recorded: *",
        ]
    )


def test_tests_of_one_study_share_its_run(repo: pytest.Pytester) -> None:
    one = f"thinkcurve.run({STUDY})"
    lines = [f"def test_{i}(thinkcurve):\n    assert len({one}.attempts) == 90\n" for i in range(3)]
    (repo.path / "tests" / "test_model.py").write_text("\n".join(lines))
    ran(repo).assert_outcomes(passed=3)
    assert len((repo.path / "thought").read_text()) == 30


def test_processes_of_xdist_share_runs_and_baselines(repo: pytest.Pytester) -> None:
    call = f'thinkcurve.check("any", run=thinkcurve.run({STUDY}), baseline="doubler")'
    lines = [f"def test_{i}(thinkcurve):\n    {call}\n" for i in range(6)]
    (repo.path / "tests" / "test_model.py").write_text("\n".join(lines))
    args = ("-p", "xdist", "-n", "2", "--dist", "load")
    written = repo.runpytest_subprocess(*PLUGIN, *args, "--thinkcurve-update", "--thinkcurve-runs", "kept")
    written.assert_outcomes(passed=6)
    assert written.stdout.str().count("baseline written") == 1
    assert written.stdout.str().count("baseline unchanged") == 5
    assert len((repo.path / "thought").read_text()) == 30
    assert [path.name for path in baseline(repo).parent.iterdir()] == ["doubler"]
    kept = list((repo.path / "kept").iterdir())
    assert [len(load_run(run).attempts) for run in kept] == [90]
    assert len(files(kept[0])) == 5


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (
            'thinkcurve.run(model="doubler", task="tasks.py", budget=(0,))',
            "unknown key 'budget'. Did you mean 'budgets'",
        ),
        ('thinkcurve.run(model="doubled", task="tasks.py")', "unknown model 'doubled': no engine 'doubled'"),
        ('thinkcurve.run("no.toml")', "cannot read study"),
        ('thinkcurve.run(model="doubler", models=["doubler"])', "give 'models' or 'models', not both"),
    ],
)
def test_what_cannot_be_meant_is_one_line(repo: pytest.Pytester, body: str, said: str) -> None:
    (repo.path / "tests" / "test_model.py").write_text(f"def test_it(thinkcurve):\n    {body}\n")
    result = ran(repo)
    result.assert_outcomes(failed=1)
    assert said in result.stdout.str()
    assert "Traceback" not in result.stdout.str()


def test_a_run_with_failures_is_no_ground_for_a_verdict(repo: pytest.Pytester) -> None:
    ran(repo, "--thinkcurve-update")
    path = repo.path / "backends" / "doubler.py"
    fault = "    if number == 7:\n        import thinkcurve\n"
    fault += "        raise thinkcurve.BackendError('HTTP \\x1b[31m 400')\n"
    path.write_text(BACKEND.replace("    if asked.wants", f"{fault}    if asked.wants"))
    for name in ("backends.doubler", "backends"):
        sys.modules.pop(name, None)
    result = ran(repo)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        ["thinkcurve: 3 attempts failed, so the run is not whole; first: tasks.py/test/7: HTTP*"]
    )
    assert "\x1b[31m" not in result.stdout.str()
    ran(repo, "--thinkcurve-update").assert_outcomes(failed=1)


def test_baselines_may_lie_elsewhere_and_a_study_in_a_file(repo: pytest.Pytester) -> None:
    (repo.path / "study.toml").write_text('models = ["doubler"]\ntasks = ["tasks.py"]\nbudgets = [0, 2]\nlimit = 3\n')
    text = 'import pytest\n@pytest.mark.thinkcurve("any", study="study.toml", limit=5)\nclass TestIt:\n'
    text += '    @pytest.mark.parametrize("x", ["a/b", "a:b"])\n'
    text += "    def test_it(self, thinkcurve, x):\n        thinkcurve.check()\n"
    (repo.path / "tests" / "test_model.py").write_text(text)
    ran(repo, "-o", "thinkcurve_baselines=base", "--thinkcurve-update").assert_outcomes(passed=2)
    found = sorted((repo.path / "base" / "test_model").iterdir())
    assert len(found) == 2
    assert {len(load_run(path).attempts) for path in found} == {10}


@pytest.mark.slow
def test_the_example_of_the_docs_works(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    text = (Path(__file__).parents[3] / "docs" / "pytest.md").read_text()
    example = text.split("```python\n")[1].split("```")[0]
    small = example.replace("limit=300", "limit=4").replace("samples=4", "samples=2")
    assert small != example
    pytester.makepyfile(test_model=small)
    ran = pytester.runpytest_subprocess(*PLUGIN, "--strict-markers", "--thinkcurve-update")
    ran.assert_outcomes(passed=1)
    pytester.runpytest_subprocess(*PLUGIN, "--strict-markers").assert_outcomes(passed=1)


def test_loading_it_costs_nothing() -> None:
    code = (
        "import sys, pytest; before = set(sys.modules); import thinkcurve.interop.pytest_plugin\n"
        "print(*sorted(set(sys.modules) - before))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["thinkcurve", "thinkcurve.interop", "thinkcurve.interop.pytest_plugin"]
