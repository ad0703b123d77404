"""The language of a gate: what is read from it, and what is refused in one line that says what would be right."""

import pytest

from thinkcurve import UsageError
from thinkcurve.analysis.gate.language import ANY_MARGIN, condition_of, conditions_of

READ = [
    # text, measure, tolerance, task, budget, target, k
    ("accuracy:2pp", "accuracy", 0.02, None, None, None, None),
    ("accuracy@1024:3pp", "accuracy", 0.03, None, "1024", None, None),
    ("accuracy@01024:3pp", "accuracy", 0.03, None, "1024", None, None),
    ("accuracy@none:0.5pp", "accuracy", 0.005, None, "none", None, None),
    ("accuracy@HIGH:3pp", "accuracy", 0.03, None, "high", None, None),
    ("accuracy@mean:3pp", "accuracy", 0.03, None, "mean", None, None),
    (" accuracy : 2 pp ", None, None, None, None, None, None),
    ("tokens_to(0.6):10%", "thinking_tokens", 0.1, None, None, 0.6, None),
    ("usd_to(.25):10%", "usd", 0.1, None, None, 0.25, None),
    ("tokens:10%", "thinking_tokens", 0.1, None, None, None, None),
    ("usd:20%", "usd", 0.2, None, None, None, None),
    ("usd@64:150%", "usd", 1.5, None, "64", None, None),
    ("seconds:20%", "wall_s", 0.2, None, None, None, None),
    ("no_answer:1pp", "no_answer", 0.01, None, None, None, None),
    ("failures:0pp", "failures", 0.0, None, None, None, None),
    ("pass@4:5pp", "pass@4", 0.05, None, None, None, 4),
    ("pass@4@1024:5pp", "pass@4", 0.05, None, "1024", None, 4),
    ("maj@8@none:5pp", "maj@8", 0.05, None, "none", None, 8),
    ("any", "any", ANY_MARGIN, None, None, None, None),
    ("any:3pp", "any", 0.03, None, None, None, None),
    ("gsm8k/accuracy:1pp", "accuracy", 0.01, "gsm8k", None, None, None),
    ("hf:org/name/accuracy@64:1pp", "accuracy", 0.01, "hf:org/name", "64", None, None),
]


@pytest.mark.parametrize(("text", "measure", "tolerance", "task", "budget", "target", "k"), READ)
def test_what_is_read(
    text: str, measure: str | None, tolerance: float, task: str, budget: str, target: float, k: int
) -> None:
    if measure is None:
        with pytest.raises(UsageError, match="cannot be read"):
            condition_of(text)
        return
    found = condition_of(text)
    assert (found.text, found.measure, found.task, found.budget, found.target, found.k) == (
        text.strip(),
        measure,
        task,
        budget,
        target,
        k,
    )
    assert found.tolerance == pytest.approx(tolerance)


REFUSED = [
    ("", "cannot be read"),
    ("acuracy:2pp", "Did you mean 'accuracy'"),
    ("speed:2pp", "There are accuracy"),
    ("accuracy", "such as accuracy:2pp"),
    ("usd", "such as usd:10%"),
    ("accuracy:2", "'2' is no tolerance"),
    ("accuracy:0.02", "'0.02' is no tolerance"),
    ("accuracy:-2pp", "'-2pp' is no tolerance"),
    ("accuracy:2%", "write 2pp"),
    ("usd:2pp", "write 2%"),
    ("accuracy:100pp", "everything through"),
    ("accuracy:nanpp", "no tolerance"),
    ("accuracy:1e3pp", "no tolerance"),
    ("usd:1000%", "everything through"),
    ("any:0pp", "rule out every loss"),
    ("any@64", "whole curve"),
    ("tokens_to(0.6)@64:10%", "whole curve"),
    ("tokens_to(60):10%", "share such as 0.6"),
    ("tokens_to(0):10%", "share such as 0.6"),
    ("tokens_to(nan):10%", "share such as 0.6"),
    ("tokens_to():10%", "share such as 0.6"),
    ("tokens_to:10%", "Did you mean 'tokens'"),
    ("accuracy_to(0.6):10%", "tokens_to"),
    ("accuracy(0.6):2pp", "tokens_to"),
    ("accuracy@lots:2pp", "'lots' is no budget"),
    ("accuracy@1e3:2pp", "'1e3' is no budget"),
    ("accuracy@9999999999999:2pp", "is no budget"),
    ("pass@0:2pp", "at least one sample"),
    ("pass:2pp", "nothing is measured as 'pass'"),
    ("accuracy:2pp\nany", "cannot be read"),
    ("accuracy:2pp; rm -rf", "no tolerance"),
    ("\u202eaccuracy:2pp", "cannot be read"),
    ("a" * 100_000 + ":2pp", "100,004 characters"),
]


@pytest.mark.parametrize(("text", "says"), REFUSED, ids=range(len(REFUSED)))
def test_what_is_refused_and_how(text: str, says: str) -> None:
    with pytest.raises(UsageError, match=says.replace("(", r"\(")) as refused:
        condition_of(text)
    assert "\n" not in str(refused.value)
    assert len(str(refused.value)) < 500


def test_several_in_one_text_and_each_once() -> None:
    found = conditions_of(["accuracy:2pp, usd:20%", "any", "usd:20%"])
    assert [condition.text for condition in found] == ["accuracy:2pp", "usd:20%", "any"]
