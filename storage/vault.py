"""Registration codes at rest: encrypted with a key from the environment, opened only where a request needs them."""

from cryptography.fernet import Fernet, InvalidToken


class VaultLocked(Exception):
    """A registration code must be stored or opened and the key is missing or wrong. The sentence says what to do."""


class Vault:
    """Seals and opens registration codes with one Fernet key; without a key it refuses instead."""

    def __init__(self, key: str | None) -> None:
        try:
            self._fernet = Fernet(key.encode()) if key else None
        except ValueError as error:
            raise VaultLocked("SIMLINE_KEY is not a Fernet key. Make one with `simline init --key`.") from error

    def seal(self, code: str) -> bytes:
        """The code, encrypted. Raises `VaultLocked` without a key."""
        return self._open_vault().encrypt(code.encode())

    def reveal(self, sealed: bytes) -> str:
        """The code in plain text, for one request. Raises `VaultLocked` when the key is missing or another one."""
        try:
            return self._open_vault().decrypt(sealed).decode()
        except InvalidToken as error:
            raise VaultLocked(
                "A stored registration code was sealed with another key. Set SIMLINE_KEY to the key of its import."
            ) from error

    def _open_vault(self) -> Fernet:
        if self._fernet is None:
            raise VaultLocked(
                "The manifest holds registration codes and SIMLINE_KEY is not set. "
                "Make a key with `simline init --key`, put it into the environment, and run again."
            )
        return self._fernet

    def __repr__(self) -> str:
        return f"Vault(unlocked={self._fernet is not None})"
