"""The one dependency rule: imports go down, the engine knows no backend and no task, and importing is cheap."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import thinkcurve

ENGINE = Path(thinkcurve.__file__).parent
ROOT = ENGINE.parents[1]

FLOORS = [
    {"errors"},
    {"problem"},
    {"budget", "families", "formats", "prompt", "task", "verify"},
    {"backend", "retry"},
    {"benchmark", "certainty", "data", "local", "plugins", "compute", "provenance", "references", "tariff"},
    {"study"},
    {
        "records",
        "lines",
        "segments",
        "manifest",
        "store",
        "tables",
        "merge",
        "tally",
        "state",
        "stored",
        "spending",
        "frames",
        "columns",
        "questions",
    },
    {"answers", "subset", "selection", "regrade"}
    | {"prices", "purse", "bounds", "opened", "session", "asked", "spoken", "ways", "pipeline", "served"}
    | {"plan", "recorder", "batching", "runner"},
    {"analysis", "interop", "run", "testing"},
    {"report", "cluster"},
    {"cli"},
]
"""DESIGN's floors, lowest first."""


def modules() -> Iterator[tuple[str, Path]]:
    for path in sorted(ENGINE.rglob("*.py")):
        parts = path.relative_to(ENGINE).with_suffix("").parts
        yield parts[0], path


def imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


def floor_of(name: str) -> int:
    return next(i for i, floor in enumerate(FLOORS) if name in floor)


def test_the_engine_imports_no_backend_and_no_task() -> None:
    upward = [
        f"{path.relative_to(ROOT)}: {name}"
        for _, path in modules()
        for name in imported(path)
        if name.split(".")[0] in ("thinkcurve_backends", "thinkcurve_tasks")
    ]
    assert upward == []


def test_every_module_stands_on_a_floor_and_imports_only_downwards() -> None:
    upward = []
    for name, path in modules():
        if name == "__init__":
            continue
        for target in imported(path):
            parts = target.split(".")
            if parts[0] == "thinkcurve" and len(parts) > 1 and floor_of(parts[1]) > floor_of(name):
                upward.append(f"{path.relative_to(ROOT)} (floor {floor_of(name)}) imports {target}")
    assert upward == []


def test_backends_and_tasks_do_not_import_each_other() -> None:
    for package, other in (
        ("backends/thinkcurve_backends", "thinkcurve_tasks"),
        ("tasks/thinkcurve_tasks", "thinkcurve_backends"),
    ):
        for path in (ROOT / package).rglob("*.py"):
            assert not [name for name in imported(path) if name.split(".")[0] == other], path


def test_importing_thinkcurve_loads_nothing_heavy() -> None:
    heavy = {
        "pandas",
        "sympy",
        "datasets",
        "rich",
        "numpy",
        "pyarrow",
        "click",
        "xllamacpp",
        "torch",
        "transformers",
        "ray",
    }
    code = "import sys, thinkcurve; print(*sorted({m.split('.')[0] for m in sys.modules}))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert heavy & set(loaded) == set()


def test_help_loads_nothing_heavy() -> None:
    heavy = {"pandas", "sympy", "datasets", "rich", "numpy", "pyarrow", "xllamacpp"}
    code = (
        "import sys, contextlib\nsys.argv = ['thinkcurve', '--help']\nfrom thinkcurve.cli.main import main\n"
        "with contextlib.suppress(SystemExit): main()\nprint(*{m.split('.')[0] for m in sys.modules})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert heavy & set(done.stdout.splitlines()[-1].split()) == set()


def test_importing_is_cheap_in_modules() -> None:
    code = "import sys; before = set(sys.modules); import thinkcurve; print(len(set(sys.modules) - before))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert int(done.stdout) < 60


def test_files_stay_short() -> None:
    long = {
        str(path.relative_to(ROOT)): n
        for folder in ("harness", "backends", "tasks")
        for path in (ROOT / folder).rglob("*.py")
        if (n := len(path.read_text().splitlines())) > 400
    }
    assert long == {}
