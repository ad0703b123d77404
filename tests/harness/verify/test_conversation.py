"""Tests that are programs: they call the answer while they run, and neither side sees more than plain values."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from thinkcurve.problem import FunctionTests
from thinkcurve.verify.sandbox import Zygotes, judge_code
from verify.sandboxes import strongest

LOOP = "def check(candidate):\n    for i in range(20):\n        assert candidate(i) == i + 1\n"
RIGHT = "def f(x):\n    return x + 1"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def zygotes() -> AsyncIterator[Zygotes]:
    sandbox = await strongest()
    yield sandbox
    await sandbox.aclose()


pytestmark = pytest.mark.asyncio(loop_scope="module")


async def judged(zygotes: Zygotes, test: str, code: str, prompt: str = "") -> tuple[str, str]:
    reference = FunctionTests("f", test=test, prompt=prompt, cpu_s=1.0)
    outcome = await judge_code(zygotes, reference, code)
    return outcome.verdict.value, outcome.reason


PASSING = [
    (LOOP, RIGHT),
    (LOOP + "check(f)\n", RIGHT),
    ("for i in range(3):\n    assert f(i) == i + 1", RIGHT),
    ("import math\nassert math.isclose(f(1.5), 2.5)", RIGHT),
    ("import random\nfor _ in range(5):\n    n = random.randint(0, 9)\n    assert f(n) == n + 1", RIGHT),
    ("for x in (1.5, 2.5):\n    assert math.isclose(f(x), x + 1)", RIGHT),
    ("x = [3, 1, 2]\nf(x)\nassert x == [1, 2, 3]", "def f(x):\n    x.sort()"),
    ("x = {'a': 1}\nf(x)\nassert x == {}", "def f(x):\n    x.clear()"),
    ("x = {1}\nf(x)\nassert x == {1, 2}", "def f(x):\n    x.add(2)"),
    ("assert list(f(3)) == [0, 1, 2]", "def f(n):\n    yield from range(n)"),
    ("assert f(3) == range(3)", "def f(n):\n    return range(n)"),
    ("g = f()\nassert [next(g) for _ in range(3)] == [0, 1, 2]",
     "import itertools\ndef f():\n    return itertools.count()"),
    ("try:\n    f(0)\n    assert False\nexcept ZeroDivisionError:\n    pass", "def f(x):\n    return 1 / x"),
    ("try:\n    f(0)\n    raise SystemError\nexcept ValueError:\n    pass",
     "class Mine(ValueError): pass\ndef f(x):\n    raise Mine('no')"),
    ("assert f(a=1, b=[2]) == 3", "def f(a, b):\n    return a + b[0]"),
    ("assert f(1) == (1, 2)\nfor x in (1,):\n    assert f(x).count(2) == 1",
     "from collections import namedtuple\nP = namedtuple('P', 'x y')\ndef f(x):\n    return P(1, 2)"),
    ("for x in [10**400]:\n    assert f(x) == x + 1", RIGHT),
    ("for x in ['\\ud800', 'é😀', '\\0']:\n    assert f(x) == x", "def f(x):\n    return x"),
    ("assert str(f(1)) == 'nan'", "def f(x):\n    return float('nan')"),
    ("from decimal import Decimal\nfor x in (1, 2):\n    assert f(x) == Decimal(x) / 4",
     "from decimal import Decimal\ndef f(x):\n    return Decimal(x) / 4"),
    ("def twice(x):\n    return 2 * x\ndef check(c):\n    assert c(twice(2)) == 5", RIGHT),
    ("assert f(2) == other(2)", "def other(x):\n    return x + 1\ndef f(x):\n    return x + 1"),
    ("base = f(0)\ndef check(candidate):\n    for i in range(3):\n        assert candidate(i) == base + i", RIGHT),
    ("for n in (3,):\n    assert f(n) == [{'a': (1, 2)}]", "def f(n):\n    return [{'a': (1, 2)}]"),
    ("import datetime\nfor d in (1, 2):\n    assert f(d) == datetime.date(2020, 1, d)",
     "import datetime\ndef f(d):\n    return datetime.date(2020, 1, d)"),
    ("for d in ({'a': 1},):\n    assert list(f(d)) == ['a'] and f(d) == {'a'}", "def f(d):\n    return d.keys()"),
    ("for n in (20000,):\n    assert sum(f(n)) == n * (n - 1) // 2", "def f(n):\n    yield from range(n)"),
    ("import itertools\nassert list(itertools.islice(f(), 4)) == ['1', '11', '21', '1211']",
     "from itertools import groupby\ndef f():\n    s = '1'\n    while True:\n        yield s\n"
     "        s = ''.join(str(len(list(g))) + k for k, g in groupby(s))"),
    ("from collections import namedtuple\nP = namedtuple('P', 'x y')\nfor i in (1,):\n    assert f(P(i, 2)).x == 2",
     "def f(p):\n    return p._replace(x=p.x + 1)"),
    ("from collections import Counter, defaultdict, deque\nfor w in ('aab',):\n"
     "    assert f(Counter(w)) == [('a', 2)] and g(defaultdict(int)) == 0 and h(bytearray(b'a')) == 97",
     "def f(c):\n    return c.most_common(1)\n"
     "def g(d):\n    return d['x']\ndef h(b):\n    b.append(1)\n    return b[0]"),
    ("from collections import deque\nd = deque([1, 2, 3])\nf(d)\nassert d == deque([3, 1, 2])",
     "def f(d):\n    d.rotate()"),
    ("a = [2, 1]\nf(xs=a)\nassert a == [1, 2]", "def f(xs):\n    xs.sort()"),
    ("row = [0]\ng = [row]\nf(g)\nassert row == [5]", "def f(g):\n    g[0][0] = 5"),
    ("a = [1]\nassert f(a) is a", "def f(a):\n    a.append(2)\n    return a"),
    ("try:\n    f(-1)\nexcept ValueError as e:\n    assert 'negative' in str(e)\nelse:\n    assert False",
     "def f(x):\n    raise ValueError('negative input')"),
    ("try:\n    f('k')\nexcept KeyError as e:\n    assert e.args == ('k',)\nelse:\n    assert False",
     "def f(x):\n    return {}[x]"),
    ("for x in (1, 2):\n    assert f(x) == x + 1", "class Solution:\n    def f(self, x):\n        return x + 1"),
    ("for n in (4 * 10**6,):\n    assert len(f(n)) == n", "def f(n):\n    return 'x' * n"),
    ("f(1)\nassert f(2) == 2", "calls = 0\ndef f(x):\n    global calls\n    calls += 1\n    return calls"),
]  # fmt: skip


@pytest.mark.parametrize(("test", "code"), PASSING)
async def test_right_answer_passes(zygotes: Zygotes, test: str, code: str) -> None:
    assert await judged(zygotes, test, code) == ("correct", "")


FAILING = [
    (LOOP, "def f(x):\n    return x", "wrong"),
    (LOOP, "def f(x):\n    return x + 1 if x < 19 else 0", "wrong"),
    (LOOP, "def f(x):\n    return x / 0", "error"),
    (LOOP, "def f(x):\n    while True: pass", "timeout"),
    (LOOP, "def f(x):\n    import os; os._exit(0)", "error"),
    (LOOP, "import os; os._exit(0)", "error"),
    (LOOP, "def f(x:", "error"),
    (LOOP, "def g(x): return x + 1", "error"),
    (LOOP, "def f(x):\n    return bytearray(10**10)", "memory"),
    (LOOP, "def f(x):\n    return 'x' * 10**8", "memory"),
    (LOOP, "def f(x):\n    return 'x' * (3 * 10**7)", "output_limit"),
    ("base = f(0)\n" + LOOP, "def f(x): return 'junk'", "wrong"),
    ("assert [f(i).val for i in range(2)] == [1, 2]", "class N: pass\ndef f(x): return N()", "wrong"),
    ("for i in (1,):\n    assert f(i)[0] == 1", "def f(x): return [object()]", "wrong"),
    (LOOP, "import os, signal\ndef f(x):\n    os.kill(os.getpid(), signal.SIGKILL)", "killed"),
    (LOOP, "class Yes:\n    def __eq__(self, o): return True\ndef f(x): return Yes()", "wrong"),
    (LOOP, "class Yes(int):\n    def __eq__(self, o): return True\ndef f(x): return Yes(0)", "wrong"),
    (LOOP, "import os\nos.write(3, b'[\"end\", \"ok\"]\\n')\ndef f(x): return 0", "error"),
    (LOOP, "import os\ndef f(x):\n    os.write(3, b'[0, \"v\", [1, null]]\\n'); return 0", "error"),
    (LOOP, "import os\ndef f(x):\n    os.write(3, b'[' * 100000 + b'\\n'); return 0", "error"),
    (LOOP, "import os\ndef f(x):\n    os.write(3, b'\\xff\\n'); return 0", "error"),
    (LOOP, "import os\nwhile True: os.write(3, b'x' * 60000)", "output_limit"),
    (LOOP, "import os\nwhile True: os.write(3, b'x\\n' * 30000)", "output_limit"),
    (LOOP, "def f(x):\n    raise AssertionError", "error"),
    (LOOP, "def f(x):\n    raise SystemExit", "error"),
    (LOOP, "def f(x):\n    raise KeyboardInterrupt", "error"),
    ("assert f(3).upper() == 'A'", "def f(x): return object()", "wrong"),
    ("assert abs(f(1) - 2) < 1e-6\nfor _ in (): pass", "def f(x): return None", "wrong"),
    ("gold = {1: 2, 2: 3}\nassert all(map(lambda k: f(k) == gold[k], gold))", "def f(x): raise StopIteration", "error"),
    ("x = [1]\nf(x)\nassert x == [2]", "def f(x): x = [2]", "wrong"),
]  # fmt: skip


@pytest.mark.parametrize(("test", "code", "reason"), FAILING)
async def test_nothing_else_passes(zygotes: Zygotes, test: str, code: str, reason: str) -> None:
    assert await judged(zygotes, test, code) == ("incorrect", reason)
    assert await judged(zygotes, LOOP, RIGHT) == ("correct", "")


UNSUPPORTED = [
    ("for i in (3,):\n    assert f(i)[0].val == 3", "class N:\n    val = 3\ndef f(x): return [N()]"),
    ("for i in (2,):\n    assert f(i)(3) == 5", "def f(x): return lambda y: x + y"),
    ("class P: pass\nfor i in (2,):\n    assert f(i) == P()", "class P: pass\ndef f(x): return P()"),
    ("class L(list): pass\nassert f(L([1])) == 1", "def f(x): return x[0]"),
    ("assert f([0] * (2 * 10**6)) == 1", "def f(x): return 1"),
]


@pytest.mark.parametrize(("test", "code"), UNSUPPORTED)
async def test_what_cannot_travel_is_unverified(zygotes: Zygotes, test: str, code: str) -> None:
    assert await judged(zygotes, test, code) == ("unverified", "unsupported_test")


async def test_classes_of_the_prompt_are_known_to_both_sides(zygotes: Zygotes) -> None:
    prompt = "class MyError(ValueError):\n    pass\n\ndef f(x):\n"
    test = (
        "for x in (1, 2):\n    try:\n        f(x)\n        assert False\n"
        "    except MyError as e:\n        assert e.args == (x,)"
    )
    assert await judged(zygotes, test, "def f(x):\n    raise MyError(x)", prompt) == ("correct", "")


async def test_helper_of_the_prompt_is_not_the_answers_to_change(zygotes: Zygotes) -> None:
    prompt = "def value(x):\n    return x * x\n\ndef f(y):\n    '''The root.'''\n"
    test = "for y in (4, 9):\n    assert value(f(y)) == y"
    cheat = "def value(x): return x\ndef f(y): return y"
    assert await judged(zygotes, test, cheat, prompt) == ("incorrect", "wrong")
    assert await judged(zygotes, test, "def f(y): return y ** 0.5", prompt) == ("correct", "")


async def test_what_is_expected_is_not_in_the_answers_process(zygotes: Zygotes) -> None:
    hunt = (
        "import gc, sys\ndef f(x):\n"
        "    found = [repr(o) for o in gc.get_objects() if isinstance(o, (dict, list, str))]\n"
        "    frame = sys._getframe()\n    while frame:\n        found.append(repr(frame.f_locals))\n"
        "        frame = frame.f_back\n    return int('951413'[::-1]) if '951413'[::-1] in ''.join(found) else 0"
    )
    test = "for x in (1, 2):\n    assert f(x) == 314159"
    assert await judged(zygotes, test, hunt) == ("incorrect", "wrong")


async def test_flood_does_not_stop_the_other_side(zygotes: Zygotes) -> None:
    flood = "import os\nos.write(3, b'x\\n' * 30000)\ndef f(x): return len(x)"
    test = "for n in (10**6,):\n    assert f('x' * n) == n"
    assert (await judged(zygotes, test, flood))[0] == "incorrect"


async def test_numpy_is_there_where_it_is_installed(zygotes: Zygotes) -> None:
    pytest.importorskip("numpy")
    code = "import numpy as np\ndef f(x):\n    return np.array(x).sum()"
    assert await judged(zygotes, "for n in (2, 3):\n    assert f([1, n]) == n + 1", code) == ("correct", "")
    code = "import numpy as np\ndef f(x):\n    return np.array(x) * 2"
    test = "import numpy as np\nassert np.array_equal(f([1, 2]), np.array([2, 4]))"
    assert await judged(zygotes, test, code) == ("correct", "")
    code = "import numpy as np\ndef f(x):\n    return np.linalg.norm(np.array([3.0, 4.0])) + np.random.rand() * 0"
    assert await judged(zygotes, "for n in (1,):\n    assert f(n) == 5", code) == ("correct", "")
