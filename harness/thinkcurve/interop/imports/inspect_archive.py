"""inspect's log files: a ``.eval`` is a zip of JSON parts (deflate or Zstandard), a ``.json`` holds all in one.

    header.json                      what was run, its results (``_journal/start.json`` where it never ended)
    samples/<id>_epoch_<n>.json      one sample each

Read by ourselves, checked against inspect's own reader: inspect takes 3 s and 1,375 modules to import, and Python's
zipfile knows Zstandard from 3.14 on only, which pyarrow brings along. Format of inspect-ai 0.3.285,
https://inspect.aisi.org.uk/eval-logs.html.
"""

from __future__ import annotations

import struct
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from thinkcurve.errors import UsageError
from thinkcurve.interop.imports.reading import read_bytes, read_object

ZSTANDARD = 93
"""Its number in the zip format (APPNOTE 4.4.5)."""
LARGEST_PART = 1 << 30
"""Bytes of one part: an honest sample with all its events is far below, a zip bomb beyond."""
HEADERS = ("header.json", "_journal/start.json")


def read_archive(path: Path) -> tuple[dict[str, Any], Iterator[tuple[str, dict[str, Any]]]]:
    """The header of a log and its samples, each with its place, one in memory at a time.

    Raises `UsageError` for a file that is no log, now or when its samples are read.
    """
    if not zipfile.is_zipfile(path):
        whole = read_object(read_bytes(path), str(path))
        samples = whole.pop("samples", None)
        return whole, _numbered(path, samples if isinstance(samples, list) else [])
    try:
        archive = zipfile.ZipFile(path)
    except (OSError, zipfile.BadZipFile) as error:
        raise UsageError(f"cannot read {str(path)!r}: {error}") from error
    with archive:
        parts = {info.filename: info for info in archive.infolist()}
    name = next((name for name in HEADERS if name in parts), None)
    if name is None:
        raise UsageError(f"{str(path)!r} is no log of inspect: it has no header.json")
    with path.open("rb") as stream:
        header = read_object(_part(stream, parts[name], path), f"{path}: {name}")
    return header, _samples(path, [info for key, info in parts.items() if _is_sample(key)])


def _is_sample(name: str) -> bool:
    return name.startswith("samples/") and name.endswith(".json")


def _numbered(path: Path, samples: list[Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for number, sample in enumerate(samples, 1):
        if not isinstance(sample, dict):
            raise UsageError(f"{path}: sample {number} is no JSON object")
        yield f"{path}: sample {number}", sample


def _samples(path: Path, infos: list[zipfile.ZipInfo]) -> Iterator[tuple[str, dict[str, Any]]]:
    with path.open("rb") as stream:
        for info in infos:
            where = f"{path}: {info.filename}"
            yield where, read_object(_part(stream, info, path), where)


def _part(stream: IO[bytes], info: zipfile.ZipInfo, path: Path) -> bytes:
    """One part, decompressed; never more than the archive says that it holds."""
    if info.file_size > LARGEST_PART:
        raise UsageError(
            f"{path}: {info.filename} would be {info.file_size:,} bytes; {LARGEST_PART:,} are the most read"
        )
    stream.seek(info.header_offset)
    head = stream.read(30)
    if len(head) < 30 or head[:4] != b"PK\x03\x04":
        raise UsageError(f"{path}: {info.filename} is damaged")
    n_name, n_extra = struct.unpack("<HH", head[26:30])
    stream.seek(n_name + n_extra, 1)
    packed = stream.read(info.compress_size)
    try:
        data = _unpacked(packed, info)
    except (OSError, ValueError, zlib.error) as error:
        raise UsageError(f"{path}: {info.filename} is damaged: {error}") from error
    if zlib.crc32(data) != info.CRC:
        raise UsageError(f"{path}: {info.filename} is damaged: its checksum differs")
    return data


def _unpacked(packed: bytes, info: zipfile.ZipInfo) -> bytes:
    if info.compress_type == zipfile.ZIP_STORED:
        return packed
    if info.compress_type == zipfile.ZIP_DEFLATED:
        return zlib.decompressobj(-zlib.MAX_WBITS).decompress(packed, info.file_size + 1)
    if info.compress_type == ZSTANDARD:
        import pyarrow as pa

        return bytes(pa.Codec("zstd").decompress(packed, info.file_size, asbytes=True))
    raise ValueError(f"compression {info.compress_type} is not known")
