"""What names mean in every source: what is still being written, what lies beside a manifest, what is too long."""

import hashlib
import re

UNFINISHED_ENDINGS = (".part", ".filepart", ".tmp", ".crdownload")
SIDECAR_ENDINGS = (".totals.json", ".sha256")  # the first that is there is the one that counts
DONE_ENDING = ".done"
SIDECAR_BYTES = 64 * 1024
NAME_BYTES = 255


def may_be_a_manifest(name: str) -> bool:
    """Whether the last part of a key names a delivery: no dotfile, office lock, unfinished transfer, sidecar or marker.

    >>> [may_be_a_manifest(name) for name in ("a.txt", "a.txt.part", "~$a.xlsx", ".a.txt", "a.txt.sha256", "")]
    [True, False, False, False, False, False]
    """
    endings = (*UNFINISHED_ENDINGS, *SIDECAR_ENDINGS, DONE_ENDING)
    return bool(name) and not name.startswith((".", "~$")) and not name.lower().endswith(endings)


def fitted(name: str, suffix: str, limit_bytes: int = NAME_BYTES) -> str:
    """`name + suffix`, within the limit in UTF-8: a name that is too long ends in `~` and 8 digits of its hash.

    >>> fitted("a.txt", ".receipt.json"), len(fitted("n" * 255, ".receipt.json").encode())
    ('a.txt.receipt.json', 255)
    """
    spelled = name.encode("utf-8", "surrogateescape")
    room = limit_bytes - len(suffix.encode())
    if len(spelled) <= room:
        return name + suffix
    return spelled[: room - 9].decode("utf-8", "ignore") + "~" + hashlib.sha256(spelled).hexdigest()[:8] + suffix


def to_key(path: str) -> str:
    r"""A path as text that every database keeps: a byte that is no UTF-8, NUL and backslash become `\xNN`.

    >>> to_key("caf\udce9/ü.txt")
    'caf\\xe9/ü.txt'
    """
    return re.sub("[\0\\\\\udc80-\udcff]", lambda found: f"\\x{ord(found[0]) & 0xFF:02x}", path)


def to_path(key: str) -> str:
    r"""The path that `to_key` was given.

    >>> to_path(to_key("a\\b\udce9")) == "a\\b\udce9"
    True
    """
    return re.sub(r"\\x([0-9a-f]{2})", _unescaped, key)


def _unescaped(found: re.Match[str]) -> str:
    return bytes([int(found[1], 16)]).decode("utf-8", "surrogateescape")
