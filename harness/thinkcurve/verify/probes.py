"""The sandbox's self-test: small hostile programs, run as answers are, and what became of each.

A wall is believed only as far as these were refused on this machine, now. The whole attack suite is in the tests.
"""

from __future__ import annotations

import contextlib
import socket
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec

from thinkcurve.verify import isolation
from thinkcurve.verify.inside import wire
from thinkcurve.verify.isolation import LEVELS, TIERS, SandboxRefused, Wall
from thinkcurve.verify.process import ChildLost, Reply
from thinkcurve.verify.sandbox import Zygotes

CPU_S, WALL_S, MEMORY_MB = 2.0, 10.0, 128


class Probe(msgspec.Struct, frozen=True):
    """One thing an answer must not be able to do; ``code`` raises, or returns something false, where it cannot."""

    name: str
    what: str
    code: str


# {port} is a port that someone listens on, {secret} a file of the user, {target} one that is not there yet.
PROBES = (
    Probe("network", "reach a port of this machine", "socket.create_connection(('127.0.0.1', {port}), 1)"),
    Probe("sockets", "make a socket at all", "socket.socket(socket.AF_UNIX)"),
    Probe("read", "read a file of yours", "open({secret!r}).read()"),
    Probe("write", "write a file of yours", "open({target!r}, 'w')"),
    Probe("look", "see that a file exists", "os.path.exists({secret!r})"),
    Probe("environment", "see an environment variable", "len(os.environ)"),
    Probe("fork", "start another process", "os.fork() or os._exit(0)"),
    Probe("exec", "start another program", "os.execv(sys.executable or '/bin/true', ['true'])"),
    Probe("signal", "send its parent a signal", "os.kill(os.getppid(), 0) or 1"),
    Probe("processes", "see other processes", "[p for p in os.listdir('/proc') if p.isdigit()]"),
    Probe("trace", "read its parent's memory", "open(f'/proc/{{os.getppid()}}/mem', 'rb').read(0) == b''"),
    Probe("shared", "leave shared memory behind", "ctypes.CDLL(None).shmget(0, 4096, 0o1600) >= 0"),
    Probe("memory", "take ten times its memory", "len(bytearray(10 * {memory}))"),
    Probe("limits", "raise its own limits", "resource.setrlimit(resource.RLIMIT_CPU, (9999, 9999)) or 1"),
)
REQUIRED: Mapping[str, frozenset[str]] = {
    "A": frozenset(probe.name for probe in PROBES),
    "B": frozenset({"network", "read", "write", "environment", "signal", "trace", "limits"}),
    "C": frozenset(),
}
_IMPORTS = "import ctypes, os, resource, socket, sys\n"


class Finding(msgspec.Struct, frozen=True):
    """What the self-test found of one wall: its tier here, and of each probe whether it was refused.

    ``tier`` is empty where the wall could not be had at all, and ``problem`` says why.
    """

    wall: Wall
    tier: str
    refused: dict[str, bool] = {}
    problem: str = ""

    @property
    def summary(self) -> str:
        """For a manifest: ``A bubblewrap``."""
        return f"{self.tier} {self.wall}"


async def try_wall(wall: Wall) -> Finding:
    """Start a sandbox behind ``wall`` and run every probe in it: about half a second."""
    zygotes = Zygotes(1, wall)
    try:
        with _things_of_the_user() as places:
            refused = {probe.name: await _is_refused(zygotes, probe, places) for probe in PROBES}
    except ChildLost as lost:
        return Finding(wall, "", problem=str(lost))
    finally:
        await zygotes.aclose()
    tiers = [tier for tier in "ABC" if tier >= TIERS[wall] and all(refused[name] for name in REQUIRED[tier])]
    return Finding(wall, tiers[0], refused)


async def try_all() -> list[Finding]:
    """Every wall that this kind of system may have, strongest first."""
    return [await try_wall(wall) for wall in isolation.candidates()]


async def strongest() -> Finding:
    """The best wall of this machine; found once a process, and sought again where there was none."""
    if _known:
        return _known[0]
    best, problems = Finding("rlimits", ""), []
    for wall in isolation.candidates():
        finding = await try_wall(wall)
        if finding.problem:
            problems.append(f"{wall}: {finding.problem}")
        if finding.tier and (not best.tier or finding.tier < best.tier):
            best = finding
        if best.tier and best.tier <= TIERS[wall]:
            break
    best = msgspec.structs.replace(best, problem="; ".join(problems))
    if best.tier:
        _known.append(best)
    return best


_known: list[Finding] = []


async def open_sandbox(workers: int, level: str) -> tuple[Zygotes, Finding]:
    """The strongest sandbox of this machine; ``SandboxRefused`` where it is weaker than ``level`` asks."""
    if level not in LEVELS:
        raise SandboxRefused(f"sandbox level {level!r} is none of {', '.join(LEVELS)}")
    found = await strongest()
    if not found.tier or found.tier > LEVELS[level]:
        raise SandboxRefused(_refusal(found, level))
    return Zygotes(workers, found.wall), found


def _refusal(found: Finding, level: str) -> str:
    have = f"only tier {found.tier} ({found.wall})" if found.tier else "no sandbox"
    weaker = next((name for name, tier in LEVELS.items() if found.tier and found.tier <= tier), "")
    advice = f", or accept --sandbox {weaker}" if weaker else ""
    why = f" [{found.problem}]" if found.problem else ""
    return (
        f"code answers need sandbox level {level!r} (tier {LEVELS[level]}), and this machine has {have}{why}: "
        f"install bubblewrap and see `thinkcurve doctor`{advice}"
    )


async def _is_refused(zygotes: Zygotes, probe: Probe, places: Mapping[str, object]) -> bool:
    code = f"{_IMPORTS}def f():\n    return bool({probe.code.format(**places)})\n"
    request: dict[str, object] = {"kind": "function", "code": code, "entry_point": "f", "args": ["[]"], "nonce": ""}
    reply = await zygotes.run({**request, "cpu_s": CPU_S, "memory_mb": MEMORY_MB}, WALL_S)
    return not _is_done(reply)


def _is_done(reply: Reply) -> bool:
    """Whether the probe got what it wanted; a program that vanished without a word may have."""
    try:
        _, tag, value = msgspec.json.decode(reply.payload, type=tuple[int, str, object])
    except msgspec.MsgspecError:
        return True
    return tag == "v" and wire.decode(value) is not False


@contextlib.contextmanager
def _things_of_the_user() -> Iterator[dict[str, object]]:
    """What the probes reach for: a port that is listened on, and a folder with a file that anyone may read."""
    with tempfile.TemporaryDirectory(prefix="thinkcurve-") as name, socket.socket() as server:
        folder = Path(name)
        folder.chmod(0o777)
        secret = folder / "secret"
        secret.write_text("a secret")
        secret.chmod(0o644)
        server.bind(("127.0.0.1", 0))
        server.listen()
        port = server.getsockname()[1]
        yield {"port": port, "secret": str(secret), "target": str(folder / "new"), "memory": MEMORY_MB << 20}
