"""``thinkcurve tasks``: what there is to measure on, and one problem of it."""

from __future__ import annotations

from collections import Counter

import click


@click.command(name="tasks", epilog="Example: thinkcurve tasks arithmetic")
@click.argument("name", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def command(name: str | None, as_json: bool) -> None:
    """List the tasks, or show the card of one with a problem."""
    from thinkcurve.plugins import TASKS, load_task, names

    if name is None:
        rows = [{"name": n, "description": load_task(n).description} for n in names(TASKS)]
        _print_list(rows, as_json)
    else:
        _print_card(name, as_json)


def _print_list(rows: list[dict[str, str]], as_json: bool) -> None:
    if as_json:
        import msgspec

        click.echo(msgspec.json.encode(rows))
        return
    width = max(len(row["name"]) for row in rows)
    for row in rows:
        click.echo(f"{row['name']:<{width}}  {row['description']}")


def _print_card(name: str, as_json: bool) -> None:
    import msgspec

    from thinkcurve.plugins import load_task
    from thinkcurve.problem import fingerprint

    task = load_task(name)
    problems = task.problems()
    levels = Counter(p.level for p in problems)
    card = {
        "name": task.name,
        "version": task.version,
        "description": task.description,
        "n_problems": len(problems),
        "fingerprint": fingerprint(problems),
        "levels": {str(level): n for level, n in sorted(levels.items(), key=str)},
        "example": {
            "id": problems[0].id,
            "prompt": task.prompt(problems[0]),
            "reference": problems[0].reference,
        },
    }
    if as_json:
        click.echo(msgspec.json.encode(card))
        return
    click.echo(f"{task.name} {task.version}\n{task.description}\n")
    click.echo(f"problems     {len(problems)}" + _by_level(levels))
    click.echo(f"fingerprint  {card['fingerprint']}\n\n{problems[0].id}")
    for message in task.prompt(problems[0]):
        click.echo(click.wrap_text(f"{message.role}: {message.content}", 78, "  ", "    ", preserve_paragraphs=True))
    click.echo(click.wrap_text(f"reference: {msgspec.json.encode(problems[0].reference).decode()}", 78, "  ", "    "))


def _by_level(levels: Counter[int | None]) -> str:
    if set(levels) == {None}:
        return ""
    return "  (" + ", ".join(f"level {level}: {n}" for level, n in sorted(levels.items(), key=str)) + ")"
