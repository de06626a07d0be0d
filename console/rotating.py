"""`rotate-key`: from an older SIMLINE_KEY to a newer one while the workers go on."""

from typing import TYPE_CHECKING

from console.commands import FINE, NEEDS_YOU
from console.door import AtDoor, CannotDo
from console.following import Follower
from console.planning import AsJson
from console.screen import Screen
from reports.verdict import Tone, counted

if TYPE_CHECKING:
    from storage.sealing import Resealing


def rotate_key(*, as_json: AsJson = False, door: AtDoor) -> int:
    """Seal stored registration codes with a newer key.

    SIMLINE_KEY holds the new key, a comma, and the old one: the first seals, all of them open. Workers that have both
    may go on meanwhile. Safe to repeat and to stop; the exit status is 1 while codes are left that need an older key.
    """
    from dataclasses import asdict

    from storage.sealing import reseal
    from storage.vault import Vault

    key, follower = door.settings().key, Follower(door.screen)

    def watch(stage: str, done: int, total: int) -> None:
        if not as_json:
            follower.show(stage, done, total, "codes")

    if key is None:
        raise CannotDo("SIMLINE_KEY is not set. Set it to the new key, a comma, and the old one.")
    vault = Vault(key.get_secret_value())
    with door.ledger() as database, follower.drawn():
        found = reseal(database, vault, watch)
    if as_json:
        door.screen.json(asdict(found))
    else:
        _say(door.screen, found)
    return NEEDS_YOU if found.older or found.unreadable else FINE


def _say(screen: Screen, found: "Resealing") -> None:
    """What was done, and what is left to do."""
    if not found.codes:
        screen.say("No registration code is stored: the older key is not needed.", Tone.QUIET)
        return
    screen.say(f"{counted(found.resealed, 'registration code')} sealed anew with the first key.", Tone.GOOD)
    if found.unreadable:
        named = ", ".join(found.unreadable_iccids) + (
            ", ..." if found.unreadable > len(found.unreadable_iccids) else ""
        )
        opens = "opens" if found.unreadable == 1 else "open"
        screen.say(
            f"{counted(found.unreadable, 'code')} {opens} with no key of SIMLINE_KEY: {named}. Add the key that sealed "
            "them, or drop their rows again with their codes.",
            Tone.ATTENTION,
        )
    if found.older:
        screen.say(
            f"{counted(found.older, 'code')} still under an older key: a worker still seals with it. Give every worker "
            "the new SIMLINE_KEY, then run this again.",
            Tone.ATTENTION,
        )
    if not (found.older or found.unreadable):
        screen.say(f"All {found.codes:,} stored codes open with the first key alone.", Tone.GOOD)
