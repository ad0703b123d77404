"""What lm-eval hands over, read and checked: ``--model_args`` once, the ``generation_kwargs`` of each request."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from thinkcurve.budget import Budget, parse_budget
from thinkcurve.errors import UsageError, did_you_mean
from thinkcurve.study import Study, check_study

IGNORED = frozenset({"batch_size", "max_batch_size", "device", "trust_remote_code"})
"""lm-eval's command line gives these to every model (``device`` is ``cuda:0`` unasked). A thinkcurve backend batches by
itself and has its own options for where it runs; the code of a data set is no business of the model.
"""
LENGTHS = ("max_gen_toks", "max_new_tokens", "max_tokens", "max_completion_tokens")
"""lm-eval's names for the answer's reserve, the first one given counts (``normalize_gen_kwargs`` of 0.4.13)."""
NEUTRAL: dict[str, float] = {
    "num_beams": 1,
    "n": 1,
    "best_of": 1,
    "num_return_sequences": 1,
    "min_p": 0,
    "repetition_penalty": 1,
    "presence_penalty": 0,
    "frequency_penalty": 0,
}
"""What tasks may ask for although no backend does it, and the value at which it does nothing."""
KNOWN = ("until", "do_sample", "temperature", "top_p", "top_k", "seed", *LENGTHS, *NEUTRAL)


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``--model_args``: ``model=SPEC,budget=TOKENS`` and what else is wished for.

    ``model`` is a spec as of ``thinkcurve run -m``; ``budget`` the most thinking tokens, ``0`` for none, ``none`` for
    the model's natural end. ``answer_tokens`` (the answer's own reserve, never eaten by thinking), ``temperature``,
    ``top_p``, ``top_k`` and ``seed`` stand above what the task says in its ``generation_kwargs``; left out, the task
    decides. ``usage`` is a JSONL file that gets a line a request. Every other key is an option of the backend.
    """

    model: str
    budget: Budget
    answer_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    seed: int | None = None
    usage: str | None = None
    options: dict[str, Any] = {}

    @property
    def usage_path(self) -> Path | None:
        """The usage file, if one is wished for."""
        return Path(self.usage).expanduser() if self.usage else None

    @property
    def identity(self) -> str:
        """All that an answer depends on besides model file, prompt and ``generation_kwargs``, as one line of JSON."""
        return msgspec.json.encode(msgspec.structs.replace(self, usage=None), order="sorted").decode()


def read_settings(arguments: Mapping[str, Any]) -> Settings:
    """Settings from ``model_args`` as lm-eval parsed them, or a `UsageError`."""
    given = {name: value for name, value in arguments.items() if name not in IGNORED}
    for name, example in (("model", "model=embedded"), ("budget", "budget=1024 (0: no thinking, none: natural end)")):
        if name not in given:
            raise UsageError(f"model_args: {name} is missing; give {example}")
    names = [name for name in Settings.__struct_fields__ if name != "options"]
    fields = {name: given.pop(name) for name in names if name in given}
    if isinstance(fields["budget"], str):
        fields["budget"] = parse_budget(fields["budget"])
    try:
        settings = msgspec.convert({**fields, "options": given}, Settings)
    except msgspec.ValidationError as error:
        raise UsageError(f"model_args: {str(error).replace('$.', '').replace('`', chr(39))}") from error
    study_of(settings, Decoding.of(settings, {}), is_chat=True)
    return settings


class Decoding(msgspec.Struct, frozen=True):
    """How the tokens of one request are drawn, and how many the answer may have."""

    answer_tokens: int = 256
    temperature: float = 0.0
    top_p: float = 1.0
    top_k: int = 0
    seed: int = 0

    @staticmethod
    def of(settings: Settings, asked: Mapping[str, Any]) -> Decoding:
        """The settings' own values, else the request's ``generation_kwargs``, else lm-eval's defaults."""
        _check_known(asked)
        fields: dict[str, Any] = {
            "answer_tokens": next((asked[name] for name in LENGTHS if asked.get(name) is not None), None),
            "temperature": _temperature(asked),
            **{name: asked.get(name) for name in ("top_p", "top_k", "seed")},
        }
        for name in fields:
            own = getattr(settings, name)
            fields[name] = fields[name] if own is None else own
        if fields["top_k"] == -1:
            fields["top_k"] = 0  # vLLM's way to say that all tokens count
        if not fields["temperature"]:
            fields["top_p"] = fields["top_k"] = None  # greedy: of no effect, so no difference
        try:
            return msgspec.convert({name: value for name, value in fields.items() if value is not None}, Decoding)
        except msgspec.ValidationError as error:
            text = str(error).replace("$.", "").replace("`", "'")
            raise UsageError(f"generation_kwargs of the task: {text}") from error


def study_of(settings: Settings, decoding: Decoding, *, is_chat: bool) -> Study:
    """The study of one model at one budget that a request belongs to; checked."""
    study = Study(
        models=(settings.model,),
        tasks=("lm-eval",),
        budgets=(settings.budget,),
        chat_template=is_chat,
        min_p=0.0 if decoding.temperature else None,  # as the rest: lm-eval's own, not the model's makers'
        **msgspec.structs.asdict(decoding),
    )
    return check_study(study, "model_args or generation_kwargs")


def stops_of(asked: Mapping[str, Any]) -> tuple[str, ...]:
    """The texts of ``until``, which end the answer and never the thinking."""
    until = asked.get("until") or []
    texts = [until] if isinstance(until, str) else list(until)
    if not all(isinstance(text, str) for text in texts):
        raise UsageError(f"generation_kwargs of the task: until is {until!r}; it must be a text or a list of texts")
    return tuple(text for text in texts if text)


def _temperature(asked: Mapping[str, Any]) -> float | None:
    """As ``do_sample`` wants it: false is greedy whatever the temperature, true without one is 1."""
    do_sample, temperature = asked.get("do_sample"), asked.get("temperature")
    if do_sample not in (None, True, False):
        raise UsageError(f"generation_kwargs of the task: do_sample is {do_sample!r}; it must be true or false")
    if do_sample is False:
        return 0.0
    return 1.0 if temperature is None and do_sample else temperature


def _check_known(asked: Mapping[str, Any]) -> None:
    for name, value in asked.items():
        if name not in KNOWN:
            near = did_you_mean(name, KNOWN)
            raise UsageError(f"generation_kwargs: {name!r} is nothing that a thinkcurve model can do.{near}")
        if name in NEUTRAL and value not in (None, NEUTRAL[name]):
            advice = "; for several answers a problem set repeats in the task" if name.startswith(("n", "best")) else ""
            raise UsageError(f"generation_kwargs: {name}={value} is nothing that a thinkcurve model can do{advice}")
