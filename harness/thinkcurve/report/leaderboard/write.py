"""A site on disk: only what changed is written, what is gone is taken away, and nothing else is touched."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from thinkcurve.errors import UsageError
from thinkcurve.report.leaderboard.entry import SCHEMA, Entry, digest_of, entries_of
from thinkcurve.report.leaderboard.files import badges, tables
from thinkcurve.report.leaderboard.pages import index_page, model_page, task_page
from thinkcurve.report.leaderboard.site import Ranked, Site, site_of
from thinkcurve.store import Warn, replace

LEDGER = "site.json"
"""What a site consists of: its files, each with its digest, and the runs that it was made of."""
KEPT = "runs"
"""The folder that keeps what was read of each run."""
RANKED = f"{KEPT}/ranks.json"
"""Rankings by what they rest on, so that a board without a new entry is not ranked again."""


class Held(msgspec.Struct, frozen=True):
    """One run that a site holds: its name, and the digest of its files."""

    name: str
    digest: str


class Ledger(msgspec.Struct, frozen=True):
    """The files of a site that we wrote, each with its digest, and its runs."""

    schema: int
    title: str
    runs: tuple[Held, ...] = ()
    files: dict[str, str] = {}


class Written(msgspec.Struct, frozen=True):
    """What a site was made of and what that changed: runs ``read`` anew and ``kept``, files ``written``, ``unchanged``
    and ``removed``."""

    index: str
    n_models: int
    n_tasks: int
    n_runs: int
    read: int
    kept: int
    written: int
    unchanged: int
    removed: int


def leaderboard(
    runs: Sequence[Path],
    folder: Path,
    *,
    title: str | None = None,
    is_adding: bool = False,
    warn: Warn = lambda _: None,
) -> Written:
    """Write a site of runs into a folder. ``is_adding`` keeps the runs that the site has, whether or not they are still
    to be had; a run of the same name and other files takes the place of the old one.

    Raises `UsageError` for a run that cannot be read, or a folder that holds something else.
    """
    ledger = read_ledger(folder)
    known = {held.digest for held in ledger.runs}
    found: dict[str, tuple[Held, tuple[Entry, ...]]] = {}
    if is_adding:
        for held in ledger.runs:
            entries = _kept(folder, held.digest)
            if entries is None:
                raise UsageError(
                    f"{folder / KEPT / held.digest}.json is missing or damaged; give run {held.name!r} again"
                )
            found[_free(found, held, set())] = (held, entries)
    old = set(found)
    n_read = 0
    for run in runs:
        digest, name = digest_of(run), run.resolve().name
        kept = _kept(folder, digest) if digest in known else None
        n_read += kept is None
        entries = entries_of(run, warn=warn) if kept is None else kept
        held = Held(name, digest)
        found[_free(found, held, old)] = (held, entries)
    site = site_of(
        [e for _, entries in found.values() for e in entries], title or ledger.title or "Leaderboard", _ranked(folder)
    )
    pages = {**dict(site_files(site)), **{f"{KEPT}/{h.digest}.json": _packed(e) for h, e in found.values()}}
    pages[RANKED] = msgspec.json.encode({board.digest: board.rankings for board in site.boards})
    written, removed = write(folder, site.title, [held for held, _ in found.values()], pages, ledger)
    return Written(
        str(folder / "index.html"),
        len(site.models),
        len(site.boards),
        len(found),
        n_read,
        len(found) - n_read,
        written,
        len(pages) - written,
        removed,
    )


def _free(found: dict[str, tuple[Held, tuple[Entry, ...]]], held: Held, old: set[str]) -> str:
    """The name that a run goes by: its own, unless another run that was given has it. It takes the place of an ``old``
    one of its name, once."""
    if held.name in old:
        old.discard(held.name)
        return held.name
    if held.name not in found or found[held.name][0].digest == held.digest:
        return held.name
    return f"{held.name} {held.digest}"


def site_files(site: Site) -> Iterator[tuple[str, bytes]]:
    """Every file of a site by its path, in the order in which they are written: the first page last."""
    for name, data in tables(site):
        yield f"data/{name}", data
    for name, data in badges(site):
        yield f"badges/{name}", data
    for model in site.models:
        yield f"models/{model.slug}.html", model_page(model, site).encode()
    for board in site.boards:
        yield f"tasks/{board.slug}.html", task_page(board, site).encode()
    yield "index.html", index_page(site).encode()


def write(folder: Path, title: str, runs: Sequence[Held], pages: dict[str, bytes], ledger: Ledger) -> tuple[int, int]:
    """Write the files that are not there as they are to be, whoever changed them, and remove those that the ledger has
    and ``pages`` do not."""
    digests = {name: hashlib.sha256(data).hexdigest()[:16] for name, data in pages.items()}
    written = 0
    for name, data in pages.items():
        path = folder / name
        if ledger.files.get(name) == digests[name] and _is_as(path, data):
            continue
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UsageError(f"cannot write {path}: {error.strerror}") from error
        replace(path, lambda draft, data=data: draft.write_bytes(data))  # type: ignore[misc]
        written += 1
    made = msgspec.json.format(msgspec.json.encode(Ledger(SCHEMA, title, tuple(runs), digests)), indent=1)
    replace(folder / LEDGER, lambda draft: draft.write_bytes(made + b"\n"))
    gone = [name for name in ledger.files if name not in pages and is_ours(name)]
    for name in gone:
        (folder / name).unlink(missing_ok=True)
    return written, len(gone)


def _is_as(path: Path, data: bytes) -> bool:
    """Whether a file holds these bytes, and is one: what a link leads to is not ours to keep."""
    try:
        return not path.is_symlink() and path.stat().st_size == len(data) and path.read_bytes() == data
    except OSError:
        return False


def is_ours(name: str) -> bool:
    """Whether a path of a ledger is one that we may have written: nothing that leads out of the folder."""
    parts = name.split("/")
    return len(parts) <= 2 and all(
        part not in ("", ".", "..") and "\\" not in part and ":" not in part for part in parts
    )


def read_ledger(folder: Path) -> Ledger:
    """What a folder holds: nothing, or a site. Raises `UsageError` where it holds something else."""
    path = folder / LEDGER
    if not path.exists():
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise UsageError(
                f"{str(folder)!r} is not empty and no leaderboard: it has no {LEDGER}; name another folder"
            )
        return Ledger(SCHEMA, "")
    try:
        ledger = msgspec.json.decode(path.read_bytes(), type=Ledger)
    except (OSError, msgspec.DecodeError) as error:
        raise UsageError(f"cannot read {path}: {error}") from error
    return ledger if ledger.schema == SCHEMA else Ledger(SCHEMA, ledger.title, (), ledger.files)


def _ranked(folder: Path) -> dict[str, Ranked]:
    """The rankings that were kept; none where they are missing or of another shape."""
    try:
        return msgspec.json.decode((folder / RANKED).read_bytes(), type=dict[str, Ranked])
    except (OSError, msgspec.DecodeError):
        return {}


def _packed(entries: tuple[Entry, ...]) -> bytes:
    return msgspec.json.encode(entries)


def _kept(folder: Path, digest: str) -> tuple[Entry, ...] | None:
    """What was kept of a run, ``None`` where it is missing or of another shape."""
    try:
        return msgspec.json.decode((folder / KEPT / f"{digest}.json").read_bytes(), type=tuple[Entry, ...])
    except (OSError, msgspec.DecodeError):
        return None
