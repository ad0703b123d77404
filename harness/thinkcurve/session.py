"""One model under one study: how its thinking is opened and closed as token ids, how it is sampled, what fits.

`open_session` refuses in one line what this model cannot do; `pipeline` then thinks and answers with it.
"""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Sequence
from dataclasses import dataclass

from thinkcurve.backend import Backend, ModelInfo, Sampling, Tokenizer
from thinkcurve.budget import Budget, Control, Cut, ThinkingFormat, covers
from thinkcurve.errors import UsageError
from thinkcurve.opened import Opened, Prompt, telling, with_words
from thinkcurve.prices import tariff_of
from thinkcurve.problem import Message, Problem
from thinkcurve.store import Trace
from thinkcurve.study import Study

TAIL = 8
"""Ids that are decoded to see whether a text ends in a newline: more than one character needs."""


@dataclass(frozen=True, slots=True)
class Markers:
    """A thinking format as token ids.

    ``open_ids`` is what a rendered prompt still lacks: nothing where the chat template opens the thinking. ``end_ids``
    is what the model writes first when it stops by itself. ``wrap_up_ids`` go before a forced close, and without
    their first newline (``wrap_up_bare_ids``) where the thinking ends in one already.
    """

    open_ids: tuple[int, ...]
    close_ids: tuple[int, ...]
    cue_ids: tuple[int, ...] = ()
    end_ids: tuple[int, ...] = ()
    wrap_up_ids: tuple[int, ...] = ()
    wrap_up_bare_ids: tuple[int, ...] = ()
    empty_ids: tuple[int, ...] = ()
    wait_ids: tuple[int, ...] = ()

    @property
    def stop_ids(self) -> tuple[int, ...]:
        """What ends a trace by id: a one-token marker; a longer one can only be seen in the text."""
        return self.end_ids if len(self.end_ids) == 1 else ()

    @property
    def longest(self) -> int:
        """The most tokens that closing can take."""
        return max(len(self.wrap_up_ids), len(self.empty_ids)) + len(self.close_ids) + len(self.cue_ids)


@dataclass(frozen=True, slots=True, kw_only=True)
class Session(Opened):
    """A backend that continues token ids, with everything that its requests share under a study."""

    tokenizer: Tokenizer
    thinking: ThinkingFormat
    markers: Markers

    def prompt(self, problem: Problem, messages: Sequence[Message]) -> Prompt:
        """The messages that ask a problem, rendered by the model's chat template or as plain text, thinking opened."""
        asked = with_words(messages, self.thinking.ask)
        return telling(self.study, asked, lambda said: self._prompt(problem, said))

    def _prompt(self, problem: Problem, messages: Sequence[Message]) -> Prompt:
        ids = self.tokenizer.render(messages, chat=self.study.chat_template) + self.markers.open_ids
        digest = hashlib.blake2b(array("q", ids).tobytes(), digest_size=8).hexdigest()
        prefix = problem.answer_prefix
        return Prompt(problem, ids, digest, self.tokenizer.encode(prefix) if prefix else ())

    def room(self, prompt: Prompt) -> int | None:
        """The most thinking tokens that fit beside prompt, markers and the answer's reserve; ``None`` is unknown."""
        context = self.backend.model.context_tokens
        if context is None:
            return None
        longest = max(len(asked.token_ids) for asked in (prompt, *prompt.told.values()))
        taken = longest + self.markers.longest + len(prompt.prefix_ids)
        return context - taken - self.study.answer_tokens

    def closing(self, made: Cut) -> tuple[int, ...]:
        """What is written after a cut: the closing marker, and around it what the format wants where it was forced."""
        marks = self.markers
        if not made.is_forced:
            return marks.close_ids  # where the model wrote its own, this stands in for that
        before = marks.wrap_up_ids if made.thinking_ids else marks.empty_ids
        if made.thinking_ids and self.thinking.wrap_up.startswith("\n"):
            ends_line = self.tokenizer.decode(made.thinking_ids[-TAIL:]).endswith("\n")
            before = marks.wrap_up_bare_ids if ends_line else marks.wrap_up_ids
        return before + marks.close_ids + marks.cue_ids

    def limit(self, prompt: Prompt, top: Budget) -> int:
        """The most thinking tokens under budget ``top``."""
        limit = self.room(prompt) if top is None else top
        assert limit is not None  # check_fits refuses a natural end in an unknown context
        return limit

    def covers(self, prompt: Prompt, trace: Trace, top: Budget) -> bool:
        """Whether a trace serves budget ``top`` without more thinking."""
        if not covers(len(trace.token_ids), trace.ending, top):
            return False
        return not self.may_wait(prompt, trace, top)

    def may_wait(self, prompt: Prompt, trace: Trace, top: Budget) -> bool:
        """Whether a trace that the model ended is to be gone on with: control ``extend``, with room to think more."""
        if self.study.control is not Control.EXTEND or not trace.ending.is_natural:
            return False
        has_room = len(trace.token_ids) + len(self.markers.wait_ids) < self.limit(prompt, top)
        return has_room and len(trace.waits) < self.study.waits


def open_session(spec: str, backend: Backend, study: Study) -> Session:
    """A session, or a `UsageError` where this model cannot do what the study asks."""
    if study.control not in backend.controls:
        able = ", ".join(sorted(c.value for c in backend.controls)) or "none"
        raise UsageError(f"model {spec!r} cannot do control {study.control.value!r}; it can do: {able}")
    if backend.tokenizer is None:
        raise UsageError(
            f"model {spec!r} gives no token ids, so its thinking cannot be cut exactly; use another control"
        )
    thinking = backend.model.thinking
    if thinking is None:
        raise UsageError(
            f"model {spec!r} has no thinking markers such as <think> and </think>, so there is no thinking to cut. "
            "Ask it to think in them: --model-option thinking=ask; or, if it was trained with others: "
            "--model-option think_open=TEXT --model-option think_close=TEXT"
        )
    sampling = sampling_of(study, backend.model)
    idle = [name for name in ("top_p", "top_k", "min_p") if getattr(study, name) is not None]
    if idle and sampling.temperature == 0 and study.temperature is None:
        raise UsageError(
            f"{' and '.join(idle)} would change nothing: model {spec!r} is sampled greedily, as its makers name no "
            "temperature; give one, such as 0.8"
        )
    if study.samples > 1 and sampling.temperature == 0:
        raise UsageError(
            f"{study.samples} samples at temperature 0, as model {spec!r} is sampled, would be the same sample again; "
            "set a temperature, such as 0.8, or samples to 1"
        )
    check_wait(spec, study, thinking)
    markers = _markers(thinking, backend.tokenizer, study)
    return Session(
        spec=spec,
        backend=backend,
        tokenizer=backend.tokenizer,
        thinking=thinking,
        markers=markers,
        study=study,
        sampling=sampling,
        tariff=tariff_of(spec, backend.model, study),
    )


def check_wait(spec: str, study: Study, thinking: ThinkingFormat) -> None:
    """Refuse a ``wait`` of control ``extend`` that would itself open or end the thinking."""
    markers = [marker.strip() for marker in (thinking.open, thinking.ends_with, thinking.close)]
    if study.control is Control.EXTEND and any(marker and marker in study.wait for marker in markers):
        raise UsageError(f"wait {study.wait!r} holds a thinking marker of model {spec!r}; it is to make it think on")


def sampling_of(study: Study, model: ModelInfo) -> Sampling:
    """How tokens are drawn: as the study says, else as the model's makers say, else greedily.

    Each setting by itself, as vLLM does; temperature 0, wherever it comes from, is greedy and nothing else.
    """
    makers = model.sampling or Sampling()
    chosen = {
        name: getattr(makers, name) if value is None else value
        for name in Sampling.__struct_fields__
        for value in (getattr(study, name),)
    }
    return Sampling(**chosen) if chosen["temperature"] > 0 else Sampling()


def _markers(thinking: ThinkingFormat, tokenizer: Tokenizer, study: Study) -> Markers:
    def ids(text: str) -> tuple[int, ...]:
        return tokenizer.encode(text) if text else ()

    is_open = thinking.template_opens and study.chat_template
    return Markers(
        open_ids=() if is_open else ids(thinking.open),
        close_ids=ids(thinking.close),
        cue_ids=ids(thinking.cue),
        end_ids=ids(thinking.ends_with),
        wrap_up_ids=ids(thinking.wrap_up),
        wrap_up_bare_ids=ids(thinking.wrap_up.removeprefix("\n")),
        empty_ids=ids(thinking.empty),
        wait_ids=ids(study.wait) if study.control is Control.EXTEND else (),
    )


def check_fits(session: Session, prompts: Sequence[Prompt], ladder: Sequence[Budget]) -> None:
    """Refuse a ladder that cannot fit the context of the model beside its longest prompt."""
    if not prompts:
        return
    longest = max(prompts, key=lambda prompt: len(prompt.token_ids))
    room = session.room(longest)
    is_told = session.study.control is Control.PROMPT
    if room is None:
        if None in ladder or is_told:
            what = "control prompt" if is_told else "budget none"
            raise UsageError(f"model {session.spec!r}: {what} needs a known context length; give context_tokens")
        return
    top = 0 if is_told else max((b for b in ladder if b is not None), default=0)
    if top > room or room < 0:
        raise UsageError(
            f"budget {top} does not fit model {session.spec!r}: its context of {session.backend.model.context_tokens} "
            f"tokens less the prompt of {longest.problem.id} ({len(longest.token_ids)}) and the answer's reserve "
            f"({session.study.answer_tokens}) leaves {max(room, 0)} for thinking"
        )
