"""Keys: where they are found, and that they are shown nowhere; and the SDKs on our wire."""

import sys
import types
from collections.abc import Callable

import pytest

from thinkcurve.errors import UsageError
from thinkcurve_backends.endpoint.keys import Key, all_writings, find_key, hide, is_secret_name, secrets_of

KEY = "sk-very-secret-0123"


@pytest.fixture
def keyring(monkeypatch: pytest.MonkeyPatch) -> dict[tuple[str, str], object]:
    """A keyring that holds what is put into this."""
    held: dict[tuple[str, str], object] = {}
    made, errors = types.ModuleType("keyring"), types.ModuleType("keyring.errors")

    class KeyringError(Exception):
        pass

    class NoKeyringError(KeyringError):
        pass

    def get_password(service: str, name: str) -> object:
        found = held.get((service, name))
        if isinstance(found, str) and found.startswith("raise "):
            raise {"none": NoKeyringError, "locked": KeyringError}[found[6:]](KEY)
        return found

    errors.KeyringError, errors.NoKeyringError = KeyringError, NoKeyringError  # type: ignore[attr-defined]
    made.get_password, made.errors = get_password, errors  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "keyring", made)
    monkeypatch.setitem(sys.modules, "keyring.errors", errors)
    for name in ("FIRST_KEY", "SECOND_KEY"):
        monkeypatch.delenv(name, raising=False)
    return held


def test_the_environment_comes_before_the_keyring(
    keyring: dict[tuple[str, str], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    keyring["thinkcurve", "FIRST_KEY"] = "from-the-keyring"
    assert find_key("FIRST_KEY").value == "from-the-keyring"
    monkeypatch.setenv("SECOND_KEY", f" {KEY}\n")
    found = find_key("FIRST_KEY", "SECOND_KEY")
    assert (found.value, found.variable) == (KEY, "SECOND_KEY")


def test_a_missing_key_says_how_to_set_one(keyring: dict[tuple[str, str], object]) -> None:
    with pytest.raises(UsageError) as caught:
        find_key("FIRST_KEY", "SECOND_KEY", remedy="get one at https://example.com")
    assert str(caught.value) == (
        "no key: set FIRST_KEY (or SECOND_KEY), or keep it in the keyring: keyring set thinkcurve FIRST_KEY; "
        "get one at https://example.com"
    )
    assert not find_key("FIRST_KEY", required=False)


def test_a_keyring_that_is_not_there_is_none_and_one_that_fails_says_so(
    keyring: dict[tuple[str, str], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    keyring["thinkcurve", "FIRST_KEY"] = "raise none"
    assert not find_key("FIRST_KEY", required=False)
    keyring["thinkcurve", "FIRST_KEY"] = "raise locked"
    with pytest.raises(UsageError, match="set FIRST_KEY instead") as caught:
        find_key("FIRST_KEY")
    assert KEY not in str(caught.value)
    monkeypatch.setitem(sys.modules, "keyring", None)
    assert not find_key("FIRST_KEY", required=False)


@pytest.mark.parametrize("end", ["\nim123", "\r\nX: 1", " 2", "é", "\x7f", "\ud800"])
def test_what_can_be_no_key_is_refused_and_not_shown(end: str) -> None:
    with pytest.raises(UsageError, match="the key in A_KEY holds") as caught:
        Key(KEY + end, "A_KEY")
    assert KEY[:8] not in str(caught.value)


@pytest.mark.parametrize("show", [repr, str, "{}".format, "%s".__mod__])
def test_a_key_shows_itself_to_nobody(show: Callable[[object], str]) -> None:
    assert KEY not in show(Key(KEY, "A_KEY"))
    assert not hasattr(Key(KEY), "__dict__")


@pytest.mark.parametrize(
    ("name", "is_secret"),
    [
        ("Authorization", True),
        ("x-api-key", True),
        ("x-goog-api-key", True),
        ("api-key", True),
        ("Cookie", True),
        ("x-amz-security-token", True),
        ("idempotency-key", False),
        ("content-type", False),
        ("anthropic-version", False),
        ("user-agent", False),
        ("X-Api", True),
        ("x-session-id", True),
        ("x-goog-api-client", False),
    ],
)
def test_headers_that_may_be_secret_are_known_by_their_names(name: str, is_secret: bool) -> None:
    assert is_secret_name(name) == is_secret


def test_every_writing_of_a_secret_is_hidden() -> None:
    secrets = secrets_of({"authorization": 'Bearer a/b+c"d', "x-api-key": "other-1", "accept": "json"})
    for text in ('a/b+c"d', "a%2Fb%2Bc%22d", 'a/b+c\\"d', 'a\\/b+c\\"d', "other-1"):
        assert hide(f"<{text}>", secrets) == "<***>"
    assert all_writings(["", "short"]) == ()
