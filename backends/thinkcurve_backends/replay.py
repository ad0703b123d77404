"""The traces and answers of a run played back as if a model were asked: no engine, no weights, the same attempts.

``replay:RUN`` takes the run's only model, ``replay:RUN#SPEC`` one of several. Problems are known by their prompts, so
the run's tasks must be installed. Ids of traces and answers are those that the model gave; prompts and markers
get ids of their own above them. What the run does not hold is a `BackendError`, never an invention.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec

from thinkcurve.backend import Continuation, Generation, ModelInfo, Request, Stop, Usage
from thinkcurve.budget import Control, Ending, ThinkingFormat
from thinkcurve.errors import BackendError, UsageError
from thinkcurve.problem import Message
from thinkcurve.selection import chosen_again
from thinkcurve.store import Attempt, Manifest, Trace, read_manifest
from thinkcurve.study import seed_of
from thinkcurve.tables import read_records
from thinkcurve_backends.replay_chat import ReplayChat

OURS = 1 << 24
"""Ids from here on are this file's own: prompt bytes, then `CLOSE`, `CUE`. No vocabulary is that large."""
CLOSE, CUE, END_OF_PROMPT, WAIT = OURS + 256, OURS + 257, OURS + 258, OURS + 512
_STOPS = {
    Ending.CLOSED: Stop.STOP,
    Ending.EOS: Stop.EOS,
    Ending.CONTEXT: Stop.CONTEXT,
    Ending.BUDGET: Stop.LENGTH,
}


def open_backend(
    what: str, *, data_dir: Path | None = None, **options: str | int | float | bool
) -> Replay | ReplayChat:
    """The recorded model of a run: its directory, or the journal in it, with ``#SPEC`` where it has several.

    ``data_dir`` holds local copies of the data of its tasks. Raises `UsageError` for a run whose control cannot be
    played back.
    """
    if options:
        raise UsageError(f"replay takes no options; {next(iter(options))!r} is one of a model")
    place, _, spec = what.partition("#")
    if not place:
        raise UsageError("replay needs a run: replay:RUN")
    run = Path(place).expanduser()
    run = run.parent if run.is_file() else run
    manifest = read_manifest(run)
    control = manifest.study.control
    spec = _choose(manifest, spec, run)
    records = read_records(run)
    traces = [trace for trace in records.traces.values() if trace.model == spec]
    attempts = [attempt for attempt in records.attempts.values() if attempt.model == spec]
    if not traces:
        raise UsageError(f"run {str(run)!r} holds no trace of model {spec!r} to replay")
    info = next(record.info for record in manifest.models if record.spec == spec)
    is_text = any(trace.thinking_tokens and not trace.token_ids for trace in traces)
    if control in (Control.NATIVE, Control.EFFORT) or (control is Control.PROMPT and is_text):
        return ReplayChat(msgspec.convert(info, ModelInfo), control, traces, attempts)
    if control not in (Control.TRUNCATE, Control.EXTEND) or is_text:
        how = f"control {control.value!r}" + (" in text" if is_text else "")
        raise UsageError(
            f"run {str(run)!r} was made with {how}; replay plays back truncate and extend by token ids, and the "
            "controls of a provider: native, effort, prompt"
        )
    wait = (manifest.study.wait, _wait_ids(traces)) if control is Control.EXTEND else None
    return Replay(
        msgspec.convert(info, ModelInfo),
        _prompts(manifest, data_dir),
        traces,
        attempts,
        wait=wait,
        seed=manifest.study.seed,
    )


def _wait_ids(traces: Sequence[Trace]) -> tuple[int, ...]:
    """The ids of the text that made the model think on; ids of our own, as many, where no trace holds it."""
    for trace in traces:
        if trace.waits:
            return trace.token_ids[trace.waits[0] : trace.waits[0] + trace.wait_tokens]
    return tuple(range(WAIT, WAIT + traces[0].wait_tokens))


Wait = tuple[str, tuple[int, ...]]
"""The text that a study writes to make its model think on, and its ids."""


AMPLE = 1 << 20
"""Tokens of context that hold whatever was recorded, with any reserve for an answer."""


class ReplayTokenizer:
    """Prompts as bytes above `OURS`, markers as one id; ids of the model are known by the texts of the run."""

    def __init__(self, thinking: ThinkingFormat, texts: dict[tuple[int, ...], str], wait: Wait | None = None) -> None:
        self._markers: dict[str, tuple[int, ...]] = {
            thinking.open: (),
            thinking.ends_with: (CLOSE,),
            thinking.close: (CLOSE,),
            thinking.cue: (CUE,),
        }
        if wait is not None:
            self._markers[wait[0]] = wait[1]
        self._texts = texts

    def render(self, messages: Sequence[Message], *, chat: bool = True) -> tuple[int, ...]:
        """The contents of the messages; what the run did with them is in its traces."""
        return (*_prompt_ids(messages), END_OF_PROMPT)

    def encode(self, text: str) -> tuple[int, ...]:
        """Markers and cue as recorded parts of a prefix; other text as bytes."""
        return self._markers.get(text, tuple(OURS + byte for byte in text.encode()))

    def decode(self, token_ids: Sequence[int]) -> str:
        """The text of a recorded trace or answer; of a part of one, as much of its text in proportion."""
        ids = tuple(token_ids)
        if ids in self._texts:
            return self._texts[ids]
        for known, text in self._texts.items():
            if known[: len(ids)] == ids:
                return text[: round(len(text) * len(ids) / len(known))]
        return bytes(token - OURS for token in ids if 0 <= token - OURS < 256).decode("utf-8", "replace")


class Replay:
    """A run played back (a `thinkcurve.backend.Backend`)."""

    concurrency = 32

    def __init__(
        self,
        model: ModelInfo,
        prompts: dict[tuple[int, ...], list[str]],
        traces: Iterable[Trace],
        attempts: Iterable[Attempt],
        *,
        wait: Wait | None = None,
        seed: int = 0,
    ) -> None:
        self.controls = frozenset({Control.TRUNCATE if wait is None else Control.EXTEND})
        self._seed = seed
        thinking = model.thinking or ThinkingFormat("think", "<think>", "</think>")
        opened = msgspec.structs.replace(thinking, template_opens=True, ask="")
        context = model.context_tokens  # prompts are counted in bytes here, and nothing is generated: all fits
        room = None if context is None else max(context, AMPLE) + max(map(len, prompts), default=0)
        self.model = msgspec.structs.replace(model, thinking=opened, context_tokens=room, is_local=True)
        self._prompts = prompts
        self._traces: dict[str, list[Trace]] = {}
        self._attempts: dict[tuple[str, int, int], list[Attempt]] = {}
        texts: dict[tuple[int, ...], str] = {}
        for trace in traces:
            self._traces.setdefault(trace.problem, []).append(trace)
            texts[trace.token_ids] = trace.text
        for attempt in attempts:
            key = (attempt.problem, attempt.sample, attempt.thinking_tokens or 0)
            self._attempts.setdefault(key, []).append(attempt)
        self.tokenizer = ReplayTokenizer(thinking, texts, wait)

    async def generate(self, request: Request) -> Generation:
        """What the run recorded for this prefix. Raises `BackendError` where it recorded nothing for it."""
        ids = request.prompt.token_ids if isinstance(request.prompt, Continuation) else None
        if ids is None or END_OF_PROMPT not in ids:
            raise BackendError("replay continues the prefixes of its own tokenizer and nothing else")
        end = ids.index(END_OF_PROMPT)
        problems = self._prompts.get(ids[:end])
        if problems is None:
            raise BackendError("this prompt is not one of the replayed run")
        begun = ids[end + 1 :]
        if CLOSE not in begun:
            return self._think(problems, begun, request)
        thinking = tuple(token for token in begun[: begun.index(CLOSE)] if token < OURS)  # less what wraps it up
        return self._answer(problems, thinking, request)

    async def aclose(self) -> None:
        """Nothing is held."""

    def _think(self, problems: list[str], begun: tuple[int, ...], request: Request) -> Generation:
        trace = self._pick(problems, begun, request.seed)
        left, ending = _next_piece(trace, len(begun))
        is_cut = len(left) >= request.max_tokens
        if not is_cut and ending is Ending.BUDGET and len(left) + 1 < request.max_tokens:
            raise BackendError(
                f"the replayed trace of {trace.problem} was cut at {trace.thinking_tokens} tokens: no more is known"
            )
        given = left[: request.max_tokens]
        return Generation(
            text=self.tokenizer.decode(given) if begun or is_cut or trace.waits else trace.text,
            stop=Stop.LENGTH if is_cut else _STOPS[ending],
            token_ids=given,
            usage=Usage(prompt_tokens=(trace.prompt_tokens or 0) + len(begun), source="client"),
        )

    def _answer(self, problems: list[str], thinking: tuple[int, ...], request: Request) -> Generation:
        trace = self._pick(problems, thinking, request.seed)
        problem = trace.problem
        found = self._attempts.get((problem, trace.sample, len(thinking)))
        if not found:
            raise BackendError(f"the replayed run has no answer of {problem} after {len(thinking)} thinking tokens")
        attempt = found[0]
        ids = attempt.answer_ids
        is_cut = attempt.is_truncated_answer
        if ids is not None and len(ids) > request.max_tokens:
            raise BackendError(f"the replayed answer of {problem} is longer than {request.max_tokens} tokens")
        return Generation(
            text=attempt.answer,
            stop=Stop.LENGTH if is_cut else Stop.EOS,
            token_ids=ids,
            usage=Usage(prompt_tokens=attempt.prompt_tokens, answer_tokens=attempt.answer_tokens, source="client"),
        )

    def _pick(self, problems: list[str], begun: tuple[int, ...], seed: int) -> Trace:
        """The recorded trace that goes on from ``begun``: by seed where several do, unless all say the same.

        Several problems may ask the same question; each has seeds of its own.
        """
        traces = [t for name in problems for t in self._traces.get(name, []) if t.token_ids[: len(begun)] == begun]
        position = f"trace+{len(begun)}"  # of a trace that is gone on with
        seeded = [
            t
            for t in traces
            if seed in (t.seed, seed_of(self._seed, t.problem, t.sample, position))
            or self._has_answer(t, len(begun), seed)
        ]
        if len(traces) > 1 and (seeded or len({t.token_ids for t in traces}) > 1):
            traces = seeded
        if not traces:
            raise BackendError(f"the replayed run has no such trace of {' or '.join(problems)}")
        return traces[0]

    def _has_answer(self, trace: Trace, n_thinking: int, seed: int) -> bool:
        found = self._attempts.get((trace.problem, trace.sample, n_thinking), [])
        return any(attempt.seed == seed for attempt in found)


def _next_piece(trace: Trace, n: int) -> tuple[tuple[int, ...], Ending]:
    """What the model thought after ``n`` tokens until it ended, or was told to wait, and how it ended."""
    for end, ending in zip(trace.waits, trace.wait_endings, strict=True):
        if end >= n:
            return trace.token_ids[n:end], ending
    return trace.token_ids[n:], trace.ending


def _choose(manifest: Manifest, spec: str, run: Path) -> str:
    known = [record.spec for record in manifest.models]
    if spec in known or (not spec and len(known) == 1):
        return spec or known[0]
    raise UsageError(f"run {str(run)!r} holds the models {', '.join(known)}; say which with replay:{run}#MODEL")


def _prompts(manifest: Manifest, data_dir: Path | None) -> dict[tuple[int, ...], list[str]]:
    """The ids of the problems that each prompt asks, for every problem of the run's tasks."""
    found: dict[tuple[int, ...], list[str]] = {}
    for choice in chosen_again(manifest, data_dir=data_dir):
        for problem, messages in zip(choice.problems, choice.messages, strict=True):
            found.setdefault(_prompt_ids(messages), []).append(problem.id)
    return found


def _prompt_ids(messages: Sequence[Message]) -> tuple[int, ...]:
    text = "\n".join(f"{message.role}: {message.content}" for message in messages)
    return tuple(OURS + byte for byte in text.encode())
