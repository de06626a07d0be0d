"""What a simulated Telnyx sends to the address in its portal: one signed webhook when a SIM's action has ended.

Which events SIMs have, and what they hold, is not among the published descriptions, so nobody should rely on more of
this payload than that it names the SIM by Telnyx's id. The way of signing is published:
https://developers.telnyx.com/development/api-fundamentals/webhooks/receiving-webhooks
"""

import base64
import hashlib
import json

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from carriers.simulated.callbacks import Call


def _key(whose: str) -> Ed25519PrivateKey:
    """The same in every run: it is no secret."""
    return Ed25519PrivateKey.from_private_bytes(hashlib.sha256(whose.encode()).digest())


PUBLIC_KEY = base64.b64encode(_key("the simulated Telnyx").public_key().public_bytes_raw()).decode()
"""What the portal shows."""


def webhook(url: str, sim_id: str, happened: str, at: float) -> tuple[Call, Call]:
    """The call and a forgery of it, signed for the moment when it is due (epoch seconds)."""
    payload = {"record_type": "sim_card_action", "sim_card_id": sim_id, "action_type": happened}
    body = json.dumps({"data": {"event_type": "sim_card_action.updated", "payload": payload}}).encode()
    timestamp = f"{at:.0f}"
    genuine, forged = (
        Call(
            url,
            body,
            {
                "Content-Type": "application/json",
                "telnyx-timestamp": timestamp,
                "telnyx-signature-ed25519": _signature(_key(whose), timestamp, body),
            },
        )
        for whose in ("the simulated Telnyx", "somebody else")
    )
    return genuine, forged


def _signature(key: Ed25519PrivateKey, timestamp: str, body: bytes) -> str:
    return base64.b64encode(key.sign(f"{timestamp}|".encode() + body)).decode()
