"""The maths worker: LaTeX to sympy objects and their comparison, in a process that may be killed at any moment.

Run as ``python -I worker_child.py``. Text is read by ``latex2sympy2_extended``, an ANTLR grammar that builds sympy
objects node by node. sympy's own reader of text, which evaluates it as Python, is taken out of this process: in its
place stands one that reads a number or a name and refuses all else (the grammar hands its numbers to
``sympy.Number``, which asks for it). One request: two lists of LaTeX pieces; the reply
says whether they are equal, or why nobody can tell.
"""

from __future__ import annotations

import json
import os
import re
import struct
import sys
import time
from typing import Any

LENGTHS = struct.Struct(">II")
CPU_S = 2  # a verdict; no honest MATH answer needed more than 0.3 s
MEMORY_BYTES = 1 << 30
DIGITS = 30  # of a numerical check
NEAR, NEAR_FLOAT = 1e-25, 1e-14  # two closed numbers that differ more are not equal; the second with decimals inside
BIG, MOST_DIGITS = 1e15, 5000


def main() -> None:
    """Import the heavy parts, say so, then serve until the harness hangs up."""
    channel = _private_channel()
    compare = _load()
    _limit_memory()
    _send(channel, {"pid": os.getpid()})
    while (request := _receive()) is not None:
        started_s = time.process_time()
        _limit_cpu(started_s)
        reply = _judge(compare, request)
        _send(channel, {**reply, "cpu_s": time.process_time() - started_s})
        if reply.get("failed") == "memory":
            return  # what filled the memory may still be cached: a fresh process takes over


def _judge(compare: Any, request: dict[str, Any]) -> dict[str, object]:
    try:
        return {"equal": compare(request["gold"], request["answer"])}
    except MemoryError:
        return {"failed": "memory"}
    except RecursionError:
        return {"failed": "too_complex"}
    except Exception as error:  # a parser's own exceptions are many; each is "cannot tell", never "wrong"
        return {"failed": "parse", "detail": f"{type(error).__name__}: {error}"[:200]}


def _load() -> Any:
    """Import sympy and math-verify and return the comparison of two lists."""
    import logging

    import sympy
    from latex2sympy2_extended import latex2sympy
    from math_verify.grader import should_treat_as_complex, verify

    logging.disable(logging.CRITICAL)
    _evaluate_no_text(sympy)

    def read(text: str, is_real: bool) -> Any:
        tree = latex2sympy(text, is_real=is_real, convert_degrees=False, normalization_config=None)
        if isinstance(tree, list | str) or tree is None:
            raise ValueError("not one expression")
        return tree

    def is_equal(gold: Any, answer: Any) -> bool:
        if _is_number(sympy, gold) and _is_number(sympy, answer):
            return _is_near(sympy, gold, answer)
        options: dict[str, Any] = {"allow_set_relation_comp": True}
        options |= {"float_rounding": 12, "numeric_precision": 20, "timeout_seconds": None}
        return bool(verify(gold, answer, **options, raise_on_error=True))

    def compare(gold: list[str], answer: list[str]) -> bool:
        is_real = not any(should_treat_as_complex(text) for text in gold + answer)
        left, right = [[read(text, is_real) for text in side] for side in (gold, answer)]
        return all(is_equal(g, a) for g, a in zip(left, right, strict=True))

    return compare


_NUMBER = re.compile(r"[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]{1,4})?")


def _evaluate_no_text(sympy: Any) -> None:
    """Replace what ``sympify`` gives text to: ``eval`` cannot be reached through it any more."""
    from sympy.parsing import sympy_parser

    def read_number(text: str, *_: object, **__: object) -> Any:
        if text.isidentifier():
            return sympy.Symbol(text)
        if not _NUMBER.fullmatch(text):
            raise ValueError("text is not evaluated here")
        return sympy.Integer(int(text)) if text.lstrip("+-").isdigit() else sympy.Float(text)

    for name in ("parse_expr", "eval_expr", "stringify_expr"):
        setattr(sympy_parser, name, read_number)


def _is_number(sympy: Any, tree: Any) -> bool:
    return isinstance(tree, sympy.Expr) and not isinstance(tree, sympy.MatrixExpr) and not tree.free_symbols


def _is_near(sympy: Any, gold: Any, answer: Any) -> bool:
    """Compare two closed numbers by value, to 30 digits; sympy raises the working precision as it needs."""
    if gold == answer:
        return True
    infinities = (sympy.oo, -sympy.oo, sympy.zoo)
    left, right = sympy.N(gold, DIGITS), sympy.N(answer, DIGITS)
    if not (left.is_number and right.is_number) or left.has(sympy.nan) or right.has(sympy.nan):
        raise ValueError("not a number")
    if left.has(*infinities) or right.has(*infinities):
        return bool(left == right)
    has_float = gold.has(sympy.Float) or answer.has(sympy.Float)
    scale = max(abs(left), abs(right))
    if abs(left - right) > (NEAR_FLOAT if has_float else NEAR) * scale:
        return False
    return has_float or scale < BIG or _is_exact(sympy, gold, answer, scale)


def _is_exact(sympy: Any, gold: Any, answer: Any, scale: Any) -> bool:
    """Big numbers differ in their last digit: look at all of them, as long as they can be written out."""
    digits = int(sympy.log(scale, 10).evalf(15)) + DIGITS
    if digits > MOST_DIGITS:
        raise RecursionError
    return bool(abs(sympy.N(gold, digits) - sympy.N(answer, digits)) < NEAR_FLOAT)


def _private_channel() -> int:
    """Keep the reply channel for ourselves: what a library prints goes to nowhere."""
    channel = os.dup(1)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.close(nowhere)
    return channel


def _limit_memory() -> None:
    if sys.platform == "win32":
        return
    import resource

    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _limit_cpu(used_s: float) -> None:
    """The soft limit moves on with each request; past it SIGXCPU ends the process."""
    if sys.platform == "win32":
        return
    import resource

    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (int(used_s) + CPU_S + 1, hard))


def _receive() -> dict[str, Any] | None:
    lengths = sys.stdin.buffer.read(LENGTHS.size)
    if len(lengths) < LENGTHS.size:
        return None
    head, tail = LENGTHS.unpack(lengths)
    body = sys.stdin.buffer.read(head + tail)
    return json.loads(body[:head]) if len(body) == head + tail else None


def _send(channel: int, header: dict[str, object]) -> None:
    head = json.dumps(header).encode()
    data = LENGTHS.pack(len(head), 0) + head
    while data:
        data = data[os.write(channel, data) :]


if __name__ == "__main__":
    main()
