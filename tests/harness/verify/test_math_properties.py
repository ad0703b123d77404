"""What holds for every expression: it is itself in every notation, and how sympy prints it changes no verdict."""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

from thinkcurve.verify.math import compare, judge_text

Tree = tuple[Any, ...]
FEW = settings(deadline=None, max_examples=250, suppress_health_check=[HealthCheck.too_slow])

leaves = (
    st.integers(0, 60).map(lambda value: ("num", str(value)))
    | st.decimals(0, 20, places=1).map(lambda value: ("num", str(value)))
    | st.sampled_from([("sym", "x"), ("sym", "y"), ("pi",)])
)
trees: st.SearchStrategy[Tree] = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.tuples(st.sampled_from(["add", "sub", "mul", "div"]), inner, inner),
        st.tuples(st.just("pow"), inner, st.integers(2, 4)),
        st.tuples(st.sampled_from(["sqrt", "sin", "abs", "neg", "ln"]), inner),
    ),
    max_leaves=7,
)


def latex(tree: Tree) -> str:
    """The usual LaTeX of it."""
    head, *args = tree
    if head in ("num", "sym"):
        return str(args[0])
    if head == "pi":
        return r"\pi"
    first = latex(args[0])
    if head in ("add", "sub"):
        return rf"\left({first}\right) {'+' if head == 'add' else '-'} \left({latex(args[1])}\right)"
    if head == "mul":
        return rf"\left({first}\right) \cdot \left({latex(args[1])}\right)"
    if head == "div":
        return rf"\frac{{{first}}}{{{latex(args[1])}}}"
    if head == "pow":
        return rf"\left({first}\right)^{{{args[1]}}}"
    if head == "neg":
        return rf"-\left({first}\right)"
    return {
        "sqrt": r"\sqrt{%s}",
        "abs": r"\left|%s\right|",
        "sin": r"\sin\left(%s\right)",
        "ln": r"\ln{\left(%s \right)}",
    }[head] % first


def plain(tree: Tree, power: str = "^") -> str:
    """The same typed on a keyboard."""
    head, *args = tree
    if head in ("num", "sym"):
        return str(args[0])
    if head == "pi":
        return "pi"
    first = plain(args[0], power)
    if head in ("add", "sub", "mul", "div"):
        sign = {"add": "+", "sub": "-", "mul": "*", "div": "/"}[head]
        return (
            f"({first}) {sign} ({plain(args[1], power)})" if head != "div" else f"(({first})/({plain(args[1], power)}))"
        )
    if head == "pow":
        return f"({first}){power}{args[1]}"
    return f"-({first})" if head == "neg" else f"{head}({first})"


def unicode_text(tree: Tree) -> str:
    """The same in Unicode."""
    text = plain(tree).replace("sqrt", "√").replace("pi", "π").replace("*", "×").replace("-", "−")
    return text.replace("^2", "²").replace("^3", "³").replace("^4", "⁴")


@FEW
@given(trees)
def test_an_expression_is_itself(tree: Tree) -> None:
    for text in (latex(tree), plain(tree), plain(tree, "**")):
        assert compare(text, text).equal is True
        reading = judge_text(text, rf"The value is \boxed{{{text}}}.")
        assert getattr(reading, "compared").equal is True  # noqa: B009  a miss has none: then this says so


@FEW
@given(trees)
def test_notation_changes_nothing(tree: Tree) -> None:
    written = latex(tree)
    for text in (
        plain(tree),
        plain(tree, "**"),
        unicode_text(tree),
        f"${written}$",
        written.replace(r"\frac", r"\dfrac"),
    ):
        one, other = compare(written, text).equal, compare(text, written).equal
        assert one is other
        assert one is not False
        assert one is True or is_nowhere_defined(tree)


def is_nowhere_defined(tree: Tree) -> bool:
    """Whether it divides by nought, takes the logarithm of it or is too close to nought for anybody to tell."""
    return compare(latex(tree), f"({latex(tree)}) + 0").equal is None


@FEW
@given(trees, trees)
def test_values_are_compared_in_both_directions_alike(left: Tree, right: Tree) -> None:
    one, other = latex(left), plain(right)
    assert compare(one, other).equal is compare(other, one).equal


@FEW
@given(trees, st.integers(1, 9))
@example(("div", ("sym", "x"), ("sin", ("pi",))), 1)  # a pole: nought but for rounding
def test_another_value_is_never_equal(tree: Tree, step: int) -> None:
    assert compare(latex(tree), plain(("add", tree, ("num", str(step))))).equal is not True
    assert compare(plain(tree), latex(("sub", tree, ("num", str(step))))).equal is not True


@FEW
@given(st.lists(trees, min_size=2, max_size=3, unique=True), st.randoms(use_true_random=False))
def test_a_list_holds_its_members_in_any_order_and_a_tuple_in_one(items: list[Tree], random: Any) -> None:
    order = [*items]
    random.shuffle(order)
    written = ", ".join(map(latex, items))
    shuffled = ", ".join(f"({plain(item)})" for item in order)
    if all(compare(latex(item), plain(item)).equal for item in items):
        assert compare(rf"\{{{written}\}}", rf"\{{{shuffled}\}}").equal is True
        is_same = all(compare(latex(one), plain(other)).equal for one, other in zip(items, order, strict=True))
        assert compare(f"({written})", f"({shuffled})").equal in ((True,) if is_same else (False, None))


def as_sympy(tree: Tree) -> Any:
    """The same built of sympy objects."""
    import sympy

    head, *args = tree
    if head == "num":
        return sympy.Rational(args[0])
    if head == "sym":
        return sympy.Symbol(args[0], real=True)
    if head == "pi":
        return sympy.pi
    first = as_sympy(args[0])
    if head == "pow":
        return first ** args[1]
    if head in ("add", "sub", "mul", "div"):
        second = as_sympy(args[1])
        return (
            {"add": first + second, "sub": first - second, "mul": first * second}[head]
            if head != "div"
            else first / second
        )
    return {"sqrt": sympy.sqrt, "sin": sympy.sin, "abs": sympy.Abs, "ln": sympy.log, "neg": lambda x: -x}[head](first)


@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
@given(trees, st.sampled_from(["itself", "expanded", "together", "more", "doubled"]))
def test_rendering_by_sympy_changes_no_verdict(tree: Tree, change: str) -> None:
    """A pair as sympy prints it, in LaTeX and in plain text, and as we do: never told apart where it is equal."""
    import sympy

    expression = as_sympy(tree)
    assume(not expression.has(sympy.nan, sympy.zoo, sympy.oo, sympy.I) and expression != 0)
    changed = {"expanded": sympy.expand, "together": sympy.together}.get(change, lambda e: e)(expression)
    changed = changed + 3 if change == "more" else changed * 2 if change == "doubled" else changed
    left = [latex(tree), sympy.latex(expression), str(expression)]
    right = [sympy.latex(changed), sympy.latex(changed, fold_short_frac=True, mul_symbol="times"), str(changed)]
    verdicts = {compare(gold, answer).equal for gold in left for answer in right}
    if change in ("more", "doubled"):
        assert True not in verdicts, (left, right)
    else:
        assert False not in verdicts, (left, right)
