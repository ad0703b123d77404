"""Hostile answers, against each wall that this machine has: none passes, none survives, none touches anything."""

from __future__ import annotations

import asyncio
import os
import platform
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio

from thinkcurve.verify.sandbox import Zygotes, judge_code
from verify.attack import PASS, WALLS, Attack, references
from verify.attacks import ATTACKS
from verify.sandboxes import open_sandbox
from verify.world import World, children, descendants, user_of

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="the bait is laid out for Linux"),
    pytest.mark.asyncio(loop_scope="module"),
]
PROBE = """
import json, os, sys
odd = os.listdir('.') or getattr(sys, 'evil', False) or json.loads('[1]') != [1]
open('new', 'w').close()
def f(x):
    return 'left' if odd else x + 1
"""
LIMIT_S = 200.0  # on one verdict; a busy machine stretches the sandbox's own limits
GRACE_S = 3.0  # how long an ended process may take to disappear on a busy machine


@pytest.fixture(scope="module")
def homes() -> Iterator[Path]:
    """Where the sandboxes have their directories, so that what they leave can be seen."""
    with tempfile.TemporaryDirectory(prefix="attacks-") as folder:
        Path(folder).chmod(0o755)
        old, tempfile.tempdir = tempfile.tempdir, folder
        os.environ["THINKCURVE_SECRET"] = "s3cret"
        yield Path(folder)
        del os.environ["THINKCURVE_SECRET"]
        tempfile.tempdir = old


@dataclass(frozen=True)
class Walled:
    """A sandbox behind one kind of wall, and the bait around it."""

    wall: str
    sandbox: Zygotes
    world: World


@pytest_asyncio.fixture(loop_scope="module", scope="module", params=WALLS)
async def walled(request: pytest.FixtureRequest, homes: Path) -> AsyncIterator[Walled]:
    """When it is closed, no process and no file is left."""
    before = descendants()
    sandbox = await open_sandbox(request.param)
    world = World(user_of(descendants() - before))
    await warm_up(sandbox, world)
    yield Walled(request.param, sandbox, world)
    await sandbox.aclose()
    world.close()
    assert await survivors(lambda: before) == set()
    assert list(homes.iterdir()) == []  # noqa: ASYNC240  nothing else runs


async def warm_up(sandbox: Zygotes, world: World) -> None:
    """Start every kind of forkserver there is, so that new ones are not taken for survivors."""
    known = references(world.golds)
    await judge_code(sandbox, known["loop"], "import numpy\n" + PASS)
    await judge_code(sandbox, known["plus"], PASS)
    await judge_code(sandbox, known["plus"], "import numpy\n" + PASS)


def expected(walled: Walled) -> set[int]:
    """The processes that should be there: the forkservers, and with namespaces the first process inside each."""
    pids = set(walled.sandbox.pids)
    if walled.wall in ("bubblewrap", "namespaces"):
        pids |= children(pids)
    return pids | {int(str(walled.world.things["victim"]))}


async def survivors(is_expected: Callable[[], set[int]]) -> set[int]:
    """The processes that should not be there, once they had time to go."""
    for _ in range(int(GRACE_S / 0.02)):
        left = descendants() - is_expected()
        if not left:
            break
        await asyncio.sleep(0.02)
    return left


def disturbed(pids: set[int]) -> bool:
    """Whether somebody changed how these processes are scheduled."""
    for pid in pids:
        is_plain = os.getpriority(os.PRIO_PROCESS, pid) == os.getpriority(os.PRIO_PROCESS, 0)
        if not is_plain or os.sched_getscheduler(pid) != 0 or os.sched_getaffinity(pid) != os.sched_getaffinity(0):
            return True
    return False


async def harms(walled: Walled, before: set[int]) -> set[str]:
    """What an attack touched: of the world, of the sandbox's processes."""
    found = walled.world.harms()
    if await survivors(lambda: expected(walled)):
        found.add("survivor")
    if not before <= set(walled.sandbox.pids):
        found.add("zygote")
    if disturbed(expected(walled)):
        found.add("disturbed")
    return found


def needs_x86(attack: Attack) -> bool:
    return "syscall(" in attack.code + attack.then and platform.machine() != "x86_64"


async def attempt(walled: Walled, attack: Attack) -> None:
    """One attack, and all that must hold after it."""
    sandbox, world = walled.sandbox, walled.world
    is_refused = attack.must_be_refused_by(walled.wall)
    if needs_x86(attack):
        pytest.skip("written with the system call numbers of another machine")
    if not attack.is_bounded and not is_refused:
        pytest.skip("would harm the machine, and this wall does not refuse it")
    known = references(world.golds)
    assert (await judge_code(sandbox, known["plus"], PASS)).verdict == "correct"
    world.harms()
    before = set(sandbox.pids)
    for code in attack.programs(world.things):
        outcome = await asyncio.wait_for(judge_code(sandbox, known[attack.against], code), LIMIT_S)
        is_proof = "return x + 1" in code or "{{secret}}" in attack.code
        if is_refused or not is_proof:
            assert outcome.verdict != "correct", outcome
    found = await harms(walled, before)
    assert found <= (set() if is_refused else set(attack.effect.split())), outcome
    assert (await judge_code(sandbox, known["plus"], PROBE)).verdict == "correct"


QUICK = [attack for attack in ATTACKS if not attack.is_slow]
COSTLY = [attack for attack in ATTACKS if attack.is_slow]


def named(attack: Attack) -> str:
    return f"{attack.family}: {attack.name}"


@pytest.mark.parametrize("attack", QUICK, ids=named)
async def test_attack_gains_nothing(walled: Walled, attack: Attack) -> None:
    await attempt(walled, attack)


@pytest.mark.parametrize("attack", COSTLY, ids=named)
@pytest.mark.parametrize("walled", WALLS[-1:], indirect=True)  # what every machine has
async def test_costly_attack_gains_nothing(walled: Walled, attack: Attack) -> None:
    await attempt(walled, attack)


@pytest.mark.slow
@pytest.mark.parametrize("attack", COSTLY, ids=named)
async def test_costly_attack_gains_nothing_behind_any_wall(walled: Walled, attack: Attack) -> None:
    await attempt(walled, attack)


async def test_attacks_are_many_and_named_apart() -> None:
    assert len({attack.name for attack in ATTACKS}) == len(ATTACKS) >= 80
