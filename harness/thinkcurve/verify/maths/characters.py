"""Unicode as LaTeX: minus signs, Greek letters, superscripts, fractions and full-width digits in one alphabet."""

from __future__ import annotations

import re

_SIGNS = {
    "-": "−–—‒‐‑﹣－", "*": "∗", "/": "⁄∕／", "'": "′’ʹ", "''": "″", ",": "，、", "(": "（", ")": "）", ":": "：∶",
    "=": "＝", "+": "＋", "<": "＜", ">": "＞", "[": "［", "]": "］", ".": "．。", "%": "％", "|": "∣｜", "...": "…⋯",
    ";": "；",
    "": "€£¥₹\u200b\u2061\u2062\ufeff", " ": "\u00a0\u2003\u2002", r"\,": "\u2009\u202f\u2005\u2006",
    r"\times ": "×✕⨯", r"\cdot ": "·⋅∙•", r"\div ": "÷", r"\infty ": "∞", r"^\circ": "°º˚", r"\sqrt ": "√",
    r"\sqrt[3]": "∛", r"\le ": "≤⩽≦", r"\ge ": "≥⩾≧", r"\ne ": "≠", r"\approx ": "≈≃", r"\cup ": "∪", r"\cap ": "∩",
    r"\in ": "∈", r"\emptyset ": "∅", r"\pm ": "±", r"\mp ": "∓", r"\setminus ": "∖", r"\R ": "ℝ",
    r"\mathbb{Z} ": "ℤ", r"\mathbb{N} ": "ℕ", r"\mathbb{Q} ": "ℚ", r"\mathbb{C} ": "ℂ", r"\angle ": "∠",
    r"\langle ": "⟨〈", r"\rangle ": "⟩〉", r"\lfloor ": "⌊", r"\rfloor ": "⌋", r"\lceil ": "⌈", r"\rceil ": "⌉",
    r"\equiv ": "≡", r"\land ": "∧", r"\lor ": "∨", r"\sum ": "∑", r"\int ": "∫", r"\to ": "→",
}  # fmt: skip
_LETTERS = {
    "π": "pi", "α": "alpha", "β": "beta", "γ": "gamma", "δ": "delta", "ε": "epsilon", "θ": "theta", "λ": "lambda",
    "μ": "mu", "ρ": "rho", "σ": "sigma", "τ": "tau", "φ": "phi", "ϕ": "phi", "ω": "omega", "Δ": "Delta", "Σ": "Sigma",
    "Ω": "Omega", "Γ": "Gamma", "Φ": "Phi",
}  # fmt: skip
_FRACTIONS = {
    "½": "12", "⅓": "13", "⅔": "23", "¼": "14", "¾": "34", "⅕": "15", "⅖": "25", "⅗": "35", "⅘": "45", "⅙": "16",
    "⅚": "56", "⅛": "18", "⅜": "38", "⅝": "58", "⅞": "78",
}  # fmt: skip
_TABLE = str.maketrans(
    {sign: latex for latex, signs in _SIGNS.items() for sign in signs}
    | {letter: rf"\{name} " for letter, name in _LETTERS.items()}
    | {sign: rf"\frac{parts} " for sign, parts in _FRACTIONS.items()}
    | {chr(0xFF10 + digit): str(digit) for digit in range(10)}
    | {chr(0xFF21 + letter): chr(65 + letter) for letter in range(26)}
    | {chr(0xFF41 + letter): chr(97 + letter) for letter in range(26)}
)
_RAISED, _RAISED_FROM = "0123456789+-()nix", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁽⁾ⁿⁱˣ"
_LOWERED, _LOWERED_FROM = "0123456789+-()", "₀₁₂₃₄₅₆₇₈₉₊₋₍₎"
_RAISE, _LOWER = str.maketrans(_RAISED_FROM, _RAISED), str.maketrans(_LOWERED_FROM, _LOWERED)
_SUPERSCRIPT, _SUBSCRIPT = re.compile(f"[{_RAISED_FROM}]+"), re.compile(f"[{_LOWERED_FROM}]+")
_RADICAND = re.compile(r"√\s*([0-9]+(?:\.[0-9]+)?|[A-Za-zπ])")


def latex_signs(text: str) -> str:
    """``text`` with its Unicode mathematics as LaTeX: ``2×10⁻⁴`` is ``2\\times 10^{-4}``; the rest stays as it is."""
    if text.isascii():
        return text
    text = _RADICAND.sub(r"\\sqrt{\1}", text) if "√" in text else text
    text = _SUPERSCRIPT.sub(lambda match: f"^{{{match[0].translate(_RAISE)}}}", text)
    return _SUBSCRIPT.sub(lambda match: f"_{{{match[0].translate(_LOWER)}}}", text).translate(_TABLE)
