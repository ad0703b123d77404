"""Control ``server``: llama.cpp's own reasoning budget, asked so that it ends thinking exactly where and as we do.

Its sampler (common/reasoning-budget.cpp) waits for a start tag, counts the tokens after it, and at the last one it
writes a message and the first of its end tags. Four things in it would make another curve than ours:

- It looks for the start tag in what it generates, and in what the prompt ends with only in chat requests. So our
  start tag is the model's end of turn, of which the server is told at its start that it was generated last
  (``generation_prompt``). No model gets beyond its end of turn, so no second thinking is budgeted in the answer.
  A server elsewhere was not told, so there the messages that a prompt was rendered from go to its chat (`ChatBudget`).
- A whole closing marker of several tokens is known to it by ids only, though a model may write it with others.
- Inside a character it goes on until the character is whole: up to three tokens above the budget.
- It writes the same message whatever the thinking ends in, and also where the model was about to end it itself.

The last three, and what else a chat does in its own way, are looked for in every reply. Where one happened the reply
is cut where it should have ended and gone on with, by `mended`; whether the model was about to end is asked by one
token more.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from thinkcurve.budget import ThinkingFormat
from thinkcurve.errors import BackendError
from thinkcurve.formats import PROBE
from thinkcurve_backends.llamacpp.tokenizer import GgufTokenizer
from thinkcurve_backends.llamacpp.wire import Wire

TAIL = 8
"""Ids that are decoded to see whether a text ends in a newline: more than one character needs."""


PATH = "/completion"
CHAT = "/v1/chat/completions"
PROBED = 2
"""Tokens of budget that a chat is tried out with; one more than the least shows that it counts as we do."""


@dataclass(frozen=True, slots=True)
class ServerBudget:
    """The forced end of one model's thinking, for its server and as ids.

    ``start`` is the text that arms the budget.
    """

    thinking: ThinkingFormat
    tokenizer: GgufTokenizer
    start: str = ""

    def request(self, body: dict[str, Any], budget: int) -> tuple[str, dict[str, Any]]:
        """Where a request goes, and what it says of its budget.

        The order of end tags matters: the first is written, all are found.
        """
        thinking = self.thinking
        ends = dict.fromkeys([thinking.close + thinking.cue, thinking.close, thinking.ends_with])
        return PATH, {
            **body,
            "reasoning_budget_tokens": budget,
            "reasoning_budget_start_tag": self.start,
            "reasoning_budget_end_tags": list(ends),
            "reasoning_budget_message": thinking.wrap_up if budget else thinking.empty,
            "generation_prompt": self.start,  # for servers that read it in a request too
        }

    def reply(self, raw: Any) -> Any:
        """The part of a reply that is as ``/completion`` answers."""
        return raw

    def closing(self, thinking_ids: tuple[int, ...]) -> tuple[int, ...]:
        """The ids that end this thinking by force."""
        before = self.thinking.wrap_up if thinking_ids else self.thinking.empty
        if thinking_ids and before.startswith("\n") and self.tokenizer.decode(thinking_ids[-TAIL:]).endswith("\n"):
            before = before[1:]
        texts = (before, self.thinking.close, self.thinking.cue)
        return tuple(token for text in texts for token in self.tokenizer.encode(text))

    def mended(self, ids: tuple[int, ...], budget: int) -> tuple[int, ...] | None:
        """The ids from which an answer must be generated anew, or ``None`` where the reply is what it should be."""
        if len(ids) <= budget:
            return None  # nothing was forced
        natural = self._natural_end(ids)
        if natural is not None and natural[0] < budget:
            place, after = natural
            ends = self.tokenizer.encode(self.thinking.ends_with)
            return None if ids[place : place + len(ends)] == ends else ids[:after]
        closing = self.closing(ids[:budget])
        if ids[budget : budget + len(closing)] == closing[: len(ids) - budget]:
            return None
        return ids[:budget] + closing

    def may_hide_an_end(self, ids: tuple[int, ...], budget: int) -> bool:
        """Whether thinking was ended by force where the model may have been about to end it, which was another end."""
        if not 0 < budget < len(ids):
            return False
        natural = self._natural_end(ids)
        if natural is not None and natural[0] < budget and natural[1] <= budget:
            return False
        ends = self.thinking.ends_with
        if len(self.tokenizer.encode(ends)) == 1:
            return self.closing(ids[:budget]) != self.tokenizer.encode(self.thinking.close)
        tail = self.tokenizer.decode(ids[:budget][-len(ends) :])
        return any(tail.endswith(ends[:n]) for n in range(1, len(ends)))

    def own_end(self, thinking_ids: tuple[int, ...], following: int) -> tuple[int, ...] | None:
        """The ids up to the model's own end of its thinking, where the token that follows makes it one."""
        ends = self.tokenizer.encode(self.thinking.ends_with)
        if len(ends) == 1:
            is_end = following == ends[0]
            return thinking_ids + self.tokenizer.encode(self.thinking.close) if is_end else None
        ids = (*thinking_ids, following)
        return ids if self.thinking.ends_with in self.tokenizer.decode(ids) else None

    def _natural_end(self, ids: tuple[int, ...]) -> tuple[int, int] | None:
        """How many ids come wholly before the marker that ends the thinking, and how many up to its end."""
        ends = self.tokenizer.encode(self.thinking.ends_with)
        if len(ends) == 1:
            return (ids.index(ends[0]), ids.index(ends[0]) + 1) if ends[0] in ids else None
        at = self.tokenizer.decode(ids).find(self.thinking.ends_with)
        if at < 0:
            return None
        before = self.tokenizer.n_within(ids, at)
        end = at + len(self.thinking.ends_with)
        through = self.tokenizer.n_within(ids, end)
        return before, through if len(self.tokenizer.decode(ids[:through])) == end else through + 1


@dataclass(frozen=True, slots=True)
class ChatBudget(ServerBudget):
    """The same by a server's chat, which renders the prompt and writes the marker of its own accord."""

    def request(self, body: dict[str, Any], budget: int) -> tuple[str, dict[str, Any]]:
        """Where a request goes, and what it says of its budget."""
        body = dict(body)
        messages = self.tokenizer.messages_of(tuple(body.pop("prompt")))
        if messages is None:
            raise BackendError(
                "this llama-server ends thinking by itself only in its chat, and this prompt was not rendered by its "
                "chat template; use control truncate",
                is_fatal=True,
            )
        del body["response_fields"]
        return CHAT, {
            **body,
            "messages": messages,
            "chat_template_kwargs": self.tokenizer.template_options,
            "thinking_budget_tokens": budget,
            "reasoning_format": "none",
            "verbose": True,
        }

    def reply(self, raw: Any) -> Any:
        """The part of a reply that is as ``/completion`` answers."""
        return raw.get("__verbose", raw) if isinstance(raw, dict) else raw


def find_chat_budget(wire: Wire, tokenizer: GgufTokenizer, thinking: ThinkingFormat) -> ServerBudget | None:
    """The budget of a server's chat, tried out: same prompt as ours, and as many tokens. ``None`` where it is not."""
    if not thinking.template_opens:
        return None
    tokenizer.remember()
    found = _tried_chat_budget(wire, ChatBudget(thinking, tokenizer))
    if found is None:
        tokenizer.remember(wanted=False)
    return found


def _tried_chat_budget(wire: Wire, budget: ChatBudget) -> ServerBudget | None:
    tokenizer, thinking = budget.tokenizer, budget.thinking
    prompt = tokenizer.render(PROBE)
    close = list(tokenizer.encode(thinking.close))
    greedy = {"samplers": ["top_k"], "top_k": 1, "return_tokens": True, "response_fields": []}
    path, asked = budget.request({"prompt": prompt, "n_predict": PROBED + len(close), **greedy}, PROBED)
    try:
        said = budget.reply(wire.post_now(path, asked))
    except BackendError:
        return None
    is_same = isinstance(said, dict) and said.get("prompt") == tokenizer.decode(prompt)
    return budget if is_same and said.get("tokens", [])[PROBED:] == close else None


def find_budget(wire: Wire, tokenizer: GgufTokenizer, thinking: ThinkingFormat, start: str) -> ServerBudget | None:
    """The budget of a server, tried out: with none left, it must write our forced end. ``None`` where it does not.

    What is compared are ids, so this also shows whether it splits marker and cue into the same tokens as we do.
    """
    budget = ServerBudget(thinking, tokenizer, start)
    expected = list(budget.closing(()))
    if not start or len(tokenizer.encode(start)) != 1 or not expected:
        return None
    body = {"prompt": tokenizer.encode(thinking.open), "n_predict": len(expected), "return_tokens": True}
    path, asked = budget.request({**body, "samplers": ["top_k"], "top_k": 1}, 0)
    reply = wire.post_now(path, asked)
    return budget if isinstance(reply, dict) and reply.get("tokens") == expected else None
