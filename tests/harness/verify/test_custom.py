"""Verifiers of other wheels: what they say, what becomes of those that fail, and what they cannot reach."""

from __future__ import annotations

import asyncio
import json
import os
import re
import runpy
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import msgspec
import pytest

from other_verifiers import install
from thinkcurve.errors import UsageError
from thinkcurve.problem import Custom, Judgement, Verdict
from thinkcurve.verify.custom import Limits, VerifierMissing, Verifiers
from thinkcurve.verify.inside import landlock, seccomp
from thinkcurve.verify.isolation import SandboxRefused
from thinkcurve.verify.judge import Judge

MADE = Path(__file__).with_name("made_verifiers.py")
WITHOUT_LANDLOCK = Path(__file__).with_name("without_landlock.py")
SMALL = Limits(cpu_s=1, first_cpu_s=1, wall_s=2.0, memory_mb=256)


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with an installed wheel that brings verifiers, on the module path."""
    folder = install(MADE, tmp_path / "site")
    monkeypatch.syspath_prepend(str(folder))
    return folder


@pytest.fixture
async def verifiers(site: Path) -> AsyncIterator[Verifiers]:
    opened = Verifiers(1, "weak", SMALL)
    yield opened
    await opened.aclose()
    assert "made_wheel" not in sys.modules


@pytest.fixture
async def walled(site: Path) -> AsyncIterator[Verifiers]:
    """Behind walls, or skipped where the kernel has none to offer."""
    try:
        landlock.version()
    except OSError as error:
        pytest.skip(f"no Landlock on this machine: {error}")
    if not seccomp.is_known():
        pytest.skip("no seccomp for this machine")
    opened = Verifiers(1, "standard")
    yield opened
    await opened.aclose()


@pytest.fixture
def wish(tmp_path: Path) -> Iterator[dict[str, object]]:
    """What the attempts reach for."""
    secret = tmp_path / "secret"
    secret.write_text("a secret")
    secret.chmod(0o666)
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        port = server.getsockname()[1]
        yield {"do": "attempt", "port": port, "secret": str(secret), "target": str(tmp_path / "new")}


async def ask(verifiers: Verifiers, do: str, answer: str = "4", **more: object) -> Judgement:
    return await verifiers.judge(Custom("made", json.dumps({"do": do, **more})), answer)


@pytest.mark.parametrize(
    ("answer", "verdict", "reason", "span"),
    [
        ("4", "correct", "", (0, 1)),
        (" 4\n", "correct", "", (1, 2)),
        ("5", "incorrect", "wrong", (0, 1)),
        ("", "no_answer", "nothing", None),
    ],
)
async def test_the_verdict_is_the_verifiers(
    verifiers: Verifiers, answer: str, verdict: str, reason: str, span: tuple[int, int] | None
) -> None:
    told = await ask(verifiers, "compare", answer, gold="4")
    assert (told.verdict, told.reason, told.span) == (verdict, reason, span)
    assert told.rung == ("custom/made/same" if answer else "custom/made")
    assert told.extracted == (answer.strip() or None)


@pytest.mark.parametrize(
    ("do", "reason", "rung"),
    [
        ("give_up", "verifier", "custom/made/LookupError"),
        ("leave", "verifier", "custom/made/SystemExit"),
        ("vanish", "verifier", "custom/made/lost"),
        ("killed", "worker", "custom/made/lost"),
        ("no_such_thing", "verifier", "custom/made/KeyError"),
        ("sleep", "timeout", "custom/made/lost"),
        ("spin", "timeout", "custom/made/lost"),
        ("hoard", "memory", "custom/made"),
    ],
)
async def test_a_fault_is_unverified_and_the_next_answer_is_judged(
    verifiers: Verifiers, do: str, reason: str, rung: str
) -> None:
    told = await ask(verifiers, do)
    assert (told.verdict, told.reason, told.rung) == (Verdict.UNVERIFIED, reason, rung)
    assert (await ask(verifiers, "compare", gold="4")).verdict is Verdict.CORRECT


async def test_time_runs_out_twice_before_it_counts(verifiers: Verifiers) -> None:
    await verifiers.prepare(["made"])
    started_s = time.monotonic()
    await ask(verifiers, "sleep")
    assert 2 * SMALL.wall_s <= time.monotonic() - started_s < 3 * SMALL.wall_s


async def test_the_cpu_limit_is_each_judgements_own(site: Path) -> None:
    verifiers = Verifiers(1, "weak", msgspec.structs.replace(SMALL, wall_s=60.0))
    await verifiers.prepare(["made"])
    pids = verifiers.pids
    told = [await ask(verifiers, "work", cpu_s=0.6) for _ in range(4)]  # far from 1 each, for a busy machine
    assert [t.verdict for t in told] == [Verdict.CORRECT] * 4
    assert all(0.5 < t.cpu_s < 1.5 for t in told)
    assert verifiers.pids == pids  # none was killed and replaced meanwhile
    assert (await ask(verifiers, "work", cpu_s=3.0)).reason == "timeout"
    await verifiers.aclose()


async def test_the_first_judgement_of_a_process_may_load_what_it_needs(site: Path) -> None:
    verifiers = Verifiers(1, "weak", msgspec.structs.replace(SMALL, first_cpu_s=3, wall_s=60.0))
    assert (await ask(verifiers, "work", cpu_s=2.2)).verdict is Verdict.CORRECT
    [pid] = verifiers.pids
    assert (await ask(verifiers, "work", cpu_s=2.2)).verdict is Verdict.CORRECT  # by a fresh one, which it is first in
    assert verifiers.pids != [pid]
    await verifiers.aclose()


@pytest.mark.parametrize(
    "what",
    [
        *("none", "true", "number", "text", "dict", "verdict", "no verdict", "reason", "rung", "extracted", "object"),
        *("long span", "turned span", "negative span", "half a span", "fractional span"),
    ],
)
async def test_what_is_no_judgement_is_unverified(verifiers: Verifiers, what: str) -> None:
    told = await ask(verifiers, "say", what=what)
    assert (told.verdict, told.reason) == (Verdict.UNVERIFIED, "verifier"), told


async def test_odd_text_in_a_judgement_is_cut_to_measure(verifiers: Verifiers) -> None:
    told = await ask(verifiers, "gibber")
    assert (told.verdict, told.reason) == (Verdict.INCORRECT, "a b ?")
    assert len(told.rung) < 200
    assert told.extracted == "?" * 10_000


async def test_what_a_verifier_prints_goes_nowhere(verifiers: Verifiers) -> None:
    for _ in range(2):
        assert (await ask(verifiers, "shout")).verdict is Verdict.CORRECT
    assert (await verifiers.judge(Custom("noisy"), "")).verdict is Verdict.CORRECT


@pytest.mark.parametrize("answer", ["x" * (8 << 20), "\0" * 1000, "é\U0001f600 \r\n\t" * 1000, "{home}", '"}\\'])
async def test_any_answer_arrives_whole(verifiers: Verifiers, answer: str) -> None:
    told = await ask(verifiers, "measure", answer, length=len(answer))
    assert told.verdict is Verdict.CORRECT, told.rung
    assert told.extracted == answer[:10_000]


async def test_broken_unicode_is_judged(verifiers: Verifiers, site: Path) -> None:
    judge = Judge(sandbox="weak")
    reference = Custom("made", json.dumps({"do": "measure", "length": 3, "x": "\ud800"}, ensure_ascii=False))
    assert (await judge.judge(reference, "a\ud800b")).extracted == "a?b"
    await judge.aclose()


async def test_judging_happens_in_the_main_thread_and_no_alarm_outlives_it(verifiers: Verifiers) -> None:
    assert (await ask(verifiers, "main_thread")).verdict is Verdict.CORRECT
    await asyncio.sleep(0.4)
    [pid] = verifiers.pids
    assert (await ask(verifiers, "pid")).rung == f"custom/made/{pid}"


@pytest.mark.parametrize("do", ["import_late", "use_threads", "keep_a_file"])
async def test_walls_leave_an_honest_verifier_what_it_needs(walled: Verifiers, do: str) -> None:
    told = await ask(walled, do)
    assert told.verdict is Verdict.CORRECT, told
    assert walled.describe() == "landlock seccomp limits"


ATTEMPTS = [
    *("write", "append", "truncate", "remove", "rename", "link", "edit the module", "read", "list", "connect"),
    *("datagram", "local socket", "program", "fork", "signal the parent", "signal everyone"),
    "environment of the parent",
]


async def test_a_verifier_reaches_nothing_of_the_users(walled: Verifiers, wish: dict[str, object], site: Path) -> None:
    signalled: list[int] = []
    before = signal.signal(signal.SIGUSR1, lambda number, _: signalled.append(number))
    try:
        for attempt in ATTEMPTS:
            told = await walled.judge(Custom("made", json.dumps(wish)), attempt)
            assert told.verdict is Verdict.INCORRECT, (attempt, told)
            assert re.fullmatch(r"custom/made/(PermissionError|OSError) (PermissionError|OSError)", told.rung), told
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert signalled == []
    assert (site.parent / "secret").read_text() == "a secret"
    assert not (site.parent / "new").exists()
    assert (site / "made_wheel.py").read_bytes() == MADE.read_bytes()


@pytest.mark.skipif(sys.platform != "linux", reason="they reach into /proc")
def test_the_attempts_succeed_where_there_are_no_walls(wish: dict[str, object], tmp_path: Path) -> None:
    module = runpy.run_path(str(MADE))
    assert set(module["ATTEMPTS"]) == set(ATTEMPTS)
    harmless = set(ATTEMPTS) - {"signal the parent", "remove", "rename", "link", "fork"}
    assert {name: module["_failure"](name, wish) for name in sorted(harmless)} == dict.fromkeys(sorted(harmless), "")
    assert (tmp_path / "new").read_text().strip() == "evil"


async def test_no_secret_is_in_the_environment(walled: Verifiers, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    told = await ask(walled, "environment")
    seen = json.loads(told.extracted or "")
    assert "secret" not in str(seen)
    assert {"PATH", "HOME", "LANG", "HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE", "TRANSFORMERS_OFFLINE"} <= set(seen)
    assert not Path(seen["HOME"]).is_relative_to(Path.home())
    assert (await ask(walled, "arguments")).extracted == ""


async def test_an_overfull_scratch_folder_ends_its_process(verifiers: Verifiers) -> None:
    full = await ask(verifiers, "fill_scratch")
    assert full.verdict is Verdict.CORRECT
    assert (await ask(verifiers, "pid")).rung != full.rung


async def test_many_judgements_share_few_processes(site: Path) -> None:
    verifiers = Verifiers(2, "weak")
    tasks = [ask(verifiers, "compare", str(n % 3), gold="1") for n in range(100)]
    told = await asyncio.gather(*tasks)
    assert [t.verdict for t in told] == [Verdict.CORRECT if n % 3 == 1 else Verdict.INCORRECT for n in range(100)]
    assert len(verifiers.pids) <= 2
    await verifiers.aclose()


async def test_closing_ends_every_process_in_mid_judgement_too(site: Path) -> None:
    verifiers = Verifiers(2, "weak")
    await asyncio.gather(*(ask(verifiers, "compare", gold="4") for _ in range(4)))
    busy = asyncio.create_task(ask(verifiers, "sleep"))
    await asyncio.sleep(0.2)
    pids = verifiers.pids
    assert pids
    await verifiers.aclose()
    assert (await busy).verdict is Verdict.UNVERIFIED
    assert not [pid for pid in pids if is_running(pid)]


async def test_cancelled_judgement_leaves_no_stale_reply(verifiers: Verifiers) -> None:
    await ask(verifiers, "compare", gold="4")
    task = asyncio.create_task(ask(verifiers, "sleep"))
    await asyncio.sleep(0.1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (await ask(verifiers, "compare", gold="5")).verdict is Verdict.INCORRECT


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a child with its parent")
def test_a_killed_harness_takes_its_verifiers_along(site: Path) -> None:
    code = (
        "import asyncio, sys\nfrom thinkcurve.problem import Custom\nfrom thinkcurve.verify.custom import Verifiers\n"
        "async def main():\n    v = Verifiers(1, 'weak')\n    await v.prepare(['made'])\n"
        "    print(*v.pids, flush=True)\n    await v.judge(Custom('made', '{\"do\": \"sleep\"}'), '')\n"
        f"sys.path.insert(0, {str(site)!r})\nasyncio.run(main())"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as harness:
        assert harness.stdout is not None
        pid = int(harness.stdout.readline())
        time.sleep(0.3)
        assert is_running(pid)
        harness.kill()
    end_s = time.monotonic() + 10
    while is_running(pid) and time.monotonic() < end_s:
        time.sleep(0.05)
    assert not is_running(pid)


def is_running(pid: int) -> bool:
    """A zombie that nobody reaps (as in a container without an init) has ended."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    state = Path(f"/proc/{pid}/stat")
    return not state.exists() or state.read_text().rpartition(")")[2].split()[0] not in "ZX"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("nade", "unknown verifier 'nade'. Did you mean 'made'? Known verifiers: "),
        ("raises", "verifier 'raises' does not load: RuntimeError: no luck"),
        ("exits", "verifier 'exits' does not load: SystemExit: 3"),
        ("dies", "verifier 'dies' does not load: no answer"),
        ("needs_extra", "needs the package 'not_there_at_all': pip install \"made[special]\""),
        ("needs_other", "needs the package 'not_known_either': pip install not-known-either"),
        ("no_function", "verifier 'no_function' does not load: made_no_function:judge is no function"),
        ("gone", "does not load: No module named 'made_gone', which made should have brought: install made again"),
    ],
)
async def test_a_verifier_that_cannot_be_had_is_refused_before_anything_is_spent(
    site: Path, name: str, words: str
) -> None:
    judge = Judge(sandbox="weak")
    with pytest.raises(VerifierMissing, match=re.escape(words)) as refused:
        await judge.prepare([Custom("made"), Custom(name)])
    assert isinstance(refused.value, UsageError)
    assert "\n" not in str(refused.value)
    told = await judge.judge(Custom(name), "x")
    assert (told.verdict, told.reason) == (Verdict.UNVERIFIED, "no_verifier")
    await judge.aclose()


async def test_the_judge_says_what_walls_there_were(walled: Verifiers) -> None:
    judge = Judge()
    assert "verifiers" not in judge.describe()
    reference = Custom("made", '{"do": "compare", "gold": "4"}')
    await judge.prepare([reference])
    told = [await judge.judge(reference, "4") for _ in range(2)]
    assert told[0] is told[1]  # from the cache
    about = judge.describe()
    assert (about["verifiers"], about["sandbox"], about["sandbox_least"]) == (
        *("landlock seccomp limits", "not needed"),
        "standard",
    )
    await judge.aclose()


async def test_an_unknown_level_is_refused(site: Path) -> None:
    with pytest.raises(SandboxRefused, match="'none' is none of strict, standard, weak"):
        await Judge(sandbox="none").prepare([Custom("made")])


async def test_without_landlock_only_the_weak_level_goes_on(walled: Verifiers, site: Path) -> None:
    command = [sys.executable, str(WITHOUT_LANDLOCK), str(site)]
    done = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, check=True)
    strict, standard, weak = done.stdout.splitlines()
    assert strict.startswith("strict SandboxRefused verifier 'made' needs sandbox level 'strict', and this machine")
    assert "cannot keep it from your files and writing to your files" in standard
    assert standard.endswith("accept --sandbox weak")
    assert weak == "weak correct seccomp limits"


def test_a_judge_without_custom_references_pays_nothing_for_them() -> None:
    code = (
        "import asyncio, sys\nfrom thinkcurve.problem import MathAnswer\nfrom thinkcurve.verify.judge import Judge\n"
        "judge, four = Judge(), MathAnswer('4')\nasyncio.run(judge.prepare([four]))\n"
        "asyncio.run(judge.judge(four, '4'))\n"
        "print([m for m in sys.modules if 'custom' in m or m.startswith('importlib.metadata')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


async def test_thinking_that_begins_again_never_reaches_a_verifier(site: Path) -> None:
    judge = Judge(sandbox="weak")
    asked = Custom("made", json.dumps({"do": "measure", "length": 2}))
    try:
        told = await judge.judge(asked, "<think>long thought</think>ok")
        assert (told.verdict, told.extracted) == (Verdict.CORRECT, "ok")
        unclosed = await judge.judge(asked, "ok<think>")
        assert (unclosed.verdict, unclosed.reason) == (Verdict.NO_ANSWER, "unclosed")
    finally:
        await judge.aclose()


async def test_the_folder_of_somebodys_script_is_not_on_a_verifiers_path(
    site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mine").mkdir()
    monkeypatch.syspath_prepend(str(tmp_path / "mine"))
    path = json.loads(Verifiers(1, "weak")._spec("made"))["path"]
    assert str(site) in path
    assert str(tmp_path / "mine") not in path
