"""Ends that are not results: exits, signals and crashes at moments that a careless judge takes for success."""

from __future__ import annotations

from functools import partial

from verify.attack import NOWHERE, Attack

_exit = partial(Attack, "exits")

EXITS = (
    _exit("os._exit at import", "import os\nos._exit(0)"),
    _exit("os._exit in the call", "import os\ndef f(x):\n    os._exit(0)", "loop"),
    _exit("os._exit between calls", "import os\nn = []\ndef f(x):\n    n.append(x)\n    if len(n) > 1: os._exit(0)\n"),
    _exit("SystemExit in the call", "def f(x):\n    raise SystemExit(0)", "loop"),
    _exit(
        "SystemExit with a lying code",
        """
        class Fine(SystemExit):
            code = property(lambda self: 0)
            args = ()
        def f(x): raise Fine('passed')
        """,
        "raises",
    ),
    _exit("GeneratorExit", "def f(x): raise GeneratorExit", "loop"),
    _exit("StopIteration ends the loop of the test", "def f(x): raise StopIteration", "loop"),
    _exit("StopIteration ends the test's map", "def f(x): raise StopIteration", "mapped"),
    _exit("StopAsyncIteration", "def f(x): raise StopAsyncIteration", "mapped"),
    _exit("KeyboardInterrupt", "def f(x): raise KeyboardInterrupt", "raises"),
    _exit("AssertionError of one's own", "def f(x): raise AssertionError", "raises"),
    _exit("a ValueError that is none", "class ValueError(Exception): pass\ndef f(x): raise ValueError", "raises"),
    _exit(
        "an exception that is every exception",
        """
        class Any(type):
            def __instancecheck__(cls, other): return True
            def __subclasscheck__(cls, other): return True
        class Error(BaseException, metaclass=Any): pass
        def f(x): raise Error
        """,
        "raises",
    ),
    _exit(
        "an exception whose class has a hostile name",
        """
        class Meta(type):
            @property
            def __name__(cls): return 'ValueError\\n' + 'x' * 10**6
        class Error(Exception, metaclass=Meta): pass
        def f(x): raise Error
        """,
        "raises",
    ),
    _exit(
        "an exception that cannot be described",
        """
        class Meta(type):
            @property
            def __name__(cls): raise SystemExit(0)
        class Error(Exception, metaclass=Meta):
            def __str__(self): raise KeyboardInterrupt
            __repr__ = __str__
        def f(x): raise Error
        """,
        "loop",
    ),
    _exit("a group of exceptions", "def f(x): raise BaseExceptionGroup('', [SystemExit(0), ValueError()])", "raises"),
    _exit(
        "an exception 10,000 causes deep",
        """
        def f(x):
            error = ValueError()
            for _ in range(10_000):
                new = KeyError()
                new.__cause__ = error
                error = new
            raise error
        """,
        "raises",
    ),
    _exit("abort", "import os\ndef f(x): os.abort()"),
    _exit("SIGKILL to oneself", "import os\ndef f(x): os.kill(os.getpid(), 9)", "loop"),
    _exit("SIGSTOP to oneself", "import os\nos.kill(os.getpid(), 19)", "stdio", is_slow=True),
    _exit("segfault", "import ctypes\ndef f(x): ctypes.string_at(0)"),
    _exit("stack overflow in C", "import ctypes\nr = ctypes.CFUNCTYPE(None)\ndef g(): r(g)()\ndef f(x): g()"),
    _exit("the memory code as exit code", "import os\ndef f(x): os._exit(71)"),
    _exit(
        "the main thread ends alone",
        """
        import ctypes, threading, time
        def last():
            time.sleep(0.2)
            import os
            os._exit(0)
        def f(x):
            threading.Thread(target=last).start()
            ctypes.CDLL(None).syscall(60, 0)
        """,
    ),
    _exit(
        "a thread exits while the call runs",
        """
        import os, threading, time
        def f(x):
            threading.Thread(target=lambda: os._exit(0)).start()
            time.sleep(5)
        """,
        "loop",
    ),
    _exit(
        "atexit says passed",
        """
        import atexit, os
        @atexit.register
        def _():
            for fd in range(256):
                try: os.write(fd, b'passed\\nOK\\n1 passed\\n')
                except OSError: pass
        def f(x): return 'x'
        """,
    ),
    _exit(
        "a timer raises inside the sandbox's own code",
        """
        import signal
        def boom(*_): raise SystemExit(0)
        signal.signal(signal.SIGALRM, boom)
        signal.setitimer(signal.ITIMER_REAL, 0.0001, 0.0001)
        def f(x): return 'x' * 1000
        """,
    ),
    _exit("os._exit does not exit", "import os\nos._exit = lambda code: None\ndef f(x): return 'x'"),
    _exit("sys.exit raises nothing", "import sys\nsys.exit = print\ndef f(x): return 'x'"),
    _exit(
        "an exit code that lies about itself",
        """
        class Code(int):
            def __and__(self, other): return 0
            def __index__(self): return 0
        print('no')
        raise SystemExit(Code(3))
        """,
        "stdio",
    ),
    _exit(
        "daemon threads keep the interpreter busy at its end",
        """
        import threading
        def spin():
            while True: pass
        for _ in range(4): threading.Thread(target=spin, daemon=True).start()
        def f(x): return 'x'
        """,
        refused_from=NOWHERE,
    ),
)
