"""Bombs: memory, processor time, processes, files, output. What the machine lends an answer is bounded."""

from __future__ import annotations

from functools import partial

from verify.attack import NOWHERE, Attack, proof

_burn = partial(Attack, "resources")

MEMORY = (
    _burn("10 GB at once", proof("bytearray(10**10)"), "plus"),
    _burn("a text doubled", proof("s = 'x'\nwhile len(s) < 1 << 34: s += s"), "plus"),
    _burn("a list of lists", proof("a = []\nfor i in range(10**8): a.append([i])"), "plus"),
    _burn(
        "anonymous memory mapped",
        proof("""
        import mmap
        m = mmap.mmap(-1, 1 << 30)
        for i in range(0, 1 << 30, 4096): m[i] = 1
        """),
        "plus",
    ),
    _burn(
        "memory shared and mapped",
        proof("""
        import mmap
        a = [mmap.mmap(-1, 8 << 20, flags=mmap.MAP_SHARED) for _ in range(64)]
        for m in a: m.write(b'x' * (8 << 20))
        """),
        "plus",
    ),
    _burn(
        "memory in files without names",
        proof("""
        import os
        kept = [os.memfd_create(str(i)) for i in range(40)]
        for fd in kept: assert os.write(fd, b'x' * (10 << 20)) == 10 << 20
        """),
        "plus",
        refused_from="landlock",
    ),
    _burn(
        "memory in files sent to nobody",
        proof("""
        import array, os, socket
        a, b = socket.socketpair()
        for i in range(60):
            fd = os.memfd_create(str(i))
            assert os.write(fd, b'x' * (8 << 20)) == 8 << 20
            socket.send_fds(a, [b'x'], [fd])
            os.close(fd)
        """),
        "plus",
        refused_from="landlock",
    ),
    _burn(
        "memory in files of the scratch",
        proof("""
        import os
        for i in range(30):
            with open(str(i), 'wb') as file: assert file.write(b'x' * (10 << 20)) == 10 << 20
        """),
        "plus",
        refused_from="namespaces",
    ),
    _burn(
        "memory in pipes",
        proof("""
        import fcntl, os
        for i in range(30):
            r, w = os.pipe()
            fcntl.fcntl(w, 1031, 1 << 20)
            os.set_blocking(w, False)
            assert os.write(w, b'x' * (1 << 20)) == 1 << 20
        for i in range(40): bytearray(10 << 20)
        kept = [bytearray(10 << 20) for _ in range(40)]
        """),
        "plus",
    ),
    _burn(
        "zlib that unpacks to 200 MB",
        proof("""
        import zlib
        pump = zlib.compressobj()
        data = b''.join(pump.compress(bytes(1 << 20)) for _ in range(200)) + pump.flush()
        zlib.decompress(data)
        """),
        "plus",
    ),
    _burn("a format of 2 GB", proof("'%2000000000d' % 1"), "plus"),
    _burn("a tower of powers", proof("x = 10 ** 10 ** 10"), "plus", refused_from=NOWHERE, is_slow=True),
    _burn(
        "MemoryError swallowed for ever",
        """
        a = []
        def f(x):
            while True:
                try: a.append(bytearray(1 << 22))
                except MemoryError:
                    try: a.append(bytearray(1 << 12))
                    except MemoryError: return x + 2
        """,
        "plus",
    ),
    _burn(
        "recursion without an end", "import sys\nsys.setrecursionlimit(10**9)\ndef f(x): return f(x) + 1", is_slow=True
    ),
    _burn(
        "recursion in C",
        """
        import sys
        sys.setrecursionlimit(10**9)
        a = []
        for _ in range(10**6): a = [a]
        def f(x): return repr(a) == repr(a) and str(a)
        """,
        is_slow=True,
    ),
    _burn("a parser's stack", "def f(x): return eval('-' * 200_000 + '1')"),
)

TIME = (
    _burn("a loop without an end", "def f(x):\n    while True: pass", refused_from=NOWHERE, is_slow=True),
    _burn(
        "SIGXCPU and SIGTERM ignored",
        """
        import signal
        for number in range(1, 65):
            try: signal.signal(number, signal.SIG_IGN)
            except (OSError, ValueError): pass
        signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))
        while True: pass
        """,
        refused_from=NOWHERE,
        is_slow=True,
    ),
    _burn(
        "a regular expression that backtracks",
        "import re\ndef f(x): return re.match('(a*)*b', 'a' * 60)",
        refused_from=NOWHERE,
        is_slow=True,
    ),
    _burn(
        "eight busy threads",
        """
        import hashlib, threading
        def spin():
            while True: hashlib.sha256(bytes(10**6))
        def f(x):
            for _ in range(8): threading.Thread(target=spin).start()
            spin()
        """,
        refused_from=NOWHERE,
        is_slow=True,
    ),
    _burn(
        "a hot timer",
        """
        import signal
        signal.signal(signal.SIGALRM, lambda *a: None)
        signal.setitimer(signal.ITIMER_REAL, 1e-6, 1e-6)
        def f(x):
            for _ in range(10**5): pass
            return 'x'
        """,
        is_slow=True,
    ),
    _burn(
        "10,000 timers",
        """
        import ctypes
        libc, timer = ctypes.CDLL(None), ctypes.c_void_p()
        n = sum(libc.timer_create(1, None, ctypes.byref(timer)) == 0 for _ in range(10_000))
        def f(x): return n
        """,
    ),
    _burn(
        "more seconds asked for",
        proof("""
        import resource
        resource.setrlimit(resource.RLIMIT_CPU, (60, 60))
        """),
        "plus",
    ),
    _burn(
        "more memory asked for",
        proof("""
        import ctypes
        limit = (ctypes.c_uint64 * 2)(1 << 40, 1 << 40)
        assert ctypes.CDLL(None).prlimit(0, 9, limit, None) == 0
        """),
        "plus",
    ),
)

FILES = (
    _burn("one big file", proof("open('big', 'wb').write(bytes(1 << 26))"), "plus"),
    _burn("a sparse file of 1 TB", proof("import os\nos.truncate(os.open('big', 66), 1 << 40)"), "plus"),
    _burn("a file grown by fallocate", proof("import os\nos.posix_fallocate(os.open('big', 66), 0, 1 << 30)"), "plus"),
    _burn(
        "10,000 files",
        proof("import time\nfor i in range(10_000): open(str(i), 'w').close()\ntime.sleep(2)"),
        "plus",
    ),
    _burn(
        "folders 3,000 deep",
        """
        import os
        for i in range(3000):
            os.mkdir('d')
            os.chdir('d')
        def f(x): return 'x'
        """,
    ),
    _burn(
        "folders whose path is too long",
        """
        import os
        for i in range(40):
            os.mkdir('d' * 200)
            os.chdir('d' * 200)
        def f(x): return 'x'
        """,
    ),
    _burn(
        "1,000 hard links and links to themselves",
        """
        import os
        open('a', 'w').close()
        for i in range(1000): os.link('a', f'h{i}')
        os.symlink('loop', 'loop')
        os.symlink('/', 'root')
        os.symlink('..', 'up')
        def f(x): return open('loop').read()
        """,
    ),
    _burn(
        "names that are no text",
        """
        import os
        for name in (b'\\xff\\xfe', b'-rf', b'*', b'\\n', b' ', b'x' * 255): open(name, 'w').close()
        os.mkfifo('fifo')
        def f(x): return 'x'
        """,
    ),
    _burn(
        "folders that nobody may enter",
        """
        import os
        os.mkdir('a')
        os.mkdir('a/b')
        open('a/b/x', 'w').close()
        os.chmod('a/b', 0)
        os.chmod('a', 0)
        os.chmod('.', 0)
        def f(x): return 'x'
        """,
    ),
    _burn(
        "all descriptors",
        """
        import os
        def f(x):
            try:
                while True: os.dup(0)
            except OSError: pass
            return 'x'
        """,
    ),
    _burn(
        "10,000 threads",
        """
        import threading, time
        def f(x):
            threading.stack_size(32768)
            n = 0
            try:
                for n in range(10_000): threading.Thread(target=time.sleep, args=(9,), daemon=True).start()
            except (RuntimeError, MemoryError): pass
            return 'x' if n < 9_999 else n
        """,
        is_slow=True,
    ),
    _burn("output without an end", "def f(x):\n    while True: print('x' * 100_000)"),
    _burn("results without an end", "import os\ndef f(x):\n    while True: os.write(3, b'x' * 65536)"),
    _burn(
        "errors without an end",
        """
        import sys
        def f(x):
            for _ in range(1000): sys.stderr.write('x' * 100_000)
            return 'x'
        """,
    ),
    _burn(
        "pipes nobody reads",
        """
        import os
        def f(x):
            r, w = os.pipe()
            os.set_blocking(w, False)
            try:
                while True: os.write(w, bytes(65536))
            except BlockingIOError: return 'x'
        """,
    ),
)

RESOURCES = MEMORY + TIME + FILES
