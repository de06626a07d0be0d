"""What every adapter does with a carrier's words and documents before it understands them."""

import logging
from collections.abc import Mapping

from domain.lifecycle import SimState

log = logging.getLogger("simline.carriers")


def known_state(state: SimState | None, carrier: str, word: str, iccid: str) -> SimState:
    """The state that the adapter's table has for this word; `UNKNOWN`, and a line in the log, where it has none."""
    if state is None:
        log.warning("%s says %r of ICCID %s, a word that we do not know", carrier, word, iccid)
        return SimState.UNKNOWN
    return state


def fields_of(document: object) -> Mapping[str, object]:
    """The fields of a JSON object; none where it is something else.

    >>> fields_of({"sid": "HS1"}), fields_of(["sid"]), fields_of(None)
    ({'sid': 'HS1'}, {}, {})
    """
    return document if isinstance(document, dict) else {}
