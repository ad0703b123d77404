"""Backends whose answers are a Python function: for tests of studies, tasks and gates, with no model at all.

`ScriptedBackend` continues token ids, `ScriptedText` text without a tokenizer, `ScriptedChat` answers messages as a
provider does, and `ScriptedBatches` takes many of them at once.
"""

from thinkcurve_backends.scripted.batch import ScriptedBatches
from thinkcurve_backends.scripted.chat import AskedChat, ChatFunction, ScriptedChat, improving
from thinkcurve_backends.scripted.ids import (
    ASSISTANT,
    ASSISTANT_ID,
    CLOSE_ID,
    END,
    END_ID,
    MARKERS,
    OPEN_ID,
    USER,
    USER_ID,
    AnswerFunction,
    Asked,
    ByteTokenizer,
    ScriptedBackend,
)
from thinkcurve_backends.scripted.text import ScriptedText

__all__ = [
    "ASSISTANT",
    "ASSISTANT_ID",
    "CLOSE_ID",
    "END",
    "END_ID",
    "MARKERS",
    "OPEN_ID",
    "USER",
    "USER_ID",
    "AnswerFunction",
    "Asked",
    "AskedChat",
    "ByteTokenizer",
    "ChatFunction",
    "ScriptedBackend",
    "ScriptedBatches",
    "ScriptedChat",
    "ScriptedText",
    "improving",
]
