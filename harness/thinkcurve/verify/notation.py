"""One way to write each thing: dollar signs, spacing commands, units and Unicode signs out of the way.

Pure text to text, no evaluation. Every pattern is linear once white space is collapsed, which happens first.
"""

from __future__ import annotations

import re

from thinkcurve.verify.maths.characters import latex_signs

_SPACING = re.compile(r"\\(?:left|right|[bB]igg?[lr]?|displaystyle|textstyle|limits)(?![A-Za-z])|(?<!\\)\\[,;:> ]|~")
_TRAILING_TEXT = re.compile(
    r"(?<=[\w})!'])\s*\\(?:text|mathrm|textbf|mbox)\s*\{(?!\s*(?:hundred|thousand|[mbt]r?illion|(?:st|nd|rd|th)\}))[^{}0-9]*\}\s*(?:\^\{?[23]\}?)?$"
)
_WORDED = re.compile(r"\^?\{?\\(?:text|mathrm|textrm)\{\s*(st|nd|rd|th|hundred|thousand|[mbt]r?illion)\s*\}\}?")
_DEGREES = re.compile(r"\^\s*\{?\s*\\circ\s*\}?|\\degree")
_IN_DEGREES = re.compile(r"([0-9.]+)\s*\^\s*\{?\s*\\circ\s*\}?")
_TRIGONOMETRY = re.compile(r"\\(?:sin|cos|tan|cot|sec|csc)(?![A-Za-z])")
_CONJUNCTION = re.compile(r",?\s*\\(?:text|mbox|textrm)\s*\{\s*(?:and|or)\s*\}\s*|,?\s+(?:and|or)\s+")
_DIGIT_GLUE = re.compile(r"\{,\}|,\s*\\!\s*")  # 1{,}000 and 1,\!000
_PERCENT = re.compile(r"\s*(?:%|percent(?:age)?|pct)\Z")
_POWER = re.compile(r"\^\(([^()]*)\)")
_FRAC = re.compile(r"\\[dtc]?frac(?![A-Za-z])\s*(\{[^{}]*\}|[0-9A-Za-z])\s*(\{[^{}]*\}|[0-9A-Za-z])")
_PLAIN_FUNCTION = re.compile(
    r"(?<![\\A-Za-z])(sqrt|sin|cos|tan|cot|sec|csc|log|ln|exp|pi|arcsin|arccos|arctan)(?![A-Za-z])"
)
_ROOT = re.compile(r"\\sqrt\s*(?:\(([^()]*)\)|([0-9]+|[A-Za-z]))")
_SPACES = re.compile(r"\s+")
_IDLE_SPACE = re.compile(r"(?<![0-9,;A-Za-z]) | (?![0-9A-Za-z])")
PLAIN = re.compile(r"[-+]?[0-9]+(?:\.[0-9]+)?")
_WRAPS = (
    ("$$", "$$"),
    ("$", "$"),
    (r"\(", r"\)"),
    (r"\[", r"\]"),
    (r"\text{", "}"),
    (r"\mathrm{", "}"),
    (r"\boxed{", "}"),
)


def normal(text: str) -> str:
    """``text`` without dollar signs, spacing commands, degrees and a unit in ``\\text``; spaces only where they count.

    >>> normal(r"$\\dfrac12\\text{ cm}$")
    '\\\\frac{1}{2}'
    """
    text = _SPACES.sub(" ", text.strip())  # first: the patterns below are linear only without long white space
    if PLAIN.fullmatch(text):
        return text
    text = latex_signs(text)
    text = _unwrap(text)
    if "\\" in text or "~" in text or "{,}" in text:
        text = _notation(text)
    else:
        text = _PLAIN_FUNCTION.sub(r"\\\1 ", _CONJUNCTION.sub(",", text))
    text = _ROOT.sub(_braced_root, text) if "sqrt" in text else text
    text = _SPACES.sub(" ", _PERCENT.sub("%", text.replace("**", "^").strip()))
    text = _POWER.sub(r"^{\1}", text)
    return _IDLE_SPACE.sub("", text).removesuffix(".").removeprefix("$")


def _notation(text: str) -> str:
    text = (
        _DIGIT_GLUE.sub(",", text).replace(r"\!", "").replace(r"\%", "%").replace(r"\$", "").replace(r"\{", r"\lbrace ")
    )
    text = text.replace(r"\}", r"\rbrace ").replace(r"\lbrack", "[").replace(r"\rbrack", "]")
    text = _SPACING.sub(" ", text).replace(r"\dfrac", r"\frac").replace(r"\tfrac", r"\frac").strip()
    text = _CONJUNCTION.sub(",", _TRAILING_TEXT.sub("", _WORDED.sub(r"\1", text)))
    text = _IN_DEGREES.sub(r"(\1\\frac{\\pi}{180})", text) if _TRIGONOMETRY.search(text) else _DEGREES.sub("", text)
    text = _unwrap(text)
    return _unwrap(_FRAC.sub(lambda m: rf"\frac{{{m[1].strip('{}')}}}{{{m[2].strip('{}')}}}", text))


def _braced_root(match: re.Match[str]) -> str:
    return rf"\sqrt{{{match[1] if match[1] is not None else match[2]}}}"


def _unwrap(text: str) -> str:
    for _ in range(4):
        for opening, closing in _WRAPS:
            inner = text[len(opening) : -len(closing)]
            is_wrapped = text.startswith(opening) and text.endswith(closing) and len(text) > len(opening)
            if is_wrapped and closing not in inner and (closing != "}" or "{" not in inner):
                text = inner.strip()
    return text
