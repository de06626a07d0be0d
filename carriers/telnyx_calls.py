"""Telnyx's webhooks: signed with the portal's key, and about a SIM where they name one.

https://developers.telnyx.com/development/api-fundamentals/webhooks/receiving-webhooks - which events SIMs have is not
among the published descriptions, so a SIM is recognised by its ICCID or by Telnyx's id of it, wherever the payload
names one: a callback is a hint, and a look at the wrong SIM costs a read.
"""

import json

from carriers.callbacks import check_ed25519, ed25519_key
from carriers.contract import Callback, CarrierAccount, Heard
from carriers.telnyx_words import REFERENCE, iccid_in
from carriers.words import fields_of

PUBLIC_KEY = "webhook_public_key"
SIGNATURE_HEADER, TIMESTAMP_HEADER = "telnyx-signature-ed25519", "telnyx-timestamp"


def public_key_of(account: CarrierAccount) -> str | None:
    """The key that webhooks are signed with (option `webhook_public_key`); None where none are expected.

    Raises `CarrierError` for a key that is none.
    """
    key = account.options.get(PUBLIC_KEY)
    if key is not None:
        ed25519_key(key)
    return key


def heard(callback: Callback, public_key: str) -> Heard | None:
    """The SIM that this webhook names; None for one that names none. Raises `Forged` for a wrong or old signature."""
    check_ed25519(callback, public_key, signature_header=SIGNATURE_HEADER, timestamp_header=TIMESTAMP_HEADER)
    try:
        document = json.loads(callback.body)
    except ValueError:
        return None
    payload = fields_of(fields_of(fields_of(document).get("data")).get("payload"))
    iccid = iccid_in(payload)
    if iccid.isdecimal() and 18 <= len(iccid) <= 20:
        return Heard(iccid)
    named = (str(payload.get(name)) for name in ("sim_card_id", "id"))
    reference = next((one for one in named if REFERENCE.fullmatch(one)), None)
    return Heard(carrier_reference=reference) if reference else None
