"""What to run: models, tasks and a ladder of budgets, from a TOML file or from the same words as flags.

A study is checked whole before any token is spent. Some of it is its *identity*: change that and it is another
study. The rest (models, tasks, budgets, samples, limit) can grow, and a run grows with it.
"""

from __future__ import annotations

import hashlib
import math
import tomllib
from collections.abc import Iterable
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, get_args, get_type_hints

import msgspec

from thinkcurve.budget import (
    EFFORTS,
    Budget,
    Control,
    budget_key,
    check_ladder,
    format_budget,
    parse_budget,
    parse_effort,
)
from thinkcurve.errors import UsageError, did_you_mean
from thinkcurve.tariff import check_prices

Options = dict[str, dict[str, Any]]
DEFAULT_LADDER: tuple[Budget, ...] = (0, 16, 32, 64, 128, 256)


class Study(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=False, dict=True):
    """A study, as a user writes it.

    ``answer_tokens`` is the answer's own reserve, never eaten by thinking. ``traces`` is ``shared`` (one trace
    serves the whole ladder) or ``separate`` (a trace a budget: the control that `shared` is tested against).
    ``model_options`` holds a table of options for each model spec, ``task_options`` one for each task spec. Of a
    task's problems those of the given ``levels``, ``groups`` and ``ids`` are taken, in an order shuffled by the seed
    ``shuffle`` and balanced over ``stratify``; then the first ``limit``. ``system`` is a system message for every
    problem; without ``chat_template`` the prompt goes to the model as plain text. ``temperature``, ``top_p``, ``top_k``
    and ``min_p`` are the model's own where they are not given (its generation_config), else greedy. Control ``extend``
    writes ``wait`` at a natural end, at most ``waits`` times (2 is what s1 ablates, arXiv 2501.19393, table 4);
    ``prompt`` adds ``budget_prompt``, a wish as in L1 (arXiv 2503.04697), with the budget in its place. Under control
    ``effort`` a budget is the place of a level in `thinkcurve.budget.EFFORTS`, written by its name.
    ``max_output_tokens`` bounds what a provider may generate for thinking and answer together, its own most where it is
    not given. ``prices`` holds for a model spec what its tokens cost (keys of `thinkcurve.tariff.Tariff`, US dollars a
    million tokens), ``max_usd`` stops a run that would cost more, ``batch`` asks by the provider's batch interface.
    ``logprobs`` asks for the log-probabilities of every answer's tokens and of so many of the most likely ones at each
    place, for the scores `thinkcurve.certainty` makes of them; of models that take token ids only.
    ``sandbox`` is the least isolation that code answers may be run at: ``strict`` (namespaces), ``standard`` (those or
    Landlock), ``weak`` (anything).
    """

    models: tuple[str, ...] = ("embedded",)
    tasks: tuple[str, ...] = ("arithmetic", "induce")
    budgets: tuple[Budget, ...] = DEFAULT_LADDER
    control: Control = Control.TRUNCATE
    samples: int = 1
    limit: int | None = None
    shuffle: int | None = None
    stratify: Literal["level", "group"] | None = None
    levels: tuple[int, ...] = ()
    groups: tuple[str, ...] = ()
    ids: tuple[str, ...] = ()
    system: str = ""
    chat_template: bool = True
    seed: int = 0
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    min_p: float | None = None
    wait: str = "Wait"
    waits: int = 2
    budget_prompt: str = "Think for at most {{budget}} tokens."
    answer_tokens: int = 256
    traces: Literal["shared", "separate"] = "shared"
    sandbox: Literal["strict", "standard", "weak"] = "standard"
    max_output_tokens: int | None = None
    max_usd: float | None = None
    prices: dict[str, dict[str, float]] = {}
    batch: bool = False
    logprobs: int | None = None
    model_options: dict[str, dict[str, Any]] = {}
    task_options: dict[str, dict[str, Any]] = {}

    @cached_property
    def is_separate(self) -> bool:
        """Whether every budget has a trace of its own: by wish, or because the control lets the model see it."""
        return self.traces == "separate" or not self.control.shares_trace

    @property
    def identity(self) -> dict[str, Any]:
        """The part that cannot change within one run: what would make old and new attempts incomparable."""
        fields: dict[str, Any] = msgspec.to_builtins(self)
        for key in ("levels", "groups", "ids"):
            fields[key] = sorted(fields[key])  # their order says nothing
        return {key: value for key, value in fields.items() if key not in GROWING}


GROWING = frozenset(
    {"models", "tasks", "budgets", "samples", "limit", "model_options", "task_options", "sandbox"}
    | {"max_usd", "prices", "batch"}
)


SAMPLING = ("temperature", "top_p", "top_k", "min_p")
"""Keys that are the model's own, or greedy, where they are not given."""


def check_study(study: Study, where: str = "study") -> Study:
    """The study with its control and levels read from their names, or a `UsageError` naming the first wrong key."""
    study = _read_names(study, where)
    check_ladder(study.budgets, f"{where}: budgets", study.control)
    for key, values in (("models", study.models), ("tasks", study.tasks)):
        if not values:
            raise UsageError(f"{where}: {key} is empty; name at least one")
        if len(set(values)) != len(values):
            raise UsageError(f"{where}: {key} lists {_first_repeat(values)!r} twice")
    _check_at_least(where, "samples", study.samples, 1)
    _check_at_least(where, "answer_tokens", study.answer_tokens, 1)
    if study.limit is not None:
        _check_at_least(where, "limit", study.limit, 1)
    if study.max_output_tokens is not None:
        _check_at_least(where, "max_output_tokens", study.max_output_tokens, 1)
    if study.logprobs is not None:
        _check_at_least(where, "logprobs", study.logprobs, 0)
    if study.max_usd is not None and not 0 < study.max_usd < math.inf:
        raise UsageError(f"{where}: max_usd is {study.max_usd}; it must be an amount of dollars above 0")
    check_prices(study.prices, where, study.models)
    _check_sampling(study, where)
    _check_control(study, where)
    for kind, options, specs in (
        ("model", study.model_options, study.models),
        ("task", study.task_options, study.tasks),
    ):
        for spec in options:
            if spec not in specs:
                near = did_you_mean(spec, specs)
                raise UsageError(f"{where}: {kind}_options names {spec!r}, which is no {kind} of the study.{near}")
    return study


def _read_names(study: Study, where: str) -> Study:
    """A study made in Python may name its control and its levels of effort by their words."""
    named: Any = study
    if not isinstance(named.control, Control):
        raw = str(named.control)
        if raw not in _choices("control"):
            raise UsageError(f"{where}: control {raw!r} is not known.{did_you_mean(raw, _choices('control'))}")
        study = msgspec.structs.replace(study, control=Control(raw))
    if any(isinstance(budget, str) for budget in named.budgets):
        is_level = study.control is Control.EFFORT
        steps: Any = tuple(_step(b, where, is_level=is_level) for b in named.budgets)
        study = msgspec.structs.replace(study, budgets=steps)
    return study


def _check_sampling(study: Study, where: str) -> None:
    """Refuse settings that no engine takes, and samples that would be one sample again."""
    for key, least, most in (("temperature", 0, 5), ("top_p", 0, 1), ("min_p", 0, 1)):
        value = getattr(study, key)
        if value is not None and (not least <= value <= most or (key == "top_p" and value == 0)):
            raise UsageError(f"{where}: {key} {value} is outside {least} to {most}")
    if study.top_k is not None:
        _check_at_least(where, "top_k", study.top_k, 0)
    if study.samples > 1 and study.temperature == 0:
        raise UsageError(
            f"{where}: {study.samples} samples at temperature 0 would be the same sample again; "
            "set a temperature, such as 0.8, or samples to 1"
        )


def _check_control(study: Study, where: str) -> None:
    """Refuse a control that is not to be had, or one without its words."""
    if study.control is Control.EFFORT:
        wrong = next((b for b in study.budgets if b is None or b >= len(EFFORTS)), 0)
        if wrong != 0:
            raise UsageError(
                f"{where}: control 'effort' takes levels, not {format_budget(wrong)}: {', '.join(EFFORTS)}"
            )
    _check_at_least(where, "waits", study.waits, 0)
    if study.control is Control.EXTEND and not study.wait:
        raise UsageError(f"{where}: wait is empty; control 'extend' writes it to make a model think on")
    if study.control is Control.PROMPT and "{{budget}}" not in study.budget_prompt:
        raise UsageError(f"{where}: budget_prompt {study.budget_prompt!r} has no {{{{budget}}}}, so none would be told")


def load_study(path: Path) -> Study:
    """A study from a TOML file. Raises `UsageError` with file and key for anything that is wrong in it."""
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"cannot read study {str(path)!r}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{path} is not a text file: byte {error.start} is not UTF-8") from error
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{path} is not valid TOML: {error}") from error
    _read_prompt_files(raw, path)
    return check_study(study_from(raw, str(path)), str(path))


def read_text(path: Path, where: str) -> str:
    """The text of a file that a study names, without the end of its last line."""
    try:
        return path.read_text(encoding="utf-8").removesuffix("\n")
    except OSError as error:
        raise UsageError(f"{where}: cannot read file {str(path)!r}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{where}: file {str(path)!r} is not UTF-8 at byte {error.start}") from error


def _read_prompt_files(raw: dict[str, Any], path: Path) -> None:
    """Put the text of ``prompt_file = "FILE"`` (beside the study) in its place, so that a run keeps the text itself."""
    tables = raw.get("task_options")
    for options in tables.values() if isinstance(tables, dict) else ():
        if isinstance(options, dict) and "prompt_file" in options:
            name = options.pop("prompt_file")
            if not isinstance(name, str):
                raise UsageError(f"{path}: prompt_file is {name!r}; it is the name of a file, as a text")
            options["prompt"] = read_text(path.parent / name, str(path))


def study_from(raw: dict[str, Any], where: str) -> Study:
    """A study from plain data. Unknown keys and wrong types are refused, with the nearest known key."""
    fields = dict(raw)
    for key in fields:
        if key not in Study.__struct_fields__:
            raise UsageError(f"{where}: unknown key {key!r}.{did_you_mean(key, Study.__struct_fields__)}")
    if isinstance(fields.get("budgets"), list):
        is_level = fields.get("control") == Control.EFFORT
        fields["budgets"] = [_step(b, where, is_level=is_level) for b in fields["budgets"]]
    for key in ("control", "traces", "stratify", "sandbox"):
        known = _choices(key)
        if isinstance(fields.get(key), str) and fields[key] not in known:
            near = did_you_mean(fields[key], known)
            raise UsageError(f"{where}: {key} {fields[key]!r} is not known.{near} Known: {', '.join(known)}")
    try:
        return msgspec.convert(fields, Study)
    except msgspec.ValidationError as error:
        raise UsageError(f"{where}: {str(error).replace('$.', '').replace('`', chr(39))}") from error


def _step(value: object, where: str, *, is_level: bool) -> object:
    """One step of a ladder as it is kept: a number of tokens, ``None``, or the place of a level of effort."""
    if not isinstance(value, str):
        if is_level:
            raise UsageError(f"{where}: control 'effort' takes levels, not {value!r}: {', '.join(EFFORTS)}")
        return value
    try:
        return parse_effort(value) if is_level else parse_budget(value)
    except UsageError as error:
        raise UsageError(f"{where}: {error}") from error


def _choices(key: str) -> list[str]:
    """The words that a key takes."""
    if key == "control":
        return [control.value for control in Control]
    hint = get_type_hints(Study)[key]
    return [word for part in (hint, *get_args(hint)) for word in (get_args(part) or (part,)) if isinstance(word, str)]


def merge(old: Study, new: Study) -> Study:
    """The study that holds both: what can grow is united, so a run never loses what it already has.

    How tokens are drawn is the run's where the new study does not say.

    Raises `UsageError` where the two differ in their identity.
    """
    unsaid = {key: getattr(old, key) for key in SAMPLING if getattr(new, key) is None}
    new = msgspec.structs.replace(new, **unsaid)
    for key, value in old.identity.items():
        if new.identity[key] != value:
            raise UsageError(
                f"the run was made with {key} = {value!r}, this study has {new.identity[key]!r}; "
                "give another directory with -o, or the same value"
            )
    _check_options("model", set(old.models) & set(new.models), old.model_options, new.model_options)
    _check_options("task", set(old.tasks) & set(new.tasks), old.task_options, new.task_options)
    return msgspec.structs.replace(
        new,
        models=_union(old.models, new.models),
        tasks=_union(old.tasks, new.tasks),
        budgets=tuple(sorted(set(old.budgets) | set(new.budgets), key=budget_key)),
        samples=max(old.samples, new.samples),
        limit=None if old.limit is None or new.limit is None else max(old.limit, new.limit),
        model_options={**old.model_options, **new.model_options},
        task_options={**old.task_options, **new.task_options},
    )


def _check_options(kind: str, specs: Iterable[str], old: Options, new: Options) -> None:
    """Refuse other options for a model or a task that the run has."""
    for spec in specs:
        before, after = old.get(spec, {}), new.get(spec, {})
        if before != after:
            raise UsageError(
                f"the run was made with options {before} of {kind} {spec!r}, this study has {after}; "
                "give another directory with -o, or the same options"
            )


def seed_of(study_seed: int, problem: str, sample: int, position: str) -> int:
    """A stable 31-bit seed for one generation, from everything that names it.

    ``position`` tells the trace from its answers: ``trace`` or the number of thinking tokens before the answer,
    so that budgets past a natural end share one answer and one seed. Separate traces add their budget.
    """
    name = f"{study_seed}\0{problem}\0{sample}\0{position}".encode()
    return int.from_bytes(hashlib.blake2b(name, digest_size=4).digest(), "big") >> 1


def run_name(study: Study) -> str:
    """A directory name that the same study always gets, however its ladder, samples or limit grow."""
    options = [study.model_options, study.task_options]
    usual = Study().identity
    own = {key: value for key, value in study.identity.items() if value != usual[key]}  # a new key renames no run
    key = msgspec.json.encode([study.models, study.tasks, own, *options], order="sorted")
    words = "-".join([*(_slug(m) for m in study.models[:2]), *(_slug(t) for t in study.tasks[:2])])
    return f"{words}-{hashlib.blake2b(key, digest_size=3).hexdigest()}"


def _slug(text: str) -> str:
    tail = text.rsplit("/", 1)[-1]
    return "".join(c if c.isalnum() or c in "._" else "-" for c in tail)[:40].strip("-.") or "run"


def _union(old: tuple[str, ...], new: tuple[str, ...]) -> tuple[str, ...]:
    return old + tuple(item for item in new if item not in old)


def _first_repeat(values: tuple[str, ...]) -> str:
    return next(v for i, v in enumerate(values) if v in values[:i])


def _check_at_least(where: str, key: str, value: int, least: int) -> None:
    if value < least:
        raise UsageError(f"{where}: {key} is {value}; it must be at least {least}")
