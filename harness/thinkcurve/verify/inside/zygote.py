"""The sandbox process: a warm interpreter that forks once for each answer and never learns what is expected.

Requests come in on descriptor 0 and replies leave on descriptor 1. Each task runs in a fork with rlimits and walls;
the zygote watches it, bounds what it writes, kills it when its time is over, and hands the raw bytes on. It parses
nothing that a task wrote, and gives no verdict.
"""

from __future__ import annotations

import _thread
import ast
import bisect  # noqa: F401  this and the marked ones below: imported so that a task need not (5 ms a fork)
import builtins
import collections  # noqa: F401
import copy  # noqa: F401
import datetime  # noqa: F401
import decimal  # noqa: F401
import fractions  # noqa: F401
import functools  # noqa: F401
import gc
import heapq  # noqa: F401
import importlib
import itertools  # noqa: F401
import json
import math  # noqa: F401
import mmap
import operator  # noqa: F401
import os
import random  # noqa: F401
import re  # noqa: F401
import resource
import signal
import statistics  # noqa: F401
import string  # noqa: F401
import sys
import threading
import typing  # noqa: F401
from typing import Any, NamedTuple

from . import frames, kernel, scratch, task, walls, watch

THREAD_STACK_BYTES = 2 << 20  # each thread's counts against the memory limit: 64 threads must fit
MOST_STACK_BYTES = 64 << 20  # more than any Python program needs: its own calls do not use the C stack
LONG_ARGUMENTS = 1 << 16  # characters; values read from more than that are felt in the size of the process
LATEST_BYTES = 1 << 46  # where a search for the size of the address space begins


def main(spec_json: str) -> None:
    """Put the walls up, say so, then serve until the harness hangs up."""
    spec: dict[str, Any] = json.loads(spec_json)
    try:
        if spec["numpy"]:
            _import_numpy(spec["numpy"])
        os.environ.clear()  # Python itself sets LC_CTYPE where it finds no locale
        kernel.one_arena()
        walls.enclose_zygote(spec)
    except (OSError, ImportError) as error:
        frames.send({"error": str(error)})
        return
    _bound_thread_stacks()
    sys.argv = [task.FILE]
    sys.orig_argv = []
    for name in ("exit", "quit"):
        setattr(builtins, name, sys.exit)  # what ``site`` defines, which is not imported here
    zygote_bytes = _address_space()
    home = Home(os.getcwd(), os.open(".", os.O_RDONLY | os.O_CLOEXEC))
    gc.disable()
    gc.freeze()
    frames.send({"wall": spec["wall"], "pid": os.getpid()})
    while (frame := frames.receive()) is not None:
        request, _ = frame
        if "kind" not in request:
            continue  # a word that was on its way when its dialogue ended
        header, payload = run(request, zygote_bytes)
        is_empty = _tidy_up(home)
        frames.send(header, payload)
        if not is_empty:
            return  # a folder that cannot be emptied is left behind with this process


def run(request: dict[str, Any], zygote_bytes: int) -> tuple[dict[str, object], bytes]:
    """Fork one task, watch it to its end, and report how it ended and what it wrote."""
    kind, texts = request["kind"], request.get("args", ())
    cases = [ast.literal_eval(text) for text in texts]  # here, so that no answer pays for what it is given
    if sum(map(len, texts)) > LONG_ARGUMENTS:
        zygote_bytes = _address_space()
    (out_r, out_w), (result_r, result_w) = os.pipe(), os.pipe()
    said_r, say_w = os.pipe() if kind in ("serve", "check") else (-1, -1)
    pid = os.fork()
    if pid == 0:
        task.carry_out(request, cases, zygote_bytes, task.Pipes(out_w, result_w, said_r))
    for fd in (out_w, result_w, said_r):
        if fd >= 0:
            os.close(fd)
    pipes = watch.Pipes(out_r, result_r, say_w)
    seen = watch.Watch(pid, pipes, request["wall_s"], keeps_stdout=kind == "stdio")
    ended, status, used = seen.to_the_end()
    cpu_s = used.ru_utime + used.ru_stime
    header = {
        "end": _how(ended, status, cpu_s, request["cpu_s"]),
        "code": os.waitstatus_to_exitcode(status),
        "cpu_s": cpu_s,
        "is_ready": seen.results.startswith(task.READY),  # what fails before this is our own fault
    }
    return header, bytes(seen.stdout if kind == "stdio" else seen.results[len(task.READY) :])


def _how(ended: str, status: int, cpu_s: float, limit_s: float) -> str:
    """``exit``, ``timeout``, ``output_limit`` or ``killed``."""
    by = os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0
    if cpu_s > limit_s or (by == signal.SIGXCPU and not ended):
        return "timeout"
    return ended or ("killed" if by else "exit")


class Home(NamedTuple):
    """The scratch folder by name and by descriptor: an answer may forbid entry, move it or remove it."""

    path: str
    fd: int


def _tidy_up(home: Home) -> bool:
    """End every process a task left, and leave the next one an empty folder; whether that succeeded."""
    watch.kill_strays(is_alone=os.getpid() == 1)
    try:
        os.fchmod(home.fd, 0o700)
        is_there = os.path.samestat(os.fstat(home.fd), os.stat(home.path))
        scratch.empty()
    except OSError:
        return False
    return is_there


def _import_numpy(folder: str) -> None:
    """Import NumPy, and nothing else, from a folder of installed packages."""
    os.environ["OPENBLAS_NUM_THREADS"] = os.environ["OMP_NUM_THREADS"] = "1"  # threads do not survive a fork
    sys.path.append(folder)
    importlib.import_module("numpy")
    sys.path.remove(folder)


def _bound_thread_stacks() -> None:
    """Small stacks for threads, and never huge ones, which programs ask for out of habit: they count as memory."""
    native = threading.stack_size
    native(THREAD_STACK_BYTES)
    threading.stack_size = _thread.stack_size = lambda size=0: native(min(size, MOST_STACK_BYTES))


def _address_space() -> int:
    """Bytes this process has mapped: limits are set above it, because a fork begins with it.

    Found by trying under which limits one more page can be had, since there may be no ``/proc``.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    low, high = 0, LATEST_BYTES
    while high - low > mmap.PAGESIZE:
        middle = (low + high) // 2 // mmap.PAGESIZE * mmap.PAGESIZE
        resource.setrlimit(resource.RLIMIT_AS, (middle, hard))
        try:
            mmap.mmap(-1, mmap.PAGESIZE).close()
            high = middle
        except (OSError, MemoryError):
            low = middle
    resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
    return high
