"""A Llama in plain PyTorch, with Hugging Face's parameter names, and the start values of its weights.

``seed_circuits`` writes the skeleton of copying by key into the first two layers (structured, or "mimetic",
initialisation): heads that look a fixed number of tokens back, and heads that find the place where the
current key occurred before. Training is free to change all of it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

ROPE_THETA = 10000.0
NORM_EPS = 1e-5


@dataclass(frozen=True, slots=True)
class Shape:
    """The size of the model."""

    vocabulary: int
    width: int = 128
    layers: int = 4
    heads: int = 4
    feed_forward: int = 384
    context: int = 1024

    @property
    def head_width(self) -> int:
        """Width of one attention head."""
        return self.width // self.heads


class Attention(nn.Module):
    """Causal self-attention with rotary positions."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.heads = shape.heads
        self.q_proj = nn.Linear(shape.width, shape.width, bias=False)
        self.k_proj = nn.Linear(shape.width, shape.width, bias=False)
        self.v_proj = nn.Linear(shape.width, shape.width, bias=False)
        self.o_proj = nn.Linear(shape.width, shape.width, bias=False)

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        """x: (sequences, length, width)."""
        rows, length, width = x.shape
        joined = torch.cat([self.q_proj.weight, self.k_proj.weight, self.v_proj.weight])
        parts = functional.linear(x, joined).view(rows, length, 3, self.heads, width // self.heads)
        q, k, v = parts.permute(2, 0, 3, 1, 4).unbind(0)
        mixed = attend(rotate(q, cos, sin), rotate(k, cos, sin), v)
        out: Tensor = self.o_proj(mixed.transpose(1, 2).reshape(rows, length, width))
        return out


class FeedForward(nn.Module):
    """SwiGLU."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.gate_proj = nn.Linear(shape.width, shape.feed_forward, bias=False)
        self.up_proj = nn.Linear(shape.width, shape.feed_forward, bias=False)
        self.down_proj = nn.Linear(shape.feed_forward, shape.width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """x: (..., width)."""
        joined = torch.cat([self.gate_proj.weight, self.up_proj.weight])
        gate, up = functional.linear(x, joined).chunk(2, -1)
        out: Tensor = self.down_proj(functional.silu(gate) * up)
        return out


class Layer(nn.Module):
    """Attention and feed-forward, each behind a norm."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.input_layernorm = nn.RMSNorm(shape.width, NORM_EPS)
        self.self_attn = Attention(shape)
        self.post_attention_layernorm = nn.RMSNorm(shape.width, NORM_EPS)
        self.mlp = FeedForward(shape)

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        """x: (sequences, length, width)."""
        x = x + self.self_attn(self.input_layernorm(x), cos, sin)
        out: Tensor = x + self.mlp(self.post_attention_layernorm(x))
        return out


class Llama(nn.Module):
    """Token ids in, next-token logits out; input and output embeddings are one matrix."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.embed_tokens = nn.Embedding(shape.vocabulary, shape.width)
        self.layers = nn.ModuleList(Layer(shape) for _ in range(shape.layers))
        self.norm = nn.RMSNorm(shape.width, NORM_EPS)
        cos, sin = rotary(shape.context, shape.head_width)
        self.cos: Tensor
        self.sin: Tensor
        self.register_buffer("cos", cos, persistent=False)
        self.register_buffer("sin", sin, persistent=False)

    def hidden(self, ids: Tensor) -> Tensor:
        """(sequences, length) ids to the last normed states (sequences, length, width)."""
        x = self.embed_tokens(ids)
        length = ids.shape[1]
        cos, sin = self.cos[:length].to(x.dtype), self.sin[:length].to(x.dtype)
        for layer in self.layers:
            x = layer(x, cos, sin)
        out: Tensor = self.norm(x)
        return out

    def forward(self, ids: Tensor) -> Tensor:
        """(sequences, length) ids to logits (sequences, length, vocabulary)."""
        return functional.linear(self.hidden(ids), self.embed_tokens.weight)


def attend(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """Causal attention over (..., length, head width), written out: in bfloat16 twice as fast as torch's on a CPU."""
    length, width = q.shape[-2:]
    future = torch.full((length, length), -torch.inf).triu(1)
    scores = (q * width**-0.5) @ k.transpose(-1, -2) + future
    mixed: Tensor = scores.softmax(-1).to(v.dtype) @ v
    return mixed


def rotary(context: int, head_width: int) -> tuple[Tensor, Tensor]:
    """Cosines and sines (context, head_width / 2) of the rotary angles."""
    angles = torch.outer(torch.arange(context, dtype=torch.float32), frequencies(head_width))
    return angles.cos(), angles.sin()


def frequencies(head_width: int) -> Tensor:
    """Angle per token of each rotary pair, fastest first."""
    exponents = -torch.arange(0, head_width, 2, dtype=torch.float32) / head_width
    return torch.pow(ROPE_THETA, exponents)


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Rotary positions in Hugging Face's order: dimension i is paired with i + half."""
    first, second = x.chunk(2, -1)
    return torch.cat([first * cos - second * sin, second * cos + first * sin], -1)


def initialise(
    model: Llama,
    generator: torch.Generator,
    keys: Mapping[int, int] | None = None,
    numbers: Mapping[int, int] | None = None,
) -> None:
    """Default start values; given the key tokens, the seeded circuits, and given the numbers, waves for them."""
    width, layers = model.shape.width, model.shape.layers
    for name, parameter in model.named_parameters():
        if parameter.ndim < 2:
            nn.init.ones_(parameter)
            continue
        scale = width**-0.5 if not name.endswith(("o_proj.weight", "down_proj.weight")) else 0.25 * width**-0.5
        if name.endswith(("o_proj.weight", "down_proj.weight")):
            scale /= math.sqrt(2 * layers)
        nn.init.normal_(parameter, std=0.5 * scale if "proj" in name else BASE, generator=generator)
    if numbers:
        seed_numbers(model, numbers)
    if keys:
        seed_circuits(model, generator, keys)


CODE_WIDTH = 16
CODE = slice(1, 1 + CODE_WIDTH)
"""Where the code of a key (a letter, or a shown x) lives in the residual stream; 0 for all other tokens."""
TOKEN = slice(CODE.stop, CODE.stop + 31)
"""Where a token's own identity lives. Dimension 0 is the same for all tokens."""
OFFSETS = (1, 2, 5, 7)
"""How far back the heads of layer 0 look."""
BASE = 0.1
"""Typical size of an embedding entry at the start."""


PERIODS = (200.0, 100.0, 50.0, 25.0, 10.0, 5.0, 10 / 3, 2.5, 2.0)
"""Wave lengths that write a number: its size, its tens and its last digit."""


@torch.no_grad()
def seed_numbers(model: Llama, numbers: Mapping[int, int]) -> None:
    """Give number tokens (token id -> value) embeddings that are waves of their value, so that sums are rotations."""
    values = torch.tensor(list(numbers.values()), dtype=torch.float32)
    phases = 2 * math.pi * values[:, None] / torch.tensor(PERIODS)
    waves = torch.cat([phases.cos(), phases.sin()], 1)
    columns = torch.arange(TOKEN.start, TOKEN.start + waves.shape[1])
    model.embed_tokens.weight[torch.tensor(list(numbers))[:, None], columns] = 1.4 * BASE * waves


@torch.no_grad()
def seed_circuits(model: Llama, generator: torch.Generator, keys: Mapping[int, int]) -> None:
    """Write previous-token heads into layer 0 and heads that match keys into layer 1.

    ``keys`` numbers the key tokens (token id -> 0..31); codes of different numbers are orthogonal or opposite.
    """
    shape = model.shape
    embedding = model.embed_tokens.weight
    embedding[:, TOKEN.stop :] *= 0.2
    embedding[:, CODE] = 0
    embedding[:, 0] = 4 * BASE
    codewords = hadamard(CODE_WIDTH)
    codewords = torch.cat([codewords, -codewords])
    embedding[torch.tensor(list(keys)), CODE] = 2 * BASE * codewords[torch.tensor(list(keys.values()))]
    _even_out(embedding)
    seen = [slice(TOKEN.stop + CODE_WIDTH * i, TOKEN.stop + CODE_WIDTH * (i + 1)) for i in range(len(OFFSETS))]
    first, second = _attention(model, 0), _attention(model, 1)
    mixing = _orthonormal(TOKEN.stop - TOKEN.start, CODE_WIDTH, generator)
    for head, offset in enumerate(OFFSETS):
        _look_back(first, head, offset, shape.head_width)
        rows = slice(head * shape.head_width, head * shape.head_width + CODE_WIDTH)
        first.v_proj.weight[rows] = 0
        first.v_proj.weight[rows, CODE] = torch.eye(CODE_WIDTH)
        first.v_proj.weight[rows, TOKEN] = 0.7 * mixing.T
        first.o_proj.weight[seen[head], rows] += BASE * torch.eye(CODE_WIDTH)
    identity = _orthonormal(shape.head_width, TOKEN.stop - TOKEN.start, generator)
    matches = ((CODE, seen[0], 4.0), (seen[0], seen[1], 4.0), (seen[2], seen[3], 1.0))
    for head, (query, key, gain) in enumerate(matches):
        _match(second, head, shape.head_width, query, key)
        rows = slice(head * shape.head_width, (head + 1) * shape.head_width)
        second.v_proj.weight[rows] = 0
        second.v_proj.weight[rows, TOKEN] = identity
        second.o_proj.weight[TOKEN, rows] += gain * BASE * identity.T


def _even_out(embedding: Tensor) -> None:
    """Scale the identities so that code and identity together are of one size: norms then leave dimension 0 alike."""
    room = (CODE_WIDTH * (2 * BASE) ** 2 + BASE**2) - embedding[:, CODE].square().sum(1)
    wanted = (room + 0.25 * CODE_WIDTH * BASE**2).sqrt()
    embedding[:, TOKEN] *= (wanted / embedding[:, TOKEN].norm(dim=1)).unsqueeze(1)


def _attention(model: Llama, layer: int) -> Attention:
    found = model.layers[layer]
    assert isinstance(found, Layer)
    return found.self_attn


def _look_back(attention: Attention, head: int, offset: int, head_width: int) -> None:
    """Make a head attend ``offset`` tokens back: constant query and key whose rotary phases agree only there."""
    angles = frequencies(head_width)
    half = head_width // 2
    start = head * head_width
    amplitude = torch.where(torch.arange(half) < half // 2, 2.2, 0.3)
    for weight in (attention.q_proj.weight, attention.k_proj.weight):
        weight[start : start + head_width] *= 0.1
    attention.q_proj.weight[start : start + half, 0] = amplitude
    attention.k_proj.weight[start : start + half, 0] = amplitude * torch.cos(offset * angles)
    attention.k_proj.weight[start + half : start + head_width, 0] = amplitude * torch.sin(offset * angles)


def _match(attention: Attention, head: int, head_width: int, query: slice, key: slice) -> None:
    """Make a head attend where one code equals another, in the rotary pairs that turn slowly."""
    half, start = head_width // 2, head * head_width
    slow = range(half - CODE_WIDTH // 2, half)
    rows = [start + i for i in slow] + [start + half + i for i in slow]
    for weight, code in ((attention.q_proj.weight, query), (attention.k_proj.weight, key)):
        weight[start : start + head_width] *= 0.1
        weight[torch.tensor(rows).unsqueeze(1), torch.arange(code.start, code.stop)] += 1.4 * torch.eye(CODE_WIDTH)


def hadamard(size: int) -> Tensor:
    """Sylvester's matrix of +1 and -1 with orthogonal rows; ``size`` is a power of two."""
    matrix = torch.ones(1, 1)
    while matrix.shape[0] < size:
        matrix = torch.cat([torch.cat([matrix, matrix], 1), torch.cat([matrix, -matrix], 1)])
    return matrix


def _orthonormal(rows: int, columns: int, generator: torch.Generator) -> Tensor:
    """A random matrix (rows, columns), rows >= columns, with orthonormal columns."""
    q: Tensor = torch.linalg.qr(torch.randn(rows, columns, generator=generator))[0]
    return q
