"""Keys and values of finished sequences, kept so that a later prompt with the same beginning need not compute it again.

A tree of token runs (as in SGLang's radix cache, arXiv 2312.07104): sequences that begin alike share the nodes of
their beginning, so a trace, its answers and further samples of the same prompt are each held once. What was not asked
for longest goes first when the bound is reached.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

Layers = dict[int, "tuple[torch.Tensor, torch.Tensor]"]
"""By layer: keys and values of shape (heads, tokens, width)."""


def common_length(one: Sequence[int], other: Sequence[int]) -> int:
    """How many ids two sequences have in common at their beginning. Slices compare faster than a loop over ids."""
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        if one[low:middle] == other[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


class _Node:
    """A run of tokens after its parent's, and their keys and values."""

    __slots__ = ("children", "ids", "layers", "parent", "used")

    def __init__(self, ids: list[int], layers: Layers, parent: _Node | None) -> None:
        self.ids = ids
        self.layers = layers
        self.parent = parent
        self.children: dict[int, _Node] = {}
        self.used = 0

    @property
    def n_bytes(self) -> int:
        """What its tensors hold."""
        return sum(k.nbytes + v.nbytes for k, v in self.layers.values())


class PrefixStore:
    """Keys and values by token ids, at most ``max_bytes`` of them; 0 keeps nothing."""

    def __init__(self, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self.n_bytes = 0
        self._clock = 0
        self._root = _Node([], {}, None)

    def longest(self, ids: list[int]) -> tuple[int, list[tuple[int, Layers]]]:
        """How many first tokens of ``ids`` are held, and their pieces in order: tokens taken of each, and tensors."""
        self._clock += 1
        node, at = self._root, 0
        pieces: list[tuple[int, Layers]] = []
        while (child := node.children.get(ids[at]) if at < len(ids) else None) is not None:
            n = common_length(child.ids, ids[at : at + len(child.ids)])
            child.used = self._clock
            pieces.append((n, child.layers))
            at += n
            if n < len(child.ids):
                break
            node = child
        return at, pieces

    def keep(self, ids: list[int], read: Callable[[int, int], Layers]) -> None:
        """Hold ``ids``; ``read(start, end)`` gives a copy of the tensors of those tokens and is asked for new ones."""
        if not self.max_bytes or not ids:
            return
        self._clock += 1
        node, at = self._root, 0
        while (child := node.children.get(ids[at]) if at < len(ids) else None) is not None:
            n = common_length(child.ids, ids[at : at + len(child.ids)])
            child.used = self._clock
            if n < len(child.ids) and at + n < len(ids):
                child = self._split(child, n)
            at += n
            node = child
            if n < len(child.ids):
                break
        if at < len(ids):
            new = _Node(ids[at:], read(at, len(ids)), node)
            new.used = self._clock
            node.children[ids[at]] = new
            self.n_bytes += new.n_bytes
        self._trim()

    def clear(self) -> None:
        """Let go of everything."""
        self._root = _Node([], {}, None)
        self.n_bytes = 0

    def _split(self, node: _Node, n: int) -> _Node:
        """The node that holds the first ``n`` tokens of ``node``, put between it and its parent.

        Both halves are copied: a view would keep the whole alive when one of them goes.
        """
        assert node.parent is not None
        first = {i: (k[:, :n].clone(), v[:, :n].clone()) for i, (k, v) in node.layers.items()}
        rest = {i: (k[:, n:].clone(), v[:, n:].clone()) for i, (k, v) in node.layers.items()}
        upper = _Node(node.ids[:n], first, node.parent)
        upper.used = node.used
        node.parent.children[node.ids[0]] = upper
        node.ids, node.layers, node.parent = node.ids[n:], rest, upper
        upper.children[node.ids[0]] = node
        return upper

    def _trim(self) -> None:
        """Drop leaves, the longest unused first, until the bound holds."""
        while self.n_bytes > self.max_bytes:
            leaf = min(self._leaves(), key=lambda node: node.used)
            assert leaf.parent is not None
            del leaf.parent.children[leaf.ids[0]]
            self.n_bytes -= leaf.n_bytes

    def _leaves(self) -> list[_Node]:
        found, open_nodes = [], [self._root]
        while open_nodes:
            node = open_nodes.pop()
            open_nodes.extend(node.children.values())
            if not node.children and node.parent is not None:
                found.append(node)
        return found
