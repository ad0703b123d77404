"""Which scripts a text is written in, by words: what mathematics borrows does not count.

A variable, a Greek letter and a command of LaTeX are no language. So a word counts from `LEAST_LETTERS` letters of one
script on, and none that follows a backslash; of Chinese, Japanese and Korean each letter counts. Blocks are those of
Unicode 16.0 (Blocks.txt); mathematical alphabets (U+1D400) belong to none.
"""

from __future__ import annotations

import numpy as np

BLOCKS = (
    (0x41, 0x5A, "Latin"),
    (0x61, 0x7A, "Latin"),
    (0xC0, 0xD6, "Latin"),
    (0xD8, 0xF6, "Latin"),
    (0xF8, 0x24F, "Latin"),
    (0x370, 0x3FF, "Greek"),
    (0x400, 0x52F, "Cyrillic"),
    (0x531, 0x58F, "Armenian"),
    (0x591, 0x5F4, "Hebrew"),
    (0x620, 0x6FF, "Arabic"),
    (0x750, 0x77F, "Arabic"),
    (0x900, 0x97F, "Devanagari"),
    (0x980, 0x9FF, "Bengali"),
    (0xB80, 0xBFF, "Tamil"),
    (0xC00, 0xC7F, "Telugu"),
    (0xE00, 0xE7F, "Thai"),
    (0x10A0, 0x10FF, "Georgian"),
    (0x1100, 0x11FF, "Hangul"),
    (0x1E00, 0x1EFF, "Latin"),
    (0x3041, 0x30FF, "Kana"),
    (0x3400, 0x4DBF, "Han"),
    (0x4E00, 0x9FFF, "Han"),
    (0xAC00, 0xD7A3, "Hangul"),
    (0x20000, 0x323AF, "Han"),
)
UNSPACED = ("Han", "Kana", "Hangul", "Thai")
"""Scripts of which a word may have one letter, or is not set off by spaces."""
LEAST_LETTERS = 4
"""Of a word in any other: "sin", "mod" and "gcd" stand in the formulas of every language."""
NAMES = tuple(dict.fromkeys(name for *_, name in BLOCKS))
_STARTS = np.array([start for start, *_ in BLOCKS])
_ENDS = np.array([end for _, end, _ in BLOCKS])
_OF_BLOCK = np.array([NAMES.index(name) for *_, name in BLOCKS])
_IS_UNSPACED = np.array([name in UNSPACED for name in NAMES])
_BACKSLASH = 0x5C


def script_letters(text: str) -> dict[str, int]:
    """How many letters of words of each script a text has, most first.

    >>> script_letters("We need \\\\frac12 of α + x, то есть половину.")
    {'Cyrillic': 12, 'Latin': 4}
    """
    codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype="<u4")
    if not len(codes):
        return {}
    block = np.searchsorted(_STARTS, codes, side="right") - 1
    is_letter = (block >= 0) & (codes <= _ENDS[block])
    script = np.where(is_letter, _OF_BLOCK[block], -1)
    starts = np.flatnonzero(np.diff(script, prepend=-2))
    lengths = np.diff(starts, append=len(script))
    of_run = script[starts]
    is_command = (starts > 0) & (codes[starts - 1] == _BACKSLASH)
    counts = (of_run >= 0) & ~is_command & ((lengths >= LEAST_LETTERS) | _IS_UNSPACED[of_run])
    totals = np.bincount(of_run[counts], weights=lengths[counts], minlength=len(NAMES)).astype(int)
    found = {name: int(total) for name, total in zip(NAMES, totals, strict=True) if total}
    return dict(sorted(found.items(), key=lambda item: (-item[1], item[0])))


def home_of(letters: dict[str, int]) -> str | None:
    """The script with most letters; Japanese writes Han beside Kana and so is ``Kana`` where a tenth of both is."""
    if not letters:
        return None
    most = max(letters, key=lambda name: letters[name])
    kana, han = letters.get("Kana", 0), letters.get("Han", 0)
    return "Kana" if most == "Han" and kana >= 0.1 * (kana + han) else most


def foreign(letters: dict[str, int], home: str) -> int:
    """Letters of other scripts than ``home``; Han is at home in Japanese and Korean."""
    kin = {"Kana": ("Kana", "Han"), "Hangul": ("Hangul", "Han")}.get(home, (home,))
    return sum(n for name, n in letters.items() if name not in kin)
