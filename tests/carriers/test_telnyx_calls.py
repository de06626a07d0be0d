"""Telnyx's webhooks: whom they name, and that nobody else can sign one."""

import base64
import json
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from carriers.contract import Callback, Calling, CarrierAccount, Heard
from carriers.errors import CarrierError, Forged
from carriers.registry import open_carrier

KEY = Ed25519PrivateKey.from_private_bytes(b"k" * 32)
PUBLIC_KEY = base64.b64encode(KEY.public_key().public_bytes_raw()).decode()
NOW = 1_800_000_000.0
SIM = "6a09cdc3-8948-47f0-aa62-74ac943d6c58"
ICCID = "89310410106543789301"


def account(**options: str) -> CarrierAccount:
    return CarrierAccount("test", "telnyx", "http://127.0.0.1:9", options, {"api_key": "KEY"})


def webhook(payload: object, *, signer: Ed25519PrivateKey = KEY, at: float = NOW) -> Callback:
    body = json.dumps({"data": {"event_type": "sim_card.updated", "payload": payload}}).encode()
    signature = base64.b64encode(signer.sign(f"{at:.0f}|".encode() + body)).decode()
    headers = {"telnyx-signature-ed25519": signature, "telnyx-timestamp": f"{at:.0f}"}
    return Callback(headers=headers, body=body, received_at=NOW)


def heard(callback: Callback) -> Heard | None:
    carrier = open_carrier(account(webhook_public_key=PUBLIC_KEY))
    assert isinstance(carrier, Calling)
    assert carrier.capabilities.calls_back
    return carrier.heard(callback)


@pytest.mark.parametrize(
    ("payload", "named"),
    [
        ({"iccid": ICCID, "id": SIM}, Heard(ICCID)),
        ({"id": SIM}, Heard(carrier_reference=SIM)),
        ({"id": "7f0e", "sim_card_id": SIM}, Heard(carrier_reference=SIM)),
        ({"iccid": "all"}, None),
        ({}, None),
        ([], None),
    ],
)
def test_a_webhook_names_a_sim_by_its_iccid_or_by_telnyxs_id(payload: object, named: Heard | None) -> None:
    assert heard(webhook(payload)) == named


def test_a_webhook_that_somebody_else_signed_is_forged() -> None:
    with pytest.raises(Forged):
        heard(webhook({"id": SIM}, signer=Ed25519PrivateKey.from_private_bytes(b"x" * 32)))


def test_a_webhook_whose_body_was_changed_is_forged() -> None:
    with pytest.raises(Forged):
        heard(replace(webhook({"id": SIM}), body=b"{}"))


def test_a_webhook_that_was_kept_and_sent_again_later_is_forged() -> None:
    with pytest.raises(Forged, match="too long ago"):
        heard(webhook({"id": SIM}, at=NOW - 3600))


def test_without_the_portals_key_telnyx_is_not_listened_to() -> None:
    carrier = open_carrier(account())
    assert not carrier.capabilities.calls_back
    assert isinstance(carrier, Calling)
    assert carrier.heard(webhook({"id": SIM})) is None


def test_a_key_that_is_none_is_refused_when_the_account_opens() -> None:
    with pytest.raises(CarrierError, match="public key"):
        open_carrier(account(webhook_public_key="abc"))
