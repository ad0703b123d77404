"""Right results of many types: numbers, containers, texts."""

from __future__ import annotations

from verify.honest_answer import asserted, function

NUMBERS = (
    function("an array's sum", "import numpy as np\ndef f(x): return np.sum(np.array([x, 1]))", needs="numpy"),
    function(
        "an array as a list",
        "import numpy as np\ndef f(x): return list(np.arange(x))",
        ("[3]", "[0, 1, 2]"),
        needs="numpy",
    ),
    function(
        "an array's own list",
        "import numpy as np\ndef f(x): return np.eye(x).tolist()",
        ("[2]", "[[1.0, 0.0], [0.0, 1.0]]"),
        needs="numpy",
    ),
    function(
        "an array's truth",
        "import numpy as np\ndef f(x): return np.all(np.array(x))",
        ("[[1, 1]]", "True"),
        ("[[1, 0]]", "False"),
        needs="numpy",
    ),
    function(
        "an array's floats",
        "import numpy as np\ndef f(x): return np.mean(x), np.float32(0.5), np.std(x)",
        ("[[1, 3]]", "(2.0, 0.5, 1.0)"),
        needs="numpy",
    ),
    function(
        "linear algebra",
        """
        import numpy as np
        def f(n):
            a = np.arange(n * n).reshape(n, n).astype(float) + np.eye(n) * n**3
            return round(float(np.linalg.norm(a @ np.linalg.inv(a) - np.eye(n))), 6)
        """,
        ("[50]", "0.0"),
        needs="numpy",
    ),
    function("not a number", "def f(x): return [x != x, x]", ("[1e400]", "[False, 1e400]")),
    asserted(
        "not a number, tested",
        "def f(x): return x - x",
        """
        import math
        for x in (float('inf'), float('-inf'), float('nan')):
            assert math.isnan(candidate(x))
        """,
    ),
    function("infinities", "def f(x): return [x * 10, -x]", ("[1e308]", "[1e400, -1e308]")),
    function("10,000 digits", "def f(n): return 10 ** n + 7", ("[10000]", hex(10**10000 + 7))),
    function(
        "a factorial's text",
        """
        import math, sys
        sys.set_int_max_str_digits(0)
        def f(n): return len(str(math.factorial(n)))
        """,
        ("[3000]", "9131"),
    ),
    function("Decimal", "from decimal import Decimal\ndef f(x): return float(Decimal(x) / 4)", ("[1]", "0.25")),
    asserted(
        "Decimal and Fraction, tested",
        """
        from decimal import Decimal
        from fractions import Fraction
        def f(x): return Decimal(x) / 4 if x > 0 else Fraction(x, 3)
        """,
        """
        from decimal import Decimal
        from fractions import Fraction
        for x in (1, 3): assert candidate(x) == Decimal(x) / 4
        assert candidate(-2) == Fraction(-2, 3)
        """,
    ),
    function("complex numbers", "import cmath\ndef f(x): return cmath.sqrt(x)", ("[-4]", "2j")),
)

CONTAINERS = (
    function(
        "a namedtuple for a tuple",
        """
        from collections import namedtuple
        P = namedtuple('P', 'x y')
        def f(x): return [P(x, x), P(0, 1)]
        """,
        ("[1]", "[(1, 1), (0, 1)]"),
    ),
    function(
        "a typing.NamedTuple",
        """
        from typing import NamedTuple
        class P(NamedTuple):
            x: int
            y: str = 'a'
        def f(x): return P(x)
        """,
        ("[1]", "(1, 'a')"),
    ),
    function(
        "an IntEnum for an int",
        """
        import enum
        class Level(enum.IntEnum):
            LOW, HIGH = 1, 2
        def f(x): return Level.HIGH if x else Level.LOW
        """,
        ("[1]", "2"),
        ("[0]", "1"),
    ),
    function(
        "a StrEnum for a str",
        """
        import enum
        class Word(str, enum.Enum):
            A = 'a'
        def f(x): return Word.A
        """,
        ("[1]", "'a'"),
    ),
    function(
        "Counter, defaultdict, OrderedDict",
        """
        from collections import Counter, OrderedDict, defaultdict
        def f(x):
            d = defaultdict(list)
            d['a'].append(x)
            return [Counter('aab'), d, OrderedDict(b=1, a=2)]
        """,
        ("[1]", "[{'a': 2, 'b': 1}, {'a': [1]}, {'a': 2, 'b': 1}]"),
    ),
    asserted(
        "a deque, tested",
        "from collections import deque\ndef f(x): return deque(range(x), maxlen=2)",
        """
        from collections import deque
        for n in (2, 3): assert candidate(n) == deque([n - 2, n - 1])
        assert list(candidate(4)) == [2, 3]
        """,
    ),
    function(
        "sets and frozen sets",
        "def f(x): return [set(x), frozenset(x), {1: {2}}]",
        ("[[1, 2, 1]]", "[{1, 2}, {1, 2}, {1: {2}}]"),
    ),
    function("bytes", "def f(x): return [x[::-1], bytearray(x), bytes(3)]", ("[b'ab']", r"[b'ba', b'ab', b'\0\0\0']")),
    function(
        "a dict of tuples",
        "def f(n): return {(i, str(i)): [i] for i in range(n)}",
        ("[2]", "{(0, '0'): [0], (1, '1'): [1]}"),
    ),
    function(
        "a subclass of list and of int",
        "class L(list): pass\nclass I(int): pass\ndef f(x): return L([I(x), I(2)])",
        ("[1]", "[1, 2]"),
    ),
    function(
        "a keys view made a list",
        "def f(d): return list(d), sorted(d.items()), max(d.values())",
        ("[{'a': 1}]", "(['a'], [('a', 1)], 1)"),
    ),
    asserted(
        "a generator that the test reads",
        "def f(n):\n    for i in range(n): yield i * i",
        """
        for n in (0, 1, 5): assert list(candidate(n)) == [i * i for i in range(n)]
        assert sum(candidate(4)) == 14
        """,
    ),
    asserted(
        "an iterator that the test reads",
        "def f(n): return map(str, range(n))",
        """
        for n in (0, 3): assert ''.join(candidate(n)) == ''.join(map(str, range(n)))
        """,
    ),
    asserted(
        "a change in place",
        "def f(a): a.sort()",
        """
        for start in ([3, 1, 2], [], [1]):
            a = list(start)
            candidate(a)
            assert a == sorted(start)
        """,
    ),
    asserted(
        "a change in place, deep down",
        "def f(d):\n    d['a'].append(1)\n    d['b'] = {2}\n    return len(d)",
        """
        d = {'a': [0]}
        for n in (1, 2):
            assert candidate(d) == 2
            assert d == {'a': [0] + [1] * n, 'b': {2}}
        """,
    ),
    asserted(
        "an argument returned",
        "def f(a):\n    a.append(0)\n    return a",
        """
        a = [1]
        for _ in range(2): assert candidate(a) is a or candidate(a) == a
        """,
    ),
    asserted(
        "an expected exception",
        "def f(x):\n    if x < 0: raise ValueError('negative')\n    return x",
        """
        for bad in (-1, -2):
            try: candidate(bad)
            except ValueError: pass
            else: assert False
        assert candidate(3) == 3
        """,
    ),
    asserted(
        "an expected exception's words",
        "def f(x): return {}[x]",
        """
        for key in ('a', 'b'):
            try: candidate(key)
            except KeyError as error: assert key in str(error)
            else: raise AssertionError
        """,
    ),
)

TEXTS = (
    function(
        "text of all planes", "def f(s): return s[::-1] + '\U0001f600é\\u0301漢'", ("['a😀']", "'😀a😀é\u0301漢'")
    ),
    function("half a surrogate pair", "def f(s): return s + chr(0xD800)", ("['a']", r"'a\ud800'")),
    function(
        "NUL and control characters",
        "def f(s): return s + s[:2]",
        (r"['\0\x1b\r\n\x7f\u2028']", r"'\0\x1b\r\n\x7f\u2028\0\x1b'"),
    ),
    function(
        "regular expressions",
        r"""
        import re
        def f(s): return re.sub(r'(?P<a>\w)(\d)', r'\2\g<a>', s), re.findall('[a-z]+', s)
        """,
        ("['a1 b2']", "('1a 2b', ['a', 'b'])"),
    ),
    function("a megabyte returned", "def f(n): return 'ab' * n", ("[500000]", repr("ab" * 500000))),
    function("a list of 100,000", "def f(n): return list(range(n))", ("[100000]", repr(list(range(100000))))),
    function("a megabyte taken", "def f(s): return len(s)", (repr(["x" * 1_000_000]), "1000000")),
    function("ten megabytes printed", "def f(x):\n    for _ in range(100): print('x' * 100_000)\n    return x + 1"),
    function(
        "printed words",
        """
        import sys
        def f(x):
            print('passed', flush=True)
            print('no', file=sys.stderr)
            return x + 1
        """,
    ),
    function(
        "dates",
        """
        from datetime import date, timedelta
        def f(x): return str(date(2024, 2, 28) + timedelta(x))
        """,
        ("[1]", "'2024-02-29'"),
    ),
    function(
        "a local time and a locale's name",
        """
        import calendar, locale, time
        def f(x): return calendar.month_name[x], time.strftime('%Y', time.gmtime(0)), bool(time.localtime())
        """,
        ("[2]", "('February', '1970', True)"),
    ),
)
