"""How much memory is left, by the files of /proc and of control groups of both versions."""

from pathlib import Path

import pytest

from thinkcurve_backends.host_memory import free_host_bytes

GIB = 1 << 30


def write(root: Path, files: dict[str, str]) -> Path:
    for name, text in {"proc/meminfo": f"MemTotal: 99 kB\nMemAvailable: {64 * GIB // 1024} kB\n", **files}.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


def group(path: str, limit: str, used: int, *, version: int, **stat: int) -> dict[str, str]:
    folder = f"sys/fs/cgroup/{path}" if version == 2 else f"sys/fs/cgroup/memory/{path}"
    names = ("memory.max", "memory.current") if version == 2 else ("memory.limit_in_bytes", "memory.usage_in_bytes")
    prefix = "" if version == 2 else "total_"
    lines = "".join(f"{prefix}{name} {value}\n" for name, value in stat.items())
    return {f"{folder}/{names[0]}": limit, f"{folder}/{names[1]}": f"{used}", f"{folder}/memory.stat": lines}


def test_this_machine_has_some_and_no_more_than_is_available() -> None:
    free = free_host_bytes()
    assert free is not None
    assert 1 << 26 < free < 1 << 48


def test_without_groups_it_is_what_the_machine_has_available(tmp_path: Path) -> None:
    assert free_host_bytes(write(tmp_path, {})) == 64 * GIB


@pytest.mark.parametrize("version", [1, 2])
def test_the_limit_of_a_container_is_the_bound(tmp_path: Path, version: int) -> None:
    cached = {"inactive_file": GIB, "active_file": GIB, "file": 5 * GIB, "shmem": 3 * GIB}  # shm cannot be given back
    files = group("", str(8 * GIB), 6 * GIB, version=version, **cached)
    assert free_host_bytes(write(tmp_path, files)) == 4 * GIB


@pytest.mark.parametrize(("version", "line"), [(1, "4:cpu,memory:/outer/inner\n0::/\n"), (2, "0::/outer/inner\n")])
def test_the_tightest_group_around_this_process_is_the_bound(tmp_path: Path, version: int, line: str) -> None:
    files = {
        **group("outer", str(6 * GIB), 5 * GIB, version=version),
        **group("outer/inner", str(8 * GIB), GIB, version=version),
        **group("outer/other", str(GIB), GIB, version=version),
        "proc/self/cgroup": line,
    }
    assert free_host_bytes(write(tmp_path, files)) == GIB


def test_no_limit_and_more_taken_than_allowed(tmp_path: Path) -> None:
    assert free_host_bytes(write(tmp_path / "a", group("", "max", GIB, version=2))) == 64 * GIB
    assert free_host_bytes(write(tmp_path / "b", group("", str(GIB), 2 * GIB, version=2))) == 0


def test_a_group_that_lies_outside_is_not_looked_for(tmp_path: Path) -> None:
    write(tmp_path, {"proc/self/cgroup": "0::/../elsewhere\n", **group("../elsewhere", "1", 0, version=2)})
    assert free_host_bytes(tmp_path) == 64 * GIB
