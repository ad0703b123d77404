"""A Hugging Face checkpoint as files: where it lies, at which commit, and what its configuration says of it.

Shared by every engine that reads such folders. Nothing here loads weights, and no code of a checkpoint is run.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from textwrap import shorten
from typing import TYPE_CHECKING, Any

from thinkcurve.backend import ModelInfo, Sampling
from thinkcurve.errors import UsageError
from thinkcurve_backends.llamacpp.header import fingerprint
from thinkcurve_backends.safetensors_header import Tensor, active_parameters, read_tensors

if TYPE_CHECKING:
    from thinkcurve_backends.hf_tokenizer import HfTokenizer

INDEX = "model.safetensors.index.json"
"""Which file of several holds which tensor."""
ADAPTERS = ("adapter_model.safetensors", "adapters.safetensors")
"""What a LoRA adapter beside the weights is called; it is no part of them."""
SAFETENSORS = ("*.safetensors",)
UNWANTED = ["*/*", "consolidated*"]
"""Not fetched of a hub: copies of the same weights in folders or in the maker's own layout."""
UNDERSTOOD = ("temperature", "top_p", "top_k", "min_p")
"""What of a generation_config can be honoured on every engine."""
ALLOWED: dict[str, tuple[str, Callable[[float], bool]]] = {
    "temperature": ("0..5", lambda value: 0 <= value <= 5),
    "top_p": ("above 0 and at most 1", lambda value: 0 < value <= 1),
    "top_k": ("a finite number", math.isfinite),
    "min_p": ("0..1", lambda value: 0 <= value <= 1),
}
"""What those may be: nothing else means anything on every engine."""
NEUTRAL: dict[str, Any] = {
    "repetition_penalty": 1.0,
    "presence_penalty": 0.0,
    "no_repeat_ngram_size": 0,
    "typical_p": 1.0,
}
"""Settings that change how tokens are drawn and that are not honoured, with the value that does nothing."""


COMMIT = re.compile(r"[0-9a-f]{40}")
"""A revision that stays what it is; a branch or a tag may be moved."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A folder with ``config.json``, weights and tokenizer.

    ``revision`` is the hub's commit, if it came from one; ``is_pinned`` is false where that is only what a branch or a
    tag pointed to today.
    """

    folder: Path
    name: str
    revision: str | None
    config: dict[str, Any]
    generation: dict[str, Any]
    weights: tuple[str, ...] = ()
    """Patterns of the files that the engine reads; without any, what `weight_files` finds."""
    is_pinned: bool = True

    @property
    def text_config(self) -> dict[str, Any]:
        """The part on the language model; a model of several media keeps it apart."""
        inner = self.config.get("text_config")
        return {**self.config, **inner} if isinstance(inner, dict) else self.config

    @property
    def context_tokens(self) -> int | None:
        """The longest context it was made for."""
        return _whole(self.text_config.get("max_position_embeddings"))

    @property
    def sampling(self) -> Sampling | None:
        """How its makers sample it, or ``None`` where they do not say.

        ``do_sample: false`` is greedy whatever stands beside it. What is left out changes nothing: transformers' own
        default of ``top_k`` 50 is none of the makers' words.
        """
        said = self.generation
        if said.get("do_sample") is False:
            return Sampling()
        if not any(said.get(key) is not None for key in ("do_sample", *UNDERSTOOD)):
            return None
        wrong = [f"{key} is {said[key]!r}, which is {why}" for key in UNDERSTOOD if (why := _wrong(key, said.get(key)))]
        if wrong:
            raise UsageError(f"{str(self.folder / 'generation_config.json')!r}: {'; '.join(wrong)}")
        values = {"temperature": 1.0} | {key: float(said[key]) for key in UNDERSTOOD if said.get(key) is not None}
        return Sampling(**(values | {"top_k": max(0, int(values.get("top_k", 0)))}))  # type: ignore[arg-type]

    def eos_ids(self, tokenizer: HfTokenizer) -> frozenset[int]:
        """What ends the model's turn: as its generation_config says, else its config, and what its tokenizer has."""
        asked = self.generation.get("eos_token_id")
        if asked is None:
            asked = self.text_config.get("eos_token_id")
        found = [*(asked if isinstance(asked, list) else [asked]), tokenizer.inner.eos_token_id]
        return frozenset(token for token in found if isinstance(token, int))

    @property
    def notes(self) -> tuple[str, ...]:
        """What its makers ask for and is not done, and whether another day may bring another model of its name."""
        asked = {k: v for k in NEUTRAL if (v := self.generation.get(k)) not in (None, NEUTRAL[k])}
        said = [f"its generation_config asks for {key} = {value}, which is not done" for key, value in asked.items()]
        if not self.is_pinned:
            at = f"read at {self.revision}; --model-option revision={self.revision} keeps it"
            said.append(f"not pinned: {at if self.revision else 'its commit is not known'}")
        return tuple(said)

    def info(self, *, active_parameters: int | None, context_tokens: int | None = None, **more: Any) -> ModelInfo:
        """What is known of the model; ``more`` are the fields that an engine knows: thinking, engine, ..."""
        config = self.text_config
        notes = (*self.notes, *more.pop("notes", ()))
        return ModelInfo(
            name=self.name,
            revision=self.revision,
            fingerprint=self.fingerprint(),
            active_parameters=active_parameters,
            layers=_whole(config.get("num_hidden_layers")),
            width=_whole(config.get("hidden_size")),
            context_tokens=context_tokens or self.context_tokens,
            is_local=True,
            sampling=self.sampling,
            notes=notes,
            **more,
        )

    def weight_files(self) -> list[Path]:
        """The files of the weights in use, and nothing that lies beside them; none where there are none.

        Without patterns those that the index names, else ``model*.safetensors``, else all safetensors but adapters.
        """
        if self.weights:
            return sorted({path for pattern in self.weights for path in self.folder.glob(pattern)})
        named = self._indexed()
        if named:
            return [self.folder / name for name in named]
        found = sorted(self.folder.glob("model*.safetensors")) or sorted(self.folder.glob("*.safetensors"))
        return [path for path in found if path.name not in ADAPTERS]

    def _indexed(self) -> list[str]:
        index = _json(self.folder / INDEX)
        if index is None:
            return []
        names = index.get("weight_map")
        if not isinstance(names, dict) or not all(isinstance(name, str) for name in names.values()):
            raise UsageError(f"{str(self.folder / INDEX)!r} has no weight_map of names to files")
        found = sorted(set(names.values()))
        absent = [name for name in found if not (self.folder / name).is_file()]
        if absent:
            raise UsageError(f"{str(self.folder)!r} lacks {absent[0]!r}, which {INDEX} names; download it again")
        return found

    def check_weights(self) -> None:
        """Refuse a folder without weights in safetensors, and say what to do with what it has instead."""
        if self.weight_files():
            return
        where = repr(str(self.folder))
        pickles = sorted(path.name for pattern in ("*.bin", "*.pt", "*.pth") for path in self.folder.glob(pattern))
        if pickles:
            raise UsageError(
                f"{where} holds its weights as {pickles[0]}, a pickle, which can run code: convert to safetensors "
                "(save_pretrained of transformers writes them)"
            )
        if ggufs := sorted(path.name for path in self.folder.glob("*.gguf")):
            path = self.folder / ggufs[0]
            raise UsageError(f"{where} holds no *.safetensors but {ggufs[0]}: use llamacpp:{path}")
        wanted = " or ".join(self.weights) or "*.safetensors"
        raise UsageError(f"{where} holds no weights: files named {wanted}")

    def tensors(self) -> list[Tensor]:
        """The tensors of its safetensors files, from their headers; a file that is cut off is a `UsageError`."""
        return [tensor for path in self.weight_files() for tensor in read_tensors(path)]

    @property
    def active_parameters(self) -> int | None:
        """Weights that take part in one token (see `safetensors_header`), or ``None`` without safetensors files."""
        tensors = self.tensors()
        return active_parameters(tensors, self.text_config) if tensors else None

    def fingerprint(self) -> str:
        """16 hex digits over the weights, as `llamacpp.header.fingerprint` makes them of each file.

        Raises `UsageError` where there are none: two models must not share that of nothing.
        """
        self.check_weights()
        parts = [f"{path.name}:{fingerprint(path)}" for path in self.weight_files()]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def open_checkpoint(engine: str, what: str, revision: str = "", weights: tuple[str, ...] = SAFETENSORS) -> Checkpoint:
    """The checkpoint in a folder, or of a hub at a revision (fetched, or from the cache of earlier fetches).

    Of a hub only the files that match ``weights`` are fetched beside configuration and tokenizer: some repositories
    hold the same model many times. Raises `UsageError` before anything is loaded where it is not there, is no such
    folder, or its makers' settings cannot be.
    """
    if not what:
        raise UsageError(f"{engine} needs a model: {engine}:FOLDER or {engine}:OWNER/NAME")
    folder, commit = _folder(engine, Path(what).expanduser(), what, revision, weights)
    config = _json(folder / "config.json")
    if config is None:
        raise UsageError(f"{str(folder)!r} holds no config.json, so it is no model folder that {engine} can read")
    generation = _json(folder / "generation_config.json") or {}
    is_pinned = folder == Path(what).expanduser() or bool(COMMIT.fullmatch(revision))
    found = Checkpoint(folder, name_of(what), commit, config, generation, is_pinned=is_pinned)
    _ = found.sampling  # values that cannot be are said before anything is loaded
    return found


def name_of(what: str) -> str:
    """The last part of a folder's path or of a hub's name."""
    return Path(os.path.abspath(Path(what).expanduser())).name  # noqa: PTH100  # resolve() follows links


def _wrong(key: str, value: object) -> str:
    """What is wrong with a setting of the makers; nothing where it is right or absent."""
    if value is None:
        return ""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return "no number"
    said, is_right = ALLOWED[key]
    return "" if is_right(value) else f"not {said}"


def is_of_hub(what: str) -> bool:
    """Whether a name is one of a hub, OWNER/NAME, and of nothing that is here."""
    return what.count("/") == 1 and not what.startswith((".", "~", "/")) and not Path(what).exists()


def _folder(engine: str, path: Path, what: str, revision: str, weights: tuple[str, ...]) -> tuple[Path, str | None]:
    if path.is_dir():
        if revision:
            raise UsageError(f"option revision is for models of a hub; {what!r} is a folder")
        return path, None
    if path.exists():
        hint = f"; for a GGUF file use llamacpp:{what}" if path.suffix == ".gguf" else ""
        raise UsageError(f"{engine} reads a model folder or a name on the hub, and {what!r} is a file{hint}")
    if not is_of_hub(what):
        raise UsageError(f"model folder {what!r} does not exist; a model of the hub is written OWNER/NAME")
    return _from_hub(engine, what, revision, weights)


def _from_hub(engine: str, what: str, revision: str, weights: tuple[str, ...]) -> tuple[Path, str | None]:
    from thinkcurve.data import hub_or_cache

    try:
        from huggingface_hub import snapshot_download
    except ModuleNotFoundError as error:
        raise UsageError(
            "a model of the hub needs the package 'huggingface_hub': pip install huggingface_hub"
        ) from error
    wanted = ["*.json", "*.jinja", "*.model", "*.txt", *weights]
    try:
        with hub_or_cache():
            folder = Path(
                snapshot_download(what, revision=revision or None, allow_patterns=wanted, ignore_patterns=UNWANTED)
            )
    except Exception as error:  # hub, network and cache each have their own
        reason = shorten(str(error), 300, placeholder=" ...").rstrip(".:") or type(error).__name__
        raise UsageError(
            f"cannot load model {what!r} from its hub: {reason}; a local copy is {engine}:FOLDER"
        ) from error
    return folder, folder.name if folder.parent.name == "snapshots" else None


def _json(path: Path) -> dict[str, Any] | None:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise UsageError(f"cannot read {str(path)!r}: {error}") from error
    if not isinstance(content, dict):
        raise UsageError(f"{str(path)!r} holds no JSON object")
    return content


def _whole(value: object) -> int | None:
    return value if isinstance(value, int) else None
