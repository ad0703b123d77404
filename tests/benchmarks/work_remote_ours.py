"""thinkcurve's share of the work at a server: ``work_remote_ours.py ADDRESS SAMPLES CONCURRENCY stream|whole``.

A study of one budget (the natural end), so one chat a sample: asked, read in a stream (what a user gets) or whole,
compared as mathematics and written, a journal line an event as it happens, two Parquet tables and a manifest at the
end. Who answers at the address is found out first, as for any user.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

from measure import Clock, own_peak_mb
from server_instant import MODEL
from work_ours import Eggs

from thinkcurve import Run, Study, sweep
from thinkcurve.budget import Control


def evaluate(address: str, n: int, concurrency: int, directory: str, *, stream: bool) -> Run:
    """The study, carried out."""
    spec = f"{address}#{MODEL}"
    options = {"api": "chat", "concurrency": concurrency, **({} if stream else {"stream": False})}
    study = Study(
        models=(spec,),
        tasks=("eggs",),
        budgets=(None,),
        control=Control.PROMPT,
        temperature=0.0,
        model_options={spec: options},
    )
    return sweep(study, directory, tasks={"eggs": Eggs(n)})


def main(address: str, n: int, concurrency: int, how: str) -> None:
    with tempfile.TemporaryDirectory() as directory:
        evaluate(address, 1, concurrency, f"{directory}/first", stream=how == "stream")
        clock = Clock()
        run = evaluate(address, n, concurrency, f"{directory}/run", stream=how == "stream")
        spent = clock.read()
        written = sum(path.stat().st_size for path in Path(directory, "run").iterdir())
    records = run.records.attempts.values()
    printed = {
        "n": len(records),
        "accuracy": sum(attempt.verdict == "correct" for attempt in records) / len(records),
        **spent,
        "peak_mb": own_peak_mb(),
        "disk_mb": written / 2**20,
    }
    print(json.dumps(printed))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4])
