"""What can become of a line of a manifest. Every line gets exactly one verdict; the counts add up by construction."""

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple


class Verdict(StrEnum):
    """The five ends of a line; `lines = ignored + accepted + rejected + duplicate + known`."""

    IGNORED = "ignored"
    ACCEPTED = "accepted"
    REJECTED = "rejected"
    DUPLICATE = "duplicate"  # a second spelling or copy of an earlier line of the same file
    KNOWN = "known"  # already ours, in the same product


class Reason(StrEnum):
    """Why a line was not simply accepted. The value is stored; `SENTENCES` is what people read."""

    # ignored
    BLANK = "blank"
    COMMENT = "comment"
    HEADER = "header"
    TRAILER = "trailer"
    NO_ICCID = "no_iccid"
    # the number
    NOT_DIGITS = "not_digits"
    WRONG_LENGTH = "wrong_length"
    WRONG_START = "wrong_start"
    WRONG_CHECK_DIGIT = "wrong_check_digit"
    EID = "eid"
    IMEI = "imei"
    IMSI = "imsi"
    TEST_ICCID = "test_iccid"
    SPREADSHEET_DAMAGE = "spreadsheet_damage"
    # the row
    LINE_TOO_LONG = "line_too_long"
    UNREADABLE_ROW = "unreadable_row"
    UNKNOWN_DEVICE = "unknown_device"
    DEVICE_WITHOUT_SIM = "device_without_sim"
    PRODUCT_MISSING = "product_missing"
    UNKNOWN_PRODUCT = "unknown_product"
    COUNTRY_MISSING = "country_missing"
    UNKNOWN_COUNTRY = "unknown_country"
    NO_PLAN = "no_plan"
    NO_CARRIER = "no_carrier"
    UNKNOWN_CARRIER_ACCOUNT = "unknown_carrier_account"
    REGISTRATION_CODE_MISSING = "registration_code_missing"
    OTHER_PRODUCT = "other_product"
    # duplicate, known
    DUPLICATE_IN_FILE = "duplicate_in_file"
    ALREADY_KNOWN = "already_known"
    CODE_CORRECTED = "code_corrected"
    # an action on a SIM
    NOTHING_TO_DO = "nothing_to_do"
    LEFT_ALONE = "left_alone"


SENTENCES: dict[Reason, str] = {
    Reason.BLANK: "The line is empty.",
    Reason.COMMENT: "The line is a comment.",
    Reason.HEADER: "The line is the header.",
    Reason.TRAILER: "The line is the control total.",
    Reason.NO_ICCID: "The line holds no ICCID.",
    Reason.NOT_DIGITS: "The ICCID holds something other than digits. Correct it from the card.",
    Reason.WRONG_LENGTH: "The ICCID does not have its issuer's number of digits (19 or 20). Correct it from the card.",
    Reason.WRONG_START: "An ICCID starts with 89. Correct it from the card.",
    Reason.WRONG_CHECK_DIGIT: "The last digit does not fit the others: a digit is mistyped. Correct it from the card.",
    Reason.EID: "This is an EID (32 digits, names the eUICC), not an ICCID.",
    Reason.IMEI: "This is an IMEI (15 digits, names the device), not an ICCID.",
    Reason.IMSI: "This is an IMSI (15 digits, names the subscription), not an ICCID.",
    Reason.TEST_ICCID: "This is the GSMA's test ICCID; no carrier has it.",
    Reason.SPREADSHEET_DAMAGE: "A spreadsheet turned the ICCID into a rounded number. Export the column as text.",
    Reason.LINE_TOO_LONG: "The line is longer than 4 KiB; nothing of it was read.",
    Reason.UNREADABLE_ROW: "The row cannot be read (an unclosed quote, a NUL or a spreadsheet's error in it).",
    Reason.UNKNOWN_DEVICE: "No device of this ID is in the inventory. Import the inventory, then drop the line again.",
    Reason.DEVICE_WITHOUT_SIM: "This device has no built-in SIM in the inventory. Give the ICCID instead.",
    Reason.PRODUCT_MISSING: "Neither the row, the drop's route nor the command line names a product.",
    Reason.UNKNOWN_PRODUCT: "There is no product of this name.",
    Reason.COUNTRY_MISSING: "Neither the row, the drop's route nor the command line names a home country.",
    Reason.UNKNOWN_COUNTRY: "The home country is not an ISO 3166-1 alpha-2 code.",
    Reason.NO_PLAN: "No plan of this carrier covers the home country.",
    Reason.NO_CARRIER: "No carrier account has SIMs of this issuer, and neither the row nor the drop names one.",
    Reason.UNKNOWN_CARRIER_ACCOUNT: "There is no carrier account of this name.",
    Reason.REGISTRATION_CODE_MISSING: "This carrier claims a SIM only with a registration code, and the row has none.",
    Reason.OTHER_PRODUCT: "The SIM already belongs to another product.",
    Reason.DUPLICATE_IN_FILE: "The same SIM stands on an earlier line of this file.",
    Reason.ALREADY_KNOWN: "The SIM already belongs to this product.",
    Reason.CODE_CORRECTED: "Known; its registration code was replaced and it is tried again.",
    Reason.NOTHING_TO_DO: "The SIM is so already, or an operation under way brings it there.",
    Reason.LEFT_ALONE: "The action left the SIM alone.",
}


class LineOutcome(NamedTuple):
    """What became of one line that was not simply accepted, or of a run of equal blank lines.

    A tuple, because a manifest that is known already has a million of them.

    `text` is what may be kept of the line (`domain.kept_text`: its ICCID-like part, or the word that fits no product,
    country or account); `detail` completes the sentence (the nearest plans, the other product, the earlier line).
    """

    line: int
    verdict: Verdict
    reason: Reason
    text: str = ""
    iccid: str | None = None
    detail: str = ""
    through_line: int | None = None

    @property
    def line_count(self) -> int:
        """How many lines of the file this outcome stands for."""
        return (self.through_line or self.line) - self.line + 1


@dataclass(frozen=True, slots=True)
class LineCounts:
    """How many lines of a manifest met which end."""

    lines: int = 0
    ignored: int = 0
    accepted: int = 0
    rejected: int = 0
    duplicate: int = 0
    known: int = 0

    def adds_up(self) -> bool:
        """Invariant 2 of the promise, first half."""
        return self.lines == self.ignored + self.accepted + self.rejected + self.duplicate + self.known


def given_on(text: str, iccid: str | None) -> str:
    """What stands on a line, as people find it again: its SIM, and what was wrong with it.

    >>> given_on("tracker / DE / -", "89883070000000000004"), given_on("8988", None)
    ('89883070000000000004: tracker / DE / -', '8988')
    """
    return text if not iccid or iccid in text else f"{iccid}: {text}" if text else iccid
