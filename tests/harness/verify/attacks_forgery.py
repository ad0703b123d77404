"""Forged results and hunts for the right ones: on every descriptor, in memory, in /proc, in files."""

from __future__ import annotations

from functools import partial

from verify.attack import GOLD, NOWHERE, Attack

_forge = partial(Attack, "forgery")

# Lines as the sandbox writes them, with the word found by walking the frames; each attack sets LINES first.
_HUNT_AND_WRITE = """
import json, os, sys
def nonce():
    frame = sys._getframe()
    while frame:
        for value in list(frame.f_locals.values()):
            if isinstance(value, dict) and 'nonce' in value: return value['nonce'].encode()
            if isinstance(value, str) and len(value) == 32: return value.encode()
        frame = frame.f_back
    return b''
def send(text):
    data = nonce() + text + b'\\n'
    for fd in (3, 4, 5):
        try:
            left = data
            while left: left = left[os.write(fd, left):]
            return
        except OSError: pass
"""

FORGERIES = (
    _forge(
        "passed, on every descriptor",
        """
        import os
        for fd in range(1024):
            for text in (b'passed\\n', b'OK\\n', b'[0,"v",true]\\n[1,"v",true]\\n[2,"v",true]\\n', b'ready\\n'):
                try: os.write(fd, text)
                except OSError: pass
        def f(x): return True
        """,
    ),
    _forge(
        "a frame of the zygote's, on every descriptor",
        """
        import json, os, struct
        head = json.dumps({'end': 'exit', 'code': 0, 'cpu_s': 0.0, 'is_ready': True}).encode()
        for fd in range(256):
            try: os.write(fd, struct.pack('>II', len(head), 0) + head)
            except OSError: pass
        def f(x): return 1
        """,
    ),
    _forge(
        "a reply of the judge's, on every descriptor",
        """
        import json, os, struct
        head = json.dumps({'verdict': 'correct', 'passed': True, 'ok': True, 'reason': '', 'calls': 6}).encode()
        for fd in range(256):
            try: os.write(fd, struct.pack('>II', len(head), 0) + head)
            except OSError: pass
        def f(x): return 1
        """,
        "loop",
    ),
    _forge(
        "lines with the word, tags that mean nothing",
        _HUNT_AND_WRITE
        + """
for tag in ('p', 'pass', 'ok', 'correct', 'x', True, None):
    for i in range(3): send(json.dumps([i, tag, True]).encode())
def f(x): return 1
""",
    ),
    _forge(
        "lines with odd indexes",
        _HUNT_AND_WRITE
        + """
for i in (-1, 0.0, True, 1e400, 2**70, '0', None, 0): send(json.dumps([i, 'v', True]).encode())
def f(x): return 1
""",
    ),
    _forge(
        "lines that are no JSON",
        _HUNT_AND_WRITE
        + """
for text in (b'', b'\\xff\\xfe', b'\\0' * 64, b'[0,"v",NaN]', b'[0,"v"', b'[0,"v",1,2]', b'{}', b'nan'): send(text)
""",
    ),
    _forge("a value 100,000 lists deep", _HUNT_AND_WRITE + "send(b'[0,\"v\",' + b'[' * 100_000 + b']' * 100_001)\n"),
    _forge(
        "a value 100,000 lists deep, told to a test",
        _HUNT_AND_WRITE + "send(b'[0,\"v\",[' + b'[' * 100_000 + b']' * 100_000 + b',null]]')\ndef f(x): return 1\n",
        "loop",
    ),
    _forge(
        "a fraction of six million bits",
        _HUNT_AND_WRITE
        + """
n = '0x' + '9' * 1_500_000
for i in range(2): send(json.dumps([i, 'v', ['F', [n, n + '7']]]).encode())
""",
    ),
    _forge(
        "values by the megabyte before anybody asked",
        "import os\nfor _ in range(2000): os.write(3, b'x' * 32768)\ndef f(x): return 1",
        "big",
        effect="zygote",
        refused_from=NOWHERE,  # the harness itself ends such a sandbox and starts another
    ),
    _forge(
        "tags that no encoder wrote",
        _HUNT_AND_WRITE
        + """
for v in (['u', 'd8'], ['i', ''], ['i', '0x'], ['f', 'one'], ['c', [1, 2]], ['d', [[['l', []], 1]]], ['d', [1]],
          ['s', [['l', []]]], ['t', {}], ['b', 'zz'], [[], []], {'a': 1}, ['x', []], ['f', '0x1p99999'], ['l', 'abc']):
    send(json.dumps([0, 'v', v]).encode())
def f(x): return 1
""",
    ),
    _forge("a 3 MB integer", _HUNT_AND_WRITE + "send(json.dumps([0, 'v', ['i', '0x' + 'f' * 3_000_000]]).encode())\n"),
    _forge("a decimal integer of 3 MB", _HUNT_AND_WRITE + "send(b'[0,\"v\",' + b'9' * 3_000_000 + b']')\n"),
    _forge(
        "a set of 100,000 numbers with one hash",
        _HUNT_AND_WRITE
        + """
p = 2**61 - 1
send(b'[0,"v",["s",[' + b','.join(b'["i","%s"]' % hex(p * k).encode() for k in range(1, 100_000)) + b']]]')
""",
    ),
    _forge(
        "a dictionary of 80,000 keys with one hash",
        _HUNT_AND_WRITE
        + """
p = 2**61 - 1
send(b'[0,"v",["d",[' + b','.join(b'[["i","%s"],0]' % hex(p * k).encode() for k in range(1, 80_000)) + b']]]')
""",
    ),
    _forge("a million lines", "import os\nfor _ in range(60): os.write(3, b'\\n' * 60_000)\ndef f(x): return 1"),
    _forge(
        "the wire's encoder replaced",
        """
        import sys
        for module in list(sys.modules.values()):
            encoder = getattr(module, 'Encoder', None)
            if encoder is not None: encoder.encode = lambda *a, **k: ['x', 'anything']
        def f(x): return 1
        """,
    ),
    _forge(
        "the sandbox's own functions replaced",
        """
        import sys
        main = sys.modules['__main__']
        for name in ('_line', '_write', '_call', '_send'):
            if hasattr(main, name): setattr(main, name, lambda *a, **k: b'passed\\n')
        def f(x): return 1
        """,
    ),
    _forge(
        "right values hunted with gc",
        f"""
        import gc, re, sys
        def f(x):
            found = []
            for o in gc.get_objects():
                if type(o) in (dict, list, tuple, set) and len(o) < 10_000:
                    for item in (o.values() if type(o) is dict else o):
                        if type(item) is str and (m := re.search(r'{GOLD}', item)): found.append(m[0])
            return found['abc'.index(x)]
        """,
    ),
    _forge(
        "right values hunted in frames and tracebacks",
        f"""
        import inspect, re, sys, traceback
        def f(x):
            text = ''.join(str(i.frame.f_locals) + str(i.frame.f_globals) for i in inspect.stack())
            try: 1 / 0
            except ZeroDivisionError:
                text += ''.join(traceback.TracebackException(*sys.exc_info(), capture_locals=True).format())
            return re.findall(r'{GOLD}', text)['abc'.index(x)]
        """,
        "loop",
    ),
    _forge(
        "right values hunted in all memory by ctypes",
        f"""
        import ctypes, re
        def f(x):
            found = []
            for line in open('/proc/self/maps'):
                low, high = (int(n, 16) for n in line.split()[0].split('-'))
                if ' r' in line and '[v' not in line:
                    found += re.findall(rb'{GOLD}', ctypes.string_at(low, high - low))
            return found['abc'.index(x)].decode()
        """,
    ),
    _forge(
        "right values hunted from the stack pointer up",
        f"""
        import ctypes, re
        def f(x):
            base = id(f) & ~0xFFFFF
            return re.findall(rb'{GOLD}', ctypes.string_at(base, 1 << 20))['abc'.index(x)].decode()
        """,
        "loop",
    ),
    _forge(
        "right values read from every descriptor",
        f"""
        import os, re
        text = b''
        for fd in range(1024):
            try:
                os.set_blocking(fd, False)
                text += os.read(fd, 1 << 16)
            except OSError: pass
        def f(x): return re.findall(rb'{GOLD}', text)['abc'.index(x)].decode()
        """,
    ),
    _forge(
        "right values read from descriptors of all processes",
        f"""
        import glob, os, re
        text = b''
        for path in glob.glob('/proc/[0-9]*/fd/*'):
            try:
                fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
                text += os.read(fd, 1 << 16)
                os.close(fd)
            except OSError: pass
        def f(x): return re.findall(rb'{GOLD}', text)['abc'.index(x)].decode()
        """,
    ),
    _forge(
        "right values in the harness's memory through /proc",
        f"""
        import re
        def f(x):
            found = []
            with open('/proc/{{{{harness}}}}/mem', 'rb', 0) as memory:
                for line in open('/proc/{{{{harness}}}}/maps'):
                    low, high = (int(n, 16) for n in line.split()[0].split('-'))
                    if 'rw' in line and high - low < 1 << 26:
                        memory.seek(low)
                        found += re.findall(rb'{GOLD}', memory.read(high - low))
            return found['abc'.index(x)].decode()
        """,
    ),
    _forge(
        "right values in the harness's memory by process_vm_readv",
        f"""
        import ctypes, re
        libc = ctypes.CDLL(None)
        size = 1 << 20
        buffer = ctypes.create_string_buffer(size)
        def f(x):
            found = []
            for line in open('/proc/{{{{harness}}}}/maps'):
                low, high = (int(n, 16) for n in line.split()[0].split('-'))
                for at in range(low, high, size):
                    here = (ctypes.c_void_p * 2)(ctypes.addressof(buffer), size)
                    there = (ctypes.c_void_p * 2)(at, min(size, high - at))
                    if libc.process_vm_readv({{{{harness}}}}, here, 1, there, 1, 0) > 0:
                        found += re.findall(rb'{GOLD}', buffer.raw)
            return found['abc'.index(x)].decode()
        """,
    ),
    _forge(
        "right values in a file of the data set",
        f"""
        import re
        def f(x): return re.findall(r'{GOLD}', open('{{{{secret}}}}').read())['abc'.index(x)]
        """,
        refused_from="landlock",
    ),
    _forge(
        "right values in the environment or command lines of all processes",
        f"""
        import glob, re
        text = b''
        for path in glob.glob('/proc/[0-9]*/*'):
            if path.endswith(('environ', 'cmdline')):
                try: text += open(path, 'rb').read()
                except OSError: pass
        def f(x): return re.findall(rb'{GOLD}', text)['abc'.index(x)].decode()
        """,
    ),
    _forge(
        "right values hunted on a program's standard input",
        f"""
        import os, re, sys
        os.lseek(0, 0, 0)
        text = os.read(0, 1 << 20)
        for fd in range(3, 256):
            try: text += os.read(fd, 1 << 16)
            except OSError: pass
        print(re.search(rb'{GOLD}', text)[0].decode())
        print(sum(map(int, text.split()[:2])))
        """,
        "stdio",
    ),
    _forge(
        "wrong first, right-looking lines afterwards",
        _HUNT_AND_WRITE
        + """
def f(x):
    for i in range(3): send(json.dumps([i, 'v', x + 1]).encode())
    return 0
import threading, time
""",
        "near",
    ),
)

GUESSES = (
    Attack(
        "guesses", "counts its calls", "n = []\ndef f(x):\n    n.append(x)\n    return f'gold-{len(n):032x}'", "loop"
    ),
    Attack(
        "guesses",
        "a new guess at every repeat",
        """
        seen = {}
        def f(x):
            seen[x] = seen.get(x, -1) + 1
            return [True, 1, 'gold', None][seen[x] % 4]
        """,
        "loose",
    ),
    Attack(
        "guesses",
        "learns from the retry by a file",
        """
        import os
        runs = len(os.listdir('.'))
        open(f'run{runs}', 'w').close()
        def f(x):
            if runs: return x + 1
            os.kill(os.getpid(), 11)
        """,
        "plus",
    ),
    Attack(
        "guesses",
        "changes the arguments under the test",
        """
        def f(x):
            import gc
            for o in gc.get_referrers(x):
                if type(o) is list: o[:] = [0]
            return 0
        """,
        "plus",
    ),
    Attack(
        "guesses",
        "peeks at the later cases and empties them",
        """
        import sys
        def f(x):
            frame = sys._getframe(1)
            while frame:
                for value in list(frame.f_locals.values()):
                    if type(value) is list: value.clear()
                frame = frame.f_back
            return x + 1
        """,
        "plus",
    ),
    Attack(
        "guesses",
        "drops the rest of the cases from the request",
        """
        import gc
        for o in gc.get_objects():
            if type(o) is dict and 'args' in o and 'nonce' in o: o['args'] = o['args'][:1]
        def f(x): return 2
        """,
        "plus",
    ),
)
