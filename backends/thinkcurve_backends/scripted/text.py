"""A scripted model that goes on with text and has no tokenizer, as an endpoint with assistant prefixes does.

The function is the one that `ScriptedBackend` takes, so one script can be asked by ids and by text. Tokens are words:
``max_tokens`` and all counts are exact in them, markers included, and a reply may be cut and gone on with anywhere.
"""

from __future__ import annotations

import time

import msgspec

from thinkcurve.backend import Chat, Generation, ModelInfo, Request, Sampling, Stop, Tokenizer, Usage, raw_text
from thinkcurve.budget import LARGEST, THINK_TAGS, Control, ThinkingFormat
from thinkcurve.errors import BackendError
from thinkcurve_backends.scripted.ids import AnswerFunction, Asked
from thinkcurve_backends.scripted.words import count_prompt, stopped, words

OPEN, CLOSE = THINK_TAGS.open, THINK_TAGS.close


class ScriptedText:
    """Asks ``answer`` instead of a model (a `thinkcurve.backend.Backend` without tokenizer, controls of a prefix).

    A prefix is gone on with exactly: an empty one with ``<think>`` (if the template has not opened the thinking), one
    that opened the thinking with the rest of it, ``</think>`` and the answer, any other with the answer. Without a
    prefix the thinking comes back apart.
    ``counts_stop`` counts the stop text as one more token, as some servers do.
    """

    controls = frozenset({Control.TRUNCATE, Control.EXTEND, Control.PROMPT})
    tokenizer: Tokenizer | None = None

    def __init__(
        self,
        answer: AnswerFunction,
        *,
        name: str = "scripted-text",
        concurrency: int = 32,
        context_tokens: int | None = 32768,
        thinking: ThinkingFormat = THINK_TAGS,
        sampling: Sampling | None = None,
        counts_stop: bool = False,
        is_local: bool = True,
        provider: str | None = None,
    ) -> None:
        self.concurrency = concurrency
        self.n_requests = 0
        self._answer = answer
        self._context = context_tokens
        self._counts_stop = counts_stop
        self._is_closed = False
        self.model = ModelInfo(
            name=name,
            fingerprint="scripted",
            context_tokens=context_tokens,
            thinking=thinking,
            engine="scripted",
            is_local=is_local,
            sampling=sampling,
            provider=provider,
        )

    async def generate(self, request: Request) -> Generation:
        """What the function still has to say, cut where the request stops."""
        started = time.perf_counter()
        self.n_requests += 1
        if self._is_closed:
            raise BackendError("this model is closed", is_fatal=True)
        chat = request.prompt
        if not isinstance(chat, Chat):
            raise BackendError("the scripted text takes chats; it knows no token ids")
        if chat.budget_tokens is not None or chat.effort is not None:
            raise BackendError("the scripted text takes neither a budget nor a level of effort")
        prefix = chat.prefix or ""
        n_prompt = count_prompt(chat.messages) + len(words(prefix))
        room = LARGEST if self._context is None else self._context - n_prompt
        if room <= 0:
            raise BackendError(f"a prompt of {n_prompt} tokens leaves no room in the context of {self._context}")
        asked_for = request.max_tokens if chat.prefix is not None else request.max_tokens or LARGEST
        rest = await self._script(chat, prefix, request)
        text, stop = stopped(rest, request.stop, min(room, asked_for))
        if stop is Stop.LENGTH and room < asked_for:
            stop = Stop.CONTEXT
        if self._is_closed:
            raise BackendError("this model was closed", is_fatal=True)
        made = self._made(text, stop, n_prompt, has_prefix=chat.prefix is not None)
        return msgspec.structs.replace(made, wall_s=time.perf_counter() - started)

    async def aclose(self) -> None:
        """Nothing is held, and nothing is answered any more."""
        self._is_closed = True

    async def _script(self, chat: Chat, prefix: str, request: Request) -> str:
        """All that would still be written after ``prefix``: the thinking, its marker, the answer."""
        is_opened = self.model.thinking is not None and self.model.thinking.template_opens
        asked = _read(chat, OPEN + prefix if is_opened else prefix, request)
        if not asked.wants_thinking:
            return await self._say(asked)
        thought = await self._say(asked)
        thinking = asked.thinking + thought
        answer = await self._say(msgspec.structs.replace(asked, thinking=thinking, wants_thinking=False, written=""))
        return ("" if prefix or is_opened else OPEN) + thought + CLOSE + answer

    async def _say(self, asked: Asked) -> str:
        said = self._answer(asked)
        text = said if isinstance(said, str) else await said
        return text.removeprefix(asked.written)

    def _made(self, text: str, stop: Stop, n_prompt: int, *, has_prefix: bool) -> Generation:
        generated = len(words(text)) + (self._counts_stop and stop is Stop.STOP)
        usage = Usage(prompt_tokens=n_prompt, cached_tokens=0, generated_tokens=generated)
        if has_prefix:
            return Generation(text=text, stop=stop, usage=usage, raw={"completion_tokens": generated})
        thinking, closed, answer = text.removeprefix(OPEN).partition(CLOSE)
        return Generation(text=answer if closed else "", stop=stop, thinking=thinking, usage=usage)


def _read(chat: Chat, prefix: str, request: Request) -> Asked:
    """What a prefix asks for."""
    opened = not prefix or prefix.lstrip().startswith(OPEN)
    begun = prefix.partition(OPEN)[2] if opened else prefix
    thinking, closed, written = begun.partition(CLOSE) if opened else ("", CLOSE, begun)
    return Asked(
        prompt=raw_text(chat.messages),
        thinking=thinking,
        wants_thinking=not closed,
        written=written if closed else thinking,
        seed=request.seed,
        max_tokens=request.max_tokens,
        temperature=request.sampling.temperature,
    )
