"""A backend whose answers are a Python function: for tests of studies, tasks and gates, with no model at all.

    def answer(asked: Asked) -> str:
        return "let me see" if asked.wants_thinking else "42"

    backend = ScriptedBackend(answer)

It is exact where it matters: one id a UTF-8 byte, thinking markers as ids of their own, prefixes continued token
for token. The function may be ``async`` (to script latency) and may raise `BackendError` (to script failures).
"""

from __future__ import annotations

import re
import time
from collections.abc import Awaitable, Callable, Sequence

import msgspec

from thinkcurve.backend import Continuation, Generation, ModelInfo, Request, Sampling, Stop, Usage, raw_text
from thinkcurve.budget import THINK_TAGS, Control, ThinkingFormat
from thinkcurve.errors import BackendError
from thinkcurve.problem import Message

USER, ASSISTANT, END = "<|user|>", "<|assistant|>", "<|end|>"
MARKERS = (THINK_TAGS.open, THINK_TAGS.close, USER, ASSISTANT, END)
"""Special tokens, with ids from 256 up in this order."""
OPEN_ID, CLOSE_ID, USER_ID, ASSISTANT_ID, END_ID = range(256, 256 + len(MARKERS))
_SPLIT = re.compile("(" + "|".join(map(re.escape, MARKERS)) + ")")
_IDS = dict(zip(MARKERS, range(256, 256 + len(MARKERS)), strict=True))


class Asked(msgspec.Struct, frozen=True):
    """What the function is asked: the prompt as text, and how far the thinking has come.

    ``thinking`` is the thinking so far, without markers; ``wants_thinking`` is true until it is closed.
    ``written`` is what stands already of the part asked for: of the thinking, or of the answer.
    """

    prompt: str
    thinking: str
    wants_thinking: bool
    written: str
    seed: int
    max_tokens: int
    temperature: float


AnswerFunction = Callable[[Asked], str | Awaitable[str]]
"""Returns the whole thinking, or the whole answer; what is ``written`` of it already is not written again."""


class ByteTokenizer:
    """One id a UTF-8 byte, one a marker."""

    def render(self, messages: Sequence[Message], *, chat: bool = True) -> tuple[int, ...]:
        """``<|user|>`` and the contents of the messages, then ``<|assistant|><think>``; or the bare contents."""
        if not chat:
            return tuple(raw_text(messages).encode())
        body = b"\n".join(message.content.encode() for message in messages)
        return (USER_ID, *body, ASSISTANT_ID, OPEN_ID)

    def encode(self, text: str) -> tuple[int, ...]:
        """``text`` as ids, markers as their own."""
        if "<" not in text:
            return tuple(text.encode())
        ids: list[int] = []
        for part in _SPLIT.split(text):
            ids.extend((_IDS[part],) if part in _IDS else part.encode())
        return tuple(ids)

    def decode(self, token_ids: Sequence[int]) -> str:
        """The text of ``token_ids``; bytes that are not UTF-8 become U+FFFD."""
        try:
            return bytes(token_ids).decode("utf-8", "replace")
        except ValueError:  # an id from 256 up: a marker
            return self._decode_with_markers(token_ids)

    def _decode_with_markers(self, token_ids: Sequence[int]) -> str:
        parts, plain = [], bytearray()
        for token in token_ids:
            if token < 256:
                plain.append(token)
            else:
                parts += [plain.decode("utf-8", "replace"), MARKERS[token - 256]]
                plain.clear()
        return "".join((*parts, plain.decode("utf-8", "replace")))


class ScriptedBackend:
    """Asks ``answer`` instead of a model (a `thinkcurve.backend.Backend`).

    The thinking that it returns is closed with ``</think>``, the answer ended with the end of the turn. A trace
    that should never end is long text. ``thinking`` may change what is written around a cut, not the markers.
    """

    controls = frozenset({Control.TRUNCATE, Control.EXTEND, Control.PROMPT, Control.SERVER})

    def __init__(
        self,
        answer: AnswerFunction,
        *,
        name: str = "scripted",
        concurrency: int = 32,
        context_tokens: int = 32768,
        thinking: ThinkingFormat = THINK_TAGS,
        sampling: Sampling | None = None,
    ) -> None:
        self.concurrency = concurrency
        self.tokenizer = ByteTokenizer()
        self.n_requests = 0
        self._answer = answer
        self._is_closed = False
        self._context = context_tokens
        thinking = msgspec.structs.replace(thinking, template_opens=True)
        self.model = ModelInfo(
            name=name,
            fingerprint="scripted",
            context_tokens=context_tokens,
            thinking=thinking,
            engine="scripted",
            is_local=True,
            sampling=sampling,
        )

    async def generate(self, request: Request) -> Generation:
        """What the function says, cut where the request stops."""
        started = time.perf_counter()
        self.n_requests += 1
        if self._is_closed:
            raise BackendError("this model is closed", is_fatal=True)
        if not isinstance(request.prompt, Continuation):
            raise BackendError("the scripted backend continues token ids; it takes no chat requests")
        prompt = request.prompt.token_ids
        if prompt is None:
            prompt = self.tokenizer.encode(request.prompt.text or "")
        room = self._context - len(prompt)
        if room <= 0:
            raise BackendError(f"a prompt of {len(prompt)} tokens leaves no room in the context of {self._context}")
        ids = await self._script(prompt, request) if request.max_tokens > 0 else ()
        kept, stop = _stopped(ids, request, min(room, request.max_tokens))
        text = self.tokenizer.decode(kept)
        places = [place for place in map(text.find, request.stop) if place >= 0]
        if places:
            text, stop = text[: min(places)], Stop.STOP
            kept = self.tokenizer.encode(text)
        is_full = stop is Stop.LENGTH and room < request.max_tokens
        return Generation(
            text=text,
            stop=Stop.CONTEXT if is_full else stop,
            token_ids=kept,
            usage=Usage(prompt_tokens=len(prompt), cached_tokens=0, source="client"),
            wall_s=time.perf_counter() - started,
        )

    async def aclose(self) -> None:
        """Nothing is held, and nothing is answered any more."""
        self._is_closed = True

    async def _script(self, prompt: tuple[int, ...], request: Request) -> tuple[int, ...]:
        """All that the function would still write: the thinking, its closing marker, the answer, the end."""
        asked = _read(prompt, request, self.tokenizer)
        ids: tuple[int, ...] = ()
        if asked.wants_thinking:
            thought = self.tokenizer.encode(await self._say(asked))
            budget = request.thinking_budget
            is_cut = budget is not None and len(thought) > budget
            thought = thought[:budget] if is_cut else thought
            ids = (*thought, *(self._closing(thought) if is_cut else (CLOSE_ID,)))
            if CLOSE_ID in request.stop_ids or len(ids) >= request.max_tokens:
                return ids
            close = ids.index(CLOSE_ID)
            asked = msgspec.structs.replace(
                asked,
                thinking=asked.thinking + self.tokenizer.decode(ids[:close]),
                wants_thinking=False,
                written=self.tokenizer.decode(ids[close + 1 :]),
            )
        return (*ids, *self.tokenizer.encode(await self._say(asked)), END_ID)

    def _closing(self, thought: tuple[int, ...]) -> tuple[int, ...]:
        """What an engine that enforces budgets writes after a cut."""
        thinking = self.model.thinking or THINK_TAGS
        before = thinking.wrap_up if thought else thinking.empty
        if thought and thought[-1:] == (ord("\n"),):
            before = before.removeprefix("\n")
        return self.tokenizer.encode(before + thinking.close + thinking.cue)

    async def _say(self, asked: Asked) -> str:
        said = self._answer(asked)
        text = said if isinstance(said, str) else await said
        return text.removeprefix(asked.written)


def _read(prompt: tuple[int, ...], request: Request, tokenizer: ByteTokenizer) -> Asked:
    """What a prefix asks for. Without an opening marker after the turn began, it is the answer."""
    marks = [prompt.index(mark) for mark in (ASSISTANT_ID, OPEN_ID) if mark in prompt]
    turn = min(marks, default=len(prompt))
    begun = prompt[turn + (prompt[turn : turn + 1] == (ASSISTANT_ID,)) :]
    thinking: tuple[int, ...] = ()
    is_open = begun[:1] == (OPEN_ID,)
    if is_open:
        begun = begun[1:]
        is_open = CLOSE_ID not in begun
        close = len(begun) if is_open else begun.index(CLOSE_ID)
        thinking, begun = begun[:close], begun[close + 1 :]
    thought = tokenizer.decode(thinking)
    return Asked(
        prompt=tokenizer.decode(prompt[prompt[:1] == (USER_ID,) : turn]),
        thinking=thought,
        wants_thinking=is_open,
        written=thought if is_open else tokenizer.decode(begun),
        seed=request.seed,
        max_tokens=request.max_tokens,
        temperature=request.sampling.temperature,
    )


def _stopped(ids: tuple[int, ...], request: Request, limit: int) -> tuple[tuple[int, ...], Stop]:
    """The ids before the first that stops, and why."""
    places = [ids.index(token) for token in {*request.stop_ids, END_ID} if token in ids]
    first = min(places, default=len(ids))
    if first >= limit or not places:
        return ids[:limit], Stop.LENGTH
    return ids[:first], Stop.STOP if ids[first] in request.stop_ids else Stop.EOS
