"""A run in an object store: through fsspec's memory here, and through S3 as moto serves it where that is installed."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts import STUDY, sweep
from thinkcurve.cluster.objects import ObjectJournal, Objects
from thinkcurve.errors import UsageError
from thinkcurve.records import Attempt
from thinkcurve.run import load_run
from thinkcurve.store import manifest_path, read_events, read_manifest


@pytest.fixture(params=["memory", "file", "s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Objects]:
    if request.param != "s3":
        path = f"{tmp_path}/store" if request.param == "file" else f"{tmp_path.name}/store"
        yield Objects(f"{request.param}://{path}")
        return
    pytest.importorskip("s3fs")
    server = pytest.importorskip("moto.server").ThreadedMotoServer(port=0)
    server.start()
    port = server.get_host_and_port()[1]
    for name, value in (
        ("AWS_ENDPOINT_URL", f"http://127.0.0.1:{port}"),
        ("AWS_ACCESS_KEY_ID", "none"),
        ("AWS_SECRET_ACCESS_KEY", "none"),
        ("AWS_DEFAULT_REGION", "us-east-1"),
    ):
        monkeypatch.setenv(name, value)
    import s3fs

    s3fs.S3FileSystem.clear_instance_cache()  # of another server
    s3fs.S3FileSystem().mkdir(bucket := tmp_path.name.strip("-_0123456789").replace("_", "-"))
    yield Objects(f"s3://{bucket}/runs/one")
    server.stop()


async def test_finished_chunks_are_written_once_and_mirrored_as_segments(store: Objects, tmp_path: Path) -> None:
    made = await sweep(tmp_path / "made", STUDY)
    events = list(read_events(tmp_path / "made"))
    units = list(dict.fromkeys((event.problem, event.sample) for event in events))
    assert store.chunks() == []
    assert store.started() is None
    journal = ObjectJournal(store, "w1", 7)
    for event in events:
        journal.append(event, 0.0)
    assert journal.finish(units[:5]) == "w1-000007.jsonl"
    assert journal.finish(units[:5]) == ""
    other = ObjectJournal(store, "w10", 7)
    for event in events:
        other.append(event, 0.0)
    assert other.finish(units[5:]) == "w10-000007.jsonl"
    assert store.chunks() == ["w1-000007.jsonl", "w10-000007.jsonl"]
    assert store.chunks("w1") == ["w1-000007.jsonl"]
    store.publish(tmp_path / "made")
    assert store.started() == read_manifest(tmp_path / "made").sittings[-1].started
    mirror = tmp_path / "mirror"
    store.restore(mirror)
    assert load_run(mirror, warn=pytest.fail).records.attempts == made.records.attempts
    store.restore(mirror)  # what is there is not fetched again
    assert len([event for event in read_events(mirror) if isinstance(event, Attempt)]) == 100


def test_an_empty_store_begins_nothing(store: Objects, tmp_path: Path) -> None:
    store.restore(tmp_path / "run")
    assert not manifest_path(tmp_path / "run").exists()
    store.publish(tmp_path, ("attempts.parquet",))
    assert store.get("attempts.parquet") is None


def test_a_url_that_nothing_reads_is_refused_in_one_line() -> None:
    with pytest.raises(UsageError, match="--shards nosuch://a/b: Protocol not known: nosuch"):
        Objects("nosuch://a/b")
