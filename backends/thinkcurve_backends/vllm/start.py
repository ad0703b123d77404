"""What surrounds the start of vLLM: its log goes to a file, and its processes do not write on our standard output."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

SETTINGS = ("VLLM_LOGGING_CONFIG_PATH", "VLLM_LOGGING_LEVEL", "VLLM_CONFIGURE_LOGGING", "VLLM_LOGGING_STREAM")
"""Who has set one of these wants vLLM's log where it was sent."""
PATH = SETTINGS[0]
RAISED = re.compile(
    r"^(?:\w+\.)*\w*(?:Error|Exception): (.+(?:\n(?![A-Z]+ \d|Traceback|\s|\w+(?:Error|Exception):).+)*)", re.MULTILINE
)
"""What an exception says at the end of a traceback in the log, which may be several lines."""
EMPTY = ("Engine core initialization failed", "EngineCore encountered an issue", "WorkerProc initialization failed")
"""Errors that only say that there was another one."""


class Log:
    """The file that vLLM's processes log to, or none where the user has arranged for their log."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder

    @property
    def path(self) -> Path | None:
        """The file."""
        return self._folder / "vllm.log" if self._folder else None

    def last_error(self) -> str:
        """The last error with something to say; empty where there is none."""
        if self.path is None or not self.path.exists():
            return ""
        found = RAISED.findall(self.path.read_text(encoding="utf-8", errors="replace"))
        told = [" ".join(reason.split()) for reason in found if not reason.startswith(EMPTY)]
        return told[-1][:300].rstrip() if told else ""

    def remove(self) -> None:
        """Remove the file."""
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)


@contextlib.contextmanager
def starting() -> Iterator[Log]:
    """While this is open, vLLM logs to a file, and new processes of it have our standard error for their output."""
    with _output_to_error():
        if any(name in os.environ for name in SETTINGS):
            yield Log(None)
            return
        folder = Path(tempfile.mkdtemp(prefix="thinkcurve-vllm-"))
        log = Log(folder)
        settings = folder / "logging.json"
        settings.write_text(json.dumps(_config(folder / "vllm.log")))
        os.environ[PATH] = str(settings)
        try:
            yield log
        finally:
            os.environ.pop(PATH, None)


def _config(path: Path) -> dict[str, object]:
    """A logging configuration as `logging.config.dictConfig` takes it."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"plain": {"format": "%(levelname)s %(asctime)s [%(name)s] %(message)s"}},
        "handlers": {"file": {"class": "logging.FileHandler", "filename": str(path), "formatter": "plain"}},
        "loggers": {"vllm": {"handlers": ["file"], "level": "INFO", "propagate": False}},
    }


@contextlib.contextmanager
def _output_to_error() -> Iterator[None]:
    """Point standard output to standard error, for processes that inherit it: data alone goes to standard output."""
    sys.stdout.flush()
    try:
        kept = os.dup(1)
    except OSError:  # no standard output at all
        yield
        return
    os.dup2(2, 1)
    try:
        yield
    finally:
        sys.stdout.flush()
        os.dup2(kept, 1)
        os.close(kept)
