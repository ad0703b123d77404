"""Code answers: honest ones pass, hostile ones neither pass nor survive nor reach anything outside."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from thinkcurve.problem import Case, FunctionTests, StdioCase, StdioTests, Verdict
from thinkcurve.verify.cases import checks
from thinkcurve.verify.isolation import Wall
from thinkcurve.verify.sandbox import Outcome, Zygotes, judge_code
from verify.sandboxes import needs_walls, strongest

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="the sandbox needs fork")
PLUS_ONE = FunctionTests("f", (Case("[1]", "2"), Case("[41]", "42")), cpu_s=1.0, memory_mb=128)


@pytest.fixture
async def zygotes() -> AsyncIterator[Zygotes]:
    sandbox = await strongest()
    yield sandbox
    await sandbox.aclose()


async def judged(zygotes: Zygotes, code: str, reference: FunctionTests | StdioTests = PLUS_ONE) -> tuple[str, str]:
    outcome = await judge_code(zygotes, reference, code)
    return outcome.verdict.value, outcome.reason


HONEST = [
    "def f(x):\n    return x + 1",
    "f = lambda x: x + 1",
    "print('hello', flush=True)\ndef f(x):\n    print(x)\n    return x + 1",
    "def f(x):\n    return float(x + 1)",
    "from dataclasses import dataclass\n@dataclass\nclass P:\n    x: int\ndef f(x): return P(x).x + 1",
    "import sys\nsys.setrecursionlimit(10**6)\ndef g(n): return n and 1 + g(n - 1)\n"
    "def f(x): return g(20000) - 19999 + x",
    "import threading\ndef f(x):\n    r = []\n"
    "    t = [threading.Thread(target=r.append, args=(x + 1,)) for _ in range(8)]\n"
    "    [i.start() for i in t]\n    [i.join() for i in t]\n    return r[0]",
    "def f(x):\n    open('scratch', 'w').write(str(x))\n    return int(open('scratch').read()) + 1",
    "def f(x):\n    print('x' * 5_000_000)\n    return x + 1",
    "import os\nold = os.path.exists('scratch')\ndef f(x):\n    open('scratch', 'w').close()\n    return x + (not old)",
]

WRONG = [
    ("def f(x):\n    return x", "wrong"),
    ("def f(x):\n    return 2", "wrong"),
    ("def f(x):\n    return str(x + 1)", "wrong"),
    ("def f(x):\n    return [x + 1]", "wrong"),
    ("def f(x):\n    return float('nan')", "wrong"),
    ("class Yes:\n    def __eq__(self, other): return True\n    __hash__ = None\ndef f(x): return Yes()", "wrong"),
    ("class Yes(int):\n    def __eq__(self, other): return True\ndef f(x): return Yes(x)", "wrong"),
    ("def f(x):\n    pass", "wrong"),
    ("", "error"),
    ("x = 1", "error"),
    ("def f(x:", "error"),
    ("def f(x):\n    return x / 0", "error"),
    ("def f(x):\n    return f(x)", "error"),
    ("def f():\n    return 2", "error"),
    ("print('passed')\nprint('OK')", "error"),
    ("import os\nos._exit(0)", "error"),
    ("import sys\nsys.exit(0)", "error"),
    ("raise SystemExit", "error"),
    ("def f(x):\n    import os\n    os._exit(0)", "error"),
    ("def f(x):\n    while True: pass", "timeout"),
    ("while True:\n    try:\n        while True: pass\n    except BaseException: pass", "timeout"),
    ("import signal\nsignal.signal(signal.SIGXCPU, signal.SIG_IGN)\nwhile True: pass", "timeout"),
    ("def f(x):\n    return bytearray(10**10)", "memory"),
    ("def f(x):\n    a = []\n    while True: a.append('x' * 10**6)", "memory"),
    ("def f(x):\n    return 'x' * (3 * 10**7)", "output_limit"),
    ("def f(x):\n    while True: print('x' * 100_000)", "output_limit"),
    ("def f(x):\n    a = []\n    for _ in range(400): a = [a]\n    return a", "output_limit"),
    ("import os, signal\nos.kill(os.getpid(), signal.SIGKILL)", "killed"),
    ("import builtins\nbuiltins.len = builtins.isinstance = builtins.type = lambda *a: True\ndef f(x): return 7", None),
    ("import json\njson.dumps = lambda *a, **k: '[0, \"v\", 2]'\ndef f(x): return 7", None),
    ('import os\ndef f(x):\n    os.write(3, b\'[0, "v", 2]\\n[1, "v", 42]\\n\')\n    os._exit(0)', "error"),
]

REFUSED = [  # with the walls that Linux has; each would return the right value if it were let through
    "import os\nif os.fork() == 0: os._exit(0)\ndef f(x): return x + 1",
    "import os\nwhile True: os.fork()",
    "import subprocess\nsubprocess.run(['true'])\ndef f(x): return x + 1",
    "import os\nos.execv('/bin/true', ['true'])",
    "import socket\nsocket.create_connection(('127.0.0.1', 22), 1)\ndef f(x): return x + 1",
    "import socket\nsocket.socket(socket.AF_UNIX)\ndef f(x): return x + 1",
    "import os\nos.kill(os.getppid(), 9)\ndef f(x): return x + 1",
    "import os\nos.kill(-1, 9)\ndef f(x): return x + 1",
    "import os\nos.killpg(0, 9)\ndef f(x): return x + 1",
    "import resource\nresource.setrlimit(resource.RLIMIT_CPU, (99, 99))\ndef f(x): return x + 1",
    "import ctypes\nassert ctypes.CDLL(None).unshare(0x10000000) == 0\ndef f(x): return x + 1",
    "import os\nopen(f'/proc/{os.getppid()}/mem', 'rb')\ndef f(x): return x + 1",
]


@pytest.mark.parametrize("code", HONEST)
async def test_honest_program_passes(zygotes: Zygotes, code: str) -> None:
    assert await judged(zygotes, code) == ("correct", "")
    assert await judged(zygotes, code) == ("correct", "")  # nothing is left behind for the next


@pytest.mark.parametrize(("code", "reason"), WRONG)
async def test_nothing_else_passes(zygotes: Zygotes, code: str, reason: str | None) -> None:
    verdict, why = await judged(zygotes, code)
    assert verdict == "incorrect"
    assert reason in (None, why)
    assert (await judged(zygotes, HONEST[0])) == ("correct", "")


async def test_walls_refuse_processes_sockets_signals(zygotes: Zygotes) -> None:
    await needs_walls()
    for code in REFUSED:
        assert await judged(zygotes, code) == ("incorrect", "error"), code
    assert await judged(zygotes, HONEST[0]) == ("correct", "")


async def test_no_file_outside_is_written(zygotes: Zygotes, tmp_path: Path) -> None:
    await needs_walls()
    tmp_path.chmod(0o777)  # noqa: ASYNC240  set-up, nothing else runs
    target = tmp_path / "evil"
    verdict, _ = await judged(zygotes, f"open({str(target)!r}, 'w').write('x')\ndef f(x): return x + 1")
    assert verdict == "incorrect"
    assert not target.exists()


async def test_no_environment_variable_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    await needs_walls()
    monkeypatch.setenv("THINKCURVE_SECRET", "s3cret")
    sandbox = await strongest()
    own = FunctionTests("f", (Case("[]", "[]"),))
    above = (
        "import os\ndef f():\n    seen = []\n    for pid in [p for p in os.listdir('/proc') if p.isdigit()]:\n"
        "        try: seen += ['s3cret'] * (b's3cret' in open(f'/proc/{pid}/environ', 'rb').read())\n"
        "        except OSError: pass\n    return seen"
    )
    try:
        assert await judged(sandbox, "import os\ndef f(): return [k for k in os.environ if 'SECRET' in k]", own) == (
            "correct",
            "",
        )
        assert await judged(sandbox, above, own) == ("incorrect", "error")  # there is no /proc
    finally:
        await sandbox.aclose()


async def test_expected_results_never_enter_the_sandbox(zygotes: Zygotes) -> None:
    hunt = (
        "import gc, sys\ndef f(x):\n    frame, found = sys._getframe(), []\n    while frame:\n"
        "        found.append(repr(frame.f_locals))\n        frame = frame.f_back\n"
        "    found += [repr(o) for o in gc.get_objects() if isinstance(o, (dict, list, tuple)) and len(o) < 50]\n"
        "    return '951413'[::-1] in ''.join(found)"
    )
    reference = FunctionTests("f", (Case("[1]", "False"), Case("[2]", "False"), Case("[3]", "314159")), cpu_s=5)
    assert await judged(zygotes, hunt, reference) == ("incorrect", "wrong")
    honest = FunctionTests("f", reference.cases[:2], cpu_s=5)
    assert await judged(zygotes, hunt, honest) == ("correct", "")


async def test_lost_sandbox_is_replaced(zygotes: Zygotes) -> None:
    await judged(zygotes, HONEST[0])
    os.kill(zygotes.pids[0], signal.SIGKILL)
    assert await judged(zygotes, HONEST[0]) == ("correct", "")
    slow = "import time\ndef f(x):\n    time.sleep(0.5)\n    return x + 1"
    task = asyncio.create_task(judged(zygotes, slow))
    await asyncio.sleep(0.3)
    os.kill(zygotes.pids[0], signal.SIGKILL)
    assert await task == ("correct", "")


def children_left() -> list[str]:
    """Sandbox processes whose working directory is gone."""
    left = []
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            command = (entry / "cmdline").read_bytes()
            if b"sandbox_child" in command and "(deleted)" in str((entry / "cwd").readlink()):
                left.append(entry.name)
    return left


async def test_closing_ends_what_is_under_way() -> None:
    sandbox = await strongest()
    task = asyncio.create_task(judged(sandbox, "import time\ntime.sleep(60)"))
    await asyncio.sleep(0.5)
    await sandbox.aclose()
    assert await task == ("unverified", "sandbox")
    assert sandbox.pids == []
    if sys.platform == "linux":
        await asyncio.sleep(0.2)
        assert not children_left()


async def test_sandbox_that_cannot_start_is_our_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys._base_executable", "/nonexistent/python")
    outcome = await judge_code(Zygotes(1, "rlimits"), PLUS_ONE, HONEST[0])
    assert outcome == Outcome(Verdict.UNVERIFIED, "sandbox")


@pytest.mark.parametrize("wall", ["landlock", "seccomp", "rlimits"])
async def test_weaker_walls_judge_the_same(wall: Wall) -> None:
    sandbox = Zygotes(1, wall)
    try:
        assert await judged(sandbox, HONEST[0]) == ("correct", "")
        assert await judged(sandbox, WRONG[0][0]) == ("incorrect", "wrong")
        assert await judged(sandbox, "import os\nos._exit(0)") == ("incorrect", "error")
        await judged(sandbox, "import os\nos.kill(os.getppid(), 9)\ndef f(x): return x + 1")
        assert await judged(sandbox, HONEST[0]) == ("correct", "")
    finally:
        await sandbox.aclose()


async def test_fifty_at_once_and_the_loop_is_free() -> None:
    sandbox = await strongest(2)
    longest_s, done = 0.0, False

    async def watch() -> None:
        nonlocal longest_s
        while not done:
            before_s = time.perf_counter()
            await asyncio.sleep(0.001)
            longest_s = max(longest_s, time.perf_counter() - before_s)

    watcher = asyncio.create_task(watch())
    codes = [f"def f(x):\n    return x + {i % 3}" for i in range(50)]
    results = await asyncio.gather(*(judged(sandbox, code) for code in codes))
    done = True
    await watcher
    await sandbox.aclose()
    assert [verdict == "correct" for verdict, _ in results] == [i % 3 == 1 for i in range(50)]
    assert longest_s < 1.0


STDIO = StdioTests((StdioCase("3 4\n", "7\n"), StdioCase("1 1\n", "2\n")), cpu_s=1.0)


@pytest.mark.parametrize(
    ("code", "verdict", "reason"),
    [
        ("print(sum(map(int, input().split())))", "correct", ""),
        ("import sys\nprint(sum(map(int, sys.stdin.buffer.read().split())), end='  \\n\\n')", "correct", ""),
        (
            "import sys\ndef main():\n    a, b = map(int, sys.stdin.readline().split())\n"
            "    sys.stdout.write(str(a + b))\n"
            "if __name__ == '__main__': main()",
            "correct",
            "",
        ),
        ("import sys\nprint(sum(map(int, input().split())))\nsys.exit()", "correct", ""),
        ("print(7)", "incorrect", "wrong"),
        ("print('7 ', '')", "incorrect", "wrong"),
        ("pass", "incorrect", "wrong"),
        ("print(sum(map(int, input().split())))\n1 / 0", "incorrect", "error"),
        ("print(sum(map(int, input().split())))\nexit(3)", "incorrect", "error"),
        ("input()\ninput()\nprint(7)", "incorrect", "error"),
        (
            "import sys\nprint(sum(map(int, sys.stdin)) if 'x' in sys.stdin.mode else sum(map(int, input().split())))",
            "correct",
            "",
        ),
        (
            "import sys\nstdin = open(sys.argv[1]) if len(sys.argv) > 1 else sys.stdin\n"
            "print(sum(map(int, stdin.read().split())))",
            "correct",
            "",
        ),
        ("out = open(1, 'w')\nout.write(str(sum(map(int, input().split()))))", "correct", ""),
        ("import sys\nsys.__stdout__.write(str(sum(map(int, input().split()))))", "correct", ""),
        (
            "import io, sys\nold, sys.stdout = sys.stdout, io.StringIO()\n"
            "old.write(str(sum(map(int, input().split()))))",
            "correct",
            "",
        ),
        ("import os\nassert os.path.basename(__file__)\nprint(sum(map(int, input().split())))", "correct", ""),
        (
            "import sys, threading\nthreading.stack_size(1 << 28)\nsys.setrecursionlimit(1 << 25)\n"
            "def g(n): return n and g(n - 1)\n"
            "def main():\n    g(50000)\n    print(sum(map(int, input().split())))\n"
            "t = threading.Thread(target=main)\nt.start()\nt.join()",
            "correct",
            "",
        ),
        ("import sys\nprint(sum(map(int, input().split())))\nsys.stdout.flush()\nsys.stdout.close()", "correct", ""),
        ("while True: pass", "incorrect", "timeout"),
        ("while True: print('7' * 100000)", "incorrect", "output_limit"),
        ("x = bytearray(10**10)", "incorrect", "memory"),
    ],
)
async def test_whole_programs(zygotes: Zygotes, code: str, verdict: str, reason: str) -> None:
    assert await judged(zygotes, code, STDIO) == (verdict, reason)


VALUES = [
    "None", "True", "0", "-1", str(2**80), "1.5", "-0.0", "1e400", "''", "'\\ud800'", "'é\\n'", "b'\\x00'",
    "[1, [2, (3,)]]", "{'a': [1], 2: None}", "{1, 2}", "1j", "()", "[]", "{}",
]  # fmt: skip


async def test_object_is_true(zygotes: Zygotes) -> None:
    reference = FunctionTests("f", test="assert f('abc')\nassert not f('xyz')")
    assert await judged(zygotes, "import re\ndef f(s): return re.match('a', s)", reference) == ("correct", "")
    assert await judged(zygotes, "def f(s): return object()", reference) == ("incorrect", "wrong")


async def test_every_literal_comes_back_equal(zygotes: Zygotes) -> None:
    reference = FunctionTests("f", tuple(Case(f"[{value}]", value) for value in VALUES))
    assert await judged(zygotes, "def f(x): return x", reference) == ("correct", "")
    assert await judged(zygotes, "from collections import Counter\ndef f(): return Counter('aab')",
                        FunctionTests("f", (Case("[]", "{'a': 2, 'b': 1}"),))) == ("correct", "")  # fmt: skip


def test_assertions_on_literals_become_checks() -> None:
    test = (
        "METADATA = {}\n\ndef check(candidate):\n    assert candidate(1, [2]) == 3, 'no'\n    assert candidate(0)\n"
        "    assert not candidate('')\n    assert candidate(2) is None\n"
        "    assert abs(candidate(1.5) - 2.5) < 1e-6\n    assert True\n"
    )
    found = checks(FunctionTests("f", test=test))
    assert found is not None
    assert [(c.args, c.rule, c.expected, c.tolerance) for c in found] == [
        ("[1, [2]]", "equal", 3, None),
        ("[0]", "true", None, None),
        ("['']", "false", None, None),
        ("[2]", "is", None, None),
        ("[1.5]", "equal", 2.5, 1e-6),
    ]


@pytest.mark.parametrize(
    "test",
    [
        "def check(candidate):\n    assert candidate(1).x == 1",
        "def check(candidate):\n    assert candidate(lambda: 1) == 1",
        "def check(candidate):\n    assert True",
        "import nowhere\ndef check(candidate):\n    assert candidate(1) == 1",
        "def check(",
        "",
    ],
)
async def test_tests_that_nobody_can_run_are_unverified(zygotes: Zygotes, test: str) -> None:
    assert await judged(zygotes, "class X:\n    x = 1\ndef f(x): return X()", FunctionTests("f", test=test)) == (
        "unverified",
        "unsupported_test",
    )


def test_tolerance_is_only_what_was_asked() -> None:
    near = checks(FunctionTests("f", test="def check(c):\n    assert abs(c(1) - 0.3) < 1e-6"))
    exact = checks(FunctionTests("f", (Case("[1]", "0.3"),)))
    assert near is not None
    assert exact is not None
    assert near[0].holds(0.1 + 0.2)
    assert not near[0].holds(float("nan"))
    assert not near[0].holds("0.3")
    assert not exact[0].holds(0.1 + 0.2)


async def test_arguments_are_not_charged_to_the_answer() -> None:
    sandbox = await strongest()
    reference = FunctionTests("f", (Case(repr([list(range(200_000))]), "200000"),), cpu_s=0.1, memory_mb=64)
    try:
        assert await judged(sandbox, "def f(x): return len(x)", reference) == ("correct", "")
    finally:
        await sandbox.aclose()


@pytest.mark.parametrize(
    ("expected", "printed", "is_near"),
    [
        ("0.5", "0.5000001", True),
        ("0.5", "0.51", False),
        ("100000000000000000001", "100000000000000000002", False),
        ("11", "1_1", False),
        ("1e3", "1000", True),
        ("a 1.0", "b 1.0", False),
        ("1 2", "1", False),
    ],
)
async def test_tolerance_of_what_is_printed(zygotes: Zygotes, expected: str, printed: str, is_near: bool) -> None:
    reference = StdioTests((StdioCase("", expected),), tolerance=1e-6)
    assert (await judged(zygotes, f"print({printed!r})", reference))[0] == ("correct" if is_near else "incorrect")
