"""One fuzzing target: inputs by hypothesis until the time is over, each with a limit of CPU, and memory watched.

Hypothesis runs in batches, each from a seed of its own, so that the seed printed with a failure repeats it within one
batch; what it reports is already shrunk. Memory is looked at twice: what Python still holds after a second and third
round over a sample of the inputs, and how the whole process grew over the session.
"""

from __future__ import annotations

import contextlib
import gc
import itertools
import random
import signal
import sys
import time
import tracemalloc
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.errors import HypothesisWarning
from hypothesis.strategies import SearchStrategy

FRAMES = 900  # left of Python's 1,000 to a verifier deep in a run
SAMPLE = 30  # inputs tried again for what they leave in memory
KEPT_BYTES = 256 << 10  # that two more rounds over the sample may leave: lazy imports and caches of the library
GROWN_MB = 96.0  # of the process over a session: hypothesis' own records and a fragmented heap


class TooSlow(AssertionError):
    """An input that took more CPU time than its target allows."""


@dataclass
class Hammer:
    """A target's inputs and limits. ``cpu_s`` is a constant, or a function of the input; ``reset`` empties caches."""

    name: str
    share_s: float
    first_seed: int
    check: Callable[[Any], object]
    inputs: SearchStrategy[Any]
    cpu_s: float | Callable[[Any], float] = 2.0
    reset: Callable[[], object] = lambda: None
    batch: int = 50  # inputs from one seed
    n_inputs: int = 0
    slowest_s: float = 0.0
    grown_mb: float = 0.0
    kept_bytes: int = 0
    sample: list[Any] = field(default_factory=list)
    chance: random.Random = field(default_factory=lambda: random.Random(0))

    def __str__(self) -> str:
        return (
            f"{self.name}: {self.n_inputs:,} inputs from seed {self.first_seed}, slowest {1000 * self.slowest_s:.1f} ms"
            f" of CPU, {self.kept_bytes / 1024:.0f} KiB kept, process grown by {self.grown_mb:.1f} MiB"
        )

    def run(self) -> None:
        """Try inputs until the share of the time is over; then look at the memory."""
        end_s = time.monotonic() + self.share_s
        before_mb: float | None = None
        for batch_seed in itertools.count(self.first_seed):
            self._batch(batch_seed)
            if before_mb is None:
                before_mb = self._settled_mb()
            if time.monotonic() >= end_s:
                break
        self.grown_mb = self._settled_mb() - (before_mb or 0.0)
        self._look_at_memory()

    def _batch(self, batch_seed: int) -> None:
        @settings(
            max_examples=self.batch,
            deadline=None,
            database=None,
            phases=(Phase.generate, Phase.shrink),
            suppress_health_check=list(HealthCheck),
            report_multiple_bugs=False,
        )
        @seed(batch_seed)
        @given(self.inputs)
        def inputs(value: Any) -> None:
            self._try(value)

        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", HypothesisWarning)  # that an input is long to print: it is meant to be
                inputs()
        except BaseException as error:
            error.add_note(f"again: THINKCURVE_FUZZ_SEED={batch_seed} pytest tests/fuzz -k {self.name}")
            raise

    def _try(self, value: Any) -> None:
        self.n_inputs += 1
        if len(self.sample) < SAMPLE:
            self.sample.append(value)
        elif (place := self.chance.randrange(self.n_inputs)) < SAMPLE:  # each input so far is equally likely to be kept
            self.sample[place] = value
        limit_s = self.cpu_s(value) if callable(self.cpu_s) else self.cpu_s
        used_s = self._timed(value, limit_s)
        if used_s > limit_s:  # on a busy machine one call may be late: what is slow is slow each time
            used_s = min(self._timed(value, limit_s) for _ in range(2))
        self.slowest_s = max(self.slowest_s, used_s)
        if used_s > limit_s:
            raise TooSlow(f"{used_s:.2f} s of CPU where {limit_s:.2f} s are allowed")

    def _timed(self, value: Any, limit_s: float) -> float:
        started_s = time.process_time()
        with _alarm(2 * limit_s + 1), _ordinary_stack():
            self.check(value)
        return time.process_time() - started_s

    def _look_at_memory(self) -> None:
        self._again()
        tracemalloc.start()
        try:
            self._again()
            before = tracemalloc.get_traced_memory()[0]
            self._again()
            self._again()
            self.kept_bytes = tracemalloc.get_traced_memory()[0] - before
        finally:
            tracemalloc.stop()
        assert self.kept_bytes < KEPT_BYTES, f"{self.name} keeps {self.kept_bytes} bytes of inputs it has seen"
        assert self.grown_mb < GROWN_MB, f"the process grew by {self.grown_mb:.0f} MiB"

    def _again(self) -> None:
        for value in self.sample:
            with _ordinary_stack():
                self.check(value)
        self.reset()
        gc.collect()

    def _settled_mb(self) -> float:
        self.reset()
        gc.collect()
        return resident_mb()


def resident_mb() -> float:
    """What the process holds now, in MiB; 0 where there is no /proc."""
    status = Path("/proc/self/status")
    if not status.exists():
        return 0.0
    return int(next(line for line in status.read_text().splitlines() if line.startswith("VmRSS:")).split()[1]) / 1024


@contextlib.contextmanager
def _ordinary_stack() -> Iterator[None]:
    """The recursion limit as a run has it: hypothesis raises it, and would hide what recurses."""
    frame: FrameType | None = sys._getframe()
    depth = 0
    while frame is not None:
        frame, depth = frame.f_back, depth + 1
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(depth + FRAMES)
    try:
        yield
    finally:
        sys.setrecursionlimit(before)


@contextlib.contextmanager
def _alarm(cpu_s: float) -> Iterator[None]:
    """Interrupt Python code, and its regular expressions, after ``cpu_s`` of CPU, so that a hang becomes a failure."""
    if not hasattr(signal, "setitimer"):
        yield
        return

    def ring(_: int, frame: FrameType | None) -> None:
        raise TooSlow(f"stopped after {cpu_s:.1f} s of CPU in {frame.f_code.co_qualname if frame else '?'}")

    previous = signal.signal(signal.SIGPROF, ring)
    signal.setitimer(signal.ITIMER_PROF, cpu_s)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, previous)
