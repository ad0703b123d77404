"""Files that are not the answer's: made, changed, removed; pipes, terminals and devices."""

from __future__ import annotations

from functools import partial

from verify.attack import Attack, proof, with_libc

_file = partial(Attack, "files", against="plus", refused_from="landlock", effect="file")

FILES = (
    _file("a new file", proof("open('{{out}}/new', 'w').write('x')")),
    _file(
        "a file through the parent folders",
        proof("""
        import os
        open('/'.join(['..'] * 40) + '{{out}}/parents', 'w').close()
        """),
    ),
    _file(
        "a file through a link in the scratch",
        proof("""
        import os
        os.symlink('{{out}}', 'link')
        open('link/linked', 'w').close()
        """),
    ),
    _file("a file through /proc/self/root", proof("open('/proc/self/root{{out}}/root', 'w').close()")),
    _file(
        "a file through a descriptor of a folder",
        proof("""
        import os
        os.open('fd', os.O_CREAT | os.O_WRONLY, dir_fd=os.open('{{out}}', os.O_PATH))
        """),
    ),
    _file("a file after chdir", proof("import os\nos.chdir('{{out}}')\nopen('here', 'w').close()")),
    _file(
        "a folder, a link and a pipe",
        proof("""
        import os
        done = 0
        for make in (os.mkdir, os.mkfifo, lambda path: os.symlink('x', path)):
            try: done += make('{{out}}/' + str(id(make))) is None
            except OSError: pass
        assert done
        """),
    ),
    _file(
        "a file moved out of the scratch",
        proof("""
        import os
        open('x', 'w').close()
        try: os.rename('x', '{{out}}/moved')
        except OSError: os.link('x', '{{out}}/moved')
        """),
    ),
    _file("an overwritten file", proof("open('{{own}}', 'r+').write('x')")),
    _file("a truncated file", proof("import os\nos.truncate('{{own}}', 0)")),
    _file("a removed file", proof("import os\nos.unlink('{{own}}')")),
    _file(
        "a file with another mode",
        proof("import os\nos.chmod('{{own}}', 0o777)\nassert os.stat('{{own}}').st_mode & 0o777 == 0o777"),
    ),
    _file(
        "a file with another mode, by descriptor",
        proof("""
        import os
        os.fchmod(os.open('{{own}}', os.O_RDONLY), 0o777)
        assert os.stat('{{own}}').st_mode & 0o777 == 0o777
        """),
    ),
    _file(
        "a file with another mode, by number",
        with_libc("libc.syscall(452, -100, b'{{own}}', 0o777, 0)\nassert os.stat('{{own}}').st_mode & 0o777 == 0o777"),
    ),
    _file(
        "a file with another time",
        proof("import os\nos.utime('{{own}}', (9, 9))\nassert os.stat('{{own}}').st_mtime == 9"),
    ),
    _file(
        "a file with an attribute",
        proof("import os\nos.setxattr('{{own}}', 'user.evil', b'x')\nassert os.listxattr('{{own}}')"),
    ),
    _file("a file with a second name", proof("import os\nos.link('{{own}}', 'own')")),
    _file(
        "files in the machine's scratch folders",
        proof("""
        done = 0
        for folder in ('/tmp', '/var/tmp', '/dev/shm'):
            try: done += open(folder + '/{{mark}}', 'w').write('x')
            except OSError: pass
        assert done
        """),
        then=proof("""
        import os
        assert any(os.path.exists(d + '/{{mark}}') for d in ('/tmp', '/var/tmp', '/dev/shm'))
        """),
    ),
    _file(
        "the interpreter's own folders",
        proof("""
        import os, sys
        done = 0
        for folder in {*sys.path, os.path.dirname(os.__file__), sys.prefix, os.path.dirname(sys.executable)}:
            try:
                open(folder + '/{{mark}}', 'x').close()
                os.unlink(folder + '/{{mark}}')
                done += 1
            except OSError: pass
        assert done
        """),
        effect="",
    ),
    _file("a pipe of the user's", proof("import os\nos.write(os.open('{{fifo}}', 2049), b'x')"), effect="fifo"),
    _file("the user's terminal", proof("import os\nos.write(os.open('{{tty}}', 2306), b'x')"), effect="terminal"),
    _file(
        "keys typed into the user's terminal",
        proof("""
        import fcntl, os
        fd = os.open('{{tty}}', 2050)
        fcntl.ioctl(fd, 0x540E, 1)
        fcntl.ioctl(fd, 0x5412, b'x')
        """),
        effect="terminal",
    ),
    _file("a new terminal", proof("import os\nassert os.ttyname(os.openpty()[1])"), effect=""),
    _file(
        "devices",
        proof("""
        import glob
        done = 0
        for path in ('/dev/kmsg', '/dev/mem', '/dev/fuse', '/dev/net/tun', '/dev/kvm', *glob.glob('/dev/[sv]d*')):
            try: done += open(path, 'rb', 0) is not None
            except OSError: pass
        assert done
        """),
        effect="",
    ),
)
