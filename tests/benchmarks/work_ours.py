"""thinkcurve's share of the work: ``work_ours.py PROBLEMS BUDGETS`` carries a study out and prints what it cost.

Each problem is thought through once by an instant model, cut at every budget, answered at each, extracted, compared
as mathematics and written: a journal line an event as it happens, two Parquet tables and a manifest at the end. With 0
budgets the model is one behind messages: one request a problem, which holds thinking and answer.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from measure import own_cpu_s, own_peak_mb
from samples import sample

started_s = own_cpu_s()

import json  # noqa: E402

from instant import Instant, InstantChat  # noqa: E402

from thinkcurve import Study, sweep  # noqa: E402
from thinkcurve.budget import Control  # noqa: E402
from thinkcurve.problem import MathAnswer, Message, Problem, Verdict  # noqa: E402
from thinkcurve.store import Event  # noqa: E402

LADDERS = {
    0: (None,),
    1: (None,),  # the natural end: the same reply that the peers get
    5: (0, 8, 16, 32, None),
}


class Eggs:
    """The shared samples as a task."""

    name, version, description = "eggs", "1", "eggs left in a crate"

    def __init__(self, n: int) -> None:
        self.n = n

    def problems(self) -> Sequence[Problem]:
        made = map(sample, range(self.n))
        return [Problem("eggs", "test", s.index, s.question, MathAnswer(s.gold)) for s in made]

    def prompt(self, problem: Problem) -> list[Message]:
        return [Message("user", problem.question)]


class MemoryWatch:
    """Hears every event, and notes the peak of memory at the last: before that no table is made."""

    def __init__(self, n_events: int) -> None:
        self.left = n_events
        self.peak_mb = 0.0

    def __call__(self, _: Event) -> None:
        self.left -= 1
        if not self.left:
            self.peak_mb = own_peak_mb()


def main(n_problems: int, n_budgets: int) -> None:
    control = Control.TRUNCATE if n_budgets else Control.PROMPT
    study = Study(models=("instant",), tasks=("eggs",), budgets=LADDERS[n_budgets], control=control)
    watch = MemoryWatch(n_problems * (1 + len(study.budgets)))
    backend = Instant(n_problems) if n_budgets else InstantChat(n_problems)
    imported_s, imported_mb = own_cpu_s(), own_peak_mb()
    with tempfile.TemporaryDirectory() as directory:
        run = sweep(study, directory, backends={"instant": backend}, tasks={"eggs": Eggs(n_problems)}, listener=watch)
        work_s, peak_mb = own_cpu_s() - imported_s, own_peak_mb()
        sizes = {path.name: path.stat().st_size for path in Path(directory).iterdir()}
        verdicts = [attempt.verdict for attempt in run.records.attempts.values()]
    printed = {
        "n": len(verdicts),
        "requests": backend.n_requests,
        "accuracy": verdicts.count(Verdict.CORRECT) / len(verdicts),
        "import_s": imported_s - started_s,
        "work_s": work_s,
        "imported_mb": imported_mb,
        "records_mb": watch.peak_mb,
        "peak_mb": peak_mb,
        "disk_mb": sum(sizes.values()) / 2**20,
    }
    print(json.dumps(printed))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
