"""Endpoints that go on with text, broken on purpose."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import msgspec

from thinkcurve.backend import Chat, Generation, Request
from thinkcurve_backends.scripted import Asked, ScriptedText


def think(asked: Asked) -> str:
    """Words enough to be cut, and a few for an answer."""
    return "let me see  how\nthat goes, é and 数 and then on " * 2 if asked.wants_thinking else "the answer is 75"


class _Broken(ScriptedText):
    def __init__(self) -> None:
        super().__init__(think)


def _text(made: Generation, text: str) -> Generation:
    return msgspec.structs.replace(made, text=text)


class Stripped(_Broken):
    """Takes the space off what comes."""

    async def generate(self, request: Request) -> Generation:
        made = await super().generate(request)
        return _text(made, made.text.strip())


class BeginsAnew(_Broken):
    """Reads a prefix as a finished turn, and answers anew."""

    async def generate(self, request: Request) -> Generation:
        assert isinstance(request.prompt, Chat)
        chat = msgspec.structs.replace(request.prompt, prefix="<think>")
        return await super().generate(msgspec.structs.replace(request, prompt=chat))


class Uncounted(_Broken):
    async def generate(self, request: Request) -> Generation:
        made = await super().generate(request)
        return msgspec.structs.replace(made, usage=msgspec.structs.replace(made.usage, generated_tokens=None))


class OneFewer(_Broken):
    async def generate(self, request: Request) -> Generation:
        fewer = max(request.max_tokens - 1, 1)
        return await super().generate(msgspec.structs.replace(request, max_tokens=fewer))


class PrefixCounted(_Broken):
    """Counts what it was given with what it wrote."""

    async def generate(self, request: Request) -> Generation:
        made = await super().generate(request)
        more = (made.usage.generated_tokens or 0) + 1
        return msgspec.structs.replace(made, usage=msgspec.structs.replace(made.usage, generated_tokens=more))


class Parsed(_Broken):
    """Takes the thinking out of what comes."""

    async def generate(self, request: Request) -> Generation:
        made = await super().generate(request)
        return msgspec.structs.replace(made, text="", thinking=made.text)


class StopTextLeftIn(_Broken):
    async def generate(self, request: Request) -> Generation:
        made = await super().generate(request)
        return _text(made, made.text + "".join(request.stop))


class StopTextIgnored(_Broken):
    async def generate(self, request: Request) -> Generation:
        return await super().generate(msgspec.structs.replace(request, stop=()))


class BrokenText(NamedTuple):
    """A broken endpoint, and words of what the check says."""

    opens: Callable[[], Any]
    says: str


BROKEN_TEXTS = [
    BrokenText(Stripped, "white space differs at the joint|the beginning of"),
    BrokenText(BeginsAnew, "after the joint"),
    BrokenText(Uncounted, "nobody says with how many tokens"),
    BrokenText(OneFewer, "gave 23 tokens; exactly as many"),
    BrokenText(PrefixCounted, "gave 25 tokens"),
    BrokenText(Parsed, "all that comes is promised as text"),
    BrokenText(StopTextLeftIn, "stop text .* gave"),
    BrokenText(StopTextIgnored, "'stop' are promised"),
]
