"""Registration codes at rest: encrypted with a key from the environment, opened only where a request needs them."""

import re

from cryptography.fernet import Fernet, InvalidToken, MultiFernet


class VaultLocked(Exception):
    """A registration code must be stored or opened and the key is missing or wrong. The sentence says what to do."""


class CodeUnreadable(VaultLocked):
    """This one code opens with none of the keys; others may. Sealed with a key that is not there, or damaged."""


class Vault:
    """Seals registration codes with the first of its keys and opens them with any; without a key it refuses instead.

    `keys` are Fernet keys with commas or blanks between them, the newest first.
    """

    def __init__(self, keys: str | None) -> None:
        try:
            self._keys = [Fernet(key.encode()) for key in re.split(r"[\s,]+", keys or "") if key]
        except ValueError as error:
            raise VaultLocked("SIMLINE_KEY is not a Fernet key. Make one with `simline init --key`.") from error

    @property
    def key_count(self) -> int:
        """How many keys can open."""
        return len(self._keys)

    def seal(self, code: str) -> bytes:
        """The code, encrypted with the first key. Raises `VaultLocked` without a key."""
        return self._open_vault().encrypt(code.encode())

    def reveal(self, sealed: bytes) -> str:
        """The code in plain text, for one request. Raises `VaultLocked` without a key, and `CodeUnreadable`."""
        try:
            return self._open_vault().decrypt(sealed).decode()
        except InvalidToken as error:
            raise CodeUnreadable(
                "A stored registration code was sealed with another key. Add the key of its import to SIMLINE_KEY, "
                "behind the present one and a comma."
            ) from error

    def is_current(self, sealed: bytes) -> bool:
        """Whether the first key sealed it. Raises `VaultLocked` without a key."""
        self._open_vault()
        try:
            self._keys[0].decrypt(sealed)
        except InvalidToken:
            return False
        return True

    def opens(self, sealed: bytes) -> bool:
        """Whether any of the keys opens it. Raises `VaultLocked` without a key."""
        try:
            self.reveal(sealed)
        except CodeUnreadable:
            return False
        return True

    def _open_vault(self) -> MultiFernet:
        if not self._keys:
            raise VaultLocked(
                "The manifest holds registration codes and SIMLINE_KEY is not set. "
                "Make a key with `simline init --key`, put it into the environment, and run again."
            )
        return MultiFernet(self._keys)

    def __repr__(self) -> str:
        return f"Vault(unlocked={bool(self._keys)})"
