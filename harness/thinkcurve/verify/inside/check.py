"""An assertion-style test, run apart from the answer: its ``candidate`` asks the answer's process for each call.

What is expected stays in this process, what the answer does stays in the other, and between them travel plain
values only. The test is the task author's; it runs behind the same walls all the same.
"""

from __future__ import annotations

import ast
import builtins
import importlib
import json
import random
import sys
import types
from collections.abc import Callable
from typing import Any, TextIO

from . import wire

Say = Callable[[object], None]
OUR_FAULT = (NameError, SyntaxError, ImportError)  # in the test itself; anything else came of what it was given


class NoAnswer(BaseException):
    """The answer's process is gone or spoke nonsense; no ``except Exception`` of a test may hide it."""


class Unsupported(BaseException):
    """The test asks for what cannot travel between the two processes."""


class Foreign:
    """A value of the answer's own type: equal to nothing; what an attribute that it does have holds cannot be told."""

    def __init__(self, attributes: tuple[str, ...]) -> None:
        self._attributes = attributes

    def __getattr__(self, name: str) -> Any:
        if name in self._attributes:
            raise Unsupported
        raise AttributeError(name)


class Candidate:
    """One function of the answer, called in the answer's process."""

    def __init__(self, name: str, said: TextIO, say: Say) -> None:
        self.__name__ = name
        self.n_calls = 0
        self._said, self._say = said, say

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call it there; its built-in exceptions are raised here, and what it changed in place is changed here."""
        self.n_calls += 1
        encoder = wire.Encoder()
        call = [self.__name__, encoder.encode(list(args)), encoder.encode(kwargs)]
        if encoder.is_lossy:
            raise Unsupported
        self._say(call)
        tag, value = json.loads(self._said.readline() or '["lost", null]')
        if tag == "e":
            raise _exception(value)
        if tag != "v":
            raise NoAnswer
        result, after = value
        if after is not None:
            for mine, theirs in zip(args, wire.decode(after), strict=True):
                _copy_back(mine, theirs)
        return _familiar(wire.decode(result))

    def __getattr__(self, name: str) -> Any:
        raise Unsupported


def run(request: dict[str, Any], said: TextIO, say: Say) -> bytes:
    """Run the test; the last line to write: ``["end", "ok" | "wrong" | "error" | "unsupported_test" | "lost"]``."""
    random.seed(0)  # a test that draws its cases draws the same ones each time
    entry_point, test = request["entry_point"], request["test"]
    candidate = Candidate(entry_point, said, say)
    try:
        names = _names(request, candidate, said, say)
        exec(compile(test, "<test>", "exec", dont_inherit=True), names)  # noqa: S102  the task author's test
        check = names.get("check")
        if isinstance(check, types.FunctionType) and not candidate.n_calls:
            check(candidate)
        outcome = "ok" if candidate.n_calls else "unsupported_test"
    except NoAnswer:
        outcome = "lost"
    except Unsupported:
        outcome = "unsupported_test"
    except MemoryError:
        raise
    except BaseException as error:
        is_of_answer = getattr(error, "is_of_answer", False)
        outcome = "error" if is_of_answer else "unsupported_test" if isinstance(error, OUR_FAULT) else "wrong"
    return json.dumps(["end", outcome]).encode() + b"\n"


def _names(request: dict[str, Any], candidate: Candidate, said: TextIO, say: Say) -> dict[str, Any]:
    """The test's world: the prompt's names, the candidate, and modules that the test forgot to import (MBPP does).

    Where no prompt is known, a name that the test nowhere binds is a helper that the answer carries (HumanEval/32's
    ``poly``), and is called there; give the prompt, and nothing but the candidate is the answer's.
    """
    module = types.ModuleType("check")
    sys.modules["check"] = module
    names = module.__dict__
    unknown = _unknown(request["test"])
    names |= {name: importlib.import_module(name) for name in unknown & sys.stdlib_module_names}
    if prompt := request.get("prompt"):
        exec(compile(prompt, "<prompt>", "exec", dont_inherit=True), names)  # noqa: S102  the task author's prompt
    else:
        names |= {name: Candidate(name, said, say) for name in unknown - sys.stdlib_module_names}
    names[candidate.__name__] = candidate
    return names


def _unknown(test: str) -> set[str]:
    """Names that the test reads and nowhere binds."""
    loaded: set[str] = set()
    bound: set[str] = set(dir(builtins))
    for node in ast.walk(ast.parse(test)):
        if isinstance(node, ast.Name):
            (loaded if isinstance(node.ctx, ast.Load) else bound).add(node.id)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            bound.add(node.name)
        elif isinstance(node, ast.arg):
            bound.add(node.arg)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            bound |= {(alias.asname or alias.name).partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ExceptHandler) and node.name:
            bound.add(node.name)
    return loaded - bound


def _exception(names: object) -> BaseException:
    """The most special built-in exception that the answer's was; ``Exception`` where it was none."""
    for name in names if isinstance(names, list) else ():
        cls = getattr(builtins, name, None) if isinstance(name, str) else None
        if isinstance(cls, type) and issubclass(cls, Exception):
            break
    else:
        cls = Exception
    if issubclass(cls, StopIteration | StopAsyncIteration):
        cls = RuntimeError  # it would end a loop of the test in silence, as PEP 479 says of generators
    try:
        error = cls("raised by the answer")
    except TypeError:  # UnicodeDecodeError wants five arguments
        error = ValueError("raised by the answer")
    error.is_of_answer = True  # type: ignore[attr-defined]
    return error


def _copy_back(mine: Any, theirs: Any) -> None:
    """Make ``mine`` hold what the answer left in it."""
    if type(mine) is not type(theirs):
        return
    if isinstance(mine, list | bytearray):
        mine[:] = theirs
    elif isinstance(mine, dict | set):
        mine.clear()
        mine.update(theirs)


def _familiar(value: Any) -> Any:
    """A NumPy array where the test has NumPy, a list where it has not."""
    if isinstance(value, wire.Array):
        numpy = sys.modules.get("numpy")
        return numpy.array(value.values) if numpy else value.values
    return Foreign(value.attributes) if isinstance(value, wire.Opaque) else value
