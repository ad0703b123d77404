"""One task, in a fork of the zygote: limits, walls, then the answer. Nothing here ever returns.

Results travel on a pipe of their own, each line led by a random word of the request. An answer that hunts for the
pipe and the word with ``gc`` or frames can write lines there: so it can return any value it likes, which it could
do anyway. It gains nothing, because what is expected is not in here.
"""

# pathlib stays out of the sandbox: importing it would cost what forks share.

from __future__ import annotations

import atexit
import contextlib
import gc
import io
import itertools
import json
import linecache
import math
import os
import random
import resource
import sys
import textwrap
import threading
import types
import typing

from . import check, walls, wire
from .foreign import array, record

Request = dict[str, typing.Any]
RESULTS, SAID = 3, 4  # descriptors
FILE_BYTES = 16 << 20
PROCESSES = 4096  # of the user, not of the task: matters only where seccomp does not refuse every fork
STACK_BYTES = 64 << 20  # for deep recursion inside C code
FILE = "answer.py"  # what a program may call itself
READY = b"ready\n"
OUT_OF_MEMORY = 71


class Pipes(typing.NamedTuple):
    """The task's ends of its pipes; ``said`` is -1 where there is no dialogue."""

    out: int
    results: int
    said: int


def carry_out(request: Request, cases: list[typing.Any], zygote_bytes: int, pipes: Pipes) -> typing.NoReturn:
    """Close what is not ours, put the walls up, run the answer (on ``cases``, the arguments of each call), leave."""
    code = 1
    try:
        out_of_memory = _line(request["nonce"], -1, "m", None)
        _redirect(request.get("stdin", ""), pipes)
        _limit(request, zygote_bytes)
        walls.enclose_task()
        gc.enable()
        _write(READY)
        try:
            code = _run(request, cases)
        except MemoryError:
            os.write(RESULTS, out_of_memory)
            code = OUT_OF_MEMORY
    finally:
        os._exit(code)


def _run(request: Request, cases: list[typing.Any]) -> int:
    kind = request["kind"]
    if kind == "stdio":
        return _run_program(request["code"])
    if kind == "check":
        said = open(SAID, encoding="utf-8", closefd=False)  # noqa: SIM115  ends with the process
        _write(check.run(request, said, lambda data: _write(json.dumps(data).encode() + b"\n")))
        return 0
    return _serve(request) if kind == "serve" else _call(request, cases)


def _call(request: Request, cases: list[typing.Any]) -> int:
    """Define the answer's names, call its function on each case, and write each value as it comes."""
    nonce, index = request["nonce"], -1
    try:
        function = _function(_define(request), request["entry_point"])
        for index, arguments in enumerate(cases):
            value = wire.Encoder().encode(function(*arguments))
            _write(_line(nonce, index, "v", value))
    except MemoryError:
        raise
    except BaseException as error:
        _write(_failed(nonce, index, error))
    return 0


def _serve(request: Request) -> int:
    """Define the answer's names, then call whichever is asked for, until nothing more is asked."""
    nonce, index = request["nonce"], -1
    try:
        names = _define(request)
    except MemoryError:
        raise
    except BaseException as error:
        _write(_failed(nonce, index, error))
        return 0
    iterators: list[typing.Iterator[object]] = []
    said = open(SAID, "rb", closefd=False)  # noqa: SIM115  ends with the process
    for index, line in enumerate(said):
        try:
            question = json.loads(line)
            if question[0] is None:
                value = _more(iterators, question[1], question[2])
            else:
                value = _one_call(names, iterators, *question)
            _write(_line(nonce, index, "v", value))
        except MemoryError:
            raise
        except BaseException as error:
            _write(_failed(nonce, index, error))
    return 0


def _one_call(
    names: dict[str, typing.Any], iterators: list[typing.Iterator[object]], name: str, args: object, kwargs: object
) -> list[object]:
    """The value of a call, what it left in its arguments where that is not what they were, and which it gave back."""
    decoder = wire.Decoder(array=array, record=record)
    arguments, keywords = decoder.decode(args), decoder.decode(kwargs)
    value = _function(names, name)(*arguments, **keywords)
    same = next((place for place, argument in enumerate(arguments) if argument is value), None)
    after = [wire.Encoder().encode(arguments), wire.Encoder().encode(keywords)]
    return [wire.Encoder(iterators).encode(value), None if after == [args, kwargs] else after, same]


def _more(iterators: list[typing.Iterator[object]], place: int, count: int) -> list[object]:
    """Up to ``count`` further items of an iterator that was handed out, and whether those were its last."""
    items = list(itertools.islice(iterators[place], count))
    return [wire.Encoder(iterators).encode(items), len(items) < count]


def _function(names: dict[str, typing.Any], name: str) -> typing.Any:
    """A function by name: of the module, of an object in it (``Solution.f``), or of a class ``Solution`` (LeetCode)."""
    if name in names:
        return names[name]
    head, _, tail = name.rpartition(".")
    owner = names[head or "Solution"]
    return getattr(owner() if isinstance(owner, type) else owner, tail)


def _failed(nonce: str, index: int, error: BaseException) -> bytes:
    """The line of a call that gave no value: the names of the exception's classes, its text and its plain arguments."""
    if isinstance(error, wire.TooLarge):
        return _line(nonce, index, "o", None)
    names = [cls.__name__ for cls in type(error).__mro__ if type(cls.__name__) is str]
    text, args = type(error).__name__, wire.Encoder().encode(())
    with contextlib.suppress(Exception):  # the answer's own __str__
        text = str(error)[:500]
    with contextlib.suppress(Exception):
        args = wire.Encoder().encode(tuple(error.args[:10]))
    return _line(nonce, index, "e", [names[:8], text, args if len(repr(args)) < 10_000 else ["t", []]])


def _run_program(code: str) -> int:
    """Run a whole program as ``__main__``; its exit code, 1 for an exception nobody caught."""
    names, stdout = _module("__main__"), sys.stdout
    status = 0
    try:
        _execute(code, names)
        threading._shutdown()  # type: ignore[attr-defined]  # waits for the program's threads, as Python does
        atexit._run_exitfuncs()
    except MemoryError:
        raise
    except SystemExit as stop:
        status = stop.code if isinstance(stop.code, int) else int(stop.code is not None)
    except BaseException:
        status = 1
    names.clear()  # closes, and so writes out, files that the program opened on descriptor 1
    gc.collect()
    for stream in (sys.stdout, stdout):
        with contextlib.suppress(ValueError, AttributeError):  # closed, or replaced by something that cannot
            stream.flush()
    return status & 255


def _define(request: Request) -> dict[str, typing.Any]:
    """The names of the prompt and of the answer. A stub that the prompt leaves of the entry point is no answer."""
    names, prompt, code = _module("answer"), request.get("prompt", ""), request["code"]
    if request.get("continues"):
        _execute(_completed(prompt, code), names)
        return names
    if prompt:
        _execute(check.whole(prompt), names)
        names.pop(request["entry_point"], None)
    _execute(code, names)
    return names


def _completed(prompt: str, rest: str) -> str:
    """The prompt and its rest, whichever compiles: as it is, set in (first line or all), or up to where it ends."""
    prompt = prompt if prompt.endswith("\n") else prompt + "\n"
    lines = rest.splitlines(keepends=True)
    end = next((i for i, line in enumerate(lines) if i and line.strip() and not line[0].isspace()), len(lines))
    for variant in (rest, "    " + rest, textwrap.indent(rest, "    "), "".join(lines[:end])):
        try:
            compile(prompt + variant, FILE, "exec", dont_inherit=True)
        except SyntaxError:
            continue
        return prompt + variant
    return prompt + rest


def _module(name: str) -> dict[str, typing.Any]:
    module = types.ModuleType(name)
    module.__file__ = FILE
    sys.modules[name] = module
    return module.__dict__


def _execute(code: str, names: dict[str, typing.Any]) -> None:
    linecache.cache[FILE] = (len(code), None, code.splitlines(keepends=True), FILE)  # for inspect and tracebacks
    exec(compile(code, FILE, "exec", dont_inherit=True), names)  # noqa: S102  the sandboxed run itself


def _redirect(stdin: str, pipes: Pipes) -> None:
    """Descriptors 0 to 4 are the input, the output, nothing, the results and what is said; all others are closed."""
    source = os.memfd_create("stdin") if hasattr(os, "memfd_create") else os.open("stdin", os.O_RDWR | os.O_CREAT)
    with open(source, "wb", closefd=False) as file:
        file.write(stdin.encode())
    os.lseek(source, 0, os.SEEK_SET)
    nowhere = os.open(os.devnull, os.O_RDWR)
    wanted = (source, pipes.out, nowhere, pipes.results, pipes.said if pipes.said >= 0 else nowhere)
    for index, have in enumerate(wanted):
        os.dup2(have, 100 + index)
    for index in range(len(wanted)):
        os.dup2(100 + index, index)
    os.closerange(len(wanted), 256)
    for index, name in enumerate(("stdin", "stdout", "stderr")):
        raw = io.FileIO(index, "w" if index else "r")
        raw.name = f"<{name}>"  # as Python itself names them
        stream = io.TextIOWrapper(io.BufferedWriter(raw) if index else io.BufferedReader(raw), encoding="utf-8")
        stream.mode = "w" if index else "r"  # type: ignore[misc]
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)


def _limit(request: Request, zygote_bytes: int) -> None:
    os.setsid()
    cpu_s = max(1, math.ceil(request["cpu_s"]))
    memory = zygote_bytes + (request["memory_mb"] << 20)
    for what, limit in (
        (resource.RLIMIT_AS, memory),
        (resource.RLIMIT_FSIZE, FILE_BYTES),
        (resource.RLIMIT_NOFILE, 64),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NPROC, PROCESSES),
    ):
        _, hard = resource.getrlimit(what)
        limit = limit if hard < 0 else min(limit, hard)
        resource.setrlimit(what, (limit, limit))
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_s, cpu_s + 1))  # SIGXCPU, and SIGKILL for who ignores that
    _, hard = resource.getrlimit(resource.RLIMIT_STACK)
    resource.setrlimit(resource.RLIMIT_STACK, (STACK_BYTES if hard < 0 else min(STACK_BYTES, hard), hard))
    random.seed()


def _line(nonce: str, index: int, tag: str, value: object) -> bytes:
    return nonce.encode() + json.dumps([index, tag, value]).encode() + b"\n"


def _write(data: bytes) -> None:
    while data:
        data = data[os.write(RESULTS, data) :]
