"""Results that want to be equal to everything, or to break whoever looks at them."""

from __future__ import annotations

from functools import partial

from verify.attack import Attack

_give = partial(Attack, "results")

_LIES = (
    "    def __eq__(self, other): return True\n    def __ne__(self, other): return False\n    __hash__ = lambda s: 1\n"
)

RESULTS = (
    _give("equal to all", f"class Yes:\n{_LIES}def f(x): return Yes()", "loose"),
    _give("an int equal to all", f"class Yes(int):\n{_LIES}def f(x): return Yes()", "loose"),
    _give(
        "a str equal to all", f"class Yes(str):\n{_LIES}    __len__ = lambda s: 37\ndef f(x): return Yes('x')", "loop"
    ),
    _give("a list equal to all", f"class Yes(list):\n{_LIES}def f(x): return Yes()", "near"),
    _give("a tuple of equals", f"class Yes(float):\n{_LIES}def f(x): return [Yes(1), Yes(2)]", "near"),
    _give(
        "a float at no distance",
        """
        class Yes(float):
            def __sub__(self, other): return 0.0
            __rsub__ = __sub__
            def __abs__(self): return 0.0
            def __le__(self, other): return True
            __lt__ = __ge__ = __gt__ = __le__
        def f(x): return Yes() if x == 2 else [Yes(), Yes()]
        """,
        "near",
    ),
    _give("a dict equal to all", f"class Yes(dict):\n{_LIES}def f(x): return Yes()", "loose"),
    _give(
        "a set that holds all",
        """
        class Yes(frozenset):
            def __contains__(self, item): return True
            def __eq__(self, other): return True
            __hash__ = frozenset.__hash__
        def f(x): return Yes()
        """,
        "loose",
    ),
    _give(
        "says it is a str",
        f"class Yes:\n{_LIES}    __class__ = property(lambda s: str)\ndef f(x): return Yes()",
        "loop",
    ),
    _give(
        "a type equal to all",
        f"class Meta(type):\n{_LIES}class Yes(metaclass=Meta): pass\ndef f(x): return Yes",
        "loose",
    ),
    _give("mock.ANY", "from unittest.mock import ANY\ndef f(x): return ANY", "loose"),
    _give(
        "a MagicMock that agrees",
        """
        from unittest.mock import MagicMock
        yes = MagicMock()
        yes.__eq__.return_value = True
        yes.__class__ = str
        def f(x): return yes
        """,
        "loop",
    ),
    _give(
        "a numpy array of agreements",
        """
        import numpy as np
        class Yes(np.ndarray):
            def __array_ufunc__(self, *a, **k): return np.True_
            def tolist(self): return ['gold'] * 3
            item = tolist
        def f(x): return np.array([True] * 3).view(Yes)
        """,
        "loose",
    ),
    _give(
        "an object array of liars",
        """
        import numpy as np
        class Yes:
            def __eq__(self, other): return True
        def f(x): return np.array([Yes(), Yes()], dtype=object)
        """,
        "near",
    ),
    _give(
        "a class that calls itself numpy",
        """
        class float64:
            def item(self): return Yes()
            tolist = item
        class Yes:
            def __eq__(self, other): return True
        float64.__module__ = 'numpy'
        def f(x): return float64()
        """,
        "near",
    ),
    _give("nan", "def f(x): return float('nan')", "near"),
    _give("infinity", "def f(x): return float('inf') if x == 2 else [float('inf'), float('-inf')]", "near"),
    _give("a Decimal nan", "from decimal import Decimal\ndef f(x): return Decimal('nan')", "near"),
    _give("a signalling Decimal", "from decimal import Decimal\ndef f(x): return Decimal('sNaN')", "near"),
    _give(
        "a Decimal of 10**18 digits",
        "from decimal import Decimal\ndef f(x): return Decimal('1e999999999999999999')",
        "near",
    ),
    _give(
        "a Fraction that is not one",
        """
        from fractions import Fraction
        half = Fraction(1, 2)
        half._denominator = 0
        def f(x): return half if x == 2 else [half, half]
        """,
        "near",
    ),
    _give("a generator for ever", "import itertools\ndef f(x): return itertools.repeat(x)", "loop"),
    _give(
        "a list that never ends",
        """
        class Endless(list):
            def __iter__(self):
                while True: yield 1
            __len__ = lambda self: 2
        def f(x): return Endless([1, 2])
        """,
        "near",
    ),
    _give(
        "items that lie",
        """
        class Lying(dict):
            def items(self): return [('a', 1)] * 10**9
            keys = values = __iter__ = items
        def f(x): return Lying()
        """,
    ),
    _give(
        "a defaultdict that makes what is asked for",
        """
        from collections import defaultdict
        class Yes:
            def __eq__(self, other): return True
        def f(x): return defaultdict(Yes, a=1)
        """,
        "loose",
    ),
    _give(
        "a namedtuple that agrees",
        """
        from collections import namedtuple
        class Yes(namedtuple('Yes', 'a b')):
            def __eq__(self, other): return True
        def f(x): return Yes(1, 2)
        """,
        "near",
    ),
    _give(
        "an Enum and a dataclass that agree",
        """
        import dataclasses, enum
        class Yes(str, enum.Enum):
            A = 'a'
            def __eq__(self, other): return True
            __hash__ = str.__hash__
        @dataclasses.dataclass(eq=False)
        class Box:
            a: int = 1
            def __eq__(self, other): return True
        def f(x): return Yes.A if x == 'a' else Box()
        """,
    ),
    _give(
        "a forwarding proxy",
        """
        class Proxy:
            def __init__(self, other=None): self.other = other
            def __getattr__(self, name): return Proxy(name)
            def __call__(self, *a, **k): return Proxy()
            def __eq__(self, other): return True
            def __iter__(self): return iter([Proxy()])
            def __bool__(self): return True
        def f(x): return Proxy()
        """,
        "loose",
    ),
    _give(
        "a pickle that writes a file",
        """
        import os
        class Bomb:
            def __reduce__(self): return (os.system, ('touch {{out}}/pickled',))
        def f(x): return Bomb()
        """,
        effect="file",
    ),
    _give(
        "json hooks that write a file",
        """
        class Bomb:
            def __json__(self): open('{{out}}/json', 'w').close()
            __repr__ = __str__ = __index__ = __len__ = __int__ = __float__ = __getstate__ = __json__
        def f(x): return Bomb()
        """,
        effect="file",
        refused_from="landlock",
    ),
    _give(
        "values of no plain type",
        """
        import types
        def f(x): return {'a': NotImplemented, 'b': ..., 'c': types}[x]
        """,
        "loose",
    ),
    _give(
        "a coroutine and an async generator",
        """
        async def g(): yield 1
        async def f(x): return 'x'
        """,
        "loose",
    ),
    _give("a list that holds itself", "a = []\na.append(a)\ndef f(x): return a", "loose"),
    _give("a dictionary that holds itself", "a = {}\na['a'] = a\ndef f(x): return a", "loop"),
    _give(
        "lists wide and deep",
        """
        def f(x):
            a = ['x']
            for _ in range(60): a = [a, a]
            return a
        """,
        is_slow=True,
    ),
    _give("a tuple 100,000 deep", "def f(x):\n    a = ()\n    for _ in range(100_000): a = (a,)\n    return a"),
    _give("halves of surrogate pairs", "def f(x): return '\\ud800' * 37", "loop"),
    _give("NUL bytes after the value", "def f(x): return x + '\\0' + 'gold'", "loop"),
    _give("an integer of a million digits", "def f(x): return 1 << 3_400_000", "loop"),
    _give("an integer too long to print", "def f(x): return 1 << 400_000_000"),
    _give("a text of 100 MB", "def f(x): return 'x' * 10**8"),
    _give("bytes instead of text", "def f(x): return b'gold'", "loop"),
    _give("a set of 3,000 numbers with one hash", "def f(x): return {(2**61 - 1) * k for k in range(3_000)}", "loose"),
    _give(
        "keys that decode to unhashable ones",
        """
        class Key(tuple):
            __hash__ = lambda self: 1
        def f(x): return {Key(([],)): 1, frozenset([Key(([],))]): 2}
        """,
    ),
    _give("True for one and one for True", "def f(x): return [1.0, True][x == 'a']", "loose"),
    _give("the right value in a list of one", "def f(x): return [x + 1]", "plus"),
    _give("the right value as text", "def f(x): return str(x + 1)", "plus"),
    _give(
        "a Fraction with long terms",
        """
        from fractions import Fraction
        def f(x): return Fraction((1 << 400_000) - 1, (1 << 390_000) + 1)
        """,
        "near",
    ),
    _give(
        "an iterator that says stop too early",
        """
        class Stop:
            def __iter__(self): return self
            def __next__(self): raise StopIteration
        def f(x): return Stop()
        """,
        "mapped",
    ),
    _give("nothing", "def f(x): pass", "loose"),
    _give("no function at all", "f = 'gold'", "loop"),
    _give(
        "a class instead of a function",
        "class f:\n    def __new__(cls, x): return object.__new__(cls)\n    def __eq__(self, other): return True",
        "loose",
    ),
)
