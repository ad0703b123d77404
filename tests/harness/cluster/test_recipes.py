"""The recipes for Slurm and Kubernetes: read, and their commands carried out on two Ray nodes of this machine."""

import os
import re
import shlex
import shutil
import subprocess
import time
from pathlib import Path

import click
import pytest
import yaml

from thinkcurve.cli.cluster_flags import wish_of
from thinkcurve.cli.run import command as run_command
from thinkcurve.cluster.fleet import Share

EXAMPLES = Path(__file__).parents[3] / "docs/examples"
SLURM, KUBERNETES = EXAMPLES / "slurm.sh", EXAMPLES / "kubernetes.yaml"
STUDY = re.compile(r"^STUDY=\(.*\)$", re.MULTILINE)
WORKERS = re.compile(r"^WORKERS=\(.*\)$", re.MULTILINE)

SRUN = """#!/bin/bash
# srun on a cluster of one machine: every node is here
while [[ $1 == -* ]]; do [[ $1 == -w ]] && shift; shift; done
[[ $1 == hostname ]] && { echo 127.0.0.1; exit; }
exec "$@"
"""
SCONTROL = """#!/bin/bash
[[ $1 == show ]] && printf 'one\\ntwo\\n'
[[ $1 == requeue ]] && echo "$2" >> "$REQUEUED"
exit 0
"""


def words_of(line: str) -> list[str]:
    """The arguments of ``thinkcurve run``."""
    words = shlex.split(line)
    assert words[:2] == ["thinkcurve", "run"]
    return words[2:]


def slurm_command() -> list[str]:
    text = SLURM.read_text()
    study, workers = STUDY.search(text), WORKERS.search(text)
    assert study is not None
    assert workers is not None
    inner = [shlex.split(found[0].partition("(")[2].removesuffix(")")) for found in (study, workers)]
    return [*inner[0], "-o", "runs/aime", "--cluster", "10.0.0.1:20001", *inner[1]]


def rayjob() -> dict[str, dict]:  # type: ignore[type-arg]
    _, job = yaml.safe_load_all(KUBERNETES.read_text())
    return job["spec"]  # type: ignore[no-any-return]


@pytest.mark.parametrize("words", [slurm_command(), words_of(rayjob()["entrypoint"])])  # type: ignore[arg-type]
def test_the_commands_are_such_as_run_takes(words: list[str]) -> None:
    context = run_command.make_context("run", list(words))
    wish = wish_of(dict(context.params))
    assert wish is not None
    assert wish.share == Share(2.0, 1.0)
    assert context.params["models"] == ("vllm:Qwen/Qwen3-8B",)
    with pytest.raises(click.UsageError):
        run_command.make_context("run", [*words, "--no-such-flag"])


def test_the_slurm_script_is_bash_and_asks_for_a_signal_in_time() -> None:
    subprocess.run(["bash", "-n", str(SLURM)], check=True)
    asked = dict(re.findall(r"^#SBATCH --([a-z-]+)=?(.*)$", SLURM.read_text(), re.MULTILINE))
    assert asked["signal"] == "B:TERM@120"
    assert "requeue" in asked
    assert asked["ntasks-per-node"] == "1"


def test_every_pod_of_the_ray_job_sees_the_runs() -> None:
    claim, job = yaml.safe_load_all(KUBERNETES.read_text())
    assert claim["spec"]["accessModes"] == ["ReadWriteMany"]
    cluster = job["spec"]["rayClusterSpec"]
    assert cluster["authOptions"] == {"mode": "token"}
    pods = [group["template"]["spec"] for group in (cluster["headGroupSpec"], *cluster["workerGroupSpecs"])]
    assert len(pods) == 2
    for pod in pods:
        (container,) = pod["containers"]
        (mount,) = container["volumeMounts"]
        (volume,) = pod["volumes"]
        assert mount["name"] == volume["name"]
        assert volume["persistentVolumeClaim"]["claimName"] == claim["metadata"]["name"]
        assert f"-o {mount['mountPath']}/" in job["spec"]["entrypoint"]


@pytest.mark.slow
def test_the_slurm_script_stopped_by_its_signal_goes_on_when_it_is_begun_again(tmp_path: Path) -> None:
    from clusters import environment, problems, wait_until
    from thinkcurve.run import load_run
    from thinkcurve.segments import journal_parts

    task, run, tools = problems(tmp_path / "problems.jsonl", 40), tmp_path / "run", tmp_path / "tools"
    tools.mkdir()
    thinkcurve = (
        f"#!/bin/bash\nexec {shutil.which('python')} -c 'from thinkcurve.cli.main import main; main()' \"$@\"\n"
    )
    for name, text in (("srun", SRUN), ("scontrol", SCONTROL), ("thinkcurve", thinkcurve)):
        (tools / name).write_text(text)
        (tools / name).chmod(0o755)
    study = f"STUDY=(-m busy:model --model-option slow_s=0.3 -t {task} --budgets 0,4,8,16,64 --progress plain)"
    text, n_studies = STUDY.subn(study, SLURM.read_text())
    text, n_workers = WORKERS.subn("WORKERS=(--cpus-per-worker 1)", text)
    assert (n_studies, n_workers) == (1, 1)
    script = tmp_path / "job.sh"
    script.write_text(text)
    env = environment(tmp_path) | {
        "PATH": f"{tools}{os.pathsep}{os.environ['PATH']}",
        "RUN": str(run),
        "REQUEUED": str(tmp_path / "requeued"),
        "SLURM_JOB_ID": str(os.getpid()),
        "SLURM_JOB_NODELIST": "[one-two]",
        "SLURM_CPUS_PER_TASK": "1",
    }

    def begin() -> "subprocess.Popen[bytes]":
        with (tmp_path / "log").open("a") as log:
            return subprocess.Popen(["bash", str(script)], env=env, stdout=log, stderr=log, start_new_session=True)

    def written() -> int:
        return sum(part.stat().st_size for part in journal_parts(run)) if run.exists() else 0

    first = begin()
    wait_until(lambda: written() > 20_000 or first.poll() is not None, "nothing was written")
    first.terminate()
    assert first.wait(timeout=100) == 0, (tmp_path / "log").read_text()[-3000:]
    assert (tmp_path / "requeued").read_text().split() == [str(os.getpid())]
    before = len(load_run(run).records.attempts)
    assert 0 < before < 200
    time.sleep(3)  # as Slurm would, before it begins a job again
    assert begin().wait(timeout=400) == 0, (tmp_path / "log").read_text()[-3000:]
    done = load_run(run)
    assert len(done.attempts) == 200
    assert done.failures.empty
    assert len(done.manifest.sittings) == 2


@pytest.mark.slow
def test_the_command_of_the_ray_job_runs_where_a_job_would(tmp_path: Path) -> None:
    from clusters import carry_out, cluster, command, problems
    from thinkcurve.run import load_run

    words = words_of(rayjob()["entrypoint"])  # type: ignore[arg-type]
    tail = words[words.index("--cluster") :]
    tail[tail.index("--gpus-per-worker") + 1] = "0"
    tail[tail.index("--cpus-per-worker") + 1] = "1"
    task, run = problems(tmp_path / "problems.jsonl", 40), tmp_path / "run"
    with cluster(tmp_path) as made:
        done = carry_out(command(task, run, *tail), made.env | {"RAY_ADDRESS": made.address})
    assert done.returncode == 0, done.stderr
    assert len(load_run(run).attempts) == 200
