import pytest
from cryptography.fernet import Fernet

from storage.vault import Vault, VaultLocked

CODE = "ABC-MARKER-123"


def test_a_sealed_code_opens_with_its_key() -> None:
    key = Fernet.generate_key().decode()
    assert Vault(key).reveal(Vault(key).seal(CODE)) == CODE


def test_a_sealed_code_does_not_show_itself() -> None:
    vault = Vault(Fernet.generate_key().decode())
    assert CODE.encode() not in vault.seal(CODE)
    assert vault.seal(CODE) != vault.seal(CODE)


def test_without_a_key_nothing_is_stored_in_plain_text() -> None:
    for empty in (None, ""):
        with pytest.raises(VaultLocked, match="SIMLINE_KEY is not set") as told:
            Vault(empty).seal(CODE)
        assert CODE not in str(told.value)


def test_another_key_opens_nothing_and_the_error_shows_neither_code_nor_key() -> None:
    key = Fernet.generate_key().decode()
    sealed = Vault(Fernet.generate_key().decode()).seal(CODE)
    for broken in (sealed, b"", b"plain"):
        with pytest.raises(VaultLocked, match="another key") as told:
            Vault(key).reveal(broken)
        assert key not in str(told.value)


def test_a_word_that_is_no_key_is_refused_without_repeating_it() -> None:
    with pytest.raises(VaultLocked, match="not a Fernet key") as told:
        Vault("hunter2-marker")
    assert "hunter2" not in str(told.value)


def test_a_vault_never_prints_its_key() -> None:
    key = Fernet.generate_key().decode()
    assert key not in repr(Vault(key))
    assert repr(Vault(None)) == "Vault(unlocked=False)"
