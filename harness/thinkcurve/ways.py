"""Which way a study takes with a model: by token ids, by text, or by messages to a provider that keeps the budget."""

from __future__ import annotations

from collections.abc import Sequence

from thinkcurve.asked import ChatSession, open_chat
from thinkcurve.backend import Backend
from thinkcurve.budget import Budget, Control
from thinkcurve.errors import UsageError
from thinkcurve.opened import Opened, Prompt
from thinkcurve.session import Session, check_fits, open_session
from thinkcurve.spoken import TextSession, open_text
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


def check_ladder_fits(opened: Opened, prompts: Sequence[Prompt], ladder: Sequence[Budget]) -> None:
    """Refuse a ladder that cannot fit, where that can be told before anything is asked."""
    if isinstance(opened, Session):
        check_fits(opened, prompts, ladder)


__all__ = ["ChatSession", "Session", "TextSession", "check_ladder_fits", "open_model"]
