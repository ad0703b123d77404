"""Many sequences of different lengths through one model at once, without padding.

All tokens of a step, one of each row that is generating and many of each that still reads its prompt, stand in one
line: everything but attention works on them token by token. Attention is ours (`attend`, given to transformers through
its `AttentionInterface`): it writes each row's keys and values into that row's place and lets each token see what
came before it in its own row. The cache is allocated once and grows by doubling, rows stay dense, and a row can begin
as a copy of another's beginning: of a running row's, or of one that `PrefixStore` holds.

Sliding windows, soft caps and attention sinks are honoured here; keys and values behind a window are kept all the
same, so that every prefix can be forked. Models whose layers keep any other state run through `plain`.
CUDA, ROCm and MPS run the same code as the CPU, or flash-attn's kernels where ``flash_attention_2`` is asked for; its
authors have run none of it on a GPU.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from thinkcurve_backends.transformers.flash import flash_chunk, flash_singles
from thinkcurve_backends.transformers.memory import free_memory, is_out_of_memory
from thinkcurve_backends.transformers.prefix import Layers, PrefixStore, common_length
from thinkcurve_backends.transformers.rows import Row

if TYPE_CHECKING:
    import torch

NAME = "thinkcurve"
"""Under which transformers knows our attention."""
FIRST_CAPACITY = 256
"""Tokens a row has room for at first."""
WORTH_ONE_BY_ONE = 128
"""On a CPU, by how many tokens rows fall short of the longest on average from where on attending to each by itself is
faster than to all over the longest length (measured on one core: a call more a row costs what 150 masked tokens do)."""
_local = threading.local()


def attend(
    module: Any,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    scaling: float | None = None,
    sliding_window: int | None = None,
    softcap: float | None = None,
    s_aux: torch.Tensor | None = None,
    **others: Any,
) -> tuple[torch.Tensor, None]:
    """Attention of one layer in the current step: (1, heads, tokens, width) in, (1, tokens, heads, width) out."""
    step: _Step = _local.step
    if attention_mask is not None or others.get("position_bias") is not None:
        raise NotImplementedError("attention with a mask or a bias of the model's own")
    if sliding_window is None:
        sliding_window = getattr(module, "sliding_window", None)
    scale = scaling if scaling is not None else query.shape[-1] ** -0.5
    rule = Rule(scale, sliding_window or 0, softcap or 0.0, s_aux)
    return step.attend(module.layer_idx, query[0], key[0], value[0], rule).unsqueeze(0), None


class Rule:
    """How one layer attends."""

    __slots__ = ("scale", "sinks", "softcap", "window")

    def __init__(self, scale: float, window: int, softcap: float, sinks: torch.Tensor | None) -> None:
        self.scale = scale
        self.window = window
        self.softcap = softcap
        self.sinks = sinks


class RaggedEngine:
    """Rows in one batch over one cache; see the module. ``max_tokens`` bounds a row's length."""

    shares = True

    def __init__(
        self, model: Any, device: torch.device, store: PrefixStore, max_tokens: int, *, kernel: str = "sdpa"
    ) -> None:
        self.model = model
        self.device = device
        self.store = store
        self.max_tokens = max_tokens
        self.kernel = kernel
        self.worth_one_by_one = WORTH_ONE_BY_ONE if device.type == "cpu" else None
        self.n_forward_tokens = 0
        self.rows: list[Row] = []
        self.layers: Layers = {}
        self.n_places = 1
        self.capacity = min(FIRST_CAPACITY, max_tokens)

    def known(self, ids: list[int]) -> int:
        """The longest common beginning with what is held or running."""
        running = max((common_length(ids, row.ids[: row.n_done]) for row in self.rows), default=0)
        return max(running, self.store.longest(ids)[0])

    def place(self, row: Row) -> None:
        """The next place, filled with what is known; the last token is always read, for its logits."""
        held, pieces = self.store.longest(row.ids)
        source = max(self.rows, key=lambda other: common_length(row.ids, other.ids[: other.n_done]), default=None)
        shared = common_length(row.ids, source.ids[: source.n_done]) if source else 0
        row.slot = len(self.rows)
        row.n_done = min(max(held, shared), len(row.ids) - 1)
        self._reserve(row.slot + 1, row.n_done)
        self.rows.append(row)
        if source is not None and shared >= held:
            for keys, values in self.layers.values():
                keys[row.slot, :, : row.n_done] = keys[source.slot, :, : row.n_done]
                values[row.slot, :, : row.n_done] = values[source.slot, :, : row.n_done]
            return
        at = 0
        for n, layers in pieces:
            n = min(n, row.n_done - at)
            for number, (keys, values) in layers.items():
                self._layer(number, keys, values)[0][row.slot, :, at : at + n] = keys[:, :n]
                self.layers[number][1][row.slot, :, at : at + n] = values[:, :n]
            at += n

    def step(self, work: Sequence[tuple[Row, int]]) -> tuple[list[Row], torch.Tensor | None]:
        """One forward pass over the next tokens of each row in ``work``."""
        import torch

        singles = sorted((row for row, n in work if n == 1), key=lambda row: row.slot)
        chunks = [(row, n) for row, n in work if n > 1]
        packed = [(row, 1) for row in singles] + chunks
        self._reserve(len(self.rows), max(row.n_done + n for row, n in packed))
        ids: list[int] = []
        positions: list[int] = []
        last: list[int] = []
        finished: list[Row] = []
        for row, n in packed:
            ids += row.ids[row.n_done : row.n_done + n]
            positions += range(row.n_done, row.n_done + n)
            if n == row.n_pending:
                finished.append(row)
                last.append(len(ids) - 1)
        _local.step = _Step(self, singles, chunks)
        try:
            logits = self.model(
                input_ids=torch.tensor([ids], device=self.device),
                position_ids=torch.tensor([positions], device=self.device),
                use_cache=False,
                logits_to_keep=torch.tensor(last or [0]),  # indices on the CPU suit whichever device ends the model
            ).logits[0]
        finally:
            _local.step = None
        self.n_forward_tokens += len(ids)
        for row, n in packed:
            row.n_done += n
        return finished, logits if finished else None

    def release(self, row: Row, *, is_kept: bool) -> None:
        """Keep what the row computed, and move the last row into its place."""
        if is_kept:
            self._keep(row)
        else:  # what is not a number would spread through masked places, too: nought times it is not nought
            for keys, values in self.layers.values():
                keys[row.slot] = 0
                values[row.slot] = 0
        moved = self.rows.pop()
        if moved is not row:
            for keys, values in self.layers.values():
                keys[row.slot, :, : moved.n_done] = keys[moved.slot, :, : moved.n_done]
                values[row.slot, :, : moved.n_done] = values[moved.slot, :, : moved.n_done]
            self.rows[row.slot] = moved
            moved.slot = row.slot
        row.slot, row.n_done = -1, 0
        self._give_back()

    def _give_back(self) -> None:
        """A smaller cache where the rows left need at most a quarter of it: one long row sizes the places of all."""
        n_tokens = max((len(row.ids) for row in self.rows), default=0)
        n_places, capacity = 1, min(FIRST_CAPACITY, self.max_tokens)
        while n_places < len(self.rows):
            n_places *= 2
        while capacity < n_tokens:
            capacity = min(2 * capacity, max(self.max_tokens, n_tokens))
        if 4 * n_places * capacity > self.n_places * self.capacity:
            return
        self.n_places, self.capacity = n_places, capacity
        if not self.rows:
            self.layers.clear()
        for number, (keys, values) in self.layers.items():
            self.layers[number] = (
                keys[:n_places, :, :capacity].clone(),
                values[:n_places, :, :capacity].clone(),
            )

    def _keep(self, row: Row) -> None:
        """Hold what a row computed; where memory does not suffice for that, nothing of the kind is held any more."""

        def read(start: int, end: int) -> Layers:
            place = row.slot, slice(None), slice(start, end)
            return {i: (k[place].clone(), v[place].clone()) for i, (k, v) in self.layers.items()}

        try:
            self.store.keep(row.ids[: row.n_done], read)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            self.store.clear()
            free_memory()

    def shrink(self) -> None:
        """Give all memory back but the model's; where prefixes were held, at most half as many are from now on."""
        if self.store.n_bytes:
            self.store.max_bytes //= 2
        for row in self.rows:
            row.slot, row.n_done = -1, 0
        self.close()

    def close(self) -> None:
        """Let go of the cache and of all that is kept."""
        self.rows.clear()
        self.layers.clear()
        self.store.clear()
        self.n_places, self.capacity = 1, min(FIRST_CAPACITY, self.max_tokens)

    def _reserve(self, n_places: int, n_tokens: int) -> None:
        """Room for so many rows of so many tokens. Each layer grows by itself: running out of memory harms nothing."""
        while self.n_places < n_places:
            self.n_places *= 2
        while self.capacity < n_tokens:
            self.capacity = min(2 * self.capacity, max(self.max_tokens, n_tokens))
        for number, (keys, values) in self.layers.items():
            if keys.shape[0] < self.n_places or keys.shape[2] < self.capacity:
                self.layers[number] = (self._grown(keys), self._grown(values))

    def _grown(self, old: torch.Tensor) -> torch.Tensor:
        new = old.new_zeros(self.n_places, old.shape[1], self.capacity, old.shape[3])
        new[: old.shape[0], :, : old.shape[2]] = old
        return new

    def _layer(self, number: int, key: torch.Tensor, value: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """The cache of a layer, made on first sight: keys and values (heads, tokens, width) tell its shape."""
        if number not in self.layers:
            self.layers[number] = (
                key.new_zeros(self.n_places, key.shape[0], self.capacity, key.shape[2]),
                value.new_zeros(self.n_places, value.shape[0], self.capacity, value.shape[2]),
            )
        return self.layers[number]


class _Step:
    """One forward pass: ``singles`` have one token each and come first, then the ``chunks`` of several."""

    def __init__(self, engine: RaggedEngine, singles: list[Row], chunks: list[tuple[Row, int]]) -> None:
        self.engine = engine
        self.singles = singles
        self.chunks = chunks
        self.is_dense = len(singles) == len(engine.rows)
        self.is_one_by_one = False
        if singles and engine.worth_one_by_one is not None:
            lengths = [row.n_done for row in singles]
            self.is_one_by_one = max(lengths) - sum(lengths) / len(lengths) >= engine.worth_one_by_one
        self._tensors: dict[tuple[object, ...], Any] = {}

    def attend(
        self, layer: int, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, rule: Rule
    ) -> torch.Tensor:
        """(heads, tokens, width) of all rows in, (tokens, heads, width) out."""
        keys, values = self.engine._layer(layer, key, value)
        out = query.new_empty(query.shape[1], query.shape[0], values.shape[3])
        at = len(self.singles)
        if at:
            slots, lengths = self._places(query.device)
            keys[slots, :, lengths] = key[:, :at].transpose(0, 1)
            values[slots, :, lengths] = value[:, :at].transpose(0, 1)
            singles = query[:, :at].transpose(0, 1)
            if self.engine.kernel == "flash_attention_2":
                out[:at] = flash_singles(singles, keys, values, slots, lengths, rule)
            elif self.is_one_by_one:
                self._one_by_one(out, singles, keys, values, rule)
            else:
                out[:at] = self._batched(singles, keys, values, rule)
        for row, n in self.chunks:
            end = row.n_done + n
            keys[row.slot, :, row.n_done : end] = key[:, at : at + n]
            values[row.slot, :, row.n_done : end] = value[:, at : at + n]
            held = keys[row.slot : row.slot + 1, :, :end], values[row.slot : row.slot + 1, :, :end]
            out[at : at + n] = self._chunk(query[None, :, at : at + n], *held, rule)[0].transpose(0, 1)
            at += n
        return out

    def _one_by_one(
        self, out: torch.Tensor, query: torch.Tensor, keys: torch.Tensor, values: torch.Tensor, rule: Rule
    ) -> None:
        """Each row by itself over its own length."""
        n_groups = keys.shape[1]
        for number, row in enumerate(self.singles):
            start = max(0, row.n_done + 1 - rule.window) if rule.window else 0
            held = slice(row.slot, row.slot + 1), slice(None), slice(start, row.n_done + 1)
            grouped = query[number : number + 1].view(1, n_groups, -1, query.shape[-1])
            out[number] = _core(self.engine.kernel, grouped, keys[held], values[held], None, rule).reshape(
                out.shape[1:]
            )

    def _batched(self, query: torch.Tensor, keys: torch.Tensor, values: torch.Tensor, rule: Rule) -> torch.Tensor:
        """All rows at once over the longest length, the rest masked. Heads that share keys stand as queries."""
        n_rows = len(self.engine.rows)
        slots, _ = self._places(query.device)
        mask = self._mask(query, keys.shape[2], rule.window)
        if not self.is_dense:
            whole = query.new_zeros(n_rows, *query.shape[1:])
            whole[slots] = query
            query = whole
        n_tokens = mask.shape[-1]
        grouped = query.reshape(n_rows, keys.shape[1], -1, query.shape[-1])
        held = keys[:n_rows, :, :n_tokens], values[:n_rows, :, :n_tokens]
        out = _core(self.engine.kernel, grouped, *held, mask, rule).reshape(n_rows, query.shape[1], -1)
        return out if self.is_dense else out[slots]

    def _chunk(self, query: torch.Tensor, keys: torch.Tensor, values: torch.Tensor, rule: Rule) -> torch.Tensor:
        """Several tokens of one row, each seeing those up to itself."""
        import torch

        n, end = query.shape[2], keys.shape[2]
        if self.engine.kernel == "flash_attention_2":
            return flash_chunk(query, keys, values, rule)
        share = query.shape[1] // keys.shape[1]
        if share > 1:
            keys, values = keys.repeat_interleave(share, 1), values.repeat_interleave(share, 1)
        if n == end and (not rule.window or n <= rule.window):
            return _core(self.engine.kernel, query, keys, values, "causal", rule)
        places = torch.arange(end, device=query.device)
        distance = places[end - n :].unsqueeze(1) - places
        hidden = distance < 0
        if rule.window:
            hidden |= distance >= rule.window
        mask = torch.zeros(n, end, dtype=query.dtype, device=query.device).masked_fill_(hidden, -torch.inf)
        return _core(self.engine.kernel, query, keys, values, mask, rule)

    def _places(self, device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
        import torch

        if ("places", device) not in self._tensors:
            slots = torch.tensor([row.slot for row in self.singles], device=device)
            lengths = torch.tensor([row.n_done for row in self.singles], device=device)
            self._tensors["places", device] = slots, lengths
        found: tuple[torch.Tensor, torch.Tensor] = self._tensors["places", device]
        return found

    def _mask(self, query: torch.Tensor, capacity: int, window: int) -> torch.Tensor:
        """(rows, 1, 1, tokens), added to the scores; the same for all layers of a kind. Tokens are a multiple of 8."""
        import torch

        found: torch.Tensor | None = self._tensors.get(("mask", query.device, window))
        if found is None:
            longest = max(row.n_done for row in self.singles) + 1
            places = torch.arange(min(-(-longest // 8) * 8, capacity), device=query.device)
            lengths = torch.tensor([row.n_done for row in self.engine.rows], device=query.device).unsqueeze(1)
            hidden = places > lengths
            if window:
                hidden |= places <= lengths - window
            mask = torch.zeros(hidden.shape, dtype=query.dtype, device=query.device)
            found = mask.masked_fill_(hidden, -torch.inf)[:, None, None]
            self._tensors["mask", query.device, window] = found
        return found


def _core(
    kernel: str,
    query: torch.Tensor,
    keys: torch.Tensor,
    values: torch.Tensor,
    mask: torch.Tensor | str | None,
    rule: Rule,
) -> torch.Tensor:
    """Softmax of scores times values, all of shape (rows, heads, tokens, width); ``mask`` may be ``"causal"``."""
    import torch

    if kernel == "sdpa" and not rule.softcap and rule.sinks is None:
        is_causal = isinstance(mask, str)
        given = None if isinstance(mask, str) else mask
        return torch.nn.functional.scaled_dot_product_attention(
            query, keys, values, attn_mask=given, is_causal=is_causal, scale=rule.scale
        )
    scores = query @ keys.transpose(-1, -2) * rule.scale
    if rule.softcap:
        scores = torch.tanh(scores / rule.softcap) * rule.softcap
    if isinstance(mask, str):
        scores = scores.masked_fill(torch.ones_like(scores[0, 0], dtype=torch.bool).triu(1), -torch.inf)
    elif mask is not None:
        scores = scores + mask
    n_tokens = scores.shape[-1]
    if rule.sinks is not None:
        per_query = query.shape[1] != rule.sinks.numel()  # heads that share keys stand as queries
        shape = (1, query.shape[1], -1, 1) if per_query else (1, -1, 1, 1)
        sinks = rule.sinks.reshape(shape).to(scores.dtype).expand(*scores.shape[:-1], 1)
        scores = torch.cat([scores, sinks], dim=-1)
    shares = scores.softmax(-1, dtype=torch.float32).to(values.dtype)
    return shares[..., :n_tokens] @ values
