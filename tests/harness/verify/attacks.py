"""The attack suite: every hostile answer that the sandbox is tested with."""

from __future__ import annotations

from verify.attack import Attack
from verify.attacks_escapes import ESCAPES
from verify.attacks_exits import EXITS
from verify.attacks_files import FILES
from verify.attacks_forgery import FORGERIES, GUESSES
from verify.attacks_patches import PATCHES
from verify.attacks_reach import REACH
from verify.attacks_resources import RESOURCES
from verify.attacks_results import RESULTS
from verify.attacks_signals import NEIGHBOURS
from verify.attacks_stdio import STDIO

ATTACKS: tuple[Attack, ...] = (
    *(EXITS + FORGERIES + GUESSES + RESULTS + PATCHES + STDIO),
    *(RESOURCES + ESCAPES + NEIGHBOURS + FILES + REACH),
)
