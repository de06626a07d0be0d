import pytest
from cryptography.fernet import Fernet

from storage.vault import CodeUnreadable, Vault, VaultLocked

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


@pytest.mark.parametrize("between", [",", " ", ", ", "\n"])
def test_the_first_of_several_keys_seals_and_all_of_them_open(between: str) -> None:
    new, old = (Fernet.generate_key().decode() for _ in range(2))
    both = Vault(f"{new}{between}{old}")
    assert Vault(new).reveal(both.seal(CODE)) == CODE
    assert both.reveal(Vault(old).seal(CODE)) == CODE
    assert both.is_current(both.seal(CODE))
    assert not both.is_current(Vault(old).seal(CODE))
    assert both.key_count == 2


def test_one_code_that_cannot_be_opened_is_told_apart_from_a_locked_vault() -> None:
    vault = Vault(Fernet.generate_key().decode())
    with pytest.raises(CodeUnreadable):
        vault.reveal(b"damaged")
    assert not vault.opens(b"damaged")
    with pytest.raises(VaultLocked) as told:
        Vault(None).reveal(b"damaged")
    assert not isinstance(told.value, CodeUnreadable)


def test_one_bad_word_among_the_keys_is_refused_without_repeating_any() -> None:
    key = Fernet.generate_key().decode()
    with pytest.raises(VaultLocked) as told:
        Vault(f"{key},hunter2-marker")
    assert key not in str(told.value)
    assert "hunter2" not in str(told.value)
