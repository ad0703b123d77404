"""A run in the files of other tools. Nothing here needs the other tool installed, and nothing is computed anew.

Each file of a format has ``write(content, output, wishes) -> Written``; `FORMATS` names them.
"""

FORMATS = {
    "lm-eval": "lm_eval",
    "inspect": "inspect_log",
    "every-eval-ever": "every_eval_ever",
    "hf": "hugging_face",
    "csv": "tables",
}
"""The formats of ``thinkcurve export --to``, and the file of each."""
