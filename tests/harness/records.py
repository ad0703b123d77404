"""Records for tests that need some, without running anything."""

from thinkcurve.budget import Ending
from thinkcurve.problem import Verdict
from thinkcurve.store import Attempt, Failure, Trace


def a_trace(index: int = 0, sample: int = 0, text: str = "so 2+2=4") -> Trace:
    return Trace(
        model="m",
        task="t",
        problem=f"t/test/{index}",
        sample=sample,
        budget=None,
        seed=1,
        prompt_tokens=3,
        prompt_digest="d",
        thinking_tokens=len(text),
        token_ids=tuple(text.encode()),
        text=text,
        ending=Ending.CLOSED,
        cached_tokens=0,
        generated_spent=len(text),
        flops_spent=None,
        wall_s=0.5,
    )


def an_attempt(index: int = 0, budget: int | None = 8, verdict: Verdict = Verdict.CORRECT, sample: int = 0) -> Attempt:
    return Attempt(
        model="m",
        task="t",
        problem=f"t/test/{index}",
        index=index,
        level=None,
        group=None,
        sample=sample,
        budget=budget,
        control="truncate",
        verdict=verdict,
        reason="",
        rung="exact",
        extracted="4",
        is_forced=False,
        ending=Ending.CLOSED,
        is_truncated_answer=False,
        is_shared_answer=False,
        answer="\\boxed{4}\u2028\x00",
        answer_ids=(1, 2),
        prompt_tokens=3,
        thinking_tokens=8,
        answer_tokens=2,
        generated_tokens=10,
        total_tokens=14,
        cached_tokens=None,
        generated_spent=2,
        flops=1.5,
        flops_spent=None,
        wall_s=0.1,
        joules=None,
        usd=None,
        verify_cpu_s=0.0,
        seed=2,
    )


def a_failure(index: int = 0, budget: int | None = 8) -> Failure:
    return Failure("m", "t", f"t/test/{index}", 0, budget, "truncate", "answer", "HTTP 500")
