"""Engines that are broken in how they serve: counts, limits, company, closing, and what they say of themselves."""

from __future__ import annotations

import asyncio

import msgspec
from toy import Toy

from thinkcurve.backend import Continuation, Generation, Request, Stop, Usage
from thinkcurve.errors import BackendError


class WrongPromptCount(Toy):
    def usage(self, prompt: tuple[int, ...], cached: int, request: Request) -> Usage:
        return Usage(len(prompt) + 1, cached, source="client")


class CachedBeyondPrompt(Toy):
    def usage(self, prompt: tuple[int, ...], cached: int, request: Request) -> Usage:
        return Usage(len(prompt), cached + 16 if cached else 0, source="client")


class CachedOutOfThinAir(Toy):
    def usage(self, prompt: tuple[int, ...], cached: int, request: Request) -> Usage:
        return Usage(len(prompt), len(prompt) // 2, source="client")


class AnswerMiscounted(Toy):
    def usage(self, prompt: tuple[int, ...], cached: int, request: Request) -> Usage:
        return Usage(len(prompt), cached, answer_tokens=request.max_tokens + 1)


class SafetyMargin(Toy):
    """Leaves the last tokens of the context unused."""

    def limit(self, prompt: tuple[int, ...], request: Request) -> int:
        return min(request.max_tokens, max(self.context - 8 - len(prompt), 1))


class FullIsLength(Toy):
    def full(self) -> Stop:
        return Stop.LENGTH


class TruncatesPrompts(Toy):
    """Drops the beginning of what is too long, and says nothing."""

    async def generate(self, request: Request) -> Generation:
        ids = self.prompt_of(request)[-self.context + 16 :]
        return await super().generate(msgspec.structs.replace(request, prompt=Continuation(ids)))


class TooLongIsFatal(Toy):
    def too_long(self, prompt: tuple[int, ...]) -> BackendError:
        return BackendError("too long", is_fatal=True)


class RaisesOnEmpty(Toy):
    async def serve(self, prompt: tuple[int, ...], request: Request) -> Generation:
        if not prompt:
            raise IndexError("index 0 is out of bounds")
        return await super().serve(prompt, request)


class HangsOnEmpty(Toy):
    async def serve(self, prompt: tuple[int, ...], request: Request) -> Generation:
        if not prompt:
            await asyncio.Event().wait()
        return await super().serve(prompt, request)


class DiesOfHugePrompts(Toy):
    def too_long(self, prompt: tuple[int, ...]) -> BackendError:
        self.is_closed = True
        return super().too_long(prompt)


class OneLoop(Toy):
    loop: asyncio.AbstractEventLoop | None = None

    async def generate(self, request: Request) -> Generation:
        self.loop = self.loop or asyncio.get_running_loop()
        if self.loop is not asyncio.get_running_loop():
            raise RuntimeError("Future attached to a different loop")
        return await super().generate(request)


class LosesOne(Toy):
    """Forgets one request where many wait."""

    n_waiting = 0

    async def generate(self, request: Request) -> Generation:
        self.n_waiting += 1
        try:
            if self.n_waiting == 150:
                await asyncio.Event().wait()
            return await super().generate(request)
        finally:
            self.n_waiting -= 1


class MixesUp(Toy):
    """Gives a request what its neighbour asked for, where many wait."""

    last: Request | None = None
    n_open = 0

    async def generate(self, request: Request) -> Generation:
        self.n_open += 1
        asked = self.last if self.n_open == 120 and self.last else request
        self.last = request
        try:
            return await super().generate(msgspec.structs.replace(asked, max_tokens=request.max_tokens))
        finally:
            self.n_open -= 1


class RefusesMany(Toy):
    n_open = 0

    async def generate(self, request: Request) -> Generation:
        self.n_open += 1
        try:
            if self.n_open > 100:
                raise BackendError("too many requests")
            return await super().generate(request)
        finally:
            self.n_open -= 1


class LeaksSlots(Toy):
    """A cancelled request keeps its slot for ever."""

    async def serve(self, prompt: tuple[int, ...], request: Request) -> Generation:
        try:
            return await super().serve(prompt, request)
        except asyncio.CancelledError:
            self.free -= 1
            raise


class WorksOn(Toy):
    """A cancelled request is generated to its end, which others wait for."""

    ends_every = 2**40

    async def serve(self, prompt: tuple[int, ...], request: Request) -> Generation:
        working = asyncio.ensure_future(super().serve(prompt, request))
        try:
            return await asyncio.shield(working)
        except asyncio.CancelledError:
            self.free -= 1
            working.add_done_callback(lambda _: self.release())
            raise


class SwallowsCancel(Toy):
    async def serve(self, prompt: tuple[int, ...], request: Request) -> Generation:
        try:
            return await super().serve(prompt, request)
        except asyncio.CancelledError:
            return Generation(text="", stop=Stop.LENGTH, token_ids=())


class CancelsNeighbours(Toy):
    """A request that is cancelled while it waits takes those at work with it."""

    n_cancelled = 0

    async def generate(self, request: Request) -> Generation:
        try:
            return await super().generate(request)
        except asyncio.CancelledError:
            self.n_cancelled += request.max_tokens == 64
            raise

    async def serve(self, prompt: tuple[int, ...], request: Request) -> Generation:
        made = await super().serve(prompt, request)
        if self.n_cancelled:
            raise BackendError("the batch was cancelled")
        return made


class SecondCloseRaises(Toy):
    async def aclose(self) -> None:
        if self.is_closed:
            raise RuntimeError("already closed")
        await super().aclose()


class HangsOnClose(Toy):
    async def aclose(self) -> None:
        await asyncio.Event().wait()


class AnswersAfterClose(Toy):
    async def aclose(self) -> None:
        pass


class ClosedIsPlain(Toy):
    def prompt_of(self, request: Request) -> tuple[int, ...]:
        if self.is_closed:
            raise BackendError("try another time")
        return super().prompt_of(request)


class OpenHangsOnClose(Toy):
    async def serve(self, prompt: tuple[int, ...], request: Request) -> Generation:
        await asyncio.sleep(0.1)
        if self.is_closed:
            await asyncio.Event().wait()
        return await super().serve(prompt, request)


class NamelessModel(Toy):
    def __init__(self, **options: float) -> None:
        super().__init__(**options)  # type: ignore[arg-type]
        self.model = msgspec.structs.replace(self.model, name="")


class OpeningUnsaid(Toy):
    """Says nothing of the thinking that its template opens."""

    def __init__(self, **options: float) -> None:
        super().__init__(**options)  # type: ignore[arg-type]
        thinking = msgspec.structs.replace(self.model.thinking, template_opens=False)
        self.model = msgspec.structs.replace(self.model, thinking=thinking)
