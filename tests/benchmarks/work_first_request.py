"""The start of a run: ``work_first_request.py ARGUMENTS...`` is ``thinkcurve ARGUMENTS...`` up to its first request.

Prints the CPU seconds of this process and its children when the first request is about to be sent, the interpreter's
start included, and ends there.
"""

from __future__ import annotations

import json
import os

from measure import own_cpu_s, own_peak_mb

from thinkcurve.backend import Generation, Request
from thinkcurve.cli.main import main
from thinkcurve.opened import Opened


async def stop(self: Opened, request: Request) -> Generation:
    """Instead of a request."""
    print(json.dumps({"cpu_s": own_cpu_s(), "peak_mb": own_peak_mb()}), flush=True)
    os._exit(0)


if __name__ == "__main__":
    Opened.generate = stop  # type: ignore[method-assign]
    main()
