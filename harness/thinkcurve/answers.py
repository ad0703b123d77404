"""Answers of a user's own, judged without a run or a model: ``{"id", "reference", "answer"}``, one JSON object a line.

A file is read and checked whole, so that a typo in line 900 costs nothing but a sentence; `judged` then hands out
judgements in the order of the questions, many at once. How an answer is judged is ``verify``'s business.
"""

from __future__ import annotations

import ast
import asyncio
import functools
import json
import keyword
import math
import re
import warnings
from collections import deque
from collections.abc import AsyncGenerator, Callable, Iterable
from typing import Any, BinaryIO, get_args, get_type_hints

import msgspec

from thinkcurve.errors import UsageError, did_you_mean
from thinkcurve.problem import (
    Case,
    Choice,
    FunctionTests,
    Judgement,
    MathAnswer,
    Reference,
    StdioCase,
    StdioTests,
    Verdict,
)
from thinkcurve.verify.cases import checks
from thinkcurve.verify.extract import box_contents
from thinkcurve.verify.judge import Judge
from thinkcurve.verify.maths.parse import parse
from thinkcurve.verify.maths.tree import ParseError
from thinkcurve.verify.notation import normal

IN_FLIGHT = 64
"""Answers handed to the judge at a time: enough that one slow answer at the head keeps no worker idle."""
EXAMPLE = '{"id": "1", "reference": {"type": "math", "answer": "42"}, "answer": "..."}'
LONGEST_LINE = 64 << 20
"""Bytes; a file that is no text at all may hold no end of line."""
SHOWN = 40
"""Characters of a wrong value that a complaint repeats."""
MEMORY_MB, CPU_S = (1, 65536), (0.01, 3600.0)
"""The least and the most that a code answer may be given."""


class Entry(msgspec.Struct, frozen=True):
    """One line: a reference, and the text that a model wrote after its thinking."""

    id: str | int
    reference: MathAnswer | Choice | FunctionTests | StdioTests
    answer: str


class Judged(msgspec.Struct, frozen=True):
    """What is said of one line; ``span`` is where ``extracted`` stood in the answer."""

    id: str | int
    verdict: Verdict
    reason: str
    rung: str
    span: tuple[int, int] | None
    extracted: str | None
    cpu_s: float


_TYPES: dict[str, type[msgspec.Struct]] = {
    str(kind.__struct_config__.tag): kind for kind in (MathAnswer, Choice, FunctionTests, StdioTests)
}
_CASES: dict[type[msgspec.Struct], type[msgspec.Struct]] = {FunctionTests: Case, StdioTests: StdioCase}


def judged_line(entry: Entry, judgement: Judgement) -> Judged:
    """The line that answers ``entry``."""
    return Judged(
        id=entry.id,
        verdict=judgement.verdict,
        reason=judgement.reason,
        rung=judgement.rung,
        span=judgement.span,
        extracted=judgement.extracted,
        cpu_s=round(judgement.cpu_s, 6),
    )


async def judged(judge: Judge, items: Iterable[tuple[Reference, str]]) -> AsyncGenerator[Judgement, None]:
    """A judgement of each (reference, answer), in their order; close it (`contextlib.aclosing`) to stop early."""
    pending: deque[asyncio.Task[Judgement]] = deque()
    try:
        for reference, answer in items:
            if len(pending) >= IN_FLIGHT:
                yield await pending.popleft()
            pending.append(asyncio.create_task(judge.judge(reference, answer)))
        while pending:
            yield await pending.popleft()
    finally:
        for task in pending:
            task.cancel()
        await asyncio.gather(*pending, return_exceptions=True)


def read_entries(stream: BinaryIO, name: str, warn: Callable[[str], None] = lambda _: None) -> list[Entry]:
    """The entries of a file called ``name``; the first bad line is a `UsageError`. Blank lines are passed over.

    Equal references are kept once, so a thousand answers to one set of tests need its memory once. A gold that can
    hardly be met is judged all the same, with a word to ``warn``.
    """
    entries: list[Entry] = []
    known: dict[Reference, Any] = {}
    doubts: list[str] = []
    for number, line in enumerate(iter(lambda: stream.readline(LONGEST_LINE + 1), b""), 1):
        if len(line) > LONGEST_LINE:
            raise UsageError(f"{name}:{number}: the line is longer than {LONGEST_LINE >> 20} MiB")
        line = line.removeprefix(b"\xef\xbb\xbf") if number == 1 else line
        if not line.strip():
            continue
        where = f"{name}:{number}"
        entry = _entry(_object(line, where), where)
        if entry.reference not in known:
            if wrong := _wrong_value(entry.reference):
                raise UsageError(f"{where}: reference.{wrong}")
            if doubt := _doubt(entry.reference):
                doubts.append(f"{where}: {doubt}")
            known[entry.reference] = entry.reference
        entries.append(Entry(entry.id, known[entry.reference], entry.answer))
    if not entries:
        raise UsageError(f"{name} holds no answers; a line is {EXAMPLE}")
    if doubts:
        warn(doubts[0] + (f" (and {len(doubts) - 1:,} more like it)" if len(doubts) > 1 else ""))
    return entries


def _doubt(reference: Reference) -> str:
    """Why hardly any answer can be judged correct by a reference."""
    if isinstance(reference, MathAnswer) and not _is_mathematics(reference):
        return f"the gold {_shown(reference.answer)} cannot be read as mathematics; answers may stay unverified"
    if isinstance(reference, Choice) and not _is_choice(reference):
        return f"the gold {_shown(reference.answer)} is not the letter of an option; no answer can be correct"
    return ""


def _is_mathematics(gold: MathAnswer) -> bool:
    """Whether our parser reads the gold; times, dates and digits of another base have rules of their own."""
    if gold.form != "expression" or gold.base is not None:
        return True
    try:
        parse(", ".join(box_contents(gold.answer)) or gold.answer)
    except ParseError:
        return False
    return bool(normal(gold.answer))


def _is_choice(gold: Choice) -> bool:
    letter = gold.answer.strip().strip("()").upper()
    return len(letter) == 1 and letter.isalpha() and (not gold.choices or ord(letter) - ord("A") < len(gold.choices))


# One line --------------------------------------------------------------------------------------------------


def _object(line: bytes, where: str) -> dict[str, Any]:
    """The JSON object of a line."""
    try:
        line.decode()
        found = _decode(line)
    except UnicodeDecodeError as error:
        raise UsageError(f"{where}: byte {error.start + 1} of the line is not UTF-8") from error
    except (msgspec.DecodeError, RecursionError) as error:
        text = line.decode("utf-8", "replace").strip()
        why = "nested too deeply" if isinstance(error, RecursionError) else str(error).removeprefix("JSON is ")
        raise UsageError(f"{where}: {_shown(text)} is not JSON ({why}); a line is {EXAMPLE}") from error
    if not isinstance(found, dict):
        raise UsageError(f"{where}: {_shown(found)} is not an object; a line is {EXAMPLE}")
    return found


def _decode(line: bytes) -> Any:
    """JSON, also with halves of surrogate pairs, which text cut in the middle of an emoji has: a ``?`` each."""
    try:
        return msgspec.json.decode(line)
    except msgspec.DecodeError:
        if b"\\u" not in line:
            raise
        try:
            text = json.dumps(json.loads(line), ensure_ascii=False)
        except (ValueError, RecursionError):
            text = ""
        if not text:
            raise
        return msgspec.json.decode(text.encode("utf-8", "replace"))


def _entry(raw: dict[str, Any], where: str) -> Entry:
    """A line as a record. Keys are checked first: msgspec passes over one that it does not know."""
    _check_keys(raw, Entry, where, "the line")
    reference = raw["reference"]
    kind = None
    if isinstance(reference, dict):
        kind = _type_of(reference, where)
        _check_keys(reference, kind, where, "the reference")
        cases = reference.get("cases") if kind in _CASES else None
        for case in cases if isinstance(cases, list) else ():
            if isinstance(case, dict):
                _check_keys(case, _CASES[kind], where, "a case")
    try:
        return msgspec.convert(raw, Entry)
    except msgspec.ValidationError as error:
        raise UsageError(f"{where}: {_mismatch(str(error), raw, kind)}") from error


def _type_of(reference: dict[str, Any], where: str) -> type[msgspec.Struct]:
    known = ", ".join(_TYPES)
    if "type" not in reference:
        raise UsageError(f"{where}: the reference has no 'type'; it is one of {known}")
    name = reference["type"]
    if not isinstance(name, str):
        raise UsageError(f"{where}: reference.type is {_shown(name)}; it is one of {known}")
    if name not in _TYPES:
        raise UsageError(
            f"{where}: unknown reference type {_shown(name)}.{did_you_mean(name, _TYPES)} Known types: {known}"
        )
    return _TYPES[name]


def _check_keys(raw: dict[str, Any], record: type[msgspec.Struct], where: str, what: str) -> None:
    known, required = _keys(record)
    for key in raw:
        if key not in known:
            near = did_you_mean(key, known)
            raise UsageError(f"{where}: unknown key {_shown(key)} in {what}.{near} Known keys: {', '.join(known)}")
    for key in required:
        if key not in raw:
            raise UsageError(f"{where}: {what} has no {key!r}; known keys: {', '.join(known)}")


@functools.cache
def _keys(record: type[msgspec.Struct]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The keys of a record, and those of them that must be there."""
    fields = msgspec.structs.fields(record)
    tag = ("type",) if record in _TYPES.values() else ()
    return (*tag, *(field.name for field in fields)), tuple(field.name for field in fields if field.required)


_EXPECTED = re.compile(r"Expected `([^`]*)`, got `[^`]*`(?: - at `\$\.?([^`]*)`)?")
_INVALID = re.compile(r"Invalid enum value .* - at `\$\.reference\.(\w+)`")
_WORDS = {
    "str": "a string",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "array": "a list",
    "object": "an object",
}


def _mismatch(message: str, raw: dict[str, Any], kind: type[msgspec.Struct] | None) -> str:
    """msgspec's word on a wrong type, with the value that has it."""
    if (found := _EXPECTED.fullmatch(message)) and found[2]:
        names = [_WORDS.get(name, name) for name in found[1].split(" | ") if name != "null"]
        return f"{found[2]} is {_shown(_at(raw, found[2]))}, not {' or '.join(names)}"
    if kind is not None and (found := _INVALID.fullmatch(message)):
        accepted = [str(value) for value in get_args(get_type_hints(kind)[found[1]])]
        value = raw["reference"][found[1]]
        near = did_you_mean(value, accepted)
        return f"reference.{found[1]} is {_shown(value)}.{near} It is one of {', '.join(accepted)}"
    return message.replace("$.", "").replace("`", "'")


def _at(raw: Any, path: str) -> Any:
    """The value at ``reference.cases[0].args``."""
    for step in re.findall(r"\w+", path):
        raw = raw[int(step)] if isinstance(raw, list) else raw[step]
    return raw


def _wrong_value(reference: Reference) -> str:
    """What has the right type and can still not be meant."""
    tolerance = getattr(reference, "tolerance", None)
    if tolerance is not None and not 0 <= tolerance < math.inf:
        return f"tolerance is {tolerance:g}; it is a number from 0 up"
    if isinstance(reference, MathAnswer) and reference.base is not None and not 2 <= reference.base <= 36:
        return f"base is {reference.base}; it is a whole number from 2 to 36"
    if isinstance(reference, FunctionTests | StdioTests):
        if not CPU_S[0] <= reference.cpu_s <= CPU_S[1]:
            return f"cpu_s is {reference.cpu_s:g}; it is a number of seconds from {CPU_S[0]:g} to {CPU_S[1]:g}"
        if not MEMORY_MB[0] <= reference.memory_mb <= MEMORY_MB[1]:
            return (
                f"memory_mb is {_shown(reference.memory_mb)}; it is a number of megabytes "
                f"from {MEMORY_MB[0]} to {MEMORY_MB[1]}"
            )
    if isinstance(reference, StdioTests) and not reference.cases:
        return "cases is empty; give at least one"
    return _wrong_tests(reference) if isinstance(reference, FunctionTests) else ""


def _wrong_tests(reference: FunctionTests) -> str:
    if not all(part.isidentifier() and not keyword.iskeyword(part) for part in reference.entry_point.split(".")):
        return f"entry_point is {_shown(reference.entry_point)}, not the name of a function"
    if why := _wrong_prompt(reference.prompt):
        return f"prompt is not Python, also with 'pass' behind it ({why})"
    if bool(reference.cases) == bool(reference.test):
        return f"cases and reference.test are both {'given' if reference.cases else 'empty'}; give one of them"
    if reference.cases and checks(reference) is None:
        for index, case in enumerate(reference.cases):
            if not _is_readable(case.args, "None"):
                return f'cases[{index}].args is {_shown(case.args)}, not a list as Python writes it, such as "[1, 2]"'
            if not _is_readable("[]", case.expected):
                return f"cases[{index}].expected is {_shown(case.expected)}, not a value as Python writes it"
    return _wrong_test(reference) if reference.test else ""


def _wrong_prompt(prompt: str) -> str:
    """What is wrong with a prompt that does not even parse with a body; it may end in the header of a function."""
    why = _parsed(prompt)
    last = prompt.rstrip().rpartition("\n")[2]
    indent = last[: len(last) - len(last.lstrip())] + "    "
    return why if isinstance(why, str) and isinstance(_parsed(f"{prompt.rstrip()}\n{indent}pass\n"), str) else ""


def _wrong_test(reference: FunctionTests) -> str:
    tree = _parsed(reference.test)
    if isinstance(tree, str):
        return f"test is not Python ({tree})"
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    names |= {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    is_defined = any(isinstance(node, ast.FunctionDef) and node.name == "check" for node in tree.body)
    if not (is_defined or names.intersection(reference.entry_point.split("."))):
        return f"test neither defines check(candidate) nor calls {_shown(reference.entry_point)}"
    return ""


def _parsed(text: str) -> ast.Module | str:
    """The tree of a reference's own code, or what is wrong with it. It is the user's text and parsed, never run."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # '\d' in a docstring
            return ast.parse(text)
    except SyntaxError as error:
        return f"line {error.lineno}: {error.msg}" if error.lineno else str(error.msg)
    except ValueError as error:
        return str(error)
    except (RecursionError, MemoryError):
        return "nested too deeply"


def _is_readable(args: str, expected: str) -> bool:
    return checks(FunctionTests("f", (Case(args, expected),))) is not None


def _shown(value: object) -> str:
    """A value as JSON, short, on one line and without anything that a terminal would obey."""
    text = json.dumps(value, ensure_ascii=False)[: 2 * SHOWN]
    text = "".join(mark if mark.isprintable() else "?" for mark in text)
    return text if len(text) <= SHOWN else text[: SHOWN - 1] + "…"
