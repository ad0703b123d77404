"""Text to tokens: LaTeX and plain mathematics in one alphabet, in one linear pass.

Dollar signs, spacing and size commands vanish here; digits are glued over thousands separators; ``sqrt`` and
``\\sqrt`` become the same token. A comma between digits is a separator of thousands only outside brackets
(``(1,100)`` is a pair), unless it is written as glue (``1{,}000``) or what follows begins with a nought.
"""

from __future__ import annotations

import re
from fractions import Fraction
from typing import NamedTuple

from thinkcurve.verify.maths.characters import latex_signs
from thinkcurve.verify.maths.tree import ParseError
from thinkcurve.verify.maths.units import LETTERS
from thinkcurve.verify.maths.vocabulary import (
    ALIASES,
    BRACKETS,
    COMMANDS,
    CONSTANTS,
    FUNCTIONS,
    GREEK,
    IGNORED,
    NUMBER_SETS,
    NUMBER_WORDS,
    OPERATORS,
    RELATIONS,
    SAME,
)

MAX_CHARS, MAX_TOKENS, MAX_DIGITS, MAX_EXPONENT = 4000, 1200, 4000, 400
MAX_SHORT = 800  # characters of a text with brackets that are looked at for their pairs
LONG_DECIMAL = 12  # significant digits from which a decimal may stand for an irrational number


class Token(NamedTuple):
    """``kind`` is one of num based name const fn op open close rel sep text cmd end; ``spaced``: white space before."""

    kind: str
    text: str
    value: Fraction | None = None
    spaced: bool = False


_GLUE = re.compile(r"(?<=[0-9])(?:\{,\}|,\\!\s?|\\!\s?|\\,|\\ |\{\\,\}|~)\s?(?=[0-9]{3}(?![0-9]))")
_NOISE = re.compile(r"(?<!\\)\\[()\[\],;:!> ]|\\?\$|~|\\(?:label|tag)\{[^{}]*\}|\\hspace\*?\{[^{}]*\}")
_TIMES = re.compile(r"(?<=[0-9])\s*[xX]\s*(?=10\s*(?:\^|\*\*))")  # 6.02 x 10^23
_HEXADECIMAL = re.compile(r"\\(?:text|mathrm)\{([0-9A-F]+)\}(?=[0-9A-F]*_)")
_MOD = re.compile(r"\(?\\b?mod(?![a-z])\s*\{?\s*([0-9]+)\}?\)?")
_PRIME = re.compile(r"\^\s*(?:\{\s*((?:\\prime\s*)+)\}|(\\prime))")
_CHOSEN = re.compile(r"(?:\{\})?[_^]\s*\{?([0-9a-z]+)\}?\s*(?:\\(?:mathrm|text)\{C\}|C)\s*_\s*\{?([0-9a-z]+)\}?")
_EITHER_SIGN = re.compile(r"\+/-|(?:(?<=^)|(?<=[=(,]))\+-")
_CASES = re.compile(
    r"\\left\s*\\\{\s*\\begin\{(array|matrix|aligned)\}(?:\{[^{}]*\})?(.*?)\\end\{\1\}\s*\\right\s*(?:\.|$)", re.DOTALL
)
_FRENCH = re.compile(r"((?<![0-9A-Za-z})\]])\]|\[)([^\[\]()]*?[,;][^\[\]()]*?)([\[\]])")  # ]0, 1] and [0, 1[
_ANGLED = re.compile(r"\s*\$?\s*<([^<>=]*,[^<>=]*)>\s*\$?\s*")
_ROW_SKIP = re.compile(r"(\\\\)\s*\[[0-9.]+\s*(?:pt|em|ex|mm|cm)\]")
_TO = re.compile(r"(?<=[0-9]) to (?=[0-9])")
_CLOCK = re.compile(r"\b([aApP])\.[mM]\b\.?")
_TOKEN = re.compile(
    r"(?P<based>(?:[0-9]+|[0-9A-F]*[0-9][0-9A-F]*)_(?:\{\s*(?:\\text\{)?[0-9]{1,2}\}?\s*\}|[0-9]{1,2}|\{?\\text\{[a-z]{3,5}\}\}?))"
    r"|(?P<repeating>[0-9]*\.[0-9]*(?:\\overline\{\s*[0-9]+\s*\}|\\bar\{\s*[0-9]+\s*\}|\\dot\{[0-9]\}))"
    r"|(?P<dotted>[0-9]*\.[0-9]{2,40}\s?(?:\.\.\.|\\[lc]?dots(?![A-Za-z])))"
    r"|(?P<num>(?:[0-9]+(?:\.[0-9]*(?![0-9])(?!\.))?|\.[0-9]+)(?:[eE][-+]?[0-9]{1,4}(?![0-9.A-Za-z^_(]))?)"
    r"|(?P<text>\\(?:text|mathrm|textbf|mathbf|mbox|textrm|operatorname\*?|mathit|textit|mathsf|texttt|mathbb|hbox)"
    r"\s*(?:\{(?P<inner>[^{}\\]*)\}|(?P<letter>[A-Za-z])(?![A-Za-z])))"
    r"|(?P<command>\\[A-Za-z]+)|(?P<escaped>\\.)|(?P<word>[A-Za-z]+)"
    r"|(?P<two><=|>=|!=|==|\*\*|\.\.\.)|(?P<mark>[-+*/^_=<>()\[\]{}|,;:!%'&.])"
)
_THOUSANDS = re.compile(r"[0-9]{1,3}(?:,[0-9]{3})+(?![0-9]|,[0-9])(?:\.[0-9]+)?")
_NOUGHT_THOUSANDS = re.compile(r"[1-9][0-9]{0,2}(?:,0[0-9]{2})(?:,[0-9]{3})*(?![0-9])(?:\.[0-9]+)?")
_SPACE = re.compile(r"\s*")
_OPENS = {"(", "[", r"\{", "<"}


def tokens(text: str) -> list[Token]:
    """All of ``text`` as tokens, ending in one of kind ``end``."""
    if len(text) > MAX_CHARS:
        raise ParseError("too long")
    text = latex_signs(text)
    text = text.replace("{:}", ":") if "{:}" in text else text
    if ".m" in text or ".M" in text:
        text = _CLOCK.sub(r" \1m", text)
    if len(text) < MAX_SHORT and ("[" in text or "]" in text):
        text = _ROW_SKIP.sub(r"\1", text) if "\\\\" in text else text
        text = _FRENCH.sub(lambda m: f"{'(' if m[1] == ']' else m[1]}{m[2]}{')' if m[3] == '[' else m[3]}", text)
    if "<" in text and len(text) < MAX_SHORT and (angled := _ANGLED.fullmatch(text)):
        text = rf"\langle {angled[1]}\rangle "
    text = _TO.sub(":", text) if " to " in text else text
    text = _EITHER_SIGN.sub(r"\\pm ", text) if "+" in text else text
    text = _TIMES.sub("*", text) if "x" in text or "X" in text else text
    if "\\" in text or "$" in text or "~" in text or "{,}" in text:
        text = _MOD.sub(r"\\pmod{\1}", _HEXADECIMAL.sub(r"\1", text)) if "_" in text or "mod" in text else text
        if "prime" in text:
            text = _PRIME.sub(lambda match: "'" * (match[1] or match[2]).count("prime"), text)
        text = _CASES.sub(r"\\begin{cases}\2\\end{cases}", text) if "\\right" in text and "\\begin" in text else text
        if "\\begin" not in text:
            text = re.sub(r"\\\\(?=[A-Za-z])", r"\\", text)
        text = _NOISE.sub(" ", _GLUE.sub("", text))
    if "C" in text and "_" in text:
        text = _CHOSEN.sub(r"\\binom{\1}{\2}", text)
    return _scan(text)


def _scan(text: str) -> list[Token]:
    found: list[Token] = []
    at, depth, end = 0, 0, len(text)
    while at < end:
        start = _SPACE.match(text, at)
        spaced = start is not None and start.end() > at
        at = start.end() if start else at
        if at >= end:
            break
        thousands = (_NOUGHT_THOUSANDS if depth else _THOUSANDS).match(text, at) if text[at].isdigit() else None
        if thousands:
            found.append(Token("num", "", Fraction(thousands[0].replace(",", "")), spaced))
            at = thousands.end()
            continue
        match = _TOKEN.match(text, at)
        if match is None:
            raise ParseError(f"unknown character {text[at]!r}")
        for token in _tokens_of(match):
            depth += (token.kind == "open" and token.text in _OPENS) - (token.kind == "close" and depth > 0)
            found.append(token._replace(spaced=spaced))
        at = match.end()
        if len(found) > MAX_TOKENS:
            raise ParseError("too many tokens")
    found.append(Token("end", ""))
    return found


def _tokens_of(match: re.Match[str]) -> list[Token]:
    kind = match.lastgroup or ""
    if match["text"] is not None:
        inner = match["inner"] if match["inner"] is not None else match["letter"]
        if (
            match[0].startswith(("\\mathbb", "\\mathbf"))
            and inner in NUMBER_SETS
            and (inner != "C" or "bb" in match[0])
        ):
            return [Token("const", inner)]
        if match[0].startswith(("\\mathbf", "\\textbf")) and inner in ("i", "j", "k"):
            return [Token("cmd", "vec"), Token("name", inner)]
        return _words(inner.strip(), True, match[0].startswith(("\\text{", "\\mathrm", "\\textrm", "\\mbox")))
    text = match[0]
    if kind == "num":
        return [_number(text)]
    if kind == "mark" or kind == "two":
        return [_mark(text)]
    if kind == "command":
        return _command(text[1:])
    if kind == "escaped":
        return _escaped(text[1])
    if kind == "word":
        return _words(text, False)
    if kind == "based":
        return [_based(text)]
    return [_dotted(text) if kind == "dotted" else _repeating(text)]


def _number(text: str) -> Token:
    if len(text) > MAX_DIGITS:
        raise ParseError("too many digits")
    body, _, exponent = text.lower().partition("e")
    if exponent and abs(int(exponent)) > MAX_EXPONENT:
        raise ParseError("exponent")
    body = body.rstrip(".") if body.endswith(".") else body
    whole, _, rest = body.partition(".")
    shift = int(exponent or 0) - len(rest)
    digits = int(whole + rest)
    value = Fraction(digits * 10**shift) if shift >= 0 else Fraction(digits, 10**-shift)
    is_long = bool(rest) and len((whole + rest).lstrip("0")) >= LONG_DECIMAL
    return Token("num", str(-shift) if is_long and shift < 0 else "", value)


_BASES = {"two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9, "ten": 10}


def _based(text: str) -> Token:
    digits, _, base = text.partition("_")
    base = re.sub(r"\\text|[{}\s]", "", base)
    radix = _BASES.get(base) or (int(base) if base.isdigit() else 0)
    if not 2 <= radix <= 36 or len(digits) > 1000:
        raise ParseError("base")
    try:
        value = int(digits, radix)
    except ValueError as error:
        raise ParseError("digit beyond the base") from error
    return Token("based", f"{digits.lstrip('0') or '0'}_{radix}", Fraction(value))


def _repeating(text: str) -> Token:
    whole, _, rest = text.partition(".")
    head = re.match(r"[0-9]*", rest)
    tail = re.search(r"\{\s*([0-9]+)", rest)
    lead, cycle = head[0] if head else "", tail[1] if tail else "0"
    value = int((whole or "0") + lead) + Fraction(int(cycle), 10 ** len(cycle) - 1)
    return Token("num", "", value / 10 ** len(lead))


_CYCLE = re.compile(r"([0-9]*?)(?:([0-9])\2{2,}|([0-9]{2,12}?)\3+)")


def _dotted(text: str) -> Token:
    """``0.333...`` is a third: one digit three times, or several twice; ``3.1415...`` is nothing that we know."""
    whole, _, rest = text.partition(".")
    match = _CYCLE.fullmatch(re.match(r"[0-9]*", rest)[0])  # type: ignore[index]  # the pattern matches nothing too
    if match is None:
        raise ParseError("and so on")
    return _repeating(f"{whole}.{match[1]}{{{match[2] or match[3]}}}")


def _mark(text: str) -> Token:
    if text in "([{":
        return Token("open", text)
    if text in ")]}":
        return Token("close", text)
    if text in ("<", ">", "=", "<=", ">=", "!=", "=="):
        return Token("rel", "=" if text == "==" else text)
    if text in ",;":
        return Token("sep", text)
    if text == "|":
        return Token("bar", text)
    if text == "...":
        return Token("const", "dots")
    return Token("op", "^" if text == "**" else text)


def _command(name: str) -> list[Token]:
    if name in IGNORED:
        return []
    name = SAME.get(name, name)
    if name in COMMANDS or name == "circ" or name in ("degree", "prime"):
        return [Token("op", "deg")] if name == "degree" else [Token("cmd", name)]
    if name in GREEK:
        return [Token("name", name)]
    for table, kind in ((CONSTANTS, "const"), (RELATIONS, "rel"), (OPERATORS, "op")):
        if name in table:
            return [Token(kind, table[name])]
    if name in BRACKETS:
        kind, text = BRACKETS[name]
        return [Token(kind, text)]
    name = ALIASES.get(name, name)
    if name in FUNCTIONS:
        return [Token("fn", name)]
    if name in ("land", "wedge", "lor", "vee"):
        return [Token("sep", "and" if name in ("land", "wedge") else "or")]
    raise ParseError(f"unknown command \\{name}")


def _escaped(mark: str) -> list[Token]:
    if mark in "{}":
        return [Token("open" if mark == "{" else "close", "\\" + mark)]
    if mark == "%":
        return [Token("op", "%")]
    if mark == "\\":
        return [Token("cmd", "\\")]
    if mark == "|":
        return [Token("bar", "|")]
    if mark in "$&#_":
        return []
    raise ParseError(f"unknown command \\{mark}")


_PLAIN = sorted((FUNCTIONS | set(ALIASES) | {"pi", "inf", "infinity", "infty", "oo", "theta"}), key=len, reverse=True)
_PIECES = re.compile("(" + "|".join(_PLAIN) + ")")
_VALUE = re.compile(r"([-+]?[0-9][-+0-9.,:/ ()]*)([A-Za-z][A-Za-z. ]*)?")
_PERCENT = frozenset(("percent", "percentage", "pct"))
_DEGREE = frozenset(("degree", "degrees", "deg"))


def _words(word: str, is_text: bool, is_upright: bool = False) -> list[Token]:
    """``and`` and ``or`` separate; names of functions and constants; single letters; the rest is natural language."""
    lower = word.lower().strip(".")
    if not word:
        return []
    if lower in ("and", "or", "if", "for"):
        return [Token("sep", lower)]
    if lower in NUMBER_WORDS:
        return [Token("num", "", Fraction(NUMBER_WORDS[lower]))]
    if lower in _PERCENT:
        return [Token("op", "%")]
    if lower in _DEGREE:
        return [Token("op", "deg")]
    if is_text:
        return _text(word, is_upright)
    if len(word) == 1:
        return [Token("name", word)]
    return _plain(word)


def _text(word: str, is_upright: bool) -> list[Token]:
    if word == "R":
        return [Token("const", "R")]
    if len(word) == 1 and word.isalpha():
        return [Token("text" if is_upright and word in LETTERS else "name", word)]
    name = ALIASES.get(word, word)
    if name in FUNCTIONS and name != "min":
        return [Token("fn", name)]
    if name in CONSTANTS:
        return [Token("const", CONSTANTS[name])]
    if (value := _VALUE.fullmatch(word)) is not None:
        return _scan(value[1])[:-1] + ([Token("text", value[2])] if value[2] else [])
    return [Token("text", word)]


def _plain(word: str) -> list[Token]:
    name = ALIASES.get(word, word)
    if name in FUNCTIONS:
        return [Token("fn", name)]
    if name in CONSTANTS and name not in ("R", "dots"):
        return [Token("const", CONSTANTS[name])]
    if name in GREEK:
        return [Token("name", name)]
    pieces = [piece for piece in _PIECES.split(word) if piece]
    if len(pieces) > 1 and all(piece in _PLAIN or len(piece) == 1 for piece in pieces) and len(pieces) <= 4:
        return [token for piece in pieces for token in _words(piece, False)]
    return [Token("text", word)]
