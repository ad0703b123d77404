"""A stop that hangs is ended in time, by whatever it hangs in; in processes of their own."""

import signal
import subprocess
import sys
import time

import pytest

START = """
import hashlib, os, signal, sys, time
from thinkcurve.cli import stopping
signal.signal(signal.SIGINT, signal.default_int_handler)  # as on a terminal; of `pytest &` it is ignored
stopping.GRACE_S = 0.5
stopping.listen()
"""
STUCK = """
with stopping.in_time(lambda: "LAST WORDS"):
    print("ready", flush=True)
    hashlib.pbkdf2_hmac("sha256", b"", b"", 10**9)  # minutes of C code, to which no signal gets through
"""
LEFT = """
try:
    with stopping.in_time(lambda: "LAST WORDS"):
        print("ready", flush=True)
        time.sleep(60)
except KeyboardInterrupt:
    hashlib.pbkdf2_hmac("sha256", b"", b"", 10**9)  # as what runs at exit may
"""
FORKED = """
with stopping.in_time(lambda: "LAST WORDS"):
    child = os.fork()
    if not child:
        print("ready", flush=True)
        time.sleep(60)
    time.sleep(0.5)
    os.kill(child, signal.SIGTERM)
    os.waitpid(child, 0)
    time.sleep(1.5)
"""


def ended(script: str, number: signal.Signals | None) -> tuple[int, str]:
    """The exit code of a script, and what it said; ``number`` is sent as soon as it is ready."""
    command = [sys.executable, "-c", START + script]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        time.sleep(0.2)
        if number is not None:
            process.send_signal(number)
        try:
            _, told = process.communicate(timeout=20)
        finally:
            process.kill()
    return process.returncode, told


@pytest.mark.parametrize("script", [STUCK, LEFT])
@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_what_hangs_in_c_code_is_ended_with_a_line(script: str, number: signal.Signals, code: int) -> None:
    assert ended(script, number) == (code, "\nStopped after 0.5 s in which something did not end. LAST WORDS\n")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no fork")
def test_a_signal_to_a_forked_process_is_none_to_this_one() -> None:
    code, told = ended(FORKED, None)
    assert code == 0
    assert "LAST WORDS" not in told


def test_left_before_any_signal_it_ends_nothing() -> None:
    script = "with stopping.in_time(str): pass\nprint('ready', flush=True)\ntime.sleep(1)\nsys.exit(7)"
    assert ended(script, None) == (7, "")


@pytest.mark.parametrize("words", ["print(1 / 0)", "time.sleep(60)"])
def test_words_that_nobody_gets_do_not_keep_it(words: str) -> None:
    """Neither those that cannot be said nor those that take for ever, as into a pipe that is full."""
    script = STUCK.replace('lambda: "LAST WORDS"', f"lambda: {words}")
    code, told = ended(script, signal.SIGTERM)
    assert code == 143
    assert "Traceback" not in told


def test_a_process_that_is_not_ours_is_not_ended() -> None:
    script = """
stopping._is_ours = False
try:
    with stopping.in_time(lambda: "LAST WORDS"):
        print("ready", flush=True)
        time.sleep(60)
except KeyboardInterrupt:
    time.sleep(2)
    sys.exit(7)
"""
    assert ended(script, signal.SIGTERM) == (7, "")
