"""The families of thinking models: markers, switches, and what their makers say of cutting their thinking short.

A table and nothing else; `thinkcurve.formats` finds the family of a model in it. What is written at a cut
(``wrap_up``, ``close``, ``cue``; ``empty`` for a budget of 0) is the maker's own recommendation, or stands in the
maker's own chat template. Where ``source`` names neither, none is written.
"""

from __future__ import annotations

import re
from collections.abc import Container
from dataclasses import dataclass

from thinkcurve.budget import THINK_TAGS, ThinkingFormat

NONE_FOUND = "No recommendation for cutting the thinking was found; none is written."


@dataclass(frozen=True, slots=True)
class Switch:
    """A variable of a chat template that turns the thinking of a hybrid model on or off."""

    name: str
    on: str | bool = True
    off: str | bool = False


SWITCHES = (
    Switch("enable_thinking"),  # Qwen3, GLM-4.5, Gemma 4, SmolLM3, EXAONE 4, Hunyuan, Nemotron, Apertus, ...
    Switch("thinking"),  # DeepSeek-V3.1, Granite 3, Kimi K3
    Switch("reasoning"),  # Command A
    Switch("thinking_mode", "enabled", "disabled"),  # MiniMax M3
    Switch("thinking_mode", "thinking", "chat"),  # DeepSeek-V4
)
"""Tried in this order, and only where a template mentions the name and renders otherwise for on than for off."""
EFFORT = Switch("reasoning_effort", "high", "none")
"""Mistral Small 4: without an effort it does not think. Not for models whose effort has a default, such as gpt-oss."""

NEVER_THINKS = r"qwen-?3\S*instruct"
"""Names of models that do not think though their template keeps the thoughts of other models' turns: the Instruct
checkpoints of Qwen3 (2507, Next, VL, Coder). Some of their templates mention the tags, others do not."""


@dataclass(frozen=True, slots=True)
class Clue:
    """What tells a family from others with the same markers: a pattern in the name of model or architecture, and
    texts that all stand in the chat template or are tokens."""

    name: str = ""
    texts: tuple[str, ...] = ()

    def fits(self, name: str, template: str, tokens: Container[str]) -> bool:
        """Whether a model shows it."""
        is_named = re.search(self.name, name, re.IGNORECASE) is not None
        return is_named and all(text in template or text in tokens for text in self.texts)


@dataclass(frozen=True, slots=True)
class Family:
    """A format with the models that have it and the signs that tell a model of it.

    ``tokens`` all stand in its vocabulary; empty where the markers are plain text that the template must show.
    ``signs`` are texts of which its chat template holds at least one: its markers where none are given. Of ``clues``,
    where there are any, one must fit; where ``is_by_name``, that alone tells the family.
    """

    format: ThinkingFormat
    models: str
    tokens: tuple[str, ...] = ()
    signs: tuple[str, ...] = ()
    clues: tuple[Clue, ...] = ()
    is_by_name: bool = False
    switches: tuple[Switch, ...] = SWITCHES


def _template(commit: str, name: str) -> str:
    """llama.cpp keeps copies of the makers' chat templates."""
    return f"https://github.com/ggml-org/llama.cpp/blob/{commit}/models/templates/{name}"


def _marked(name: str, pair: tuple[str, str], models: str, source: str, *, stop: str = "") -> Family:
    """A family whose markers are tokens of its own, and of which nothing else is written."""
    thinking = ThinkingFormat(name, *pair, stop=stop, source=f"{source} {NONE_FOUND}")
    return Family(thinking, models, tokens=(pair[0], thinking.ends_with))


GEMMA_TEMPLATE = _template("75f1ba7389067a9f90082515e124c377a1e104b2", "gemma4.jinja")
QWEN_WORDS = "Considering the limited time by the user, I have to give the solution based on the thinking directly now."
SEED_OVER = "I have exhausted my token budget, and now I will start answering the question."
SEED_NONE = "The current thinking budget is 0, so I will directly start answering the question."
ASK = (
    "Think step by step before you answer. Write your thinking between <think> and </think>, "
    "then give the answer after </think>."
)

WITH_OWN_MARKERS = (
    Family(
        ThinkingFormat(
            "seed",
            "<seed:think>",
            "</seed:think>",
            wrap_up=f"\n<seed:cot_budget_reflect>{SEED_OVER}</seed:cot_budget_reflect>\n",
            empty=f"<seed:cot_budget_reflect>{SEED_NONE}</seed:cot_budget_reflect>\n",
            source="What the model itself writes when its thinking_budget is used up, or is 0: model card of "
            "https://huggingface.co/ByteDance-Seed/Seed-OSS-36B-Instruct and the Seed-OSS page of the vLLM recipes. "
            "The makers tell the model its budget in the template and advise 0 or multiples of 512; a cut does not.",
        ),
        "Seed-OSS",
        tokens=("<seed:think>", "</seed:think>"),
    ),
    Family(
        ThinkingFormat(
            "mistral",
            "[THINK]",
            "[/THINK]",
            source="System prompt of the chat templates of Magistral (2507 and later) and Ministral 3 Reasoning; "
            "tokens: mistral-common, SpecialTokens.begin_think. A system message of one's own replaces that prompt. "
            f"{NONE_FOUND}",
        ),
        "Magistral (2507 and later), Ministral 3 Reasoning, Mistral Small 4",
        tokens=("[THINK]", "[/THINK]"),
        switches=(EFFORT, *SWITCHES),
    ),
    Family(
        ThinkingFormat(
            "cohere-text",
            "<|START_THINKING|>",
            "<|END_THINKING|><|START_TEXT|>",
            stop="<|END_THINKING|>",
            source=f"vLLM 0.32, parser/cohere_command.py. The answer ends in <|END_TEXT|>. {NONE_FOUND}",
        ),
        "Command A of 2026, North",
        tokens=("<|START_THINKING|>", "<|END_THINKING|>", "<|START_TEXT|>"),
        signs=("<|START_TEXT|>",),
    ),
    _marked(
        "cohere",
        ("<|START_THINKING|>", "<|END_THINKING|><|START_RESPONSE|>"),
        "Command A Reasoning, Command R7B",
        "vLLM 0.32, parser/cohere_command.py. The answer ends in <|END_RESPONSE|>.",
        stop="<|END_THINKING|>",
    ),
    Family(
        ThinkingFormat(
            "harmony",
            "<|channel|>analysis<|message|>",
            "<|end|><|start|>assistant<|channel|>final<|message|>",
            stop="<|end|>",
            source="OpenAI harmony response format, https://github.com/openai/harmony, and the chat template of "
            "https://huggingface.co/openai/gpt-oss-20b. Its own control is reasoning_effort (low, medium, high; the "
            "template's default, medium, is left). " + NONE_FOUND,
        ),
        "gpt-oss",
        tokens=("<|channel|>", "<|message|>", "<|end|>", "<|start|>"),
        signs=("<|channel|>analysis",),
        switches=(),
    ),
    Family(
        ThinkingFormat(
            "gemma",
            "<|channel>thought\n",
            "<channel|>",
            wrap_up="\n",
            source="https://ai.google.dev/gemma/docs/core/prompt-formatting-gemma4; what its chat template writes with "
            f"thinking off is an empty channel ({GEMMA_TEMPLATE}), and a newline stands before the end of the channel "
            "in that of https://huggingface.co/google/gemma-4-12B-it. No other recommendation was found.",
        ),
        "Gemma 4",
        tokens=("<|channel>", "<channel|>"),
        signs=("<|channel>",),
    ),
    Family(
        ThinkingFormat(
            "solar",
            "<|think|>",
            "<|end|><|begin|>assistant<|content|>",
            stop="<|end|>",
            source="Chat template of https://huggingface.co/upstage/Solar-Open-100B, which writes an empty thought so "
            f"for low effort. {NONE_FOUND}",
        ),
        "Solar Open",
        tokens=("<|begin|>", "<|think|>", "<|content|>"),
        signs=("<|think|>",),
        switches=(),
    ),
    Family(
        ThinkingFormat(
            "kimi-k3",
            "<|open|>think<|sep|>",
            "<|close|>think<|sep|><|open|>response<|sep|>",
            stop="<|close|>think<|sep|>",
            source=_template("181a4a8fb1af6142a7bf611dddd36fe34a3de3fe", "Kimi-K3.jinja")
            + f" The answer ends in <|close|>response<|sep|>. {NONE_FOUND}",
        ),
        "Kimi K3",
        tokens=("<|open|>", "<|close|>", "<|sep|>", "<|end_of_msg|>"),
        signs=("<|open|>",),
    ),
    _marked(
        "minimax",
        ("<mm:think>", "</mm:think>"),
        "MiniMax M3",
        "vLLM 0.32, reasoning/minimax_m3_reasoning_parser.py.",
    ),
    _marked(
        "apertus",
        ("<|inner_prefix|>", "<|inner_suffix|>"),
        "Apertus",
        "Chat template of https://huggingface.co/swiss-ai/Apertus-8B-Instruct-2509.",
    ),
    _marked(
        "longcat",
        ("<longcat_think>", "</longcat_think>"),
        "LongCat Flash Thinking",
        "mlx-lm 0.32, tokenizer_utils.py.",
    ),
    _marked(
        "ifm",
        ("<ifm|think>", "</ifm|think>"),
        "K2 Horizon",
        "vLLM 0.32, reasoning/k2_horizon_reasoning_parser.py, effort high; lower efforts have other markers.",
    ),
    Family(
        ThinkingFormat(
            "plamo",
            "<|plamo:begin_think:plamo|>",
            "<|plamo:end_think:plamo|>",
            source="vLLM 0.32, parser/plamo3.py: each marker is several tokens. " + NONE_FOUND,
        ),
        "PLaMo 3",
    ),
    Family(
        ThinkingFormat(
            "exaone-deep",
            "<thought>\n",
            "</thought>",
            source="Usage guideline of https://huggingface.co/LGAI-EXAONE/EXAONE-Deep-32B: the model is to begin with "
            f"<thought> and a newline. {NONE_FOUND}",
        ),
        "EXAONE Deep",
    ),
    Family(
        ThinkingFormat(
            "apriel",
            "Here are my reasoning steps:\n",
            "[BEGIN FINAL RESPONSE]\n",
            stop="[BEGIN FINAL RESPONSE]",
            wrap_up="\n",
            source=_template("20bdc4fac4e8779e5b73646f4b3b24a9964aa566", "Apriel-1.6-15b-Thinker-fixed.jinja")
            + " writes a newline before and after the marker. No other recommendation was found.",
        ),
        "Apriel Thinker",
    ),
    Family(
        ThinkingFormat(
            "reka",
            "<reasoning>",
            "</reasoning>",
            source="Model card of https://huggingface.co/RekaAI/reka-flash-3, Budget Forcing: 'forcing it to output "
            "</reasoning> after a certain number of steps', and nothing else.",
        ),
        "Reka Flash 3",
        clues=(Clue(r"reka.?flash.?3"),),
        is_by_name=True,
    ),
    Family(
        ThinkingFormat(
            "s1",
            "<|im_start|>think",
            "<|im_start|>answer",
            stop="<|im_start|>",
            wrap_up="\n",
            empty="\n",
            cue="\nFinal Answer:",
            source="s1: Simple test-time scaling, arXiv 2501.19393, and its evaluation code, "
            "https://github.com/simplescaling/s1, eval/lm-evaluation-harness/lm_eval/models/vllm_causallms.py. "
            "A budget of 0 is not in that code: it is written likewise.",
        ),
        "s1, s1.1",
        clues=(Clue(r"(?:^|[/\\\s])s1(?:\.1)?[-_ ]\d", ("<|im_start|>",)),),
        is_by_name=True,
        switches=(),
    ),
)
"""Told by their markers, the more particular first."""

WITH_THINK_TAGS = (
    Family(
        ThinkingFormat(
            "hunyuan",
            "<think>\n",
            "</think>\n<answer>\n",
            stop="</think>",
            wrap_up="\n",
            empty="\n",
            source="Pattern of the training data in https://github.com/Tencent-Hunyuan/Hunyuan-A13B, train/README.md; "
            "there an empty thought is a blank line. The answer ends in </answer>. No other recommendation was found.",
        ),
        "Hunyuan A13B, 7B, 4B, 1.8B and 0.5B",
        clues=(Clue("hunyuan", ("<answer>",)),),
    ),
    Family(
        ThinkingFormat(
            "nemotron",
            "<think>",
            "</think>",
            wrap_up=".\n",
            cue="\n\n",
            source="ThinkingBudgetClient in the model card of "
            "https://huggingface.co/nvidia/NVIDIA-Nemotron-Nano-9B-v2: a full stop, a newline, </think>, a blank line. "
            "NVIDIA's own servers wait up to 500 tokens for a newline before they cut; a budget here is exact.",
        ),
        "Nemotron Nano 2, Nemotron 3 (not Llama-Nemotron, which has format think)",
        tokens=("<think>", "</think>"),
        clues=(Clue(texts=("<SPECIAL_10>",)), Clue("nemotron", ("<|im_start|>",))),
    ),
    Family(
        ThinkingFormat(
            "deepseek",
            "<think>",
            "</think>",
            empty="\n\n",
            source="README of https://github.com/deepseek-ai/DeepSeek-R1: the model is to begin with <think> and a "
            "newline, and where it bypasses thinking it writes <think>, a blank line, </think>. " + NONE_FOUND,
        ),
        "DeepSeek-R1 and its distillations, DeepSeek-V3.1 and later",
        tokens=("<think>", "</think>"),
        clues=(Clue(texts=("<｜Assistant｜>",)),),
    ),
    Family(
        ThinkingFormat(
            "qwen",
            "<think>",
            "</think>",
            wrap_up=f"\n\n{QWEN_WORDS}\n",
            empty="\n\n",
            cue="\n\n",
            source="Qwen3 Technical Report, arXiv 2505.09388, section 4.3 (thinking budget), and "
            "https://github.com/QwenLM/Qwen3, docs/source/getting_started/thinking_budget.md, which puts a blank line "
            "before the words; a budget of 0 is what the template writes with enable_thinking=false.",
        ),
        "Qwen3, Qwen3.5 and later, QwQ",
        tokens=("<think>", "</think>"),
        clues=(Clue("qwen|qwq", ("<|im_start|>",)), Clue("^$", ("<|im_start|>", "<|vision_start|>"))),
    ),
    Family(
        ThinkingFormat(
            "think",
            THINK_TAGS.open,
            THINK_TAGS.close,
            source="The tags themselves, as in the model's own chat template. " + NONE_FOUND,
        ),
        "GLM-4.5 and later, Kimi K2 Thinking, MiniMax M2, SmolLM3, Olmo 3 Think, Phi-4-reasoning, Granite, EXAONE 4, "
        "ERNIE 4.5 Thinking, LFM2.5, MiMo, Llama-Nemotron (which wants the system text 'detailed thinking on'), "
        "Magistral 2506, the embedded model, and others",
        tokens=(THINK_TAGS.open, THINK_TAGS.close),
    ),
)
"""Families that share ``<think>``, told apart by clues; the last takes what is left."""

PLAIN = Family(
    ThinkingFormat(
        "ask",
        f"{THINK_TAGS.open}\n",
        THINK_TAGS.close,
        ask=ASK,
        wrap_up="\n",
        source="For models without a thinking format: our own words, and the newline of s1 (arXiv 2501.19393) before "
        "the closing tag; another ends the opening one, as where a tag is no token many tokenizers join the two.",
    ),
    "any instruction-tuned model, where thinking=ask is given; never chosen by itself",
    switches=(),
)

ALL = (*WITH_OWN_MARKERS, *WITH_THINK_TAGS)
"""Every family that can be recognised, in the order in which they are tried."""
