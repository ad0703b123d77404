"""Ways out: new processes and programs, namespaces, privileges, the kernel."""

from __future__ import annotations

from functools import partial

from verify.attack import LIBC, Attack, proof, with_libc

_escape = partial(Attack, "escapes", against="plus", refused_from="landlock")

_BYTES = (
    LIBC
    + """
import mmap
def run(code):
    page = mmap.mmap(-1, 4096, prot=7)
    page.write(code)
    address = ctypes.addressof(ctypes.c_char.from_buffer(page))
    return ctypes.CFUNCTYPE(ctypes.c_int)(address)()
"""
)


PROCESSES = (
    _escape("fork", with_libc("if os.fork() == 0: os._exit(0)")),
    _escape(
        "a daemon, forked twice",
        with_libc("""
        import time
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0:
                time.sleep(30)
            os._exit(0)
        """),
    ),
    _escape(
        "twenty busy children",
        with_libc("""
        import time
        for _ in range(20):
            if os.fork() == 0:
                os.setsid()
                time.sleep(30)
        """),
    ),
    _escape(
        "a fork bomb",
        "import os\nfor _ in range(10_000):\n    try: os.fork()\n    except OSError: pass",
        is_bounded=False,
    ),
    _escape(
        "vfork by number",
        with_libc("""
        pid = libc.syscall(58)
        if pid == 0: libc._exit(0)
        assert pid > 0
        """),
    ),
    _escape(
        "clone by number",
        with_libc("""
        pid = libc.syscall(56, 17, 0, 0, 0, 0)
        if pid == 0: libc._exit(0)
        assert pid > 0
        """),
    ),
    _escape(
        "clone3 by number",
        with_libc("""
        words = (ctypes.c_uint64 * 11)(0, 0, 0, 0, 17)
        pid = libc.syscall(435, ctypes.byref(words), 88)
        if pid == 0: libc._exit(0)
        assert pid > 0
        """),
    ),
    _escape(
        "clone with a thread's flag that is none",
        with_libc("""
        pid = libc.syscall(56, 17 | 0x10000 << 32, 0, 0, 0, 0)
        if pid == 0: libc._exit(0)
        assert pid > 0
        """),
    ),
    _escape(
        "fork through the 32-bit door",
        _BYTES
        + proof("""
        pid = run(b'\\x53\\xb8\\x02\\x00\\x00\\x00\\xcd\\x80\\x5b\\xc3')
        if pid == 0: os._exit(0)
        assert pid > 0
        """),
    ),
    _escape(
        "fork through the x32 door",
        with_libc("""
        pid = libc.syscall(0x40000000 + 57)
        if pid == 0: libc._exit(0)
        assert pid > 0
        """),
    ),
    _escape("subprocess", with_libc("import subprocess\nsubprocess.run(['/bin/true'], check=True)")),
    _escape(
        "posix_spawn", with_libc("os.posix_spawn('/bin/sh', ['sh', '-c', 'echo > {{out}}/spawn'], {})"), effect="file"
    ),
    _escape("system", with_libc("assert libc.system(b'echo > {{out}}/system') == 0"), effect="file"),
    _escape(
        "multiprocessing",
        with_libc("""
        import multiprocessing
        process = multiprocessing.get_context('fork').Process(target=print)
        process.start()
        process.join()
        """),
    ),
    _escape("forkpty", with_libc("import pty\nif pty.fork()[0] == 0: os._exit(0)")),
    _escape("execve", "import os\nos.execv('/bin/sh', ['sh', '-c', 'echo > {{out}}/exec'])", effect="file"),
    _escape(
        "execve of a file without a name",
        """
        import os
        fd = os.memfd_create('x')
        os.write(fd, b'#!/bin/sh\\necho > {{out}}/fexec\\n')
        os.execve(fd, ['x'], {})
        """,
        effect="file",
    ),
    _escape(
        "the loader as a program",
        """
        import glob, os
        loader = (glob.glob('/lib64/ld-linux*') + glob.glob('/lib/ld-linux*'))[0]
        os.execv(loader, [loader, '/bin/sh', '-c', 'echo > {{out}}/loader'])
        """,
        effect="file",
    ),
    _escape(
        "another Python that writes the results",
        """
        import os, sys
        def f(x):
            code = 'import os; os.write(3, b"x"); open("{{out}}/python", "w")'
            os.execv(sys.executable, [sys.executable, '-I', '-S', '-c', code])
        """,
        effect="file",
    ),
    _escape("execveat by number", with_libc("assert libc.syscall(322, -100, b'/bin/true', 0, 0, 0) == 0")),
    _escape("io_uring", with_libc("assert libc.syscall(425, 4, ctypes.create_string_buffer(120)) >= 0")),
)

PRIVILEGES = (
    _escape("a user namespace", with_libc("assert libc.unshare(0x10000000) == 0")),
    _escape(
        "a neighbour's namespaces",
        with_libc("""
        assert libc.setns(os.open('/proc/{{victim}}/ns/net', os.O_RDONLY), 0) == 0
        """),
    ),
    _escape(
        "namespaces by descriptor of a process",
        with_libc("assert libc.setns(os.pidfd_open({{victim}}), 0x20000) == 0"),
    ),
    _escape("mount", with_libc("assert libc.mount(b'x', os.getcwd().encode(), b'tmpfs', 0, None) == 0")),
    _escape("bind mount", with_libc("assert libc.mount(b'/', os.getcwd().encode(), None, 4096, None) == 0")),
    _escape("umount", with_libc("assert libc.umount2(os.getcwd().encode(), 2) == 0")),
    _escape(
        "everything writable again",
        with_libc("""
        words = (ctypes.c_uint64 * 4)(0, 1)
        assert libc.syscall(442, -100, b'/', 0x8000, words, 32) == 0
        """),
    ),
    _escape(
        "the new mount calls",
        with_libc("assert libc.syscall(428, -100, b'/', 1) >= 0 or libc.syscall(430, b'tmpfs', 0) >= 0"),
    ),
    _escape("chroot", with_libc("os.chroot('.')")),
    _escape("pivot_root", with_libc("assert libc.syscall(155, b'.', b'.') == 0")),
    _escape(
        "a file by its handle",
        with_libc("""
        handle = (ctypes.c_uint32 * 40)(128)
        mount = ctypes.c_int()
        assert libc.syscall(303, -100, b'/', handle, ctypes.byref(mount), 0) == 0
        assert libc.syscall(304, os.open('/', 0), handle, 0) >= 0
        """),
    ),
    _escape(
        "a device of one's own", with_libc("os.mknod('mem', 0o20666, os.makedev(1, 1))\nopen('mem', 'rb').read(1)")
    ),
    _escape(
        "all capabilities",
        with_libc("""
        header, data = (ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)(1 << 21, 1 << 21)
        assert libc.capset(header, data) == 0
        """),
    ),
    _escape("another host name", with_libc("import socket\nsocket.sethostname('evil')")),
    _escape("the clock", with_libc("import time\ntime.clock_settime(time.CLOCK_REALTIME, time.time())")),
    _escape(
        "the kernel's log",
        with_libc("""
        size = libc.klogctl(10, None, 0)
        assert libc.klogctl(3, ctypes.create_string_buffer(4096), 4096) > 0
        """),
    ),
    _escape("a kernel setting", with_libc("open('/proc/sys/kernel/core_pattern', 'r+').close()")),
    _escape(
        "a key left in the kernel",
        with_libc("""
        assert libc.syscall(248, b'user', b'{{mark}}', b'x', 1, -4) >= 0
        """),
        effect="ipc",
        then=with_libc("assert libc.syscall(249, b'user', b'{{mark}}', None, 0) >= 0"),
    ),
)

ESCAPES = PROCESSES + PRIVILEGES
