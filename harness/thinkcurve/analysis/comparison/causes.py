"""Why the same study may give other tokens, answers or verdicts: what two manifests say that differs.

A cause is recorded on both sides and is not the same; whether it did anything only the attempts can tell
(`thinkcurve.analysis.comparison.exact`). What no manifest records is said in `UNRECORDED`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum
from typing import Any

import msgspec

from thinkcurve.store import Manifest, ModelRecord, Sitting, TaskRecord


class Step(StrEnum):
    """A step of an attempt, in the order in which they are made; what differs at one may differ at all after it."""

    THINKING = "thinking"
    ANSWER = "answer"
    VERDICT = "verdict"
    COST = "cost"


TOKENS = (Step.THINKING, Step.ANSWER)
ALL = tuple(Step)
STUDY: dict[str, tuple[Step, ...]] = {
    "control": ALL,
    "traces": TOKENS,
    "seed": TOKENS,
    "system": TOKENS,
    "chat_template": TOKENS,
    "temperature": TOKENS,
    "top_p": TOKENS,
    "top_k": TOKENS,
    "min_p": TOKENS,
    "wait": TOKENS,
    "waits": TOKENS,
    "budget_prompt": TOKENS,
    "answer_tokens": (Step.ANSWER,),
    "max_output_tokens": TOKENS,
    "batch": ALL,
    "sandbox": (Step.VERDICT,),
}
"""Keys of a study that can change an attempt, and from which step on. How far a ladder goes, how many samples and
problems there are changes none."""
MODEL: dict[str, tuple[Step, ...]] = {
    "name": TOKENS,
    "revision": TOKENS,
    "fingerprint": TOKENS,
    "engine": TOKENS,
    "context_tokens": TOKENS,
    "thinking": TOKENS,
    "provider": (*TOKENS, Step.COST),
    "active_parameters": (Step.COST,),
    "layers": (Step.COST,),
    "width": (Step.COST,),
}
"""What is known of a model that can change an attempt."""
ENGINES: dict[str, tuple[str, ...]] = {
    "xllamacpp": ("xllamacpp",),
    "transformers": ("torch", "transformers", "peft"),
    "vllm": ("vllm", "torch", "transformers"),
    "mlx": ("mlx", "mlx-lm"),
    "openai": ("openai",),
    "anthropic": ("anthropic",),
    "google-genai": ("google-genai",),
}
"""Packages that make tokens, by the first word of a model's engine."""
JUDGING = ("python", "sympy", "math-verify", "latex2sympy2_extended", "numpy", "lm_eval", "reasoning-gym")
"""Packages that can change a verdict."""
OURS = ("thinkcurve",)
UNRECORDED = (
    "which requests shared a batch, and the kernels, threads and rounding that came of it: no engine promises the same "
    "tokens in other company"
)
"""What may make other tokens of one model on one machine, and is in no manifest."""
UNPROMISED = "what the provider runs behind the model's name, and on what: none promises the same tokens twice"
"""The same of a model that is asked over the network."""


class Cause(msgspec.Struct, frozen=True):
    """Something recorded that differs between two runs (``None``: not recorded), and the steps that it can act on."""

    what: str
    base: str | None
    new: str | None
    steps: tuple[Step, ...]


def causes_of(base: Manifest, new: Manifest, models: tuple[str, str], task: str) -> tuple[Cause, ...]:
    """What differs between two runs of one task, each by a model of its own, in the order of the attempt's steps."""
    first, second = _model(base, models[0]), _model(new, models[1])
    found = [
        *_of_model(first, second),
        *_differing("model option", *(_options(m.study.model_options, spec) for m, spec in _with(base, new, models))),
        *_of_study(base, new),
        *_of_task(_task(base, task), _task(new, task)),
        *_differing("task option", *(_task_options(m, task) for m in (base, new))),
        *_of_machines(base.sittings, new.sittings, {engine_word(first), engine_word(second)}),
        *_of_judges(base, new),
        *_of_prices(first, second),
    ]
    return tuple(found)


def engine_word(model: ModelRecord) -> str:
    """The first word of a model's engine, empty where that is not known."""
    return str(model.info.get("engine") or "").partition(" ")[0]


def unrecorded_of(model: ModelRecord) -> str:
    """What may make other tokens of a model though nothing that is recorded differs."""
    return UNRECORDED if model.info.get("is_local") else UNPROMISED


def _with(base: Manifest, new: Manifest, models: tuple[str, str]) -> Iterator[tuple[Manifest, str]]:
    yield base, models[0]
    yield new, models[1]


def _model(manifest: Manifest, spec: str) -> ModelRecord:
    return next(record for record in manifest.models if record.spec == spec)


def _task(manifest: Manifest, name: str) -> TaskRecord:
    return next(record for record in manifest.tasks if record.name == name)


def _options(options: Mapping[str, dict[str, Any]], spec: str) -> dict[str, Any]:
    return options.get(spec, {})


def _task_options(manifest: Manifest, name: str) -> dict[str, Any]:
    record = _task(manifest, name)
    return _options(manifest.study.task_options, record.spec or record.name)


def _of_model(base: ModelRecord, new: ModelRecord) -> Iterator[Cause]:
    for key, steps in MODEL.items():
        ours, theirs = base.info.get(key), new.info.get(key)
        if key == "thinking":
            ours, theirs = ({**(found or {}), "source": ""} for found in (ours, theirs))
        if not _is_same(ours, theirs):
            what = {"fingerprint": "weights", "thinking": "thinking format"}.get(key, key)
            yield Cause(what, _word(ours), _word(theirs), steps)
    if base.sampling != new.sampling:
        yield Cause("sampling", _word(base.sampling), _word(new.sampling), TOKENS)


def _is_same(ours: Any, theirs: Any) -> bool:
    """Whether two values agree, what earlier versions did not record left aside."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        return all(ours[key] == theirs[key] for key in ours.keys() & theirs.keys())
    return bool(ours == theirs)


def _of_study(base: Manifest, new: Manifest) -> Iterator[Cause]:
    for key, steps in STUDY.items():
        ours, theirs = getattr(base.study, key), getattr(new.study, key)
        is_resolved = key in ("temperature", "top_p", "top_k", "min_p")  # what was really drawn with is `sampling`
        if ours != theirs and not (is_resolved and None in (ours, theirs)):
            yield Cause(key, _word(ours), _word(theirs), steps)


def _of_task(base: TaskRecord, new: TaskRecord) -> Iterator[Cause]:
    for key, what in (("version", "task version"), ("revision", "data revision"), ("prompt", "prompt")):
        ours, theirs = getattr(base, key), getattr(new, key)
        if ours and theirs and ours != theirs:
            yield Cause(what, _word(ours), _word(theirs), (*TOKENS, Step.VERDICT))


def _differing(what: str, ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> Iterator[Cause]:
    for key in dict.fromkeys([*ours, *theirs]):
        if ours.get(key) != theirs.get(key):
            yield Cause(f"{what} {key}", _word(ours.get(key)), _word(theirs.get(key)), ALL)


def _of_machines(base: tuple[Sitting, ...], new: tuple[Sitting, ...], engines: set[str]) -> Iterator[Cause]:
    """Packages and hardware of all sittings; one run may have several, not all of them alike."""
    making = {package for word in engines for package in ENGINES.get(word, ())}
    for package in (*sorted(making), *OURS):
        yield from _of_sittings(package, base, new, lambda s, p=package: s.versions.get(p), _acts_on(package))
    yield from _of_sittings("thinkcurve's commit", base, new, lambda s: s.git_commit, ALL)
    for key, what in (("machine", "machine"), ("processor", "processor"), ("cores", "cores")):
        yield from _of_sittings(what, base, new, lambda s, k=key: s.hardware.get(k), TOKENS)


def _acts_on(package: str) -> tuple[Step, ...]:
    return ALL if package in OURS else TOKENS


def _of_sittings(what: str, base: Iterable[Sitting], new: Iterable[Sitting], read: Any, steps: Any) -> Iterator[Cause]:
    ours, theirs = (dict.fromkeys(_word(read(sitting)) for sitting in sittings) for sittings in (base, new))
    if set(ours) != set(theirs):
        yield Cause(what, _joined(ours), _joined(theirs), steps)


def _joined(words: Iterable[str | None]) -> str | None:
    known = [word for word in words if word is not None]
    return " and ".join(known) or None


def _of_judges(base: Manifest, new: Manifest) -> Iterator[Cause]:
    """Versions that judged last, and how code was kept in."""
    ours, theirs = (_last_judge(manifest) for manifest in (base, new))
    for package in JUDGING:
        before, after = ours.versions.get(package), theirs.versions.get(package)
        if before != after:
            yield Cause(package, _word(before), _word(after), (Step.VERDICT,))
    before, after = ours.verifier.get("sandbox"), theirs.verifier.get("sandbox")
    if before != after:
        yield Cause("sandbox tier", _word(before), _word(after), (Step.VERDICT,))
    if len(base.regrades) != len(new.regrades):
        yield Cause("times judged again", str(len(base.regrades)), str(len(new.regrades)), (Step.VERDICT,))


def _last_judge(manifest: Manifest) -> Sitting:
    judged = manifest.regrades or manifest.sittings
    return judged[-1] if judged else Sitting("", {}, {}, {}, None)


def _of_prices(base: ModelRecord, new: ModelRecord) -> Iterator[Cause]:
    if base.tariff == new.tariff:
        return
    ours, theirs = (None if m.tariff is None else _price(m.tariff) for m in (base, new))
    yield Cause("prices", ours, theirs, (Step.COST,))


def _price(tariff: Any) -> str:
    """A tariff in a few words: its two main prices, whose they are and of which day."""
    known = [f"{key} {getattr(tariff, key):g}" for key in ("input", "output") if getattr(tariff, key) is not None]
    whose = " ".join(part for part in (tariff.source, tariff.date) if part)
    return ", ".join([*known, *([whose] if whose else [])]) or "unknown"


def _word(value: Any) -> str | None:
    """A value as a text on one line; ``None`` where there is none."""
    if value is None or value == "":
        return None
    if isinstance(value, str):
        return value
    return msgspec.json.encode(value).decode()
