"""Starts the zygote: ``python -I -S start.py SPEC``, with no environment, in an empty directory of its own.

Loads this folder as the package ``inside`` without putting any folder on the module path, so that nothing an answer
imports can come from here.
"""

import importlib.util
import sys

HERE = __file__.rpartition("/")[0]


def main() -> None:
    """Import ``inside`` from beside this file and hand over."""
    spec = importlib.util.spec_from_file_location("inside", f"{HERE}/__init__.py", submodule_search_locations=[HERE])
    assert spec is not None
    sys.modules["inside"] = importlib.util.module_from_spec(spec)
    zygote = importlib.import_module("inside.zygote")
    zygote.main(sys.argv[1])


main()
