"""A registration code that the carrier refused is corrected by dropping the row again with the right one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from storage import manifests
from storage.correcting import RefusedClaim, claim_again, refused_claims
from storage.database import Transaction
from storage.loading import LoadBlock
from storage.vault import Vault, VaultLocked


@dataclass
class Corrector:
    """Takes new codes for known SIMs. Only one whose claim was refused with another code is asked for again."""

    vault: Vault
    manifest_id: str  # whose lines bring the new codes
    actor: str
    _reopened: set[str] = field(default_factory=set)

    def correct(self, tx: Transaction, block: LoadBlock, known: Sequence[str]) -> set[str]:
        """Which of the block's known SIMs have a new code now, and their claim planned again."""
        if not known or block.registration_codes is None:
            return set()
        wanted = set(known)
        pairs = zip(block.iccids, block.registration_codes, strict=True)
        codes = {iccid: code for iccid, code in pairs if code and iccid in wanted}
        refused = [one for one in refused_claims(tx, list(codes)) if self._is_another(one, codes)]
        detail = f"Manifest {self.manifest_id} brought another registration code."
        claim_again(tx, refused, codes, detail=detail, actor=self.actor)
        self._reopened.update(one.manifest_id for one in refused)
        return {one.iccid for one in refused}

    def reopen(self, tx: Transaction) -> None:
        """The manifests of those SIMs go on. Once, after the last block: their rows are locked only for a moment."""
        if self._reopened:
            manifests.reopen(tx, self._reopened)

    def _is_another(self, refused: RefusedClaim, codes: Mapping[str, bytes]) -> bool:
        """The same file under another name must not ask for the same again. A code that nobody can open is replaced."""
        try:
            before = self.vault.reveal(refused.sealed_code) if refused.sealed_code else None
        except VaultLocked:
            return True
        return before != self.vault.reveal(codes[refused.iccid])
