"""The sandbox process: a warm interpreter that forks once for each answer and never learns what is expected.

Run as ``python -I -S sandbox_child.py WALL...`` with the walls to try; standard library only, no environment,
an empty directory of its own.
Requests come in on descriptor 0 and replies leave on descriptor 1, framed as in ``process``. Each task runs in a
fork with rlimits and the walls of ``sandbox_walls``; the zygote watches it, bounds what it writes, kills it when its
time is over, and hands the raw bytes on. It parses nothing that a task wrote, and gives no verdict.

Results of functions travel on a pipe of their own, each line led by a random word of the request. An answer that
hunts for the pipe and the word with ``gc`` or frames can write lines there: so it can return any value it likes,
which it could do anyway. It gains nothing, because what is expected is not in here.
"""

# pathlib stays out of the sandbox: importing it would cost what forks share.
# ruff: noqa: PTH100, PTH101, PTH108, PTH120, PTH123, PTH208

from __future__ import annotations

import ast
import bisect  # noqa: F401  this and the marked ones below: imported so that a task need not (5 ms a fork)
import collections  # noqa: F401
import contextlib
import copy  # noqa: F401
import datetime  # noqa: F401
import decimal  # noqa: F401
import fractions  # noqa: F401
import functools  # noqa: F401
import gc
import heapq  # noqa: F401
import io
import itertools  # noqa: F401
import json
import math
import operator  # noqa: F401
import os
import random
import re  # noqa: F401
import resource
import shutil
import signal
import statistics  # noqa: F401
import string  # noqa: F401
import struct
import sys
import threading
import types
import typing

if typing.TYPE_CHECKING:
    from thinkcurve.verify import sandbox_walls, sandbox_watch, sandbox_wire
else:  # -I keeps this file's own directory off the path
    sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))  # after the imports above: math.py lies there
    import sandbox_walls
    import sandbox_watch
    import sandbox_wire

    del sys.path[0]

Request = dict[str, typing.Any]
LENGTHS = struct.Struct(">II")
FILE_BYTES = 16 << 20
PROCESSES = 4096  # of the user, not of the task: matters only where seccomp does not refuse every fork
STACK_BYTES = 64 << 20  # for deep recursion inside C code
READY = b"ready\n"
OUT_OF_MEMORY = 71


def main() -> None:
    """Say what walls there are, then serve until the harness hangs up."""
    report = sandbox_walls.enclose_zygote(sys.argv[1:])
    zygote_bytes = _address_space()
    gc.disable()
    gc.freeze()
    _send({**report, "pid": os.getpid()})
    while (request := _receive()) is not None:
        header, payload = run(request, zygote_bytes)
        _send(header, payload)


def run(request: Request, zygote_bytes: int) -> tuple[dict[str, object], bytes]:
    """Fork one task, watch it to its end, and report how it ended and what it wrote."""
    out_r, out_w = os.pipe()
    result_r, result_w = os.pipe()
    pid = os.fork()
    if pid == 0:
        _task(request, zygote_bytes, out_w, result_w)
    os.close(out_w)
    os.close(result_w)
    is_stdio = request["kind"] == "stdio"
    watch = sandbox_watch.Watch(pid, out_r, result_r, request["wall_s"], is_stdio)
    ended, status, used = watch.to_the_end()
    _sweep_directory()
    cpu_s = used.ru_utime + used.ru_stime
    header = {
        "end": _how(ended, status, cpu_s, request["cpu_s"]),
        "code": os.waitstatus_to_exitcode(status),
        "cpu_s": cpu_s,
        "is_ready": watch.results.startswith(READY),  # what fails before this is our own fault
    }
    return header, bytes(watch.stdout if is_stdio else watch.results[len(READY) :])


def _how(ended: str, status: int, cpu_s: float, limit_s: float) -> str:
    """``exit``, ``timeout``, ``output_limit`` or ``killed``."""
    by = os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0
    if cpu_s > limit_s or (by == signal.SIGXCPU and not ended):
        return "timeout"
    return ended or ("killed" if by else "exit")


def _task(request: Request, zygote_bytes: int, out_w: int, result_w: int) -> typing.NoReturn:
    """In the fork: close what is not ours, put the walls up, run the answer, leave."""
    code = 1
    try:
        out_of_memory = _line(request["nonce"], -1, "m", None)
        _redirect(request.get("stdin", ""), out_w, result_w)
        _limit(request, zygote_bytes)
        cases = [ast.literal_eval(args) for args in request.get("args", ())]
        sandbox_walls.enclose_task()
        gc.enable()
        _write(READY)
        try:
            code = _run_program(request["code"]) if request["kind"] == "stdio" else _call(request, cases)
        except MemoryError:
            os.write(3, out_of_memory)
            code = OUT_OF_MEMORY
    finally:
        os._exit(code)


def _call(request: Request, cases: list[typing.Any]) -> int:
    """Define the answer's names, call its function on each case, and write each value as it comes."""
    nonce, index = request["nonce"], -1
    try:
        names = _module("answer", request["code"])
        function = names[request["entry_point"]]
        for index, arguments in enumerate(cases):
            value = sandbox_wire.Encoder().encode(function(*arguments))
            _write(_line(nonce, index, "v", value))
    except MemoryError:
        raise
    except sandbox_wire.TooLarge:
        _write(_line(nonce, index, "o", None))
    except BaseException as error:
        _write(_line(nonce, index, "e", type(error).__name__[:80]))
    return 0


def _run_program(code: str) -> int:
    """Run a whole program as ``__main__``; its exit code, 1 for an exception nobody caught."""
    status = 0
    try:
        _module("__main__", code)
        threading._shutdown()  # type: ignore[attr-defined]  # waits for the program's threads, as Python does
    except MemoryError:
        raise
    except SystemExit as stop:
        status = stop.code if isinstance(stop.code, int) else int(stop.code is not None)
    except BaseException:
        status = 1
    sys.stdout.flush()
    return status & 255


def _module(name: str, code: str) -> dict[str, typing.Any]:
    module = types.ModuleType(name)
    sys.modules[name] = module
    exec(compile(code, "<answer>", "exec", dont_inherit=True), module.__dict__)  # noqa: S102  the sandboxed run itself
    return module.__dict__


def _redirect(stdin: str, out_w: int, result_w: int) -> None:
    """Descriptors 0 to 3 are the input, the output, nothing and the results; every other one is closed."""
    source = os.memfd_create("stdin") if hasattr(os, "memfd_create") else os.open("stdin", os.O_RDWR | os.O_CREAT)
    with open(source, "wb", closefd=False) as file:
        file.write(stdin.encode())
    os.lseek(source, 0, os.SEEK_SET)
    for have, want in ((result_w, 103), (out_w, 101), (source, 100), (os.open(os.devnull, os.O_RDWR), 102)):
        os.dup2(have, want)
    for want in range(4):
        os.dup2(want + 100, want)
    os.closerange(4, 256)
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
        data = data[os.write(3, data) :]


def _sweep_directory() -> None:
    """Leave the next task an empty directory."""
    with contextlib.suppress(OSError):
        os.chmod(".", 0o700)
    for name in os.listdir("."):
        shutil.rmtree(name, ignore_errors=True)
        with contextlib.suppress(OSError):
            os.unlink(name)


def _address_space() -> int:
    """Bytes this process has mapped: limits are set above it, because a fork begins with it."""
    try:
        with open("/proc/self/statm", encoding="ascii") as file:
            return int(file.read().split()[0]) * resource.getpagesize()
    except OSError:
        return 256 << 20  # no /proc (macOS): roomy, since the limit is not enforced there either


def _receive() -> Request | None:
    lengths = _read(LENGTHS.size)
    if lengths is None:
        return None
    head, tail = LENGTHS.unpack(lengths)
    body = _read(head + tail)
    return None if body is None else json.loads(body[:head])


def _read(size: int) -> bytes | None:
    data = bytearray()
    while len(data) < size:
        more = os.read(0, size - len(data))
        if not more:
            return None
        data += more
    return bytes(data)


def _send(header: dict[str, object], payload: bytes = b"") -> None:
    head = json.dumps(header).encode()
    data = LENGTHS.pack(len(head), len(payload)) + head + payload
    while data:
        data = data[os.write(1, data) :]


if __name__ == "__main__":
    main()
