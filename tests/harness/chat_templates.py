"""Small chat templates with the generation prompt, the switches and the mentions of real ones; written by hand.

Each names the template whose structure it has. Of the turns before, only what tells a thinking model is kept.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NoReturn

import jinja2.ext
from jinja2.exceptions import TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from thinkcurve.formats import PROBE, Wish, find_format

CHATML = "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
KEPT = "{% for m in messages if m.role == 'assistant' %}{{ m.content.split('</think>')[-1] }}{% endfor %}"
START = "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
TAGS = frozenset({"<think>", "</think>", "<|im_start|>"})
QWEN = TAGS | {"<|vision_start|>"}


@dataclass(frozen=True)
class Model:
    """A template with a vocabulary (its special tokens) and a name."""

    template: str
    tokens: frozenset[str] = frozenset()
    name: str = ""

    def render(self, **options: Any) -> str:
        turns = [{"role": message.role, "content": message.content} for message in PROBE]
        return self._compiled().render(messages=turns, add_generation_prompt=True, bos_token="<s>", **options)

    def find(self, wish: Wish | None = None, render: Callable[..., str] | None = None) -> Any:
        given = (render or self.render) if self.template else None
        return find_format(tokens=self.tokens, template=self.template, render=given, name=self.name, wish=wish)

    def _compiled(self) -> jinja2.Template:
        """As transformers compiles a chat template."""
        environment = ImmutableSandboxedEnvironment(
            trim_blocks=True, lstrip_blocks=True, extensions=[jinja2.ext.loopcontrols]
        )
        environment.globals["raise_exception"] = _refuse
        return environment.from_string(self.template)


def _refuse(message: str) -> NoReturn:
    raise TemplateError(message)


MODELS = {
    # Qwen/Qwen3-0.6B: thinks unless told not to, and opens the thinking itself
    "qwen3": Model(
        CHATML + KEPT + START + "{% if enable_thinking is defined and enable_thinking is false %}"
        "{{ '<think>\\n\\n</think>\\n\\n' }}{% endif %}",
        QWEN,
        "Qwen/Qwen3-0.6B",
    ),
    # Qwen/Qwen3-4B-Thinking-2507
    "qwen3-thinking": Model(CHATML + KEPT + START + "{{ '<think>\\n' }}", QWEN, "Qwen3-4B-Thinking-2507 qwen3"),
    # Qwen/Qwen3-4B-Instruct-2507: the same vocabulary and no trace of thinking
    "qwen3-instruct": Model(CHATML + START, QWEN, "Qwen/Qwen3-4B-Instruct-2507"),
    # the Instruct template of unsloth/chat_templates.py: keeps the thoughts of earlier turns
    "qwen3-instruct-kept": Model(
        CHATML + KEPT + "{# '<think>\\n' + reasoning_content #}" + START, QWEN, "Qwen3-30B-A3B-Instruct-2507 qwen3moe"
    ),
    # deepseek-ai/DeepSeek-R1-0528-Qwen3-8B: a Qwen3 that writes as DeepSeek does
    "deepseek-r1": Model(
        "{% for m in messages %}{{ '<｜User｜>' + m.content }}{% endfor %}"
        + KEPT
        + "{% if add_generation_prompt %}{{ '<｜Assistant｜><think>\\n' }}{% endif %}",
        QWEN | {"<｜Assistant｜>"},
        "DeepSeek-R1-0528-Qwen3-8B qwen3",
    ),
    # models/templates/deepseek-ai-DeepSeek-V3.1.jinja of llama.cpp
    "deepseek-v3.1": Model(
        "{% if not thinking is defined %}{% set thinking = false %}{% endif %}"
        "{% for m in messages %}{{ '<｜User｜>' + m.content }}{% endfor %}" + KEPT + "{{ '<｜Assistant｜>' }}"
        "{% if not thinking %}{{ '</think>' }}{% else %}{{ '<think>' }}{% endif %}",
        TAGS,
        "deepseek-ai/DeepSeek-V3.1",
    ),
    # models/templates/GLM-4.6.jinja of llama.cpp
    "glm-4.6": Model(
        "[gMASK]<sop>{% for m in messages %}<|user|>\n{{ m.content }}"
        "{{ '/nothink' if (enable_thinking is defined and not enable_thinking) else '' }}{% endfor %}"
        + KEPT
        + "<|assistant|>{{ '\\n<think></think>' if (enable_thinking is defined and not enable_thinking) else '' }}",
        TAGS,
        "zai-org/GLM-4.6",
    ),
    # models/templates/NVIDIA-Nemotron-Nano-v2.jinja of llama.cpp
    "nemotron-nano-2": Model(
        "{% for m in messages %}{{ '<SPECIAL_11>User\\n' + m.content + '\\n' }}{% endfor %}"
        + KEPT
        + "{{ '<SPECIAL_10>System\\n' if false }}{{ '<SPECIAL_11>Assistant\\n<think>\\n' }}",
        TAGS - {"<|im_start|>"},
    ),
    # nvidia/NVIDIA-Nemotron-3-Nano-30B-A3B-BF16
    "nemotron-3": Model(
        "{% set enable_thinking = enable_thinking if enable_thinking is defined else True %}"
        + CHATML
        + KEPT
        + "{% if enable_thinking %}{{ '<|im_start|>assistant\\n<think>\\n' }}"
        "{% else %}{{ '<|im_start|>assistant\\n<think></think>' }}{% endif %}",
        TAGS,
        "NVIDIA-Nemotron-3-Nano-30B-A3B nemotron_h",
    ),
    # models/templates/nvidia-Llama-3_3-Nemotron-Super-49B-v1_5.jinja of llama.cpp: on and off by the system text
    "llama-nemotron": Model(
        "{% set enable_thinking = true %}{% for m in messages %}{{ '<|start_header_id|>' + m.role + m.content }}"
        "{% endfor %}" + KEPT + "{{ '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}"
        "{% if not enable_thinking %}{{ '<think>\\n\\n</think>\\n\\n' }}{% endif %}",
        frozenset(),
        "Llama-3_3-Nemotron-Super-49B-v1_5",
    ),
    # HuggingFaceTB/SmolLM3-3B
    "smollm3": Model(
        "{% if enable_thinking is not defined %}{% set enable_thinking = true %}{% endif %}"
        "<|im_start|>system\nReasoning Mode: {{ '/think' if enable_thinking else '/no_think' }}<|im_end|>\n"
        + CHATML
        + START
        + "{% if not enable_thinking %}{{ '<think>\\n\\n</think>\\n' }}{% endif %}",
        TAGS,
        "HuggingFaceTB/SmolLM3-3B",
    ),
    # LGAI-EXAONE/EXAONE-4.0-1.2B: off unless told
    "exaone-4": Model(
        "{% for m in messages %}[|user|]\n{{ m.content }}[|endofturn|]\n{% endfor %}" + KEPT + "[|assistant|]\n"
        "{% if enable_thinking is defined and enable_thinking is true %}{{ '<think>\\n' }}"
        "{% else %}{{ '<think>\\n\\n</think>\\n\\n' }}{% endif %}",
        TAGS,
        "EXAONE-4.0-1.2B exaone4",
    ),
    # ibm-granite/granite-3.3-2b-instruct
    "granite-3.3": Model(
        "You are Granite.{% if thinking %} Write your thoughts between <think></think> and write your response between "
        "<response></response> for each user query.{% endif %}"
        "{% for m in messages %}<|start_of_role|>user<|end_of_role|>{{ m.content }}{% endfor %}"
        "<|start_of_role|>assistant<|end_of_role|>",
        frozenset(),
        "granite-3.3-2b-instruct",
    ),
    # models/templates/ByteDance-Seed-OSS.jinja of llama.cpp
    "seed": Model(
        "{% set think_begin_token = '<seed:think>' %}{% set think_end_token = '</seed:think>' %}"
        "{% if not thinking_budget is defined %}{% set thinking_budget = -1 %}{% endif %}"
        "{% for m in messages %}{{ '<seed:bos>user\\n' + m.content + '<seed:eos>' }}{% endfor %}"
        "{{ '<seed:bos>assistant\\n' }}{% if thinking_budget == 0 %}{{ think_begin_token }}{% endif %}",
        frozenset({"<seed:think>", "</seed:think>", "<seed:cot_budget_reflect>", "</seed:cot_budget_reflect>"}),
    ),
    # mistralai/Magistral-Small-2507: a system prompt by default
    "magistral": Model(
        "<s>[SYSTEM_PROMPT]Your thinking process must follow the template below:[THINK]Your thoughts[/THINK]Here, "
        "provide a self-contained response.[/SYSTEM_PROMPT]{% for m in messages %}[INST]{{ m.content }}[/INST]"
        "{% endfor %}",
        frozenset({"[THINK]", "[/THINK]"}),
    ),
    # mistralai/Mistral-Small-4-119B: without an effort it does not think
    "mistral-small-4": Model(
        "{% set reasoning_effort = reasoning_effort if reasoning_effort is defined else 'none' %}"
        "{% if reasoning_effort not in ['none', 'high'] %}{{ raise_exception('unknown effort') }}{% endif %}"
        "<s>{{ '[MODEL_SETTINGS]{\"reasoning_effort\": \"' + reasoning_effort + '\"}[/MODEL_SETTINGS]' }}"
        "{% for m in messages %}{% if m.thinking %}[THINK]{{ m.thinking }}[/THINK]{% endif %}"
        "[INST]{{ m.content }}[/INST]{% endfor %}",
        frozenset({"[THINK]", "[/THINK]"}),
    ),
    # mistralai/Mistral-Small-3.2-24B-Instruct-2506: the tokens without the habit
    "mistral-instruct": Model(
        "<s>{% for m in messages %}[INST]{{ m.content }}[/INST]{% endfor %}", frozenset({"[THINK]", "[/THINK]"})
    ),
    # openai/gpt-oss-20b
    "gpt-oss": Model(
        "{% if reasoning_effort is not defined %}{% set reasoning_effort = 'medium' %}{% endif %}"
        "<|start|>system<|message|>Reasoning: {{ reasoning_effort }}<|end|>"
        "{% for m in messages %}{% if m.thinking %}<|start|>assistant<|channel|>analysis<|message|>{{ m.thinking }}"
        "<|end|>{% endif %}<|start|>user<|message|>{{ m.content }}<|end|>{% endfor %}<|start|>assistant",
        frozenset({"<|channel|>", "<|message|>", "<|end|>", "<|start|>", "<|return|>"}),
    ),
    # models/templates/gemma4.jinja of llama.cpp
    "gemma-4": Model(
        "{{ bos_token }}{% if enable_thinking is defined and enable_thinking %}"
        "{{ '<|turn>system\\n<|think|><turn|>\\n' }}{% endif %}"
        "{% for m in messages %}{{ '<|turn>' + m.role + '\\n' + m.content + '<turn|>\\n' }}{% endfor %}"
        "{{ '<|turn>model\\n' }}"
        "{% if not enable_thinking | default(false) %}{{ '<|channel>thought\\n<channel|>' }}{% endif %}",
        frozenset({"<|channel>", "<channel|>", "<|think|>", "<|turn>", "<turn|>"}),
    ),
    # Gemma 4 E2B: with thinking off its template writes no channel
    "gemma-4-small": Model(
        "{% if enable_thinking is defined and enable_thinking %}{{ '<|think|>' }}{% endif %}"
        "{% for m in messages %}{{ m.content.split('<channel|>')[-1].split('<|channel>')[0] }}{% endfor %}"
        "{{ '<|turn>model\\n' }}",
        frozenset({"<|channel>", "<channel|>", "<|think|>"}),
    ),
    # CohereLabs/command-a-reasoning-08-2025
    "cohere": Model(
        "{% if reasoning is not defined %}{% set reasoning = true %}{% endif %}"
        "{% for m in messages %}<|USER_TOKEN|>{{ m.content }}{% endfor %}"
        "<|START_OF_TURN_TOKEN|><|CHATBOT_TOKEN|>{% if not reasoning %}<|START_THINKING|><|END_THINKING|>{% endif %}",
        frozenset({"<|START_THINKING|>", "<|END_THINKING|>", "<|START_RESPONSE|>"}),
    ),
    # Command A of 2026, by the tests of llama.cpp
    "cohere-text": Model(
        "{% set reasoning = reasoning if reasoning is defined else true %}"
        "{% for m in messages %}<|USER_TOKEN|>{{ m.content }}<|START_TEXT|>{% endfor %}<|CHATBOT_TOKEN|>"
        "{% if reasoning %}<|START_THINKING|>{% else %}<|START_THINKING|><|END_THINKING|>{% endif %}",
        frozenset({"<|START_THINKING|>", "<|END_THINKING|>", "<|START_RESPONSE|>", "<|START_TEXT|>"}),
    ),
    # models/templates/Kimi-K3.jinja of llama.cpp
    "kimi-k3": Model(
        "{% macro open_tag(tag) %}{{ '<|open|>' + tag + '<|sep|>' }}{% endmacro %}"
        "{% if thinking is undefined %}{% set thinking = true %}{% endif %}"
        "{% for m in messages %}{{ open_tag('message') + m.content }}<|end_of_msg|>{% endfor %}"
        "{{ open_tag('message') }}{{ open_tag('think' if thinking else 'response') }}",
        frozenset({"<|open|>", "<|close|>", "<|sep|>", "<|end_of_msg|>"}),
    ),
    # MiniMaxAI/MiniMax-M3, by vLLM's reasoning parser
    "minimax-m3": Model(
        "{% set begin = '<mm:think>' %}{% set end = '</mm:think>' %}{% for m in messages %}{{ m.content }}{% endfor %}"
        "]~b]ai\n{% if thinking_mode is defined and thinking_mode == 'enabled' %}{{ begin }}"
        "{% elif thinking_mode is defined and thinking_mode == 'disabled' %}{{ end }}{% endif %}",
        frozenset({"<mm:think>", "</mm:think>"}),
    ),
    # models/templates/Apertus-8B-Instruct.jinja of llama.cpp
    "apertus": Model(
        "{% set inner_token = '<|inner_prefix|>' %}{% set outer_token = '<|inner_suffix|>' %}Deliberation: "
        "{% if enable_thinking is defined and enable_thinking %}enabled{% else %}disabled{% endif %}"
        "{% for m in messages %}{{ m.content }}{% endfor %}<|assistant_start|>",
        frozenset({"<|inner_prefix|>", "<|inner_suffix|>"}),
    ),
    # upstage/Solar-Open-100B
    "solar": Model(
        "{% set reasoning_effort = reasoning_effort if reasoning_effort is defined else 'high' %}"
        "{% for m in messages %}<|begin|>user<|content|>{{ m.content }}<|end|>{% endfor %}"
        "{% if reasoning_effort in ['low', 'minimal'] %}{{ '<|begin|>assistant<|think|><|end|>' }}{% endif %}"
        "<|begin|>assistant",
        frozenset({"<|begin|>", "<|think|>", "<|content|>", "<|end|>"}),
    ),
    # tencent/Hunyuan-A13B-Instruct: tags that are no tokens
    "hunyuan": Model(
        "{% for m in messages %}{{ m.content.split('<answer>')[-1] }}{% endfor %}<|extra_0|>"
        "{% if enable_thinking is defined and not enable_thinking %}{{ '<think>\\n\\n</think>\\n' }}{% endif %}",
        frozenset({"<|extra_0|>"}),
        "Hunyuan-A13B-Instruct hunyuan_v1_moe",
    ),
    # LGAI-EXAONE/EXAONE-Deep-2.4B
    "exaone-deep": Model(
        "{% for m in messages %}[|user|]{{ m.content.split('</thought>')[-1] }}{% endfor %}"
        "{{ '[|assistant|]<thought>\\n' }}"
    ),
    # models/templates/Apriel-1.6-15b-Thinker-fixed.jinja of llama.cpp
    "apriel": Model(
        "then provide the final response after the marker [BEGIN FINAL RESPONSE].\n"
        "{% for m in messages %}<|begin_user|>\n{{ m.content }}{% endfor %}"
        "{{ '\\n<|begin_assistant|>\\nHere are my reasoning steps:\\n' }}"
    ),
    # RekaAI/reka-flash-3
    "reka": Model(
        "{% for m in messages %}human: {{ m.content }} <sep> {% endfor %}assistant:", frozenset(), "RekaAI/reka-flash-3"
    ),
    # simplescaling/s1.1-32B: the template of Qwen2.5, which says nothing of thinking
    "s1": Model(CHATML + START, frozenset({"<|im_start|>"}), "simplescaling/s1.1-32B qwen2"),
    # microsoft/Phi-4-reasoning: a system prompt that asks for the tags
    "phi-4": Model(
        "<|im_start|>system<|im_sep|>Please structure your response into two main sections using the specified format: "
        "<think> {Thought section} </think> {Solution section}.{% for m in messages %}{{ m.content }}{% endfor %}"
        "<|im_start|>assistant<|im_sep|>",
        frozenset({"<|im_start|>"}),
        "microsoft/Phi-4-reasoning phi3",
    ),
    # HuggingFaceTB/SmolLM2-135M-Instruct
    "plain": Model(CHATML + START, frozenset({"<|im_start|>"}), "SmolLM2-135M-Instruct llama"),
    # a template that closes the thinking whatever it is told
    "closed": Model(CHATML + START + "{{ '<think>\\n\\n</think>\\n\\n' }}", QWEN, "qwen3"),
    # a hybrid model whose template was cut down to its non-thinking half
    "closed-hybrid": Model(
        CHATML + START + "{% if not enable_thinking %}{{ '' }}{% endif %}{{ '<think></think>' }}", TAGS
    ),
    "closed-cohere": Model(
        "{% for m in messages %}{{ m.content }}{% endfor %}<|START_THINKING|><|END_THINKING|>",
        frozenset({"<|START_THINKING|>", "<|END_THINKING|>"}),
    ),
    # a plain model whose template guards against the thoughts of others
    "guarding": Model(CHATML + KEPT + START, frozenset({"<|im_start|>"}), "some-llama-8b"),
}
