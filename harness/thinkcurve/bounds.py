"""The most that a unit of a plan can cost, before it is asked: what an allowance reserves for it."""

from __future__ import annotations

from thinkcurve.asked import ChatSession
from thinkcurve.budget import Budget
from thinkcurve.opened import Opened, Prompt
from thinkcurve.plan import Plan
from thinkcurve.purse import kind_of
from thinkcurve.session import Session

BYTES_A_TOKEN = 2
"""Few, so that what a prompt of messages can cost is not taken for too little: of Chinese a token is three bytes."""


def bounds_of(plan: Plan) -> dict[str, float | None]:
    """By kind of request (`thinkcurve.purse.kind_of`), the most that one can cost, where that has a bound."""
    found: dict[str, float | None] = {}
    for session in plan.sessions:
        prompts = plan.prompts[session.spec]
        n_prompt = max((_length(session, asked) for p in prompts for asked in (p, *p.told.values())), default=0)
        if isinstance(session, ChatSession):
            most = plan.study.max_output_tokens or session.backend.model.max_output_tokens
            usd = session.tariff.most_usd(prompt=n_prompt, generated=most)
            found |= {kind_of(session.spec, budget): usd for budget in plan.study.budgets}
        elif plan.study.is_separate and isinstance(session, Session):
            found |= {kind_of(session.spec, b): _ladder_usd(session, n_prompt, [b]) for b in plan.study.budgets}
            found.pop(session.spec, None)  # the natural end has no budget of its own in a kind
        else:
            found[kind_of(session.spec, None)] = _ladder_usd(session, n_prompt, plan.study.budgets)
    return found


def _ladder_usd(session: Opened, n_prompt: int, budgets: list[Budget] | tuple[Budget, ...]) -> float | None:
    """One unit's thinking, a request a rung, and an answer at each."""
    longest = session.study.max_output_tokens or session.backend.model.context_tokens
    rungs = [longest if budget is None else budget for budget in budgets]
    if any(rung is None for rung in rungs):
        return None
    tops = [rung for rung in rungs if rung is not None]
    read = sum(2 * (n_prompt + rung) for rung in tops)
    return session.tariff.most_usd(prompt=read, generated=max(tops) + len(tops) * session.study.answer_tokens)


def _length(session: Opened, prompt: Prompt) -> int:
    """How many tokens a prompt has, or at most about."""
    if isinstance(session, Session):
        return len(prompt.token_ids)
    return sum(len(message.content.encode()) for message in prompt.messages) // BYTES_A_TOKEN + 16
