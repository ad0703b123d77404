"""Keys of remote APIs: from the environment or the system's keyring, and out of everything that is shown or written."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from urllib.parse import quote

from thinkcurve.errors import UsageError

SERVICE = "thinkcurve"
"""The name under which keys stand in a keyring; the user name there is the environment variable's."""
HIDDEN = "***"
SECRET_WORDS = ("key", "auth", "token", "secret", "cookie", "signature", "credential", "password", "session", "jwt")
"""A header whose name holds one of these may be secret."""
HARMLESS = ("idempotency-key", "x-stainless-")
SHORTEST_SECRET = 6
"""What is shorter is no key, and would be cut out of innocent words."""


class Key:
    """One key. It shows itself to nobody who does not ask for ``value``; false where there is none."""

    __slots__ = ("value", "variable")

    def __init__(self, value: str, variable: str = "") -> None:
        self.value = check_key(value, variable)
        self.variable = variable

    def __bool__(self) -> bool:
        return bool(self.value)

    def __repr__(self) -> str:
        return f"Key({HIDDEN if self.value else ''!r}, {self.variable!r})"


def find_key(*variables: str, required: bool = True, remedy: str = "") -> Key:
    """The first key that is set in the environment, else in the keyring; `UsageError` where a required one is not.

    ``remedy`` ends that error, such as ``get one at https://...``. An API that is replayed requires none.
    """
    for variable in variables:
        if value := os.environ.get(variable, "").strip():
            return Key(value, variable)
    for variable in variables:
        if value := _from_keyring(variable):
            return Key(value, variable)
    if required:
        first = variables[0]
        others = f" (or {', '.join(variables[1:])})" if variables[1:] else ""
        raise UsageError(
            f"no key: set {first}{others}, or keep it in the keyring: keyring set {SERVICE} {first}"
            + (f"; {remedy}" if remedy else "")
        )
    return Key("", variables[0])


def _from_keyring(variable: str) -> str:
    try:
        import keyring
        import keyring.errors
    except ImportError:
        return ""
    try:
        return (keyring.get_password(SERVICE, variable) or "").strip()
    except keyring.errors.NoKeyringError:
        return ""
    except keyring.errors.KeyringError as error:
        raise UsageError(
            f"the keyring was asked for {variable} and failed ({type(error).__name__}); set {variable} instead"
        ) from error


def check_key(key: str, variable: str) -> str:
    """``key`` where it can stand in a header; the `UsageError` where it cannot does not show it."""
    if all("!" <= letter <= "~" for letter in key):
        return key
    raise UsageError(
        f"the key in {variable} holds a blank, a line break or a letter beyond ASCII, which no key may; copy it again"
    )


def is_secret_name(name: str) -> bool:
    """Whether a header of this name may hold a secret."""
    lower = name.lower()
    is_named = any(word in lower for word in SECRET_WORDS) or lower.endswith("-api")
    return is_named and not lower.startswith(HARMLESS)


def secrets_of(headers: Mapping[str, str]) -> tuple[str, ...]:
    """What may be secret in the headers of a request: values, and ``Bearer KEY`` gives ``KEY`` too."""
    values = [value.strip() for name, value in headers.items() if is_secret_name(name)]
    return all_writings((*values, *(value.rpartition(" ")[2] for value in values)))


def all_writings(secrets: Iterable[str]) -> tuple[str, ...]:
    """``secrets`` as they are and as they stand in addresses and JSON, the longest first; too short ones are none."""
    found = {secret for secret in secrets if len(secret) >= SHORTEST_SECRET}
    for secret in tuple(found):
        escaped = secret.replace("\\", "\\\\").replace('"', '\\"')
        found |= {quote(secret, safe=""), quote(secret), escaped, escaped.replace("/", "\\/")}
    return tuple(sorted(found, key=lambda secret: (-len(secret), secret)))


def hide(text: str, secrets: Iterable[str]) -> str:
    """``text`` without any of ``secrets``."""
    for secret in secrets:
        text = text.replace(secret, HIDDEN)
    return text
