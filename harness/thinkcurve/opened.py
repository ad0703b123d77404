"""A backend opened under a study, whatever it takes: token ids (`session`), text (`spoken`) or messages (`asked`)."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import msgspec

from thinkcurve.backend import Backend, Generation, Request, Sampling, Usage
from thinkcurve.budget import Budget, Control, ThinkingFormat, effort_of, format_budget
from thinkcurve.problem import Judgement, Message, Problem
from thinkcurve.retry import RetryPolicy, with_retries
from thinkcurve.store import Attempt, Trace
from thinkcurve.study import Study, seed_of
from thinkcurve.tariff import UNKNOWN, Tariff


class Prompt(msgspec.Struct, frozen=True, gc=False):
    """A problem as a model is asked it: as token ids that end where the thinking begins, or as messages.

    ``told`` holds the prompts that name a budget, for the control that tells the model in words.
    """

    problem: Problem
    token_ids: tuple[int, ...]
    digest: str
    prefix_ids: tuple[int, ...] = ()
    """What every answer to it begins with, written by us after the thinking."""
    told: Mapping[Budget, Prompt] = {}
    messages: tuple[Message, ...] = ()

    def at(self, budget: Budget) -> Prompt:
        """The prompt that a budget is asked with: this one, unless the model is told."""
        return self.told.get(budget, self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """What the requests to one model share under a study.

    ``leaves_sampling`` says that the provider draws tokens by its own defaults.
    """

    spec: str
    backend: Backend
    study: Study
    sampling: Sampling
    leaves_sampling: bool = False
    tariff: Tariff = UNKNOWN
    retry: RetryPolicy = field(default_factory=RetryPolicy)

    @property
    def format(self) -> ThinkingFormat | None:
        """How the model shows that it thinks, where that is known."""
        return self.backend.model.thinking

    def prompt(self, problem: Problem, messages: Sequence[Message]) -> Prompt:
        """The messages that ask a problem, as this model takes them."""
        raise NotImplementedError

    def seed(self, prompt: Prompt, sample: int, position: str, separate: Budget) -> int:
        """The seed of one generation; a separate trace and its answer have seeds of their own."""
        suffix = f"@{format_budget(separate, self.study.control)}" if self.study.is_separate else ""
        return seed_of(self.study.seed, prompt.problem.id, sample, position + suffix)

    async def generate(self, request: Request) -> Generation:
        """One generation, infrastructure errors retried."""
        return await with_retries(lambda: self.backend.generate(request), self.retry)

    def cost(self, usage: Usage, n_prompt: int | None, n_generated: int | None) -> float | None:
        """What one generation was charged: as its provider says, else by the tariff and what was counted."""
        if usage.usd is not None:
            return usage.usd if math.isfinite(usage.usd) and usage.usd >= 0 else None
        return self.tariff.usd(
            prompt=n_prompt,
            generated=n_generated,
            thinking=usage.thinking_tokens,
            cached=usage.cached_tokens,
            cache_write=usage.cache_write_tokens,
        )


def telling(study: Study, messages: Sequence[Message], make: Callable[[Sequence[Message]], Prompt]) -> Prompt:
    """The prompt that ``make`` makes of messages, under control ``prompt`` with those that name a budget."""
    plain = make(messages)
    if study.control is not Control.PROMPT:
        return plain
    ladder = (budget for budget in study.budgets if budget is not None)
    words = {budget: study.budget_prompt.replace("{{budget}}", str(budget)) for budget in ladder}
    told: dict[Budget, Prompt] = {budget: make(with_words(messages, said)) for budget, said in words.items()}
    return msgspec.structs.replace(plain, told=told)


def with_words(messages: Sequence[Message], words: str) -> Sequence[Message]:
    """The messages with words added to the last of the user."""
    if not words:
        return messages
    last = max((i for i, message in enumerate(messages) if message.role == "user"), default=len(messages) - 1)
    asked = msgspec.structs.replace(messages[last], content=f"{messages[last].content}\n\n{words}")
    return [*messages[:last], asked, *messages[last + 1 :]]


def graded(opened: Opened, trace: Trace, budget: Budget, judgement: Judgement, problem: Problem) -> Attempt:
    """The record of one graded answer with all that does not depend on how it was generated; the rest is unknown."""
    return Attempt(
        model=opened.spec,
        task=problem.task,
        problem=problem.id,
        index=problem.index,
        level=problem.level,
        group=problem.group,
        sample=trace.sample,
        budget=budget,
        control=opened.study.control.value,
        verdict=judgement.verdict,
        reason=judgement.reason,
        rung=judgement.rung,
        extracted=judgement.extracted,
        is_forced=False,
        ending=trace.ending,
        is_truncated_answer=False,
        is_shared_answer=False,
        answer="",
        answer_ids=None,
        prompt_tokens=trace.prompt_tokens,
        thinking_tokens=None,
        answer_tokens=None,
        generated_tokens=None,
        total_tokens=None,
        cached_tokens=None,
        generated_spent=None,
        flops=None,
        flops_spent=None,
        wall_s=None,
        joules=None,
        usd=None,
        verify_cpu_s=judgement.cpu_s,
        seed=trace.seed,
        effort=effort_of(budget, opened.study.control),
        thinking_source=trace.thinking_source,
    )


def add(one: float | None, other: float | None) -> float | None:
    """A sum of costs, unknown where either is."""
    return None if one is None or other is None else one + other


def storable(text: str) -> str:
    """Text that can be written as UTF-8: a lone surrogate becomes a question mark."""
    return text.encode("utf-8", "replace").decode("utf-8")
