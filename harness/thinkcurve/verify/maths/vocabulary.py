"""The words of mathematics: functions, constants, relations, brackets, and what LaTeX says that has no meaning."""

from __future__ import annotations


def _set(text: str) -> frozenset[str]:
    return frozenset(text.split())


FUNCTIONS = _set("""
    sin cos tan cot sec csc sinh cosh tanh coth arcsin arccos arctan arccot arcsec arccsc arcsinh arccosh arctanh
    ln log lg exp max
    min gcd lcm abs binom factorial floor ceil sqrt cbrt det Re Im sgn arg
""")
ALIASES = {
    **dict.fromkeys(("asin", "Arcsin"), "arcsin"),
    **dict.fromkeys(("acos", "Arccos"), "arccos"),
    **dict.fromkeys(("atan", "Arctan", "arctg"), "arctan"),
    **{f"{prefix}{name}": f"arc{name}" for prefix in ("a", "ar") for name in ("sinh", "cosh", "tanh")},
    **{"acot": "arccot", "asec": "arcsec", "acsc": "arccsc"},
    **{"Abs": "abs", "binomial": "binom", "ceiling": "ceil"},
    **{"tg": "tan", "ctg": "cot", "cosec": "csc"},
}
GREEK = _set("""
    alpha beta gamma delta epsilon varepsilon zeta eta theta vartheta iota kappa lambda mu nu xi rho sigma
    tau upsilon phi varphi chi psi omega Gamma Delta Theta Lambda Xi Pi Sigma Upsilon Phi Psi Omega ell
    hbar nabla imath jmath top
""")
CONSTANTS = {
    **dict.fromkeys(("pi", "uppi", "Pi_"), "pi"),
    **dict.fromkeys(("infty", "infinity", "inf", "oo"), "inf"),
    **dict.fromkeys(("emptyset", "varnothing"), "empty"),
    **dict.fromkeys(("ldots", "dots", "cdots", "dotsc", "dotsb", "vdots"), "dots"),
    **dict.fromkeys(("R", "Reals", "reals"), "R"),
}
NUMBER_SETS = _set("R Z Q N C")
NUMBER_WORDS = {
    word: value
    for value, word in enumerate(
        ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
    )
}
RELATIONS = {
    **dict.fromkeys(("le", "leq", "leqslant", "leqq"), "<="),
    **dict.fromkeys(("ge", "geq", "geqslant", "geqq"), ">="),
    **dict.fromkeys(("ne", "neq"), "!="),
    **dict.fromkeys(("approx", "simeq", "cong"), "~"),
    **{"lt": "<", "gt": ">", "in": "in", "equiv": "=="},
    **dict.fromkeys(("to", "rightarrow", "Rightarrow", "longrightarrow"), "to"),
}
OPERATORS = {
    **{"cdot": "*", "times": "*", "ast": "*", "div": "/", "pm": "pm", "mp": "mp", "colon": ":"},
    **{"cup": "cup", "cap": "cap", "setminus": "minus", "backslash": "minus", "bigcup": "cup"},
}
BRACKETS = {
    **dict.fromkeys(("lbrace",), ("open", r"\{")),
    **dict.fromkeys(("rbrace",), ("close", r"\}")),
    **{"lbrack": ("open", "["), "rbrack": ("close", "]"), "lparen": ("open", "("), "rparen": ("close", ")")},
    **{"langle": ("open", "<"), "rangle": ("close", ">"), "lfloor": ("open", "floor"), "rfloor": ("close", "floor")},
    **{"lceil": ("open", "ceil"), "rceil": ("close", "ceil"), "lvert": ("open", "|"), "rvert": ("close", "|")},
    **{
        "lVert": ("open", "|"),
        "rVert": ("close", "|"),
        "vert": ("bar", "|"),
        "mid": ("bar", "|"),
        "Vert": ("bar", "|"),
    },
}
IGNORED = _set("""
    left right middle big Big bigg Bigg bigl bigr Bigl Bigr biggl biggr Biggl Biggr displaystyle textstyle
    scriptstyle limits nolimits quad qquad mathstrut strut angle triangle square rm bf it cal phantom
    hspace mathrm mathbf mathit operatorname textstyle bmod
""")
DIFFERENTIALS = _set("dx dy dz dt du dv dr ds dw")
COMMANDS = _set("""
    frac sqrt binom choose pmod overline underline bar vec hat widehat tilde dot boldsymbol bm begin end boxed
    overrightarrow overleftarrow overleftrightarrow widetilde
    sum prod int lim over
""")
SAME = {
    **dict.fromkeys(("dfrac", "tfrac", "cfrac"), "frac"),
    **dict.fromkeys(("dbinom", "tbinom"), "binom"),
}
