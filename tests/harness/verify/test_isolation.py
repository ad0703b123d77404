"""Which sandbox is chosen, what it sees of the machine, and who is refused."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest
from msgspec import structs

from thinkcurve.plan import prepare
from thinkcurve.problem import Case, FunctionTests, MathAnswer
from thinkcurve.study import Study
from thinkcurve.verify import isolation, probes
from thinkcurve.verify.inside import seccomp
from thinkcurve.verify.isolation import SandboxRefused, Wall
from thinkcurve.verify.judge import Judge
from thinkcurve.verify.probes import Finding
from thinkcurve.verify.sandbox import judge_code
from verify.sandboxes import strongest

REFERENCE = FunctionTests("f", (Case("[1]", "2"),))


@pytest.fixture
def only_rlimits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(isolation, "candidates", lambda: ("rlimits",))
    monkeypatch.setattr(probes, "_known", [])


@pytest.mark.usefixtures("only_rlimits")
@pytest.mark.parametrize("level", ["standard", "strict"])
async def test_too_weak_a_sandbox_is_refused_in_one_line(level: str) -> None:
    judge = Judge(sandbox=level)
    with pytest.raises(SandboxRefused, match=r"tier [AB].*only tier C \(rlimits\).*--sandbox weak") as refused:
        await judge.prepare([REFERENCE])
    assert "\n" not in str(refused.value)
    with pytest.raises(SandboxRefused):
        await judge.judge(REFERENCE, "def f(x): return x + 1")


@pytest.mark.usefixtures("only_rlimits")
async def test_who_insists_gets_the_weak_one_and_it_is_recorded() -> None:
    judge = Judge(sandbox="weak")
    try:
        assert (await judge.judge(REFERENCE, "def f(x): return x + 1")).verdict.value == "correct"
        assert judge.describe()["sandbox"] == "C rlimits"
        assert judge.describe()["sandbox_least"] == "weak"
    finally:
        await judge.aclose()


@pytest.mark.usefixtures("only_rlimits")
async def test_mathematics_needs_no_sandbox() -> None:
    judge = Judge(sandbox="strict")
    await judge.prepare([MathAnswer("1")])
    assert judge.describe()["sandbox"] == "not needed"


async def test_unknown_level_is_refused() -> None:
    with pytest.raises(SandboxRefused, match="'paranoid' is none of strict, standard, weak"):
        await Judge(sandbox="paranoid").prepare([REFERENCE])


def a_finding(wall: Wall, **allowed: bool) -> Finding:
    refused = {probe.name: not allowed.get(probe.name, False) for probe in probes.PROBES}
    tiers = [t for t in "ABC" if t >= isolation.TIERS[wall] and all(refused[n] for n in probes.REQUIRED[t])]
    return Finding(wall, tiers[0], refused)


@pytest.mark.parametrize(
    ("wall", "allowed", "tier"),
    [
        ("bubblewrap", {}, "A"),
        ("bubblewrap", {"processes": True}, "B"),
        ("bubblewrap", {"network": True}, "C"),
        ("landlock", {}, "B"),
        ("landlock", {"look": True}, "B"),
        ("landlock", {"read": True}, "C"),
        ("rlimits", {}, "C"),
    ],
)
def test_tier_falls_with_what_was_not_refused(wall: Wall, allowed: dict[str, bool], tier: str) -> None:
    assert a_finding(wall, **allowed).tier == tier


async def test_best_tier_wins_not_the_first_wall(monkeypatch: pytest.MonkeyPatch) -> None:
    found = {"bubblewrap": a_finding("bubblewrap", network=True), "namespaces": a_finding("namespaces")}
    monkeypatch.setattr(isolation, "candidates", lambda: tuple(found))
    monkeypatch.setattr(probes, "_known", [])

    async def tried(wall: Wall) -> Finding:
        return found[wall]

    monkeypatch.setattr(probes, "try_wall", tried)
    assert (await probes.strongest()).wall == "namespaces"


def test_sandbox_sees_no_packages_and_no_home() -> None:
    places = isolation.places()
    assert not any(Path(path) == Path.home() for path in places.read)
    assert not any("thinkcurve_tasks" in path or path.endswith("site-packages") for path in places.read)
    library = next(path for path in places.read if path.endswith(f"python{sys.version_info[0]}.{sys.version_info[1]}"))
    packages = Path(library, "site-packages")
    assert str(packages) in places.masked or not packages.is_dir()
    assert places.within == ()


def test_numpy_is_let_in_alone() -> None:
    numpy = pytest.importorskip("numpy")
    folder = Path(numpy.__file__).parent.parent
    assert set(isolation.places(folder).within) <= {str(folder / "numpy"), str(folder / "numpy.libs")}


def test_macos_profile_denies_all_but_a_list() -> None:
    profile = isolation.seatbelt(isolation.Places(("/lib",), (), ("/lib/site-packages",), ("/np",)))
    assert profile.startswith("(version 1)(deny default)")
    assert "network" not in profile
    assert profile.index('(deny file-read* (subpath "/lib/site-packages"))') > profile.index('(subpath "/lib")')
    assert profile.count("file-write*") == 1
    assert profile.count("(") == profile.count(")")


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_filter_is_whole_and_its_jumps_land(machine: str) -> None:
    program = seccomp.program(machine, 1234, keeps_modes=True)
    size = len(program) // 8
    pid, anybody = (1234).to_bytes(4, sys.byteorder), seccomp.ANY_PID.to_bytes(4, sys.byteorder)
    assert seccomp.program(machine, seccomp.ANY_PID, keeps_modes=True).replace(anybody, pid) == program
    assert len(program) % 8 == 0
    assert size < 4096  # BPF_MAXINSNS
    for index in range(size):
        code, if_true, if_false = program[8 * index], program[8 * index + 2], program[8 * index + 3]
        if code & 7 == 5:
            assert index + 1 + max(if_true, if_false) < size


async def test_timeout_is_retried_alone() -> None:
    sandbox = await strongest(2)
    running = most = 0
    busy: list[bool] = []
    once = sandbox._once

    async def watched(request: dict[str, object], wall_s: float):  # type: ignore[no-untyped-def]
        nonlocal running, most
        running += 1
        most = max(most, running)
        if "while True" in str(request["code"]):
            busy.append(running > 1)
        try:
            return await once(request, wall_s)
        finally:
            running -= 1

    sandbox._once = watched  # type: ignore[method-assign]
    slow = "import time\ndef f(x):\n    time.sleep(0.3)\n    return x + 1"
    endless = FunctionTests("f", (Case("[1]", "2"),), cpu_s=1.0)
    try:
        jobs = [
            judge_code(sandbox, endless, "while True: pass"),
            *(judge_code(sandbox, REFERENCE, slow) for _ in range(6)),
        ]
        outcomes = await asyncio.gather(*jobs)
    finally:
        await sandbox.aclose()
    assert outcomes[0].reason == "timeout"
    assert [o.verdict.value for o in outcomes[1:]] == ["correct"] * 6
    assert most >= 2
    assert len(busy) == 2
    assert not busy[1]


@pytest.mark.usefixtures("only_rlimits")
async def test_run_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    study = Study(tasks=("induce",), limit=1, budgets=(0,))
    with pytest.raises(SandboxRefused):
        await prepare(study, tmp_path / "run")
    assert not (tmp_path / "run").exists()
    plan = await prepare(structs.replace(study, sandbox="weak"), tmp_path / "run")
    await plan.aclose()
    assert plan.manifest.sittings[0].verifier["sandbox"] == "C rlimits"
