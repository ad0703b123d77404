"""An assertion-style test, run apart from the answer: its ``candidate`` asks the answer's process for each call.

What is expected stays in this process, what the answer does stays in the other, and between them travel plain
values only. The test is the task author's; it runs behind the same walls all the same.
"""

from __future__ import annotations

import ast
import builtins
import contextlib
import importlib
import json
import random
import sys
import types
from collections.abc import Callable
from typing import Any, TextIO

from . import wire
from .foreign import Foreign, Remote, Unsupported, array, copy_back, record

Say = Callable[[object], None]
OUR_FAULT = (NameError, SyntaxError, ImportError)  # in the test itself; anything else came of what it was given


class NoAnswer(BaseException):
    """The answer's process is gone or spoke nonsense; no ``except Exception`` of a test may hide it."""


class Answer:
    """The answer's process, as the test sees it."""

    def __init__(self, said: TextIO, say: Say) -> None:
        self.names: dict[str, Any] = {}
        self._said, self._say = said, say
        self._decoder = wire.Decoder(Foreign, array, record, lambda place: Remote(place, self._fetch))

    def call(self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Call it there; its exceptions are raised here, and what it changed in place is changed here."""
        encoder = wire.Encoder()
        try:
            wired = [encoder.encode(list(args)), encoder.encode(kwargs)]
        except wire.TooLarge:
            raise Unsupported from None
        if encoder.is_lossy:
            raise Unsupported
        result, after, same = self._ask([name, *wired])
        if after is not None:
            copy_back(args, tuple(self._decoder.decode(after[0])))
            copy_back(kwargs, self._decoder.decode(after[1]))
        return args[same] if same is not None else self._decoder.decode(result)

    def _fetch(self, place: int, count: int) -> tuple[list[Any], bool]:
        items, is_over = self._ask([None, place, count])
        return self._decoder.decode(items), is_over

    def _ask(self, question: list[object]) -> Any:
        self._say(question)
        tag, value = json.loads(self._said.readline() or '["lost", null]')
        if tag == "e":
            raise self._exception(*value)
        if tag != "v":
            raise NoAnswer
        return value

    def _exception(self, names: list[str], text: str, args: object) -> BaseException:
        """The most special of the answer's exception's classes that is known here; ``Exception`` where none is."""
        known = (self.names.get(name, getattr(builtins, name, None)) for name in names)
        cls: type[Exception] = next((k for k in known if isinstance(k, type) and issubclass(k, Exception)), Exception)
        if issubclass(cls, StopIteration | StopAsyncIteration):
            cls = RuntimeError  # it would end a loop of the test in silence, as PEP 479 says of generators
        error: Exception = ValueError(text)
        for arguments in ((text,), self._decoder.decode(args)):
            with contextlib.suppress(TypeError):  # UnicodeDecodeError wants five arguments
                error = cls(*arguments)
        error.is_of_answer = True  # type: ignore[attr-defined]
        return error


class Candidate:
    """One function of the answer, called in the answer's process."""

    def __init__(self, name: str, answer: Answer) -> None:
        self.__name__ = name
        self.n_calls = 0
        self._answer = answer

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        self.n_calls += 1
        return self._answer.call(self.__name__, args, kwargs)

    def __getattr__(self, name: str) -> Any:
        raise Unsupported


def run(request: dict[str, Any], said: TextIO, say: Say) -> bytes:
    """Run the test; the last line to write: ``["end", "ok" | "wrong" | "error" | "unsupported_test" | "lost"]``."""
    random.seed(0)  # a test that draws its cases draws the same ones each time
    answer = Answer(said, say)
    candidate = Candidate(request["entry_point"], answer)
    try:
        tree = ast.parse(request["test"])
        answer.names = names = _names(request, tree, candidate, answer)
        exec(compile(tree, "<test>", "exec", dont_inherit=True), names)  # noqa: S102  the task author's test
        check = names.get("check")
        if isinstance(check, types.FunctionType) and not _calls_check(tree):
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


def _calls_check(tree: ast.Module) -> bool:
    """Whether the test calls its ``check`` by itself, at its top level."""
    calls = (node.value for node in tree.body if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call))
    return any(isinstance(call.func, ast.Name) and call.func.id == "check" for call in calls)


def _names(request: dict[str, Any], tree: ast.Module, candidate: Candidate, answer: Answer) -> dict[str, Any]:
    """The test's world: the prompt's names, the candidate, and modules that the test forgot to import (MBPP does).

    Where no prompt is known, a name that the test nowhere binds is a helper that the answer carries (HumanEval/32's
    ``poly``), and is called there; give the prompt, and nothing but the candidate is the answer's.
    """
    module = types.ModuleType("check")
    sys.modules["check"] = module
    names = module.__dict__
    unknown = _unknown(tree)
    names |= {name: importlib.import_module(name) for name in unknown & sys.stdlib_module_names}
    if prompt := request.get("prompt"):
        exec(compile(whole(prompt), "<prompt>", "exec", dont_inherit=True), names)  # noqa: S102  the author's prompt
    else:
        names |= {name: Candidate(name, answer) for name in unknown - sys.stdlib_module_names}
    head, _, tail = candidate.__name__.partition(".")
    names[head] = type(head, (), {tail: staticmethod(candidate)}) if tail else candidate
    return names


def whole(prompt: str) -> str:
    """A prompt that ends in a signature without a docstring is no program by itself."""
    try:
        ast.parse(prompt)
    except SyntaxError:
        return prompt.rstrip() + "\n    pass\n"
    return prompt


def _unknown(tree: ast.Module) -> set[str]:
    """Names that the test reads and nowhere binds."""
    loaded: set[str] = set()
    bound: set[str] = set(dir(builtins))
    for node in ast.walk(tree):
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
