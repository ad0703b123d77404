"""Patched builtins, modules, hooks and tracers: whatever the sandbox's own code leans on, bent."""

from __future__ import annotations

from functools import partial

from verify.attack import NOWHERE, Attack

_patch = partial(Attack, "patches")

PATCHES = (
    _patch(
        "isinstance, type and len",
        """
        import builtins
        builtins.len = builtins.isinstance = builtins.issubclass = builtins.type = lambda *a: True
        def f(x): return 'x'
        """,
        "loop",
    ),
    _patch(
        "every builtin",
        """
        import builtins
        for name in dir(builtins):
            if name[0].islower(): setattr(builtins, name, lambda *a, **k: True)
        def f(x): return 'x'
        """,
        "loose",
    ),
    _patch(
        "the exceptions that the sandbox catches",
        """
        import builtins
        builtins.BaseException = builtins.MemoryError = builtins.SystemExit = ()
        def f(x): raise ValueError
        """,
    ),
    _patch("json.dumps", "import json\njson.dumps = lambda *a, **k: '[0, \"v\", true]'\ndef f(x): return 1"),
    _patch(
        "the json encoder's insides",
        """
        import json.encoder
        json.encoder.c_make_encoder = json.encoder.encode_basestring_ascii = lambda *a: lambda *b: ('true',)
        json._default_encoder.encode = lambda o: '[0,"v",true]'
        def f(x): return 1
        """,
        "loose",
    ),
    _patch("struct", "import struct\nstruct.pack = struct.unpack = struct.Struct = print\ndef f(x): return 1"),
    _patch(
        "os.write", "import os\nw = os.write\nos.write = lambda fd, b: w(fd, b'passed') and len(b)\ndef f(x): return 1"
    ),
    _patch(
        "os.write that says it wrote nothing", "import os\nos.write = lambda fd, b: 0\ndef f(x): return 1", is_slow=True
    ),
    _patch("ast.literal_eval", "import ast\nast.literal_eval = lambda text: True\ndef f(x): return True", "loop"),
    _patch(
        "all of sys.modules",
        """
        import sys, types
        class Yes(types.ModuleType):
            def __getattr__(self, name): return lambda *a, **k: 'passed'
        for name in list(sys.modules): sys.modules[name] = Yes(name)
        def f(x): return 1
        """,
    ),
    _patch("sys.modules itself", "import sys\nsys.modules.clear()\nsys.modules = None\ndef f(x): return 1"),
    _patch(
        "an import hook",
        """
        import sys, types
        class Finder:
            def find_spec(self, name, path=None, target=None): raise SystemExit(0)
        sys.meta_path.insert(0, Finder())
        sys.path_hooks.insert(0, lambda path: 1 / 0)
        sys.path_importer_cache.clear()
        def f(x): return 1
        """,
    ),
    _patch("__import__", "import builtins\nbuiltins.__import__ = lambda *a, **k: 1 / 0\ndef f(x): return 1", "loop"),
    _patch(
        "settrace changes what the caller holds",
        """
        import ctypes, sys
        def trace(frame, event, arg):
            for name in list(frame.f_locals):
                if name in ('value', 'reason', 'tag', 'code', 'index'):
                    frame.f_locals[name] = True
                    ctypes.pythonapi.PyFrame_LocalsToFast(ctypes.py_object(frame), ctypes.c_int(0))
            return trace
        frame = sys._getframe()
        while frame:
            frame.f_trace = trace
            frame = frame.f_back
        sys.settrace(trace)
        def f(x): return 1
        """,
    ),
    _patch(
        "setprofile swallows the writes",
        """
        import sys
        def profile(frame, event, arg):
            if event == 'c_call' and arg.__name__ == 'write': raise SystemExit(0)
        sys.setprofile(profile)
        def f(x): return 1
        """,
    ),
    _patch(
        "an audit hook refuses everything",
        """
        import sys
        def f(x):
            def hook(*a): raise SystemExit(0)
            sys.addaudithook(hook)
            return 1
        """,
        "loop",
    ),
    _patch(
        "excepthooks",
        """
        import os, sys, threading
        sys.excepthook = threading.excepthook = sys.unraisablehook = lambda *a: os._exit(0)
        def f(x):
            threading.Thread(target=lambda: 1 / 0).start()
            raise ValueError
        """,
    ),
    _patch(
        "registered codec errors",
        """
        import codecs
        for name in ('strict', 'surrogatepass', 'replace', 'surrogateescape'):
            codecs.register_error(name, lambda error: ('gold', error.end))
        codecs.register(lambda name: 1 / 0)
        def f(x): return '\\ud800'
        """,
    ),
    _patch(
        "__build_class__",
        """
        import builtins
        builtins.__build_class__ = lambda *a, **k: int
        def f(x): return 1
        """,
    ),
    _patch(
        "gc callbacks and finalisers",
        """
        import gc, os, weakref
        class Last:
            def __del__(self): os.write(3, b'passed\\n')
        last = Last()
        weakref.finalize(last, os._exit, 0)
        gc.callbacks.append(lambda *a: os.write(1, b'passed\\n'))
        gc.set_threshold(1)
        def f(x): return [Last()]
        """,
    ),
    _patch(
        "the singletons in memory",
        """
        import ctypes
        def f(x):
            size = object.__sizeof__(1) + 4
            ctypes.memmove(id(False), id(True), 28)
            ctypes.memmove(id(None) + 8, id(True) + 8, 8)
            return 1
        """,
        "loop",
    ),
    _patch(
        "small integers swapped",
        """
        import ctypes
        for n in range(-5, 257): ctypes.memmove(id(n) + 24, id(1) + 24, 4)
        def f(x): return x
        """,
        "plus",
    ),
    _patch(
        "a slot of str's type",
        """
        import ctypes
        def f(x):
            ctypes.memmove(id(str) + 24, id(object) + 24, 200)
            return 'x'
        """,
        "loop",
    ),
    _patch(
        "sys.stdout that never flushes",
        """
        import sys
        class Out:
            def write(self, text): return len(text)
            def flush(self):
                while True: pass
        sys.stdout = sys.stderr = Out()
        def f(x): return 1
        """,
        refused_from=NOWHERE,
    ),
    _patch(
        "no recursion and no switching",
        """
        import sys
        sys.setswitchinterval(1e-9)
        sys.setrecursionlimit(20)
        def f(x): return [[[[[[[[[[[[[[[[[[[[x]]]]]]]]]]]]]]]]]]]]
        """,
    ),
    _patch(
        "signal handlers for everything",
        """
        import os, signal
        for number in range(1, 65):
            try: signal.signal(number, lambda *a: os._exit(0))
            except (OSError, ValueError): pass
        os.kill(os.getpid(), 11)
        def f(x): return 1
        """,
    ),
    _patch(
        "faulthandler, warnings and logging",
        """
        import faulthandler, logging, warnings
        warnings.showwarning = lambda *a, **k: 1 / 0
        logging.raiseExceptions = True
        faulthandler.dump_traceback_later(0.001, repeat=True, file=3 and open(3, 'w', closefd=False))
        def f(x):
            import time
            time.sleep(0.05)
            return 1
        """,
    ),
    _patch(
        "names that shadow the test's",
        """
        def check(candidate): return True
        assert_equal = isinstance = sorted = abs = check
        candidate = gold = range = type('Yes', (), {'__eq__': lambda s, o: True})()
        def f(x): return 1
        """,
        "loop",
    ),
    _patch("asserts switched off", "import sys\nsys.flags = None\ndef f(x): return 1", "loop"),
)
