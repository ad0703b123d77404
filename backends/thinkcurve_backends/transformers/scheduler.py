"""Continuous batching: one thread that steps the model over all open requests, taking in and letting go between steps.

Before each step finished and cancelled rows leave and waiting ones enter; then every row reads what it still has to
read (prompts in pieces of at most `READ_TOKENS` a step in all) and those that are ready get their next token. A request
whose beginning another row is reading at the moment waits for it, and begins as its copy.

Where memory runs out, everything is let go but the ids, and the work goes on from them with half as many rows. Anything
else that goes wrong in a step ends all open requests, and the engine.
"""

from __future__ import annotations

import logging
import math
import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import InvalidStateError
from contextlib import suppress
from typing import TYPE_CHECKING

from thinkcurve.backend import Stop
from thinkcurve.errors import BackendError
from thinkcurve_backends.transformers.memory import free_memory, is_out_of_memory
from thinkcurve_backends.transformers.prefix import common_length
from thinkcurve_backends.transformers.rows import Ended, Engine, Row
from thinkcurve_backends.transformers.sampling import draw, log_probabilities

if TYPE_CHECKING:
    import torch

_log = logging.getLogger(__name__)
READ_TOKENS = 2048
"""The most tokens of one step: more would not make a GPU faster, and take memory."""
LEAST_READ_TOKENS = 64
"""Below this many a step a single row that still runs out of memory is given up."""
NO_NUMBERS = "the model's logits are not numbers here; dtype=float32 or bfloat16 may help"
WORTH_WAITING = 16
"""Tokens in common with a row that is being read from which on a request waits for it."""


class Scheduler:
    """Runs requests on an engine. ``decode`` turns ids to text, ``eos_ids`` end the model's turn."""

    def __init__(
        self,
        engine: Engine,
        *,
        n_rows: int,
        eos_ids: frozenset[int],
        decode: Callable[[Sequence[int]], str],
        prepare: Callable[[], None] = lambda: None,
    ) -> None:
        self.engine = engine
        self.n_rows = self._most_rows = n_rows
        self.n_halvings = 0
        self._read_tokens = READ_TOKENS
        self._eos_ids = eos_ids
        self._decode = decode
        self._prepare = prepare
        self._rows: list[Row] = []
        self._queue: deque[Row] = deque()
        self._open: dict[int, Row] = {}
        self._wake = threading.Condition()
        self._end: BackendError | None = None
        self._thread: threading.Thread | None = None

    def submit(self, row: Row) -> None:
        """Take a row in; its future gets an `Ended` or a `BackendError`."""
        with self._wake:
            self._check_open()
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="thinkcurve transformers", daemon=True)
                self._thread.start()
            self._open[id(row)] = row
            row.future.add_done_callback(lambda _: self._open.pop(id(row), None))
            self._queue.append(row)
            self._wake.notify()

    def check_open(self) -> None:
        """Raise what ended the engine, if anything did."""
        with self._wake:
            self._check_open()

    def _check_open(self) -> None:
        if self._end is not None:
            raise BackendError(str(self._end), is_fatal=True)

    def close(self, timeout_s: float = 60) -> None:
        """End all open requests and the thread, which finishes its step first."""
        with self._wake:
            self._end = self._end or BackendError("this model is closed", is_fatal=True)
            self._wake.notify()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(timeout_s)

    def _run(self) -> None:
        import torch

        end: BackendError | None = None
        try:
            self._prepare()
            with torch.inference_mode():
                while self._wait():
                    self._turn()
        except BaseException as error:
            end = BackendError(f"the engine stopped: {type(error).__name__}: {_line(error)}", is_fatal=True)
        with self._wake:
            self._end = self._end or end or BackendError("this model is closed", is_fatal=True)
            left = [*self._open.values()]  # wherever they were when it happened: none may wait for ever
            self._rows.clear()
            self._queue.clear()
        for row in left:
            _fail(row, self._end)
        self.engine.close()

    def _wait(self) -> bool:
        """Sleep until there is work; False when closed."""
        with self._wake:
            while self._end is None and not self._rows and not self._queue:
                self._wake.wait()
            return self._end is None

    def _turn(self) -> None:
        """One step and what belongs before and after it; where memory runs out in any of it, less at once."""
        try:
            for row in [row for row in self._rows if row.future.done()]:
                self._leave(row)
            self._admit()
            if not self._rows:
                return
            finished, logits = self.engine.step(self._work())
            if logits is not None:
                self._advance(finished, logits)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            self._shrink(error)

    def _admit(self) -> None:
        """Fill free places from the queue, in order but for those that had better wait for a common beginning."""
        waiting: list[Row] = []
        try:
            while len(self._rows) < self.n_rows:
                with self._wake:
                    if not self._queue:
                        break
                    row = self._queue.popleft()
                if row.future.cancelled():
                    continue
                if self._waits(row):
                    waiting.append(row)
                    continue
                self._rows.append(row)  # first, so that it is not lost where memory does not suffice for its place
                self.engine.place(row)
                if row.cached is None:
                    row.cached = row.n_done
        finally:
            with self._wake:
                self._queue.extendleft(reversed(waiting))

    def _waits(self, row: Row) -> bool:
        """Whether a row that is being read will soon hold clearly more of this one's beginning than is known now."""
        if not self.engine.shares:
            return False
        reading = [other for other in self._rows if other.n_pending > 1]
        if not reading:
            return False
        soon = max(common_length(row.ids, other.ids) for other in reading)
        return soon - self.engine.known(row.ids) >= WORTH_WAITING

    def _work(self) -> list[tuple[Row, int]]:
        """Rows with the tokens each reads in this step: one for those that generate, pieces of the others' prompts."""
        left = self._read_tokens - sum(row.n_pending == 1 for row in self._rows)
        work = []
        for row in self._rows:
            n = row.n_pending
            if n > 1:
                n = min(n, max(left, 0))
                left -= n
            if n:
                work.append((row, n))
        return work or [(self._rows[0], min(self._rows[0].n_pending, LEAST_READ_TOKENS))]

    def _advance(self, rows: list[Row], logits: torch.Tensor) -> None:
        """Give each row its next token, and let those go that end with it.

        All that takes memory comes first: until then no row has changed, and the step can be made again.
        """
        highest, best = logits.max(-1)
        tokens: list[int] = best.tolist()
        broken = [number for number, value in enumerate(highest.tolist()) if not math.isfinite(value)]
        drawn = [n for n, row in enumerate(rows) if row.request.sampling.temperature > 0 and n not in broken]
        if drawn:
            chosen = logits if len(drawn) == len(rows) else logits[drawn]
            settings = [rows[n].request.sampling for n in drawn]
            for n, token in zip(drawn, draw(chosen, settings, [rows[n].number for n in drawn]), strict=True):
                tokens[n] = token
        self._note_probabilities(rows, logits, tokens)
        gone: list[tuple[Row, Ended | BackendError]] = []
        for number, (row, token) in enumerate(zip(rows, tokens, strict=True)):
            row.take_number()
            if number in broken:
                gone.append((row, BackendError(NO_NUMBERS)))
            elif (ended := self._ended(row, token)) is not None:
                gone.append((row, ended))
        self._dismiss(gone)

    def _dismiss(self, gone: list[tuple[Row, Ended | BackendError]]) -> None:
        """Let rows go, then settle them: who asks for more of the same finds what they leave behind."""
        failure: Exception | None = None
        for row, outcome in gone:
            try:
                self._leave(row, is_kept=isinstance(outcome, Ended))
            except (RuntimeError, MemoryError) as error:
                failure = error
            if isinstance(outcome, Ended):
                _finish(row, outcome)
            else:
                _fail(row, outcome)
        if failure is not None:
            raise failure

    def _note_probabilities(self, rows: list[Row], logits: torch.Tensor, tokens: list[int]) -> None:
        asked = [n for n, row in enumerate(rows) if row.request.top_logprobs is not None]
        if not asked:
            return
        n_top = min(max(rows[n].request.top_logprobs or 0 for n in asked), logits.shape[-1])
        found = log_probabilities(logits[asked], [tokens[n] for n in asked], n_top)
        for n, (value, top) in zip(asked, found, strict=True):
            rows[n].logprobs.append(value)
            wanted = rows[n].request.top_logprobs or 0
            if wanted:
                rows[n].tops.append(dict(list(top.items())[:wanted]))

    def _ended(self, row: Row, token: int) -> Ended | None:
        """The result, if ``token`` ends the row; else the row has one id more."""
        if token in row.request.stop_ids:
            return row.ended(row.new_ids, Stop.STOP)
        if token in self._eos_ids:
            return row.ended(row.new_ids, Stop.EOS)
        row.ids.append(token)
        if row.request.stop and self._has_stop(row):
            return row.ended(row.new_ids, Stop.STOP)
        if len(row.ids) - row.n_prompt >= row.limit:
            return row.ended(row.new_ids, Stop.LENGTH)
        return None

    def _has_stop(self, row: Row) -> bool:
        """Whether a stop text has come about. The last tokens are looked at first: each is a byte of UTF-8 at least."""
        new = row.new_ids
        tail = self._decode(new[-(4 * max(map(len, row.request.stop)) + 8) :])
        if not any(text in tail for text in row.request.stop):
            return False
        whole = self._decode(new)
        return any(text in whole for text in row.request.stop)

    def _leave(self, row: Row, *, is_kept: bool = True) -> None:
        self._rows.remove(row)
        self.engine.release(row, is_kept=is_kept)

    def _shrink(self, error: BaseException) -> None:
        """Go on with half the rows, all of them from their ids; a row alone reads its prompt in smaller pieces.

        Where even those are too many the row is given up, and rows and pieces are again what they were before it.
        """
        n_rows = len(self._rows)
        self.engine.shrink()
        free_memory()
        rows, self._rows = [row for row in self._rows if not row.future.done()], []
        if n_rows <= 1 and (self._read_tokens <= LEAST_READ_TOKENS or not self.engine.shares):
            for row in rows:
                n = len(row.ids)
                _fail(row, BackendError(f"memory does not suffice for one sequence of {n} tokens: {_line(error)}"))
            rows = []
            self.n_rows, self._read_tokens = self._most_rows, READ_TOKENS
        elif n_rows <= 1:
            self._read_tokens = max(self._read_tokens // 4, LEAST_READ_TOKENS)
        else:
            self.n_rows = max(1, n_rows // 2)
            self.n_halvings += 1
            _log.warning("memory ran out: from here on %d sequences run at once, not %d", self.n_rows, n_rows)
        with self._wake:
            self._queue.extendleft(reversed(rows))


def _line(error: BaseException) -> str:
    return (" ".join(str(error).split()) or "no reason given")[:200]


def _finish(row: Row, ended: Ended) -> None:
    with suppress(InvalidStateError):  # cancelled meanwhile
        row.future.set_result(ended)


def _fail(row: Row, error: BackendError) -> None:
    with suppress(InvalidStateError):
        row.future.set_exception(error)
