"""Right answers in the styles that people and models write: functions, classes, whole programs."""

from __future__ import annotations

from verify.attack import PASS
from verify.honest_answer import function, program

STYLES = (
    function(
        "dataclasses",
        """
        from dataclasses import dataclass, field
        @dataclass(order=True, frozen=True)
        class P:
            x: int
            y: list = field(default_factory=list)
        def f(x): return P(x).x + 1
        """,
    ),
    function(
        "a class with methods",
        """
        class Adder:
            def __init__(self, n): self.n = n
            @property
            def one(self): return 1
            @classmethod
            def of(cls, n): return cls(n)
            def __call__(self): return self.n + self.one
        def f(x): return Adder.of(x)()
        """,
    ),
    function("a method as the function", "class Solution:\n    def add(self, x): return x + 1\nf = Solution().add"),
    function(
        "a closure",
        """
        def maker(n):
            def add(x):
                nonlocal n
                n += 0
                return x + n
            return add
        f = maker(1)
        """,
    ),
    function(
        "lru_cache",
        """
        from functools import lru_cache
        @lru_cache(None)
        def f(x): return x + 1 if x < 9 else f(x - 1) + 1
        """,
    ),
    function(
        "a memo",
        """
        memo = {}
        def f(n):
            if n < 2: return n
            if n not in memo: memo[n] = f(n - 1) + f(n - 2)
            return memo[n]
        """,
        ("[90]", "2880067194370816120"),
    ),
    function(
        "state kept between calls",
        "n = 0\ndef f(x):\n    global n\n    n += 1\n    return n",
        ("[5]", "1"),
        ("[5]", "2"),
    ),
    function(
        "itertools, heapq, bisect",
        """
        from bisect import bisect
        from heapq import heapify, heappop
        from itertools import accumulate, pairwise, permutations
        def f(a):
            h = a[:]
            heapify(h)
            return heappop(h), bisect([1, 2, 3], 2), list(accumulate(a)), len(list(permutations(a))), list(pairwise(a))
        """,
        ("[[3, 1, 2]]", "(1, 2, [3, 4, 6], 6, [(3, 1), (1, 2)])"),
    ),
    function(
        "a seed",
        """
        import random
        random.seed(7)
        def f(x):
            random.random(), random.shuffle([1, 2])
            return x + 1
        """,
    ),
    function(
        "chance",
        """
        import random, secrets, uuid
        def f(x): return x + 1 if random.random() < 1 and secrets.token_hex() and uuid.uuid4() else 0
        """,
    ),
    function(
        "annotations of the future",
        """
        from __future__ import annotations
        def f(x: Whatever | None) -> list[Whatever]: return x + 1
        """,
    ),
    function(
        "typing",
        """
        from typing import Any, Callable, Dict, Generic, List, Optional, Protocol, TypeVar
        T = TypeVar('T')
        class Box(Generic[T]):
            def __init__(self, x: T) -> None: self.x = x
        def f(x: Optional[int]) -> Any: return Box[int](x).x + 1
        """,
    ),
    function(
        "a main that must not run",
        PASS + "if __name__ == '__main__':\n    print(f(int(input())))\n    raise SystemExit(1)",
    ),
    function("a main guard with tests", PASS + "def test():\n    assert f(1) == 2\ntest()"),
    function(
        "contextlib",
        """
        import contextlib, io
        def f(x):
            out = io.StringIO()
            with contextlib.redirect_stdout(out):
                print(x + 1)
            return int(out.getvalue())
        """,
    ),
    function(
        "asyncio",
        """
        import asyncio
        async def g(x):
            await asyncio.sleep(0.01)
            return x + 1
        def f(x): return asyncio.run(g(x))
        """,
    ),
    function(
        "asyncio with tasks and threads",
        """
        import asyncio
        async def g(x):
            done = await asyncio.gather(*(asyncio.to_thread(lambda i=i: i) for i in range(4)))
            return x + done[1]
        def f(x): return asyncio.run(g(x))
        """,
    ),
    function(
        "match",
        """
        def f(x):
            match [x, 1]:
                case [a, 1]: return a + 1
                case _: return 0
        """,
    ),
    function("eval and exec", "exec('def g(x): return eval(\"x + 1\")')\ndef f(x): return g(x)"),
    function(
        "pickle and copy of one's own",
        """
        import copy, pickle
        def f(x): return copy.deepcopy(pickle.loads(pickle.dumps([x])))[0] + 1
        """,
    ),
    function(
        "inspect and doctest",
        """
        import doctest, inspect
        def f(x):
            '''>>> f(1)
            2
            '''
            return x + 1
        doctest.testmod()
        """,
    ),
    function(
        "many imports",
        """
        import argparse, csv, enum, hashlib, html, json, logging, numbers, queue, string, struct, textwrap
        import traceback, unittest, urllib.parse, xml.etree.ElementTree, zlib
        def f(x): return x + 1
        """,
    ),
)

PROGRAMS = (
    program("input and print", "a, b = map(int, input().split())\nprint(a + b)"),
    program(
        "a main with its exit",
        """
        import sys
        def main():
            print(sum(map(int, sys.stdin.read().split())))
            return 0
        if __name__ == '__main__': sys.exit(main())
        """,
    ),
    program(
        "bytes of standard input",
        r"""
        import sys
        sys.stdout.buffer.write(b'%d\n' % sum(map(int, sys.stdin.buffer.read().split())))
        """,
    ),
    program(
        "input until its end",
        """
        total = 0
        while True:
            try: total += sum(map(int, input().split()))
            except EOFError: break
        print(total)
        """,
    ),
    program(
        "lines of standard input",
        r"""
        import sys
        for line in sys.stdin: sys.stdout.write(f'{sum(map(int, line.split()))}\n')
        """,
    ),
    program("open(0)", "print(sum(map(int, open(0).read().split())), flush=True)"),
    program("os.read and os.write", "import os\nos.write(1, b'%d' % sum(map(int, os.read(0, 100).split())))"),
    program(
        "input shadowed",
        """
        import io, os, sys
        input = io.BytesIO(os.read(0, os.fstat(0).st_size)).readline
        print(sum(map(int, input().split())))
        """,
    ),
    program("no line end at the end", "print(sum(map(int, input().split())), end='')", ("3 4", "7\n")),
    program(
        "carriage returns",
        """
        import sys
        print(sum(map(int, sys.stdin.readline().split())))
        print(repr(input().rstrip()))
        """,
        ("3 4\r\nab\r\n", "7\n'ab'\n"),
        ("3 4\nab", "7\n'ab'"),
    ),
    program("an empty input", "import sys\nprint(len(sys.stdin.read()))", ("", "0\n")),
    program(
        "a megabyte in, a megabyte out",
        "import sys\nprint(*sorted(map(int, sys.stdin.read().split())))",
        (" ".join(map(str, range(150_000, 0, -1))), " ".join(map(str, range(1, 150_001)))),
    ),
    program(
        "words on standard error",
        """
        import sys, warnings
        print('debug', file=sys.stderr)
        warnings.warn('x')
        print(sum(map(int, input().split())))
        """,
    ),
    program("unicode in and out", "print(input()[::-1])", ("é漢😀\n", "😀漢é\n")),
    program("quit and exit", "print(sum(map(int, input().split())))\nexit()"),
    program("os._exit after a flush", "import os\nprint(sum(map(int, input().split())), flush=True)\nos._exit(0)"),
    program(
        "a thread does the work",
        """
        import sys, threading
        sys.setrecursionlimit(10**7)
        threading.stack_size(2**26)
        def main(): print(sum(map(int, input().split())))
        threading.Thread(target=main).start()
        """,
    ),
    program("atexit", "import atexit\natexit.register(print, sum(map(int, input().split())))"),
    program(
        "output in pieces without a flush",
        "import sys\nfor c in str(sum(map(int, input().split()))): sys.stdout.write(c)",
    ),
    program(
        "print to a file of its own",
        """
        import sys
        out = open(1, 'w', closefd=False)
        print(sum(map(int, input().split())), file=out)
        out.close()
        """,
    ),
    program(
        "assertion that holds, recursion, classes",
        """
        class A:
            def __init__(self): self.t = sum(map(int, input().split()))
        a = A()
        assert a.t
        print(a.t)
        """,
    ),
)
