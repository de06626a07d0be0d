"""What a manifest is: its identity, its states, its columns."""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class ManifestState(StrEnum):
    """How far a manifest has come. Nothing is sent before LOADED."""

    RECEIVED = "received"  # claimed; being read
    NEEDS_APPROVAL = "needs_approval"  # far beyond the usual; a person must say yes
    REFUSED = "refused"  # structure, limits or control totals: nothing of it is used
    QUARANTINED = "quarantined"  # its header shows key material: it was not read
    LOADED = "loaded"  # every line has its verdict, every accepted SIM its planned operation
    FINISHED = "finished"  # every operation has ended


ACTIONS = "actions"
"""The source of a person's action on SIMs: it is taken in, halted and told of like a manifest, and has no file."""


class Halt(StrEnum):
    """A person's word over a manifest: nothing new of it is sent. What was sent is settled all the same."""

    PAUSED = "paused"  # until somebody lets it go on
    CANCELLED = "cancelled"  # what was not sent is withdrawn; only a re-run takes that back


class HaltWord(StrEnum):
    """What a person said over a manifest in mid-run. Each is kept for good, with who said it and why."""

    PAUSE = "pause"
    RESUME = "resume"  # takes a pause back, or, by a re-run, a cancelling
    CANCEL = "cancel"


@dataclass(frozen=True, slots=True)
class HaltNote:
    """One such word, when it was said (UTC), by whom and why."""

    at: datetime
    word: HaltWord
    by: str
    reason: str


@dataclass(frozen=True, slots=True)
class ItemIdentity:
    """A delivery: the same item is never read twice. Content under another name is a new delivery of known SIMs."""

    source: str
    key: str
    version: str

    @property
    def manifest_id(self) -> str:
        """A short, stable name derived from the identity: `m-` and 12 hex digits."""
        digest = hashlib.sha256("\x1f".join((self.source, self.key, self.version)).encode()).hexdigest()
        return f"m-{digest[:12]}"


class ManifestColumn(StrEnum):
    """The columns that we read. Everything else in a file is carried along unread."""

    ICCID = "iccid"
    DEVICE_ID = "device_id"
    DEVICE_NAME = "device_name"
    PRODUCT = "product"
    HOME_COUNTRY = "home_country"
    CARRIER_ACCOUNT = "carrier_account"
    REGISTRATION_CODE = "registration_code"
    NOTE = "note"


class ManifestRefused(Exception):
    """Nothing of the file is used. The sentence says what to do; `quarantine` when its header shows key material."""

    def __init__(self, sentence: str, *, reason: str, quarantine: bool = False) -> None:
        super().__init__(sentence)
        self.reason = reason
        self.quarantine = quarantine
