"""The model ``thinkcurve`` of lm-eval: think within the budget, answer, hand the answer over and nothing else.

Needs lm-eval; imported through `thinkcurve.interop.lm_eval`.
"""

from __future__ import annotations

import asyncio
import hashlib
import sys
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

import lm_eval.models  # noqa: F401  # its own models: lm-eval registers them only while no other is registered
from lm_eval.api.model import LM
from lm_eval.api.registry import model_registry, register_model
from tqdm import tqdm  # type: ignore[import-untyped]  # brought along by lm-eval

from thinkcurve.backend import Backend
from thinkcurve.errors import BackendError, UsageError
from thinkcurve.interop.lm_eval_request import Asked, Instance, chat_text, read_requests, scored_answer
from thinkcurve.interop.lm_eval_settings import Decoding, read_settings, study_of
from thinkcurve.interop.lm_eval_usage import Ledger, RequestUsage
from thinkcurve.interop.loop import LoopThread
from thinkcurve.opened import Prompt
from thinkcurve.pipeline import answer, attempt_of, cuts, think
from thinkcurve.plugins import open_backend
from thinkcurve.problem import Judgement, Verdict
from thinkcurve.session import Session, check_fits, open_session
from thinkcurve.store import Attempt, Trace

NAME = "thinkcurve"
STAMP = "thinkcurve"
"""The key under which a response cache says whose answers it holds; lm-eval's own keys are hex digests."""
UNJUDGED = Judgement(Verdict.UNVERIFIED, reason="lm-eval")


@dataclass(frozen=True, slots=True)
class Job:
    """A request made ready: nothing is left to be refused."""

    place: int
    request: Instance
    asked: Asked
    session: Session
    prompt: Prompt


class ThinkcurveLM(LM):  # type: ignore[misc]  # lm-eval has no types
    """A thinkcurve backend at one budget, as lm-eval sees a model.

    ``arguments`` are those of `thinkcurve.interop.lm_eval_settings.Settings` and options of the backend. A ``backend``
    that is given stays its maker's to close, and ``model`` is then no more than its name.
    """

    def __init__(self, *, backend: Backend | None = None, **arguments: Any) -> None:
        super().__init__()
        if isinstance(backend, str):
            raise UsageError("model_args: the backend is named by model, such as model=llamacpp:model.gguf")
        self.settings = read_settings(arguments)
        if backend is not None and self.settings.options:
            raise UsageError(f"model_args: unknown key {next(iter(self.settings.options))!r}")
        self.ledger = Ledger(self.settings.model, self.settings.budget, self.settings.usage_path)
        self.backend = backend or open_backend(self.settings.model, self.settings.options)
        self._loop = LoopThread(None if backend is not None else self.backend.aclose)
        self._end = weakref.finalize(self, self._loop.close)
        self._sessions: dict[tuple[Decoding, bool], Session] = {}
        self._session(Decoding.of(self.settings, {}), is_chat=True)

    def generate_until(self, requests: Sequence[Instance], disable_tqdm: bool = False) -> list[str]:
        """The answer to each request, in order. Raises `BackendError` where one does not come about."""
        jobs = [*self._jobs(requests)]
        for session in self._sessions.values():
            check_fits(session, [job.prompt for job in jobs if job.session is session], [self.settings.budget])
        with tqdm(total=len(jobs), disable=disable_tqdm, desc=f"Running {NAME}") as bar:
            answers = self._loop.run(self._answer_all(jobs, bar.update))
        print(self.ledger.summary(), file=sys.stderr)
        return answers

    def loglikelihood(self, requests: Sequence[Instance], disable_tqdm: bool = False) -> NoReturn:
        """Refused: a model that thinks first has no likelihood of a text that we give it."""
        raise UsageError(
            "a thinkcurve model answers after thinking, so it has no log-likelihoods; "
            "take the generate_until variant of the task (often named *_generative, *_cot or *_gen)"
        )

    def loglikelihood_rolling(self, requests: Sequence[Instance], disable_tqdm: bool = False) -> NoReturn:
        """Refused, as `loglikelihood` is."""
        self.loglikelihood(requests)

    def apply_chat_template(self, chat_history: Sequence[Mapping[str, Any]], add_generation_prompt: bool = True) -> str:
        """The conversation as JSON text; the model's own template is applied when the request is answered."""
        return chat_text(chat_history)

    def chat_template(self, chat_template: bool | str = False) -> str:
        """Nothing to show: the template is the engine's. Raises `UsageError` where another one is named."""
        if isinstance(chat_template, str):
            raise UsageError(
                f"--apply_chat_template {chat_template!r}: a thinkcurve model has its own template; give no name"
            )
        return ""

    @property
    def tokenizer_name(self) -> str:
        """A name for lm-eval's cache of requests that is another for every other model, option or budget."""
        digest = hashlib.blake2b(self._identity.encode(), digest_size=8).hexdigest()
        return f"{NAME}-{self.settings.model}-{digest}"

    def get_model_info(self) -> dict[str, Any]:
        """What lm-eval stores beside its results: the model, its settings, and what the answers made here cost.

        An answer that lm-eval took from a cache of its own was not made here.
        """
        info = self.backend.model
        model = {name: getattr(info, name) for name in ("name", "revision", "fingerprint", "engine")}
        own = {name: getattr(self.settings, name) for name in ("budget", "answer_tokens", "temperature", "seed")}
        return {NAME: {"spec": self.settings.model, **model, **own, "usage": self.ledger.totals()}}

    def set_cache_hook(self, cache_hook: Any) -> None:
        """Take part in ``--use_cache``, whose keys know no model: a cache of another model or budget is refused."""
        store = cache_hook.dbdict
        if store is not None:
            self._stamp(store)
        super().set_cache_hook(cache_hook)

    def close(self) -> None:
        """Let go of the backend that was opened here. lm-eval closes no model: without this, its last use does."""
        self._end()

    @property
    def _identity(self) -> str:
        return f"{self.backend.model.fingerprint} {self.settings.identity}"

    def _stamp(self, store: Any) -> None:
        if self.settings.temperature:
            raise UsageError("--use_cache would repeat drawn answers; leave it out, or temperature in model_args")
        if store.get(STAMP, None if len(store) else self._identity) != self._identity:
            raise UsageError(
                f"--use_cache {store.filename!r} holds answers of another model, budget or option; name another file"
            )
        store[STAMP] = self._identity
        store.commit()

    def _session(self, decoding: Decoding, *, is_chat: bool) -> Session:
        key = (decoding, is_chat)
        if key not in self._sessions:
            study = study_of(self.settings, decoding, is_chat=is_chat)
            self._sessions[key] = open_session(self.settings.model, self.backend, study)
        return self._sessions[key]

    def _jobs(self, requests: Sequence[Instance]) -> Iterator[Job]:
        for place, asked in enumerate(read_requests(requests)):
            decoding = Decoding.of(self.settings, asked.generation)
            if decoding.temperature and self._is_cached(asked):
                raise UsageError(
                    f"--use_cache would repeat answers drawn at temperature {decoding.temperature}; "
                    "leave it out, or set do_sample in generation_kwargs, which lm-eval's cache looks at"
                )
            session = self._session(decoding, is_chat=asked.is_chat)
            yield Job(place, requests[place], asked, session, session.prompt(asked.problem, asked.messages))

    def _is_cached(self, asked: Asked) -> bool:
        """Whether lm-eval's cache keeps and gives this request's answer (``CachingLM``, lm-eval 0.4.13)."""
        return self.cache_hook.dbdict is not None and not asked.generation.get("do_sample")

    async def _answer_all(self, jobs: Sequence[Job], done: Callable[[], object]) -> list[str]:
        """All answers, as many at once as the backend takes; the first that fails ends the others."""
        answers = [""] * len(jobs)
        queue = iter(jobs)

        async def work() -> None:
            for job in queue:
                answers[job.place] = await self._answer(job)
                done()

        workers = [asyncio.create_task(work()) for _ in range(min(self.backend.concurrency, len(jobs)))]
        try:
            await asyncio.gather(*workers)
        finally:
            for worker in workers:
                worker.cancel()
            await asyncio.gather(*workers, return_exceptions=True)
        return answers

    async def _answer(self, job: Job) -> str:
        budget, sample = self.settings.budget, job.asked.sample
        try:
            trace = await think(job.session, job.prompt, sample, budget)
            made, _ = cuts(trace, [budget])[0]
            generation = await answer(job.session, job.prompt, sample, made)
        except BackendError as error:
            raise BackendError(f"no answer to request {job.place} ({job.asked.problem.id}): {error}") from error
        scored = scored_answer(job.asked, generation.text, job.session.thinking)
        attempt = attempt_of(job.session, job.prompt, trace, made, budget, generation, UNJUDGED)
        self.ledger.record(self._usage(job, trace, attempt, scored))
        if self._is_cached(job.asked):
            self.cache_hook.add_partial("generate_until", job.request.args, scored)
        return scored

    def _usage(self, job: Job, trace: Trace, attempt: Attempt, scored: str) -> RequestUsage:
        own: dict[str, Any] = {
            "run": self.ledger.run,
            "request": job.place,
            "is_empty_answer": not scored,
            "trace_seed": trace.seed,
        }
        same = {name: getattr(attempt, name) for name in RequestUsage.__struct_fields__ if name not in own}
        return RequestUsage(**own, **same)


if NAME not in model_registry:  # where lm-eval itself comes here by the entry point, it has the name already
    register_model(NAME)(ThinkcurveLM)
