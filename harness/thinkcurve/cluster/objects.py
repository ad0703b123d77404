"""A run in an object store, for workers that share no directory with the driver: ``s3://``, ``gs://``, whatever fsspec
reaches.

    URL/manifest.json                 written when a sitting begins and ends: any machine can go on
    URL/journal/w4f…-000017.jsonl     a finished chunk: written once, whole, and never again
    URL/*.parquet                     the tables, at the end

The driver's directory is a mirror of it: a finished chunk is fetched as soon as it is told of, under the same name, and
is a segment of the journal like any other (`thinkcurve.segments`). No lock guards a URL: two drivers on it would make
some attempts twice, with the same content, and the tables hold each once.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec

from thinkcurve.errors import ThinkcurveError, UsageError
from thinkcurve.lines import sealed
from thinkcurve.segments import SEGMENT, replace, segments_path
from thinkcurve.store import Event, Manifest, manifest_path

TABLES = ("problems.parquet", "attempts.parquet", "traces.parquet", "failures.parquet")


class Objects:
    """The store at a URL. Raises `UsageError` where it cannot be reached at all, `ThinkcurveError` where it fails."""

    def __init__(self, url: str) -> None:
        try:
            from fsspec.core import url_to_fs

            fs, root = url_to_fs(url)
        except (ImportError, ValueError, OSError) as error:
            raise UsageError(f"--shards {url}: {error}") from error
        self.url = url
        self._fs: Any = fs
        self._root = str(root).rstrip("/")

    def put(self, name: str, data: bytes) -> None:
        """Write an object, whole."""
        path = f"{self._root}/{name}"
        try:
            self._fs.makedirs(path.rpartition("/")[0], exist_ok=True)
            self._fs.pipe_file(path, data)
        except OSError as error:
            raise ThinkcurveError(f"cannot write {self.url}/{name}: {error}") from error

    def get(self, name: str) -> bytes | None:
        """What an object holds; ``None`` where there is none."""
        try:
            data: bytes = self._fs.cat_file(f"{self._root}/{name}")
        except FileNotFoundError:
            return None
        except OSError as error:
            raise ThinkcurveError(f"cannot read {self.url}/{name}: {error}") from error
        return data

    def chunks(self, shard: str = "") -> list[str]:
        """The names of the finished chunks, or of those of one worker."""
        try:
            self._fs.invalidate_cache()
            found = self._fs.ls(f"{self._root}/journal", detail=False)
        except FileNotFoundError:
            return []
        except OSError as error:
            raise ThinkcurveError(f"cannot read {self.url}: {error}") from error
        names = (str(path).rpartition("/")[2] for path in found)
        return sorted(n for n in names if SEGMENT.fullmatch(n) and n.startswith(f"{shard}-" if shard else ""))

    def started(self) -> str | None:
        """When the last sitting began, by the manifest in the store."""
        data = self.get("manifest.json")
        return None if data is None else msgspec.json.decode(data, type=Manifest).sittings[-1].started

    def fetch(self, run: Path, names: Iterable[str]) -> None:
        """Mirror finished chunks into a run's directory; one that is there already is not fetched again."""
        folder = segments_path(run)
        for name in names:
            place = folder / name
            if place.exists() or place.with_name(place.name + ".zst").exists():
                continue
            data = self.get(f"journal/{name}")
            if data is not None:
                folder.mkdir(parents=True, exist_ok=True)
                replace(place, lambda draft, data=data: draft.write_bytes(data))  # type: ignore[misc]

    def restore(self, run: Path) -> None:
        """Bring a run's directory up to what the store holds, so that it can be gone on with from here."""
        if not manifest_path(run).exists():
            data = self.get("manifest.json")
            if data is None:
                return
            run.mkdir(parents=True, exist_ok=True)
            replace(manifest_path(run), lambda draft: draft.write_bytes(data))
        self.fetch(run, self.chunks())

    def publish(self, run: Path, names: Iterable[str] = ("manifest.json",)) -> None:
        """Write files of a run's directory to the store, those that are there."""
        for name in names:
            path = run / name
            if path.exists():
                self.put(name, path.read_bytes())


class ObjectJournal:
    """A worker's journal that keeps what is written until its chunk is finished, and then writes one object of it."""

    def __init__(self, objects: Objects, shard: str, first: int) -> None:
        self._objects = objects
        self._shard = shard
        self._number = first
        self._lines: defaultdict[tuple[str, int], list[bytes]] = defaultdict(list)
        self._encoder = msgspec.json.Encoder()

    def append(self, event: Event, now_s: float) -> None:
        """Take one event in."""
        self._lines[event.problem, event.sample].append(sealed(self._encoder, event))

    def finish(self, units: Iterable[tuple[str, int]]) -> str:
        """Write what there is of these units as one object; its name, or nothing where there is nothing."""
        data = b"".join(line for unit in units for line in self._lines.pop(unit, ()))
        if not data:
            return ""
        name = f"{self._shard}-{self._number:06}.jsonl"
        self._number += 1
        self._objects.put(f"journal/{name}", data)
        return name

    def sync(self) -> None:
        """Nothing lies about: what is finished is in the store."""

    def close(self) -> None:
        """The same."""
