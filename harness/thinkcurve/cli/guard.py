"""What the command writes to a pipe holds no command of GitHub Actions, whatever models, tasks and runs are called.

A runner reads the output of every step, line by line: a line that begins with ``::`` is a command, and so is
``##[name]`` anywhere (https://github.com/actions/runner, ActionCommand.cs). Names come from outside, and a table wraps
where it likes, so this is seen to at one place, the streams themselves: the pair of colons gets a space between, and so
does ``##[``, which in a line of JSON is escaped, so that the text stays the same. A terminal is left alone.
"""

from __future__ import annotations

import contextlib
import io
import re
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

_SPACE = (
    rb"(?:[ \t\x0b\x0c]|\xc2[\x85\xa0]|\xe1\x9a\x80|\xe2\x80[\x80-\x8a\xa8\xa9\xaf]|\xe2\x81\x9f|\xe3\x80\x80"
    rb"|\xef\xbb\xbf|\x1b\[[0-9;]*m)*"
)
"""What .NET trims from the start of a line, in UTF-8; a byte-order mark; colours."""
_COMMAND = re.compile(rb"\A(" + _SPACE + rb":)(?=:)")
_OPEN = re.compile(_SPACE + rb":?")


class Guard(io.BufferedIOBase):
    """A stream of bytes that passes all on to ``inner`` but commands. It takes whole characters of UTF-8."""

    def __init__(self, inner: Any) -> None:
        self.inner = inner
        self._line = b""
        self._is_json = False

    def write(self, data: ReadableBuffer, /) -> int:
        """Pass bytes on; says that all of ``data`` was taken."""
        given = bytes(data)
        for part in re.findall(rb"[^\r\n]*[\r\n]+|[^\r\n]+", given):
            self._write(part)
        return len(given)

    def _write(self, part: bytes) -> None:
        """Pass on a part of one line. ``_line`` is what of it was written before, as far as that matters."""
        if not self._line.strip():
            self._is_json = part.lstrip()[:1] in (b"{", b"[")
        whole = _COMMAND.sub(rb"\1 ", self._line + part)
        whole = whole.replace(b"##[", b"##\\u005b" if self._is_json else b"## [")
        self.inner.write(whole[len(self._line) :])
        if part.endswith((b"\r", b"\n")):
            self._line = b""
        elif _OPEN.fullmatch(whole):
            self._line = b":" if whole.endswith(b":") else b""
        else:
            self._line = b"." + whole[-2:]

    def past(self, data: bytes) -> None:
        """Pass a line on as it is: a command of our own."""
        self.inner.write(data)
        self.inner.flush()
        self._line = b""

    def flush(self) -> None:
        """As the stream does, while it is open."""
        if not self.inner.closed:
            self.inner.flush()

    def fileno(self) -> int:
        """That of the stream."""
        return cast("int", self.inner.fileno())

    def isatty(self) -> bool:
        """No terminal is guarded."""
        return False

    def writable(self) -> bool:
        """Always."""
        return True

    def close(self) -> None:
        """Nothing: the stream is not ours."""


@contextlib.contextmanager
def guarded() -> Iterator[None]:
    """Guard stdout and stderr, where they are no terminals and not guarded yet, until the end of the block."""
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = map(_guarded, before)
    try:
        yield
    finally:
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError, ValueError):
                stream.flush()
        sys.stdout, sys.stderr = before


def _guarded(stream: Any) -> Any:
    inner = getattr(stream, "buffer", None)
    if inner is None or isinstance(inner, Guard) or stream.isatty():
        return stream
    stream.flush()
    is_by_line = bool(getattr(stream, "line_buffering", False))
    return io.TextIOWrapper(
        cast("Any", Guard(inner)), stream.encoding, stream.errors, line_buffering=is_by_line, write_through=True
    )


def command(line: str) -> None:
    """Write a line to stderr that GitHub Actions is to read as a command."""
    sys.stderr.flush()
    guard = getattr(sys.stderr, "buffer", None)
    if isinstance(guard, Guard):
        guard.past(f"{line}\n".encode())
    else:
        sys.stderr.write(f"{line}\n")
