"""A scripted model behind an interface of messages, with the controls, counts, charges and faults of a provider.

    def answer(asked: AskedChat) -> str:
        return "42" if asked.thinking_tokens >= 50 else "perhaps 7"

    backend = ScriptedChat(answer, natural=400)

It thinks for ``natural`` tokens (words) where nothing is asked, no longer than ``budget_tokens`` where that is given,
and a part or a multiple of it at each level of effort. The function is told how long it thought; ``None`` is a refusal
of the model's, a raised `BackendError` one of the provider's, and where it is ``async`` it may take its time, or hang.
"""

from __future__ import annotations

import random
import time
from collections.abc import Awaitable, Callable

import msgspec

from thinkcurve.backend import (
    Chat,
    Generation,
    ModelInfo,
    NativeBudgets,
    Request,
    Stop,
    Tokenizer,
    Usage,
    Visibility,
    raw_text,
)
from thinkcurve.budget import EFFORTS, Control
from thinkcurve.errors import BackendError
from thinkcurve_backends.scripted.words import count_prompt, stopped, words

SCALES: dict[str, float] = dict(zip(EFFORTS, (0.0, 0.125, 0.25, 0.5, 1.0, 1.5, 2.0), strict=True))
"""How much longer than ``natural`` each level of effort thinks."""
SUMMARY = "It weighed the question."
ANY_BUDGET = NativeBudgets()
CHAT = frozenset({Control.NATIVE, Control.EFFORT, Control.PROMPT})


class AskedChat(msgspec.Struct, frozen=True):
    """What the function is asked: the messages as one text, and how many tokens were thought before the answer."""

    question: str
    thinking_tokens: int
    seed: int
    budget_tokens: int | None
    effort: str | None
    request: Request


Said = str | None
ChatFunction = Callable[[AskedChat], Said | Awaitable[Said]]
"""Returns the whole answer, or ``None`` where the model declines."""


def improving(right: Callable[[str], str], *, wrong: str = "0", half_tokens: float = 100.0) -> ChatFunction:
    """A function that is right with a chance of 1 - 2^(-thinking tokens / ``half_tokens``), and else says ``wrong``.

    Question and seed draw once: with the same seed more thinking never makes a right answer wrong.
    """

    def answer(asked: AskedChat) -> str:
        luck = random.Random(f"{asked.seed} {asked.question}").random()
        return right(asked.question) if luck < 1 - 2 ** (-asked.thinking_tokens / half_tokens) else wrong

    return answer


def exactly(budget: int, rng: random.Random) -> int:
    """A budget that is kept to the token."""
    return budget


class ScriptedChat:
    """Asks ``answer`` instead of a model behind messages (a `thinkcurve.backend.Backend` without tokenizer).

    ``natural`` is how long the model thinks by itself: tokens, or a function of question and seed. ``spends`` says how
    many tokens it takes when it would think longer than ``budget_tokens`` (more of them is an overshoot), ``scales``
    how much longer than ``natural`` it thinks at each level of effort that it takes. ``charge`` is what the provider
    says that a request costs, ``counts`` whether it counts the thinking, ``cached`` how many tokens of each prompt it
    says came from its cache. Same request, same generation.
    """

    tokenizer: Tokenizer | None = None

    def __init__(
        self,
        answer: ChatFunction,
        *,
        natural: int | Callable[[str, int], int] = 200,
        spends: Callable[[int, random.Random], int] = exactly,
        scales: dict[str, float] = SCALES,
        controls: frozenset[Control] = CHAT,
        native: NativeBudgets | None = ANY_BUDGET,
        visibility: Visibility = Visibility.FULL,
        counts: bool = True,
        cached: int = 0,
        charge: Callable[[Usage], float] | None = None,
        name: str = "scripted-chat",
        provider: str | None = None,
        concurrency: int = 32,
        context_tokens: int | None = 32768,
        max_output_tokens: int = 8192,
        is_local: bool = True,
        served_by: str | None = None,
    ) -> None:
        self.controls = controls
        self.concurrency = concurrency
        self.n_requests = 0
        self._answer = answer
        self._natural = natural
        self._spends = spends
        self._scales = scales
        self._visibility = visibility
        self._counts = counts
        self._cached = cached
        self._charge = charge
        self._most = max_output_tokens
        self._served_by = served_by
        self._is_closed = False
        self.model = ModelInfo(
            name=name,
            fingerprint="scripted",
            context_tokens=context_tokens,
            engine="scripted",
            is_local=is_local,
            provider=provider,
            native=native if Control.NATIVE in controls else None,
            efforts=tuple(scales) if Control.EFFORT in controls else (),
            max_output_tokens=max_output_tokens,
        )

    async def generate(self, request: Request) -> Generation:
        """The thinking that the controls allow, and what the function says after it."""
        started = time.perf_counter()
        self.n_requests += 1
        chat = self._check(request)
        question = raw_text(chat.messages)
        spent = self._thinks(chat, question, request.seed)
        asked = AskedChat(question, spent, request.seed, chat.budget_tokens, chat.effort, request)
        said = self._answer(asked)
        text = said if said is None or isinstance(said, str) else await said
        if self._is_closed:
            raise BackendError("this model was closed", is_fatal=True)
        made = self._made(request, spent, text)
        return msgspec.structs.replace(made, wall_s=time.perf_counter() - started)

    async def aclose(self) -> None:
        """Nothing is held, and nothing is answered any more."""
        self._is_closed = True

    def _check(self, request: Request) -> Chat:
        """The chat of a request that this model takes; a `BackendError`, as of a status 400, for any other."""
        if self._is_closed:
            raise BackendError("this model is closed", is_fatal=True)
        chat = request.prompt
        if not isinstance(chat, Chat) or chat.prefix is not None:
            raise BackendError("the scripted chat answers messages; it continues nothing")
        if not 0 <= request.max_tokens <= self._most:
            raise BackendError(f"max_tokens {request.max_tokens} is not between 0 and {self._most}")
        if not any(message.content for message in chat.messages):
            raise BackendError("a chat needs a message")
        if chat.budget_tokens is not None and chat.effort is not None:
            raise BackendError("a budget and a level of effort exclude each other")
        if chat.effort is not None and chat.effort not in self.model.efforts:
            raise BackendError(f"effort {chat.effort!r} is none of {', '.join(self.model.efforts) or 'any level'}")
        if chat.budget_tokens is not None:
            self._check_budget(chat.budget_tokens)
        return chat

    def _check_budget(self, budget: int) -> None:
        native = self.model.native
        if native is None:
            raise BackendError("this model takes no budget")
        if budget == 0 and native.has_zero:
            return
        if budget < native.least or (native.most is not None and budget > native.most):
            most = "" if native.most is None else f" and at most {native.most}"
            raise BackendError(f"budget {budget} is refused: at least {native.least}{most}")

    def _thinks(self, chat: Chat, question: str, seed: int) -> int:
        """How many tokens are thought."""
        natural = self._natural if isinstance(self._natural, int) else self._natural(question, seed)
        if chat.effort is not None:
            return int(natural * self._scales[chat.effort])
        if chat.budget_tokens is None or natural <= chat.budget_tokens:
            return natural
        if chat.budget_tokens == 0:
            return 0
        return min(natural, self._spends(chat.budget_tokens, random.Random(f"{seed} {question}")))

    def _made(self, request: Request, spent: int, said: str | None) -> Generation:
        """Thinking and answer under ``max_tokens``, with the provider's counts."""
        assert isinstance(request.prompt, Chat)
        limit = request.max_tokens or self._most
        thought = min(spent, limit)
        text, stop = stopped(said or "", request.stop, limit - thought)
        if said is None:
            stop = Stop.REFUSAL
        elif spent >= limit:
            stop = Stop.LENGTH
        generated = thought + len(words(text))
        usage = Usage(
            prompt_tokens=(n_prompt := count_prompt(request.prompt.messages)),
            cached_tokens=min(self._cached, n_prompt),
            thinking_tokens=thought if self._counts else None,
            answer_tokens=generated - thought if self._counts else None,
            source="provider" if self._counts else "unknown",
            generated_tokens=generated,
        )
        if self._charge is not None:
            usage = msgspec.structs.replace(usage, usd=self._charge(usage))
        return Generation(
            text=text,
            stop=stop,
            thinking=self._shown(thought),
            usage=usage,
            raw={"output_tokens": generated, "reasoning_tokens": usage.thinking_tokens},
            visibility=self._visibility,
            served_by=self._served_by,
        )

    def _shown(self, n_tokens: int) -> str | None:
        """As much of the thinking as this provider shows."""
        if self._visibility is Visibility.FULL:
            return " ".join(f"step{number}" for number in range(1, n_tokens + 1))
        return SUMMARY if self._visibility is Visibility.SUMMARY and n_tokens else None
