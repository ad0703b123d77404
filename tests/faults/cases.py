"""Which faults there are, and how one is drawn: a kind, a scene, a point and the moment of its passing."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Mapping, Sequence

import msgspec

from fault import Fault

AT_REST = "at rest"
"""Not a point: files are disturbed while no process runs."""
EXCEPTIONS = {"busy": 0, "retryable": 0, "refused": 3, "fatal": 3, "bug": 70, "memory": 70}
"""What a backend may raise, and the exit code of the run then."""
RUNNING = ("fresh", "half", "segments", "half segments", "fresh", "half", "segments", "half segments", "workers")
AWAITS = ("await", "generate", "generate end", "judge", "judge end", "ask")
NEEDS_ROOM = ("write ", "open ", "replace ", "mkdir ", "rows ", "close ", "fsync ", "rename ")


STRIKE_AGAIN = ("kill", "disk full", "torn write", "SIGTERM")


class Case(msgspec.Struct, frozen=True):
    """A fault, and the scene that it happens in. ``n_passings``: how often an undisturbed run passes the point.

    ``again`` may happen to the command that goes on: a fault while another one is being mended.
    """

    fault: Fault
    scene: str
    n_passings: int = 0
    again: Fault | None = None

    @property
    def repeats_events(self) -> bool:
        """Whether an event may stand in the journal twice, since the fault itself, or what mends it, wrote it again."""
        fault = self.fault
        is_of_events = fault.kind == "duplicate delivery" and fault.point in (AT_REST, "event")
        return is_of_events or fault.kind.startswith("corrupted") or fault.point == "ask"


class Kind(msgspec.Struct, frozen=True):
    """Where a kind of fault may happen, and in which variants; ``at_rest`` are those that no process sees happen."""

    may: Callable[[str], bool]
    hows: Sequence[str] = ("",)
    scenes: Sequence[str] = RUNNING
    at_rest: Sequence[str] = ()
    rest_scenes: Sequence[str] = ("half", "half segments")


def _any(point: str) -> bool:
    return not point.startswith("event")


def _disk(point: str) -> bool:
    return point.startswith(NEEDS_ROOM)


DAMAGES = ("flip", "flip", "cut", "zeros")
KINDS: dict[str, Kind] = {
    "kill": Kind(_any),
    "disk full": Kind(_disk, ("once", "for good", "for good", "part", "limit")),
    "torn write": Kind(lambda point: point.startswith(("write ", "replace ")), ("cut", "lost")),
    "clock jump": Kind(_any, ("ahead", "back", "back", "1970")),
    "slow disk": Kind(_any),
    "backend exception": Kind(lambda point: point == "generate", tuple(EXCEPTIONS)),
    "hang": Kind(lambda point: point in ("generate", "ask") or _disk(point), ("SIGTERM", "Ctrl-C")),
    "duplicate delivery": Kind(lambda point: point in ("generate", "event"), at_rest=("lines",)),
    "reordering": Kind(_any, at_rest=("lines",)),
    "corrupted parquet": Kind(
        lambda _: False, at_rest=(*DAMAGES, *(f"{how} alone" for how in DAMAGES)), rest_scenes=("finished",)
    ),
    "corrupted journal": Kind(lambda _: False, at_rest=DAMAGES, rest_scenes=("half", "half segments", "finished")),
    "two processes": Kind(_any, ("run", "run", "compact", "regrade")),
    "SIGTERM": Kind(_any),
    "Ctrl-C": Kind(_any),
    "out-of-memory kill": Kind(lambda point: point == "ask", ("worker", "worker", "worker twice"), ("workers",)),
}


def draw(rng: random.Random, kind: str, points: Mapping[str, Counter[str]]) -> Case:
    """A case of a kind: at an await or at the disk, which are as likely, at any of their points, at any passing."""
    of = KINDS[kind]
    seed = rng.randrange(1 << 30)
    is_at_rest = rng.random() < (0.3 if of.hows and any(map(of.may, points["workers"])) else 1.0)
    if of.at_rest and is_at_rest:
        return Case(Fault(kind, AT_REST, 0, rng.choice(of.at_rest), seed), rng.choice(of.rest_scenes))
    scene = rng.choice(of.scenes)
    passed = points[scene]
    how = rng.choice(of.hows)
    may = [point for point in sorted(passed) if of.may(point) and _fits(kind, how, point)]
    point = rng.choice(rng.choice([group for group in _groups(may) if group]))
    fault = Fault(kind, point, rng.randint(1, passed[point]), how, seed)
    return Case(fault, scene, passed[point], _again(rng, fault, may, passed))


def _again(rng: random.Random, fault: Fault, may: Sequence[str], passed: Mapping[str, int]) -> Fault | None:
    """The same fault once more, at another point: one case in three, where it is one that ends the command."""
    if fault.kind not in STRIKE_AGAIN or rng.random() > 1 / 3:
        return None
    point = rng.choice(may)
    return msgspec.structs.replace(fault, point=point, nth=rng.randint(1, passed[point]), seed=fault.seed + 1)


def _groups(points: Sequence[str]) -> tuple[list[str], list[str]]:
    """Awaits, and points of the disk."""
    awaits = [point for point in points if point in AWAITS]
    return awaits, [point for point in points if point not in AWAITS]


def _fits(kind: str, how: str, point: str) -> bool:
    """Whether a variant can be had at a point."""
    if kind == "disk full" and how == "part":
        return point.startswith("write ")
    return True
