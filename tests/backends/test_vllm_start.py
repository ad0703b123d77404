"""What surrounds the start of vLLM: its log, the last error in it, and a standard output that stays clean."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from thinkcurve_backends.vllm.start import PATH, SETTINGS, Log, starting

FAILED = """\
INFO 2026-11-22 13:00:00,000 [vllm.v1.engine.core] Initializing a V1 LLM engine
ERROR 2026-11-22 13:00:01,000 [vllm.v1.executor.multiproc_executor] WorkerProc failed to start.
Traceback (most recent call last):
  File "model.py", line 1, in load
ValueError: To serve at least one request with the models's max seq len (8192),
1.25 GiB KV cache is needed
ERROR 2026-11-22 13:00:02,000 [vllm.v1.engine.core] EngineCore failed to start.
Traceback (most recent call last):
  File "core.py", line 1, in run
Exception: WorkerProc initialization failed due to an exception in a background process.
RuntimeError: Engine core initialization failed. See root cause above.
"""


@pytest.fixture(autouse=True)
def _unset(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in SETTINGS:
        monkeypatch.delenv(name, raising=False)


def test_the_root_cause_is_found(tmp_path: Path) -> None:
    (tmp_path / "vllm.log").write_text(FAILED)
    wanted = "To serve at least one request with the models's max seq len (8192), 1.25 GiB KV cache is needed"
    assert Log(tmp_path).last_error() == wanted
    (tmp_path / "vllm.log").write_text("INFO 2026 [vllm] all is well\n")
    assert Log(tmp_path).last_error() == ""
    assert Log(None).last_error() == ""


def test_the_log_is_a_file_and_is_removed() -> None:
    with starting() as log:
        assert log.path is not None
        settings = json.loads(Path(os.environ[PATH]).read_text())
        assert settings["handlers"]["file"]["filename"] == str(log.path)
    assert PATH not in os.environ
    code = f"import json, logging.config\nlogging.config.dictConfig(json.loads({json.dumps(settings)!r}))\n"
    code += "logging.getLogger('vllm.v1').error('RuntimeError: broken')"
    subprocess.run([sys.executable, "-c", code], check=True)
    assert "RuntimeError: broken" in log.path.read_text()
    log.remove()
    assert not log.path.exists()


@pytest.mark.parametrize("name", SETTINGS)
def test_who_has_arranged_for_the_log_keeps_it(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "0")
    with starting() as log:
        assert log.path is None
        assert os.environ.get(PATH) == ("0" if name == PATH else None)


def test_processes_write_to_standard_error_while_it_starts(capfd: pytest.CaptureFixture[str]) -> None:
    say = [sys.executable, "-c", "print('noise')"]
    with starting() as log:
        subprocess.run(say, check=True)
    log.remove()
    subprocess.run([sys.executable, "-c", "print('data')"], check=True)
    print("more data", flush=True)
    out, err = capfd.readouterr()
    assert out == "data\nmore data\n"
    assert "noise" in err
