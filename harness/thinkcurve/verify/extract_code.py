"""The program in an answer, found by regular expressions: its text, where it stood, which rule found it.

Nothing is compiled here. A fence that was opened and never closed is ``no_answer`` with the reason ``unclosed``.
Whether the program goes on from a prompt (HumanEval's completions) is told apart from one that stands by itself.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from thinkcurve.verify.extract import MAX_CHARS, Extracted, Missing

PYTHON = frozenset({"python", "py", "python3"})
"""What a fence of Python is tagged with."""
# As CommonMark has it (section 4.5): three or more marks, and no backtick after backticks.
_FENCE = re.compile(r"^([ \t]*)(?:(`{3,})(?=[^`\n]*$)|(~{3,}))[ \t]*([\w+#.-]*)([^\n]*)(?:\n|\Z)", re.MULTILINE)
_STATEMENT = (
    r"(?:from[ \t]+[\w.]+[ \t]+import\b|import[ \t]+[\w.]+|(?:async[ \t]+)?def[ \t]+\w+[ \t]*[\[(]|"
    r"class[ \t]+\w+[ \t]*[:(]|@\w)"
)
_BEGINNING = re.compile(rf"^{_STATEMENT}", re.MULTILINE)
_SIMPLE = (
    r"(?:(?:async )?(?:if|for|while|with)|try|except|finally|else|elif|match)\b.*:$|(?:assert|del|raise)\b|pass$|"
    r"[\w.\[\]]+(?:, ?[\w.\[\]]+)* ?[-+*/%|&^]?=[^=]|[\w.]+\(.*\)$|\"\"\"|'''"
)
# A line that a program without a fence may hold: nothing, indented, a closing bracket, a comment, or a statement.
_LINE = re.compile(rf"[ \t]*$|[ \t]+\S|[)\]}}]|#|{_STATEMENT}|{_SIMPLE}")
# The first line of a program that is neither blank nor a comment (which a heading of Markdown looks like).
_FIRST_LINE = re.compile(r"(?:[ \t]*(?:#[^\n]*)?\n)*+([^\n]*)")
_FIRST = re.compile(rf"{_STATEMENT}|{_SIMPLE}")

# Names that a text binds and uses, without its strings (but for those with fields) and comments. The bounds and the
# possessive stars keep the cost linear.
_NO_NAMES = re.compile(
    r"#[^\n]*|([fF][rR]?|[rR][fF])?(?:"
    r"\"\"\"(?:[^\"\\]|\\.|\"(?!\"\"))*+(?:\"\"\"|\Z)|'''(?:[^'\\]|\\.|'(?!''))*+(?:'''|\Z)|"
    r"\"(?:[^\"\\\n]|\\.)*+(?:\"|$)|'(?:[^'\\\n]|\\.)*+(?:'|$))",
    re.DOTALL | re.MULTILINE,
)
_NAME = re.compile(r"(?<![\w.])[^\W\d]\w*")
_DEFINED = r"(?:(?:async[ \t]+)?def|class)[ \t]+(\w+)|([^\W\d][\w, \t]*+)=(?!=)|([^\W\d]\w*+)[ \t]*+:[^=\n]{0,80}=(?!=)"
_IMPORTED = r"(?:from[ \t]+[\w.]+[ \t]+)?import\b[ \t]*(\([^)]*|[^\n]*)"
_AT_TOP = re.compile(rf"^(?:{_DEFINED}|{_IMPORTED})", re.MULTILINE)
_ANYWHERE = re.compile(rf"^[ \t]*(?:{_DEFINED}|{_IMPORTED})", re.MULTILINE)
_LOCAL = re.compile(
    r"\bfor[ \t]+([\w,() \t]{1,100}?)[ \t]in\b|\blambda\b([^:\n]{0,100})|\bas[ \t]+(\w+)|\b(\w++)[ \t]*+(?::=|=(?!=))"
)
_HEADER = re.compile(r"\bdef[ \t]+\w+[ \t]*\(([^)]*)")
_BRACKETS = re.compile(r"\[[^\[\]]*\]")
_PARAMETER = re.compile(r"(?:^|,)[\s*]*(\w+)")


_SOLUTION = re.compile(r"^class[ \t]+Solution\b", re.MULTILINE)  # LeetCode's: the entry point is a method of it


class Program(NamedTuple):
    """What was found; ``is_continuation`` where it does not define the entry point and so goes on from the prompt."""

    found: Extracted
    is_continuation: bool


class _Block(NamedTuple):
    """What stands between two fences, from ``start`` to ``end``; ``tag`` is the language, in small letters."""

    start: int
    end: int
    tag: str
    rule: str = "fence"


def program(answer: str, entry_point: str = "", *, has_prompt: bool = False) -> Program | Missing:
    """The program of an answer, and whether it is the rest of the prompt."""
    found = code_answer(answer, entry_point, has_prompt=has_prompt)
    if isinstance(found, Missing):
        return found
    defining, importing = _naming(entry_point, indent="")
    defines = defining.search(found.text) or importing.search(found.text) or _SOLUTION.search(found.text)
    return Program(found, has_prompt and bool(entry_point) and not defines)


def code_answer(answer: str, entry_point: str = "", *, has_prompt: bool = False) -> Extracted | Missing:
    """The last fenced block that defines ``entry_point`` (else imports it), or the text without a fence.

    Where no block does, or without an entry point: the last block tagged as Python, else the last one without a tag
    that begins like a program, else the last. What it uses and an earlier block of Python defines (a helper, an
    import) comes with that block: the rule is ``fences``, the text the used blocks joined by a newline, and the span
    runs from the first of them to the end of the last.

    A text with one bare fence behind what begins like a program was begun inside a fence (by the prompt's cue): what
    stands before is it (``closed``). Without any fence, prose before and after the program is left out, unless the
    text may be the rest of a prompt.
    """
    if not answer.strip():
        return Missing("empty")
    if len(answer) > MAX_CHARS:
        return Missing("too_long")
    blocks, is_unclosed = _blocks(answer, has_prompt=has_prompt)
    naming = _naming(entry_point)
    named = [pattern for pattern in naming if entry_point and pattern.search(answer)]
    for pattern in named:
        for index in reversed(range(len(blocks))):
            if pattern.search(answer, blocks[index].start, blocks[index].end):
                return _with_helpers(answer, blocks[: index + 1], has_prompt=has_prompt)
    if is_unclosed and (entry_point or not blocks):
        return Missing("unclosed")
    if not blocks:
        return _unfenced(answer, is_whole=has_prompt and not named)
    chosen = blocks[: 1 + _likeliest(answer, blocks, has_prompt=has_prompt)]
    return _block_code(answer, chosen[-1]) if has_prompt else _with_helpers(answer, chosen, has_prompt=False)


def _naming(entry_point: str, indent: str = r"[ \t]{0,40}") -> tuple[re.Pattern[str], re.Pattern[str]]:
    """What defines the entry point (of a dotted one: its class), and what imports it. A call does neither."""
    name = rf"{re.escape(entry_point.partition('.')[0])}\b"
    return (
        re.compile(rf"^{indent}(?:(?:(?:async[ \t]+)?def|class)[ \t]+{name}|{name}[ \t]*(?:=(?!=)|:))", re.MULTILINE),
        re.compile(rf"^{indent}(?:from|import)[ \t][^\n]*\b{name}", re.MULTILINE),
    )


# Fences ------------------------------------------------------------------------------------------------------


def _blocks(answer: str, *, has_prompt: bool) -> tuple[list[_Block], bool]:
    """The blocks in order, and whether the last fence was left open.

    A closing fence has the opener's mark, at least its length, nothing behind it, and an indent at most 3 deeper;
    other fences belong to the block (a docstring's example). One tagged as Python begins a block anew, so a block
    inside one of Markdown is found, and one that was never closed hides nothing.
    """
    fences = list(_FENCE.finditer(answer))
    blocks: list[_Block] = []
    if len(fences) % 2 and _is_bare(fences[0]) and _begins(answer[: fences[0].start()], has_prompt=has_prompt):
        blocks.append(_Block(0, fences[0].start(), "python", "closed"))
        del fences[0]
    opener: re.Match[str] | None = None
    for fence in fences:
        if opener is None or _opens_anew(opener, fence):
            opener = fence
        elif _closes(opener, fence):
            blocks.append(_Block(opener.end(), fence.start(), opener[4].lower()))
            opener = None
    if opener is None or (blocks and _is_bare(opener) and not answer[opener.end() :].strip()):
        return blocks, False
    return blocks, True


def _is_bare(fence: re.Match[str]) -> bool:
    return not fence[4] and not fence[5].strip()


def _closes(opener: re.Match[str], fence: re.Match[str]) -> bool:
    mark = opener[2] or opener[3]
    return _is_bare(fence) and (fence[2] or fence[3]).startswith(mark) and _is_level(opener, fence)


def _opens_anew(opener: re.Match[str], fence: re.Match[str]) -> bool:
    return fence[4].lower() in PYTHON and _is_level(opener, fence)


def _is_level(opener: re.Match[str], fence: re.Match[str]) -> bool:
    return len(fence[1].expandtabs(4)) <= len(opener[1].expandtabs(4)) + 3


def _begins(text: str, *, has_prompt: bool = False) -> bool:
    """Whether a text begins like a program, or like the rest of one where there is a prompt to go on from."""
    found = _FIRST_LINE.match(text)
    line = found[1].rstrip() if found else ""
    if has_prompt and re.match(r"[ \t]+\S|(?:return|yield)\b", line):
        return True
    bare = line.lstrip()
    return bool(_BEGINNING.match(bare) if bare != line else _FIRST.match(line))


def _likeliest(answer: str, blocks: Sequence[_Block], *, has_prompt: bool) -> int:
    """The index of the block that is the program, where nothing names it."""
    tagged = [index for index, block in enumerate(blocks) if block.tag in PYTHON]
    if tagged:
        return tagged[-1]
    for index in reversed(range(len(blocks))):
        if _is_python(answer, blocks[index], has_prompt=has_prompt):
            return index
    return len(blocks) - 1


def _is_python(answer: str, block: _Block, *, has_prompt: bool = False) -> bool:
    is_untagged_code = not block.tag and _begins(answer[block.start : block.end], has_prompt=has_prompt)
    return block.tag in PYTHON or is_untagged_code


# Helpers in earlier blocks -----------------------------------------------------------------------------------


def _with_helpers(answer: str, blocks: Sequence[_Block], *, has_prompt: bool) -> Extracted | Missing:
    """The last block, behind those earlier ones that define what it, or one of them, uses and does not bind."""
    found = _block_code(answer, blocks[-1])
    earlier = [block for block in blocks[:-1] if _is_python(answer, block, has_prompt=has_prompt)]
    if isinstance(found, Missing) or not earlier:
        return found
    used = [found.text]
    needed, start = _unbound(found.text), found.span[0]
    for block in reversed(earlier):
        code = _block_code(answer, block)
        if isinstance(code, Missing):
            continue
        defined = _bound(_AT_TOP, _without_strings(code.text))
        if defined.isdisjoint(needed):
            continue
        needed -= defined
        needed |= _unbound(code.text)
        used.append(code.text)
        start = block.start
    if len(used) == 1:
        return found
    return Extracted("\n".join(reversed(used)), "fences", (start, found.span[1]))


def _unbound(text: str) -> set[str]:
    """Names that a program uses and binds nowhere, as far as regular expressions can tell."""
    text = _without_strings(text)
    bound = _bound(_ANYWHERE, text) | _names(part for found in _LOCAL.finditer(text) for part in found.groups(""))
    for header in _HEADER.finditer(text):
        bound.update(_PARAMETER.findall(_BRACKETS.sub("", header[1])))
    return set(_NAME.findall(text)) - bound


def _without_strings(text: str) -> str:
    return _NO_NAMES.sub(lambda found: found[0] if found[1] else " ", text)


def _bound(pattern: re.Pattern[str], text: str) -> set[str]:
    return _names(part for found in pattern.finditer(text) for part in found.groups(""))


def _names(parts: Iterable[str]) -> set[str]:
    return {name for part in parts if part for name in _NAME.findall(part)}


def _block_code(answer: str, block: _Block) -> Extracted | Missing:
    return _code(answer, block.start, block.end, block.rule)


# Without a fence ---------------------------------------------------------------------------------------------


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
