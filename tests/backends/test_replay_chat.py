"""Replay of runs behind messages: the same attempts again, without asking anyone."""

import asyncio
from pathlib import Path

import msgspec
import pytest

from scripts import Doubling, changed, given, sweep
from thinkcurve.analysis.comparison.exact import compare_exactly
from thinkcurve.backend import Chat, Continuation, Request, Visibility
from thinkcurve.errors import BackendError, UsageError
from thinkcurve.plan import Given
from thinkcurve.problem import Message
from thinkcurve.run import Run
from thinkcurve.store import read_manifest, write_manifest
from thinkcurve.study import Study
from thinkcurve_backends.replay import open_backend
from thinkcurve_backends.replay_chat import ReplayChat
from thinkcurve_backends.scripted import ScriptedChat, improving

DOUBLING = {"doubling": Doubling(6)}
STUDIES = {
    "effort": changed(control="effort", budgets=("low", "high"), answer_tokens=256, samples=2, temperature=0.5),
    "native": changed(control="native", budgets=(0, 50, None), answer_tokens=256, samples=2, temperature=0.5),
    "prompt": changed(control="prompt", budgets=(0, 50), answer_tokens=256),
}


def a_run(path: Path, study: Study) -> Run:
    backend = ScriptedChat(improving(str), name="adder", visibility=Visibility.SUMMARY, served_by="v1", cached=1)
    return asyncio.run(sweep(path, study, Given({"adder": backend}, DOUBLING)))


@pytest.mark.parametrize("control", STUDIES)
def test_a_run_is_played_back_attempt_by_attempt(tmp_path: Path, control: str) -> None:
    base = a_run(tmp_path / "base", STUDIES[control])
    backend = open_backend(str(tmp_path / "base"))
    assert isinstance(backend, ReplayChat)
    again = asyncio.run(sweep(tmp_path / "again", STUDIES[control], Given({"adder": backend}, DOUBLING)))
    assert not len(again.failures)
    (found,) = compare_exactly(base, again)
    assert (found.is_same, found.partings, found.n_other_prompts) == (True, (), 0)
    for key, trace in base.records.traces.items():
        other = again.records.traces[key]
        assert (trace.visibility, trace.served_by, trace.ending) == (other.visibility, other.served_by, other.ending)


async def test_what_was_not_recorded_is_refused(tmp_path: Path) -> None:
    await asyncio.to_thread(a_run, tmp_path / "base", STUDIES["effort"])
    backend = open_backend(str(tmp_path / "base"))
    chat = Chat((Message("user", "double 1"),), effort="low")
    for request in (Request(chat, 0, seed=3), Request(Continuation(token_ids=(1,)), 5)):
        with pytest.raises(BackendError):
            await backend.generate(request)


def test_a_run_whose_engine_kept_the_budget_cannot_be_played_back(tmp_path: Path) -> None:
    run = asyncio.run(sweep(tmp_path / "run", changed(limit=3), given()))
    manifest = read_manifest(run.path)
    write_manifest(run.path, msgspec.structs.replace(manifest, study=changed(control="server")))
    with pytest.raises(UsageError, match="was made with control 'server'; replay plays back truncate and extend"):
        open_backend(str(run.path))
