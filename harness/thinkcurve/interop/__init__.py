"""Doors to other tools: lm-eval, pytest, and the files that others read and write. Each needs its tool only in use."""
