"""Which way a study takes with a model: by token ids, by text, or by messages to a provider that keeps the budget."""

from __future__ import annotations

from collections.abc import Sequence

from thinkcurve.asked import ChatSession, chat_sampling, open_chat
from thinkcurve.backend import Backend
from thinkcurve.budget import Budget, Control
from thinkcurve.errors import UsageError
from thinkcurve.opened import Opened, Prompt
from thinkcurve.prices import tariff_of
from thinkcurve.session import Session, check_fits, check_wait, open_session
from thinkcurve.spoken import TextSession, bound_of
from thinkcurve.study import Study

BY_PROVIDER = (Control.NATIVE, Control.EFFORT)


def open_model(spec: str, backend: Backend, study: Study) -> Opened:
    """A backend opened under a study, or a `UsageError` where it cannot do what the study asks."""
    control = study.control
    if control not in backend.controls:
        able = ", ".join(sorted(c.value for c in backend.controls)) or "none"
        raise UsageError(f"model {spec!r} cannot do control {control.value!r}; it can do: {able}")
    if control in BY_PROVIDER or (control is Control.PROMPT and backend.tokenizer is None):
        return open_chat(spec, backend, study)
    if study.batch:
        raise UsageError(f"a batch asks for whole replies, which control {control.value!r} does not; drop --batch")
    if backend.tokenizer is None and control.shares_trace:
        return open_text(spec, backend, study)
    return open_session(spec, backend, study)


def open_text(spec: str, backend: Backend, study: Study) -> TextSession:
    """A session of text, or a `UsageError` where this model cannot do what the study asks."""
    thinking = backend.model.thinking
    if thinking is None:
        raise UsageError(
            f"model {spec!r} has no known thinking markers, so there is no thinking to cut; give option thinking, such "
            "as --model-option thinking=think, or use control native, effort or prompt where it has them"
        )
    if not study.chat_template:
        raise UsageError(
            f"model {spec!r} is asked in messages, which its server puts into the chat template; "
            "chat_template=false needs a backend that takes token ids"
        )
    check_wait(spec, study, thinking)
    _check_natural(spec, backend, study)
    sampling, leaves = chat_sampling(spec, study)
    return TextSession(
        spec=spec,
        backend=backend,
        study=study,
        sampling=sampling,
        leaves_sampling=leaves,
        tariff=tariff_of(spec, backend.model, study),
        thinking=thinking,
    )


def _check_natural(spec: str, backend: Backend, study: Study) -> None:
    """Refuse a natural end that nothing bounds, or whose bound leaves it below another budget."""
    if None not in study.budgets:
        return
    bound = bound_of(backend, study)
    if not bound:
        raise UsageError(
            f"budget none of model {spec!r} needs a bound, since nothing says how long its context is: "
            "--set max_output_tokens=N"
        )
    top = max((budget for budget in study.budgets if budget is not None), default=0)
    if top >= bound:
        raise UsageError(
            f"budget {top} is not below budget none of model {spec!r}, which max_output_tokens bounds at {bound}; "
            f"leave one of them out, or give more than {top}: --set max_output_tokens=N"
        )


def check_ladder_fits(opened: Opened, prompts: Sequence[Prompt], ladder: Sequence[Budget]) -> None:
    """Refuse a ladder that cannot fit, where that can be told before anything is asked."""
    if isinstance(opened, Session):
        check_fits(opened, prompts, ladder)
    elif isinstance(opened, TextSession):
        _check_text_fits(opened, ladder)


def _check_text_fits(session: TextSession, ladder: Sequence[Budget]) -> None:
    """Refuse a budget that fits beside no prompt, however short; what a longer one leaves is seen later."""
    context = session.backend.model.context_tokens
    reserve = session.study.answer_tokens
    top = max((budget for budget in ladder if budget is not None), default=0)
    if context is not None and top + reserve >= context:
        raise UsageError(
            f"budget {top} does not fit model {session.spec!r}: its context of {context} tokens less the answer's "
            f"reserve ({reserve}) leaves {max(context - reserve, 0)} for prompt and thinking"
        )


__all__ = ["ChatSession", "Session", "TextSession", "check_ladder_fits", "open_model"]
