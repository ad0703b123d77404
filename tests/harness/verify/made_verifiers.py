"""A wheel's verifier, as ``test_custom`` installs it: does what the reference's data says, hostile things among them.

Only children import this. An attempt is ``correct`` where it came through, so a wall that is not there shows.
"""

from __future__ import annotations

import json
import os
import queue
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

from thinkcurve.problem import Judgement, Verdict

RIGHT, WRONG = Verdict.CORRECT, Verdict.INCORRECT
HOARD: list[object] = []


def judge(data: str, answer: str) -> Any:
    """The entry point: ``data`` is a JSON object, ``do`` in it the name of a function below."""
    wish = json.loads(data)
    return globals()[wish["do"]](wish, answer)


def noisy(data: str, answer: str) -> Judgement:
    print("noise", data)
    return Judgement(RIGHT if input else WRONG)


def compare(wish: dict[str, Any], answer: str) -> Judgement:
    if not answer.strip():
        return Judgement(Verdict.NO_ANSWER)
    start = len(answer) - len(answer.lstrip())
    span = (start, start + len(answer.strip()))
    return Judgement(RIGHT if answer.strip() == wish["gold"] else WRONG, "", "same", answer.strip(), span)


def measure(wish: dict[str, Any], answer: str) -> Judgement:
    return Judgement(RIGHT if len(answer) == wish["length"] else WRONG, rung=str(len(answer)), extracted=answer)


def give_up(wish: dict[str, Any], answer: str) -> Judgement:
    raise LookupError(answer)


def leave(wish: dict[str, Any], answer: str) -> Judgement:
    sys.exit(0)


def vanish(wish: dict[str, Any], answer: str) -> Judgement:
    os._exit(0)


def killed(wish: dict[str, Any], answer: str) -> Judgement:
    os.kill(os.getpid(), signal.SIGKILL)  # as the out-of-memory killer would
    raise AssertionError


def sleep(wish: dict[str, Any], answer: str) -> Judgement:
    time.sleep(3600)
    return Judgement(RIGHT)


def spin(wish: dict[str, Any], answer: str) -> Judgement:
    while True:
        pass


def work(wish: dict[str, Any], answer: str) -> Judgement:
    end_s = time.process_time() + wish["cpu_s"]
    while time.process_time() < end_s:
        pass
    return Judgement(RIGHT)


def hoard(wish: dict[str, Any], answer: str) -> Judgement:
    while True:
        HOARD.append(bytearray(16 << 20))


def shout(wish: dict[str, Any], answer: str) -> Judgement:
    for fd in (1, 2):
        os.write(fd, b"\0\0\0\2\0\0\0\0{}" * 10_000)
    print("x" * 100_000, flush=True)
    print("x" * 100_000, file=sys.stderr, flush=True)
    return Judgement(RIGHT if sys.stdin.read() == "" and os.read(0, 1) == b"" else WRONG)


def say(wish: dict[str, Any], answer: str) -> Any:
    right: dict[str, Any] = {
        "none": None,
        "true": True,
        "number": 1.0,
        "text": "correct",
        "dict": {"verdict": "correct"},
        "verdict": Judgement("splendid"),  # type: ignore[arg-type]
        "no verdict": Judgement(None),  # type: ignore[arg-type]
        "reason": Judgement(RIGHT, reason=7),  # type: ignore[arg-type]
        "rung": Judgement(RIGHT, rung=b"x"),  # type: ignore[arg-type]
        "extracted": Judgement(RIGHT, extracted=["x"]),  # type: ignore[arg-type]
        "object": Judgement(RIGHT, extracted=object()),  # type: ignore[arg-type]
        "long span": Judgement(RIGHT, span=(0, 10**9)),
        "turned span": Judgement(RIGHT, span=(2, 1)),
        "negative span": Judgement(RIGHT, span=(-1, 1)),
        "half a span": Judgement(RIGHT, span=(0,)),  # type: ignore[arg-type]
        "fractional span": Judgement(RIGHT, span=(0.5, 1)),  # type: ignore[arg-type]
    }
    return right[wish["what"]]


def gibber(wish: dict[str, Any], answer: str) -> Judgement:
    return Judgement(WRONG, reason="a\nb\0 \ud800", rung="r" * 5000, extracted="\ud800" * 50_000)


def pid(wish: dict[str, Any], answer: str) -> Judgement:
    return Judgement(RIGHT, rung=str(os.getpid()))


def main_thread(wish: dict[str, Any], answer: str) -> Judgement:
    """What lm-eval's checkers do: an alarm of their own around something slow."""

    class Rings(Exception):
        pass

    def ring(*_: object) -> None:
        raise Rings

    signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, 0.05)
    try:
        time.sleep(5)
    except Rings:
        signal.setitimer(signal.ITIMER_REAL, 0.2)  # and this one is left set
        return Judgement(RIGHT)
    return Judgement(WRONG)


def import_late(wish: dict[str, Any], answer: str) -> Judgement:
    before = set(sys.modules)
    import numpy
    from mpmath import mp

    is_new = not {"numpy", "mpmath"} & before
    return Judgement(RIGHT if is_new and numpy.arange(3).sum() == 3 and mp.mpf(2) == 2 else WRONG)


def use_threads(wish: dict[str, Any], answer: str) -> Judgement:
    seen: list[int] = []
    threads = [threading.Thread(target=seen.append, args=(i,)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return Judgement(RIGHT if sorted(seen) == list(range(8)) else WRONG)


def keep_a_file(wish: dict[str, Any], answer: str) -> Judgement:
    import tempfile

    with tempfile.NamedTemporaryFile("w+") as file:
        file.write("scratch")
    (Path.home() / "cache").write_text("home")
    return Judgement(RIGHT if [path.name for path in Path().iterdir()] == ["cache"] else WRONG)


def fill_scratch(wish: dict[str, Any], answer: str) -> Judgement:
    for name in ("a", "b"):
        Path(name).write_bytes(bytes(40 << 20))
    return Judgement(RIGHT, rung=str(os.getpid()))


def environment(wish: dict[str, Any], answer: str) -> Judgement:
    return Judgement(RIGHT, extracted=json.dumps(dict(os.environ)))


def arguments(wish: dict[str, Any], answer: str) -> Judgement:
    return Judgement(RIGHT, extracted=" ".join(sys.argv))


def attempt(wish: dict[str, Any], answer: str) -> Judgement:
    """Try what the answer says, in this thread and in one that was there before the first judgement."""
    failure = _failure(answer, wish)
    OLD.put((answer, wish))
    failures = [failure, DONE.get(timeout=10)]
    return Judgement(WRONG if all(failures) else RIGHT, rung=" ".join(failures))


def _failure(name: str, wish: dict[str, Any]) -> str:
    try:
        ATTEMPTS[name](wish)
    except OSError as error:
        return type(error).__name__
    return ""


def _work() -> None:
    while True:
        DONE.put(_failure(*OLD.get()))


def _fork(wish: dict[str, Any]) -> None:
    if os.fork() == 0:
        os._exit(0)


ATTEMPTS: dict[str, Any] = {
    "write": lambda wish: Path(wish["target"]).write_text("evil"),
    "append": lambda wish: os.close(os.open(wish["secret"], os.O_APPEND | os.O_WRONLY)),
    "truncate": lambda wish: os.truncate(wish["secret"], 0),
    "remove": lambda wish: Path(wish["secret"]).unlink(),
    "rename": lambda wish: Path(wish["secret"]).rename("mine"),
    "link": lambda wish: Path("mine").hardlink_to(wish["secret"]),
    "edit the module": lambda wish: os.close(os.open(__file__, os.O_WRONLY)),
    "read": lambda wish: Path(wish["secret"]).read_text(),
    "list": lambda wish: list(Path("/").iterdir()),
    "connect": lambda wish: socket.create_connection(("127.0.0.1", wish["port"]), 1).close(),
    "datagram": lambda wish: socket.socket(socket.AF_INET, socket.SOCK_DGRAM).close(),
    "local socket": lambda wish: socket.socket(socket.AF_UNIX).close(),
    "program": lambda wish: subprocess.run(["/bin/sh", "-c", f"echo evil > {wish['target']}"], check=True),
    "fork": _fork,
    "signal the parent": lambda wish: os.kill(os.getppid(), signal.SIGUSR1),
    "signal everyone": lambda wish: os.kill(-1, 0),
    "environment of the parent": lambda wish: Path(f"/proc/{os.getppid()}/environ").read_bytes(),
}


# A thread that an import starts, as lm-eval's and reasoning-gym's do.
OLD: queue.SimpleQueue[tuple[str, dict[str, Any]]] = queue.SimpleQueue()
DONE: queue.SimpleQueue[str] = queue.SimpleQueue()
threading.Thread(target=_work, daemon=True).start()
