"""Control totals: what the sender says the file holds. If it disagrees, nothing of the file is used.

Two places, either or both:

* a trailer, the last line of the file: `# total=COUNT`, and after it `sha256=HEX` (or the same as `sum=HEX`), the
  SHA-256 of all bytes before that line;
* a sidecar beside the file: `NAME.sha256` as sha256sum writes it, or `NAME.totals.json` with `count`, `sha256` or both,
  `{"count": 500, "sha256": "9f86..."}`. Its SHA-256 is of the whole file as delivered.

COUNT is the number of lines that try to give an ICCID, good or bad: accepted, rejected, duplicate and known ones, and
not the header, comments, blank lines, the trailer itself, or lines without a number.
"""

import json
import re
from dataclasses import dataclass

from domain.lines import LineCounts
from domain.manifests import ManifestRefused

REASON = "control_total"
SIDECARS = (".sha256", ".totals.json")

_SHA256 = re.compile(r"[0-9a-f]{64}")
_TRAILER_START = re.compile(r"#\s*total\s*=", re.IGNORECASE)
_TRAILER = re.compile(r"#\s*total\s*=\s*([0-9]{1,12})(?:\s+(?:sum|sha256)\s*=\s*([0-9a-f]{64}))?", re.IGNORECASE)
_PADDING = " \t\r\n,;\"'\ufeff"  # a spreadsheet pads a trailer with empty cells


@dataclass(frozen=True, slots=True)
class ControlTotal:
    """What the sender promised; None: not said. `sha256` is in small letters."""

    count: int | None = None
    sha256: str | None = None


def parse_trailer(text: str) -> ControlTotal | None:
    """The control total of a trailer line; None for any other line. Raises `ManifestRefused` when it is garbled.

    >>> parse_trailer("# total=500")
    ControlTotal(count=500, sha256=None)
    >>> parse_trailer("# batch 12") is None
    True
    """
    line = text.strip(_PADDING)
    if not _TRAILER_START.match(line):
        return None
    found = _TRAILER.fullmatch(line)
    if not found:
        raise _refused(f"The control total {line[:100]!r} cannot be read. Write it as # total=COUNT sha256=HEX.")
    return ControlTotal(int(found[1]), found[2].lower() if found[2] else None)


def parse_sidecar(name: str, content: bytes) -> ControlTotal:
    """The control total in a sidecar called `name`. Raises `ManifestRefused` when it is garbled or of another file."""
    try:
        text = content.decode("utf-8-sig").strip()
    except UnicodeDecodeError:
        raise _refused(f"The sidecar {name} is not UTF-8 text. Write it again.") from None
    return _parse_json(name, text) if name.endswith(".totals.json") else _parse_sha256sum(name, text)


def attempted(counts: LineCounts) -> int:
    """What COUNT means: the lines of a manifest that try to give an ICCID."""
    return counts.accepted + counts.rejected + counts.duplicate + counts.known


def disagreement(total: ControlTotal, counted: int, sha256: str) -> str | None:
    """How the file differs from what was promised, as a sentence; None when it agrees.

    `sha256` is of the bytes that the total speaks of: a trailer's of those before it, a sidecar's of the whole file.
    """
    faults = []
    if total.count is not None and total.count != counted:
        said, gives = "SIM" if total.count == 1 else "SIMs", "line gives" if counted == 1 else "lines give"
        faults.append(f"its control total says {total.count:,} {said}, and {counted:,} {gives} one")
    if total.sha256 is not None and total.sha256 != sha256.lower():
        faults.append(
            f"its bytes are not those of the control total (SHA-256 {total.sha256[:12]}..., now {sha256[:12]}...)"
        )
    return f"Nothing of the file was used: {'; '.join(faults)}. Ask for it to be sent again." if faults else None


def _parse_sha256sum(name: str, text: str) -> ControlTotal:
    """One line: the hash, and mostly the file's name after a blank and a blank or asterisk."""
    digest, _, rest = text.removeprefix("\\").partition(" ")
    if not _SHA256.fullmatch(digest.lower()) or "\n" in rest:
        raise _refused(f"The sidecar {name} is not one line of sha256sum. Write it again.")
    summed = rest.lstrip(" *").replace("\\", "/").rpartition("/")[2]
    manifest = name.replace("\\", "/").rpartition("/")[2].removesuffix(".sha256")
    if summed and summed != manifest:
        raise _refused(f"The sidecar {name} holds the sum of {summed[:100]!r}. Write the sum of {manifest!r} into it.")
    return ControlTotal(sha256=digest.lower())


def _parse_json(name: str, text: str) -> ControlTotal:
    try:
        said = json.loads(text)
    except (ValueError, RecursionError):
        raise _refused(f"The sidecar {name} is not JSON. Write it again.") from None
    if not isinstance(said, dict) or not said or not said.keys() <= {"count", "sha256"}:
        raise _refused(f"The sidecar {name} must be an object with count, sha256 or both, and nothing else.")
    count, digest = said.get("count"), said.get("sha256")
    if "count" in said and (not isinstance(count, int) or isinstance(count, bool) or count < 0):
        raise _refused(f"The count in the sidecar {name} must be a number without a sign.")
    if "sha256" in said and not (isinstance(digest, str) and _SHA256.fullmatch(digest.lower())):
        raise _refused(f"The sha256 in the sidecar {name} must be 64 hex digits.")
    return ControlTotal(count, digest.lower() if digest else None)


def _refused(sentence: str) -> ManifestRefused:
    return ManifestRefused(sentence, reason=REASON)
