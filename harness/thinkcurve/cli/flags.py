"""The flags of ``run`` in their sections, and the study that they make of a file, of a run, or of nothing."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from thinkcurve.cli.verify import sandbox_option
from thinkcurve.errors import UsageError

if TYPE_CHECKING:
    from thinkcurve.study import Study

Command = TypeVar("Command", bound=Callable[..., Any])
SECTIONS: dict[str, tuple[str, ...]] = {
    "What to run": ("models", "model_options", "tasks", "task_options", "data_dir", "columns"),
    "Which problems": ("limit", "shuffle", "stratify", "levels, groups, ids"),
    "How they are asked": ("prompts", "fewshot", "system", "chat_template"),
    "How it thinks and answers": (
        "budgets",
        "control",
        "samples",
        "temperature",
        "seed",
        "answer_tokens",
        "sandbox",
        "settings",
    ),
    "The run": ("output", "max_usd", "prices", "batch", "cluster", "dry_run", "as_json", "progress"),
}
"""Headings of the help, and the options under each; several in one place share a line, and the first one's help."""


class Sectioned(click.Command):
    """A command whose many options stand under headings, a line each, so that all of them fit a screen."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The options by section, in the order of `SECTIONS`."""
        options = {param.name: param for param in self.get_params(ctx) if isinstance(param, click.Option)}
        known = {name for names in SECTIONS.values() for place in names for name in place.split(", ")}
        shown_too = (name for name, option in options.items() if not option.hidden and "--help" not in option.opts)
        rest = [name for name in shown_too if name and name not in known]
        for heading, names in SECTIONS.items():
            shown = (*names, *rest) if heading == list(SECTIONS)[-1] else names
            formatter.write(f"{heading}:\n")
            for place in shown:
                first, *others = (options[name] for name in place.split(", "))
                flag, *takes = _declared(first).split(" ") if others else (_declared(first),)
                declared = " ".join(["/".join([flag, *(option.opts[0] for option in others)]), *takes])
                formatter.write(f"  {declared:<{DECLARED}} {first.help}\n")

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The examples, without a gap before them."""
        formatter.write(self.epilog or "")


DECLARED = 27
"""Columns of an option with what it takes."""


def _declared(option: click.Option) -> str:
    """``-t, --task TASK``; of a pair, the one that is not the default."""
    if option.secondary_opts:
        return option.secondary_opts[0]
    names = ", ".join(sorted(option.opts, key=len))
    return names if option.is_flag else f"{names} {option.metavar or option.type.name}"


def data_dir_option(command: Command) -> Command:
    """``--data-dir``, or ``THINKCURVE_DATA``."""
    return click.option(
        "--data-dir",
        type=click.Path(path_type=Path),
        metavar="DIR",
        envvar="THINKCURVE_DATA",
        help="Local copies of data, or THINKCURVE_DATA.",
    )(command)


def task_option(command: Command) -> Command:
    """``--task-option``, repeatable."""
    return click.option(
        "--task-option",
        "task_options",
        multiple=True,
        metavar="KEY=VALUE",
        help="An option of all tasks; TASK=KEY=VALUE of one. *",
    )(command)


def columns_option(command: Command) -> Command:
    """``--columns``, repeatable."""
    text = "What a file calls question, answer, ... *"
    return click.option("--columns", multiple=True, metavar="OURS=THEIRS,...", help=text)(command)


def prompt_option(command: Command) -> Command:
    """``--prompt``, repeatable."""
    text = "Ask by this text, which holds {{question}}. *"
    return click.option("--prompt", "prompts", multiple=True, metavar="[TASK=]FILE", help=text)(command)


def fewshot_option(command: Command) -> Command:
    """``--fewshot``, repeatable."""
    text = "Show N worked examples of the task first. *"
    return click.option("--fewshot", multiple=True, metavar="[TASK=]N", help=text)(command)


def _options() -> list[Callable[[Any], Any]]:
    option = click.option
    return [
        option(
            "-m",
            "--model",
            "models",
            multiple=True,
            metavar="MODEL",
            help="embedded, or ENGINE:WHAT. *",
        ),
        option(
            "--model-option",
            "model_options",
            multiple=True,
            metavar="KEY=VALUE",
            help="An option of the backend. *",
        ),
        option(
            "-t",
            "--task",
            "tasks",
            multiple=True,
            metavar="TASK",
            help="A name, a file, hf:, gym: or lm-eval:NAME. *",
        ),
        task_option,
        data_dir_option,
        columns_option,
        option("--limit", type=int, metavar="N", help="Only the first N problems of each task."),
        option("--shuffle", type=int, metavar="SEED", help="Take them in an order drawn by this seed."),
        option(
            "--stratify",
            type=click.Choice(["level", "group"]),
            metavar="level|group",
            help="Keep every prefix in proportion.",
        ),
        option("--levels", metavar="L", help="Only these, by commas; ids: keys, indices, @FILE."),
        option("--groups", metavar="G,..."),
        option("--ids", metavar="ID,...|@FILE"),
        prompt_option,
        fewshot_option,
        option("--system", metavar="TEXT|@FILE", help="A system message for every problem."),
        option(
            "--chat-template/--no-chat-template", default=None, help="Plain text, without the model's chat template."
        ),
        option("--budgets", metavar="LADDER", help="Tokens 0,64,none or levels low,medium,high."),
        option("--control", metavar="CONTROL", help="truncate, extend, server, native, effort, prompt."),
        option("--samples", type=int, metavar="N", help="Samples a problem; 2 or more need a temperature."),
        option("--temperature", type=float, metavar="T", help="0 is greedy; without it, the model's own."),
        option("--seed", type=int, metavar="S", help="Seed of the study."),
        option("--answer-tokens", type=int, metavar="N", help="The answer's own reserve of tokens."),
        sandbox_option(help_text="Least isolation of code: strict, standard or weak.", default=None),
        option(
            "--set",
            "settings",
            multiple=True,
            metavar="KEY=VALUE",
            help="Any other key of a study, such as top_p=0.9. *",
        ),
        option("--max-usd", type=float, metavar="X", help="Stop before more dollars are spent; resumable."),
        option(
            "--price",
            "prices",
            multiple=True,
            metavar="[MODEL:]KEY=USD",
            help="Of a million tokens: input=1,output=4. *",
        ),
        option("--batch", is_flag=True, default=None, help="By the provider's batch interface, within a day."),
    ]


def study_flags(command: Command) -> Command:
    """Every flag that says what a study is."""
    for decorate in reversed(_options()):
        command = decorate(command)
    return command


def study_of(path: Path | None, flags: dict[str, Any], output: Path | None) -> Study:
    """The study of a file, of a run that is to be gone on with, or the default one; flags go before any of them."""
    import msgspec

    from thinkcurve.study import check_study, study_from

    base = _base(path, output)
    fields: dict[str, Any] = msgspec.to_builtins(base)
    fields.update(_simple(flags))
    fields["budgets"] = _ladder(flags["budgets"], fields["control"], base)
    fields["prices"] = {s: own for s, own in (base.prices | prices_of(flags, fields)).items() if s in fields["models"]}
    tasks = fields["tasks"] = list(fields["tasks"])
    if flags["model_options"]:
        fields["model_options"] = {
            spec: dict(model_option(o) for o in flags["model_options"]) for spec in fields["models"]
        }
    options = {spec: dict(fields["task_options"].get(spec, {})) for spec in tasks}
    for spec, given in task_settings(flags, tasks):
        options[spec].update(given)
    fields["task_options"] = {spec: given for spec, given in options.items() if given}
    fields["model_options"] = {s: o for s, o in fields["model_options"].items() if s in fields["models"]}
    return check_study(study_from(fields, "flags"), "flags" if path is None else str(path))


def _base(path: Path | None, output: Path | None) -> Study:
    """What flags are added to. What may be spent and whether by batches are each command's own, not the run's."""
    from msgspec.structs import replace

    from thinkcurve.cli.repeat import first_run, study_again
    from thinkcurve.store import manifest_path, read_manifest
    from thinkcurve.study import Study, load_study

    if path:
        repeated = first_run(path)
        return study_again(repeated) if repeated else load_study(path)
    if output and manifest_path(output).exists():
        return replace(read_manifest(output).study, max_usd=None, batch=False)
    return Study()


def _simple(flags: dict[str, Any]) -> dict[str, Any]:
    """The flags that are fields of a study, as plain data."""
    apart = {"model_options", "task_options", "columns", "prompts", "fewshot", "settings", "budgets", "prices"}
    given: dict[str, Any] = dict(setting(text) for text in flags["settings"])
    given |= {key: value for key, value in flags.items() if key not in apart and value not in (None, ())}
    for key in ("models", "tasks"):
        if key in given:
            given[key] = list(given[key])
    for key in ("levels", "groups", "ids"):
        if key in given:
            given[key] = _list(given[key], f"--{key}")
    if "levels" in given:
        given["levels"] = [_whole(word, "--levels") for word in given["levels"]]
    if "system" in given:
        given["system"] = _text(given["system"], "--system")
    return given


def _ladder(text: str | None, control: str, base: Study) -> list[str]:
    """The ladder of ``--budgets``, else of the base, in the words that ``control`` takes."""
    from thinkcurve.budget import EFFORTS, Control, check_ladder, format_budget, parse_budget, parse_effort

    is_effort = control == Control.EFFORT
    if text is None:
        words = [format_budget(budget, base.control) for budget in base.budgets]
        if is_effort is not (base.control is Control.EFFORT):
            such = "levels, such as low,medium,high" if is_effort else "tokens, such as 0,256,1024"
            raise UsageError(f"--control {control} takes {such}, not {','.join(words)}: give them by --budgets")
        return words
    words = [word.strip().lower() for word in text.split(",")]
    if is_effort:
        places = [parse_effort(word) for word in words]
        if places != sorted(set(places)):
            raise UsageError(f"--budgets {text!r}: list each level once, lowest first: {', '.join(EFFORTS)}")
        return words
    levels = [word for word in words if word in EFFORTS[1:]]  # "none" is the natural end too
    if levels:
        raise UsageError(f"--budgets: {levels[0]!r} is a level of effort, not a number of tokens; add --control effort")
    check_ladder([parse_budget(word) for word in words], "--budgets")
    return words


def prices_of(flags: dict[str, Any], fields: dict[str, Any]) -> dict[str, dict[str, float]]:
    """What ``--price`` says of each model: of all of them where it names none."""
    found: dict[str, dict[str, float]] = {}
    for text in flags["prices"]:
        specs, rest = _for_tasks(text, list(fields["models"]), ":")
        for part in rest.split(","):
            key, value = _pair(part, "--price")
            if ":" in key:
                raise UsageError(f"--price {text!r} names no model of the study: {', '.join(fields['models'])}")
            try:
                usd = float(value)
            except ValueError:
                raise UsageError(f"--price {text!r}: {key}={value} is no price in dollars") from None
            for spec in specs:
                found.setdefault(spec, {})[key] = usd
    return found


def task_settings(flags: dict[str, Any], tasks: list[str]) -> list[tuple[str, dict[str, Any]]]:
    """(task, options) for every flag that is short for an option of a task."""
    found: list[tuple[str, dict[str, Any]]] = []
    for text in flags["task_options"]:
        specs, rest = _for_tasks(text, tasks)
        found += [(spec, task_setting(rest, found, spec)) for spec in specs]
    for text in flags["prompts"]:
        specs, rest = _for_tasks(text, tasks)
        found += [(spec, {"prompt": _file(Path(rest), "--prompt")}) for spec in specs]
    for text in flags["columns"]:
        specs, rest = _for_tasks(text, tasks, ":")
        found += [(spec, {"columns": _columns(rest)}) for spec in specs]
    for text in flags["fewshot"]:
        specs, rest = _for_tasks(text, tasks)
        found += [(spec, {"fewshot": _whole(rest, "--fewshot")}) for spec in specs]
    return found


def _columns(text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for part in text.split(","):
        ours, theirs = _pair(part, "--columns")
        if ours in found:
            raise UsageError(f"--columns names {ours!r} twice, as {found[ours]!r} and as {theirs!r}")
        found[ours] = theirs
    return found


def _for_tasks(text: str, tasks: list[str], joint: str = "=") -> tuple[list[str], str]:
    """The tasks that ``TASK=rest`` means, all of them without one, and the rest."""
    for spec in sorted(tasks, key=len, reverse=True):
        if text.startswith(spec + joint):
            return [spec], text.removeprefix(spec + joint)
    return tasks, text


def task_setting(text: str, so_far: list[tuple[str, dict[str, Any]]] | None = None, spec: str = "") -> dict[str, Any]:
    """``KEY=VALUE`` as an option; ``KEY.NAME=VALUE`` is one entry of a table, beside those given before."""
    key, value = _pair(text, "--task-option")
    key, dot, name = key.partition(".")
    if not dot:
        return {key: value}
    before = [options[key] for known, options in so_far or () if known == spec and isinstance(options.get(key), dict)]
    return {key: {**(before[-1] if before else {}), name: _value(value)}}


def model_option(text: str, flag: str = "--model-option") -> tuple[str, bool | int | float | str]:
    """``KEY=VALUE`` as an option of a backend, its value of the type that it reads like; ``flag`` is what gave it."""
    key, value = _pair(text, flag)
    return key, _value(value)


def setting(text: str) -> tuple[str, bool | int | float | str]:
    """``KEY=VALUE`` as a plain field of a study; what has a flag, or is a table, has no place here."""
    from thinkcurve.study import Study

    key, value = _pair(text, "--set")
    tables = {"models", "tasks", "budgets", "levels", "groups", "ids", "model_options", "task_options", "prices"}
    if key in tables:
        raise UsageError(
            f"--set {key!r}: that is no plain value; it has a flag of its own, or a place in a study's file"
        )
    if isinstance(getattr(Study(), key, None), str):
        return key, value
    return key, _value(value)


def _pair(text: str, flag: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not (key.strip() and equals):
        raise UsageError(f"{flag} {text!r} is not KEY=VALUE")
    return key.strip(), value.strip() if flag == "--columns" else value


def _value(text: str) -> bool | int | float | str:
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    for kind in (int, float):
        with contextlib.suppress(ValueError):
            return kind(text)
    return text


def _list(text: str, flag: str) -> list[str]:
    """A list from commas, or the lines of ``@FILE``."""
    items = _text(text, flag).replace("\n", ",").split(",")
    found = [item.strip() for item in items if item.strip()]
    if not found:
        raise UsageError(f"{flag} {text!r} names nothing")
    return found


def _whole(word: str, flag: str) -> int:
    try:
        return int(word)
    except ValueError:
        raise UsageError(f"{flag}: {word!r} is not a whole number") from None


def _text(text: str, flag: str) -> str:
    """The text itself, or that of the file after an ``@``."""
    return _file(Path(text[1:]), flag) if text.startswith("@") else text


def _file(path: Path, flag: str) -> str:
    from thinkcurve.study import read_text

    return read_text(path.expanduser(), flag)
