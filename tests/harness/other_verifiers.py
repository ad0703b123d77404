"""Verifiers of other wheels that go wrong, each in a way of its own, as the text of their modules."""

import shutil
from pathlib import Path

OTHERS = {
    "raises": "raise RuntimeError('no luck\\ntoday')",
    "exits": "raise SystemExit(3)",
    "dies": "import os; os._exit(1)",
    "needs_extra": "import not_there_at_all",
    "needs_other": "import not_known_either",
    "no_function": "judge = 7",
    "noisy": "import os; print('hello'); os.write(1, b'x' * 99); os.write(2, b'y' * 99)\n"
    "from thinkcurve.problem import Judgement\ndef judge(data, answer): return Judgement('correct')",  # works
}


def install(made: Path, folder: Path) -> Path:
    """The verifiers of the file ``made`` and all of `OTHERS` as an installed wheel in ``folder``."""
    about = folder / "made-1.2.dist-info"
    about.mkdir(parents=True)
    shutil.copy(made, folder / "made_wheel.py")
    for name, code in OTHERS.items():
        (folder / f"made_{name}.py").write_text(code)
    points = ["made = made_wheel:judge", "gone = made_gone:judge", *(f"{n} = made_{n}:judge" for n in OTHERS)]
    (about / "entry_points.txt").write_text("\n".join(["[thinkcurve.verifiers]", *points]))
    needs = 'Requires-Dist: not-there.at_all>=2; extra == "special"'
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: made\nVersion: 1.2\n{needs}\n")
    return folder
