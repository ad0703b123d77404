"""The program in an answer, found by regular expressions: its text, where it stood, which rule found it.

Nothing is compiled here. A fence that was opened and never closed is ``no_answer`` with the reason ``unclosed``.
Whether the program goes on from a prompt (HumanEval's completions) is told apart from one that stands by itself.
"""

from __future__ import annotations

import re
import textwrap
from typing import NamedTuple

from thinkcurve.verify.extract import MAX_CHARS, Extracted, Missing

_FENCE = re.compile(r"^[ \t]*(?:```|~~~)[ \t]*([\w+#.-]*)[^\n]*(?:\n|\Z)", re.MULTILINE)
_STATEMENT = (
    r"(?:from[ \t]+[\w.]+[ \t]+import\b|import[ \t]+[\w.]+|(?:async[ \t]+)?def[ \t]+\w+[ \t]*[\[(]|"
    r"class[ \t]+\w+[ \t]*[:(]|@\w)"
)
_BEGINNING = re.compile(rf"^{_STATEMENT}", re.MULTILINE)
# A line that a program without a fence may hold: nothing, indented, a closing bracket, a comment, or a statement.
_LINE = re.compile(
    rf"[ \t]*$|[ \t]+\S|[)\]}}]|#|{_STATEMENT}|"
    r"(?:(?:async )?(?:if|for|while|with)|try|except|finally|else|elif|match)\b.*:$|(?:assert|del|raise)\b|pass$|"
    r"[\w.\[\]]+(?:, ?[\w.\[\]]+)* ?[-+*/%|&^]?=[^=]|[\w.]+\(.*\)$|\"\"\"|'''",
)


class Program(NamedTuple):
    """What was found; ``is_continuation`` where it does not define the entry point and so goes on from the prompt."""

    found: Extracted
    is_continuation: bool


def program(answer: str, entry_point: str = "", *, has_prompt: bool = False) -> Program | Missing:
    """The program of an answer, and whether it is the rest of the prompt."""
    found = code_answer(answer, entry_point, has_prompt=has_prompt)
    if isinstance(found, Missing):
        return found
    name = re.escape(entry_point)
    defines = re.compile(
        rf"^(?:(?:async[ \t]+)?def|class)[ \t]+{name}\b|^{name}[ \t]*[:=]|^from[ \t].*\b{name}\b", re.MULTILINE
    )
    return Program(found, has_prompt and bool(entry_point) and not defines.search(found.text))


def code_answer(answer: str, entry_point: str = "", *, has_prompt: bool = False) -> Extracted | Missing:
    """The last fenced block that defines ``entry_point``, else the last block, else the text without a fence.

    A text with one bare fence at its end was begun inside a fence (by the prompt's cue): what stands before is it.
    Without any fence, prose before and after the program is left out, unless the text may be the rest of a prompt.
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
    if blocks:
        return _code(answer, *blocks[-1], "fence")
    return _unfenced(answer, is_whole=has_prompt and not naming.search(answer))


def _unfenced(answer: str, *, is_whole: bool) -> Extracted | Missing:
    """From the first line that begins a program to the last one that can belong to it; all where there is no such."""
    beginning = _BEGINNING.search(answer)
    if is_whole or beginning is None or not _has_prose(answer):
        return _code(answer, 0, len(answer), "whole")
    end = position = beginning.start()
    for line in answer[position:].splitlines(keepends=True):
        if not _LINE.match(line.rstrip()):
            break
        position += len(line)
        end = position if line.strip() else end
    return _code(answer, beginning.start(), end, "lines")


def _has_prose(answer: str) -> bool:
    """Whether a line outside any indentation cannot be a program's. In a long string it may be: nothing is cut then."""
    if '"""' in answer or "'''" in answer:
        return not _LINE.match(answer.lstrip("\n").partition("\n")[0].rstrip())
    return any(not _LINE.match(line.rstrip()) for line in answer.splitlines())


def _code(answer: str, start: int, end: int, rule: str) -> Extracted | Missing:
    text = answer[start:end]
    if not text.strip():
        return Missing("empty")
    first = text.lstrip("\n")
    if first[0] in " \t" and _BEGINNING.match(first.lstrip()):  # a whole block set in by its list item
        text = textwrap.dedent(text)
    return Extracted(text, rule, (start, end))
