"""Harm to other processes: signals by every way there is, their priority, their memory, their descriptors."""

from __future__ import annotations

from functools import partial

from verify.attack import Attack, with_libc

_escape = partial(Attack, "others", against="plus", refused_from="landlock")
_signal = partial(Attack, "signals", against="plus", refused_from="landlock", effect="victim")

SIGNALS = (
    _signal("SIGKILL to a neighbour", with_libc("os.kill({{victim}}, 9)")),
    _signal("SIGSTOP to a neighbour", with_libc("os.kill({{victim}}, 19)")),
    _signal("tkill by number", with_libc("assert libc.syscall(200, {{victim}}, 9) == 0")),
    _signal("tgkill by number", with_libc("assert libc.syscall(234, {{victim}}, {{victim}}, 9) == 0")),
    _signal(
        "tgkill, its target in the second argument",
        with_libc("""
        assert libc.syscall(234, os.getpid(), {{victim}}, 9) == 0 or libc.syscall(234, -1, {{victim}}, 9) == 0
        """),
    ),
    _signal(
        "a queued signal",
        with_libc("""
        info = (ctypes.c_int * 32)(9, 0, -1)
        assert libc.syscall(129, {{victim}}, 9, info) == 0
        """),
    ),
    _signal(
        "a signal by descriptor",
        with_libc("""
        import signal
        signal.pidfd_send_signal(os.pidfd_open({{victim}}), 9)
        """),
    ),
    _signal(
        "a signal when a pipe is ready",
        with_libc("""
        import fcntl, time
        r, w = os.pipe()
        fcntl.fcntl(r, fcntl.F_SETOWN, {{victim}})
        fcntl.fcntl(r, 10, 9)
        fcntl.fcntl(r, fcntl.F_SETFL, os.O_ASYNC)
        os.write(w, b'x')
        """),
    ),
    _signal(
        "a signal when a pipe is ready, to an extended owner",
        with_libc("""
        import fcntl, struct
        r, w = os.pipe()
        fcntl.fcntl(r, 15, struct.pack('ii', 1, {{victim}}))
        fcntl.fcntl(r, 10, 19)
        fcntl.fcntl(r, fcntl.F_SETFL, os.O_ASYNC)
        os.write(w, b'x')
        """),
    ),
    _signal(
        "a signal when a socket is ready",
        with_libc("""
        import array, fcntl, socket
        a, b = socket.socketpair()
        fcntl.ioctl(a, 0x8901, array.array('i', [{{victim}}]))
        fcntl.fcntl(a, 10, 9)
        fcntl.ioctl(a, 0x5452, array.array('i', [1]))
        b.send(b'x')
        """),
    ),
    _signal(
        "a signal to the sandbox when a pipe is ready",
        """
        import fcntl, os
        r, w = os.pipe()
        fcntl.fcntl(r, fcntl.F_SETOWN, os.getppid() or 1)
        fcntl.fcntl(r, 10, 9)
        fcntl.fcntl(r, fcntl.F_SETFL, os.O_ASYNC)
        def f(x): return os.write(w, b'x')
        """,
        effect="zygote",
    ),
    _signal(
        "SIGUSR1 to the harness", with_libc("import signal\nos.kill({{harness}}, signal.SIGUSR1)"), effect="signal"
    ),
    _signal(
        "a signal to the harness when a pipe is ready",
        with_libc("""
        import fcntl, signal
        r, w = os.pipe()
        fcntl.fcntl(r, fcntl.F_SETOWN, {{harness}})
        fcntl.fcntl(r, 10, int(signal.SIGUSR1))
        fcntl.fcntl(r, fcntl.F_SETFL, os.O_ASYNC)
        os.write(w, b'x')
        """),
        effect="signal",
    ),
    _signal("SIGKILL to the sandbox", with_libc("assert os.getppid()\nos.kill(os.getppid(), 9)"), effect="zygote"),
    _signal("SIGKILL to the sandbox's group", with_libc("os.killpg(os.getpgid(os.getppid()), 9)"), effect="zygote"),
    _signal(
        "SIGSTOP to the sandbox",
        with_libc("assert os.getppid()\nos.kill(os.getppid(), 19)"),
        effect="zygote",
        is_bounded=False,
    ),
    _signal("SIGKILL to everybody", "import os\ndef f(x): os.kill(-1, 9)", is_bounded=False),
    _signal(
        "SIGKILL to every number",
        """
        import os
        for pid in range(2, 40_000):
            if pid != os.getpid():
                try: os.kill(pid, 9)
                except OSError: pass
        def f(x): return 'x'
        """,
        is_bounded=False,
    ),
    _signal(
        "the sandbox as a tracer that is fooled",
        """
        import ctypes, os
        ctypes.CDLL(None).ptrace(0, 0, 0, 0)
        os.kill(os.getpid(), 19)
        def f(x): return 'x'
        """,
        effect="zygote",
        is_slow=True,
    ),
    _signal("death with the parent called off", with_libc("assert libc.prctl(1, 0, 0, 0, 0) == 0"), effect=""),
)

OTHERS = (
    _escape("a neighbour made nice", with_libc("os.setpriority(os.PRIO_PROCESS, {{victim}}, 19)"), effect="victim"),
    _escape(
        "everything of the user's made nice",
        with_libc("os.setpriority(os.PRIO_USER, 0, 19)"),
        effect="victim",
        is_bounded=False,
    ),
    _escape(
        "the sandbox made nice",
        with_libc("assert os.getppid()\nos.setpriority(os.PRIO_PROCESS, os.getppid(), 19)"),
        effect="disturbed",
    ),
    _escape(
        "the sandbox's group made nice",
        with_libc("os.setpriority(os.PRIO_PGRP, os.getpgid(os.getppid()), 7)"),
        effect="disturbed",
    ),
    _escape(
        "a neighbour kept to one core",
        with_libc("""
        os.sched_setaffinity({{victim}}, {max(os.sched_getaffinity(0)) ^ 1})
        """),
        effect="victim",
    ),
    _escape(
        "a neighbour made idle",
        with_libc("""
        os.sched_setscheduler({{victim}}, os.SCHED_IDLE, os.sched_param(0))
        """),
        effect="victim",
    ),
    _escape(
        "the sandbox made idle",
        with_libc("""
        assert os.getppid()
        os.sched_setscheduler(os.getppid(), os.SCHED_BATCH, os.sched_param(0))
        """),
        effect="disturbed",
    ),
    _escape("a neighbour's disk made slow", with_libc("assert libc.syscall(251, 1, {{victim}}, 3 << 13) == 0")),
    _escape(
        "a neighbour's limits lowered",
        with_libc("""
        import resource
        resource.prlimit({{victim}}, resource.RLIMIT_CORE, (0, 0))
        """),
    ),
    _escape(
        "a neighbour offered to the memory killer",
        with_libc("""
        with open('/proc/{{victim}}/oom_score_adj', 'w') as file: file.write('500')
        """),
    ),
    _escape(
        "real time", with_libc("os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))"), refused_from="rlimits"
    ),
    _escape("before everybody else", with_libc("os.nice(-5)"), refused_from="rlimits"),
    _escape("ptrace of a neighbour", with_libc("assert libc.ptrace(16, {{victim}}, 0, 0) == 0"), effect="victim"),
    _escape(
        "ptrace of the sandbox", with_libc("assert libc.ptrace(16, os.getppid(), 0, 0) == 0"), refused_from="rlimits"
    ),
    _escape(
        "the sandbox's memory",
        with_libc("open(f'/proc/{os.getppid()}/mem', 'r+b', 0).close()"),
        refused_from="rlimits",
    ),
    _escape("a neighbour's memory", with_libc("open('/proc/{{victim}}/mem', 'r+b', 0).close()")),
    _escape(
        "a neighbour's memory by process_vm_writev",
        with_libc("""
        line = next(l for l in open('/proc/{{victim}}/maps') if 'rw' in l)
        at = int(line.split('-')[0], 16)
        data = ctypes.create_string_buffer(8)
        here, there = (ctypes.c_void_p * 2)(ctypes.addressof(data), 8), (ctypes.c_void_p * 2)(at, 8)
        assert libc.process_vm_readv({{victim}}, here, 1, there, 1, 0) == 8
        assert libc.process_vm_writev({{victim}}, here, 1, there, 1, 0) == 8
        """),
    ),
    _escape("a neighbour's descriptor", with_libc("assert libc.syscall(438, os.pidfd_open({{victim}}), 0, 0) >= 0")),
    _escape(
        "a neighbour's pages moved",
        with_libc("""
        mask = (ctypes.c_ulong * 1)(1)
        assert libc.syscall(256, {{victim}}, 2, mask, mask) >= 0
        """),
    ),
    _escape("a neighbour compared with", with_libc("assert libc.syscall(312, {{victim}}, {{victim}}, 1, 0, 0) >= 0")),
    _escape("userfaultfd", with_libc("assert libc.syscall(323, 1) >= 0")),
    _escape(
        "perf events",
        with_libc("""
        attributes = ctypes.create_string_buffer(128)
        attributes[0:8] = (1).to_bytes(4, 'little') + (128).to_bytes(4, 'little')
        attributes[40] = 0x60
        assert libc.syscall(298, attributes, 0, -1, -1, 0) >= 0
        """),
    ),
    _escape(
        "bpf",
        with_libc("""
        words = (ctypes.c_uint32 * 32)(2, 4, 8, 1)
        assert libc.syscall(321, 0, words, 128) >= 0
        """),
    ),
)

NEIGHBOURS = SIGNALS + OTHERS
