"""Controls that a provider enforces: one request a budget, messages in, thinking and answer out.

There are no token ids here. What was thought is what the provider's usage says, x is measured and never what was asked
for, and what nobody counted stays unknown.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from thinkcurve.backend import Backend, Batching, Chat, Generation, NativeBudgets, Request, Sampling, Stop
from thinkcurve.budget import EFFORTS, Budget, Control, Ending, effort_of
from thinkcurve.compute import flops
from thinkcurve.errors import UsageError
from thinkcurve.opened import Opened, Prompt, graded, storable, telling
from thinkcurve.pipeline import at_stop
from thinkcurve.prices import tariff_of
from thinkcurve.problem import Judgement, Message, Problem
from thinkcurve.store import Attempt, Trace
from thinkcurve.study import SAMPLING, Study


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatSession(Opened):
    """A backend that is given messages and a budget, an effort or words, and keeps to them as it can."""

    def prompt(self, problem: Problem, messages: Sequence[Message]) -> Prompt:
        """The messages that ask a problem; what an answer should begin with cannot be written for the model."""
        if problem.answer_prefix:
            raise UsageError(
                f"problem {problem.id} begins its answers with a text of ours, which control "
                f"{self.study.control.value!r} has no place for; use control truncate"
            )
        return telling(self.study, messages, lambda said: chat_prompt(problem, said))

    def request(self, prompt: Prompt, sample: int, budget: Budget) -> Request:
        """What is sent for one attempt."""
        control = self.study.control
        chat = Chat(
            messages=prompt.at(budget).messages,
            budget_tokens=budget if control is Control.NATIVE else None,
            effort=effort_of(budget, control),
        )
        return Request(
            prompt=chat,
            max_tokens=self.study.max_output_tokens or 0,
            sampling=self.sampling,
            leaves_sampling=self.leaves_sampling,
            seed=self.seed(prompt, sample, "trace", budget),
        )


def open_chat(spec: str, backend: Backend, study: Study) -> ChatSession:
    """A session of messages, or a `UsageError` where this model cannot do what the study asks."""
    model = backend.model
    if not study.chat_template:
        raise UsageError(f"model {spec!r} is given messages, and makes its own prompt of them; drop --no-chat-template")
    if study.answer_tokens != Study().answer_tokens:
        raise UsageError(
            f"answer_tokens is {study.answer_tokens}, but model {spec!r} keeps no reserve for its answer: "
            "max_output_tokens bounds thinking and answer together"
        )
    if study.batch and not isinstance(backend, Batching):
        raise UsageError(f"model {spec!r} has no batch interface; drop --batch")
    if study.control is Control.NATIVE:
        _check_native(spec, study, model.native or NativeBudgets())
    if study.control is Control.EFFORT and model.efforts:
        for budget in study.budgets:
            level = effort_of(budget, study.control)
            if level not in model.efforts:
                known = ", ".join(level for level in EFFORTS if level in model.efforts)
                raise UsageError(f"model {spec!r} takes no effort {level!r}; it takes {known}")
    if study.max_output_tokens and model.max_output_tokens and study.max_output_tokens > model.max_output_tokens:
        raise UsageError(
            f"max_output_tokens is {study.max_output_tokens}; model {spec!r} gives at most {model.max_output_tokens}"
        )
    sampling, leaves = chat_sampling(spec, study)
    return ChatSession(
        spec=spec,
        backend=backend,
        study=study,
        sampling=sampling,
        leaves_sampling=leaves,
        tariff=tariff_of(
            spec, model, study, batch_factor=backend.batch_factor if isinstance(backend, Batching) else 1.0
        ),
    )


def _check_native(spec: str, study: Study, native: NativeBudgets) -> None:
    for budget in study.budgets:
        if budget is None:
            if not native.has_natural:
                raise UsageError(f"model {spec!r} wants a budget of thinking; none is not one that it takes")
        elif budget == 0:
            if not native.has_zero:
                raise UsageError(f"model {spec!r} cannot leave its thinking out; its least budget is {native.least}")
        elif budget < native.least or (native.most is not None and budget > native.most):
            most = "" if native.most is None else f" and at most {native.most}"
            raise UsageError(
                f"budget {budget} is none that model {spec!r} takes: at least {native.least}{most}"
                + (", or 0" if native.has_zero else "")
            )


def chat_sampling(spec: str, study: Study) -> tuple[Sampling, bool]:
    """How tokens are drawn, and whether that is left to the provider: it is unless the study says something."""
    said = {key: value for key in SAMPLING if (value := getattr(study, key)) is not None}
    if not said:
        return Sampling(), True
    if "temperature" not in said:
        raise UsageError(
            f"{' and '.join(said)} alone would leave model {spec!r} at a temperature that nobody knows; give one too"
        )
    return Sampling(**said), False


def chat_prompt(problem: Problem, messages: Sequence[Message]) -> Prompt:
    """A problem as messages, with a digest over all of them."""
    digest = hashlib.blake2b(msgspec.json.encode(tuple(messages)), digest_size=8).hexdigest()
    return Prompt(problem, (), digest, messages=tuple(messages))


async def ask(session: ChatSession, prompt: Prompt, sample: int, budget: Budget) -> Generation:
    """Thinking and answer under one budget, in one generation."""
    return at_stop(prompt.problem, await session.generate(session.request(prompt, sample, budget)))


def trace_of(session: ChatSession, prompt: Prompt, sample: int, budget: Budget, generation: Generation) -> Trace:
    """The thinking of a generation as a trace of its own, which carries all that was paid for both."""
    usage = generation.usage
    generated = generated_tokens(generation)
    spent = generated if usage.answer_tokens is None or generated is None else generated - usage.answer_tokens
    return Trace(
        model=session.spec,
        task=prompt.problem.task,
        problem=prompt.problem.id,
        sample=sample,
        budget=budget,
        seed=session.seed(prompt, sample, "trace", budget),
        prompt_tokens=usage.prompt_tokens,
        prompt_digest=prompt.at(budget).digest,
        thinking_tokens=usage.thinking_tokens,
        token_ids=(),
        text=storable(generation.thinking or ""),
        ending=ending_of(generation),
        cached_tokens=usage.cached_tokens,
        generated_spent=spent,
        flops_spent=None,
        wall_s=generation.wall_s,
        effort=effort_of(budget, session.study.control),
        thinking_source=usage.source,
        visibility=generation.visibility,
        served_by=generation.served_by,
        usd_spent=session.cost(usage, usage.prompt_tokens, generated),
    )


def attempt_of(
    session: ChatSession, prompt: Prompt, trace: Trace, generation: Generation, judgement: Judgement
) -> Attempt:
    """The record of one graded answer. Under control ``native`` thinking that reached its budget counts as forced: no
    provider says whether it would have gone on."""
    usage, budget = generation.usage, trace.budget
    generated = generated_tokens(generation)
    total = None if generated is None or usage.prompt_tokens is None else usage.prompt_tokens + generated
    is_native = session.study.control is Control.NATIVE and budget is not None
    reached = is_native and usage.thinking_tokens is not None and usage.thinking_tokens >= (budget or 0)
    return msgspec.structs.replace(
        graded(session, trace, budget, judgement, prompt.problem),
        is_forced=reached or not trace.ending.is_natural,
        is_truncated_answer=generation.stop in (Stop.LENGTH, Stop.CONTEXT),
        answer=storable(generation.text),
        thinking_tokens=usage.thinking_tokens,
        answer_tokens=usage.answer_tokens,
        generated_tokens=generated,
        total_tokens=total,
        cached_tokens=usage.cached_tokens,
        generated_spent=usage.answer_tokens if usage.answer_tokens is not None else 0,
        flops=None if total is None else flops(session.backend.model, total),
        wall_s=generation.wall_s,
        usd=session.tariff.usd(prompt=usage.prompt_tokens, generated=generated, thinking=usage.thinking_tokens),
        usd_spent=None if trace.usd_spent is None else 0.0,
    )


def generated_tokens(generation: Generation) -> int | None:
    """Tokens of thinking and answer together, where they were counted."""
    usage = generation.usage
    if usage.generated_tokens is not None:
        return usage.generated_tokens
    if usage.thinking_tokens is None or usage.answer_tokens is None:
        return None
    return usage.thinking_tokens + usage.answer_tokens


def ending_of(generation: Generation) -> Ending:
    """How the thinking ended: a generation that stopped for its length before any answer stopped inside it."""
    if generation.stop in (Stop.LENGTH, Stop.CONTEXT) and not generation.text.strip():
        return Ending.BUDGET if generation.stop is Stop.LENGTH else Ending.CONTEXT
    return Ending.CLOSED
