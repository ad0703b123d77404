"""Mathematics that needs a parser: sympy and math-verify in processes that are killed when they take too long.

No worker starts before a comparison needs one (importing sympy costs 0.6 s of CPU). ``signal.alarm`` is no limit
(not in threads, not on Windows, not inside gmpy2), so the limits are the process's own: 2 to 3 s of CPU, 1 GiB,
and a wall backstop here. A worker that hits one is replaced, and the verdict is ``unverified``.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from thinkcurve.verify.process import ChildLost, Pool, Reply, pack

CHILD = Path(__file__).with_name("worker_child.py")
WALL_S = 20.0  # a backstop for a busy machine, ten times the CPU limit


class Equality(NamedTuple):
    """Whether two lists of pieces are equal; ``None`` with a reason when that could not be told."""

    equal: bool | None
    reason: str = ""
    cpu_s: float = 0.0


class MathWorkers:
    """At most ``size`` workers, started when needed."""

    def __init__(self, size: int) -> None:
        self.pool = Pool((sys.executable, "-I", str(CHILD)), size)

    async def compare(self, gold: Sequence[str], answer: Sequence[str]) -> Equality:
        """Compare pieces of normalised LaTeX; a worker lost for no fault of the text is replaced and asked again."""
        request = pack({"gold": gold, "answer": answer})
        for _ in range(2):
            try:
                return _equality(await self.pool.ask(request, WALL_S))
            except ChildLost as lost:
                if lost.is_late or lost.signal_number == _CPU_SIGNAL:
                    return Equality(None, "timeout")
        return Equality(None, "worker")

    async def aclose(self) -> None:
        """Kill the workers."""
        await self.pool.aclose()


_CPU_SIGNAL = getattr(signal, "SIGXCPU", -1)


def _equality(reply: Reply) -> Equality:
    equal = reply.header.get("equal")
    if isinstance(equal, bool):
        return Equality(equal, "", reply.number("cpu_s"))
    return Equality(None, reply.text("failed") or "worker", reply.number("cpu_s"))
