"""KV caches of finished requests, kept so that an answer starts from its trace instead of reading it again.

Numbers are shared, never copied: a fork is a new cache object over the same memory, and mlx-lm copies what it needs
when it merges caches into a batch. Entries stand in the order of their ids, so that the one with the longest common
prefix is a neighbour of the place where the prompt would stand. The least recently used entry goes first.
"""

from __future__ import annotations

import copy
from bisect import bisect_left, insort
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

import mlx.core as mx

from thinkcurve_backends.mlx.imports import CacheList, can_trim_prompt_cache, trim_prompt_cache

Ids = tuple[int, ...]
COVERED = 7 / 8
"""A sequence of which another entry holds this share is not kept: answers would push out the traces they come from."""


@dataclass(frozen=True, slots=True)
class _Entry:
    cache: list[Any]
    n_bytes: int


class Prefixes:
    """At most ``most_tokens`` tokens and ``most_bytes`` bytes of caches; one thread uses it."""

    def __init__(self, most_tokens: int, most_bytes: int) -> None:
        self._most_tokens = most_tokens
        self._most_bytes = most_bytes
        self._entries: OrderedDict[Ids, _Entry] = OrderedDict()
        self._ordered: list[Ids] = []
        self.n_tokens = 0
        self.n_bytes = 0

    def fork(self, prompt: Ids) -> tuple[list[Any] | None, int]:
        """A cache of the first n ids of ``prompt`` and n, which is less than its length; ``None`` and 0 without one."""
        if not self._entries:
            return None, 0
        near, n_common = self._nearest(prompt)
        n_kept = min(n_common, len(prompt) - 1)
        if n_kept < len(near) and not can_trim_prompt_cache(self._entries[near].cache):
            near = self._longest_whole(prompt)
            n_kept = len(near)
        if n_kept <= 0:
            return None, 0
        self._entries.move_to_end(near)
        cache = [_view(layer) for layer in self._entries[near].cache]
        if n_kept < len(near):
            trim_prompt_cache(cache, len(near) - n_kept)
        return cache, n_kept

    def wants(self, ids: Ids) -> bool:
        """Whether a cache of ``ids`` is worth keeping."""
        if not ids or len(ids) > self._most_tokens or ids in self._entries:
            return False
        near, n_common = self._nearest(ids) if self._entries else ((), 0)
        if n_common < COVERED * len(ids):
            return True
        return n_common < len(near) and not can_trim_prompt_cache(self._entries[near].cache)

    def add(self, ids: Ids, cache: list[Any]) -> None:
        """Keep a cache that `wants` asked for; one of its own prefixes, if it can be cut from it, goes."""
        self._entries[ids] = _Entry(cache, sum(layer.nbytes for layer in cache))
        insort(self._ordered, ids)
        self.n_tokens += len(ids)
        self.n_bytes += self._entries[ids].n_bytes
        place = bisect_left(self._ordered, ids)
        if place and can_trim_prompt_cache(cache):
            before = self._ordered[place - 1]
            if ids[: len(before)] == before:
                self._drop(before)
        while self._entries and (self.n_tokens > self._most_tokens or self.n_bytes > self._most_bytes):
            self._drop(next(iter(self._entries)))

    def clear(self) -> None:
        """Let go of everything."""
        for ids in list(self._entries):
            self._drop(ids)

    def _nearest(self, prompt: Ids) -> tuple[Ids, int]:
        place = bisect_left(self._ordered, prompt)
        found = [(_n_common(ids, prompt), ids) for ids in self._ordered[max(0, place - 1) : place + 1]]
        n_common, near = max(found)
        return near, n_common

    def _longest_whole(self, prompt: Ids) -> Ids:
        """The longest entry that is a prefix of ``prompt`` as it stands; empty where there is none."""
        for length in sorted({len(ids) for ids in self._entries}, reverse=True):
            if length < len(prompt) and prompt[:length] in self._entries:
                return prompt[:length]
        return ()

    def _drop(self, ids: Ids) -> None:
        entry = self._entries.pop(ids)
        del self._ordered[bisect_left(self._ordered, ids)]
        self.n_tokens -= len(ids)
        self.n_bytes -= entry.n_bytes


def _view(layer: Any) -> Any:
    """Another cache object over the same numbers: trimming it, or writing to it, leaves the first as it was."""
    if isinstance(layer, CacheList):
        made: Any = CacheList
        return made(*map(_view, layer.caches))
    view = copy.copy(layer)
    for name, value in vars(view).items():
        setattr(view, name, [_alias(part) for part in value] if isinstance(value, list) else _alias(value))
    return view


def _alias(value: Any) -> Any:
    """Another name for an array: MLX writes to slices through the object, so two caches must not hold the same one."""
    return mx.stop_gradient(value) if isinstance(value, mx.array) else value


def _n_common(one: Ids, other: Ids) -> int:
    """The length of the common prefix, by halving: comparing slices is fast."""
    low, high = 0, min(len(one), len(other))
    if one[:high] == other[:high]:
        return high
    while high - low > 1:
        middle = (low + high) // 2
        if one[low:middle] == other[low:middle]:
            low = middle
        else:
            high = middle
    return low
