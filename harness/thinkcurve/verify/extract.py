"""What an answer says, found by regular expressions in one pass: the text, where it stood, which rule found it.

Nothing is evaluated here and nothing is guessed about a box or a fence that was opened and never closed: that is
``no_answer`` with the reason ``unclosed``. Every pattern is linear in the length of the answer.
"""

from __future__ import annotations

import collections
import re
from collections.abc import Iterator
from typing import NamedTuple

MAX_CHARS = 1 << 20  # an answer beyond this is not read: 1 MiB is 40 times the longest honest one seen


class Extracted(NamedTuple):
    """A piece of the answer: ``answer[span[0]:span[1]]`` holds ``text``; ``rule`` found it."""

    text: str
    rule: str
    span: tuple[int, int]


class Missing(NamedTuple):
    """No answer, and why: ``empty``, ``unclosed``, ``nothing``, ``too_long``."""

    reason: str


_BOX_TOKEN = re.compile(r"\\(?:boxed|fbox)\s*(\{)|\\(?:boxed|fbox)\s+([^\s{}$\\.,]+)|\\.|[{}]", re.DOTALL)
# "The final answer is ...", "Final Answer: ...", "**Answer:** ...", GSM8K's "#### ..."
_PHRASE = re.compile(
    r"(?:\b(?:final\s+answer|answer)\b[ \t]{0,4}(?:\*\*)?[ \t]{0,4}(?:is\b[ \t]{0,4}:?|:|=)|####)"
    r"[ \t]{0,4}(?:\*\*)?\s{0,3}",
    re.IGNORECASE,
)
_MATH_SPAN = re.compile(
    r"\$\$([^$]++)\$\$|\$([^$\n]++)\$|\\\(((?:[^\\\n]|\\[^()\n])++)\\\)|\\\[((?:[^\\]|\\[^\[\]])++)\\\]"
)
_NUMBER = re.compile(
    r"(?<![\w.])[-+\u2212]?(?:[0-9]{1,3}(?:,[0-9]{3})+|[0-9]+)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?"
    r"(?:\s?/\s?[0-9]+)?(?:\s?(?:\\?%|percent(?:age)?\b|pct\b))?"
)
_SENTENCE_END = re.compile(r"[.!?](?=\s|$)|\n|\*\*")
_WORD = re.compile(r"(?<!\\)[A-Za-z]{2,}")
_MATH_WORDS = frozenset(
    [
        "sqrt",
        "pi",
        "sin",
        "cos",
        "tan",
        "log",
        "ln",
        "exp",
        "inf",
        "infty",
        "oo",
        "abs",
        "cot",
        "sec",
        "csc",
        "arcsin",
        "arccos",
        "arctan",
    ]
)
_TEXT_COMMAND = re.compile(r"\\(?:text|mathrm|textbf|mathbf|mbox|operatorname|begin|end)\s*\{[^{}]*\}|\\[A-Za-z]+")
SHORT = 64  # characters of a bare answer in words ("east")


def math_answer(answer: str) -> Extracted | Missing:
    """The last closed box; else what a phrase announces; else the whole of a bare expression; else the last one."""
    if not answer.strip():
        return Missing("empty")
    if len(answer) > MAX_CHARS:
        return Missing("too_long")
    boxed = _boxed(answer) if "\\boxed" in answer or "\\fbox" in answer else None
    found = boxed or _announced(answer) or _bare(answer)
    if isinstance(found, Extracted) and not found.text:
        return Missing("empty")
    return found or Missing("nothing")


def _boxed(answer: str) -> Extracted | Missing | None:
    """One pass over the braces with a stack, so that ten thousand of them cost no more than ten thousand steps."""
    stack: list[int] = []  # where the content of each open brace starts; -1 for one that is not a box
    best: Extracted | None = None
    for token in _BOX_TOKEN.finditer(answer):
        if token[1]:
            stack.append(token.end())
        elif token[2]:
            best = Extracted(token[2], "boxed", token.span(2))
        elif token[0] == "{":
            stack.append(-1)
        elif token[0] == "}" and stack:
            start = stack.pop()
            if start >= 0 and (best is None or start > best.span[0]):
                best = _trimmed(answer, start, token.start(), "boxed")
    if best is None and any(start >= 0 for start in stack):
        return Missing("unclosed")
    return best


def _announced(answer: str) -> Extracted | None:
    """What follows the last "final answer is": a math span that starts there, else the rest of the sentence."""
    last = _last(_PHRASE.finditer(answer))
    if last is None or last.end() >= len(answer):
        return None
    if span := _MATH_SPAN.match(answer, last.end()):
        return _inside(span, answer, "announced")
    stop = _SENTENCE_END.search(answer, last.end())
    found = _trimmed(answer, last.end(), stop.start() if stop else len(answer), "announced")
    return (_last_expression(found.text, found.span[0], "announced") or found) if found.text else None


def _bare(answer: str) -> Extracted | None:
    whole = _trimmed(answer, 0, len(answer), "whole")
    if len(whole.text) <= 4 * SHORT and "\n" not in whole.text and not _has_words(whole.text):
        return whole
    if last := _last_expression(answer, 0, "last"):
        return last
    return whole._replace(rule="text") if len(whole.text) <= SHORT and "\n" not in whole.text else None


def _last_expression(text: str, offset: int, rule: str) -> Extracted | None:
    """The last math span or number; the text itself where it holds no words at all."""
    if not _has_words(text) and "\n" not in text:
        return Extracted(text, rule, (offset, offset + len(text)))
    span, number = _last(_MATH_SPAN.finditer(text)), _last(_NUMBER.finditer(text))
    if span and (number is None or span.end() >= number.end()):
        found = _inside(span, text, rule)
    elif number:
        found = Extracted(number[0], rule, number.span())
    else:
        return None
    return found._replace(span=(found.span[0] + offset, found.span[1] + offset))


def _last(matches: Iterator[re.Match[str]]) -> re.Match[str] | None:
    return next(iter(collections.deque(matches, maxlen=1)), None)


def _inside(match: re.Match[str], text: str, rule: str) -> Extracted:
    group = next(index for index in range(1, 5) if match[index] is not None)
    return _trimmed(text, *match.span(group), rule)


def _has_words(text: str) -> bool:
    """Whether natural language is in it: two letters in a row that are neither a command nor a function."""
    if not _WORD.search(text):
        return False
    plain = _TEXT_COMMAND.sub(" ", text)
    return any(word[0].lower() not in _MATH_WORDS for word in _WORD.finditer(plain))


def _trimmed(text: str, start: int, end: int, rule: str) -> Extracted:
    """``text[start:end]`` without white space, emphasis and a closing full stop (``5.`` is 5)."""
    while start < end and (text[start].isspace() or text[start] == "*"):
        start += 1
    while start < end and (text[end - 1].isspace() or text[end - 1] in "*.,;:"):
        end -= 1
    return Extracted(text[start:end], rule, (start, end))


_LETTER = re.compile(r"\W*\(?([A-Za-z])\)?(?:[).:]\s.*|\W*)", re.DOTALL)
_MARKED_LETTER = re.compile(r"\(([A-Z])\)|\*\*([A-Z])\b|\b(?:option|choice)\s+\(?([A-Z])\b")


def choice_answer(answer: str) -> Extracted | Missing:
    """The letter or the words chosen: boxed, announced, alone, or the last ``(B)``; the letter is upper case."""
    if not answer.strip():
        return Missing("empty")
    if len(answer) > MAX_CHARS:
        return Missing("too_long")
    boxed = _boxed(answer) if "\\boxed" in answer or "\\fbox" in answer else None
    if isinstance(boxed, Missing):
        return boxed
    found = boxed or _announced_words(answer) or _trimmed(answer, 0, len(answer), "whole")
    letter = _LETTER.fullmatch(_TEXT_WRAP.sub(r"\1", found.text))
    if letter:
        return found._replace(text=letter[1].upper())
    if found.rule != "whole":
        return found
    last = _last(_MARKED_LETTER.finditer(answer))
    return Extracted(last[1] or last[2] or last[3], "last", last.span()) if last else found


_TEXT_WRAP = re.compile(r"\\(?:text|mathrm|textbf|mathbf|mbox)\s*\{([^{}]*)\}")


def _announced_words(answer: str) -> Extracted | None:
    last = _last(_PHRASE.finditer(answer))
    if last is None:
        return None
    stop = answer.find("\n", last.end())
    found = _trimmed(answer, last.end(), stop if stop >= 0 else len(answer), "announced")
    return found if found.text else None


_FENCE = re.compile(r"^[ \t]*(?:```|~~~)[ \t]*([\w+#.-]*)[^\n]*(?:\n|\Z)", re.MULTILINE)


def code_answer(answer: str, entry_point: str = "") -> Extracted | Missing:
    """The last fenced block that defines ``entry_point``, else the last block, else the whole text without a fence.

    A text with one bare fence at its end was begun inside a fence (by the prompt's cue): what stands before is it.
    """
    if not answer.strip():
        return Missing("empty")
    if len(answer) > MAX_CHARS:
        return Missing("too_long")
    fences = list(_FENCE.finditer(answer))
    blocks = [(a.end(), b.start()) for a, b in zip(fences[::2], fences[1::2], strict=False)]
    naming = re.compile(rf"^[ \t]{{0,40}}(?:(?:async )?def |class )?{re.escape(entry_point)}\b ?[(=:]", re.MULTILINE)
    if len(fences) == 1:
        is_closing = not fences[0][1] and answer[: fences[0].start()].strip()
        return _code(answer, 0, fences[0].start(), "closed") if is_closing else Missing("unclosed")
    for start, end in reversed(blocks):
        if not entry_point or naming.search(answer, start, end):
            return _code(answer, start, end, "fence")
    if len(fences) % 2:
        return Missing("unclosed")
    return _code(answer, *blocks[-1], "fence") if blocks else _code(answer, 0, len(answer), "whole")


def _code(answer: str, start: int, end: int, rule: str) -> Extracted | Missing:
    text = answer[start:end]
    return Extracted(text, rule, (start, end)) if text.strip() else Missing("empty")
