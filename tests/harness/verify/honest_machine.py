"""Right answers that ask much of the machine: threads, depth, time, memory, files."""

from __future__ import annotations

from verify.honest_answer import function

MACHINE = (
    function(
        "8 threads",
        """
        import threading
        def f(x):
            r = []
            t = [threading.Thread(target=r.append, args=(x,)) for _ in range(8)]
            [i.start() for i in t]
            [i.join() for i in t]
            return sum(r) // 8 + 1
        """,
    ),
    function(
        "64 threads at once",
        """
        import threading
        def f(x):
            barrier, r = threading.Barrier(64), []
            def work():
                barrier.wait()
                r.append(1)
            t = [threading.Thread(target=work) for _ in range(64)]
            [i.start() for i in t]
            [i.join() for i in t]
            return x + len(r) - 63
        """,
    ),
    function(
        "a pool and a queue of threads",
        """
        import queue, threading
        from concurrent.futures import ThreadPoolExecutor
        def f(x):
            q = queue.Queue()
            with ThreadPoolExecutor(16) as pool: list(pool.map(q.put, range(100)))
            return x + q.qsize() - 99
        """,
    ),
    function(
        "a daemon thread left behind",
        """
        import threading, time
        threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
        def f(x): return x + 1
        """,
    ),
    function(
        "10,000 calls deep",
        """
        import sys
        sys.setrecursionlimit(10**6)
        def g(n): return n and 1 + g(n - 1)
        def f(x): return g(10_000) - 9_999 + x
        """,
    ),
    function(
        "100,000 calls deep",
        """
        import sys
        sys.setrecursionlimit(10**6)
        def g(n): return n and 1 + g(n - 1)
        def f(x): return g(100_000) - 99_999 + x
        """,
    ),
    function(
        "50,000 calls deep in a thread",
        """
        import sys, threading
        sys.setrecursionlimit(10**6)
        threading.stack_size(64 << 20)
        def g(n): return n and 1 + g(n - 1)
        def f(x):
            r = []
            t = threading.Thread(target=lambda: r.append(g(50_000)))
            t.start()
            t.join()
            return r[0] - 49_999 + x
        """,
    ),
    function(
        "deep in sorted and lambda",
        """
        import sys
        sys.setrecursionlimit(50_000)
        g = lambda n: sorted([n and g(n - 1) + 1])[0]
        def f(x): return g(5_000) - 4_999 + x
        """,
    ),
    function(
        "2 s of work",
        """
        import time
        def f(x):
            end = time.process_time() + 2
            while time.process_time() < end: pass
            return x + 1
        """,
        ("[1]", "2"),
        cpu_s=4.0,
    ),
    function(
        "100 MB of memory",
        """
        def f(x):
            a = bytearray(100 << 20)
            a[::4096] = b'x' * len(a[::4096])
            return x + 1
        """,
    ),
    function("a short sleep", "import time\ndef f(x):\n    time.sleep(0.2)\n    return x + 1", ("[1]", "2")),
    function(
        "files in the scratch",
        """
        import os
        def f(x):
            os.makedirs('a/b', exist_ok=True)
            with open('a/b/c.txt', 'w') as file: file.write(str(x))
            return int(open(os.path.join(os.getcwd(), 'a', 'b', 'c.txt')).read()) + len(os.listdir('a'))
        """,
    ),
    function(
        "tempfile",
        """
        import os, shutil, tempfile
        def f(x):
            with tempfile.TemporaryFile('w+') as file, tempfile.NamedTemporaryFile() as other:
                file.write(str(x)), other.write(b'x'), file.seek(0)
                folder = tempfile.mkdtemp()
                shutil.copy(other.name, folder)
                return int(file.read()) + len(os.listdir(folder))
        """,
    ),
    function(
        "pathlib, sqlite3 and zip",
        """
        import sqlite3, zipfile
        from pathlib import Path
        def f(x):
            with zipfile.ZipFile('a.zip', 'w') as z: z.writestr('a', str(x))
            base = sqlite3.connect('a.db')
            base.execute('create table if not exists t (n)')
            base.commit()
            base.close()
            return int(zipfile.ZipFile('a.zip').read('a')) + Path('a.db').exists()
        """,
    ),
    function(
        "the machine asked about itself",
        """
        import os, platform, sys
        def f(x):
            machine = os.cpu_count() and os.getpid() and platform.system() and sys.version
            return x + bool(machine and os.path.expanduser('~') and os.getcwd() and not os.environ.get('HOMELESS'))
        """,
    ),
    function(
        "an alarm of one's own",
        """
        import signal
        def f(x):
            signal.signal(signal.SIGALRM, lambda *a: None)
            signal.alarm(5)
            signal.alarm(0)
            return x + 1
        """,
    ),
)
