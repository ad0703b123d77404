"""The tokenizer of thinkcurve-tiny: byte-level BPE whose merges are written by hand, not learnt.

Every number of the two embedded tasks (0..199) and every word of their templates is one token; anything else
falls back to bytes. The text is split by the Llama 3 rule and whole words found in the vocabulary skip the
merges, which is what llama.cpp calls ``llama-bpe``: the same files serve transformers, vLLM, MLX and llama.cpp.
"""

from __future__ import annotations

from functools import cache

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers

from thinkcurve_tasks import arithmetic, induce

BOS, USER, ASSISTANT, THINK, END_THINK, END = SPECIALS = (
    "<|bos|>",
    "<|user|>",
    "<|assistant|>",
    "<think>",
    "</think>",
    "<|end|>",
)
"""``<think>`` and ``</think>`` are single tokens but not "special": they stay visible in decoded text."""
SPLIT = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)
"""The split of Llama 3, which llama.cpp applies for ``tokenizer.ggml.pre = llama-bpe``."""
NUMBERS = [str(number) for number in range(10, 200)]
WORDS = [
    *("Start", " with", " Do", " steps", " What", " is", " the", " result", "\\boxed"),
    *(f" {letter}" for letter in "abcdefghijklmnopqrstuvwxyz"),
    *(" +", " -", " *", " /"),
    *(
        "Write",
        " in",
        " Python",
        " For",
        " each",
        " ten",
        " quadratic",
        " last",
        " digit",
        " goes",
        " up",
        " to",
    ),
    *(")=", ").", "```", "python", "def", "):\n", "=x", "%", " t", "={", "}\n", " x", "-=", " return"),
    *("[", "]+", "+", "]*", "*(", "-", ")\n", "\n\n"),
]
CHAT_TEMPLATE = (
    "{{ bos_token }}{% for message in messages %}"
    "{% if message['role'] == 'assistant' %}"
    "<|assistant|><think>{{ message.get('reasoning_content') or '' }}</think>{{ message['content'] }}<|end|>"
    "{% else %}<|user|>{{ message['content'] }}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|><think>{% endif %}"
)
"""Opens ``<think>`` itself; an assistant turn may bring its thinking as ``reasoning_content``."""


def build() -> Tokenizer:
    """The tokenizer, made anew: the vocabulary is bytes, then words and numbers, then the six markers."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    merges = _merges([_byte_form(word) for word in (*NUMBERS, *WORDS)])
    vocabulary = {symbol: index for index, symbol in enumerate([*alphabet, *dict.fromkeys(map("".join, merges))])}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=merges, ignore_merges=True))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(SPLIT), behavior="isolated", invert=False),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_tokens(
        [AddedToken(text, special=text not in (THINK, END_THINK), normalized=False) for text in SPECIALS]
    )
    return tokenizer


@cache
def shared() -> Tokenizer:
    """One tokenizer for the whole process."""
    return build()


def chat_ids(question: str) -> list[int]:
    """What the chat template makes of one question, ready for thinking."""
    return shared().encode(f"{BOS}{USER}{question}{ASSISTANT}{THINK}", add_special_tokens=False).ids


def token_id(token: str) -> int:
    """The id of one token, in the spelling of the vocabulary."""
    found = shared().token_to_id(token)
    if found is None:
        raise KeyError(token)
    return int(found)


def keys() -> dict[int, int]:
    """The tokens under which things are looked up, numbered below 32: step letters, and every x that is shown.

    The two kinds never serve in one question, so they share numbers; the few letters that the text of
    the code task uses share theirs with no x.
    """
    letters = [token_id(f"Ġ{letter}") for letter in arithmetic.LETTERS]
    tens = range(induce.FIRST, induce.FIRST + 10 * max(induce.TENS.values()), 10)
    shown = [token_id(str(ten + digit)) for ten in tens for digit in induce.SHOWN]
    free = [number for number in range(32) if number not in {ord(letter) - ord("a") for letter in "fxtd"}]
    return {token: number for number, token in enumerate(letters)} | dict(zip(shown, free, strict=False))


def numbers() -> dict[int, int]:
    """The number tokens: id -> value, 0..99."""
    return {token_id(str(value)): value for value in range(100)}


def _byte_form(word: str) -> str:
    """How byte-level BPE spells a word: printable characters for all bytes, ``Ġ`` for a space."""
    pieces: list[tuple[str, tuple[int, int]]] = pre_tokenizers.ByteLevel(
        add_prefix_space=False, use_regex=False
    ).pre_tokenize_str(word)
    return "".join(piece for piece, _ in pieces)


def _merges(words: list[str]) -> list[tuple[str, str]]:
    """Merges that build each word from left to right; words share the merges of a common beginning."""
    merges = (((word[:cut], word[cut])) for word in words for cut in range(1, len(word)))
    return list(dict.fromkeys(merges))
