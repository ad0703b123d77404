"""Right answers of every kind that people and models write: whatever the walls refuse, these must pass.

One row for each way that an honest program could be mistaken for a hostile or a wrong one.
"""

from __future__ import annotations

from verify.honest_answer import Honest
from verify.honest_machine import MACHINE
from verify.honest_styles import PROGRAMS, STYLES
from verify.honest_values import CONTAINERS, NUMBERS, TEXTS

HONEST: tuple[Honest, ...] = NUMBERS + CONTAINERS + TEXTS + STYLES + MACHINE + PROGRAMS
