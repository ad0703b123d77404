"""Models that only a cluster's workers can open, as the driver's plan needs them: what they are, their tokenizers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from thinkcurve.backend import Backend, Generation, ModelInfo, Request, Tokenizer
from thinkcurve.budget import Control
from thinkcurve.cluster.fleet import Fleet, Handle
from thinkcurve.cluster.worker import Opening
from thinkcurve.problem import Message


class DistantTokenizer:
    """The tokenizer of a model in a worker, asked a text at a time."""

    def __init__(self, fleet: Fleet, handle: Handle) -> None:
        self._fleet = fleet
        self._handle = handle

    def render(self, messages: Sequence[Message], *, chat: bool = True) -> tuple[int, ...]:
        """As `thinkcurve.backend.Tokenizer.render`."""
        ids: tuple[int, ...] = self._fleet.ask_now(self._handle, "render", tuple(messages), chat)
        return ids

    def encode(self, text: str) -> tuple[int, ...]:
        """As `thinkcurve.backend.Tokenizer.encode`."""
        ids: tuple[int, ...] = self._fleet.ask_now(self._handle, "encode", text)
        return ids

    def decode(self, token_ids: Sequence[int]) -> str:
        """As `thinkcurve.backend.Tokenizer.decode`."""
        text: str = self._fleet.ask_now(self._handle, "decode", tuple(token_ids))
        return text


class DistantBackend:
    """A model that a worker has opened. It plans as any other, and generates nothing here."""

    def __init__(self, opening: Opening, tokenizer: DistantTokenizer | None) -> None:
        assert opening.info is not None
        self.model: ModelInfo = opening.info
        self.controls: frozenset[Control] = opening.controls
        self.concurrency: int = opening.concurrency
        self.tokenizer: Tokenizer | None = tokenizer

    async def generate(self, request: Request) -> Generation:
        """Never: workers generate."""
        raise RuntimeError("a model of the cluster generates in its workers only")

    async def aclose(self) -> None:
        """Nothing is held."""


class Distant(Mapping[str, Backend]):
    """The backends of a study by spec, each opened by a worker when it is first asked for."""

    def __init__(self, specs: Sequence[str], open_one: Callable[[str], DistantBackend]) -> None:
        self._specs = tuple(specs)
        self._open = open_one
        self._opened: dict[str, DistantBackend] = {}

    def __getitem__(self, spec: str) -> DistantBackend:
        if spec not in self._specs:
            raise KeyError(spec)
        if spec not in self._opened:
            self._opened[spec] = self._open(spec)
        return self._opened[spec]

    def __contains__(self, spec: object) -> bool:
        return spec in self._specs

    def __iter__(self) -> Iterator[str]:
        return iter(self._specs)

    def __len__(self) -> int:
        return len(self._specs)
