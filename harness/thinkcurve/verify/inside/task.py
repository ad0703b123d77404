"""One task, in a fork of the zygote: limits, walls, then the answer. Nothing here ever returns.

Results travel on a pipe of their own, each line led by a random word of the request. An answer that hunts for the
pipe and the word with ``gc`` or frames can write lines there: so it can return any value it likes, which it could
do anyway. It gains nothing, because what is expected is not in here.
"""

# pathlib stays out of the sandbox: importing it would cost what forks share.

from __future__ import annotations

import ast
import atexit
import gc
import io
import json
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

Request = dict[str, typing.Any]
RESULTS, SAID = 3, 4  # descriptors
FILE_BYTES = 16 << 20
PROCESSES = 4096  # of the user, not of the task: matters only where seccomp does not refuse every fork
STACK_BYTES = 64 << 20  # for deep recursion inside C code
READY = b"ready\n"
OUT_OF_MEMORY = 71


class Pipes(typing.NamedTuple):
    """The task's ends of its pipes; ``said`` is -1 where there is no dialogue."""

    out: int
    results: int
    said: int


def carry_out(request: Request, zygote_bytes: int, pipes: Pipes) -> typing.NoReturn:
    """Close what is not ours, put the walls up, run the answer, leave."""
    code = 1
    try:
        out_of_memory = _line(request["nonce"], -1, "m", None)
        _redirect(request.get("stdin", ""), pipes)
        _limit(request, zygote_bytes)
        cases = [ast.literal_eval(args) for args in request.get("args", ())]
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
        function = _define(request)[request["entry_point"]]
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
    said = open(SAID, "rb", closefd=False)  # noqa: SIM115  ends with the process
    for index, line in enumerate(said):
        try:
            name, args, kwargs = json.loads(line)
            arguments, keywords = wire.decode(args), wire.decode(kwargs)
            value = wire.Encoder().encode(names[name](*arguments, **keywords))
            after = wire.Encoder().encode(arguments)
            _write(_line(nonce, index, "v", [value, None if after == args else after]))
        except MemoryError:
            raise
        except BaseException as error:
            _write(_failed(nonce, index, error))
    return 0


def _failed(nonce: str, index: int, error: BaseException) -> bytes:
    """The line of a call that gave no value; ``e`` carries the names of the exception's built-in classes."""
    if isinstance(error, wire.TooLarge):
        return _line(nonce, index, "o", None)
    names = [cls.__name__ for cls in type(error).__mro__ if cls.__module__ == "builtins"]
    return _line(nonce, index, "e", names[:5] if all(type(name) is str for name in names) else [])


def _run_program(code: str) -> int:
    """Run a whole program as ``__main__``; its exit code, 1 for an exception nobody caught."""
    status = 0
    try:
        _execute(code, _module("__main__"))
        threading._shutdown()  # type: ignore[attr-defined]  # waits for the program's threads, as Python does
        atexit._run_exitfuncs()
    except MemoryError:
        raise
    except SystemExit as stop:
        status = stop.code if isinstance(stop.code, int) else int(stop.code is not None)
    except BaseException:
        status = 1
    sys.stdout.flush()
    return status & 255


def _define(request: Request) -> dict[str, typing.Any]:
    """The names of the prompt and of the answer. A stub that the prompt leaves of the entry point is no answer."""
    names, prompt, code = _module("answer"), request.get("prompt", ""), request["code"]
    if request.get("continues"):
        _execute(_completed(prompt, code), names)
        return names
    if prompt:
        _execute(prompt, names)
        names.pop(request["entry_point"], None)
    _execute(code, names)
    return names


def _completed(prompt: str, rest: str) -> str:
    """The prompt with its rest: as it is, set in, or up to the first line that is not set in, whichever compiles."""
    prompt = prompt if prompt.endswith("\n") else prompt + "\n"
    lines = rest.splitlines(keepends=True)
    end = next((i for i, line in enumerate(lines) if i and line.strip() and not line[0].isspace()), len(lines))
    for variant in (rest, textwrap.indent(rest, "    "), "".join(lines[:end])):
        try:
            compile(prompt + variant, "<answer>", "exec", dont_inherit=True)
        except SyntaxError:
            continue
        return prompt + variant
    return prompt + rest


def _module(name: str) -> dict[str, typing.Any]:
    module = types.ModuleType(name)
    sys.modules[name] = module
    return module.__dict__


def _execute(code: str, names: dict[str, typing.Any]) -> None:
    exec(compile(code, "<answer>", "exec", dont_inherit=True), names)  # noqa: S102  the sandboxed run itself


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
    sys.stdin = io.TextIOWrapper(io.BufferedReader(io.FileIO(0)), encoding="utf-8")
    sys.stdout = io.TextIOWrapper(io.BufferedWriter(io.FileIO(1, "w")), encoding="utf-8")
    sys.stderr = io.TextIOWrapper(io.BufferedWriter(io.FileIO(2, "w")), encoding="utf-8")


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
