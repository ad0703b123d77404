"""Providers broken on purpose, each in one way that real ones were or could be broken in; `BROKEN_CHATS` names how."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import msgspec
from toy_chat import echo, honest

from thinkcurve.backend import BatchStatus, Chat, Continuation, Generation, Request, Stop, Visibility
from thinkcurve.errors import BackendError
from thinkcurve_backends.scripted import ScriptedBatches

Change = Callable[[Generation, Request], Generation]


class Changed(ScriptedBatches):
    """An honest provider, but for what comes back of each request, or goes into it."""

    changes: Change = staticmethod(lambda made, request: made)
    asks: Callable[[Request], Request] = staticmethod(lambda request: request)

    async def generate(self, request: Request) -> Generation:
        return type(self).changes(await super().generate(type(self).asks(request)), request)


def replies(change: Change, **options: Any) -> Changed:
    """A provider whose replies are changed."""
    return honest(type("Replies", (Changed,), {"changes": staticmethod(change)}), **options)


def asking(change: Callable[[Request], Request], **options: Any) -> Changed:
    """A provider that hears something else than it was asked."""
    return honest(type("Asking", (Changed,), {"asks": staticmethod(change)}), **options)


def _with(made: Generation, **fields: Any) -> Generation:
    return msgspec.structs.replace(made, **fields)


def _used(made: Generation, **fields: Any) -> Generation:
    return _with(made, usage=msgspec.structs.replace(made.usage, **fields))


def _chat(request: Request, **fields: Any) -> Request:
    if not isinstance(request.prompt, Chat):
        return request
    return msgspec.structs.replace(request, prompt=msgspec.structs.replace(request.prompt, **fields))


def _unknown(made: Generation, **fields: Any) -> Generation:
    return _used(made, thinking_tokens=None, answer_tokens=None, source="unknown", **fields)


def half_thinking(made: Generation, request: Request) -> Generation:
    """What was cut inside the thinking comes as the answer, all of it, as by a parser that looks for an end marker."""
    if made.stop is not Stop.LENGTH or made.text:
        return made
    return _used(
        _with(made, text=made.thinking, thinking=""), thinking_tokens=None, answer_tokens=None, source="unknown"
    )


def unparsed(made: Generation, request: Request) -> Generation:
    return _unknown(_with(made, text=f"{made.thinking}</think>{made.text}", thinking=""))


def one_more(made: Generation, request: Request) -> Generation:
    return _used(
        made, generated_tokens=request.max_tokens + 1, thinking_tokens=None, answer_tokens=None, source="unknown"
    )


def last_message_counted(made: Generation, request: Request) -> Generation:
    assert isinstance(request.prompt, Chat)
    return _used(made, prompt_tokens=5 if len(request.prompt.messages) > 1 else 9, cached_tokens=0)


def uncounted(made: Generation, request: Request) -> Generation:
    made = _with(made, thinking=None, visibility=Visibility.HIDDEN)
    return _unknown(made, generated_tokens=None)


def other_budget(request: Request) -> Request:
    """A budget turned round: little is much."""
    assert isinstance(request.prompt, Chat)
    budget = request.prompt.budget_tokens
    return _chat(request, budget_tokens=budget and 65536 // budget)


def other_effort(request: Request) -> Request:
    levels = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
    effort = request.prompt.effort if isinstance(request.prompt, Chat) else None
    return _chat(request, effort=None if effort in (None, "none") else levels[7 - levels.index(effort)])


def none_is_minimal(request: Request) -> Request:
    is_none = isinstance(request.prompt, Chat) and request.prompt.effort == "none"
    return _chat(request, effort="minimal") if is_none else request


def zero_is_natural(request: Request) -> Request:
    is_zero = isinstance(request.prompt, Chat) and request.prompt.budget_tokens == 0
    return _chat(request, budget_tokens=None) if is_zero else request


class TakesIds(Changed):
    async def generate(self, request: Request) -> Generation:
        if isinstance(request.prompt, Continuation):
            return Generation(text="75", stop=Stop.EOS, thinking="", wall_s=0.0)
        return await super().generate(request)


class OddIsFatal(Changed):
    async def generate(self, request: Request) -> Generation:
        try:
            return await super().generate(request)
        except BackendError as error:
            raise BackendError(str(error), is_fatal=True) from error


class OddIsRetryable(Changed):
    async def generate(self, request: Request) -> Generation:
        try:
            return await super().generate(request)
        except BackendError as error:
            raise BackendError(str(error), is_retryable=True) from error


class EncodesStrictly(Changed):
    async def generate(self, request: Request) -> Generation:
        if isinstance(request.prompt, Chat):
            "".join(message.content for message in request.prompt.messages).encode()
        return await super().generate(request)


class DiesOfOddRoles(Changed):
    async def generate(self, request: Request) -> Generation:
        if isinstance(request.prompt, Chat) and any(message.role == "nobody" for message in request.prompt.messages):
            await self.aclose()
        return await super().generate(request)


class LosesOne(Changed):
    async def generate(self, request: Request) -> Generation:
        if request.seed == 5:
            await asyncio.Event().wait()
        return await super().generate(request)


class MixesUp(Changed):
    """The count of one prompt comes with the reply to another that was open at the same time."""

    last = 0

    async def generate(self, request: Request) -> Generation:
        made = await super().generate(request)
        mine, self.last = self.last, made.usage.prompt_tokens or 0
        return _used(made, prompt_tokens=mine or made.usage.prompt_tokens) if request.seed == 4 else made


class SwallowsCancel(Changed):
    async def generate(self, request: Request) -> Generation:
        try:
            return await super().generate(request)
        except asyncio.CancelledError:
            return Generation(text="", stop=Stop.LENGTH, thinking="")


class HeldUp(Changed):
    """A cancelled chat keeps its connection, of which there is one."""

    is_held = False

    async def generate(self, request: Request) -> Generation:
        while self.is_held:  # noqa: ASYNC110 - nobody will ever say that it is free
            await asyncio.sleep(0.01)
        try:
            return await super().generate(request)
        except asyncio.CancelledError:
            self.is_held = True
            raise


class OneLoop(Changed):
    loop: asyncio.AbstractEventLoop | None = None

    async def generate(self, request: Request) -> Generation:
        self.loop = self.loop or asyncio.get_running_loop()
        if asyncio.get_running_loop() is not self.loop:
            raise RuntimeError("got Future attached to a different loop")
        return await super().generate(request)


class AnswersAfterClose(Changed):
    async def aclose(self) -> None:
        pass


class ForgetsNames(Changed):
    async def collect(self, batch: str) -> dict[str, Generation | BackendError]:
        return {f"request-{name}": made for name, made in (await super().collect(batch)).items()}


class CollectsOnce(Changed):
    async def collect(self, batch: str) -> dict[str, Generation | BackendError]:
        found = await super().collect(batch)
        self._begins = lambda _: False
        return found


class KnowsEveryBatch(Changed):
    async def status(self, batch: str) -> BatchStatus:
        return await super().status(batch) if batch in self.store else BatchStatus(is_ended=False)


class FailsEach(Changed):
    async def submit(self, requests: Mapping[str, Request]) -> str:
        return await super().submit({name: _chat(request, messages=()) for name, request in requests.items()})


class BrokenChat(NamedTuple):
    """A broken provider, the check that notices, and words of what it says."""

    name: str
    opens: Callable[[], Any]
    check: str
    says: str


def _way(name: str, change: Change, check: str, says: str, **options: Any) -> BrokenChat:
    return BrokenChat(name, lambda: replies(change, **options), check, says)


def _hears(name: str, change: Callable[[Request], Request], check: str, says: str) -> BrokenChat:
    return BrokenChat(name, lambda: asking(change), check, says)


def _kind(kind: type[Changed], check: str, says: str, **options: Any) -> BrokenChat:
    return BrokenChat(kind.__name__, lambda: honest(kind, **options), check, says)


async def _slow(asked: Any) -> str:
    await asyncio.sleep(0.05)
    return echo(asked)


BROKEN_CHATS = [
    _kind(Changed, "description", "lowest first, are promised", scales={"high": 1.0, "low": 0.5}),
    _way("marker", lambda m, r: _with(m, text=f"</think>{m.text}"), "chat", "has '</think>' in its answer"),
    _way("unparsed", unparsed, "chat", "in its answer .* thinking is promised apart"),
    _way("untimed", lambda m, r: _with(m, wall_s=None), "chat", "wall_s is None"),
    _way("thinks-most", lambda m, r: _used(m, thinking_tokens=10**4), "chat", "10000 thinking tokens in .* generated"),
    _way("miscounts", lambda m, r: _used(m, answer_tokens=10**4), "chat", "the two are promised to be all"),
    _way("cached-apart", lambda m, r: _used(m, cached_tokens=200), "chat", "prompt_tokens are promised to hold those"),
    _way("who-counted", lambda m, r: _used(m, source="unknown"), "chat", "who counted them"),
    _way("shows-none", lambda m, r: _with(m, thinking=None), "chat", "its visibility is 'full'; a text is promised"),
    _way("hidden", lambda m, r: _with(m, visibility=Visibility.HIDDEN), "chat", "its visibility is 'hidden'"),
    _way("none-said", lambda m, r: _with(m, thinking=""), "chat", "shows none of them"),
    _way("dollars", lambda m, r: _used(m, usd=-1.0), "chat", "cost -1.0 dollars"),
    _way("last-message", last_message_counted, "chat", "all messages are promised to be sent"),
    _hears("no-limit", lambda r: msgspec.structs.replace(r, max_tokens=0), "chat-length", "at most 16 are promised"),
    _way("one-more", one_more, "chat-length", "gave 17 tokens, by its own count"),
    _way("half-thinking", half_thinking, "chat-length", "that is the beginning of its thinking"),
    _way("answer-of-none", lambda m, r: _with(m, text="x"), "chat-length", "all 16 tokens were thinking"),
    _way("latin-1", lambda m, r: _with(m, text=m.text.encode().decode("latin-1")), "chat-unicode", "read as something"),
    _way("torn", lambda m, r: _with(m, text=m.text.replace("数", "\ufffd\ufffd")), "chat-unicode", "broken character"),
    _way("half", lambda m, r: _with(m, text=m.text.replace("数", "\ud83d")), "chat-unicode", "half a character"),
    _kind(TakesIds, "chat-bad-request", "3 ids for 16 tokens was answered"),
    _kind(OddIsFatal, "chat-bad-request", "token ids was refused as fatal"),
    _kind(OddIsRetryable, "chat-bad-request", "called retryable"),
    _kind(EncodesStrictly, "chat-bad-request", "raised UnicodeEncodeError"),
    _kind(DiesOfOddRoles, "chat-bad-request", "a role of no one was refused as fatal"),
    _hears(
        "no-budget",
        lambda r: _chat(r, budget_tokens=None),
        "native-budget",
        r"budget_tokens has no effect: asked 64: spent 900, 900, .*; asked 1,024: spent 900, 900, .* thinking",
    ),
    _hears(
        "other-budget", other_budget, "native-budget", "budget_tokens works the wrong way round: asked 64: spent 900"
    ),
    _hears("zero", zero_is_natural, "native-budget", "budget_tokens 0 thought 900 tokens"),
    _way("uncounted", uncounted, "native-budget", "asked 64: spent unknown, unknown, unknown; .* a count is promised"),
    _hears(
        "no-effort",
        lambda r: _chat(r, effort=None),
        "effort",
        "effort has no effect: effort minimal: spent 900, .*; effort max: spent 900",
    ),
    _hears("other-effort", other_effort, "effort", "effort works the wrong way round"),
    _hears("effort-none", none_is_minimal, "effort", "effort none thought 112 tokens"),
    _hears(
        "refused",
        lambda r: _chat(r, budget_tokens=9 if r.prompt.effort == "high" else None),  # type: ignore[union-attr]
        "effort",
        "effort high was refused .* said to take",
    ),
    _kind(LosesOne, "chat-company", "had not ended after"),
    _kind(MixesUp, "chat-company", "asked 4 times at once, was counted as"),
    _kind(SwallowsCancel, "chat-cancellation", "CancelledError is promised", answer=_slow),
    _kind(HeldUp, "chat-cancellation", "had not ended after", answer=_slow),
    _way("cached", lambda m, r: _used(m, cached_tokens=m.usage.prompt_tokens), "usage", "never asked before"),
    _way("same-count", lambda m, r: _used(m, prompt_tokens=99, cached_tokens=0), "usage", "twice its text as 99"),
    _kind(OneLoop, "event-loops", "different loop"),
    _kind(AnswersAfterClose, "closing", "a request after closing gave"),
    _kind(ForgetsNames, "batch", "'request-first' back"),
    _kind(CollectsOnce, "batch", "and 0 when it was collected again"),
    _kind(KnowsEveryBatch, "batch", "does not exist has the status"),
    _kind(FailsEach, "batch", "no request of a batch was answered: a chat needs a message"),
    _kind(Changed, "batch", "a factor above 0", batch_factor=0.0),
]
