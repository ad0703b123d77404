"""Elements written in Python: children are text unless they were made by it."""

import pytest

from report.run_report.made_runs import HOSTILE
from thinkcurve.report.run_report.markup import h, joined, pairs, table, tabs


@pytest.mark.parametrize("words", HOSTILE)
def test_a_child_is_text(words: str) -> None:
    made = h("p", words, title=words)
    assert made.count("<") == made.count(">")
    assert "<script" not in made
    assert "<img" not in made
    assert "\u202e" not in made


def test_elements_nest() -> None:
    assert h("p", "a ", h("b", 1), None, [h("i"), "<"]) == "<p>a <b>1</b><i></i>&lt;</p>"


def test_attributes_are_written_as_html_does() -> None:
    assert h("a", class_="x", aria_label='"', hidden=True, id=None) == '<a class="x" aria-label="&quot;" hidden></a>'


def test_a_table_has_heads_of_rows_and_columns() -> None:
    made = table("label", ["budget", "accuracy"], [["0", "1.0 %"]], note="n")
    assert made.count('scope="col"') == 2
    assert made.count('scope="row"') == 1
    assert 'aria-label="label"' in made


def test_one_panel_needs_no_choice() -> None:
    assert tabs("x", [("a", h("p"))]) == "<p></p>"
    assert tabs("x", [("a", h("p")), ("b", h("p"))]).count('class="panel"') == 2


def test_pairs_without_a_value_are_left_out() -> None:
    assert pairs([("a", ""), ("b", "1")]) == joined([h("dl", h("dt", "b"), h("dd", "1"), class_="pairs")])
