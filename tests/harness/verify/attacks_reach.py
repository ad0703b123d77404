"""What an answer may not reach: secrets, /proc, sockets, and the answers after it."""

from __future__ import annotations

from functools import partial

from verify.attack import Attack, proof, with_libc

_read = partial(Attack, "reading", against="plus", refused_from="landlock")
_net = partial(Attack, "sockets", against="plus", refused_from="landlock", effect="socket")
_left = partial(Attack, "leavings", against="plus", refused_from="landlock")


READING = (
    _read("a secret of the user's", proof("assert open('{{secret}}').read()")),
    _read(
        "a secret, mapped into memory",
        proof("""
        import mmap, os
        fd = os.open('{{secret}}', os.O_RDONLY)
        assert mmap.mmap(fd, 0, prot=mmap.PROT_READ)[:4] == b'gold'
        """),
    ),
    _read(
        "a secret as a module",
        proof("""
        import importlib.util
        importlib.util.spec_from_file_location('x', '{{secret}}').loader.get_data('{{secret}}')
        """),
    ),
    _read(
        "a secret through a copy in the kernel",
        proof("""
        import os
        source = os.open('{{secret}}', os.O_RDONLY)
        assert os.sendfile(os.open('copy', 66), source, 0, 50) == 50
        """),
    ),
    _read("a folder's names", proof("import os\nassert 'secret' in os.listdir(os.path.dirname('{{secret}}'))")),
    _read("the users of the machine", proof("assert 'root' in open('/etc/passwd').read()")),
    _read(
        "home folders",
        proof("""
        import os, sys
        seen, known = [], f'{sys.base_prefix}/{os.__file__}'.split('/')
        for folder in ('/home', '/root', '/Users', os.path.expanduser('~')):
            try: seen += [name for name in os.listdir(folder) if name not in known]
            except OSError: pass
        assert seen
        """),
    ),
    _read("the harness's command line", proof("assert open('/proc/{{harness}}/cmdline', 'rb').read()")),
    _read("the harness's environment", proof("assert open('/proc/{{harness}}/environ', 'rb').read()")),
    _read(
        "the harness's folder and files",
        proof("""
        import os
        assert os.readlink('/proc/{{harness}}/cwd') or os.listdir('/proc/{{harness}}/fd')
        """),
    ),
    _read("the harness's state", proof("assert 'VmRSS' in open('/proc/{{harness}}/status').read()")),
    _read(
        "the processes of the machine",
        proof("""
        import os
        seen = [p for p in os.listdir('/proc') if p.isdigit() and int(p) not in (1, os.getpid(), os.getppid())]
        assert any(os.path.exists(f'/proc/{p}/stat') and open(f'/proc/{p}/stat').read() for p in seen)
        """),
    ),
    _read("the network's tables", proof("assert len(open('/proc/net/unix').read()) > 200")),
    _read("the machine's mounts", proof("assert open('/proc/self/mountinfo').read()")),
    _read(
        "environment variables",
        proof("""
        import ctypes, os
        names = ctypes.POINTER(ctypes.c_char_p).in_dll(ctypes.CDLL(None), 'environ')
        text, i = str(dict(os.environ)), 0
        while names and names[i]:
            text += names[i].decode()
            i += 1
        assert 'THINKCURVE' in text or 'PATH' in text
        """),
        refused_from="rlimits",
    ),
    _read(
        "a watch on a folder",
        with_libc("""
        assert libc.inotify_add_watch(libc.inotify_init(), b'{{out}}', 0xFFF) >= 0
        """),
    ),
)

SOCKETS = (
    _net("TCP to this machine", proof("import socket\nsocket.create_connection(('127.0.0.1', {{port}}), 1)")),
    _net(
        "UDP to this machine",
        proof("""
        import socket
        socket.socket(type=socket.SOCK_DGRAM).sendto(b'x', ('127.0.0.1', {{udp_port}}))
        """),
    ),
    _net(
        "TCP over IPv6",
        proof("""
        import socket
        socket.create_connection(('::ffff:127.0.0.1', {{port}}), 1)
        """),
    ),
    _net(
        "TCP to another machine",
        proof("""
        import socket
        s = socket.socket()
        s.setblocking(False)
        assert s.connect_ex(('192.0.2.1', 80)) in (0, 115)
        """),
        effect="",
    ),
    _net("a listener", proof("import socket\nsocket.create_server(('0.0.0.0', 0))"), effect=""),
    _net("a socket file", proof("import socket\nsocket.socket(socket.AF_UNIX).connect('{{stream}}')")),
    _net("an abstract socket", proof("import socket\nsocket.socket(socket.AF_UNIX).connect('\\0{{mark}}-stream')")),
    _net(
        "a datagram to a socket file",
        proof("""
        import socket
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).sendto(b'x', '{{datagram}}')
        """),
    ),
    _net(
        "a datagram from half of a pair to a socket file",
        proof("""
        import socket
        a, b = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        a.sendto(b'x', '{{datagram}}')
        """),
    ),
    _net(
        "a datagram from half of a pair to an abstract socket",
        proof("""
        import socket
        a, b = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        a.connect('\\0{{mark}}-datagram')
        a.send(b'x')
        """),
    ),
    _net("netlink", proof("import socket\nsocket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)"), effect=""),
    _net("the kernel's ciphers", proof("import socket\nsocket.socket(38, socket.SOCK_SEQPACKET, 0)"), effect=""),
    _net("the hypervisor", proof("import socket\nsocket.socket(40, socket.SOCK_STREAM, 0)"), effect=""),
)

LEAVINGS = (
    _left(
        "System V shared memory",
        with_libc("assert libc.shmget({{key}}, 4096, 0o1666) >= 0"),
        effect="ipc",
        then=with_libc("assert libc.shmget({{key}}, 0, 0) >= 0"),
    ),
    _left(
        "a System V semaphore",
        with_libc("assert libc.semget({{key}}, 1, 0o1666) >= 0"),
        effect="ipc",
        then=with_libc("assert libc.semget({{key}}, 0, 0) >= 0"),
    ),
    _left(
        "a System V message queue",
        with_libc("assert libc.msgget({{key}}, 0o1666) >= 0"),
        effect="ipc",
        then=with_libc("assert libc.msgget({{key}}, 0) >= 0"),
    ),
    _left(
        "a POSIX message queue",
        with_libc("assert libc.mq_open(b'/{{mark}}', 66, 0o666, None) >= 0"),
        effect="ipc",
        then=with_libc("assert libc.mq_open(b'/{{mark}}', 0) >= 0"),
    ),
    _left(
        "a shared memory file",
        with_libc("""
        from multiprocessing import resource_tracker, shared_memory
        resource_tracker.register = lambda *a: None
        shared_memory.SharedMemory('{{mark}}', create=True, size=4096)
        """),
        effect="file",
    ),
    _left(
        "a module for the next answer",
        """
        for name in ('json', 'colorsys', 'sitecustomize', 'usercustomize', 'numpy', 'sandbox_wire'):
            open(name + '.py', 'w').write('EVIL = True')
        open('evil.pth', 'w').write('import os; os._exit(0)')
        def f(x): return 'x'
        """,
        then=proof("import colorsys\nassert colorsys.EVIL"),
        refused_from="rlimits",
    ),
    _left(
        "a file for the next answer",
        "open('left', 'w').close()\ndef f(x): return 'x'",
        then=proof("import os\nassert os.listdir('.')"),
        refused_from="rlimits",
    ),
    _left(
        "a hidden and locked folder for the next answer",
        """
        import os
        os.makedirs('.a/b')
        open('.a/b/c', 'w').close()
        os.chmod('.a/b', 0)
        os.chmod('.a', 0o100)
        def f(x): return 'x'
        """,
        then=proof("import os\nassert os.listdir('.')"),
        refused_from="rlimits",
    ),
    _left(
        "the scratch folder removed",
        """
        import os
        os.rmdir(os.getcwd())
        def f(x): return 'x'
        """,
        then=proof("import os\ntry: open('x', 'w').close()\nexcept OSError: pass\nelse: assert 0"),
        effect="zygote",  # which leaves when its folder is gone
        refused_from="landlock",
    ),
    _left(
        "the scratch folder moved",
        """
        import os
        os.rename(os.getcwd(), '/tmp/{{mark}}')
        def f(x): return 'x'
        """,
        effect="file zygote",
        then=proof("import os\nassert '{{mark}}' in os.getcwd()"),
    ),
    _left(
        "the scratch folder closed",
        """
        import os
        os.chmod('.', 0)
        def f(x): return 'x'
        """,
        then=proof("import os\nassert os.stat('.').st_mode & 0o777 == 0"),
        refused_from="rlimits",
    ),
    _left(
        "an advisory lock for the next answer",
        """
        import fcntl, os
        fcntl.flock(os.open('.', os.O_RDONLY), fcntl.LOCK_EX)
        def f(x): return 'x'
        """,
        then="""
        import fcntl, os
        try: fcntl.flock(os.open('.', os.O_RDONLY), fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            def f(x): return x + 1
        """,
        refused_from="rlimits",
    ),
    _left(
        "changed memory of the sandbox for the next answer",
        """
        import ast, builtins, json, sys
        builtins.int = ast.literal_eval = json.dumps = None
        sys.evil = True
        def f(x): return 'x'
        """,
        then=proof("import sys\nassert sys.evil"),
        refused_from="rlimits",
    ),
    _left(
        "limits, mask, folder and nice value for the next answer",
        """
        import os, resource
        os.umask(0o777)
        os.nice(10)
        resource.setrlimit(resource.RLIMIT_NOFILE, (5, 5))
        os.chdir('/')
        def f(x): return 'x'
        """,
        then=proof("import os\nassert os.umask(0) == 0o777 or os.getcwd() == '/'"),
        refused_from="rlimits",
    ),
)

REACH = READING + SOCKETS + LEAVINGS
