"""A llama-server that is running somewhere: what it says of its model, and a connection that notices when it is gone.

Requests are those of a model in this process (`client`); only ids, texts and ``/props`` cross the wire. Its
weights are never seen, so what the server says of its file stands in for their fingerprint, and is asked again after
every fault and when a reply names another model: a server that came back with another one ends the run.

A long trace is one silent answer of many minutes, so silence is no sign of death: a server is given up when it does
not answer ``/health`` either.
"""

from __future__ import annotations

import asyncio
import hashlib
from pathlib import PurePosixPath
from typing import Any

import msgspec

from thinkcurve.backend import ModelInfo
from thinkcurve.errors import BackendError, UsageError
from thinkcurve_backends.llamacpp.budget import find_budget, find_chat_budget
from thinkcurve_backends.llamacpp.client import LlamaCpp
from thinkcurve_backends.llamacpp.options import RemoteOptions
from thinkcurve_backends.llamacpp.tokenizer import GgufTokenizer, SingleTokens, thinking_of
from thinkcurve_backends.remote import Remote, key_from_environment

LONGEST_ANSWER_S = 7 * 86400.0
"""No limit to speak of: whether a server lives is asked of ``/health``."""
NO_BUDGET = "this llama-server does not end thinking where thinkcurve does, so it has no control server"
UNKNOWN_BUILD = "b0-unknown"
"""What builds say that were made outside of llama.cpp's own repository."""
NOT_READ = "its weights were not read: the fingerprint is of what the server says of its file"


class Meta(msgspec.Struct, frozen=True):
    """What ``/v1/models`` says of the model file."""

    n_params: int | None = None
    n_vocab: int | None = None
    n_embd: int | None = None
    n_ctx_train: int | None = None
    size: int | None = None


class ModelEntry(msgspec.Struct, frozen=True):
    """One model of ``/v1/models``."""

    meta: Meta | None = None


class Models(msgspec.Struct, frozen=True):
    """``/v1/models``."""

    data: list[ModelEntry] = []


class Settings(msgspec.Struct, frozen=True):
    """The part of ``default_generation_settings`` that is read: the context of one slot."""

    n_ctx: int = 0


class Props(msgspec.Struct, frozen=True):
    """``/props``."""

    default_generation_settings: Settings
    total_slots: int
    model_path: str = ""
    model_ftype: str = ""
    chat_template: str = ""
    build_info: str = ""
    eos_token: str = ""


class Described(msgspec.Struct, frozen=True):
    """What a server says of its model."""

    props: Props
    meta: Meta

    @property
    def name(self) -> str:
        """The name of the file."""
        return PurePosixPath(self.props.model_path.replace("\\", "/")).name

    @property
    def fingerprint(self) -> str:
        """``said:`` and 16 hex digits over name, size, shape, kind and template."""
        said = (self.name, self.props.model_ftype, self.props.chat_template, msgspec.structs.astuple(self.meta))
        return f"said:{hashlib.sha256(repr(said).encode()).hexdigest()[:16]}"


class Watched:
    """The way to a remote server (a `thinkcurve_backends.llamacpp.wire.Wire`)."""

    def __init__(self, address: str, timeout_s: float) -> None:
        key = key_from_environment()
        self.address = address
        self._timeout_s = timeout_s
        self._long = Remote(address, key=key, timeout_s=LONGEST_ANSWER_S)
        self._short = Remote(address, key=key, timeout_s=timeout_s)
        self._known: Described | None = None
        self._is_doubtful = False
        self._names: set[object] = {None}
        """What replies of our model call it."""

    def describe(self) -> Described:
        """What the server says of its model, from now on the one that it must have."""
        props = self._short.get_now("/props")
        self._known = _described(self.address, props, self._short.get_now("/v1/models"))
        return self._known

    async def post(self, path: str, content: object) -> Any:
        """The decoded reply. Raises `BackendError`, fatal where another model has taken the place of ours."""
        try:
            if self._is_doubtful:
                await self._check_same()
            reply = await self._watch(asyncio.ensure_future(self._long.post(path, content)))
            name = reply.get("model") if isinstance(reply, dict) else None
            if name not in self._names:
                await self._check_same()
                self._names.add(name)
            return reply
        except BackendError as error:
            self._is_doubtful = self._is_doubtful or error.is_retryable
            if not (error.is_retryable or error.is_fatal):
                await self._check_same()  # ids of one model may be refused by another
            raise

    def post_now(self, path: str, content: object) -> Any:
        """The decoded reply, blocking."""
        return self._short.post_now(path, content)

    def close(self) -> None:
        """Hang up everywhere."""
        self._long.close()
        self._short.close()

    async def _watch(self, answer: asyncio.Future[Any]) -> Any:
        try:
            while not (await asyncio.wait({answer}, timeout=self._timeout_s))[0]:
                try:
                    await self._short.get("/health")
                except BackendError as error:
                    if answer.done():
                        break
                    raise BackendError(
                        f"the llama-server at {self.address} stalls: no answer, and not even /health does ({error})",
                        is_retryable=True,
                    ) from error
            return await answer
        finally:
            answer.cancel()

    async def _check_same(self) -> None:
        now = _described(self.address, await self._short.get("/props"), await self._short.get("/v1/models"))
        assert self._known is not None
        if now.fingerprint != self._known.fingerprint:
            raise BackendError(
                f"the llama-server at {self.address} has another model now ({now.name}, before {self._known.name}); "
                "start it again with the old one and resume, or begin a new run",
                is_fatal=True,
            )
        self._is_doubtful = False


def open_remote(address: str, options: RemoteOptions) -> LlamaCpp:
    """The model behind a llama-server. Raises `UsageError` where none answers there."""
    address = address.rstrip("/").removesuffix("/v1")
    wire = Watched(address, options.timeout_s)
    try:
        return _open(wire, options)
    except BackendError as error:
        wire.close()
        raise UsageError(f"llamacpp:{address} cannot be used: {error}") from error
    except BaseException:
        wire.close()
        raise


def _open(wire: Watched, options: RemoteOptions) -> LlamaCpp:
    said = wire.describe()
    props = said.props
    own = props.default_generation_settings.n_ctx
    if options.context_tokens > own:
        raise UsageError(f"option context_tokens is {options.context_tokens}; a slot of {wire.address} has {own}")
    tokenizer = GgufTokenizer(wire, props.chat_template)
    thinking = thinking_of(tokenizer, SingleTokens(tokenizer), said.name, options)
    budget = None
    if thinking:
        budget = find_budget(wire, tokenizer, thinking, props.eos_token) or find_chat_budget(wire, tokenizer, thinking)
    notes = (NOT_READ,) if budget or not thinking else (NOT_READ, NO_BUDGET)
    build = "" if props.build_info == UNKNOWN_BUILD else props.build_info
    model = ModelInfo(
        name=said.name.removesuffix(".gguf"),
        fingerprint=said.fingerprint,
        width=said.meta.n_embd,
        context_tokens=options.context_tokens or own,
        thinking=thinking,
        engine=" · ".join(part for part in (f"llama-server {build}".strip(), props.model_ftype) if part),
        is_local=True,
        notes=notes,
    )
    return LlamaCpp(wire, tokenizer, model, slots=options.slots or props.total_slots, budget=budget)


def _described(address: str, props: object, models: object) -> Described:
    try:
        listed = msgspec.convert(models, Models).data
        return Described(msgspec.convert(props, Props), (listed[0].meta if listed else None) or Meta())
    except msgspec.ValidationError as error:
        raise BackendError(
            f"{address} is no llama-server with one model: its /props and /v1/models are not as expected ({error})",
            is_fatal=True,
        ) from error
