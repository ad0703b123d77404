"""Signs in a text of thinking: words of self-correction, loops, repeats, and a mix of scripts.

All of it is counting, linear in the length of the text (repeats: n log n, by a sort): 32,000 tokens take some
milliseconds. It says what stands there, not whether the thinking is any good.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

# Words that reasoning models begin a correction with: "wait", "hmm", "alternatively", "check", "verify" and others are
# the keywords of NoWait (Wang et al. 2025, arXiv 2506.08343); "Wait" is also what s1 writes (arXiv 2501.19393). What is
# ambiguous ("but", "however", "again", "other") is left out, and a word counts only where it begins a clause: "he had
# to wait" is no sign. The other languages are translations of the same few.
DOUBT = (
    "wait|hmm+|hold on|hang on|espera|espere|warte|moment mal|attends|attendez|aspetta|подожди|подождите|погоди|стоп"
)
CHECK = (
    r"let(?:'s| me| us) (?:double[- ]?check|re-?check|check|verify|re-?read|re-?think|reconsider|re-?examine)"
    r"|double[- ]?check(?:ing)?|verifichiamo|vérifions|verifiquemos|vamos verificar|überprüfen wir|проверим"
)
TURN = (
    "actually|alternatively|on second thou?ghts?|oops|no, that|that's (?:not right|wrong|incorrect)"
    "|that is (?:not right|wrong|incorrect)|i made (?:a mistake|an error)|en realidad|na verdade|eigentlich|en fait"
    "|in realtà|на самом деле|хотя нет"
)
# Chinese and Japanese write no spaces: a clause begins after a mark or a line. 等等 after a noun is "and so on".
UNSPACED = {
    "doubt": "等等|等一下|等下|稍等|待って|ちょっと待|잠깐|잠시만",
    "check": "让我(?:再|重新)?(?:检查|验证|确认)|重新检查|再检查|再确认|再想想|確認し|다시 확인|확인해",
    "turn": "不对|不對|其实|我错了|いや、|実は|아니,|사실은?",
}
_WORD = re.compile(rf"\b(?:(?P<doubt>{DOUBT})|(?P<check>{CHECK})|(?P<turn>{TURN}))\b")
_UNSPACED = re.compile("|".join(f"(?P<{kind}>{words})" for kind, words in UNSPACED.items()))
_CLAUSE = re.compile(
    r"(?:\A|[.!?,;:…—–\n(*>\"“。，！？；：、]|\b(?:but|oh|so|well|no|okay|ok|hmm+|ah|now|pero|mais|aber|но))\Z"
)
_BEFORE = 12  # characters in front of a word that are looked at: the longest of the above, and some white space
KINDS: tuple[str, ...] = ("doubt", "check", "turn")

LOOP_REPEATS = 3
LOOP_CHARS = 60
"""What a loop has at least: three times the same, and enough text that it is no row of digits or dots."""
NGRAM = 4
"""Of seq-rep-4 (Welleck et al. 2020, arXiv 1908.04319, section 6.2): the share of 4-grams that stood there before."""
_MIX = np.uint64(0x9E3779B97F4A7C15)
_BASE = np.uint64(0xD1342543DE82EF95)


class Loop(msgspec.Struct, frozen=True):
    """The end of a text that is one piece again and again: characters of the piece, and of all of it."""

    period_chars: int
    n_chars: int


def markers(text: str) -> dict[str, int]:
    """How many words of self-correction begin a clause: of ``doubt``, of a ``check``, of a ``turn``.

    >>> markers("So x = 4. Wait, let me check: he had to wait 4 hours.")
    {'doubt': 1, 'check': 1, 'turn': 0}
    """
    found: dict[str, int] = dict.fromkeys(KINDS, 0)
    folded = text.lower().replace("’", "'")
    for pattern in (_WORD,) if folded.isascii() else (_WORD, _UNSPACED):
        for match in pattern.finditer(folded):
            start = match.start()
            before = folded[max(0, start - _BEFORE) : start].rstrip(" \t")
            kind = match.lastgroup
            if kind and (start == 0 or _begins(before, folded, start, kind)):
                found[kind] += 1
    return found


def _begins(before: str, text: str, start: int, kind: str) -> bool:
    """Whether a word begins a clause; "let me check" does so anywhere, being one."""
    return kind == "check" or bool(_CLAUSE.search(before)) or (not before and not text[:start].strip())


def loop(text: str) -> Loop | None:
    """The loop that a text ends in, with the shortest piece; ``None`` where it ends in none.

    All periods are tried at once by hashes of the reversed text (Karp and Rabin 1987), and what they find is compared.
    """
    back = _codes(text)[::-1]
    n = len(back)
    if n < LOOP_CHARS:
        return None
    periods = np.arange(1, n // LOOP_REPEATS + 1)
    lengths = np.maximum(LOOP_REPEATS * periods, LOOP_CHARS)
    powers = np.concatenate([[np.uint64(1)], np.cumprod(np.full(n, _BASE))])
    sums = np.concatenate([[np.uint64(0)], np.cumsum((back.astype(np.uint64) + np.uint64(1)) * _MIX * powers[:-1])])
    head = sums[lengths - periods] * powers[periods]
    for period in periods[head == sums[lengths] - sums[periods]]:
        differs = back[period:] != back[:-period]
        length = int(period) + (int(differs.argmax()) if differs.any() else n - int(period))
        if length >= max(LOOP_REPEATS * period, LOOP_CHARS):
            return Loop(int(period), length)
    return None


def repeat_share(tokens: Sequence[int] | NDArray[np.int64]) -> float | None:
    """The share of 4-grams of a sequence that stood in it before; ``None`` for fewer than four tokens."""
    ids = np.asarray(tokens, dtype=np.int64).astype(np.uint64)
    n = len(ids) - NGRAM + 1
    if n < 1:
        return None
    hashed = np.zeros(n, dtype=np.uint64)
    for place in range(NGRAM):
        hashed = (hashed ^ (ids[place : place + n] + np.uint64(1))) * _BASE
        hashed ^= hashed >> np.uint64(29)
    return 1 - len(np.unique(hashed)) / n


_PIECE = re.compile(r"[^\W_]+|\S")


def pieces(text: str) -> list[int]:
    """A text as numbers, one a word or a sign (a letter of a script without spaces is a word): stands in for tokens."""
    spaced = re.sub(r"([\u3040-\u30ff\u3400-\u9fff])", r" \1 ", text) if not text.isascii() else text
    known: dict[str, int] = {}
    return [known.setdefault(word, len(known)) for word in _PIECE.findall(spaced)]


def _codes(text: str) -> NDArray[np.uint32]:
    """The code points of a text; halves of surrogate pairs as they are."""
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype="<u4")
