"""How much thinking a file says was asked for, whatever its tool calls that; and what a user says instead."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from thinkcurve.budget import EFFORTS, LARGEST, Control, parse_budget, parse_effort
from thinkcurve.errors import UsageError
from thinkcurve.interop.imports.item import Setting

TOKENS = (
    "reasoning_tokens",  # inspect
    "thinking_token_budget",  # vLLM
    "thinking_budget",  # Qwen, Gemini, SGLang
    "thinking_budget_tokens",  # llama.cpp
    "budget_tokens",  # Anthropic
    "reasoning_budget",  # llama.cpp
    "max_thinking_tokens",
)
EFFORT = ("reasoning_effort", "effort", "thinking_level")
NESTED = ("extra_body", "chat_template_kwargs", "custom_params", "thinking", "thinking_config", "reasoning")


def setting_of(*options: Mapping[str, Any]) -> Setting | None:
    """The setting that options of a model or of a generation hold, the first of them first; ``None`` where none does.

    A number of tokens goes before a level of effort. Thinking that was switched off is a budget of 0.
    """
    tables = [*_tables(options)]
    for table in tables:
        for key in TOKENS:
            value = _number(table.get(key))
            if value is not None and 0 <= value <= LARGEST:
                return Setting(Control.NATIVE, value)
    for table in tables:
        for key in EFFORT:
            if table.get(key) in EFFORTS:
                return Setting(Control.EFFORT, EFFORTS.index(table[key]))
    is_off = any(table.get("enable_thinking") in (False, "False", "false") for table in tables)
    return Setting(Control.NATIVE, 0) if is_off else None


def given_settings(budgets: str | None, control: str | None, files: Sequence[str]) -> list[Setting] | None:
    """The setting of each file as a user gives them: budgets in the order of the files, and who enforced them.

    Without budgets ``None``. Raises `UsageError` where there are more or fewer budgets than files.
    """
    if budgets is None:
        return None
    kind = Control(control or Control.NATIVE)
    parse = parse_effort if kind is Control.EFFORT else parse_budget
    steps = [parse(word) for word in budgets.split(",")]
    if len(steps) != len(files):
        raise UsageError(
            f"--budgets gives {len(steps)} for {len(files)} files; give one for each, in their order, such as "
            f"{','.join(['256', '1024', '4096', '16384'][: len(files)]) if len(files) < 5 else '256,1024,...'}"
        )
    return [Setting(kind, step) for step in steps]


def checked(setting: Setting, where: str) -> Setting:
    """The setting, or a `UsageError` where its budget is none that its control has."""
    budget = setting.budget
    if setting.control is Control.EFFORT:
        if budget is None or not 0 <= budget < len(EFFORTS):
            raise UsageError(f"{where}: control 'effort' takes levels ({', '.join(EFFORTS)}), not a budget of {budget}")
    elif budget is not None and not 0 <= budget <= LARGEST:
        raise UsageError(f"{where}: budget is {budget}; it must be a number of tokens from 0 to {LARGEST}")
    return setting


def one_control(settings: Iterable[tuple[str, Setting]]) -> Control:
    """The control of a run: all its files must share one. Raises `UsageError` naming two that do not."""
    first: tuple[str, Setting] | None = None
    for file, setting in settings:
        if first is None:
            first = (file, setting)
        elif first[1].control is not setting.control:
            raise UsageError(
                f"{first[0]} has budgets of control {first[1].control.value!r}, {file} of {setting.control.value!r}; "
                "one curve has one control: import them into runs of their own, or say --budgets and --control"
            )
    return first[1].control if first else Control.NATIVE


def _tables(options: Iterable[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    for table in options:
        yield table
        yield from _tables([inner for key in NESTED if isinstance(inner := table.get(key), dict)])


def _number(value: object) -> int | None:
    """A whole number, as such or as command lines write it."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 12:
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None
