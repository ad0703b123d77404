"""What is found out at opening, by requests of a few tokens: whether text is really gone on with, whether
``max_tokens`` is kept and counted, and whether a switch that turns thinking off changes anything.
"""

from __future__ import annotations

from typing import Any

import msgspec

from thinkcurve.backend import Chat, Generation, Request, Stop
from thinkcurve.budget import ThinkingFormat
from thinkcurve.errors import BackendError
from thinkcurve.formats import PROBE
from thinkcurve.retry import RetryPolicy, with_retries
from thinkcurve_backends.endpoint.api import Api
from thinkcurve_backends.http.continuation import Completions, Continues, OllamaRaw

PATIENCE = RetryPolicy(attempts=3)
N_TOKENS = 4
"""Enough to see a limit kept."""
FEW, MANY = 8, 24
"""Words of a prefix whose tokens are counted by their difference."""
WORD = " a"


async def check_rendered(way: Completions | OllamaRaw, bos: str) -> str:
    """Why prompts that are rendered here cannot be used, empty where they can.

    A begin-of-sequence token that the server adds to the one of the template is taken out of the prompts.
    """
    reply = await _ask(way, "", N_TOKENS)
    why = _count_fault(reply)
    encode, counted = way.rendered.encode, reply.usage.prompt_tokens
    if why or encode is None or counted is None:
        return why
    text = await way.rendered.prompt(Chat(PROBE, prefix=""))
    expected = len(encode(text))
    if counted == expected + 1 and bos and text.startswith(bos):
        way.rendered.bos = bos
        reply = await _ask(way, "", N_TOKENS)
        counted = reply.usage.prompt_tokens
    if counted != expected:
        return (
            f"it reads a prompt of {expected} tokens, by the tokenizer of the checkpoint, as {counted}: "
            "the checkpoint is that of another model, or the server adds to prompts"
        )
    return ""


async def check_prefilled(way: Continues, thinking: ThinkingFormat) -> str:
    """Why a message of the assistant is not gone on with exactly, empty where it is.

    Seen by counts alone, whatever the model says: words added to the prefix must add their tokens to the prompt, and
    closing the turn or beginning another would add more.
    """
    asked = await _prompt_tokens(way, None)
    few, many = await _prompt_tokens(way, WORD * FEW), await _prompt_tokens(way, WORD * MANY)
    opened = thinking.open + WORD * FEW
    inside = await _prompt_tokens(way, opened)
    after = await _prompt_tokens(way, opened + thinking.close + WORD)
    if asked is None or few is None or many is None or inside is None or after is None:
        return "it does not count the tokens of its prompts"
    word = (many - few) / (MANY - FEW)
    if word <= 0:
        return "the beginning of a reply that it is given does not reach its prompt"
    if few - word * FEW - asked > 0.5:
        return "it adds to the beginning of a reply that it is given, so the reply begins anew"
    if inside <= few or after <= inside:
        return "its chat template takes the thinking out of the beginning of a reply"
    return _count_fault(await _ask(way, opened, N_TOKENS))


async def switch_works(api: Api, kind: str, model: str, off: dict[str, Any]) -> bool | None:
    """Whether the switch of ``off`` changes what a chat is rendered to; ``None`` where this server does not show it."""
    return await _render_apart(api, kind, model, {}, off) if "chat_template_kwargs" in off else None


async def effort_works(api: Api, kind: str, model: str) -> bool | None:
    """Whether levels of effort change what a chat is rendered to; ``None`` where this server does not show it."""
    low, high = ({"chat_template_kwargs": {"reasoning_effort": level}} for level in ("low", "high"))
    return await _render_apart(api, kind, model, low, high)


async def template_opens(api: Api, kind: str, model: str, mark: str) -> bool:
    """Whether what a chat is rendered to ends with ``mark``, as far as this server shows it."""
    if kind != "llamacpp":
        return False
    asked = {"model": model, "messages": [{"role": turn.role, "content": turn.content} for turn in PROBE]}
    try:
        found = await api.exchange("POST", "/apply-template", asked)
    except BackendError as error:
        if error.is_retryable:
            raise
        return False
    prompt = found.get("prompt") if isinstance(found, dict) else None
    return isinstance(prompt, str) and prompt.rstrip().endswith(mark.strip())


async def _render_apart(api: Api, kind: str, model: str, one: dict[str, Any], other: dict[str, Any]) -> bool | None:
    path = {"llamacpp": "/apply-template", "vllm": "/tokenize"}.get(kind)
    if path is None:
        return None
    turns = [{"role": turn.role, "content": turn.content} for turn in PROBE]
    asked = {"model": model, "messages": turns, "add_generation_prompt": True}
    try:
        first = await api.exchange("POST", path, {**asked, **one})
        return bool(first != await api.exchange("POST", path, {**asked, **other}))
    except BackendError as error:
        if error.is_retryable:
            raise
        return None


def _count_fault(reply: Generation) -> str:
    n = reply.usage.generated_tokens
    if n is None:
        return "it does not count the tokens that it generates"
    if n > N_TOKENS or (reply.stop is Stop.LENGTH and n != N_TOKENS):
        return f"it does not keep max_tokens: {n} tokens where {N_TOKENS} were asked for"
    return ""


async def _prompt_tokens(way: Continues, prefix: str | None) -> int | None:
    return (await _ask(way, prefix, 1)).usage.prompt_tokens


async def _ask(way: Continues, prefix: str | None, n: int) -> Generation:
    chat = Chat(PROBE)
    if prefix is not None:
        chat = msgspec.structs.replace(chat, prefix=prefix)
    return await with_retries(lambda: way.go_on(Request(chat, max_tokens=n)), PATIENCE)
