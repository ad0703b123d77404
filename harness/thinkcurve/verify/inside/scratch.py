"""The scratch folder that answers may write in: bounded while they run, empty when the next one starts.

Written against answers that dig folders deeper than paths may be long, forbid entry, or make files by the thousand.
"""

from __future__ import annotations

import contextlib
import os

MAX_BYTES, MAX_ENTRIES = 64 << 20, 4096


def is_overfull() -> bool:
    """Whether what lies in the current directory passes the limits; stops counting as soon as it does."""
    size = entries = 0
    folders = ["."]
    while folders:
        with contextlib.suppress(OSError), os.scandir(folders.pop()) as found:
            for entry in found:
                entries += 1
                with contextlib.suppress(OSError):
                    size += entry.stat(follow_symlinks=False).st_blocks * 512
                    if entry.is_dir(follow_symlinks=False):
                        folders.append(entry.path)
                if size > MAX_BYTES or entries > MAX_ENTRIES:
                    return True
    return False


def empty(root: str = ".") -> None:
    """Remove everything from ``root``; raises ``OSError`` where something stays.

    A folder's own folders are moved up into ``root`` before it is removed, so no path grows longer than two names.
    """
    _unlock(root)
    n_moved = 0
    while names := os.listdir(root):
        for name in names:
            path = f"{root}/{name}"
            if not _is_folder(path):
                os.unlink(path)
                continue
            _unlock(path)
            for inner in os.listdir(path):
                if _is_folder(f"{path}/{inner}"):
                    _unlock(f"{path}/{inner}")
                    n_moved += 1
                    os.rename(f"{path}/{inner}", f"{root}/.{n_moved}.{os.urandom(8).hex()}")
                else:
                    os.unlink(f"{path}/{inner}")
            os.rmdir(path)


def _is_folder(path: str) -> bool:
    return os.path.isdir(path) and not os.path.islink(path)


def _unlock(path: str) -> None:
    with contextlib.suppress(OSError):
        os.chmod(path, 0o700)
