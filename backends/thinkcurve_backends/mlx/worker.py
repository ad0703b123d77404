"""The thread that owns a model on MLX and batches requests continuously, through mlx-lm's `BatchGenerator`.

MLX's streams belong to threads, so the model is loaded here and nothing else touches it. Between two steps requests
come in and cancelled ones go out; each brings its own sampler and its own ending ids, and starts from the cache of the
longest known prefix. What `BatchGenerator` merges is padded on the left and masked, so rows do not see each other.
"""

from __future__ import annotations

import atexit
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from queue import Empty, SimpleQueue
from typing import Any

import mlx.core as mx

from thinkcurve.errors import BackendError
from thinkcurve_backends.mlx.imports import BatchGenerator, StopSequences
from thinkcurve_backends.mlx.job import Job
from thinkcurve_backends.mlx.load import Loaded
from thinkcurve_backends.mlx.prefixes import Prefixes
from thinkcurve_backends.mlx.sampling import greedy, sampler_of

LARGEST_STORE_TOKENS = 1 << 20
SHARE_FOR_STORE = 4
"""One part in so many of the memory that the model left is for caches of finished requests."""


class Worker:
    """``batch`` rows on one device. ``cache_tokens`` bounds the caches kept; -1 leaves that to the free memory."""

    def __init__(self, load: Callable[[], Loaded], device: mx.Device, batch: int, cache_tokens: int) -> None:
        self._load = load
        self._device = device
        self._batch = batch
        self._cache_tokens = cache_tokens
        self._queue: SimpleQueue[Job | None] = SimpleQueue()
        self._open: set[Job] = set()
        self._lock = threading.Lock()
        self._end = ""
        self._loaded: Future[tuple[int, int, tuple[str, ...]]] = Future()
        self._thread = threading.Thread(target=self._run, name="thinkcurve-mlx", daemon=True)

    def start(self) -> tuple[int, int, tuple[str, ...]]:
        """Load; then vocabulary size, active parameters and notes. Raises what loading raised."""
        self._thread.start()
        facts = self._loaded.result()
        atexit.register(self.stop)
        return facts

    def submit(self, job: Job) -> None:
        """Queue a request. Raises a fatal `BackendError` where this worker has ended."""
        with self._lock:
            self.check()
            self._open.add(job)
            self._queue.put(job)

    def check(self) -> None:
        """Raises a fatal `BackendError` where this worker has ended."""
        if self._end:
            raise BackendError(self._end, is_fatal=True)

    def stop(self) -> None:
        """End the thread; open requests end with a `BackendError`. Blocks until the step that runs is done."""
        self._close("this model is closed")
        self._queue.put(None)
        if self._thread is not threading.current_thread():
            self._thread.join()
        atexit.unregister(self.stop)

    def _close(self, reason: str) -> None:
        with self._lock:
            self._end = self._end or reason

    def _run(self) -> None:
        with mx.stream(self._device):
            self._run_on_device()

    def _run_on_device(self) -> None:
        try:
            loaded = self._load()
        except BaseException as error:
            self._loaded.set_exception(error)
            return
        self._loaded.set_result((loaded.vocabulary, loaded.active_parameters, loaded.notes))
        try:
            rows = Rows(loaded, self._device, self._batch, self._cache_tokens)
            try:
                while not self._end:
                    self._take_in(rows)
                    rows.step()
                    self._forget()
            finally:
                rows.close()
        except Exception as error:  # whatever the engine raises, those who wait must hear of it
            reason = " ".join(str(error).split())[:200] or type(error).__name__
            self._close(f"MLX failed: {reason}; if memory ran out, lower batch or context_tokens")
        finally:
            self._dismiss()
            mx.clear_cache()

    def _take_in(self, rows: Rows) -> None:
        """Move what was submitted to the rows; wait for something where there is nothing to do."""
        while not self._end:
            try:
                job = self._queue.get(block=rows.is_idle)
            except Empty:
                return
            if job is not None:
                rows.waiting.append(job)

    def _forget(self) -> None:
        """Let go of what is settled, now and then."""
        if len(self._open) > 4 * self._batch:
            with self._lock:
                self._open = {job for job in self._open if not (job.is_settled or job.is_cancelled)}

    def _dismiss(self) -> None:
        """End every request that came in and was not settled, wherever it was when the worker ended."""
        with self._lock:
            left, self._open = self._open, set()
        for job in left:
            if not job.is_settled:
                job.settle(BackendError(self._end, is_fatal=True))


def is_out_of_memory(error: BaseException) -> bool:
    """Whether it says that memory ran out, as MLX does on GPUs; on a CPU the process ends without a word (0.32)."""
    text = str(error).lower()
    said = ("unable to allocate", "attempting to allocate", "out of memory", "insufficient memory")
    return isinstance(error, MemoryError) or any(words in text for words in said)


class Rows:
    """The batch and its queue; only the worker's thread uses it."""

    def __init__(self, loaded: Loaded, device: mx.Device, batch: int, cache_tokens: int) -> None:
        self.waiting: deque[Job] = deque()
        self.running: dict[int, Job] = {}
        self._batch = batch
        bound = LARGEST_STORE_TOKENS if cache_tokens < 0 else cache_tokens
        self._prefixes = Prefixes(bound, loaded.bytes_left // SHARE_FOR_STORE if cache_tokens < 0 else 1 << 62)
        made: Any = BatchGenerator  # its signatures ask for more than it uses
        self._generator = made(
            loaded.model,
            sampler=greedy,
            completion_batch_size=batch,
            prefill_batch_size=batch,
            stream=mx.new_thread_local_stream(device),
        )

    @property
    def is_idle(self) -> bool:
        """Whether there is nothing to do."""
        return not self.running and not self.waiting

    def step(self) -> None:
        """One token for each row; those who wait come in before, those who are done go out after."""
        self._remove([uid for uid, job in self.running.items() if job.is_cancelled])
        while self.waiting and len(self.running) < self._batch:
            job = self.waiting.popleft()
            if not job.is_cancelled:
                self._insert(job)
        if not self.running:
            return
        _, responses = self._generator.next()
        for response in responses:
            self._receive(response)

    def close(self) -> None:
        """Let go of the batch and of all caches."""
        self._generator.close()
        self._prefixes.clear()

    def _insert(self, job: Job) -> None:
        cache, job.cached = self._prefixes.fork(job.prompt)
        uids = self._generator.insert(
            [list(job.prompt[job.cached :])],
            max_tokens=[job.limit],
            caches=[cache] if cache is not None else None,
            all_tokens=[list(job.prompt[: job.cached])],
            samplers=[sampler_of(job.request.sampling, job.request.seed)],
            stop_sequences=[StopSequences([(token,) for token in job.ending_ids])],
        )
        self.running[uids[0]] = job

    def _receive(self, response: Any) -> None:
        job = self.running[response.uid]
        has_ended = job.take(response.token, response.logprobs)
        if response.finish_reason is not None:
            del self.running[response.uid]
            self._keep(tuple(response.all_tokens), response.prompt_cache)
            job.settle()
        elif has_ended:
            self._remove([response.uid], is_kept=True)
            job.settle()

    def _remove(self, uids: list[int], *, is_kept: bool = False) -> None:
        if not uids:
            return
        removed = self._generator.remove(uids, return_prompt_caches=is_kept)
        for uid in uids:
            del self.running[uid]
        for cache, ids in removed.values():
            self._keep(tuple(ids), cache)

    def _keep(self, ids: tuple[int, ...], cache: list[Any]) -> None:
        """Hold what was computed; where memory does not suffice for that, nothing of the kind is held any more."""
        if not self._prefixes.wants(ids):
            return
        try:
            # An array that is not computed yet holds on to the whole batch it was cut from.
            start: Any = mx.async_eval
            start([layer.state for layer in cache])
            self._prefixes.add(ids, cache)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            self._prefixes.clear()
            mx.clear_cache()
