"""One sample of an inspect log as an answer: its score, what it said, and what it cost."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from thinkcurve.backend import Visibility
from thinkcurve.budget import Ending
from thinkcurve.errors import UsageError, did_you_mean
from thinkcurve.interop.imports.item import Item, Wishes
from thinkcurve.interop.imports.reading import child, count_of, name_of, number_of, text_of
from thinkcurve.interop.imports.rows import LAST_SAMPLE
from thinkcurve.interop.imports.scores import verdict_of
from thinkcurve.interop.imports.subjects import group_of, level_of
from thinkcurve.interop.imports.thoughts import apart
from thinkcurve.problem import REFUSAL, Verdict

ATTACHMENT = "attachment://"
"""How inspect writes a long text that it keeps beside the sample."""
NO_RESPONSE = "no_response"
Sample = Mapping[str, Any]


def item_of(where: str, sample: Sample, model: str, wishes: Wishes) -> Item:
    """The answer of a sample. Raises `UsageError` where its score is no verdict, or not one alone."""
    key, epoch = sample.get("id"), sample.get("epoch", 1)
    if not isinstance(key, int | str) or isinstance(key, bool):
        raise UsageError(f"{where}: id is {key!r:.40}; it must be a number or a text")
    if not isinstance(epoch, int) or isinstance(epoch, bool) or not 1 <= epoch <= LAST_SAMPLE:
        raise UsageError(f"{where}: epoch is {epoch!r:.40}; it must be a whole number from 1 on")
    judged = _judged(where, sample, wishes)
    said = _said(sample)
    metadata = child(sample, "metadata")
    found: dict[str, Any] = {"where": where, "key": key, "sample": epoch - 1, **judged, **said}
    found |= _costs(sample, model)
    found |= {"question": _question(sample), "prompt": _prompt(sample), "gold": text_of(sample.get("target"))}
    return Item(**found, level=level_of(metadata), group=group_of(metadata))


def _judged(where: str, sample: Sample, wishes: Wishes) -> dict[str, Any]:
    """Verdict, reason, rung and what was read; an error where no attempt came about."""
    scores = child(sample, "scores")
    if not scores:
        error = sample.get("error")
        if error is not None:
            return {"error": text_of(error.get("message") if isinstance(error, dict) else error) or "unknown"}
        return {"verdict": Verdict.UNVERIFIED, "reason": "unscored"}
    name, value, score = _score(where, scores, wishes.metric)
    verdict = verdict_of(value, f"{where}: {name}", wishes.right_from)
    reason = name_of(score.get("reason"))
    stopped = _choice(sample).get("stop_reason")
    if verdict is Verdict.INCORRECT and (stopped == "content_filter" or reason == REFUSAL):
        verdict, reason = Verdict.NO_ANSWER, REFUSAL
    elif verdict is Verdict.INCORRECT and reason == NO_RESPONSE:
        verdict = Verdict.NO_ANSWER
    fallback = {Verdict.INCORRECT: "wrong", Verdict.UNVERIFIED: "unscored", Verdict.NO_ANSWER: "no_answer"}
    return {
        "verdict": verdict,
        "reason": "" if verdict is Verdict.CORRECT else reason or fallback[verdict],
        "rung": f"inspect/{name}",
        "extracted": text_of(score.get("answer")),
    }


def _score(where: str, scores: Mapping[str, Any], metric: str | None) -> tuple[str, object, Mapping[str, Any]]:
    """The score that is asked for (``SCORER`` or ``SCORER.PART``), or the only one: its name, value and record."""
    names = ", ".join(map(name_of, scores))
    if metric is None:
        if len(scores) > 1:
            raise UsageError(f"{where}: scored by {names}; choose with --metric")
        metric = next(iter(scores))
    if metric in scores:
        score = _record(scores[metric])
        return name_of(metric), score.get("value"), score
    scorer, _, part = metric.rpartition(".")
    values = child(_record(scores.get(scorer)), "value")
    if part not in values:
        near = did_you_mean(metric, [*scores, *(f"{scorer}.{key}" for key in values)])
        raise UsageError(f"{where}: no scorer {metric!r}.{near} It was scored by {names}")
    return name_of(metric), values[part], _record(scores[scorer])


def _record(score: object) -> Mapping[str, Any]:
    """A score as a table; old logs hold the bare value."""
    return score if isinstance(score, dict) else {"value": score}


def _choice(sample: Sample) -> Mapping[str, Any]:
    choices = child(sample, "output").get("choices")
    return choices[0] if isinstance(choices, list) and choices and isinstance(choices[0], dict) else {}


def _said(sample: Sample) -> dict[str, Any]:
    """Thinking and answer, how much of the thinking is shown, and why the answer ended."""
    last = _resolved(sample, child(_choice(sample), "message").get("content"))
    answer = "".join(_texts(last))
    thoughts, visibility = _thoughts(sample)
    if thoughts is None:
        thoughts, answer, _ = apart(answer)
    stopped = _choice(sample).get("stop_reason")
    is_cut = stopped in ("max_tokens", "model_length")
    inside = Ending.CONTEXT if stopped == "model_length" else Ending.BUDGET
    return {
        "answer": text_of(answer) or "",
        "thinking": text_of(thoughts),
        "visibility": visibility,
        "ending": inside if is_cut and not answer.strip() else Ending.CLOSED,
        "is_truncated_answer": is_cut,
        "served_by": name_of(child(sample, "output").get("model")) or None,
    }


def _thoughts(sample: Sample) -> tuple[str | None, Visibility]:
    """All thinking of a sample, turn by turn, and the least of it that is shown."""
    parts: list[str] = []
    shown = Visibility.FULL
    for content in _turns(sample):
        for part in content if isinstance(content, list) else ():
            if not isinstance(part, dict) or part.get("type") != "reasoning":
                continue
            full, summary = part.get("reasoning"), part.get("summary")
            if part.get("redacted") is True:
                shown = Visibility.SUMMARY if summary else Visibility.ENCRYPTED
                full = summary
            parts.append(attached(sample, full) if isinstance(full, str) else "")
    return ("\n\n".join(parts) if parts else None), shown


def _turns(sample: Sample) -> Iterator[object]:
    """What the model wrote in each of its turns: of its own messages, or of the output where they do not hold it."""
    messages = sample.get("messages")
    turns = [
        message.get("content")
        for message in (messages if isinstance(messages, list) else [])
        if isinstance(message, dict) and message.get("role") == "assistant" and message.get("source") != "input"
    ]
    yield from (_resolved(sample, turn) for turn in turns or [child(_choice(sample), "message").get("content")])


def _texts(content: object) -> Iterator[str]:
    if isinstance(content, str):
        yield content
    for part in content if isinstance(content, list) else ():
        if isinstance(part, dict) and part.get("type") == "text" and isinstance(part.get("text"), str):
            yield part["text"]


def _resolved(sample: Sample, content: object) -> object:
    """A message's content with the long texts in their places."""
    if isinstance(content, str):
        return attached(sample, content)
    if not isinstance(content, list):
        return content
    return [
        {**part, "text": attached(sample, part["text"])}
        if isinstance(part, dict) and isinstance(part.get("text"), str)
        else part
        for part in content
    ]


def attached(sample: Sample, text: str) -> str:
    """A text, or the attachment that it stands for."""
    if not text.startswith(ATTACHMENT):
        return text
    found = child(sample, "attachments").get(text.removeprefix(ATTACHMENT))
    return found if isinstance(found, str) else text


def _question(sample: Sample) -> str | None:
    """What was asked: the input, of a conversation its user turns; the choices below it."""
    given = sample.get("input")
    if isinstance(given, list):
        turns = [message for message in given if isinstance(message, dict) and message.get("role") == "user"]
        given = "\n\n".join(text for turn in turns for text in _texts(_resolved(sample, turn.get("content"))))
    asked = attached(sample, given) if isinstance(given, str) else ""
    choices = sample.get("choices")
    listed = [f"{chr(65 + i)}. {choice}" for i, choice in enumerate(choices)] if isinstance(choices, list) else []
    return text_of("\n".join([asked, *listed])) or None


def _prompt(sample: Sample) -> str | None:
    """Every message before the model's first turn, as one text."""
    texts: list[str] = []
    messages = sample.get("messages")
    for message in messages if isinstance(messages, list) else ():
        if not isinstance(message, dict) or message.get("role") == "assistant":
            break
        texts += [f"{message.get('role')}: {text}" for text in _texts(_resolved(sample, message.get("content")))]
    return text_of("\n\n".join(texts)) or None


def _costs(sample: Sample, model: str) -> dict[str, Any]:
    """Tokens, seconds and dollars. Of several turns the sums: inspect keeps them by model, graders of another model
    apart."""
    output = child(sample, "output")
    n_turns = sum(1 for _ in _turns(sample))
    usage = child(output, "usage") if n_turns == 1 else {}
    usage = usage or child(child(sample, "model_usage"), model)
    generated, total = count_of(usage.get("output_tokens")), count_of(usage.get("total_tokens"))
    thinking = count_of(usage.get("reasoning_tokens"))
    is_known = generated is not None and thinking is not None and thinking <= generated
    wall = number_of(output.get("time")) if n_turns == 1 else None
    return {
        "prompt_tokens": None if total is None or generated is None or total < generated else total - generated,
        "thinking_tokens": thinking,
        "answer_tokens": (generated or 0) - (thinking or 0) if is_known else None,
        "generated_tokens": generated,
        "total_tokens": total,
        "cached_tokens": count_of(usage.get("input_tokens_cache_read")),
        "wall_s": wall if wall is not None else number_of(sample.get("working_time")),
        "usd": number_of(usage.get("total_cost")),
    }
