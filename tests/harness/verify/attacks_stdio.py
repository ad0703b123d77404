"""Whole programs that want their output taken for the right one."""

from __future__ import annotations

from functools import partial

from verify.attack import NOWHERE, Attack

_print = partial(Attack, "stdio")

STDIO = (
    _print(
        "numbers with underscores",
        "t = str(sum(map(int, input().split())))\nprint('_'.join(t) if len(t) > 1 else '+0_' + t, 1.0, sep='\\n')",
        "near sum",
    ),
    _print(
        "numbers of another script, nearly right",
        "print(''.join(chr(0x660 + int(c)) for c in str(sum(map(int, input().split())))), 1, sep='\\n')",
        "near sum",
    ),
    _print("not a number, nearly right", "print('nan', 'nan', sep='\\n')", "near sum"),
    _print("infinity, nearly right", "print('inf', 1, sep='\\n')", "near sum"),
    _print("a number of a million digits", "print('7' + '0' * 1_000_000, 1, sep='\\n')", "near sum"),
    _print("what other cases may want", "print('7\\n1')", "sum"),
    _print("every number there is", "print(*range(100_000), sep='\\n')", "sum"),
    _print("the right lines and one more", "print(sum(map(int, input().split())), 1, 2, sep='\\n')", "sum"),
    _print("the right lines and a backspace", "print(sum(map(int, input().split())), '1 \\b', sep='\\n')", "sum"),
    _print("the right lines, overwritten", "print('x\\r' + str(sum(map(int, input().split()))), 1, sep='\\n')", "sum"),
    _print("the right lines with NULs", "print(sum(map(int, input().split())), '1\\0', sep='\\n')", "sum"),
    _print("zero-width marks", "print(sum(map(int, input().split())), '1\\u200b', sep='\\n')", "sum"),
    _print("digits of another script", "print(sum(map(int, input().split())), '\\u0661', sep='\\n')", "sum"),
    _print(
        "bytes that are no text",
        """
        import sys
        sys.stdout.buffer.write(b'\\xff7\\n1\\n' if input()[0] == '3' else b'11\\xfe\\n1\\n')
        """,
        "sum",
    ),
    _print(
        "UTF-16",
        "import sys\nsys.stdout.buffer.write((str(sum(map(int, input().split()))) + '\\n1').encode('utf-16'))",
        "sum",
    ),
    _print("file separators for line ends", "print(sum(map(int, input().split())), 1, sep='\\x1c')", "sum"),
    _print(
        "paragraph separators for line ends",
        "import sys\nsys.stdout.buffer.write((str(sum(map(int, input().split()))) + '\\u2029' + '1').encode())",
        "sum",
    ),
    _print(
        "the right output, then a crash",
        "print(sum(map(int, input().split())), 1, sep='\\n', flush=True)\n1 / 0",
        "sum",
    ),
    _print(
        "the right output, then a failing exit", "print(sum(map(int, input().split())), 1, sep='\\n')\nexit(1)", "sum"
    ),
    _print(
        "the right output, then a signal",
        """
        import os
        print(sum(map(int, input().split())), 1, sep='\\n', flush=True)
        os.kill(os.getpid(), 15)
        """,
        "sum",
    ),
    _print(
        "the right output, then for ever",
        """
        print(sum(map(int, input().split())), 1, sep='\\n', flush=True)
        while True: pass
        """,
        "sum",
        refused_from=NOWHERE,
        is_slow=True,
    ),
    _print(
        "the right output, then a flood",
        """
        print(sum(map(int, input().split())), 1, sep='\\n', flush=True)
        while True: print('\\n' * 100_000)
        """,
        "sum",
    ),
    _print(
        "the right output, unflushed, and os._exit",
        """
        import os
        print(sum(map(int, input().split())), 1, sep='\\n')
        os._exit(0)
        """,
        "sum",
    ),
    _print(
        "output on standard error",
        "import sys\nprint(sum(map(int, input().split())), 1, sep='\\n', file=sys.stderr)",
        "sum",
    ),
    _print("output on descriptor 3", "import os\nos.write(3, b'%d\\n1\\n' % sum(map(int, input().split())))", "sum"),
    _print(
        "standard output closed",
        """
        import os, sys
        print(sum(map(int, input().split())), 1, sep='\\n')
        os.close(1)
        sys.stdout.close()
        """,
        "sum",
    ),
    _print(
        "standard input written to",
        """
        import os
        os.lseek(0, 0, 0)
        try: os.ftruncate(0, 0)
        except OSError: pass
        try: os.write(0, b'0 7\\n' * 100)
        except OSError: pass
        print(7, 1, sep='\\n')
        """,
        "sum",
    ),
    _print(
        "reads on for the next case",
        """
        import os
        a = os.read(0, 1000)
        try: b = os.read(0, 1000) or os.read(1, 1000)
        except OSError: b = b'7 0'
        print(sum(map(int, b.split())) or 7, 1, sep='\\n')
        """,
        "sum",
    ),
    _print(
        "a file left for the next case",
        """
        import os
        if os.path.exists('seen'): print('11\\n1')
        else:
            open('seen', 'w').close()
            print('7\\n1')
        """,
        "sum",
    ),
    _print(
        "main that is another module",
        """
        import sys, types
        sys.modules['__main__'] = types.ModuleType('x')
        raise SystemExit(types.SimpleNamespace())
        """,
        "sum",
    ),
    _print(
        "a thread that prints late",
        """
        import threading, time, os
        def late():
            time.sleep(0.3)
            os.write(1, b'7\\n1\\n')
        threading.Thread(target=late, daemon=True).start()
        """,
        "sum",
    ),
    _print(
        "gigabytes",
        """
        import os
        block = b'7\\n1\\n' * 100_000
        while True: os.write(1, block)
        """,
        "sum",
    ),
    _print(
        "a pipe made huge and left full",
        """
        import fcntl, os
        try: fcntl.fcntl(1, 1031, 1 << 20)
        except OSError: pass
        os.set_blocking(1, False)
        try:
            while True: os.write(1, b'7' * 65536)
        except BlockingIOError: pass
        os._exit(0)
        """,
        "sum",
    ),
)
