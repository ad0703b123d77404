"""inspect-ai, the real one: it writes logs for us to read and reads those that we write, in a process of its own."""

from __future__ import annotations

import importlib.util
import os
import sys

import pytest

PYTHON = os.environ.get("THINKCURVE_INSPECT_PYTHON") or (
    sys.executable if importlib.util.find_spec("inspect_ai") else None
)
"""An interpreter whose environment has inspect-ai."""
needs_inspect = pytest.mark.skipif(PYTHON is None, reason="inspect-ai is not installed (it is in the extra 'test')")
